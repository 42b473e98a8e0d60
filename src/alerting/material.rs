//! What settings name and do not hold: values of Secrets and `ConfigMap`s of the operator namespace.

/// Reads what was observed last; never waits.
pub trait Material: Send + Sync {
    /// A value of a Secret.
    fn secret(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent>;

    /// A value of a `ConfigMap`.
    fn config_map(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent>;
}

/// A value that is not there, by its name: what it would have been is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// There is no such object, or it has no such key.
    #[error("{kind} {name} has no key {key}")]
    Key {
        /// `Secret` or `ConfigMap`.
        kind: &'static str,
        /// The object.
        name: String,
        /// The key.
        key: String,
    },
    /// It was not read yet.
    #[error("{kind} {name} was not read yet")]
    Unread {
        /// `Secret` or `ConfigMap`.
        kind: &'static str,
        /// The object.
        name: String,
    },
    /// The operator may not read it.
    #[error("{kind} {name} may not be read")]
    Forbidden {
        /// `Secret` or `ConfigMap`.
        kind: &'static str,
        /// The object.
        name: String,
    },
}
