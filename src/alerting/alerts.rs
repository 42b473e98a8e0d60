//! The way in: who hears of what, and the receivers as the settings have them now.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use oci::Poster;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::Sender;
use super::line::{Destination, Line};
use super::{Alert, Material, delivery, direct, standing};
use crate::settings::{Alerting, Occasion};

/// Takes alerts. Clones share their receivers; the default has none.
#[derive(Clone, Default)]
pub struct Alerts(Arc<RwLock<Vec<Entry>>>);

#[derive(Clone)]
struct Entry {
    line: Arc<Line>,
    sender: Sender,
    stop: CancellationToken,
}

/// Makes the receivers what the settings say.
pub struct Dispatcher {
    alerts: Alerts,
    sender: Sender,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// What became of a receiver's alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The receiver.
    pub receiver: Arc<str>,
    /// Alerts that it took.
    pub sent: u64,
    /// Alerts that it did not take.
    pub failed: u64,
    /// Alerts that found no place in its queue.
    pub dropped: u64,
    /// Alerts that wait.
    pub queued: usize,
}

/// Receivers that an admission depends on did not take the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// The receivers; never empty.
    pub receivers: Vec<Arc<str>>,
}

impl Alerts {
    /// Whether anybody wants to know.
    pub fn hears(&self, occasion: Occasion, namespace: &str) -> bool {
        self.entries().iter().any(|entry| entry.line.destination().receiver.hears(occasion, namespace))
    }

    /// Tells everybody whom no admission waits for. Never waits.
    pub fn tell(&self, alert: Alert) {
        let alert = Arc::new(alert.fit());
        for entry in self.entries().iter() {
            let receiver = entry.line.destination().receiver;
            let awaited = receiver.fail_if_not_sent && alert.occasion == Occasion::Admitted;
            if !awaited && receiver.hears(alert.occasion, &alert.namespace) {
                entry.line.add(alert.clone());
            }
        }
    }

    /// Tells those whom the admission waits for; until the deadline at the latest.
    pub async fn deliver(&self, alert: Alert, deadline: Instant) -> Result<(), NotSent> {
        let alert = Arc::new(alert.fit());
        let concerned = |entry: &&Entry| {
            let receiver = entry.line.destination().receiver;
            receiver.fail_if_not_sent && receiver.hears(alert.occasion, &alert.namespace)
        };
        let entries: Vec<Entry> = self.entries().iter().filter(concerned).cloned().collect();
        let delivered = join_all(entries.iter().map(|entry| direct::deliver(&entry.line, &entry.sender, alert.clone(), deadline))).await;
        let not_sent = entries.iter().zip(delivered).filter(|(_, sent)| !sent);
        let receivers: Vec<_> = not_sent.map(|(entry, _)| entry.line.destination().receiver.name.clone()).collect();
        if receivers.is_empty() { Ok(()) } else { Err(NotSent { receivers }) }
    }

    /// Reminds those who forget, or wait for an end, of the pods that are not verified; `whole` is when they were counted,
    /// where they are all that there are. Never waits.
    pub fn remind(&self, pods: &[Alert], whole: Option<DateTime<Utc>>) {
        let pods: Vec<_> = pods.iter().map(|alert| Arc::new(alert.clone().fit())).collect();
        self.entries().iter().filter(|entry| is_reminded(entry)).for_each(|entry| entry.line.remind(&pods, whole));
    }

    /// Whether anybody is to be reminded.
    pub fn reminds(&self) -> bool {
        self.entries().iter().any(is_reminded)
    }

    /// What became of the alerts so far, by receiver.
    pub fn counts(&self) -> Vec<Counts> {
        let count = |entry: &Entry| {
            let tally = entry.line.tally();
            let receiver = entry.line.destination().receiver.name.clone();
            Counts { receiver, sent: tally.sent, failed: tally.failed, dropped: tally.dropped, queued: tally.queued }
        };
        self.entries().iter().map(count).collect()
    }

    fn entries(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_reminded(entry: &Entry) -> bool {
    let receiver = entry.line.destination().receiver;
    let service = &receiver.service;
    receiver.on.contains(&Occasion::Changed) && (standing::forgets(service) || standing::keeps(service))
}

impl Dispatcher {
    /// For these alerts; the tasks of receivers end with `cancel`.
    pub fn new(alerts: Alerts, poster: Poster, material: Arc<dyn Material>, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        Self { alerts, sender: Sender { poster: Arc::new(poster), material }, tasks, cancel }
    }

    /// A receiver that stays keeps what waits for it and what was counted; one that goes gets what waits, if it takes it at once.
    pub fn follow(&self, alerting: &Alerting) {
        let mut entries = self.alerts.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *entries);
        for receiver in &alerting.receivers {
            let to = Destination { receiver: receiver.clone(), cluster: alerting.cluster.clone() };
            let known = before.iter().find(|entry| entry.line.destination().receiver.name == receiver.name);
            entries.push(match known {
                Some(entry) => {
                    entry.line.redirect(to);
                    entry.clone()
                }
                None => self.begin(to),
            });
        }
        let stays = |gone: &Entry| entries.iter().any(|entry| Arc::ptr_eq(&entry.line, &gone.line));
        before.iter().filter(|entry| !stays(entry)).for_each(|entry| entry.stop.cancel());
    }

    fn begin(&self, to: Destination) -> Entry {
        let entry = Entry { line: Arc::new(Line::new(to)), sender: self.sender.clone(), stop: self.cancel.child_token() };
        self.tasks.spawn(delivery::work(entry.line.clone(), entry.sender.clone(), entry.stop.clone()));
        entry
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alerts").field(&self.counts()).finish()
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.receivers.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        write!(f, "the alert receiver {names} did not take the message in time, and nothing is admitted without that (failIfNotSent)")
    }
}
