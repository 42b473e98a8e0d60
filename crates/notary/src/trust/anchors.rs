//! What makes a root believable in the first place.
//!
//! Invariant: anchors are never empty. Believing the first root that comes along must be asked for in so many words.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::authorities::Authorities;
use super::signed_root::Expired;
use crate::key::{KeyId, ListedKey, PublicKey};

/// One party that may vouch for a root: any of its keys, by value or by ID, or one of its authorities.
#[derive(Clone, Debug)]
pub struct Anchor {
    keys: Vec<PublicKey>,
    ids: Vec<KeyId>,
    authorities: Option<Authorities>,
}

/// The parties that must stand behind a root; or the explicit wish to believe the first root that is seen.
#[derive(Clone, Debug)]
pub struct Anchors(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Quorum { anchors: Vec<Anchor>, threshold: usize, required: Vec<usize> },
    FirstUse,
}

/// Nothing was named that a root could be held against, or more parties are asked for than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is neither a root key, nor a key ID, nor an authority, or more of them are asked for than there are")]
pub struct NoAnchors;

impl Anchor {
    /// A root key counts when any of these matches: it is one of `keys`, its ID is one of `ids`, or one of the
    /// `authorities` vouches for its certificate.
    ///
    /// `ids` are those in `root.json`, or the canonical ones that the command line tools show.
    pub fn new(keys: Vec<PublicKey>, ids: Vec<KeyId>, authorities: Option<Authorities>) -> Result<Anchor, NoAnchors> {
        if keys.is_empty() && ids.is_empty() && authorities.is_none() {
            return Err(NoAnchors);
        }
        Ok(Anchor { keys, ids, authorities })
    }

    fn pins(&self, key: &ListedKey) -> bool {
        let known = |public: &PublicKey| self.keys.contains(public) || self.ids.contains(&public.canonical_id());
        self.ids.contains(&key.id) || key.public.as_ref().is_ok_and(known)
    }

    fn vouches(&self, key: &ListedKey, now: DateTime<Utc>, expired: Expired) -> bool {
        let (Some(authorities), Some(certificate)) = (&self.authorities, &key.certificate) else { return false };
        let moment = if expired == Expired::Counts { now.max(certificate.not_before).min(certificate.not_after) } else { now };
        authorities.vouch_for(certificate, moment)
    }
}

impl Anchors {
    /// One party alone, as [`Anchor::new`] makes it.
    pub fn new(keys: Vec<PublicKey>, ids: Vec<KeyId>, authorities: Option<Authorities>) -> Result<Anchors, NoAnchors> {
        Anchors::quorum(vec![Anchor::new(keys, ids, authorities)?], 1, vec![])
    }

    /// At least `threshold` of the parties must have signed a root, among them those that `required` counts out.
    pub fn quorum(anchors: Vec<Anchor>, threshold: usize, required: Vec<usize>) -> Result<Anchors, NoAnchors> {
        let reachable = (1..=anchors.len()).contains(&threshold) && required.iter().all(|index| *index < anchors.len());
        if reachable { Ok(Anchors(Kind::Quorum { anchors, threshold, required })) } else { Err(NoAnchors) }
    }

    /// Believes the first root that is seen, and from then on only what follows from it. Whoever controls the server at
    /// that moment decides what is trusted.
    pub fn trust_on_first_use() -> Anchors {
        Anchors(Kind::FirstUse)
    }

    /// Whether the key itself is named, not only an authority above it.
    pub(super) fn pin(&self, key: &ListedKey) -> bool {
        match &self.0 {
            Kind::Quorum { anchors, .. } => anchors.iter().any(|anchor| anchor.pins(key)),
            Kind::FirstUse => false,
        }
    }

    /// Whether more than the signature of any one party is asked for.
    pub(crate) fn ask_for_several(&self) -> bool {
        match &self.0 {
            Kind::Quorum { anchors, threshold, required } => *threshold > 1 || (anchors.len() > 1 && !required.is_empty()),
            Kind::FirstUse => false,
        }
    }

    /// The party that the key counts for, one only: the first that names it, else the first whose authority vouches for it.
    /// On first use every key counts, for one and the same.
    pub(super) fn party_of(&self, key: &ListedKey, now: DateTime<Utc>, expired: Expired) -> Option<usize> {
        match &self.0 {
            Kind::Quorum { anchors, .. } => {
                let named = anchors.iter().position(|anchor| anchor.pins(key));
                named.or_else(|| anchors.iter().position(|anchor| anchor.vouches(key, now, expired)))
            }
            Kind::FirstUse => Some(0),
        }
    }

    /// Whether these parties are enough.
    pub(super) fn suffice(&self, parties: &BTreeSet<usize>) -> bool {
        match &self.0 {
            Kind::Quorum { anchors: _, threshold, required } => {
                parties.len() >= *threshold && required.iter().all(|index| parties.contains(index))
            }
            Kind::FirstUse => true,
        }
    }
}
