//! Signature objects that were found, before anything about them is believed.
//!
//! Invariant: a [`Candidate`] has the outer form of an image signature and nothing more; only `verify` turns it
//! into a `Verified`.

use std::borrow::Cow;

use bytes::Bytes;
use oci::{Digest, RegistryError};

use crate::bundle::Envelope;
use crate::claim::{Claim, ClaimError};
use crate::dsse::pre_authentication_encoding;
use crate::fingerprint::Fingerprint;
use crate::{simple_signing, statement};

/// Where in a registry signature objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A layer of the manifest at the tag `sha256-<hex>.sig`.
    LegacyTag,
    /// A bundle that the registry lists among the referrers of the image.
    Referrers,
    /// A bundle in the index at the tag `sha256-<hex>`, which stands in where a registry lists no referrers.
    ReferrersTag,
}

/// What was found for an image; unverified, nothing in it is trusted.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Objects that may be image signatures; pass each to `verify`.
    pub candidates: Vec<Candidate>,
    /// Objects that were passed over, for the report.
    pub skipped: Vec<Skipped>,
    /// Why the search is incomplete. A trusted signature among the candidates suffices all the same; without one the
    /// answer is unknown, not "unsigned".
    pub fault: Option<RegistryError>,
}

/// An object beside the image that is not considered as its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The manifest or blob in question, where it has a digest.
    pub digest: Option<Digest>,
    /// Why it is passed over.
    pub reason: SkipReason,
}

/// Why an object is not considered as a signature of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SkipReason {
    /// Not of the media type that its place asks for, or a bundle of another version.
    #[error("it is of another media type or version")]
    MediaType,
    /// A signed statement with another predicate, such as an SBOM or provenance.
    #[error("it is an attestation, not an image signature")]
    Attestation,
    /// A DSSE envelope whose payload is no in-toto statement.
    #[error("its envelope holds no in-toto statement")]
    OtherPayload,
    /// The signature of a file; it says nothing about an image.
    #[error("it is the signature of a file, not of an image")]
    MessageSignature,
    /// A layer of a signature manifest that carries no signature.
    #[error("it carries no signature")]
    Unsigned,
    /// An image manifest of another shape than signatures have.
    #[error("its manifest does not have the shape of a signature")]
    MalformedManifest,
    /// Not the JSON of a bundle, or not exactly one signature in it.
    #[error("it is not a well-formed bundle")]
    MalformedBundle,
    /// A referrer whose own manifest refers to something else.
    #[error("it refers to another image than the one it was listed for")]
    OtherSubject,
    /// Larger than 128 KiB.
    #[error("it is larger than an image signature can be")]
    TooLarge,
    /// Over the cap of objects or bytes per image; further ones are not reported one by one.
    #[error("there are more signature objects than are looked at")]
    TooMany,
    /// Listed, but no longer there.
    #[error("it is listed but does not exist")]
    Gone,
}

/// One signature object, with the payload it covers.
#[derive(Debug)]
pub struct Candidate {
    layout: Layout,
    evidence: Digest,
    content: Content,
}

#[derive(Debug)]
enum Content {
    SimpleSigning {
        payload: Bytes,
        signature: String,
    },
    /// The bytes are not read again, but as long as they are held they count towards what is held at one time, as what
    /// was decoded from them must.
    Bundle(Envelope, Bytes),
}

impl Candidate {
    pub(crate) fn simple_signing(evidence: Digest, payload: Bytes, signature: String) -> Candidate {
        Candidate { layout: Layout::LegacyTag, evidence, content: Content::SimpleSigning { payload, signature } }
    }

    pub(crate) fn bundle(layout: Layout, evidence: Digest, envelope: Envelope, bytes: Bytes) -> Candidate {
        Candidate { layout, evidence, content: Content::Bundle(envelope, bytes) }
    }

    /// Where it was found.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Digest of the manifest that holds it, for evidence.
    pub fn evidence(&self) -> &Digest {
        &self.evidence
    }

    /// The bytes that the signature must cover.
    pub(crate) fn message(&self) -> Cow<'_, [u8]> {
        match &self.content {
            Content::SimpleSigning { payload, .. } => Cow::Borrowed(payload),
            Content::Bundle(envelope, _) => Cow::Owned(pre_authentication_encoding(statement::PAYLOAD_TYPE, &envelope.payload)),
        }
    }

    /// What the payload says it signs.
    pub(crate) fn claim(&self) -> Result<Claim, ClaimError> {
        match &self.content {
            Content::SimpleSigning { payload, .. } => simple_signing::claim(payload),
            Content::Bundle(envelope, _) => statement::claim(&envelope.payload),
        }
    }

    /// The signature in base64.
    pub(crate) fn signature(&self) -> &str {
        match &self.content {
            Content::SimpleSigning { signature, .. } => signature,
            Content::Bundle(envelope, _) => &envelope.signature,
        }
    }

    /// The key that the object says it was signed with; only bundles say so.
    pub(crate) fn hint(&self) -> Option<&Fingerprint> {
        match &self.content {
            Content::SimpleSigning { .. } => None,
            Content::Bundle(envelope, _) => envelope.hint.as_ref(),
        }
    }

    /// Bytes held in memory for it.
    pub(crate) fn held_bytes(&self) -> usize {
        let payload = match &self.content {
            Content::SimpleSigning { payload, .. } => payload.len(),
            Content::Bundle(_, bytes) => bytes.len(),
        };
        payload + self.signature().len()
    }
}
