//! Manifests as bytes with a proven digest.
//!
//! Boundary: tells manifests apart from what could be read in two ways, and looks no deeper: neither platforms nor
//! layers are judged here. Invariant: the digest of a [`Manifest`] is the hash of its bytes.

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};

use crate::{Digest, Malformation, Tag};

/// The media type of an image index (OCI image specification).
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Everything that may be asked for; Docker's schema 1 is not among it.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// How a manifest is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestRef {
    /// Whatever the tag points at now.
    Tag(Tag),
    /// These bytes and no others.
    Digest(Digest),
}

/// A manifest or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The hash of `bytes`.
    pub digest: Digest,
    /// The `Content-Type` without parameters, which the body's own `mediaType` does not contradict.
    pub media_type: String,
    /// The body as it came.
    pub bytes: Bytes,
}

/// The members that decide what a program takes the bytes for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<IgnoredAny>,
    #[serde(default)]
    layers: Option<IgnoredAny>,
    #[serde(default)]
    config: Option<IgnoredAny>,
    #[serde(default)]
    fs_layers: Option<IgnoredAny>,
}

/// Refuses bytes that are an image to one program and an index to another (GHSA-qq97-vm5h-rrhg, GHSA-5j5w-g665-5m35).
pub(crate) fn check_unambiguous(media_type: &str, bytes: &[u8]) -> Result<(), Malformation> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Malformation::Manifest);
    }
    let shape: Shape = serde_json::from_slice(bytes).map_err(|_| Malformation::Manifest)?;
    let contradicts = shape.media_type.is_some_and(|own| !own.is_empty() && own != media_type);
    let is_image = shape.layers.is_some() || shape.config.is_some() || shape.fs_layers.is_some();
    if contradicts || (is_image && shape.manifests.is_some()) {
        return Err(Malformation::Ambiguous);
    }
    Ok(())
}

/// Without parameters and in lower case, as media types compare (RFC 9110, section 8.3.1).
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    #[test]
    fn images_and_indexes_are_told_apart() {
        assert_eq!(check_unambiguous(IMAGE, br#"{"layers": [], "config": {}}"#), Ok(()));
        assert_eq!(check_unambiguous(OCI_INDEX, br#"{"manifests": []}"#), Ok(()));
        assert_eq!(check_unambiguous(IMAGE, format!(r#"{{"mediaType": "{IMAGE}"}}"#).as_bytes()), Ok(()));
    }

    #[test]
    fn bytes_that_are_image_and_index_are_refused() {
        for body in [r#"{"layers": [], "manifests": []}"#, r#"{"config": {}, "manifests": []}"#, r#"{"fsLayers": [], "manifests": []}"#] {
            assert_eq!(check_unambiguous(OCI_INDEX, body.as_bytes()), Err(Malformation::Ambiguous), "{body}");
        }
    }

    #[test]
    fn a_media_type_that_contradicts_the_header_is_refused() {
        let body = format!(r#"{{"mediaType": "{OCI_INDEX}"}}"#);
        assert_eq!(check_unambiguous(IMAGE, body.as_bytes()), Err(Malformation::Ambiguous));
    }

    #[test]
    fn members_given_twice_are_refused() {
        assert_eq!(check_unambiguous(IMAGE, br#"{"layers": [], "layers": []}"#), Err(Malformation::Manifest));
    }

    #[test]
    fn what_is_no_json_object_is_no_manifest() {
        for body in ["", "[]", "[null,null]", "{", "null", "{}x"] {
            assert_eq!(check_unambiguous(IMAGE, body.as_bytes()), Err(Malformation::Manifest), "{body}");
        }
    }
}
