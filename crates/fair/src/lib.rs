//! Something scarce that parties share fairly: places for work, bytes of memory, or turns at a rate.
//!
//! ```text
//! Shares (how many in all, how many for one party)
//!   take(party).await   one unit, waiting its turn       places
//!   grab(party, n)      n units at once, or none         memory
//!        └─ Share       given back when dropped
//! Turns (how far apart)
//!   take(asker, deadline).await   the next one that is this party's, or none in time
//! ```
//!
//! A party may hold a unit more only while it holds fewer than are free (dynamic thresholds, as switches share their
//! buffers: Choudhury and Hahne, 1998). So no party takes more than half, each further one that is greedy gets half of
//! what is left, and one that holds nothing finds something until as many parties as the logarithm of the whole collude.
//! Who waits is served in the order of how little it holds, then of how long it has waited.
//!
//! Boundary: counts and time, nothing else. Invariant: what is held and what is free add up to the whole.

#![forbid(unsafe_code)]

mod ledger;
mod turns;

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use self::ledger::{Ledger, Turn};
pub use self::turns::{Asker, TooLate, Turns};

/// Units that parties share; cheap to clone, all clones are one.
pub struct Shares<P: Party>(Arc<Mutex<Ledger<P, oneshot::Sender<Share<P>>>>>);

/// Who shares.
pub trait Party: Clone + Eq + Hash + Send + 'static {}

impl<P: Clone + Eq + Hash + Send + 'static> Party for P {}

/// Units in somebody's hands.
pub struct Share<P: Party> {
    of: Shares<P>,
    party: P,
    units: usize,
}

impl<T> Turn for oneshot::Sender<T> {
    fn is_given_up(&self) -> bool {
        self.is_closed()
    }
}

impl<P: Party> Shares<P> {
    /// `most` in all, of which one party holds at most `most_per_party`, and at most half.
    pub fn new(most: usize, most_per_party: usize) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(most, most_per_party))))
    }

    /// One unit, as soon as it is this party's turn. Whoever stops waiting loses nothing but the turn.
    pub async fn take(&self, party: &P) -> Share<P> {
        loop {
            let turn = {
                let mut ledger = self.lock();
                if ledger.try_take(party, 1) {
                    return self.share(party.clone(), 1);
                }
                let (sender, receiver) = oneshot::channel();
                ledger.wait(party, sender);
                receiver
            };
            if let Ok(share) = turn.await {
                return share;
            }
        }
    }

    /// `units` at once, or nothing: for what cannot wait while it holds something itself.
    pub fn grab(&self, party: &P, units: usize) -> Option<Share<P>> {
        self.lock().try_take(party, units).then(|| self.share(party.clone(), units))
    }

    /// How many units nobody holds.
    pub fn free(&self) -> usize {
        self.lock().free()
    }

    fn share(&self, party: P, units: usize) -> Share<P> {
        Share { of: self.clone(), party, units }
    }

    fn give_back(&self, party: &P, units: usize) {
        let mut turns = self.lock().give_back(party, units);
        // Outside of the lock: a turn that nobody takes comes back through here.
        while let Some((party, turn)) = turns.pop() {
            let _ = turn.send(self.share(party, 1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger<P, oneshot::Sender<Share<P>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Party> Share<P> {
    /// Adds units to this share, if the party may hold them.
    pub fn grow(&mut self, units: usize) -> bool {
        let grown = self.of.lock().try_take(&self.party, units);
        if grown {
            self.units += units;
        }
        grown
    }

    /// How many units these are.
    pub fn units(&self) -> usize {
        self.units
    }
}

impl<P: Party> Drop for Share<P> {
    fn drop(&mut self) {
        self.of.give_back(&self.party, self.units);
    }
}

impl<P: Party> Clone for Shares<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Party> fmt::Debug for Shares<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shares").field("free", &self.free()).finish_non_exhaustive()
    }
}

impl<P: Party> fmt::Debug for Share<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Share").field("units", &self.units).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
