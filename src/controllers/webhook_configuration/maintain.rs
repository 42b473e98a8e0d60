//! The loop: watches both configurations, publishes what is installed, and as leader puts right what is not.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cover::{Shrinking, settle};
use super::repairs::Repairs;
use super::write::{Configurations, WriteError};
use super::{CONFIGURATION, Cover, Desired, Frame, Installed, Target, change, desired};
use crate::chain;
use crate::controllers::certificates::ServingMaterial;
use crate::index::Coverage;

/// For how long less must have been wanted before less is installed.
const SHRINK_DELAY: Duration = Duration::from_secs(60);
/// A look without an occasion; also how often a paused configuration is complained about.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// What does not change while the operator runs.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where the API server calls us.
    pub target: Target,
    /// Exempt like those below.
    pub operator_namespace: String,
    /// Namespaces without any policy.
    pub exempt_namespaces: BTreeSet<String>,
}

/// Runs until `cancel`, on every replica. `coverage` is none until every policy was listed: then nothing is changed. `installed` is
/// none until both configurations and the certificate were read.
pub async fn maintain(
    client: Client,
    settings: WebhookSettings,
    mut coverage: watch::Receiver<Option<Coverage>>,
    mut material: watch::Receiver<Option<Arc<ServingMaterial>>>,
    mut leader: watch::Receiver<bool>,
    installed: watch::Sender<Option<Installed>>,
    cancel: CancellationToken,
) {
    let configurations = Configurations::new(client);
    let mut mutating = pin!(watch_object(configurations.mutating.clone(), CONFIGURATION).default_backoff());
    let mut validating = pin!(watch_object(configurations.validating.clone(), CONFIGURATION).default_backoff());
    let mut keeper = Keeper::new(configurations, settings, installed);
    loop {
        let now = Now {
            coverage: coverage.borrow_and_update().clone(),
            material: material.borrow_and_update().clone(),
            leads: *leader.borrow_and_update(),
        };
        let next_look = match cancel.run_until_cancelled(keeper.look(now)).await {
            Some(next_look) => next_look,
            None => return,
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(seen) = mutating.next() => keep_seen(&mut keeper.mutating, seen),
            Some(seen) = validating.next() => keep_seen(&mut keeper.validating, seen),
            changed = coverage.changed() => if changed.is_err() { return },
            changed = material.changed() => if changed.is_err() { return },
            changed = leader.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next_look) => {}
        }
    }
}

fn keep_seen<K>(place: &mut Option<Option<K>>, seen: Result<Option<K>, watcher::Error>) {
    match seen {
        Ok(seen) => *place = Some(seen),
        Err(error) => tracing::warn!(error = %chain(&error), "cannot watch the webhook configurations"),
    }
}

struct Now {
    coverage: Option<Coverage>,
    material: Option<Arc<ServingMaterial>>,
    leads: bool,
}

struct Keeper {
    configurations: Configurations,
    target: Target,
    exempt: BTreeSet<String>,
    installed: watch::Sender<Option<Installed>>,
    /// None until it was read; then whether it is there.
    mutating: Option<Option<MutatingWebhookConfiguration>>,
    validating: Option<Option<ValidatingWebhookConfiguration>>,
    shrinking: Option<Shrinking>,
    repairs: Repairs,
    complained: Option<Instant>,
}

impl Keeper {
    fn new(configurations: Configurations, settings: WebhookSettings, installed: watch::Sender<Option<Installed>>) -> Self {
        let WebhookSettings { target, operator_namespace, exempt_namespaces: mut exempt } = settings;
        exempt.insert(operator_namespace);
        Self {
            configurations,
            target,
            exempt,
            installed,
            mutating: None,
            validating: None,
            shrinking: None,
            repairs: Repairs::default(),
            complained: None,
        }
    }

    /// Publishes what is there and, as leader, writes what should be; answers when to look again.
    async fn look(&mut self, now: Now) -> Instant {
        let later = Instant::now() + LOOK_INTERVAL;
        let Some(mut frame) = now.material.map(|material| self.frame(&material)) else { return later };
        self.publish(&frame);
        // While not everything is listed, or another leads, time does not count as time in which less was wanted.
        let (Some(coverage), true) = (now.coverage, now.leads) else {
            self.shrinking = None;
            return later;
        };
        let (Some(mutating), Some(validating)) = (&self.mutating, &self.validating) else { return later };
        let there = Cover::read(mutating.as_ref(), validating.as_ref());
        frame.owner = self.configurations.owner(validating.is_none()).await;
        let wanted = Cover::of(&coverage, &self.exempt);
        let cover = settle(&there, &wanted, &mut self.shrinking, Instant::now(), SHRINK_DELAY);
        let next_write = self.put_right(&desired(&cover, &frame)).await;
        self.publish(&frame);
        let shrink = self.shrinking.as_ref().map(|shrinking| shrinking.due(SHRINK_DELAY));
        [Some(later), next_write, shrink].into_iter().flatten().min().unwrap_or(later)
    }

    fn frame(&self, material: &ServingMaterial) -> Frame {
        Frame {
            target: self.target.clone(),
            ca_pem: material.ca_pem.clone(),
            path_segment: material.path_segment.clone(),
            exempt: self.exempt.clone(),
            owner: None,
        }
    }

    fn publish(&self, frame: &Frame) {
        let (Some(mutating), Some(validating)) = (&self.mutating, &self.validating) else { return };
        let read = Some(Installed::read(mutating.as_ref(), validating.as_ref(), frame));
        self.installed.send_if_modified(|installed| {
            let changed = *installed != read;
            *installed = read;
            changed
        });
    }

    /// Writes what differs; answers when to try again what could not be written.
    async fn put_right(&mut self, wanted: &Desired) -> Option<Instant> {
        let mutating = self.mutating.as_ref().and_then(Option::as_ref);
        let validating = self.validating.as_ref().and_then(Option::as_ref);
        let paused = (
            mutating.is_some_and(|there| change::is_paused(&there.metadata)),
            validating.is_some_and(|there| change::is_paused(&there.metadata)),
        );
        let mutating = if paused.0 { change::Change::Keep } else { change::mutating(wanted.mutating.as_ref(), mutating) };
        let validating = if paused.1 { change::Change::Keep } else { change::validating(&wanted.validating, validating) };
        if paused.0 || paused.1 {
            self.complain();
        }
        if mutating == change::Change::Keep && validating == change::Change::Keep {
            return None;
        }
        let now = Instant::now();
        let due = self.repairs.due(wanted, now);
        if due > now {
            return Some(due);
        }
        if self.repairs.count(now) {
            tracing::warn!("someone else keeps changing our webhook configurations; putting them back slowly");
        }
        match self.write(mutating, validating).await {
            Ok(()) => None,
            Err(WriteError::Raced) => Some(now + RETRY_INTERVAL),
            Err(error) => {
                tracing::error!(error = %chain(&error), "cannot write the webhook configurations");
                Some(now + RETRY_INTERVAL)
            }
        }
    }

    /// What the API server answers is what it stored.
    async fn write(
        &mut self,
        mutating: change::Change<MutatingWebhookConfiguration>,
        validating: change::Change<ValidatingWebhookConfiguration>,
    ) -> Result<(), WriteError> {
        let there = self.mutating.as_ref().and_then(Option::as_ref);
        if let Some(stored) = self.configurations.mutating(mutating, there).await? {
            self.mutating = Some(stored);
        }
        let there = self.validating.as_ref().and_then(Option::as_ref);
        if let Some(stored) = self.configurations.validating(validating, there).await? {
            self.validating = Some(stored);
        }
        tracing::info!("the webhook configurations were written");
        Ok(())
    }

    fn complain(&mut self) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now.saturating_duration_since(last) >= LOOK_INTERVAL) {
            self.complained = Some(now);
            tracing::warn!(
                label = super::PAUSED,
                "a webhook configuration is paused: it is not kept up to date, and policies may not be enforced"
            );
        }
    }
}
