//! What no event brings about: reports without pod and owner, and what was shared by pods that are gone.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Term, open_reports};

const EVERY: Duration = Duration::from_mins(1);

/// Sweeps every minute.
pub(super) async fn run(term: &Term) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        term.book().sweep(Instant::now());
        term.wake();
        open_reports::sweep(term).await;
    }
}
