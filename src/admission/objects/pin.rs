//! Pinning: which text an admitted image gets, and what a Pod must not run without.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use oci::Reference;

use super::super::images::{Field, ImageUse, Workload};
use super::super::message::Judged;
use super::super::patch::Change;
use super::Changes;
use crate::crd::{Mode, Pin};
use crate::evaluate::ImageDecision;
use crate::index::{Chosen, CompiledPolicy, Demand};

/// The images that the stored object has.
pub(super) struct Stored(BTreeSet<(Field, String, String)>);

impl Stored {
    pub(super) fn new(images: BTreeSet<(Field, String, String)>) -> Self {
        Self(images)
    }

    /// The stored reference that is this one plus a digest.
    fn pinned_form(&self, image: &ImageUse) -> Option<&str> {
        let written: Reference = image.image.parse().ok()?;
        let same = |stored: &str| {
            stored.parse::<Reference>().is_ok_and(|stored| stored.digest().is_some() && stored.without_digest() == written.without_digest())
        };
        let mut candidates = self.0.iter().filter(|(field, name, _)| *field == image.field && *name == image.name);
        let found = candidates.find(|(_, _, stored)| same(stored)).map(|(_, _, stored)| stored.as_str());
        found.filter(|_| written.digest().is_none())
    }
}

/// Under `pin: All` a manifest that is applied again keeps the digests that it was given; those images are taken out
/// of `uses`, because the stored object already has them.
pub(super) fn keep_stored(uses: &mut Vec<ImageUse>, stored: &Stored, policies: &[Arc<CompiledPolicy>], now: DateTime<Utc>) -> Changes {
    let mut changes = Vec::new();
    uses.retain(|image| {
        let Some(pinned) = stored.pinned_form(image) else { return true };
        if !is_pinned_everywhere(image, policies, now) {
            return true;
        }
        changes.push(Change { pointer: image.pointer.clone(), from: image.image.clone(), to: pinned.to_owned() });
        false
    });
    changes
}

fn is_pinned_everywhere(image: &ImageUse, policies: &[Arc<CompiledPolicy>], now: DateTime<Utc>) -> bool {
    let Ok(reference) = image.image.parse::<Reference>() else { return false };
    let verifies = |policy: &CompiledPolicy| match policy.decide(&reference, now) {
        Chosen::Rule(rule) => matches!(rule.demand, Demand::Verify { .. }),
        Chosen::Unmatched(_) | Chosen::Invalid(_) => false,
    };
    policies.iter().any(|policy| policy.mode == Mode::Enforce && policy.pin == Pin::All && verifies(policy))
}

/// The text that an accepted image gets in each of its places.
pub(super) fn changes((uses, decision): &Judged<'_>, workload: Workload) -> Changes {
    let Some(text) = text(decision, workload) else { return vec![] };
    let differs = uses.iter().filter(|image| image.image != text);
    differs.map(|image| Change { pointer: image.pointer.clone(), from: image.image.clone(), to: text.clone() }).collect()
}

/// The verified digest where a policy pins here; else, for a short name in a Pod, the name that every runtime reads alike.
fn text(decision: &ImageDecision, workload: Workload) -> Option<String> {
    let reference = decision.reference.as_ref().ok()?;
    let (pin, is_pod) = (decision.pin()?, workload == Workload::Pod);
    let here = pin == Pin::All || (pin == Pin::Pods && is_pod);
    match decision.digest() {
        Some(digest) if here => Some(reference.pinned(digest)),
        _ if (here || is_pod) && reference.is_short() => Some(reference.qualified()),
        _ => None,
    }
}

/// The last word: whatever another webhook did, a Pod runs by digest and by a full name, and so will the Pods of a
/// template where nothing would pin them.
pub(super) fn refuse_unpinned(decision: &mut ImageDecision, workload: Workload) {
    if workload == Workload::Pod || decision.pin() == Some(Pin::Never) {
        decision.refuse_unpinned();
    }
    if workload == Workload::Pod {
        decision.refuse_short();
    }
}
