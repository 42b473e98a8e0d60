//! What a script can sign: images that run and are neither trusted nor exempt, by name and digest.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, Reference, Tag};

use crate::crd::ImageStatus;
use crate::report;
use crate::report::inventory::{Image, Row, Runs, shown};

/// What is to be signed, and how much of what runs cannot be.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// Each image once, with what it is known as and how it runs.
    pub(super) found: BTreeMap<Target, Vec<String>>,
    /// Rows whose name is no image reference.
    pub(super) unreadable: usize,
    /// Rows whose digest is not known.
    pub(super) undigested: usize,
    /// Images without the one tag that a signature of tags needs.
    pub(super) untagged: usize,
    /// Tags by which several digests run.
    pub(super) ambiguous: usize,
}

/// An image to be signed. Its parts were parsed: none of them holds a quote, a blank or a line's end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// Host and path.
    pub(super) repository: String,
    /// Only where tags are signed.
    pub(super) tag: Option<Tag>,
    pub(super) digest: Digest,
}

impl Targets {
    /// Of these rows; with tags for a signer that signs what a tag means.
    pub(super) fn of(rows: &[Row<'_>], with_tags: bool) -> Self {
        let mut targets = Self::default();
        for (image, runs) in rows {
            if !matches!(runs.status, ImageStatus::Trusted | ImageStatus::Exempt) {
                targets.add(image, runs, with_tags);
            }
        }
        if with_tags {
            targets.leave_out_ambiguous();
        }
        targets
    }

    fn add(&mut self, image: &Image, runs: &Runs, with_tags: bool) {
        let Ok(reference) = image.reference.parse::<Reference>() else {
            self.unreadable += 1;
            return;
        };
        // What is specified is what a verdict is about; a kubelet may report the platform's part of it.
        let reported = || image.digest.as_ref().and_then(|digest| digest.parse().ok());
        let Some(digest) = reference.digest().cloned().or_else(reported) else {
            self.undigested += 1;
            return;
        };
        let tag = reference.tag().filter(|_| with_tags).cloned();
        if with_tags && tag.is_none() {
            self.untagged += 1;
            return;
        }
        let repository = format!("{}/{}", reference.repository().host(), reference.repository().path());
        self.found.entry(Target { repository, tag, digest }).or_default().push(note(image, runs));
    }

    /// A tag means one image: which of those that run is not for a script to choose.
    fn leave_out_ambiguous(&mut self) {
        let mut digests: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for target in self.found.keys() {
            digests.entry((target.repository.clone(), target.tag.clone())).or_default().insert(target.digest.clone());
        }
        digests.retain(|_, digests| digests.len() > 1);
        self.found.retain(|target, _| !digests.contains_key(&(target.repository.clone(), target.tag.clone())));
        self.ambiguous = digests.len();
    }

    /// What is left out, one line each, for people.
    pub(super) fn left_out(&self) -> Vec<String> {
        let lines = [
            (self.unreadable, "images are left out: their names are no image references"),
            (self.undigested, "images are left out: their digests are not known yet"),
            (self.untagged, "images are left out: they run without a tag, and Notary signs tags"),
            (self.ambiguous, "tags are left out: several digests run by each, and a tag means one image"),
        ];
        lines.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}

/// For whoever reads the script.
fn note(image: &Image, runs: &Runs) -> String {
    let namespaces: Vec<_> = runs.namespaces.keys().map(String::as_str).collect();
    let (status, reasons) = (report::name(runs.status), runs.reasons().join(", "));
    shown(&format!("{status} ({reasons}): {}, pods: {}, namespaces: {}", image.reference, runs.pods(), namespaces.join(", ")))
}
