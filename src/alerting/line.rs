//! One receiver: what waits for it, and what became of what was told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, Semaphore};

use super::Alert;
use super::attempt::Failure;
use super::queue::{Load, Queue};
use super::standing::{self, Open};
use crate::settings::Receiver;

/// Requests for admission that wait for one receiver at one time.
const MOST_AT_ONCE: usize = 32;

/// Shared by those who tell and the task that sends.
#[derive(Debug)]
pub(super) struct Line {
    to: RwLock<Destination>,
    queue: Mutex<Queue>,
    open: Mutex<Open>,
    again: Mutex<Vec<Arc<Alert>>>,
    arrived: Notify,
    reminder: Notify,
    /// Places for what is sent while a request for admission waits.
    pub(super) direct: Semaphore,
    failing: AtomicBool,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// A receiver with what all receivers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) receiver: Arc<Receiver>,
    pub(super) cluster: Option<Arc<str>>,
}

/// What became of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    pub(super) queued: usize,
}

impl Line {
    pub(super) fn new(to: Destination) -> Self {
        Self {
            to: RwLock::new(to),
            queue: Mutex::default(),
            open: Mutex::default(),
            again: Mutex::default(),
            arrived: Notify::new(),
            reminder: Notify::new(),
            direct: Semaphore::new(MOST_AT_ONCE),
            failing: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// As the settings say now.
    pub(super) fn destination(&self) -> Destination {
        self.to.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn redirect(&self, to: Destination) {
        *self.to.write().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Puts an alert into the queue, or counts that there was no room.
    pub(super) fn add(&self, alert: Arc<Alert>) {
        if self.queue().add(alert) {
            self.arrived.notify_one();
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until something is there.
    pub(super) async fn waiting(&self) {
        while self.queue().len() == 0 {
            self.arrived.notified().await;
        }
    }

    /// Sees to it that the receiver knows what still is so; `whole`: there is nothing else.
    pub(super) fn remind(&self, pods: &[Arc<Alert>], whole: Option<DateTime<Utc>>) {
        let receiver = self.destination().receiver;
        if standing::forgets(&receiver.service) {
            *lock(&self.again) = lock(&self.open).again(&receiver, pods);
            self.reminder.notify_one();
        }
        if let (true, Some(made)) = (standing::keeps(&receiver.service), whole) {
            let over = lock(&self.open).over(pods, made);
            for alert in over {
                self.add(Arc::new(alert));
            }
        }
    }

    /// Waits for what is to be told again.
    pub(super) async fn reminded(&self) -> Vec<Arc<Alert>> {
        loop {
            let again = std::mem::take(&mut *lock(&self.again));
            if !again.is_empty() {
                return again;
            }
            self.reminder.notified().await;
        }
    }

    /// What is to be sent next: what was begun and not done, else what waits.
    pub(super) fn next(&self) -> Option<Load> {
        let service = &self.destination().receiver.service;
        let mut queue = self.queue();
        if queue.in_hand.is_none() {
            queue.in_hand = queue.take(service);
        }
        queue.in_hand.clone()
    }

    /// What was to be sent is sent, or given up.
    pub(super) fn done(&self, load: &Load, sent: bool) {
        let mut queue = self.queue();
        queue.in_hand = None;
        if !sent {
            queue.untold(load);
        }
        drop(queue);
        self.count(load, sent);
    }

    /// Counts what became of a message.
    pub(super) fn count(&self, load: &Load, sent: bool) {
        let alerts = u64::try_from(load.alerts.len()).unwrap_or(u64::MAX);
        let counter = if sent { &self.sent } else { &self.failed };
        counter.fetch_add(alerts, Ordering::Relaxed);
        let service = &self.destination().receiver.service;
        if sent && (standing::forgets(service) || standing::keeps(service)) {
            lock(&self.open).learn(&load.alerts);
        }
        if sent && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(receiver = %self.destination().receiver.name, "an alert receiver takes messages again");
        }
    }

    /// An attempt failed: told once per outage at a level that people see.
    pub(super) fn stumbled(&self, error: &Failure) {
        let receiver = self.destination().receiver.name.clone();
        if self.failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(%receiver, %error, "an alert receiver did not take a message again");
        } else {
            tracing::warn!(%receiver, %error, "an alert receiver does not take messages");
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            queued: self.queue().len(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
