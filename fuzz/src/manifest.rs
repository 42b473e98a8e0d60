//! Manifests, indexes and lists of referrers, as a hostile registry sends them.

use cosign::fuzzing::{bundle_layer, legacy_layers};
use oci::{Digest, fuzzing};
use serde_json::Value;

use crate::{fixtures, some_host};

/// As much as the largest signature object that is fetched.
const MOST_SIGNATURE_BYTES: u64 = 128 * 1024;
const TYPES: [&str; 2] = ["application/vnd.oci.image.manifest.v1+json", "Application/vnd.OCI.image.index.v1+json; charset=utf-8"];

/// Reads the bytes as an image, an index, a list of referrers, and both manifests that hold signatures.
pub fn run(bytes: &[u8]) {
    let host = some_host();
    let value = serde_json::from_slice::<Value>(bytes).ok();
    for content_type in TYPES {
        if let Ok(manifest) = fuzzing::manifest(content_type, bytes, &host) {
            assert!(manifest.digest.verify(bytes));
            if let Some(value) = &value {
                is_of_one_kind(&manifest.media_type, value);
            }
        }
    }
    let halves = bytes.split_at(bytes.len() / 2);
    let _ = fuzzing::referrers([halves.0, halves.1], &host);
    if let Ok(referrers) = fuzzing::referrers([bytes], &host) {
        let listed = value.as_ref().map(|value| digests(value.get("manifests")));
        is_written(referrers.iter().map(|referrer| &referrer.digest), listed.as_deref());
    }
    let layers = value.as_ref().map(|value| digests(value.get("layers")));
    let (signed, _) = legacy_layers(bytes);
    assert!(signed.iter().all(|(layer, _)| layer.size <= MOST_SIGNATURE_BYTES));
    is_written(signed.iter().map(|(layer, _)| &layer.digest), layers.as_deref());
    if let Ok(layer) = bundle_layer(&fixtures::image(), bytes) {
        assert!(layer.size <= MOST_SIGNATURE_BYTES);
        is_written([&layer.digest].into_iter(), layers.as_deref());
        let subject = value.as_ref().and_then(|value| value.pointer("/subject/digest")).and_then(Value::as_str);
        assert!(value.is_none() || subject == Some(fixtures::image().to_string().as_str()), "a bundle of another image");
    }
}

/// No program that reads the same bytes takes them for something else.
fn is_of_one_kind(media_type: &str, value: &Value) {
    let has = |member: &str| value.get(member).is_some_and(|member| !member.is_null());
    assert!(value.is_object());
    assert!(!(has("manifests") && (has("layers") || has("config") || has("fsLayers"))), "an image and an index");
    let own = value.get("mediaType").and_then(Value::as_str).filter(|own| !own.is_empty());
    assert!(own.is_none_or(|own| own == media_type), "the body contradicts the header");
}

fn digests(list: Option<&Value>) -> Vec<&str> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.get("digest")?.as_str()).collect()
}

/// What was read is what every other reader of JSON finds in the same place.
fn is_written<'a>(mut read: impl Iterator<Item = &'a Digest>, written: Option<&[&str]>) {
    let Some(written) = written else { return };
    assert!(read.all(|digest| written.contains(&digest.to_string().as_str())), "a digest that is not written there");
}
