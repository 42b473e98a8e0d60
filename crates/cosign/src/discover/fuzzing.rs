//! Doors for the fuzz targets to the readers of signature objects. No API: they change with the readers.
//!
//! Boundary: bytes in, what was read out; a [`Candidate`] from here is as unverified as every other.

use bytes::Bytes;
use oci::{Descriptor, Digest};

use super::{legacy, shape};
use crate::candidate::{Candidate, Discovered, Layout, SkipReason};
use crate::claim::Claim;
use crate::{bundle, simple_signing, statement};

/// The signed layers of a manifest of the legacy layout, each with its signature.
pub fn legacy_layers(manifest: &[u8]) -> (Vec<(Descriptor, String)>, Discovered) {
    let mut found = Discovered::default();
    let signed = legacy::plan(&Digest::of(manifest), manifest, &mut found);
    (signed.into_iter().map(|signed| (signed.layer, signed.signature)).collect(), found)
}

/// The layer with the bundle in a referrer's manifest.
pub fn bundle_layer(image: &Digest, manifest: &[u8]) -> Result<Descriptor, SkipReason> {
    shape::bundle_layer(image, manifest)
}

/// A bundle as it is found beside an image, and the payload inside its envelope.
pub fn bundle(bytes: &[u8]) -> Result<(Candidate, Vec<u8>), SkipReason> {
    let envelope = bundle::open(bytes)?;
    let payload = envelope.payload.clone();
    let candidate = Candidate::bundle(Layout::Referrers, Digest::of(bytes), envelope, Bytes::copy_from_slice(bytes));
    Ok((candidate, payload))
}

/// A signed layer with its payload.
pub fn simple_signing(payload: &[u8], signature: &str) -> Candidate {
    Candidate::simple_signing(Digest::of(payload), Bytes::copy_from_slice(payload), signature.to_owned())
}

/// The first digest that a simple-signing payload claims.
pub fn claimed_by_simple_signing(payload: &[u8]) -> Option<Digest> {
    simple_signing::claim(payload).ok().map(Claim::into_first)
}

/// The first digest that an in-toto statement claims.
pub fn claimed_by_statement(payload: &[u8]) -> Option<Digest> {
    statement::claim(payload).ok().map(Claim::into_first)
}
