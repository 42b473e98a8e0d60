//! The in-toto statement inside a cosign v3 signature bundle.
//!
//! Format: in-toto attestation framework, Statement v1 (v0.1 has the same shape). Only the predicate type that
//! `cosign sign` writes is an image signature; an SBOM over the same digest is not.
//! Invariant: members that are read occur exactly once, as in `simple_signing`.

use serde::Deserialize;

use crate::claim::{Claim, ClaimError, MalformedSignature};
use crate::json::{self, Object};

/// DSSE payload type of in-toto statements.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const VERSIONS: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const IMAGE_SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    version: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Object<Subject>>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Object<DigestSet>,
}

#[derive(Deserialize)]
struct DigestSet {
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

pub(crate) fn claim(payload: &[u8]) -> Result<Claim, ClaimError> {
    let statement: Statement = json::read(payload).ok_or(malformed(MalformedSignature::Payload))?;
    if !VERSIONS.contains(&statement.version.as_str()) {
        return Err(malformed(MalformedSignature::StatementVersion));
    }
    if statement.predicate_type != IMAGE_SIGNATURE {
        return Err(ClaimError::NotAnImageSignature);
    }
    let digests = statement
        .subject
        .into_iter()
        .filter_map(|subject| subject.0.digest.0.sha256)
        .map(|hex| format!("sha256:{hex}").parse())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| malformed(MalformedSignature::Digest))?;
    Claim::naming(digests).ok_or(malformed(MalformedSignature::NoSubject))
}

/// Whether the payload is a readable statement about something else, so that it is no candidate at all.
pub(crate) fn is_of_another_kind(payload: &[u8]) -> bool {
    json::read(payload).is_some_and(|kind: Kind| kind.predicate_type != IMAGE_SIGNATURE)
}

fn malformed(what: MalformedSignature) -> ClaimError {
    ClaimError::Malformed(what)
}
