//! How often hosts may be asked, as the operator's settings say.
//!
//! Boundary: a rate per host, whatever it is asked for, by whom and with which grants; what a host itself wishes is
//! `leave`. Invariant: every request is sent in a turn of its host, and no place of a host is held by who waits for one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fair::{Asker, Turns};

use super::{MAX_HOSTS, Party, Session};
use crate::{Host, RegistryError};

/// Requests per second that hosts may get; absent is as many as they bear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestRates {
    /// Of each host that is not named.
    pub default: Option<NonZeroU32>,
    /// Of these hosts.
    pub hosts: BTreeMap<Host, NonZeroU32>,
}

/// The rates of a client, to be changed while it works; cheap to clone.
#[derive(Clone, Default)]
pub struct Limits(Arc<Mutex<Hosts>>);

#[derive(Default)]
struct Hosts {
    rates: RequestRates,
    /// Those with a rate that were asked a moment ago.
    turns: HashMap<Host, Turns<Party>>,
}

impl RequestRates {
    fn interval(&self, host: &Host) -> Option<Duration> {
        let rate = self.hosts.get(host).copied().or(self.default)?;
        Some(Duration::from_secs(1) / rate.get())
    }
}

impl Limits {
    /// From now on these rates hold, also for requests that wait.
    pub fn set(&self, rates: RequestRates) {
        let mut hosts = self.lock();
        for (host, turns) in &hosts.turns {
            turns.set(rates.interval(host).unwrap_or_default());
        }
        hosts.turns.retain(|host, _| rates.interval(host).is_some());
        hosts.rates = rates;
    }

    /// The turns of a host; `None` where nothing limits.
    fn turns(&self, host: &Host) -> Option<Turns<Party>> {
        let mut hosts = self.lock();
        let interval = hosts.rates.interval(host)?;
        // Idle ones say nothing, so that no name that somebody makes up pushes out a host at work.
        if hosts.turns.len() as u64 >= MAX_HOSTS {
            hosts.turns.retain(|_, turns| !turns.is_idle());
        }
        Some(hosts.turns.entry(host.clone()).or_insert_with(|| Turns::every(interval)).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Hosts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Limits").field(&self.lock().rates).finish()
    }
}

impl Session {
    /// Waits for a turn to ask the host; an error at once when none comes before the deadline.
    pub(super) async fn turn(&self, host: &Host) -> Result<(), RegistryError> {
        let Some(turns) = self.shared().limits.turns(host) else { return Ok(()) };
        let asker = Asker { party: &self.party, urgent: !self.in_background, age: self.number };
        turns.take(asker, self.deadline).await.map_err(|_| RegistryError::OverRate { host: host.clone() })
    }
}
