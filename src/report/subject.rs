//! Whom a report is about, and the whole of it.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{Outcome, Owner, Workload};
use crate::crd::{ReportedPod, ReportedWorkload, VerificationReport, VerificationReportSpec, VerificationReportStatus, Violation};
use crate::text;

/// The label by which reports are known as ours.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub(crate) const US: &str = "bonafide";
const MOST_KIND: usize = 63;
const MOST_NAME: usize = 253;

/// Whom a report is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// One pod.
    Pod {
        /// Its name.
        name: &'a str,
        /// Its uid.
        uid: &'a str,
        /// The controller that made it, if one did.
        workload: Option<&'a Workload>,
    },
    /// All pods that a controller made.
    Workload(&'a Owner),
}

/// The report of this name on a subject that has its verdict `since` then.
pub fn content(
    (namespace, name): (&str, &str),
    subject: Subject<'_>,
    outcome: &Outcome,
    since: DateTime<Utc>,
    violations: &[Violation],
) -> VerificationReport {
    VerificationReport {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some([(MANAGED_BY.to_owned(), US.to_owned())].into()),
            owner_references: Some(vec![subject.as_owner()]),
            ..ObjectMeta::default()
        },
        spec: subject.spec(),
        status: Some(VerificationReportStatus {
            conditions: vec![outcome.condition(since)],
            summary: outcome.summary(),
            images: outcome.results.to_vec(),
            violations: violations.to_vec(),
        }),
    }
}

impl Subject<'_> {
    /// Reports are collected with what they are about, without delaying its deletion.
    fn as_owner(&self) -> OwnerReference {
        let (api_version, kind, name, uid) = match *self {
            Self::Pod { name, uid, workload: _ } => ("v1", "Pod", name, uid),
            Self::Workload(Owner { api_version, workload: Workload { kind, name }, uid }) => {
                (api_version.as_str(), kind.as_str(), name.as_str(), uid.as_str())
            }
        };
        OwnerReference {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            controller: Some(false),
            block_owner_deletion: None,
        }
    }

    fn spec(&self) -> VerificationReportSpec {
        match *self {
            Self::Pod { name, uid, workload } => VerificationReportSpec {
                pod: Some(ReportedPod { name: name.to_owned(), uid: uid.to_owned() }),
                workload: workload.map(reported),
            },
            Self::Workload(owner) => VerificationReportSpec { pod: None, workload: Some(reported(&owner.workload)) },
        }
    }
}

fn reported(workload: &Workload) -> ReportedWorkload {
    ReportedWorkload { kind: text::shown(&workload.kind, MOST_KIND), name: text::shown(&workload.name, MOST_NAME) }
}
