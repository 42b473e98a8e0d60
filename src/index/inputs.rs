//! What was observed, unreadable objects too: the only input of `compile`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::policy::{Labels, ObjectName, Observed};

/// Everything that a snapshot is made from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Policies here hold for the whole cluster.
    pub operator_namespace: String,
    /// Namespaces that no policy holds for, by name.
    pub exempt_namespaces: BTreeSet<String>,
    /// Every `ImagePolicy`.
    pub policies: Vec<Observed>,
    /// Every `Validator`.
    pub validators: Vec<Observed>,
    /// Every `TrustRoot`.
    pub trust_roots: Vec<Observed>,
    /// Every namespace with its labels.
    pub namespaces: Arc<BTreeMap<String, Labels>>,
    /// The Secrets and `ConfigMap`s that validators and trust roots name, as far as they were read.
    pub sources: BTreeMap<SourceRef, Source>,
}

/// A Secret or `ConfigMap` that an object names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRef {
    /// Which of the two.
    pub kind: SourceKind,
    /// Its namespace and name.
    pub name: ObjectName,
}

/// The two kinds that hold material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// `Secret`.
    Secret,
    /// `ConfigMap`.
    ConfigMap,
}

impl SourceKind {
    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// What became of reading a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is there.
    Found(Arc<SourceData>),
    /// It is not there.
    Missing,
    /// We may not read it.
    Forbidden,
    /// Its namespace names more sources than are watched (security rule 20).
    Beyond,
}

/// The content of a source. Its `Debug` shows the keys only: a Secret's values never reach a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourceData {
    /// A Secret's type.
    pub secret_type: Option<String>,
    /// The values by key.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for SourceData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceData").field("keys", &self.data.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
