//! Who is next for a turn. Pure: a turn is whatever the caller hands in.
//!
//! Parties have turns by turns: each has a number that grows with every turn it has had, and the lowest is next
//! (start-time fair queueing: Goyal, Vin and Cheng, 1996). A party that comes back soon has not lost its number.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::Asker;
use crate::ledger::Turn;

/// Turns of askers whom somebody waits for, before one goes to the others who wait too.
const URGENT_IN_A_ROW: usize = 3;

/// The line; without turns there is none.
pub(super) struct Line<P, T> {
    urgent: Class<P, T>,
    other: Class<P, T>,
    in_a_row: usize,
    arrivals: u64,
}

/// Askers of one urgency.
struct Class<P, T> {
    /// The number of the party that had the last turn.
    now: u64,
    parties: HashMap<P, Account<T>>,
}

/// One party; kept while it waits or its number is ahead.
struct Account<T> {
    number: u64,
    /// By age and arrival.
    waiting: BTreeMap<(u64, u64), T>,
}

impl<P, T> Default for Line<P, T> {
    fn default() -> Self {
        Self { urgent: Class::default(), other: Class::default(), in_a_row: 0, arrivals: 0 }
    }
}

impl<P, T> Default for Class<P, T> {
    fn default() -> Self {
        Self { now: 0, parties: HashMap::new() }
    }
}

impl<P, T> Line<P, T> {
    /// Also those count who have given up and whom nobody has noticed yet.
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.other.is_empty()
    }
}

impl<P: Clone + Eq + Hash, T: Turn> Line<P, T> {
    pub(super) fn join(&mut self, asker: &Asker<'_, P>, turn: T) {
        self.arrivals += 1;
        let place = (asker.age, self.arrivals);
        if asker.urgent { self.urgent.join(asker.party, place, turn) } else { self.other.join(asker.party, place, turn) }
    }

    /// How many turns go to others before this asker has one, if nobody else comes.
    pub(super) fn ahead(&self, asker: &Asker<'_, P>) -> usize {
        let (own, others) = if asker.urgent { (&self.urgent, &self.other) } else { (&self.other, &self.urgent) };
        let own = own.ahead(asker);
        let between = if asker.urgent { (self.in_a_row + own) / URGENT_IN_A_ROW } else { (own + 1) * URGENT_IN_A_ROW };
        own + others.len().min(between)
    }

    /// Takes the next one out of the line.
    pub(super) fn next(&mut self) -> Option<T> {
        self.forget_given_up();
        let is_contested = !self.urgent.is_empty() && !self.other.is_empty();
        if self.other.is_empty() || (is_contested && self.in_a_row < URGENT_IN_A_ROW) {
            self.in_a_row = if is_contested { self.in_a_row + 1 } else { 0 };
            return self.urgent.next();
        }
        self.in_a_row = 0;
        self.other.next()
    }

    pub(super) fn forget_given_up(&mut self) {
        for class in [&mut self.urgent, &mut self.other] {
            class.parties.values_mut().for_each(|account| account.waiting.retain(|_, turn| !turn.is_given_up()));
        }
    }
}

impl<P, T> Class<P, T> {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.parties.values().map(|account| account.waiting.len()).sum()
    }
}

impl<P: Clone + Eq + Hash, T> Class<P, T> {
    fn join(&mut self, party: &P, place: (u64, u64), turn: T) {
        let account = self.parties.entry(party.clone()).or_insert_with(|| Account { number: 0, waiting: BTreeMap::new() });
        if account.waiting.is_empty() {
            account.number = account.number.max(self.now);
        }
        account.waiting.insert(place, turn);
    }

    /// Those of the party that are older, and of each other party as many as have their turns meanwhile.
    fn ahead(&self, asker: &Asker<'_, P>) -> usize {
        let own = self.parties.get(asker.party).map_or(0, |account| account.waiting.range(..=(asker.age, u64::MAX)).count());
        let others = self.parties.iter().filter(|(party, _)| *party != asker.party);
        own + others.map(|(_, account)| account.waiting.len().min(own + 1)).sum::<usize>()
    }

    fn next(&mut self) -> Option<T> {
        let waiting =
            self.parties.iter().filter_map(|(party, account)| Some((account.number, account.waiting.first_key_value()?.0, party)));
        let party = waiting.min_by_key(|(number, place, _)| (*number, **place))?.2.clone();
        let account = self.parties.get_mut(&party)?;
        self.now = account.number;
        account.number += 1;
        let turn = account.waiting.pop_first().map(|(_, turn)| turn);
        let now = self.now;
        self.parties.retain(|_, account| !account.waiting.is_empty() || account.number > now);
        turn
    }
}
