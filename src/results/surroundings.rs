//! What `/results` wants to know of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::controllers::verification_report::SeenPod;

/// The cluster, as this replica reaches it.
pub trait Surroundings: Send + Sync {
    /// Who has this token; nobody when the API server does not know it.
    fn user<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Arc<User>>, NoAnswer>>;

    /// Whether a user may list VerificationReports in a namespace, or in all.
    fn may_list<'a>(&'a self, user: &'a User, namespace: Option<&'a str>) -> BoxFuture<'a, Result<bool, NoAnswer>>;

    /// What runs; nothing while this replica does not lead.
    fn found(&self) -> Option<Found>;

    /// Who leads, as far as it can be found out.
    fn leader(&self) -> BoxFuture<'_, Option<Leader>>;
}

/// Somebody whom the API server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Option<String>,
    /// Its uid.
    pub uid: Option<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// What authorizers may want to know besides.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What this process has found out.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The pods that a policy applies to, by namespace and name.
    pub pods: Vec<SeenPod>,
    /// Pods that wait for their first look.
    pub waiting: u64,
}

/// The replica that knows what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its name in the Lease.
    pub identity: String,
    /// The command that leads to it, where its name is that of a pod.
    pub reach: Option<String>,
}

/// The API server could not be asked, or would not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);
