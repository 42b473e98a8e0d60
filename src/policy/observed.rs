//! Our own objects as they were observed, before anything is believed about them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::ObjectName;

/// One of the kinds that users write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `ImagePolicy`.
    ImagePolicy,
    /// `Validator`.
    Validator,
    /// `TrustRoot`.
    TrustRoot,
}

impl Kind {
    /// The kind's name in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImagePolicy => "ImagePolicy",
            Self::Validator => "Validator",
            Self::TrustRoot => "TrustRoot",
        }
    }

    /// The kind with this name, if it is one that users write.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ImagePolicy, Self::Validator, Self::TrustRoot].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// An object as the API server (or a file) holds it. Its spec may be anything: an unreadable object stays visible.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Which kind it claims to be.
    pub kind: Kind,
    /// Its namespace and name.
    pub name: ObjectName,
    /// Its generation, when the API server counts them.
    pub generation: Option<i64>,
    /// When it was created; decides the order of policies, together with the name.
    pub created: Option<DateTime<Utc>>,
    /// The spec, unchecked.
    pub spec: Value,
}
