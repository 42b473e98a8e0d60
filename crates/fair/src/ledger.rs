//! Who holds how much, and who is next. Pure: a turn is whatever the caller hands in.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Something that is given to whoever waits.
pub(super) trait Turn {
    /// Whether nobody waits for it any more.
    fn is_given_up(&self) -> bool;
}

/// The books.
pub(super) struct Ledger<P, T> {
    free: usize,
    most_per_party: usize,
    parties: HashMap<P, Account<T>>,
    arrivals: u64,
}

/// One party; kept only while it holds something or waits.
struct Account<T> {
    held: usize,
    waiting: VecDeque<(u64, T)>,
}

impl<T> Default for Account<T> {
    fn default() -> Self {
        Self { held: 0, waiting: VecDeque::new() }
    }
}

impl<P: Clone + Eq + Hash, T: Turn> Ledger<P, T> {
    pub(super) fn new(most: usize, most_per_party: usize) -> Self {
        Self { free: most, most_per_party, parties: HashMap::new(), arrivals: 0 }
    }

    pub(super) fn free(&self) -> usize {
        self.free
    }

    /// Whether the party got the units. None is always granted.
    pub(super) fn try_take(&mut self, party: &P, units: usize) -> bool {
        let held = self.parties.get(party).map_or(0, |account| account.held);
        if !self.may_hold(held, units) {
            return false;
        }
        if units > 0 {
            self.free -= units;
            self.parties.entry(party.clone()).or_default().held += units;
        }
        true
    }

    /// The dynamic threshold: after the last of these units no more is held than was free before it.
    fn may_hold(&self, held: usize, units: usize) -> bool {
        let after = held.saturating_add(units);
        units == 0 || (units <= self.free && after <= self.most_per_party && after <= self.free - (units - 1))
    }

    pub(super) fn wait(&mut self, party: &P, turn: T) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let waiting = &mut self.parties.entry(party.clone()).or_default().waiting;
        skip(waiting);
        waiting.push_back((arrival, turn));
    }

    /// Takes units back and deals them out to those who wait.
    pub(super) fn give_back(&mut self, party: &P, units: usize) -> Vec<(P, T)> {
        self.free += units;
        if let Some(account) = self.parties.get_mut(party) {
            account.held = account.held.saturating_sub(units);
        }
        for account in self.parties.values_mut() {
            skip(&mut account.waiting);
        }
        let mut turns = Vec::new();
        while let Some(turn) = self.next() {
            turns.push(turn);
        }
        self.parties.retain(|_, account| account.held > 0 || !account.waiting.is_empty());
        turns
    }

    /// Of those who may hold one more, the one that holds least; of these, who has waited longest.
    fn next(&mut self) -> Option<(P, T)> {
        let waiting = self.parties.iter().filter_map(|(party, account)| Some((account.held, account.waiting.front()?.0, party)));
        let entitled = waiting.filter(|(held, _, _)| self.may_hold(*held, 1));
        let party = entitled.min_by_key(|(held, arrival, _)| (*held, *arrival))?.2.clone();
        let account = self.parties.get_mut(&party)?;
        let (_, turn) = account.waiting.pop_front()?;
        skip(&mut account.waiting);
        account.held += 1;
        self.free -= 1;
        Some((party, turn))
    }
}

/// Turns that were given up go without a unit having to be free for them.
fn skip<T: Turn>(waiting: &mut VecDeque<(u64, T)>) {
    while waiting.pop_front_if(|(_, turn)| turn.is_given_up()).is_some() {}
}

#[cfg(test)]
impl<P, T> Ledger<P, T> {
    /// Whether nothing is remembered of anybody.
    pub(super) fn knows_nobody(&self) -> bool {
        self.parties.is_empty()
    }
}
