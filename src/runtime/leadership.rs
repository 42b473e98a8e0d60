//! Which replica writes: the holder of the Lease.
//!
//! Boundary: the lease manager takes, renews and releases the Lease; whether we hold it is read off the Lease itself.
//! Invariant: a replica that cannot read its own unexpired claim is no leader, however long the API server is away.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::chain;

/// Another replica takes over this long after the last renewal.
const DURATION_SECONDS: u64 = 15;
/// Renewals come this long before the end.
const GRACE_SECONDS: u64 = 5;
const READ_INTERVAL: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why leadership ended, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LeadershipError {
    /// The Lease can neither be read nor created.
    #[error("cannot set up the Lease")]
    Start(#[source] LeaseManagerError),
    /// The task that renews the Lease ended by itself.
    #[error("the task that renews the Lease ended")]
    Ended(#[source] Option<LeaseManagerError>),
    /// One of the tasks panicked.
    #[error("a task of the leader election panicked")]
    Panicked(#[source] JoinError),
    /// The Lease was not released in time; it expires by itself.
    #[error("releasing the Lease took too long")]
    ReleaseTimeout,
}

/// This replica's part in the election.
#[derive(Debug)]
pub struct Leadership {
    leader: watch::Receiver<bool>,
    stop: CancellationToken,
    lease: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
    reader: JoinHandle<()>,
}

impl Leadership {
    /// Takes part under `identity`, unique among replicas, until `cancel`.
    pub async fn start(
        client: Client,
        namespace: &str,
        identity: &str,
        lease: &str,
        cancel: CancellationToken,
    ) -> Result<Self, LeadershipError> {
        let manager = LeaseManagerBuilder::new(client.clone(), lease)
            .with_namespace(namespace)
            .with_identity(identity)
            .with_field_manager(format!("bonafide-{identity}"))
            .with_duration(DURATION_SECONDS)
            .with_grace(GRACE_SECONDS)
            .build()
            .await
            .map_err(LeadershipError::Start)?;
        let (claims, task) = manager.watch().await;
        let (sender, leader) = watch::channel(false);
        let stop = cancel.child_token();
        let reader = Reader { api: Api::namespaced(client, namespace), lease: lease.to_owned(), identity: identity.to_owned(), leader: sender };
        let reader = tokio::spawn(reader.run(claims, stop.clone()));
        Ok(Self { leader, stop, lease: task, reader })
    }

    /// Whether this replica is the leader, now and on every change.
    pub fn leader(&self) -> watch::Receiver<bool> {
        self.leader.clone()
    }

    /// Ends when the election does: with `Ok` after `cancel`, else with the error that must end the process.
    pub async fn ended(&mut self) -> Result<(), LeadershipError> {
        let ended = tokio::select! {
            ended = &mut self.lease => ended.map(Result::err),
            read = &mut self.reader => read.map(|()| None),
        };
        match ended {
            Err(panicked) => Err(LeadershipError::Panicked(panicked)),
            Ok(None) if self.stop.is_cancelled() => Ok(()),
            Ok(error) => Err(LeadershipError::Ended(error)),
        }
    }

    /// Stops being leader and releases the Lease, so that another replica takes over at once.
    pub async fn stop(self) -> Result<(), LeadershipError> {
        let Self { leader: _, stop, lease, reader } = self;
        // The reader holds the only receiver of the manager's claims; without one the manager releases and ends.
        stop.cancel();
        let released = async {
            if !reader.is_finished() {
                reader.await.map_err(LeadershipError::Panicked)?;
            }
            if lease.is_finished() {
                return Ok(());
            }
            lease.await.map_err(LeadershipError::Panicked)?.map(|_| ()).map_err(|error| LeadershipError::Ended(Some(error)))
        };
        tokio::time::timeout(RELEASE_TIMEOUT, released).await.unwrap_or(Err(LeadershipError::ReleaseTimeout))
    }
}

/// Publishes whether the Lease says that we hold it. The manager's own claim stays true while it cannot renew.
struct Reader {
    api: Api<Lease>,
    lease: String,
    identity: String,
    leader: watch::Sender<bool>,
}

impl Reader {
    async fn run(self, mut claims: watch::Receiver<bool>, stop: CancellationToken) {
        let mut until = None;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = claims.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(at_most(READ_INTERVAL, until)) => {}
            }
            let read = tokio::time::timeout(at_most(READ_TIMEOUT, until), self.api.get_opt(&self.lease));
            match read.await {
                Ok(Ok(lease)) => until = lease.and_then(|lease| held_until(&lease, &self.identity)),
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "cannot read the Lease"),
                Err(_) => tracing::warn!("reading the Lease took too long"),
            }
            self.publish(until.is_some_and(|until| Utc::now() < until));
        }
        self.publish(false);
    }

    fn publish(&self, leads: bool) {
        let changed = self.leader.send_if_modified(|leader| std::mem::replace(leader, leads) != leads);
        if changed {
            tracing::info!(leader = leads, "leadership changed");
        }
    }
}

/// Waits end when the claim does, so that its end is published in time.
fn at_most(limit: Duration, until: Option<DateTime<Utc>>) -> Duration {
    let left = until.and_then(|until| (until - Utc::now()).to_std().ok());
    left.filter(|left| !left.is_zero()).map_or(limit, |left| limit.min(left))
}

/// Until when the Lease is ours.
fn held_until(lease: &Lease, identity: &str) -> Option<DateTime<Utc>> {
    let spec = lease.spec.as_ref().filter(|spec| spec.holder_identity.as_deref() == Some(identity))?;
    let renewed = DateTime::from_timestamp_micros(spec.renew_time.as_ref()?.0.as_microsecond())?;
    renewed.checked_add_signed(TimeDelta::seconds(spec.lease_duration_seconds?.into()))
}

#[cfg(test)]
mod tests {
    // Reason: a test that cannot go on should panic where it stands.
    #![allow(clippy::unwrap_used)]

    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn lease(holder: Option<&str>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            renew_time: Some(MicroTime(Timestamp::from_second(1_000).unwrap())),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_lease_is_held_until_its_last_renewal_is_too_old() {
        assert_eq!(held_until(&lease(Some("a")), "a"), DateTime::from_timestamp(1_015, 0));
    }

    #[test]
    fn the_lease_of_another_or_of_nobody_is_not_ours() {
        assert_eq!(held_until(&lease(Some("b")), "a"), None);
        assert_eq!(held_until(&lease(None), "a"), None);
        assert_eq!(held_until(&Lease::default(), "a"), None);
    }

    #[test]
    fn a_lease_that_was_never_renewed_is_not_ours() {
        let mut never = lease(Some("a"));
        never.spec.as_mut().unwrap().renew_time = None;
        assert_eq!(held_until(&never, "a"), None);
    }
}
