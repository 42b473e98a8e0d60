//! What waits for one receiver, and how much of it goes into one message.
//!
//! Boundary: order and number, no time. Invariant: never more than [`CAPACITY`] wait; what finds no place is counted, and
//! the count is told with the next message.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Alert;
use crate::settings::{Occasion, Service};

/// A burst of this many is told in full or in numbers; beyond it only their number is.
pub(super) const CAPACITY: usize = 1000;
/// Alerts and their images in one message where nothing may be left out: 2 MiB when all of it is as long as it can be.
const MOST_IN_BATCH: usize = 400;
/// From so many on Opsgenie gets one alert about all of them.
const FLOOD: usize = 10;

/// Alerts in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Arc<Alert>>,
    missed: u64,
    /// What is being sent.
    pub(super) in_hand: Option<Load>,
}

/// What one message tells; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) alerts: Vec<Arc<Alert>>,
    /// Alerts that found no place before.
    pub(super) missed: u64,
}

impl Load {
    pub(super) fn of(alert: Arc<Alert>) -> Self {
        Self { alerts: vec![alert], missed: 0 }
    }
}

impl Queue {
    /// Whether there was room.
    pub(super) fn add(&mut self, alert: Arc<Alert>) -> bool {
        if self.waiting.len() >= CAPACITY {
            self.missed = self.missed.saturating_add(1);
            return false;
        }
        self.waiting.push_back(alert);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A message is given up: what it would have said was missed is still to be said.
    pub(super) fn untold(&mut self, load: &Load) {
        self.missed = self.missed.saturating_add(load.missed);
    }

    /// What the next message to this service tells.
    pub(super) fn take(&mut self, service: &Service) -> Option<Load> {
        let most = match service {
            Service::Slack | Service::Teams => CAPACITY,
            Service::Alertmanager { .. } | Service::Webhook => self.batch(),
            Service::Opsgenie { .. } => self.joined(),
        };
        let alerts: Vec<_> = self.waiting.drain(..most.min(self.waiting.len())).collect();
        (!alerts.is_empty()).then(|| Load { alerts, missed: std::mem::take(&mut self.missed) })
    }

    fn batch(&self) -> usize {
        let sizes = self.waiting.iter().scan(0, |size, alert| {
            *size += 1 + alert.images.len();
            Some(*size)
        });
        sizes.take_while(|size| *size <= MOST_IN_BATCH).count().max(1)
    }

    /// Opsgenie takes one alert per request, and each closes by itself; only a flood of new ones is joined.
    fn joined(&self) -> usize {
        let opening = self.waiting.iter().take_while(|alert| !closes(alert)).count();
        if opening > FLOOD { opening } else { 1 }
    }
}

/// Whether it ends what an earlier one began.
pub(super) fn closes(alert: &Alert) -> bool {
    alert.good && alert.occasion == Occasion::Changed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::alerting::tests::{changed, refused};
    use crate::settings::Priority;

    const OPSGENIE: Service = Service::Opsgenie { priority: Priority::P3 };

    fn queue(alerts: impl IntoIterator<Item = Alert>) -> Queue {
        let mut queue = Queue::default();
        for alert in alerts {
            queue.add(Arc::new(alert));
        }
        queue
    }

    fn names(load: &Load) -> Vec<&str> {
        load.alerts.iter().map(|alert| alert.name.as_str()).collect()
    }

    fn sizes(queue: &mut Queue, service: &Service) -> Vec<usize> {
        std::iter::from_fn(|| queue.take(service)).map(|load| load.alerts.len()).collect()
    }

    #[test]
    fn what_finds_no_place_is_counted_and_told_once() {
        let mut queue = queue((0..CAPACITY + 37).map(|number| refused(&format!("web-{number}"))));
        assert_eq!(queue.len(), CAPACITY);
        let load = queue.take(&Service::Slack).unwrap();
        assert_eq!((load.alerts.len(), load.missed), (CAPACITY, 37));
        queue.untold(&load);
        queue.add(Arc::new(refused("later")));
        let next = queue.take(&Service::Slack).unwrap();
        assert_eq!((names(&next), next.missed), (vec!["later"], 37));
        queue.add(Arc::new(refused("last")));
        assert_eq!(queue.take(&Service::Slack).unwrap().missed, 0);
    }

    #[test]
    fn nothing_is_joined_beyond_recognition_where_a_machine_reads_it() {
        for service in [Service::Webhook, Service::Alertmanager { labels: BTreeMap::new() }] {
            let mut queue = queue((0..250).map(|number| refused(&format!("web-{number}"))));
            assert_eq!(sizes(&mut queue, &service), [200, 50]);
        }
    }

    #[test]
    fn opsgenie_gets_one_alert_each_and_a_flood_of_new_ones_as_one() {
        let opened = |count: usize| (0..count).map(|number| changed(&format!("web-{number}"), false));
        assert_eq!(sizes(&mut queue(opened(3)), &OPSGENIE), [1, 1, 1]);
        let mut flood = queue(opened(20).chain([changed("web-1", true), changed("web-2", true)]));
        assert_eq!(sizes(&mut flood, &OPSGENIE), [20, 1, 1], "what closes is never joined");
    }
}
