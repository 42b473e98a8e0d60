//! What has to happen to a stored report. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::crd::VerificationReport;

/// The difference between what is stored and what should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// They agree.
    Nothing,
    /// Write the report, over the stored one if there is one.
    Apply(VerificationReport),
    /// Remove the stored report.
    Delete,
    /// Applying would keep the identity of another pod's report, or what it cannot take away.
    DeleteThenApply(VerificationReport),
}

/// Compares the stored report with the one that should be there.
pub(super) fn between(stored: Option<&VerificationReport>, desired: Option<VerificationReport>) -> Change {
    match (stored, desired) {
        (None, None) => Change::Nothing,
        (Some(_), None) => Change::Delete,
        (Some(stored), Some(desired)) if is_of_another(stored, &desired) => Change::DeleteThenApply(desired),
        (Some(stored), Some(desired)) if says_the_same(stored, &desired) => Change::Nothing,
        (_, Some(desired)) => Change::Apply(desired),
    }
}

/// Server-side apply reuses an object of the same name, and leaves a field that somebody else has set.
fn is_of_another(stored: &VerificationReport, desired: &VerificationReport) -> bool {
    let owned_by_another = || {
        let ours = owners(desired);
        owners(stored).iter().any(|owner| owner.kind == "Pod" && ours.iter().all(|own| own.uid != owner.uid))
    };
    let surplus = stored.spec.workload.is_some() && desired.spec.workload.is_none();
    stored.spec.pod.uid != desired.spec.pod.uid || surplus || owned_by_another()
}

/// Labels and owners that others have added are left alone.
fn says_the_same(stored: &VerificationReport, desired: &VerificationReport) -> bool {
    let labels = |report: &VerificationReport| -> BTreeMap<String, String> { report.metadata.labels.clone().unwrap_or_default() };
    let has = labels(stored);
    stored.spec == desired.spec
        && stored.status == desired.status
        && labels(desired).iter().all(|(key, value)| has.get(key) == Some(value))
        && owners(desired).iter().all(|own| owners(stored).iter().any(|owner| is_same_owner(owner, own)))
}

fn owners(report: &VerificationReport) -> &[OwnerReference] {
    report.metadata.owner_references.as_deref().unwrap_or_default()
}

fn is_same_owner(one: &OwnerReference, other: &OwnerReference) -> bool {
    let identity = |owner: &OwnerReference| (owner.api_version.clone(), owner.kind.clone(), owner.name.clone(), owner.uid.clone());
    identity(one) == identity(other) && one.controller.unwrap_or(false) == other.controller.unwrap_or(false)
}

/// Whether nothing but us will ever remove it: its pod is gone, and the garbage collector sees no owner.
pub(super) fn is_orphan(report: &VerificationReport) -> bool {
    !owners(report).iter().any(|owner| owner.api_version == "v1" && owner.kind == "Pod" && !owner.uid.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::report::{self, PodFacts, Workload};

    fn report(uid: &str) -> VerificationReport {
        let workload = Some(Workload { kind: "Job".to_owned(), name: "job".to_owned() });
        let facts = PodFacts { namespace: "shop".to_owned(), name: "job-a".to_owned(), uid: uid.to_owned(), workload, images: vec![] };
        report::content(&facts, &[], &[], DateTime::<Utc>::UNIX_EPOCH)
    }

    /// As the API server gives it back.
    fn stored(report: VerificationReport) -> VerificationReport {
        let mut report: VerificationReport = serde_json::from_value(serde_json::to_value(report).unwrap()).unwrap();
        report.metadata.uid = Some("r1".to_owned());
        report.metadata.resource_version = Some("7".to_owned());
        report
    }

    fn edited(edit: impl FnOnce(&mut VerificationReport)) -> Change {
        let mut stored = stored(report("u1"));
        edit(&mut stored);
        between(Some(&stored), Some(report("u1")))
    }

    #[test]
    fn a_pod_without_policy_has_no_report() {
        assert_eq!(between(None, None), Change::Nothing);
        assert_eq!(between(Some(&stored(report("u1"))), None), Change::Delete);
    }

    #[test]
    fn a_missing_report_is_written() {
        assert_eq!(between(None, Some(report("u1"))), Change::Apply(report("u1")));
    }

    #[test]
    fn an_unchanged_report_is_not_written() {
        assert_eq!(between(Some(&stored(report("u1"))), Some(report("u1"))), Change::Nothing);
    }

    #[test]
    fn another_pod_of_the_same_name_gets_another_report() {
        assert_eq!(between(Some(&stored(report("u1"))), Some(report("u2"))), Change::DeleteThenApply(report("u2")));
    }

    #[test]
    fn an_edited_report_is_put_back() {
        let put_back = Change::Apply(report("u1"));
        assert_eq!(edited(|report| report.status.as_mut().unwrap().conditions[0].status = "False".to_owned()), put_back);
        assert_eq!(edited(|report| report.status = None), put_back);
        assert_eq!(edited(|report| report.metadata.labels = None), put_back);
        assert_eq!(edited(|report| report.metadata.owner_references = None), put_back);
        assert_eq!(edited(|report| report.metadata.owner_references.as_mut().unwrap()[0].controller = Some(true)), put_back);
        assert_eq!(edited(|report| report.spec.workload = None), put_back);
    }

    #[test]
    fn what_applying_cannot_take_away_is_removed_with_the_report() {
        let mut bare = report("u1");
        bare.spec.workload = None;
        assert_eq!(between(Some(&stored(report("u1"))), Some(bare.clone())), Change::DeleteThenApply(bare));
        let other_pod = edited(|report| {
            let owners = report.metadata.owner_references.as_mut().unwrap();
            owners.push(OwnerReference { uid: "u0".to_owned(), ..owners[0].clone() });
        });
        assert_eq!(other_pod, Change::DeleteThenApply(report("u1")));
    }

    #[test]
    fn what_others_add_beside_it_is_left_alone() {
        let labelled = edited(|report| {
            report.metadata.labels.as_mut().unwrap().insert("team".to_owned(), "shop".to_owned());
        });
        assert_eq!(labelled, Change::Nothing);
    }

    #[test]
    fn only_a_report_without_a_pod_as_owner_is_an_orphan() {
        assert!(!is_orphan(&report("u1")));
        assert!(is_orphan(&report("")));
        let mut bare = report("u1");
        bare.metadata.owner_references = None;
        assert!(is_orphan(&bare));
    }
}
