//! What the kubelet reports that a container runs.
//!
//! Boundary: what was read from a pod's status; it says what runs, never what may run, and admission knows none of it
//! (security rule 24).

use oci::{Digest, Repository};

/// What an image ID says; runtimes report any of these for one and the same image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reported {
    /// Nothing yet, or nothing that is known to mean something.
    #[default]
    Nothing,
    /// A manifest or index.
    Manifest {
        /// The repository that the runtime names; it decides nothing, for a digest is the same content everywhere.
        repository: Option<Repository>,
        /// Which one.
        digest: Digest,
    },
    /// The config of an image.
    Config(Digest),
}

impl Reported {
    /// The manifest or index that is reported.
    pub fn manifest(&self) -> Option<&Digest> {
        match self {
            Self::Manifest { digest, .. } => Some(digest),
            Self::Nothing | Self::Config(_) => None,
        }
    }
}
