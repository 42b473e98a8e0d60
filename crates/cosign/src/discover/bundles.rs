//! The layout of cosign v3: referrers of the image, each a manifest with one Sigstore bundle.
//!
//! What the list says about a referrer (annotations, subject) is a hint of whoever wrote it; only its artifact type is used,
//! and only to pass over what no signer writes as a bundle.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use oci::{Descriptor, Digest, ManifestRef, RegistryError};

use super::shape::bundle_layer;
use super::{Miss, Search};
use crate::bundle;
use crate::candidate::{Candidate, Discovered, Layout};
use crate::limits::{CONCURRENT_FETCHES, HELD_BYTES, OBJECT_BYTES};

/// What the registry lists, or where it lists nothing, what the tag that stands in for its list names.
pub(super) async fn search(place: Search<'_>) -> Discovered {
    match list(place).await.transpose() {
        Some(referrers) => fetch_all(place, Layout::Referrers, referrers).await,
        None => tagged(place).await,
    }
}

/// What the registry lists, nothing from one that lists nothing.
pub(super) async fn listed(place: Search<'_>) -> Discovered {
    fetch_all(place, Layout::Referrers, list(place).await.map(Option::unwrap_or_default)).await
}

/// What the tag names that stands in for a list.
pub(super) async fn tagged(place: Search<'_>) -> Discovered {
    let referrers = place.session.referrers_tagged(place.repository, place.image, Some(bundle::MEDIA_TYPE)).await;
    fetch_all(place, Layout::ReferrersTag, referrers).await
}

async fn list(place: Search<'_>) -> Result<Option<Vec<Descriptor>>, RegistryError> {
    place.session.referrers_listed(place.repository, place.image, Some(bundle::MEDIA_TYPE)).await
}

async fn fetch_all(place: Search<'_>, layout: Layout, referrers: Result<Vec<Descriptor>, RegistryError>) -> Discovered {
    let mut found = Discovered::default();
    let referrers = match referrers {
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
    let mut objects = stream::iter(referrers).map(|referrer| fetch(place, layout, referrer)).buffered(CONCURRENT_FETCHES);
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

async fn fetch(place: Search<'_>, layout: Layout, referrer: Digest) -> Result<Candidate, Miss> {
    let unavailable = |error| Miss::unavailable(Some(&referrer), error);
    let by_digest = ManifestRef::Digest(referrer.clone());
    let manifest = place.session.manifest(place.repository, &by_digest).await.map_err(unavailable)?;
    let layer = bundle_layer(place.image, &manifest.bytes).map_err(|reason| Miss::skipped(&referrer, reason))?;
    let bytes = place.session.blob(place.repository, &layer, OBJECT_BYTES).await.map_err(unavailable)?;
    let envelope = bundle::open(&bytes).map_err(|reason| Miss::skipped(&referrer, reason))?;
    Ok(Candidate::bundle(layout, referrer, envelope, bytes))
}
