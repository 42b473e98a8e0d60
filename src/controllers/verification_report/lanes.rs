//! How many images of one registry host are judged at one time: where a host gets few requests in a second, more could not
//! be judged before their deadline, and would be unknown for no reason but ours.
//!
//! Invariant: what waits for one host begins in the order in which it was due, and takes no place of a host that it does not
//! ask. Places are taken host by host in the order of names and kept, so that no two cases wait for each other and none for ever.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use oci::{Host, Reference};
use tokio::time::Instant;

use super::case::Case;
use crate::settings::RegistryRates;

/// For all images of a pod together, where requests are not scarce.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// However many images a pod has.
const LONGEST: Duration = Duration::from_mins(5);
/// Requests of an image that nobody has looked at: tag, signatures, one of them, what it says.
const REQUESTS: u32 = 4;
/// Of four requests three are left to pods that are being admitted.
const SHARE: u32 = 4;

/// When a case was due, and a number that tells it from others.
pub(super) type Due = (Instant, u64);

/// What is judged and what waits, by host.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    rates: RegistryRates,
    /// Images that are being judged, and those of cases that have a place here and wait for another host.
    busy: HashMap<Host, u32>,
    waiting: HashMap<Host, BTreeMap<Due, Waiter>>,
}

/// A case that waits for a host.
#[derive(Debug)]
struct Waiter {
    case: Arc<Case>,
    loads: Loads,
    /// Of how many hosts it has its places already.
    got: usize,
}

/// How many images of each host, in the order of names.
type Loads = Vec<(Host, u32)>;

impl Lanes {
    /// When other rates hold: answers all that wait, which may not have to any more.
    pub(super) fn set(&mut self, rates: &RegistryRates) -> Vec<(Due, Arc<Case>)> {
        if self.rates == *rates {
            return vec![];
        }
        self.rates.clone_from(rates);
        let waiting = std::mem::take(&mut self.waiting).into_values().flatten();
        waiting.map(|(due, waiter)| (due, self.give_up(waiter))).collect()
    }

    /// Lets a case begin, if each host of its images has room, and says how long it may take; or puts it in the line of a host.
    pub(super) fn enter(&mut self, due: Due, case: &Arc<Case>) -> Option<Duration> {
        self.proceed(due, Waiter { case: case.clone(), loads: loads(case), got: 0 }).map(|(_, patience)| patience)
    }

    /// A case that has begun is judged.
    pub(super) fn leave(&mut self, case: &Case) {
        for (host, images) in loads(case) {
            self.free(&host, images);
        }
    }

    /// The case that may begin now of those that wait, and how long it may take; only if it was due before `than`.
    pub(super) fn next(&mut self, than: Option<Instant>) -> Option<(Arc<Case>, Duration)> {
        loop {
            let first = |(host, line): (&Host, &BTreeMap<Due, Waiter>)| {
                let (due, waiter) = line.first_key_value()?;
                let (_, images) = waiter.loads.get(waiter.got)?;
                self.has_room(host, *images).then(|| (*due, host.clone()))
            };
            let (due, host) = self.waiting.iter().filter_map(first).min_by_key(|(due, _)| *due)?;
            if than.is_some_and(|than| than < due.0) {
                return None;
            }
            let waiter = self.waiting.get_mut(&host)?.remove(&due)?;
            self.waiting.retain(|_, line| !line.is_empty());
            if let Some(begun) = self.proceed(due, waiter) {
                return Some(begun);
            }
        }
    }

    /// A case that waits does not any more.
    pub(super) fn forget(&mut self, due: &Due) {
        let waiter = self.waiting.values_mut().find_map(|line| line.remove(due));
        self.waiting.retain(|_, line| !line.is_empty());
        if let Some(waiter) = waiter {
            self.give_up(waiter);
        }
    }

    /// Takes places as far as there are; the case when it has all of them.
    fn proceed(&mut self, due: Due, mut waiter: Waiter) -> Option<(Arc<Case>, Duration)> {
        while let Some((host, images)) = waiter.loads.get(waiter.got).cloned() {
            let is_first = self.waiting.get(&host).and_then(BTreeMap::first_key_value).is_none_or(|(first, _)| due < *first);
            if !(is_first && self.has_room(&host, images)) {
                self.waiting.entry(host).or_default().insert(due, waiter);
                return None;
            }
            *self.busy.entry(host).or_default() += images;
            waiter.got += 1;
        }
        let longest = waiter.loads.iter().filter_map(|(host, images)| Some(takes(self.interval(host)?, *images))).max();
        Some((waiter.case, longest.unwrap_or_default().clamp(DEADLINE, LONGEST)))
    }

    /// Frees what it has of places.
    fn give_up(&mut self, waiter: Waiter) -> Arc<Case> {
        for (host, images) in waiter.loads.iter().take(waiter.got) {
            self.free(host, *images);
        }
        waiter.case
    }

    fn free(&mut self, host: &Host, images: u32) {
        if let Some(busy) = self.busy.get_mut(host) {
            *busy = busy.saturating_sub(images);
            if *busy == 0 {
                self.busy.remove(host);
            }
        }
    }

    /// One case may always be judged, however many images it has.
    fn has_room(&self, host: &Host, images: u32) -> bool {
        let Some(interval) = self.interval(host) else { return true };
        let busy = self.busy.get(host).copied().unwrap_or_default();
        busy == 0 || takes(interval, busy.saturating_add(images)) <= DEADLINE
    }

    /// Between two requests to a host, where that is limited.
    fn interval(&self, host: &Host) -> Option<Duration> {
        Some(Duration::from_secs(1) / self.rates.of(host)?.max(1))
    }
}

/// How long so many images take when pods are being admitted all the while.
fn takes(interval: Duration, images: u32) -> Duration {
    interval.saturating_mul(REQUESTS * SHARE).saturating_mul(images)
}

/// What is no reference is not asked for.
fn loads(case: &Case) -> Loads {
    let mut loads = BTreeMap::new();
    for group in case.groups() {
        if let Ok(reference) = group.image.parse::<Reference>() {
            *loads.entry(reference.repository().host().clone()).or_default() += 1;
        }
    }
    loads.into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::super::case::Sighting;
    use super::*;

    fn case(images: &[&str]) -> Arc<Case> {
        let containers: Vec<_> = images.iter().enumerate().map(|(at, image)| json!({"name": format!("c{at}"), "image": image})).collect();
        let pod = json!({"metadata": {"namespace": "shop", "name": "web", "uid": "u"}, "spec": {"containers": containers}});
        Arc::new(Sighting::of(&serde_json::from_value(pod).unwrap()).unwrap().case)
    }

    /// `a.io` gets five requests a second, all others as many as they bear.
    fn lanes() -> Lanes {
        let mut lanes = Lanes::default();
        lanes.set(&RegistryRates { default: None, hosts: [("a.io".parse().unwrap(), 5)].into() });
        lanes
    }

    fn cases(host: &str, count: usize) -> Vec<Arc<Case>> {
        (0..count).map(|number| case(&[&format!("{host}/x:{number}")])).collect()
    }

    fn enter_all(lanes: &mut Lanes, now: Instant, cases: &[Arc<Case>]) {
        for (number, case) in (0..).zip(cases) {
            lanes.enter((now, number), case);
        }
    }

    #[test]
    fn so_many_of_a_slow_host_are_judged_at_a_time_as_can_be_in_time() {
        let (mut lanes, now) = (lanes(), Instant::now());
        let cases = cases("a.io", 5);
        let began: Vec<_> = (0_u64..).zip(&cases).map(|(number, case)| lanes.enter((now, number), case).is_some()).collect();
        // Three of four requests at five a second, of which a quarter is ours: 9.6 seconds.
        assert_eq!(began, [true, true, true, false, false]);
        assert_eq!(lanes.next(None), None);
        lanes.leave(&cases[0]);
        assert_eq!(lanes.next(None), Some((cases[3].clone(), DEADLINE)), "in the order in which they were due");
        assert_eq!(lanes.next(None), None);
    }

    #[test]
    fn a_slow_host_holds_up_no_other_one() {
        let (mut lanes, now) = (lanes(), Instant::now());
        enter_all(&mut lanes, now, &cases("a.io", 5));
        for (number, case) in (10..).zip(cases("b.io", 100)) {
            assert_eq!(lanes.enter((now, number), &case), Some(DEADLINE));
        }
    }

    #[test]
    fn a_pod_with_more_images_than_fit_is_judged_alone_and_may_take_longer() {
        let (mut lanes, now) = (lanes(), Instant::now());
        let images: Vec<String> = (0..10).map(|number| format!("a.io/x:{number}")).collect();
        let large = case(&images.iter().map(String::as_str).collect::<Vec<_>>());
        let small = case(&["b.io/y:1", "a.io/y:1"]);
        assert_eq!(lanes.enter((now, 1), &large), Some(Duration::from_secs(32)));
        assert_eq!(lanes.enter((now, 2), &small), None);
        lanes.leave(&large);
        assert_eq!(lanes.next(None), Some((small.clone(), DEADLINE)));
        assert_eq!(lanes.enter((now, 3), &large), None, "it waits until it is alone");
        assert_eq!(lanes.enter((now, 4), &small), None, "and nobody overtakes it, or it would wait for ever");
        lanes.leave(&small);
        assert_eq!(lanes.next(None).map(|(case, _)| case), Some(large));
        assert_eq!(lanes.next(None), None);
    }

    #[test]
    fn a_case_of_two_slow_hosts_keeps_its_place_at_one_while_it_waits_for_the_other() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        lanes.set(&RegistryRates { default: Some(1), hosts: BTreeMap::new() });
        let (a, b, both) = (case(&["a.io/x:1"]), case(&["b.io/x:1"]), case(&["b.io/x:2", "a.io/x:2"]));
        assert!(lanes.enter((now, 1), &a).is_some() && lanes.enter((now, 2), &b).is_some());
        assert_eq!(lanes.enter((now, 3), &both), None);
        assert_eq!(lanes.enter((now, 4), &a), None);
        assert_eq!(lanes.enter((now, 5), &b), None, "there is no room");
        lanes.leave(&a);
        assert_eq!(lanes.next(None), None, "it waits for the other now, and nobody has its place");
        lanes.leave(&b);
        assert_eq!(lanes.next(None), Some((both.clone(), Duration::from_secs(16))));
        lanes.leave(&both);
        assert_eq!([lanes.next(None), lanes.next(None)].map(|next| next.map(|(case, _)| case)), [Some(a), Some(b)]);
    }

    #[test]
    fn who_goes_while_it_waits_leaves_no_place_taken() {
        let mut lanes = Lanes::default();
        lanes.set(&RegistryRates { default: Some(1), hosts: BTreeMap::new() });
        let (now, b, both) = (Instant::now(), case(&["b.io/x:1"]), case(&["b.io/x:2", "a.io/x:2"]));
        lanes.enter((now, 1), &b);
        assert_eq!(lanes.enter((now, 2), &both), None);
        lanes.forget(&(now, 2));
        lanes.leave(&b);
        assert!(lanes.busy.is_empty() && lanes.waiting.is_empty());
    }

    #[test]
    fn what_was_due_earlier_than_what_waits_comes_first() {
        let (mut lanes, now) = (lanes(), Instant::now());
        let cases = cases("a.io", 4);
        for (number, case) in (0..).zip(&cases) {
            lanes.enter((now + Duration::from_secs(number), number), case);
        }
        lanes.leave(&cases[0]);
        assert_eq!(lanes.next(Some(now)), None);
        assert!(lanes.next(Some(now + Duration::from_secs(5))).is_some());
    }

    #[test]
    fn other_rates_hold_for_what_waits_and_for_what_is_judged() {
        let (mut lanes, now) = (lanes(), Instant::now());
        let cases = cases("a.io", 5);
        enter_all(&mut lanes, now, &cases);
        let freed = lanes.set(&RegistryRates::default());
        assert_eq!(freed.len(), 2);
        for (due, case) in &freed {
            assert_eq!(lanes.enter(*due, case), Some(DEADLINE));
        }
        for case in &cases {
            lanes.leave(case);
        }
        assert!(lanes.busy.is_empty() && lanes.waiting.is_empty());
    }

    #[test]
    fn a_case_without_pods_waits_no_more() {
        let (mut lanes, now) = (lanes(), Instant::now());
        let cases = cases("a.io", 4);
        enter_all(&mut lanes, now, &cases);
        lanes.forget(&(now, 3));
        lanes.leave(&cases[0]);
        assert_eq!(lanes.next(None), None);
        assert!(lanes.waiting.is_empty());
    }
}
