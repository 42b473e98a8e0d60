//! The legacy layout: the tag `sha256-<hex>.sig` points at a manifest with one layer per signature.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{StreamExt, stream};
use oci::{Descriptor, Digest, ManifestRef, RegistryError};

use super::shape::{layer_signature, read_layers};
use super::{Miss, Search};
use crate::candidate::{Candidate, Discovered, SkipReason};
use crate::limits::{CONCURRENT_FETCHES, HELD_BYTES, OBJECT_BYTES, OBJECTS};

/// A layer that carries a signature, its payload not yet fetched.
pub(super) struct Signed {
    pub(super) layer: Descriptor,
    pub(super) signature: String,
}

/// Signers of one image sign the same payload, so one blob often serves several layers.
/// The length is part of the key: a layer that lies about it must not spoil an honest one.
type Payloads = BTreeMap<(Digest, u64), Result<Bytes, RegistryError>>;

pub(super) async fn search(place: Search<'_>) -> Discovered {
    let mut found = Discovered::default();
    let Ok(tag) = format!("sha256-{}.sig", place.image.hex()).parse() else { return found };
    let manifest = match place.session.manifest_if_present(place.repository, &ManifestRef::Tag(tag)).await {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return found,
        Err(error) => {
            found.note(Err(Miss::unavailable(None, error)));
            return found;
        }
    };
    let signed = plan(&manifest.digest, &manifest.bytes, &mut found);
    let payloads = fetch(place, &signed).await;
    for Signed { layer, signature } in signed {
        let Some(payload) = payloads.get(&(layer.digest.clone(), layer.size)) else { continue };
        found.note(match payload {
            Ok(payload) => Ok(Candidate::simple_signing(manifest.digest.clone(), payload.clone(), signature)),
            Err(error) => Err(Miss::unavailable(Some(&layer.digest), error.clone())),
        });
    }
    found
}

/// The layers worth fetching; the others are noted with their reasons.
pub(super) fn plan(manifest: &Digest, bytes: &[u8], found: &mut Discovered) -> Vec<Signed> {
    let Some(layers) = read_layers(bytes) else {
        found.note(Err(Miss::skipped(manifest, SkipReason::MalformedManifest)));
        return Vec::new();
    };
    let mut signed = Vec::new();
    let mut room = HELD_BYTES;
    let count = layers.len();
    for layer in layers.into_iter().take(OBJECTS) {
        let Some(layer) = layer else {
            found.note(Err(Miss::skipped(manifest, SkipReason::MalformedManifest)));
            continue;
        };
        match layer_signature(&layer).map(str::to_owned) {
            Err(reason) => found.note(Err(Miss::skipped(&layer.digest, reason))),
            Ok(signature) => {
                let size = usize::try_from(layer.size).unwrap_or(usize::MAX).saturating_add(signature.len());
                let Some(left) = room.checked_sub(size) else {
                    found.note(Err(Miss::too_many()));
                    return signed;
                };
                room = left;
                signed.push(Signed { layer, signature });
            }
        }
    }
    if count > OBJECTS {
        found.note(Err(Miss::too_many()));
    }
    signed
}

async fn fetch(place: Search<'_>, signed: &[Signed]) -> Payloads {
    let distinct: BTreeMap<(Digest, u64), Descriptor> =
        signed.iter().map(|it| ((it.layer.digest.clone(), it.layer.size), it.layer.clone())).collect();
    stream::iter(distinct)
        .map(|(key, layer)| async move { (key, place.session.blob(place.repository, &layer, OBJECT_BYTES).await) })
        .buffer_unordered(CONCURRENT_FETCHES)
        .collect()
        .await
}
