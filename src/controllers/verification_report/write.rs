//! The writes, each fenced: over nothing but what was compared, and never over another pod's report.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};

use super::Term;
use super::change::Change;
use crate::crd::VerificationReport;
use crate::policy::ObjectName;

const FIELD_MANAGER: &str = "bonafide";

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The API server did not take it.
    #[error("the report was not applied")]
    Apply(#[source] kube::Error),
    /// The API server did not remove it.
    #[error("the report was not deleted")]
    Delete(#[source] kube::Error),
}

impl WriteError {
    /// Whether somebody else has changed the report meanwhile.
    pub(super) fn is_conflict(&self) -> bool {
        let (Self::Apply(error) | Self::Delete(error)) = self;
        matches!(error, kube::Error::Api(status) if status.is_conflict())
    }
}

/// Makes the stored report what it should be.
pub(super) async fn carry_out(
    term: &Term,
    name: &ObjectName,
    stored: Option<&VerificationReport>,
    change: Change,
) -> Result<(), WriteError> {
    let api = Api::namespaced(term.client.clone(), &name.namespace);
    if change != Change::Nothing {
        term.writes.turn().await;
    }
    match change {
        Change::Nothing => Ok(()),
        Change::Delete => delete(&api, stored).await,
        Change::Apply(report) => {
            term.memory.writes(name, &report);
            apply(&api, report, stored.and_then(ResourceExt::resource_version)).await
        }
        Change::DeleteThenApply(report) => {
            delete(&api, stored).await?;
            term.memory.writes(name, &report);
            apply(&api, report, None).await
        }
    }
}

/// With the version that was compared; without one the report is made.
async fn apply(api: &Api<VerificationReport>, mut report: VerificationReport, version: Option<String>) -> Result<(), WriteError> {
    report.metadata.resource_version = version;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&report.name_any(), &params, &Patch::Apply(&report)).await.map(drop).map_err(WriteError::Apply)
}

/// One that is gone already is as good.
pub(super) async fn delete(api: &Api<VerificationReport>, stored: Option<&VerificationReport>) -> Result<(), WriteError> {
    let Some(stored) = stored else { return Ok(()) };
    let Some(uid) = stored.uid() else { return Ok(()) };
    let preconditions = Preconditions { uid: Some(uid), resource_version: stored.resource_version() };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(&stored.name_any(), &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(WriteError::Delete(error)),
        Ok(_) => Ok(()),
    }
}
