//! What makes a root believable in the first place.
//!
//! Invariant: anchors are never empty. Believing the first root that comes along must be asked for in so many words.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::authorities::Authorities;
use crate::key::{Algorithm, KeyId, ListedKey, PublicKey};

/// Root keys, by value or by ID, and authorities; or the explicit wish to believe the first root that is seen.
#[derive(Clone, Debug)]
pub struct Anchors(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Named { keys: Vec<PublicKey>, ids: Vec<KeyId>, authorities: Option<Authorities> },
    FirstUse,
}

/// Nothing was named that a root could be held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is neither a root key, nor a key ID, nor an authority")]
pub struct NoAnchors;

impl Anchors {
    /// A root key counts when any of these matches: it is one of `keys`, its ID is one of `ids`, or one of the
    /// `authorities` vouches for its certificate.
    ///
    /// `ids` are those in `root.json`, or the canonical ones that the command line tools show.
    pub fn new(keys: Vec<PublicKey>, ids: Vec<KeyId>, authorities: Option<Authorities>) -> Result<Anchors, NoAnchors> {
        if keys.is_empty() && ids.is_empty() && authorities.is_none() {
            return Err(NoAnchors);
        }
        Ok(Anchors(Kind::Named { keys, ids, authorities }))
    }

    /// Believes the first root that is seen, and from then on only what follows from it. Whoever controls the server at
    /// that moment decides what is trusted.
    pub fn trust_on_first_use() -> Anchors {
        Anchors(Kind::FirstUse)
    }

    /// Whether the key itself is named, not only an authority above it.
    pub(super) fn pin(&self, key: &ListedKey) -> bool {
        match &self.0 {
            Kind::Named { keys, ids, .. } => {
                ids.contains(&key.id)
                    || key.public.as_ref().is_ok_and(|public| keys.contains(public) || ids.contains(&canonical_id(public)))
            }
            Kind::FirstUse => false,
        }
    }

    /// Whether the key counts as anchored at `now`.
    pub(super) fn hold(&self, key: &ListedKey, now: DateTime<Utc>) -> bool {
        match &self.0 {
            Kind::Named { authorities, .. } => self.pin(key) || vouched(authorities.as_ref(), key, now),
            Kind::FirstUse => true,
        }
    }
}

fn vouched(authorities: Option<&Authorities>, key: &ListedKey, now: DateTime<Utc>) -> bool {
    match (authorities, &key.certificate) {
        (Some(authorities), Some(certificate)) => authorities.vouch_for(certificate, now),
        _ => false,
    }
}

/// The ID that the key would have without its certificate (specification, section 2, "Canonical key ID").
fn canonical_id(key: &PublicKey) -> KeyId {
    let key_type = match key.algorithm() {
        Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => "ecdsa",
        Algorithm::Rsa { .. } => "rsa",
        Algorithm::Ed25519 => "ed25519",
    };
    KeyId::of(key_type, &STANDARD.encode(key.spki()))
}
