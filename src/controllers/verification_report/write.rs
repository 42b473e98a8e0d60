//! The writes, each fenced: over nothing but what was compared, and never over another pod's report.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};

use super::book::Desired;
use super::change::{self, Change};
use super::queue::Name;
use super::stored::{Stored, fingerprint};
use super::{Term, now, open_reports};
use crate::crd::VerificationReport;

const FIELD_MANAGER: &str = "bonafide";

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    /// The API server did not take it.
    #[error("the report was not applied")]
    Apply(#[source] kube::Error),
    /// The API server did not remove it.
    #[error("the report was not deleted")]
    Delete(#[source] kube::Error),
}

impl WriteError {
    /// Whether somebody else has changed the report meanwhile.
    fn is_conflict(&self) -> bool {
        let (Self::Apply(error) | Self::Delete(error)) = self;
        matches!(error, kube::Error::Api(status) if status.is_conflict())
    }
}

/// Makes the stored report of this name what it should be.
pub(super) async fn write(term: &Term, name: Name) {
    let outcome = match plan(term, &name) {
        None => Ok(None),
        Some(Plan { stored, desired }) => {
            open_reports::mirror(term, &name, desired.as_ref()).await;
            let change = change::between(stored.as_ref(), desired);
            carry_out(term, &name, stored.as_ref(), change).await
        }
    };
    let (now, mut book) = (now().instant, term.book());
    match outcome {
        Ok(None) => {}
        Ok(Some(Written(stored))) => book.written(&name, stored),
        Err(error) => {
            if error.is_conflict() {
                tracing::debug!(%name, "a report was written by others");
            } else {
                tracing::warn!(%name, error = %crate::chain(&error), "a report could not be written");
            }
            book.not_written(&name, error.is_conflict(), now, rand::random());
        }
    }
    book.writes.done(&name, now);
    drop(book);
    term.wake();
}

/// What is stored, and what should be.
struct Plan {
    stored: Option<Stored>,
    desired: Option<VerificationReport>,
}

/// Nothing when that is not known yet, or somebody else's business.
fn plan(term: &Term, name: &Name) -> Option<Plan> {
    let mut book = term.book();
    let desired = match book.desired(name, now()) {
        Desired::Unknown => return None,
        Desired::Nothing => None,
        Desired::Report(report) => Some(*report),
    };
    if let Some(report) = &desired {
        book.expects(name, fingerprint(report));
    }
    Some(Plan { stored: book.stored(name).cloned(), desired })
}

/// What is stored after a write; nothing when it was removed.
struct Written(Option<Stored>);

async fn carry_out(term: &Term, name: &Name, stored: Option<&Stored>, change: Change) -> Result<Option<Written>, WriteError> {
    let api = Api::namespaced(term.client.clone(), &name.namespace);
    if change != Change::Nothing {
        term.turn().await;
    }
    match change {
        Change::Nothing => Ok(None),
        Change::Delete => delete(&api, name, stored).await.map(|()| Some(Written(None))),
        Change::Apply(report) => apply(&api, report, stored.map(|stored| stored.version.to_string())).await.map(Some),
        Change::DeleteThenApply(report) => {
            delete(&api, name, stored).await?;
            term.turn().await;
            apply(&api, report, None).await.map(Some)
        }
    }
}

/// With the version that was compared; without one the report is made.
async fn apply(api: &Api<VerificationReport>, mut report: VerificationReport, version: Option<String>) -> Result<Written, WriteError> {
    report.metadata.resource_version = version;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let stored = api.patch(&report.name_any(), &params, &Patch::Apply(&report)).await.map_err(WriteError::Apply)?;
    Ok(Written(Stored::of(&stored)))
}

/// One that is gone already is as good.
async fn delete(api: &Api<VerificationReport>, name: &Name, stored: Option<&Stored>) -> Result<(), WriteError> {
    let Some(Stored { uid, version, .. }) = stored else { return Ok(()) };
    let preconditions = Preconditions { uid: Some(uid.to_string()), resource_version: Some(version.to_string()) };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(&name.name, &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(WriteError::Delete(error)),
        Ok(_) => Ok(()),
    }
}
