//! Key IDs: how trust data refers to a key (specification, section 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hash::{NotSha256, Sha256};
use crate::json::{Members, Value, canonical};

/// SHA-256 over the canonical JSON of a key as trust data lists it. One key can have several IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Sha256);

impl KeyId {
    /// The ID of a key: `public` is base64 as in the file, and the private half is null, whatever the file says.
    pub(crate) fn of(key_type: &str, public: &str) -> KeyId {
        let text = |text: &str| Value::Text(text.to_owned());
        let halves = Members::from([("private".to_owned(), Value::Null), ("public".to_owned(), text(public))]);
        let key = Members::from([("keytype".to_owned(), text(key_type)), ("keyval".to_owned(), Value::Object(halves))]);
        KeyId(Sha256::of(&canonical(&Value::Object(key))))
    }
}

impl FromStr for KeyId {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<KeyId, NotSha256> {
        text.parse().map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
