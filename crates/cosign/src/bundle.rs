//! The outside of a Sigstore bundle (`sigstore_bundle.proto`, version 0.3, as JSON).
//!
//! Boundary: opens the envelope and says what kind of thing is inside; the signature is not checked here.
//! Verification material is read only as a hint: the keys that count are the caller's.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::candidate::SkipReason;
use crate::fingerprint::Fingerprint;
use crate::json::{self, Object};
use crate::statement;

/// Media type and artifact type of bundles in registries.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// How the first writers of version 0.3 named it inside the JSON.
const OLD_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";

/// A DSSE envelope with one in-toto payload and one signature, nothing of it verified.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) payload: Vec<u8>,
    /// Base64, decoded when it is checked.
    pub(crate) signature: String,
    /// The key that the bundle says it was signed with.
    pub(crate) hint: Option<Fingerprint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Option<Object<VerificationMaterial>>,
    dsse_envelope: Option<Object<DsseEnvelope>>,
    message_signature: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    public_key: Option<Object<KeyHint>>,
}

#[derive(Deserialize)]
struct KeyHint {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseEnvelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Object<DsseSignature>>,
}

#[derive(Deserialize)]
struct DsseSignature {
    #[serde(default)]
    sig: String,
}

/// Opens a bundle that may hold an image signature; everything else says why it is passed over.
pub(crate) fn open(bytes: &[u8]) -> Result<Envelope, SkipReason> {
    let bundle: Bundle = json::read(bytes).ok_or(SkipReason::MalformedBundle)?;
    if bundle.media_type != MEDIA_TYPE && bundle.media_type != OLD_MEDIA_TYPE {
        return Err(SkipReason::MediaType);
    }
    let envelope = match (bundle.dsse_envelope, bundle.message_signature) {
        (Some(Object(envelope)), None) => envelope,
        (None, Some(_)) => return Err(SkipReason::MessageSignature),
        (Some(_), Some(_)) | (None, None) => return Err(SkipReason::MalformedBundle),
    };
    let hint = bundle.verification_material.and_then(|material| material.0.public_key).and_then(|key| Fingerprint::from_hint(&key.0.hint));
    open_envelope(envelope, hint)
}

fn open_envelope(envelope: DsseEnvelope, hint: Option<Fingerprint>) -> Result<Envelope, SkipReason> {
    if envelope.payload_type != statement::PAYLOAD_TYPE {
        return Err(SkipReason::OtherPayload);
    }
    // The format knows exactly one; counting over several would be a second meaning of "signed".
    let [Object(signature)] = <[Object<DsseSignature>; 1]>::try_from(envelope.signatures).map_err(|_| SkipReason::MalformedBundle)?;
    let payload = STANDARD.decode(envelope.payload).map_err(|_| SkipReason::MalformedBundle)?;
    if statement::is_of_another_kind(&payload) {
        return Err(SkipReason::Attestation);
    }
    Ok(Envelope { payload, signature: signature.sig, hint })
}

#[cfg(test)]
mod tests;
