//! Names that something is to be done about: each once, in the order in which they came, some not before a time.
//!
//! Invariant: nothing is done about one name twice at a time, and what comes meanwhile is done afterwards.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::drive::Next;
use super::pace;
use crate::policy::ObjectName;

/// The name of a pod or of a report, shared by all that is kept of it.
pub(super) type Name = Arc<ObjectName>;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<(Instant, Name)>,
    queued: HashSet<Name>,
    running: HashSet<Name>,
    again: HashSet<Name>,
    timers: HashMap<Name, (Instant, u64)>,
    later: BTreeMap<(Instant, u64), Name>,
    count: u64,
}

impl Queue {
    /// As soon as possible.
    pub(super) fn push(&mut self, name: &Name, now: Instant) {
        if self.running.contains(name) {
            self.again.insert(name.clone());
        } else if self.queued.insert(name.clone()) {
            self.waiting.push_back((now, name.clone()));
        }
    }

    /// Not before `when`; of several times of one name the first counts.
    pub(super) fn push_at(&mut self, name: &Name, when: Instant) {
        if let Some(known) = self.timers.get(name).copied() {
            if known.0 <= when {
                return;
            }
            self.later.remove(&known);
        }
        self.count += 1;
        self.timers.insert(name.clone(), (when, self.count));
        self.later.insert((when, self.count), name.clone());
    }

    /// The next name. While pods are being admitted, in `rush`, it waits, but not forever.
    pub(super) fn next(&mut self, now: Instant, rush: bool, roll: f64) -> Next<Name> {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let name = first.remove();
            self.timers.remove(&name);
            self.push(&name, now);
        }
        let Some((since, _)) = self.waiting.front() else {
            return self.later.first_key_value().map_or(Next::Never, |((when, _), _)| Next::At(*when));
        };
        if rush && pace::may_wait(now.saturating_duration_since(*since)) {
            return Next::At(now + pace::off_peak(roll));
        }
        let Some((_, name)) = self.waiting.pop_front() else { return Next::Never };
        self.queued.remove(&name);
        self.running.insert(name.clone());
        Next::Now(name)
    }

    /// It is done, for now.
    pub(super) fn done(&mut self, name: &Name, now: Instant) {
        self.running.remove(name);
        if self.again.remove(name) {
            self.push(name, now);
        }
    }

    /// Whether something waits that could be done now.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(name: &str) -> Name {
        ObjectName::new("shop", name).into()
    }

    fn take(queue: &mut Queue, now: Instant) -> Option<String> {
        match queue.next(now, false, 0.0) {
            Next::Now(name) => Some(name.name.clone()),
            Next::At(_) | Next::Never => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_name_waits_once_in_the_order_of_coming() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for each in ["b", "a", "b"] {
            queue.push(&name(each), now);
        }
        assert_eq!(
            [take(&mut queue, now), take(&mut queue, now), take(&mut queue, now)],
            [Some("b".to_owned()), Some("a".to_owned()), None]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_it_is_done_is_done_afterwards_and_not_twice_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        assert_eq!(take(&mut queue, now).as_deref(), Some("a"));
        queue.push(&name("a"), now);
        assert_eq!(take(&mut queue, now), None);
        queue.done(&name("a"), now);
        assert_eq!(take(&mut queue, now).as_deref(), Some("a"));
        queue.done(&name("a"), now);
        assert_eq!(take(&mut queue, now), None);
        assert!(!queue.is_busy());
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_times_the_first_counts_and_none_comes_early() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        for seconds in [20, 10, 30] {
            queue.push_at(&name("a"), after(seconds));
        }
        assert_eq!(take(&mut queue, after(9)), None);
        assert!(matches!(queue.next(now, false, 0.0), Next::At(when) if when == after(10)));
        assert_eq!(take(&mut queue, after(10)).as_deref(), Some("a"));
        queue.done(&name("a"), after(10));
        assert!(matches!(queue.next(after(100), false, 0.0), Next::Never));
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_rush_it_waits_for_a_pause_and_not_forever() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        assert!(matches!(queue.next(now, true, 0.0), Next::At(when) if when > now));
        assert!(matches!(queue.next(now + Duration::from_secs(5), true, 0.0), Next::Now(_)));
    }
}
