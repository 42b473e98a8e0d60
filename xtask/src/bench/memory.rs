//! Resident memory after a burst and at rest, and the time until a started operator is ready; 1,000 pods stand meanwhile.

use anyhow::Result;

use super::figures::median;
use super::stage::Guarded;
use super::table::Table;
use super::traffic::{Baseline, burst_of};
use super::usage;

const RUNS: usize = 3;

/// Each run begins with an operator that has just started.
pub(super) fn memory(guarded: &Guarded, _baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let (mut after, mut most, mut idle, mut ready) = (vec![], vec![], vec![], vec![]);
    for _ in 0..RUNS {
        guarded.restart()?;
        burst_of(stage, 100)?;
        stage.load.rest();
        after.push(usage::memory(guarded.pid()?, "VmRSS")?);
        most.push(usage::memory(guarded.pid()?, "VmHWM")?);
        ready.push(guarded.restart()?.as_secs_f64());
        stage.load.rest();
        idle.push(usage::memory(guarded.pid()?, "VmRSS")?);
        stage.load.clear(stage.namespace.name())?;
    }
    table.at_most("resident memory: idle with 1,000 pods", "MiB", 32.0, median(idle), "-");
    let what = format!("resident memory: after 1,000 pods by 100 clients (at most {:.1} MiB)", median(most));
    table.at_most(&what, "MiB", 64.0, median(after), "-");
    table.at_most("start to ready", "s", 5.0, median(ready), "-");
    Ok(())
}
