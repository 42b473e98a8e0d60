//! A door for the fuzz targets to the reader of what kubelets report. No API.

use oci::Digest;

/// The manifest digest in an `imageID`.
pub fn manifest_digest(image_id: &str) -> Option<Digest> {
    super::image_id::read(image_id).manifest().cloned()
}
