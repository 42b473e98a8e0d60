//! What is remembered of a stored report: enough to compare it, to fence a write, and to know since when something is so.
//!
//! Boundary: no verdict is taken from it (security rule 25). Whole reports of 10,000 pods would be ten times as large.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::running::Verified;
use crate::crd::{ReportedPod, VerificationReport, Violation};
use crate::report::{MANAGED_BY, US, verified_of};

/// A stored report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stored {
    pub(super) uid: Box<str>,
    pub(super) version: Box<str>,
    /// Over everything that we write.
    pub(super) fingerprint: u64,
    /// The uid of the pod that it is about; absent when it is about a workload.
    pub(super) pod: Option<Box<str>>,
    pub(super) has_workload: bool,
    /// Whether the garbage collector will see an owner of ours in it.
    pub(super) is_owned: bool,
    /// Whether it names a pod as owner that it is not about.
    pub(super) has_foreign_owner: bool,
    /// What it says, and since when: for times, never for verdicts.
    pub(super) verified: Option<(Verified, DateTime<Utc>)>,
    pub(super) violations: Option<Arc<[Violation]>>,
    /// The list in which it was seen last.
    pub(super) seen: u32,
}

impl Stored {
    pub(super) fn of(report: &VerificationReport) -> Option<Self> {
        let pod = report.spec.pod.as_ref();
        let verified = verified_of(report).and_then(|condition| {
            Some((Verified::of(&condition.status), DateTime::from_timestamp(condition.last_transition_time.0.as_second(), 0)?))
        });
        let violations = report.status.as_ref().map(|status| status.violations.as_slice()).filter(|violations| !violations.is_empty());
        Some(Self {
            uid: report.metadata.uid.as_deref()?.into(),
            version: report.metadata.resource_version.as_deref()?.into(),
            fingerprint: fingerprint(report),
            pod: pod.map(|pod| pod.uid.as_str().into()),
            has_workload: report.spec.workload.is_some(),
            is_owned: owners(report).iter().any(|owner| is_usable(owner, pod)),
            has_foreign_owner: owners(report).iter().any(|owner| is_pod(owner) && pod.is_none_or(|pod| pod.uid != owner.uid)),
            verified,
            violations: violations.map(Into::into),
            seen: 0,
        })
    }

    /// Whether the garbage collector has nothing to go by: then nobody but us will ever remove it.
    pub(super) fn is_orphan(&self) -> bool {
        !self.is_owned
    }
}

/// Over everything that we write, and not over what the API server or others add.
pub(super) fn fingerprint(report: &VerificationReport) -> u64 {
    let mut hasher = DefaultHasher::new();
    let VerificationReport { metadata, spec, status } = report;
    let is_labelled = metadata.labels.iter().flatten().any(|(key, value)| key == MANAGED_BY && value == US);
    let mut owners: Vec<_> = owners(report).iter().filter(|owner| is_ours(owner, report)).map(identity).collect();
    owners.sort_unstable();
    serde_json::to_vec(&(is_labelled, owners, spec, status)).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

fn owners(report: &VerificationReport) -> &[OwnerReference] {
    report.metadata.owner_references.as_deref().unwrap_or_default()
}

fn identity(owner: &OwnerReference) -> (&str, &str, &str, &str, bool) {
    (&owner.api_version, &owner.kind, &owner.name, &owner.uid, owner.controller.unwrap_or(false))
}

/// An owner as we would write it; others may have added theirs.
fn is_ours(owner: &OwnerReference, report: &VerificationReport) -> bool {
    match (&report.spec.pod, &report.spec.workload) {
        (Some(pod), _) => is_pod(owner) && owner.name == pod.name && owner.uid == pod.uid,
        (None, Some(workload)) => owner.kind == workload.kind && owner.name == workload.name,
        (None, None) => false,
    }
}

fn is_pod(owner: &OwnerReference) -> bool {
    owner.kind == "Pod"
}

/// An owner by which the garbage collector goes.
fn is_usable(owner: &OwnerReference, pod: Option<&ReportedPod>) -> bool {
    !owner.uid.is_empty() && (pod.is_none() || (owner.api_version == "v1" && is_pod(owner)))
}
