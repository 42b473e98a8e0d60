//! The leader's loop: reads both Secrets, carries out the plan, fenced by `resourceVersion`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use rustls::pki_types::ServerName;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::issue::{Authority, random_path, serving_data};
use super::plan::{self, Plan};
use super::{AUTHORITY_SECRET, IssueError, SERVING_SECRET};
use crate::chain;

const CHECK_INTERVAL: Duration = Duration::from_mins(1);
/// After a failure, or a change by another leader.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const TLS_TYPE: &str = "kubernetes.io/tls";

/// For whom certificates are issued.
#[derive(Clone, Debug)]
pub struct CertificateSettings {
    /// The operator namespace, where both Secrets are.
    pub namespace: String,
    /// The names and addresses by which the API server calls.
    pub names: Vec<ServerName<'static>>,
}

#[derive(Debug, thiserror::Error)]
enum MaintainError {
    #[error("cannot read or write Secret {0}")]
    Api(&'static str, #[source] kube::Error),
    #[error("the API server did not answer about Secret {0}")]
    Timeout(&'static str),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("Secret {0} was changed by another at the same time")]
    Raced(&'static str),
}

/// Keeps both Secrets usable while this replica is the leader, until `cancel`.
pub async fn maintain(client: Client, settings: CertificateSettings, mut leader: watch::Receiver<bool>, cancel: CancellationToken) {
    let secrets = Secrets(Api::namespaced(client, &settings.namespace));
    loop {
        let leads = *leader.borrow_and_update();
        let wait = if leads { check(&secrets, &settings).await } else { CHECK_INTERVAL };
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = leader.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One round; answers when the next is due.
async fn check(secrets: &Secrets, settings: &CertificateSettings) -> Duration {
    match carry_out(secrets, settings).await {
        Ok(()) => CHECK_INTERVAL,
        Err(MaintainError::Raced(secret)) => {
            tracing::info!(secret, "another leader was faster");
            RETRY_INTERVAL
        }
        Err(error) => {
            tracing::error!(error = %chain(&error), "cannot keep the webhook's certificate");
            RETRY_INTERVAL
        }
    }
}

async fn carry_out(secrets: &Secrets, settings: &CertificateSettings) -> Result<(), MaintainError> {
    let (authority, serving) = (secrets.read(AUTHORITY_SECRET).await?, secrets.read(SERVING_SECRET).await?);
    let (authority_data, serving_data_now) = (data(authority.as_ref()), data(serving.as_ref()));
    let now = Utc::now();
    let signer = match plan::plan(authority_data, serving_data_now, &settings.names, now) {
        Plan::Keep => return Ok(()),
        Plan::RenewServing(cause) => {
            tracing::info!(?cause, "renewing the webhook's certificate");
            authority_data.and_then(plan::authority).ok_or(MaintainError::Raced(AUTHORITY_SECRET))?
        }
        Plan::NewAuthority(cause) => {
            tracing::warn!(?cause, "making a new authority for the webhook; callers learn it with the webhook configurations");
            let made = Authority::create(now)?;
            secrets.write(AUTHORITY_SECRET, authority, made.data()).await?;
            made
        }
    };
    let path = plan::path(serving_data_now).map_or_else(random_path, Ok)?;
    let new = serving_data(&signer, &settings.names, path, now)?;
    secrets.write(SERVING_SECRET, serving, new).await
}

fn data(secret: Option<&Secret>) -> Option<&BTreeMap<String, ByteString>> {
    secret.filter(|secret| secret.type_.as_deref() == Some(TLS_TYPE)).and_then(|secret| secret.data.as_ref())
}

struct Secrets(Api<Secret>);

impl Secrets {
    async fn read(&self, name: &'static str) -> Result<Option<Secret>, MaintainError> {
        within(name, self.0.get_opt(name)).await
    }

    /// Creates the Secret, or replaces the one that was read; whoever changed it meanwhile wins.
    async fn write(&self, name: &'static str, read: Option<Secret>, data: BTreeMap<String, ByteString>) -> Result<(), MaintainError> {
        match read {
            Some(old) if old.type_.as_deref() == Some(TLS_TYPE) => {
                let new = Secret { data: Some(data), ..old };
                within(name, self.0.replace(name, &PostParams::default(), &new)).await?;
            }
            old => {
                if let Some(old) = old {
                    self.delete(name, &old).await?;
                }
                within(name, self.0.create(&PostParams::default(), &fresh(name, data))).await?;
            }
        }
        Ok(())
    }

    /// The type of a Secret cannot be changed, so one of another type goes.
    async fn delete(&self, name: &'static str, old: &Secret) -> Result<(), MaintainError> {
        let preconditions = Preconditions { uid: old.uid(), resource_version: old.resource_version() };
        within(name, self.0.delete(name, &DeleteParams::default().preconditions(preconditions))).await.map(|_| ())
    }
}

fn fresh(name: &str, data: BTreeMap<String, ByteString>) -> Secret {
    let mut secret = Secret { type_: Some(TLS_TYPE.to_owned()), data: Some(data), ..Secret::default() };
    secret.metadata.name = Some(name.to_owned());
    secret
}

/// One request, with a limit; a conflict is told apart from a failure.
async fn within<T>(secret: &'static str, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, MaintainError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        // Conflict and AlreadyExists; a deleted object cannot be replaced.
        Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => Err(MaintainError::Raced(secret)),
        Ok(Err(error)) => Err(MaintainError::Api(secret, error)),
        Err(_) => Err(MaintainError::Timeout(secret)),
    }
}
