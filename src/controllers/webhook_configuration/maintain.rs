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

use super::change::{self, Change};
use super::cover::{Shrinking, settle};
use super::repairs::Repairs;
use super::write::{Configurations, Seen, WriteError, carry_out};
use super::{CONFIGURATION, Cover, Desired, Frame, Installed, Target, desired};
use crate::chain;
use crate::controllers::certificates::ServingMaterial;
use crate::index::Coverage;

/// For how long less must have been wanted before less is installed.
const SHRINK_DELAY: Duration = Duration::from_mins(1);
/// A look without an occasion; also how often a paused configuration is complained about.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
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
        let Some(next_look) = cancel.run_until_cancelled(keeper.look(now)).await else { return };
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

fn keep_seen<K>(place: &mut Seen<K>, read: Result<Option<K>, watcher::Error>) {
    match read {
        Ok(read) => *place = read.into(),
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
    mutating: Seen<MutatingWebhookConfiguration>,
    validating: Seen<ValidatingWebhookConfiguration>,
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
            mutating: Seen::Unread,
            validating: Seen::Unread,
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
        if !self.is_read() {
            return later;
        }
        let there = Cover::read(self.mutating.there(), self.validating.there());
        frame.owner = self.configurations.owner(self.validating.there().is_none()).await;
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

    fn is_read(&self) -> bool {
        self.mutating.is_read() && self.validating.is_read()
    }

    fn publish(&self, frame: &Frame) {
        if !self.is_read() {
            return;
        }
        let read = Some(Installed::read(self.mutating.there(), self.validating.there(), frame));
        self.installed.send_if_modified(|installed| {
            let changed = *installed != read;
            *installed = read;
            changed
        });
    }

    /// Writes what differs; answers when to try again what could not be written.
    async fn put_right(&mut self, wanted: &Desired) -> Option<Instant> {
        let (mutating, validating) = self.changes(wanted);
        if mutating == Change::Keep && validating == Change::Keep {
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

    /// What differs, in the configurations that we may touch.
    fn changes(&mut self, wanted: &Desired) -> (Change<MutatingWebhookConfiguration>, Change<ValidatingWebhookConfiguration>) {
        let (mutating, validating) = (self.mutating.there(), self.validating.there());
        let mutating_paused = mutating.is_some_and(|there| change::is_paused(&there.metadata));
        let validating_paused = validating.is_some_and(|there| change::is_paused(&there.metadata));
        let changes = (
            if mutating_paused { Change::Keep } else { change::mutating(wanted.mutating.as_ref(), mutating) },
            if validating_paused { Change::Keep } else { change::validating(&wanted.validating, validating) },
        );
        if mutating_paused || validating_paused {
            self.complain();
        }
        changes
    }

    async fn write(
        &mut self,
        mutating: Change<MutatingWebhookConfiguration>,
        validating: Change<ValidatingWebhookConfiguration>,
    ) -> Result<(), WriteError> {
        carry_out(&self.configurations.mutating, mutating, &mut self.mutating).await?;
        carry_out(&self.configurations.validating, validating, &mut self.validating).await?;
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

#[cfg(test)]
mod tests;
