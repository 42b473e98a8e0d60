//! The tags of one role, seen through the paths that were delegated to it.

use chrono::{DateTime, Utc};
use oci::Digest;

use super::demand::{Deciding, RequiredSigner};
use super::unresolved::{SignerProblem, Unresolved};
use crate::key::PublicKey;
use crate::metadata::{Paths, Targets, UnusableTarget};
use crate::name::{DelegationName, Role};
use crate::trusted::Trusted;
use crate::update::{Checked, Outcome};

/// What one verified role says.
pub(super) struct View<'t> {
    pub(super) role: Role,
    pub(super) expires: DateTime<Utc>,
    targets: &'t Targets,
    /// Nothing: every tag.
    paths: Option<&'t Paths>,
}

impl<'t> View<'t> {
    fn new(role: Role, targets: &'t Checked<Targets>, paths: Option<&'t Paths>) -> View<'t> {
        View { role, expires: targets.file.expires, targets: &targets.file.body, paths }
    }

    fn may_speak_for(&self, tag: &str) -> bool {
        self.paths.is_none_or(|paths| paths.allow(tag))
    }

    /// What the role says about a tag; nothing where the tag is none of its business.
    pub(super) fn entry(&self, tag: &str) -> Option<&'t Result<Digest, UnusableTarget>> {
        self.targets.tags.get(tag).filter(|_| self.may_speak_for(tag))
    }

    /// The tags under which the role has this digest.
    pub(super) fn tags_of(&self, digest: &Digest) -> impl Iterator<Item = &'t str> {
        let tags = self.targets.tags.iter().filter(move |(_, entry)| entry.as_ref() == Ok(digest));
        tags.map(|(tag, _)| tag.as_str()).filter(|tag| self.may_speak_for(tag))
    }

    /// Whether the role, as a required signer, says that `tag` is `digest`.
    pub(super) fn check(&self, tag: &str, digest: &Digest) -> Result<(), SignerProblem> {
        if !self.may_speak_for(tag) {
            return Err(SignerProblem::OutsidePaths);
        }
        match self.targets.tags.get(tag) {
            None => Err(SignerProblem::TagNotSigned),
            Some(Err(unusable)) => Err((*unusable).into()),
            Some(Ok(signed)) if signed != digest => Err(SignerProblem::OtherDigest { signed: signed.clone() }),
            Some(Ok(_)) => Ok(()),
        }
    }
}

impl Trusted {
    /// The roles that decide, the first that has a tag wins. A broken `targets/releases` never gives way to `targets`.
    pub(super) fn deciding_views(&self, deciding: Deciding) -> Result<Vec<View<'_>>, Unresolved> {
        let releases = DelegationName::releases();
        let branch = self.delegations.get(&releases).ok_or_else(|| Unresolved::OutOfScope { role: releases.clone() })?;
        let targets = View::new(Role::Targets, &self.targets, None);
        match (&branch.outcome, deciding) {
            (Outcome::Broken(error), _) => Err(Unresolved::ReleasesBroken(error.clone())),
            (Outcome::Unpublished, Deciding::Releases) => Err(Unresolved::ReleasesUnpublished),
            (Outcome::NotDelegated, _) | (Outcome::Unpublished, Deciding::ReleasesThenTargets) => Ok(vec![targets]),
            (Outcome::Verified { targets: file, paths }, deciding) => {
                let releases = View::new(releases.into(), file, Some(paths));
                Ok(if deciding == Deciding::Releases { vec![releases] } else { vec![releases, targets] })
            }
        }
    }

    /// What a required signer says; the signer must be a direct child of `targets`.
    pub(super) fn signer_view(&self, required: &RequiredSigner) -> Result<View<'_>, Unresolved> {
        let out_of_scope = || Unresolved::OutOfScope { role: required.role.clone() };
        if required.role.parent().is_some() {
            return Err(SignerProblem::NotDelegated.of(required));
        }
        let branch = self.delegations.get(&required.role).ok_or_else(out_of_scope)?;
        let (file, paths) = match &branch.outcome {
            Outcome::NotDelegated => return Err(SignerProblem::NotDelegated.of(required)),
            Outcome::Unpublished => return Err(SignerProblem::Unpublished.of(required)),
            Outcome::Broken(error) => return Err(SignerProblem::Broken(error.clone()).of(required)),
            Outcome::Verified { targets, paths } => (targets, paths),
        };
        let signed_by = |key: &PublicKey| file.signers.iter().any(|signer| signer.key == *key);
        if !required.key.as_ref().is_none_or(signed_by) {
            return Err(SignerProblem::KeyDidNotSign.of(required));
        }
        Ok(View::new(required.role.clone().into(), file, Some(paths)))
    }
}
