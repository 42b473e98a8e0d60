//! What runs, out of the reports: one row per image and digest, the worst first.

use std::collections::BTreeMap;

use oci::Reference;

use super::order;
use crate::crd::{ImageResult, ImageStatus, VerificationReport};
use crate::report;

/// Grows report by report, so that never all of them are held.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    rows: BTreeMap<Image, Runs>,
    /// How many reports there were.
    pub(super) reports: usize,
    /// How many of them had nothing to say yet.
    pub(super) silent: usize,
}

/// An image as pods name it, and what runs by that name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Image {
    /// The reference as specified; a digest behind a tag is left out when it is the one that runs.
    pub(super) reference: String,
    /// The digest that runs, if it is known.
    pub(super) digest: Option<String>,
}

/// Where an image runs, and what is said of it.
#[derive(Debug)]
pub(super) struct Runs {
    /// The worst status that it has in a pod.
    pub(super) status: ImageStatus,
    /// How many pods of which namespace run it.
    pub(super) namespaces: BTreeMap<String, usize>,
    /// What policies say, and of how many pods.
    pub(super) verdicts: BTreeMap<Verdict, usize>,
}

/// What one policy says of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Verdict {
    pub(super) status: ImageStatus,
    pub(super) reason: String,
    pub(super) policy: String,
    pub(super) rule: Option<String>,
    pub(super) message: String,
}

/// One line of the answer.
pub(super) type Row<'a> = (&'a Image, &'a Runs);

impl Inventory {
    /// Adds what one report says; each image of it counts as one pod, or as the pods of the workload that run it.
    pub(super) fn add(&mut self, report: VerificationReport) {
        self.reports += 1;
        let namespace = report.metadata.namespace.unwrap_or_default();
        let Some(status) = report.status else {
            self.silent += 1;
            return;
        };
        let is_on_pod = report.spec.pod.is_some();
        let mut images: BTreeMap<Image, (ImageStatus, BTreeMap<Verdict, usize>)> = BTreeMap::new();
        for result in status.images {
            let said = result.status;
            let pods = result.pods.filter(|_| !is_on_pod).and_then(|pods| usize::try_from(pods).ok()).unwrap_or(1);
            let (image, verdict) = split(result);
            let (status, verdicts) = images.entry(image).or_insert_with(|| (said, BTreeMap::new()));
            *status = report::worse(*status, said);
            // Two containers may name the image in two ways, and then it has the same verdict twice.
            let known = verdicts.entry(verdict).or_default();
            *known = pods.max(*known);
        }
        for (image, (status, verdicts)) in images {
            let pods = if is_on_pod { 1 } else { pods(&verdicts) };
            self.merge(image, Runs { status, namespaces: [(namespace.clone(), pods)].into(), verdicts });
        }
    }

    /// Takes over what was found elsewhere.
    pub(super) fn append(&mut self, other: Self) {
        self.reports += other.reports;
        self.silent += other.silent;
        for (image, runs) in other.rows {
            self.merge(image, runs);
        }
    }

    fn merge(&mut self, image: Image, runs: Runs) {
        let Some(known) = self.rows.get_mut(&image) else {
            self.rows.insert(image, runs);
            return;
        };
        if order::place(runs.status) < order::place(known.status) {
            known.status = runs.status;
        }
        for (namespace, pods) in runs.namespaces {
            *known.namespaces.entry(namespace).or_default() += pods;
        }
        for (verdict, pods) in runs.verdicts {
            *known.verdicts.entry(verdict).or_default() += pods;
        }
    }

    /// The rows with one of these statuses, or all: the worst status first, then by name.
    pub(super) fn rows(&self, only: &[ImageStatus]) -> Vec<Row<'_>> {
        let mut rows: Vec<_> = self.rows.iter().filter(|(_, runs)| only.is_empty() || only.contains(&runs.status)).collect();
        rows.sort_by_key(|(image, runs)| (order::place(runs.status), *image));
        rows
    }
}

impl Runs {
    /// How many pods run it.
    pub(super) fn pods(&self) -> usize {
        self.namespaces.values().sum()
    }

    /// Why it has its status; more than one when policies or pods differ.
    pub(super) fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<_> =
            self.verdicts.keys().filter(|verdict| verdict.status == self.status).map(|verdict| verdict.reason.as_str()).collect();
        reasons.dedup();
        reasons
    }
}

/// Every policy judges every pod, and says one thing of each.
fn pods(verdicts: &BTreeMap<Verdict, usize>) -> usize {
    let mut by_policy: BTreeMap<&str, usize> = BTreeMap::new();
    for (verdict, pods) in verdicts {
        *by_policy.entry(&verdict.policy).or_default() += pods;
    }
    by_policy.into_values().max().unwrap_or_default()
}

fn split(result: ImageResult) -> (Image, Verdict) {
    let ImageResult { image, digest, status, policy, rule, reason, message, .. } = result;
    let reference = digest.as_ref().and_then(|digest| without(&image, digest)).unwrap_or(image);
    (Image { reference, digest }, Verdict { status, reason, policy, rule, message })
}

/// The reference without this digest, if a tag stays: `web:v1` that was pinned runs what `web:v1` runs.
fn without(image: &str, digest: &str) -> Option<String> {
    let named: Reference = image.parse().ok()?;
    named.tag()?;
    Some(image.strip_suffix(digest)?.strip_suffix('@')?.to_owned())
}
