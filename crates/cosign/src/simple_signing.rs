//! The simple-signing payload of cosign's `.sig` layout.
//!
//! Format: `critical` of the "simple signing" format of containers/image, of the type that cosign writes. The reference
//! in `critical.identity` is not read: which repository a signature was made for is a rule of its own.
//! Invariant: members that are read occur exactly once (see `json`), so no other reader can see
//! another digest in the same bytes.

use serde::Deserialize;

use crate::claim::{Claim, ClaimError, MalformedSignature};
use crate::json::{self, Object};

/// Media type of the layers that hold such payloads.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

const TYPE: &str = "cosign container image signature";

#[derive(Deserialize)]
struct Payload {
    critical: Object<Critical>,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Object<Image>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

pub(crate) fn claim(payload: &[u8]) -> Result<Claim, ClaimError> {
    let payload: Payload = json::read(payload).ok_or(ClaimError::Malformed(MalformedSignature::Payload))?;
    let Object(critical) = payload.critical;
    if critical.kind != TYPE {
        return Err(ClaimError::NotAnImageSignature);
    }
    let digest = critical.image.0.digest.parse().ok();
    Claim::naming(digest).ok_or(ClaimError::Malformed(MalformedSignature::Digest))
}
