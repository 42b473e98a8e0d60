//! What runs, out of what is said of pods: one row per image and digest, the worst first.

mod json;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oci::Reference;

pub(crate) use self::json::{json, shown};
use super::order;
use super::status::worse;
use crate::crd::{ImageResult, ImageStatus};

/// Grows pod by pod, so that never all reports are held. Of each pod that runs an image a `P` is remembered.
#[derive(Debug)]
pub(crate) struct Inventory<P = ()> {
    rows: BTreeMap<Image, Runs<P>>,
}

/// An image as pods name it, and what runs by that name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Image {
    /// The reference as specified; a digest behind a tag is left out when it is the one that runs.
    pub(crate) reference: String,
    /// The digest that runs, if it is known.
    pub(crate) digest: Option<String>,
}

/// Where an image runs, and what is said of it.
#[derive(Debug)]
pub(crate) struct Runs<P = ()> {
    /// The worst status that it has in a pod.
    pub(crate) status: ImageStatus,
    /// How many pods of which namespace run it.
    pub(crate) namespaces: BTreeMap<String, usize>,
    /// What policies say, and of how many pods.
    pub(crate) verdicts: BTreeMap<Verdict, usize>,
    /// What is remembered of the pods that run it, in the order in which they were added.
    pub(crate) remembered: Vec<P>,
}

/// What one policy says of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Verdict {
    pub(crate) status: ImageStatus,
    pub(crate) reason: String,
    pub(crate) policy: String,
    pub(crate) rule: Option<String>,
    pub(crate) validator: Option<String>,
    pub(crate) signers: Vec<String>,
    pub(crate) message: String,
}

/// The images of a pod; equal for all pods of which the same is said. Or those of a workload.
#[derive(Debug)]
pub(crate) struct PodImages(BTreeMap<Image, PodImage>);

/// What is said of an image of one pod, or of the pods of a workload.
#[derive(Debug)]
struct PodImage {
    status: ImageStatus,
    containers: Arc<[String]>,
    /// What policies say, and of how many pods.
    verdicts: BTreeMap<Verdict, usize>,
    pods: usize,
}

/// One line of the answer.
pub(crate) type Row<'a, P = ()> = (&'a Image, &'a Runs<P>);

impl PodImages {
    /// Of the results in a pod's report.
    pub(crate) fn of(results: impl IntoIterator<Item = ImageResult>) -> Self {
        Self::counted(results, |_| 1, |_| 1)
    }

    /// Of the results in a workload's report.
    pub(crate) fn of_workload(results: impl IntoIterator<Item = ImageResult>) -> Self {
        Self::counted(results, |result| result.pods.and_then(|pods| usize::try_from(pods).ok()).unwrap_or(1), pods)
    }

    fn counted(
        results: impl IntoIterator<Item = ImageResult>,
        said_of: impl Fn(&ImageResult) -> usize,
        pods: impl Fn(&BTreeMap<Verdict, usize>) -> usize,
    ) -> Self {
        let mut images: BTreeMap<Image, (BTreeSet<String>, BTreeMap<Verdict, usize>)> = BTreeMap::new();
        for result in results {
            let said_of = said_of(&result);
            let (image, containers, verdict) = split(result);
            let (known, verdicts) = images.entry(image).or_default();
            known.extend(containers);
            // Two containers may name the image in two ways, and then it has the same verdict twice.
            let known = verdicts.entry(verdict).or_default();
            *known = said_of.max(*known);
        }
        let images = images.into_iter().filter_map(|(image, (containers, verdicts))| {
            let status = verdicts.keys().map(|verdict| verdict.status).reduce(worse)?;
            let pods = pods(&verdicts);
            Some((image, PodImage { status, containers: containers.into_iter().collect(), verdicts, pods }))
        });
        Self(images.collect())
    }

    /// Each image with its status in the pod.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&Image, ImageStatus)> {
        self.0.iter().map(|(image, PodImage { status, .. })| (image, *status))
    }
}

impl Verdict {
    /// Everything that is said in words.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let Self { status: _, reason, policy, rule, validator, signers, message } = self;
        [Some(reason), Some(policy), rule.as_ref(), validator.as_ref(), Some(message)]
            .into_iter()
            .flatten()
            .chain(signers)
            .map(String::as_str)
    }
}

impl<P> Inventory<P> {
    /// Adds a pod; `remember` gets the containers of it that run an image, and its status there. Each image
    /// of it counts as one pod, or as the pods of the workload that run it.
    pub(crate) fn add(&mut self, namespace: &str, images: &PodImages, remember: impl Fn(&Arc<[String]>, ImageStatus) -> P) {
        for (image, PodImage { status, containers, verdicts, pods }) in &images.0 {
            let runs = runs_of(&mut self.rows, image, *status);
            count(&mut runs.namespaces, namespace, *pods);
            for (verdict, pods) in verdicts {
                count(&mut runs.verdicts, verdict, *pods);
            }
            runs.remembered.push(remember(containers, *status));
        }
    }

    /// Takes over what was found elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        for (image, Runs { status, namespaces, verdicts, remembered }) in other.rows {
            let runs = runs_of(&mut self.rows, &image, status);
            for (namespace, pods) in namespaces {
                count(&mut runs.namespaces, namespace.as_str(), pods);
            }
            for (verdict, pods) in verdicts {
                count(&mut runs.verdicts, &verdict, pods);
            }
            runs.remembered.extend(remembered);
        }
    }

    /// The rows with one of these statuses, or all: the worst status first, then by name.
    pub(crate) fn rows(&self, only: &[ImageStatus]) -> Vec<Row<'_, P>> {
        let mut rows: Vec<_> = self.rows.iter().filter(|(_, runs)| only.is_empty() || only.contains(&runs.status)).collect();
        rows.sort_by_key(|(image, runs)| (order::place(runs.status), *image));
        rows
    }
}

impl<P> Default for Inventory<P> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

/// The row of an image, with this status unless it has a worse one.
fn runs_of<'a, P>(rows: &'a mut BTreeMap<Image, Runs<P>>, image: &Image, status: ImageStatus) -> &'a mut Runs<P> {
    let empty = || Runs { status, namespaces: BTreeMap::new(), verdicts: BTreeMap::new(), remembered: Vec::new() };
    let runs = rows.entry(image.clone()).or_insert_with(empty);
    runs.status = order::worse(runs.status, status);
    runs
}

/// Copies the key only when it is new: most pods are like others.
fn count<K: Ord + Borrow<B>, B: Ord + ToOwned<Owned = K> + ?Sized>(counts: &mut BTreeMap<K, usize>, key: &B, pods: usize) {
    if let Some(count) = counts.get_mut(key) {
        *count += pods;
        return;
    }
    counts.insert(key.to_owned(), pods);
}

/// Every policy judges every pod, and says one thing of each.
fn pods(verdicts: &BTreeMap<Verdict, usize>) -> usize {
    let mut by_policy: BTreeMap<&str, usize> = BTreeMap::new();
    for (verdict, pods) in verdicts {
        *by_policy.entry(&verdict.policy).or_default() += pods;
    }
    by_policy.into_values().max().unwrap_or_default()
}

impl<P> Runs<P> {
    /// How many pods run it.
    pub(crate) fn pods(&self) -> usize {
        self.namespaces.values().sum()
    }

    /// Why it has its status; more than one when policies or pods differ.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<_> =
            self.verdicts.keys().filter(|verdict| verdict.status == self.status).map(|verdict| verdict.reason.as_str()).collect();
        reasons.dedup();
        reasons
    }
}

fn split(result: ImageResult) -> (Image, Vec<String>, Verdict) {
    let ImageResult { image, digest, containers, status, policy, rule, validator, signers, reason, message, pods: _ } = result;
    let reference = digest.as_ref().and_then(|digest| without(&image, digest)).unwrap_or(image);
    (Image { reference, digest }, containers, Verdict { status, reason, policy, rule, validator, signers, message })
}

/// The reference without this digest, if a tag stays: `web:v1` that was pinned runs what `web:v1` runs.
fn without(image: &str, digest: &str) -> Option<String> {
    let named: Reference = image.parse().ok()?;
    named.tag()?;
    Some(image.strip_suffix(digest)?.strip_suffix('@')?.to_owned())
}
