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
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::chain;

/// Another replica takes over this long after the last renewal.
const DURATION_SECONDS: u64 = 15;
/// Renewals come this long before the end.
const GRACE_SECONDS: u64 = 5;
const SET_UP_INTERVAL: Duration = Duration::from_secs(2);
const READ_INTERVAL: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// This replica's part in the election.
#[derive(Debug)]
pub struct Leadership {
    leader: watch::Receiver<bool>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Leadership {
    /// Takes part under `identity`, unique among replicas, until `cancel`. Setting up the Lease is tried until it works.
    pub fn start(client: Client, namespace: &str, identity: &str, lease: &str, cancel: &CancellationToken) -> Self {
        let (sender, leader) = watch::channel(false);
        let (stop, ended) = (cancel.child_token(), CancellationToken::new());
        let candidate =
            Candidate { client, namespace: namespace.to_owned(), lease: lease.to_owned(), identity: identity.to_owned(), leader: sender };
        let (stopped, guard) = (stop.clone(), ended.clone().drop_guard());
        tokio::spawn(async move {
            // Dropped at the end of this task, and when it panics.
            let _guard = guard;
            candidate.run(stopped).await;
        });
        Self { leader, stop, ended }
    }

    /// Whether this replica is the leader, now and on every change.
    pub fn leader(&self) -> watch::Receiver<bool> {
        self.leader.clone()
    }

    /// Ends when the election has ended here. Before [`Self::stop`] or `cancel` that must end the process: nobody would
    /// renew the Lease.
    pub fn died(&self) -> impl Future<Output = ()> + Send + use<> {
        self.ended.clone().cancelled_owned()
    }

    /// Stops being leader and releases the Lease, so that another replica takes over at once.
    pub async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(RELEASE_TIMEOUT, self.ended.cancelled()).await.is_err() {
            tracing::warn!("releasing the Lease took too long; it expires by itself");
        }
    }
}

/// Who holds the Lease now, as far as it can be read and has not run out.
pub(super) async fn holder(client: &Client, namespace: &str, lease: &str) -> Option<String> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let lease = api.get_opt(lease).await.ok()??;
    let identity = lease.spec.as_ref()?.holder_identity.clone()?;
    held_until(&lease, &identity).filter(|until| Utc::now() < *until).map(|_| identity)
}

struct Candidate {
    client: Client,
    namespace: String,
    lease: String,
    identity: String,
    leader: watch::Sender<bool>,
}

impl Candidate {
    async fn run(self, stop: CancellationToken) {
        let Some(manager) = stop.run_until_cancelled(self.set_up()).await else { return };
        let (claims, mut task) = manager.watch().await;
        let api = Api::namespaced(self.client, &self.namespace);
        let reader = Reader { api, lease: self.lease, identity: self.identity, leader: self.leader };
        // The reader owns the only receiver of the manager's claims; without one the manager releases and ends.
        tokio::select! {
            () = reader.run(claims, stop.clone()) => {}
            ended = &mut task => return report(ended, &stop),
        }
        report(task.await, &stop);
    }

    async fn set_up(&self) -> LeaseManager {
        loop {
            let builder = LeaseManagerBuilder::new(self.client.clone(), &self.lease)
                .with_namespace(&self.namespace)
                .with_identity(&self.identity)
                .with_field_manager(format!("bonafide-{}", self.identity))
                .with_duration(DURATION_SECONDS)
                .with_grace(GRACE_SECONDS);
            match builder.build().await {
                Ok(manager) => return manager,
                Err(error) => tracing::warn!(error = %chain(&error), "cannot set up the Lease"),
            }
            tokio::time::sleep(SET_UP_INTERVAL).await;
        }
    }
}

fn report(ended: Result<Result<LeaseManager, LeaseManagerError>, JoinError>, stop: &CancellationToken) {
    match ended {
        Ok(Ok(_)) if stop.is_cancelled() => tracing::debug!("the Lease was released"),
        Ok(Ok(_)) => tracing::error!("the task that renews the Lease ended"),
        Ok(Err(error)) => tracing::error!(error = %chain(&error), "the task that renews the Lease failed"),
        Err(error) => tracing::error!(error = %chain(&error), "the task that renews the Lease panicked"),
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
