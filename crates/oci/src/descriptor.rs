//! Content descriptors: how one registry object points at another.
//!
//! Boundary: the fields that readers here need (OCI image specification, "Content Descriptors"); unknown members are
//! passed over, above all `urls`, which are never followed, and `data`, which is never believed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// A pointer to a blob or manifest of the same repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes claim to be; empty when the pointer does not say.
    #[serde(default)]
    pub media_type: String,
    /// The hash that the bytes must have.
    pub digest: Digest,
    /// The number of bytes that there must be.
    pub size: u64,
    /// The kind of artifact that a manifest describes, as whoever wrote the pointer put it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Free text of whoever wrote the pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Go programs write a missing map as `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_and_null_maps_are_passed_over() {
        let digest = Digest::of(b"x");
        let json =
            format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1,"urls":["http://evil"],"annotations":null,"platform":{{}}}}"#);
        let descriptor: Descriptor = serde_json::from_str(&json).unwrap();
        let expected = Descriptor { media_type: "a/b".to_owned(), digest, size: 1, artifact_type: None, annotations: BTreeMap::new() };
        assert_eq!(descriptor, expected);
    }

    #[test]
    fn a_negative_size_is_unreadable() {
        let json = format!(r#"{{"mediaType":"a/b","digest":"{}","size":-1}}"#, Digest::of(b"x"));
        assert!(serde_json::from_str::<Descriptor>(&json).is_err());
    }
}
