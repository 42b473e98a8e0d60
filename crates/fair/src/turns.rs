//! Turns that come at a rate: each at least one interval after the last one.
//!
//! Boundary: time and order; what a turn is for is nobody's business here. Invariant: no two turns are closer than the
//! interval, whoever waits, gives up or comes meanwhile; so nothing is saved up for a burst. Who cannot have a turn before
//! his deadline is told so at once, and then takes nothing from anybody.

mod line;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::line::Line;
use crate::Party;

/// Turns at a rate, shared fairly by parties; cheap to clone, all clones are one.
pub struct Turns<P: Party>(Arc<Shared<P>>);

struct Shared<P> {
    state: Mutex<State<P>>,
    /// The interval is another one.
    changed: Notify,
}

struct State<P> {
    interval: Duration,
    last: Option<Instant>,
    line: Line<P, oneshot::Sender<()>>,
    /// Whether a task deals out turns; there is one while somebody waits.
    is_dealt: bool,
}

/// Who wants a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker<'a, P> {
    /// On whose behalf: parties have turns by turns.
    pub party: &'a P,
    /// Whether somebody waits for it. Of four turns three go to such askers, and all that nobody else wants.
    pub urgent: bool,
    /// Of one party the lowest number is first: what has begun is ended before something else begins.
    pub age: u64,
}

/// There is no turn before the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

impl<P: Party> Turns<P> {
    /// The first turn is at once.
    pub fn every(interval: Duration) -> Self {
        let state = State { interval, last: None, line: Line::default(), is_dealt: false };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Another interval, also for those who wait already.
    pub fn set(&self, interval: Duration) {
        self.lock().interval = interval;
        self.0.changed.notify_one();
    }

    /// The asker's turn, if it comes before the deadline.
    pub async fn take(&self, asker: Asker<'_, P>, deadline: Instant) -> Result<(), TooLate> {
        let turn = {
            let mut state = self.lock();
            let now = Instant::now();
            if state.line.is_empty() && state.due(now) <= now {
                state.last = Some(now);
                return Ok(());
            }
            state.line.forget_given_up();
            let before = u32::try_from(state.line.ahead(&asker)).unwrap_or(u32::MAX);
            let at = state.due(now).checked_add(state.interval.saturating_mul(before));
            if at.is_none_or(|at| at >= deadline) {
                return Err(TooLate);
            }
            let (sender, receiver) = oneshot::channel();
            state.line.join(&asker, sender);
            if !state.is_dealt {
                state.is_dealt = true;
                tokio::spawn(deal(self.clone()));
            }
            receiver
        };
        // Others may have come first meanwhile.
        timeout_at(deadline, turn).await.ok().and_then(Result::ok).ok_or(TooLate)
    }

    /// Whether forgetting it changes nothing: nobody waits, nobody is about to, and the next turn is at once.
    pub fn is_idle(&self) -> bool {
        let (state, now) = (self.lock(), Instant::now());
        Arc::strong_count(&self.0) == 1 && state.line.is_empty() && state.due(now) <= now
    }

    /// Whether there is still somebody to deal for; gives the turn that is due.
    fn deal_one(&self) -> bool {
        let (mut state, now) = (self.lock(), Instant::now());
        while state.due(now) <= now {
            let Some(turn) = state.line.next() else { break };
            if turn.send(()).is_ok() {
                state.last = Some(now);
                break;
            }
        }
        state.is_dealt = !state.line.is_empty();
        state.is_dealt
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> State<P> {
    /// When the next turn is.
    fn due(&self, now: Instant) -> Instant {
        self.last.map_or(now, |last| last + self.interval)
    }
}

async fn deal<P: Party>(turns: Turns<P>) {
    loop {
        let due = turns.lock().due(Instant::now());
        tokio::select! {
            () = sleep_until(due) => {}
            () = turns.0.changed.notified() => {}
        }
        if !turns.deal_one() {
            return;
        }
    }
}

impl<P: Party> Clone for Turns<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Party> fmt::Debug for Turns<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Turns").field("interval", &self.lock().interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
