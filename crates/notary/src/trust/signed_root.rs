//! A root file together with the signatures on it, because the next run has to look at both again.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::root_rule::RootRule;
use super::signers::{Signer, signers};
use crate::error::UpdateError;
use crate::hash::Sha256;
use crate::json;
use crate::key::ListedKey;
use crate::limits::ROOT_BYTES;
use crate::metadata::{Envelope, File, Root};
use crate::name::Role;

/// Whether an authority vouches for a certificate that has expired since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// As it did while the certificate was valid.
    Counts,
    /// No more.
    CountsNot,
}

/// A root file that was read. Only the update decides whether it is believed.
#[derive(Debug)]
pub(crate) struct SignedRoot {
    pub(crate) bytes: Bytes,
    pub(crate) sha256: Sha256,
    pub(crate) file: File<Root>,
    envelope: Envelope,
}

impl SignedRoot {
    pub(crate) fn read(bytes: &[u8]) -> Result<SignedRoot, UpdateError> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > ROOT_BYTES) {
            return Err(UpdateError::TooLong { role: Role::Root, limit: ROOT_BYTES });
        }
        let value = json::parse(bytes).map_err(|source| UpdateError::Json { role: Role::Root, source })?;
        let structure = |source| UpdateError::Structure { role: Role::Root, source };
        let envelope = Envelope::read(value).map_err(structure)?;
        let file = envelope.file().map_err(structure)?;
        // A root is kept for long; what the answer takes of a budget of its fetcher is given back.
        let bytes = Bytes::copy_from_slice(bytes);
        Ok(SignedRoot { sha256: Sha256::of(&bytes), bytes, file, envelope })
    }

    pub(crate) fn version(&self) -> u64 {
        self.file.version
    }

    /// Its own root keys that signed it, among those that `counts` lets count.
    pub(crate) fn own_signers(&self, counts: impl Fn(&ListedKey) -> bool) -> Vec<Signer> {
        signers(&self.envelope, &self.file.body.own, counts)
    }

    /// Whether its own root keys signed it, as many as it asks for.
    pub(crate) fn check_own_threshold(&self, rule: &RootRule<'_>) -> Result<(), UpdateError> {
        let (needed, valid) = (self.needed(), count(&self.own_signers(|key| rule.counts(key))));
        if valid >= needed { Ok(()) } else { Err(UpdateError::Signatures { role: Role::Root, needed, valid }) }
    }

    /// Whether the root keys of `predecessor` signed it, as many as that one asks for.
    pub(crate) fn check_predecessor(&self, predecessor: &SignedRoot, rule: &RootRule<'_>) -> Result<(), UpdateError> {
        let valid = count(&signers(&self.envelope, &predecessor.file.body.own, |key| rule.counts(key)));
        let needed = predecessor.needed();
        if valid >= needed { Ok(()) } else { Err(UpdateError::RootNotSignedByPredecessor { version: self.version(), needed, valid }) }
    }

    /// Whether enough of its own keys signed it when only anchored keys count, and enough parties are behind them.
    pub(crate) fn is_anchored(&self, rule: &RootRule<'_>, expired: Expired) -> bool {
        let parties = self.parties_of_signers(rule, expired);
        let anchored = u32::try_from(parties.len()).unwrap_or(u32::MAX);
        anchored >= self.needed() && rule.anchors.suffice(&parties.into_iter().collect())
    }

    /// The parties of the anchors whose keys signed it.
    pub(crate) fn parties(&self, rule: &RootRule<'_>) -> BTreeSet<usize> {
        self.parties_of_signers(rule, Expired::Counts).into_iter().collect()
    }

    /// For each distinct key that signed and is anchored, its party.
    fn parties_of_signers(&self, rule: &RootRule<'_>, expired: Expired) -> Vec<usize> {
        let party = |signer: &Signer| {
            // One key may stand in several certificates, of which another one than that which signed is anchored.
            let listed = self.file.body.own.keys.iter().filter(|key| key.public.as_ref().is_ok_and(|public| *public == signer.key));
            listed.filter(|key| rule.counts(key)).find_map(|key| rule.anchors.party_of(key, rule.now, expired))
        };
        self.own_signers(|key| rule.counts(key)).iter().filter_map(party).collect()
    }

    /// Until when enough of its own signers have certificates that are valid; nothing when they have none now.
    pub(crate) fn certified_until(&self, rule: &RootRule<'_>) -> Option<DateTime<Utc>> {
        let keys = &self.file.body.own.keys;
        let end =
            |signer: &Signer| keys.iter().find(|key| key.id == signer.id).and_then(|key| key.certificate.as_ref()).map(|it| it.not_after);
        let mut ends: Vec<_> = self.own_signers(|key| rule.counts_now(key)).iter().filter_map(end).collect();
        ends.sort_unstable_by(|one, other| other.cmp(one));
        ends.get(usize::try_from(self.needed()).ok()?.checked_sub(1)?).copied()
    }

    fn needed(&self) -> u32 {
        self.file.body.own.threshold.get()
    }
}

impl PartialEq for SignedRoot {
    fn eq(&self, other: &SignedRoot) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for SignedRoot {}

fn count(signers: &[Signer]) -> u32 {
    u32::try_from(signers.len()).unwrap_or(u32::MAX)
}
