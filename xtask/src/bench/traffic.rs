//! Pods of a known image: one client, and bursts of many.

use std::time::Duration;

use anyhow::Result;

use super::figures::{median, millis};
use super::load::Run;
use super::stage::{Guarded, Stage};
use super::table::Table;

/// Each figure is the median of as many runs.
const RUNS: usize = 3;
const ONE_BY_ONE: usize = 500;
const BURST: usize = 1000;
/// How many clients make a burst.
pub(super) const CLIENTS: [usize; 2] = [20, 100];

/// The same API server without the operator.
pub(super) struct Baseline {
    /// One client.
    pub one: Figures,
    /// One client, pods with eight containers.
    pub eight: Figures,
    bursts: Vec<Figures>,
}

/// Medians over runs.
pub(super) struct Figures {
    /// In milliseconds.
    pub p50: f64,
    /// In milliseconds.
    pub p99: f64,
    /// Pods per second.
    pub throughput: f64,
}

impl Figures {
    fn of(runs: &[Run]) -> Self {
        let figure = |of: fn(&Run) -> Duration| median(runs.iter().map(|run| millis(of(run))));
        Self { p50: figure(Run::p50), p99: figure(Run::p99), throughput: median(runs.iter().map(Run::throughput)) }
    }
}

/// Measures what there is without us, after a first run that nobody counts.
pub(super) fn baseline(stage: &Stage) -> Result<Baseline> {
    burst(stage, 20)?;
    let one = one_by_one(stage, &stage.hot)?;
    let name = stage.namespace.name();
    let eight = Figures::of(&[stage.load.pods(name, &stage.cold(0, 8), 1, 200)?]);
    stage.load.clear(name)?;
    let bursts = CLIENTS.map(|clients| runs(|| burst(stage, clients)));
    let bursts = bursts.into_iter().map(|runs| Ok(Figures::of(&runs?))).collect::<Result<Vec<_>>>()?;
    println!(
        "    one client: p50 {:.2} ms, p99 {:.2} ms, {:.0} pods/s; eight containers: p50 {:.2} ms",
        one.p50, one.p99, one.throughput, eight.p50
    );
    for (clients, burst) in CLIENTS.iter().zip(&bursts) {
        println!("    {clients} clients: {:.0} pods/s, p50 {:.1} ms, p99 {:.1} ms", burst.throughput, burst.p50, burst.p99);
    }
    Ok(Baseline { one, eight, bursts })
}

/// One client after the other.
pub(super) fn hot(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let with = one_by_one(&guarded.stage, &guarded.stage.hot)?;
    let without = &baseline.one;
    table.at_most("hot, one client: p50 above the baseline", "ms", 1.5, with.p50 - without.p50, &format!("{:.2} ms", without.p50));
    table.at_most("hot, one client: p99 above the baseline", "ms", 6.0, with.p99 - without.p99, &format!("{:.2} ms", without.p99));
    Ok(())
}

/// 1,000 pods of one known image.
pub(super) fn bursts(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    for (clients, without) in CLIENTS.into_iter().zip(&baseline.bursts) {
        let before = Answers::read(&guarded.metrics()?);
        let mut cpu = Vec::new();
        let runs = runs(|| {
            let start = guarded.cpu_seconds()?;
            let run = burst_of(&guarded.stage, clients)?;
            cpu.push(guarded.cpu_seconds()? - start);
            guarded.stage.load.clear(guarded.stage.namespace.name())?;
            Ok(run)
        })?;
        let with = Figures::of(&runs);
        let title = |what: &str| format!("1,000 pods of a known image, {clients} clients: {what}");
        let share = 100.0 * with.throughput / without.throughput;
        let (ours, theirs) = (with.throughput, without.throughput);
        table.at_least(
            &title(&format!("throughput beside the baseline ({ours:.0} pods/s)")),
            "%",
            50.0,
            share,
            &format!("{theirs:.0} pods/s"),
        );
        let beside = with.p99 / without.p99;
        let what = title(&format!("p99 beside the baseline's ({:.1} ms)", with.p99));
        table.at_most(&what, "times", 2.5, beside, &format!("{:.1} ms", without.p99));
        table.at_most(&title("our CPU"), "s", 0.3, median(cpu), "-");
        if clients == 100 {
            let late = Answers::read(&guarded.metrics()?).later_than_5_ms(&before);
            table.at_most("server-side, verdict known, 100 clients: answers that took longer than 5 ms (p99 of 5 ms)", "%", 1.0, late, "-");
        }
    }
    Ok(())
}

/// The same image by digest: what is left when no tag is looked up at the registry.
pub(super) fn pinned(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    beside(&guarded.stage, &guarded.stage.pinned, baseline, "by digest", table)
}

/// Figures without goals, which explain others: one client and bursts, beside the baseline.
pub(super) fn beside(stage: &Stage, image: &str, baseline: &Baseline, how: &str, table: &mut Table) -> Result<()> {
    let (with, without) = (one_by_one(stage, image)?, &baseline.one);
    let above = format!("p50 {:.2} ms, p99 {:.2} ms above", with.p50 - without.p50, with.p99 - without.p99);
    table.note(&format!("hot {how}, one client"), &above, &format!("{:.2} ms, {:.2} ms", without.p50, without.p99));
    for (clients, without) in CLIENTS.into_iter().zip(&baseline.bursts) {
        let runs = runs(|| {
            let run = stage.load.pods(stage.namespace.name(), &[image.to_owned()], clients, BURST)?;
            stage.load.clear(stage.namespace.name())?;
            Ok(run)
        })?;
        let with = Figures::of(&runs);
        let share = 100.0 * with.throughput / without.throughput;
        let measured = format!("{share:.1} % ({:.0} pods/s), p99 {:.2} times", with.throughput, with.p99 / without.p99);
        let what = format!("1,000 pods of a known image {how}, {clients} clients");
        table.note(&what, &measured, &format!("{:.0} pods/s, {:.1} ms", without.throughput, without.p99));
    }
    Ok(())
}

/// Counters of both webhooks together, from the operator's histogram.
struct Answers {
    all: f64,
    within_5_ms: f64,
}

impl Answers {
    fn read(metrics: &str) -> Self {
        let sum = |series: &str, label: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(series) && line.contains(label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Self { all: sum("bonafide_admission_seconds_count", ""), within_5_ms: sum("bonafide_admission_seconds_bucket", "le=\"0.005\"") }
    }

    /// In percent of what was answered since.
    fn later_than_5_ms(&self, before: &Self) -> f64 {
        let all = self.all - before.all;
        100.0 * (all - (self.within_5_ms - before.within_5_ms)) / all.max(1.0)
    }
}

fn one_by_one(stage: &Stage, image: &str) -> Result<Figures> {
    let namespace = stage.namespace.name();
    let runs = runs(|| {
        let run = stage.load.pods(namespace, &[image.to_owned()], 1, ONE_BY_ONE)?;
        stage.load.clear(namespace)?;
        Ok(run)
    })?;
    Ok(Figures::of(&runs))
}

fn burst(stage: &Stage, clients: usize) -> Result<Run> {
    let run = burst_of(stage, clients)?;
    stage.load.clear(stage.namespace.name())?;
    Ok(run)
}

/// 1,000 pods, which stay.
pub(super) fn burst_of(stage: &Stage, clients: usize) -> Result<Run> {
    stage.load.pods(stage.namespace.name(), &stage.hot(), clients, BURST)
}

fn runs(mut one: impl FnMut() -> Result<Run>) -> Result<Vec<Run>> {
    (0..RUNS).map(|_| one()).collect()
}
