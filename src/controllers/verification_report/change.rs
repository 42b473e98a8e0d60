//! What has to happen to a stored report. Pure.

use super::stored::{Stored, fingerprint};
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
pub(super) fn between(stored: Option<&Stored>, desired: Option<VerificationReport>) -> Change {
    match (stored, desired) {
        (None, None) => Change::Nothing,
        (Some(_), None) => Change::Delete,
        (Some(stored), Some(desired)) if is_of_another(stored, &desired) => Change::DeleteThenApply(desired),
        // Labels and owners that others have added are left alone.
        (Some(stored), Some(desired)) if stored.fingerprint == fingerprint(&desired) => Change::Nothing,
        (_, Some(desired)) => Change::Apply(desired),
    }
}

/// Server-side apply reuses an object of the same name, and leaves a field that somebody else has set.
fn is_of_another(stored: &Stored, desired: &VerificationReport) -> bool {
    let surplus = stored.has_workload && desired.spec.workload.is_none();
    stored.pod.as_deref() != desired.spec.pod.as_ref().map(|pod| pod.uid.as_str()) || surplus || stored.has_foreign_owner
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use chrono::{DateTime, Utc};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    use super::*;
    use crate::report::{self, Outcome, Owner, Subject, Workload};

    fn written(subject: Subject<'_>) -> VerificationReport {
        report::content(("shop", "job-a"), subject, &Outcome::of(&[]), DateTime::<Utc>::UNIX_EPOCH, &[])
    }

    fn report(uid: &str) -> VerificationReport {
        let workload = Workload { kind: "Job".to_owned(), name: "job".to_owned() };
        written(Subject::Pod { name: "job-a", uid, workload: Some(&workload) })
    }

    fn owner(uid: &str) -> Owner {
        Owner { api_version: "v1".to_owned(), workload: Workload { kind: "Job".to_owned(), name: "job".to_owned() }, uid: uid.to_owned() }
    }

    /// As the API server gives it back.
    fn stored(report: VerificationReport) -> Stored {
        let mut report: VerificationReport = serde_json::from_value(serde_json::to_value(report).unwrap()).unwrap();
        report.metadata.uid = Some("r1".to_owned());
        report.metadata.resource_version = Some("7".to_owned());
        Stored::of(&report).unwrap()
    }

    fn edited(edit: impl FnOnce(&mut VerificationReport)) -> Change {
        let mut edited = report("u1");
        edit(&mut edited);
        between(Some(&stored(edited)), Some(report("u1")))
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
        let of_workload = || written(Subject::Workload(&owner("w")));
        assert_eq!(between(Some(&stored(of_workload())), Some(of_workload())), Change::Nothing);
    }

    #[test]
    fn another_pod_of_the_same_name_gets_another_report() {
        assert_eq!(between(Some(&stored(report("u1"))), Some(report("u2"))), Change::DeleteThenApply(report("u2")));
        let of_workload = written(Subject::Workload(&owner("w")));
        assert_eq!(between(Some(&stored(report("u1"))), Some(of_workload.clone())), Change::DeleteThenApply(of_workload));
    }

    #[test]
    fn an_edited_report_is_put_back() {
        let put_back = Change::Apply(report("u1"));
        assert_eq!(edited(|report| report.status.as_mut().unwrap().conditions[0].status = "False".to_owned()), put_back);
        assert_eq!(edited(|report| report.status = None), put_back);
        assert_eq!(edited(|report| report.metadata.labels = None), put_back);
        assert_eq!(edited(|report| report.metadata.owner_references = None), put_back);
        assert_eq!(edited(|report| report.metadata.owner_references.as_mut().unwrap()[0].controller = Some(true)), put_back);
        assert_eq!(edited(|report| report.metadata.owner_references.as_mut().unwrap()[0].api_version = "v2".to_owned()), put_back);
        assert_eq!(edited(|report| report.spec.workload = None), put_back);
        let violation = serde_json::json!({"image": "x", "policy": "a/p", "reason": "R", "opened": "1970-01-01T00:00:50Z"});
        assert_eq!(edited(|report| report.status.as_mut().unwrap().violations.push(serde_json::from_value(violation).unwrap())), put_back);
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
        let owned = edited(|report| {
            let owners = report.metadata.owner_references.as_mut().unwrap();
            owners.push(OwnerReference { kind: "Team".to_owned(), uid: "t".to_owned(), ..owners[0].clone() });
        });
        assert_eq!(owned, Change::Nothing);
    }

    #[test]
    fn only_a_report_without_a_pod_as_owner_is_an_orphan() {
        assert!(!stored(report("u1")).is_orphan());
        assert!(stored(report("")).is_orphan());
        let mut bare = report("u1");
        bare.metadata.owner_references = None;
        assert!(stored(bare).is_orphan());
        assert!(!stored(written(Subject::Workload(&owner("w")))).is_orphan());
    }
}
