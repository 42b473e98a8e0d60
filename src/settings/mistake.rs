//! What can be wrong with settings, and where.

use std::fmt;

/// Why a text gives no settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is no YAML, has an unknown field or a value of another type.
    #[error("{0}")]
    Unreadable(String),
    /// It is longer than anybody writes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// Values that cannot be used, all of them.
    #[error("{}", join(.0))]
    Mistakes(Vec<Mistake>),
}

/// One value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The field, such as `verification.interval`.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

impl Mistake {
    /// A mistake at a field.
    pub fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

fn join(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
