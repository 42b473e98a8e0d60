//! Requests to the API server about the two configurations and their owner.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::change::Change;
use super::{CONFIGURATION, OWNER};
use crate::chain;

const FIELD_MANAGER: &str = "bonafide";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the owner's uid is believed; a role is hardly ever made anew.
const OWNER_LIFE: Duration = Duration::from_mins(1);

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Someone else wrote since we read; what is there now comes by the watch.
    #[error("a webhook configuration was changed by another at the same time")]
    Raced,
    /// The API server refused or failed.
    #[error("the API server did not take a webhook configuration")]
    Api(#[source] kube::Error),
    /// No answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
}

/// Both configurations at the API server.
pub(super) struct Configurations {
    pub(super) mutating: Api<MutatingWebhookConfiguration>,
    pub(super) validating: Api<ValidatingWebhookConfiguration>,
    roles: Api<ClusterRole>,
    owner: Option<OwnerReference>,
    looked_up: Option<Instant>,
}

impl Configurations {
    pub(super) fn new(client: Client) -> Self {
        let (mutating, validating) = (Api::all(client.clone()), Api::all(client.clone()));
        Self { mutating, validating, roles: Api::all(client), owner: None, looked_up: None }
    }

    /// The operator's role, looked up now and then, and when `anew`: a role made anew has collected what it owned.
    pub(super) async fn owner(&mut self, anew: bool) -> Option<OwnerReference> {
        let known = self.looked_up.is_some_and(|at| at.elapsed() < OWNER_LIFE);
        if known && !anew {
            return self.owner.clone();
        }
        match tokio::time::timeout(REQUEST_TIMEOUT, self.roles.get_metadata_opt(OWNER)).await {
            Ok(Ok(role)) => {
                self.owner = role.and_then(|role| role.uid()).map(reference);
                self.looked_up = Some(Instant::now());
                if self.owner.is_none() {
                    tracing::warn!(
                        role = OWNER,
                        "the operator's ClusterRole does not exist: an uninstall leaves the webhook configurations behind"
                    );
                }
            }
            Ok(Err(error)) => tracing::warn!(error = %chain(&error), role = OWNER, "cannot read the operator's ClusterRole"),
            Err(_) => tracing::warn!(role = OWNER, "reading the operator's ClusterRole took too long"),
        }
        self.owner.clone()
    }
}

/// What was last read of an object.
#[derive(Debug)]
pub(super) enum Seen<K> {
    /// Nothing yet.
    Unread,
    /// It does not exist.
    Absent,
    /// It exists.
    Present(K),
}

impl<K> Seen<K> {
    pub(super) fn is_read(&self) -> bool {
        !matches!(self, Self::Unread)
    }

    pub(super) fn there(&self) -> Option<&K> {
        match self {
            Self::Present(there) => Some(there),
            Self::Unread | Self::Absent => None,
        }
    }
}

impl<K> From<Option<K>> for Seen<K> {
    fn from(read: Option<K>) -> Self {
        read.map_or(Self::Absent, Self::Present)
    }
}

fn reference(uid: String) -> OwnerReference {
    OwnerReference {
        api_version: ClusterRole::api_version(&()).into_owned(),
        kind: ClusterRole::kind(&()).into_owned(),
        name: OWNER.to_owned(),
        uid,
        ..OwnerReference::default()
    }
}

/// Writes a change. What the API server answers is what it stored, and is seen from then on.
pub(super) async fn carry_out<K>(api: &Api<K>, change: Change<K>, seen: &mut Seen<K>) -> Result<(), WriteError>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let post = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    *seen = match change {
        Change::Keep => return Ok(()),
        Change::Create(new) => Seen::Present(within(api.create(&post, &new)).await?),
        Change::Replace(new) => Seen::Present(within(api.replace(CONFIGURATION, &post, &new)).await?),
        Change::Delete => {
            let there = seen.there();
            let (uid, resource_version) = (there.and_then(ResourceExt::uid), there.and_then(ResourceExt::resource_version));
            let fence = Preconditions { uid, resource_version };
            within(api.delete(CONFIGURATION, &DeleteParams::default().preconditions(fence))).await?;
            Seen::Absent
        }
    };
    Ok(())
}

async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, WriteError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => Err(WriteError::Raced),
        Ok(Err(error)) => Err(WriteError::Api(error)),
        Err(_) => Err(WriteError::Timeout),
    }
}
