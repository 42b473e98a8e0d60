//! The status of our own kinds: findings become conditions, written by the leader only when they change.

mod conditions;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::conditions::{Cover, status};
use super::notary_state::{Loss, Remembered};
use super::webhook_configuration::Installed;
use super::{Compiled, Reach, Stores};
use crate::crd::{ImagePolicy, Mode, TrustRoot, Validator};
use crate::index::{Finding, Snapshot, Warning};
use crate::policy::Kind;

const MANAGER: &str = "bonafide-status";
/// A write that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// What changes by time alone is looked at so often.
const LOOK: Duration = Duration::from_hours(1);
/// Time enough to get another certificate.
const BEFORE_THE_END: TimeDelta = TimeDelta::days(30);

/// Writes statuses.
pub struct StatusWriter {
    /// The client.
    pub client: Client,
    /// The objects as they are stored.
    pub stores: Stores,
    /// What was compiled.
    pub compiled: watch::Receiver<Option<Compiled>>,
    /// What the API server holds of our webhook configurations.
    pub installed: watch::Receiver<Option<Installed>>,
    /// What is remembered of trust data, and what of it was lost.
    pub remembered: watch::Receiver<Option<Remembered>>,
    /// Whether this replica writes.
    pub leader: watch::Receiver<bool>,
    /// An operator of a single namespace has no webhook that a policy could wait for.
    pub reach: Reach,
}

impl StatusWriter {
    /// Writes after every change, until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            let complete = if *self.leader.borrow() { self.write_all().await } else { true };
            let retry = async { if complete { std::future::pending().await } else { tokio::time::sleep(RETRY).await } };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = retry => {}
                () = tokio::time::sleep(LOOK) => {}
                Ok(()) = self.compiled.changed() => {}
                Ok(()) = self.installed.changed() => {}
                Ok(()) = self.remembered.changed() => {}
                Ok(()) = self.leader.changed() => {}
            }
        }
    }

    /// Whether everything that had to be written was.
    async fn write_all(&self) -> bool {
        let Some(Compiled { snapshot, findings, .. }) = self.compiled.borrow().clone() else { return true };
        let installed = self.installed.borrow().clone();
        let mut complete = true;
        for finding in findings.iter() {
            complete &= self.write(finding, self.cover(finding, &snapshot, installed.as_ref())).await;
        }
        complete
    }

    fn cover(&self, finding: &Finding, snapshot: &Snapshot, installed: Option<&Installed>) -> Cover {
        match &self.reach {
            Reach::Namespace(_) if finding.kind == Kind::ImagePolicy => Cover::None,
            _ => cover(finding, snapshot, installed),
        }
    }

    async fn write(&self, finding: &Finding, cover: Cover) -> bool {
        let Some(stored) = stored(self.stores.of(finding.kind), finding) else { return true };
        let old = stored.data.get("status").cloned().unwrap_or_default();
        let remembered = self.remembered.borrow().clone().unwrap_or_default();
        let now = Utc::now();
        let finding = &with_ends(with_loss(finding, &stored, &remembered.losses), now);
        let new = status(finding, cover, &old, now);
        if new == old || stored.metadata.deletion_timestamp.is_some() {
            return true;
        }
        let (api, kind) = self.api(finding);
        let patch = applied(&kind, &stored, &new);
        match api.patch_status(&finding.object.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await {
            Ok(_) => true,
            // Changed or gone meanwhile: the watch tells, and then there is something newer to say.
            Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => true,
            Err(error) => {
                tracing::warn!(kind = kind.kind, object = %finding.object, error = %crate::chain(&error), "status not written");
                false
            }
        }
    }

    fn api(&self, finding: &Finding) -> (Api<DynamicObject>, ApiResource) {
        let kind = match finding.kind {
            Kind::ImagePolicy => ApiResource::erase::<ImagePolicy>(&()),
            Kind::Validator => ApiResource::erase::<Validator>(&()),
            Kind::TrustRoot => ApiResource::erase::<TrustRoot>(&()),
        };
        (Api::namespaced_with(self.client.clone(), &finding.object.namespace, &kind), kind)
    }
}

/// A validator of trust data also says that what was seen for its namespace is gone.
fn with_loss(finding: &Finding, stored: &DynamicObject, losses: &[Loss]) -> Finding {
    let mut finding = finding.clone();
    let concerned = finding.kind == Kind::Validator && stored.data.pointer("/spec/notaryV1").is_some();
    let losses = losses.iter().filter(|loss| concerned && loss.owner == finding.object.namespace);
    let guns = losses.clone().map(|loss| loss.guns).sum();
    if let Some(noticed) = losses.map(|loss| loss.noticed).max() {
        finding.warnings.push(Warning::NotaryStateLost { guns, noticed });
    }
    finding
}

/// A trust root also says that a certificate of it ends soon.
fn with_ends(mut finding: Finding, now: DateTime<Utc>) -> Finding {
    let ends = finding.keys.iter().filter_map(|material| Some((material.name.clone(), material.expires?)));
    let soon = ends.filter(|(_, at)| *at <= now + BEFORE_THE_END);
    let warnings: Vec<_> = soon.map(|(name, at)| Warning::MaterialEnds { name, at, over: at <= now }).collect();
    finding.warnings.extend(warnings);
    finding
}

/// Only a policy needs a webhook, and only where its namespace is not exempt.
fn cover(finding: &Finding, snapshot: &Snapshot, installed: Option<&Installed>) -> Cover {
    let namespace = &finding.object.namespace;
    if finding.kind != Kind::ImagePolicy {
        return Cover::There;
    }
    if snapshot.exempt_namespaces.contains(namespace) && *namespace != snapshot.operator_namespace {
        return Cover::Exempt;
    }
    let mut policies = snapshot.cluster.iter().chain(snapshot.tenants.values().flatten());
    let enforce = policies.any(|policy| policy.name == finding.object && policy.mode == Mode::Enforce);
    let covered = installed.is_some_and(|installed| installed.covers(namespace, &snapshot.operator_namespace, enforce));
    if covered { Cover::There } else { Cover::Pending }
}

fn stored(store: &Store<DynamicObject>, finding: &Finding) -> Option<Arc<DynamicObject>> {
    store
        .find(|object| object.name_any() == finding.object.name && object.namespace().as_deref() == Some(finding.object.namespace.as_str()))
}

/// Fenced by the resource version that the finding was made from.
fn applied(kind: &ApiResource, stored: &DynamicObject, status: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": stored.name_any(), "resourceVersion": stored.resource_version()},
        "status": status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Material, Readiness};
    use crate::policy::ObjectName;

    #[test]
    fn a_trust_root_says_that_a_certificate_ends_a_month_before_it_does() {
        let end: DateTime<Utc> = "2027-01-31T00:00:00Z".parse().unwrap_or_default();
        let material = |expires| Material { name: "ca".to_owned(), fingerprint: String::new(), algorithm: String::new(), expires };
        let finding = Finding {
            kind: Kind::TrustRoot,
            object: ObjectName::new("shop", "r"),
            generation: None,
            readiness: Readiness::Ready,
            warnings: vec![],
            keys: vec![material(None), material(Some(end))],
        };
        let at = |days| with_ends(finding.clone(), end - TimeDelta::days(days)).warnings;
        let ends = |over| vec![Warning::MaterialEnds { name: "ca".to_owned(), at: end, over }];
        assert_eq!((at(31), at(30), at(0), at(-1)), (vec![], ends(false), ends(true), ends(true)));
        assert_eq!(ends(false)[0].to_string(), "a certificate of \"ca\" ends at 2027-01-31 00:00:00 UTC");
    }

    #[test]
    fn a_validator_of_trust_data_says_that_what_was_seen_for_its_namespace_is_gone() {
        let finding = |kind| Finding {
            kind,
            object: ObjectName::new("shop", "v"),
            generation: None,
            readiness: Readiness::Ready,
            warnings: vec![],
            keys: vec![],
        };
        let object = |spec: Value| {
            let kind = ApiResource::erase::<Validator>(&());
            DynamicObject::new("v", &kind).data(json!({"spec": spec}))
        };
        let loss = |owner: &str, guns, day| Loss {
            owner: owner.to_owned(),
            guns,
            noticed: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(day),
        };
        let losses = [loss("shop", 2, 3), loss("shop", 1, 1), loss("other", 9, 9)];
        let (of_trust_data, of_another) = (object(json!({"notaryV1": {}})), object(json!({"cosign": {}})));
        let warned = with_loss(&finding(Kind::Validator), &of_trust_data, &losses).warnings;
        assert_eq!(warned, [Warning::NotaryStateLost { guns: 3, noticed: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(3) }]);
        assert!(with_loss(&finding(Kind::Validator), &of_another, &losses).warnings.is_empty());
        assert!(with_loss(&finding(Kind::TrustRoot), &of_trust_data, &losses).warnings.is_empty());
        assert!(with_loss(&finding(Kind::Validator), &of_trust_data, &losses[2..]).warnings.is_empty());
    }
}
