//! The layout of cosign v3: referrers of the image, each a manifest with one Sigstore bundle.
//!
//! What the list says about a referrer (annotations, subject) is a hint of whoever wrote it; only its artifact type is used,
//! and only to pass over what no signer writes as a bundle.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use oci::{Descriptor, Digest, ManifestRef, RegistryError};

use super::shape::bundle_layer;
use super::{Miss, Place};
use crate::bundle;
use crate::candidate::{Candidate, Discovered};
use crate::limits::{CONCURRENT_FETCHES, HELD_BYTES, OBJECT_BYTES};

pub(super) async fn search(place: Place<'_>) -> Discovered {
    let mut found = Discovered::default();
    let referrers = match place.session.referrers(place.repository, place.image, Some(bundle::MEDIA_TYPE)).await {
        Ok(referrers) => distinct(referrers),
        Err(RegistryError::TooLarge { .. }) => {
            found.note(Err(Miss::too_many()));
            return found;
        }
        Err(error) => {
            found.note(Err(Miss::Fault(error)));
            return found;
        }
    };
    let mut objects = stream::iter(referrers).map(|referrer| fetch(place, referrer)).buffered(CONCURRENT_FETCHES);
    let mut room = HELD_BYTES;
    while let Some(object) = objects.next().await {
        let held = object.as_ref().map_or(0, Candidate::held_bytes);
        let Some(left) = room.checked_sub(held) else {
            found.note(Err(Miss::too_many()));
            return found;
        };
        room = left;
        found.note(object);
    }
    found
}

/// A list may name one referrer many times.
fn distinct(referrers: Vec<Descriptor>) -> Vec<Digest> {
    let mut seen = BTreeSet::new();
    referrers.into_iter().map(|referrer| referrer.digest).filter(|digest| seen.insert(digest.clone())).collect()
}

async fn fetch(place: Place<'_>, referrer: Digest) -> Result<Candidate, Miss> {
    let unavailable = |error| Miss::unavailable(Some(&referrer), error);
    let by_digest = ManifestRef::Digest(referrer.clone());
    let manifest = place.session.manifest(place.repository, &by_digest).await.map_err(unavailable)?;
    let layer = bundle_layer(place.image, &manifest.bytes).map_err(|reason| Miss::skipped(&referrer, reason))?;
    let bytes = place.session.blob(place.repository, &layer, OBJECT_BYTES).await.map_err(unavailable)?;
    let envelope = bundle::open(&bytes).map_err(|reason| Miss::skipped(&referrer, reason))?;
    Ok(Candidate::bundle(referrer, envelope))
}
