//! The answer: one document of bounded size, a function of what was found out, what may be seen, and what is asked for.
//!
//! Invariant: what is out of sight takes part in nothing, counts included.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::access::Sight;
use super::query::{Position, Query};
use super::surroundings::Found;
use crate::controllers::verification_report::{SeenPod, Verified};
use crate::crd::{ImageResult, ImageStatus};
use crate::report::inventory::{self, Image, Inventory, PodImages, Row, shown};
use crate::report::{self, order};

/// Changes when something is taken away or means something else.
pub(super) const API_VERSION: &str = "results.bonafide.dev/v1";
/// An answer ends with the image that passes this; the rest is behind `continue`.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Namespaces and verdicts that are told of one image.
const MOST_OF_AN_IMAGE: usize = 64;
const MOST_NAMESPACES: usize = 1_000;

/// `/results`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: &'static str,
    /// When.
    generated: String,
    /// Pods that wait for their first look; told to who sees everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    /// Namespaces with results of which was not asked whether they may be seen.
    #[serde(skip_serializing_if = "is_zero")]
    namespaces_not_asked: usize,
    /// All that are in sight, whatever is asked for.
    namespaces: Vec<Value>,
    #[serde(skip_serializing_if = "is_zero")]
    namespaces_left_out: usize,
    counts: Counts,
    /// How many images are asked for, in this answer and behind it.
    matching: usize,
    images: Vec<Box<RawValue>>,
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Of the namespace that is asked for, else of all in sight.
#[derive(Serialize)]
struct Counts {
    /// By whether they are verified.
    pods: BTreeMap<&'static str, usize>,
    /// By status; only those that are searched for.
    images: BTreeMap<&'static str, usize>,
}

/// A pod that runs an image.
struct Run<'a> {
    pod: &'a SeenPod,
    containers: Arc<[String]>,
    status: ImageStatus,
}

/// A pod with its images, which it shares with pods of which the same is said.
type Judged<'a> = (&'a SeenPod, Arc<PodImages>);

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The document as JSON.
pub(super) fn document(found: &Found, sight: &Sight, query: &Query, now: DateTime<Utc>) -> Result<Vec<u8>, serde_json::Error> {
    let in_sight = judged(found.pods.iter().filter(|pod| sight.covers(&pod.namespace)));
    let (namespaces, namespaces_left_out) = namespaces(&in_sight);
    let asked: Vec<&Judged<'_>> =
        in_sight.iter().filter(|(pod, _)| query.namespace.as_ref().is_none_or(|namespace| *namespace == pod.namespace)).collect();
    let mut inventory = Inventory::default();
    for (pod, images) in &asked {
        inventory.add(&pod.namespace, images, |containers, status| Run { pod, containers: containers.clone(), status });
    }
    let rows: Vec<Row<'_, Run<'_>>> = inventory.rows(&[]).into_iter().filter(|row| is_searched_for(row, query.search.as_deref())).collect();
    let counts = Counts {
        pods: tally(asked.iter().map(|(pod, _)| pod.verified.as_str())),
        images: tally(rows.iter().map(|(_, runs)| report::name(runs.status))),
    };
    let rows: Vec<_> = rows.into_iter().filter(|(_, runs)| query.statuses.is_empty() || query.statuses.contains(&runs.status)).collect();
    let (images, next) = page(&rows, query)?;
    let (waiting, namespaces_not_asked) = match sight {
        Sight::Everything => (Some(found.waiting), 0),
        Sight::Only { not_asked, .. } => (None, *not_asked),
    };
    let generated = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    serde_json::to_vec(&Document {
        api_version: API_VERSION,
        generated,
        waiting,
        namespaces_not_asked,
        namespaces,
        namespaces_left_out,
        counts,
        matching: rows.len(),
        images,
        next,
    })
}

/// Results are taken apart once for all pods that share them.
fn judged<'a>(pods: impl Iterator<Item = &'a SeenPod>) -> Vec<Judged<'a>> {
    let mut known: HashMap<*const ImageResult, Arc<PodImages>> = HashMap::new();
    pods.map(|pod| {
        let images = known.entry(pod.results.as_ptr()).or_insert_with(|| Arc::new(PodImages::of(pod.results.iter().cloned())));
        (pod, images.clone())
    })
    .collect()
}

/// How many pods each has, and how many images of which status; an image has the worst that it has there.
fn namespaces(pods: &[Judged<'_>]) -> (Vec<Value>, usize) {
    let mut all: BTreeMap<&str, (usize, HashMap<&Image, ImageStatus>)> = BTreeMap::new();
    for (pod, judged) in pods {
        let (count, images) = all.entry(&pod.namespace).or_default();
        *count += 1;
        for (image, status) in judged.statuses() {
            let worst = images.entry(image).or_insert(status);
            *worst = order::worse(*worst, status);
        }
    }
    let left_out = all.len().saturating_sub(MOST_NAMESPACES);
    let told = all
        .into_iter()
        .take(MOST_NAMESPACES)
        .map(|(name, (pods, images))| json!({"name": shown(name), "pods": pods, "images": tally(images.into_values().map(report::name))}));
    (told.collect(), left_out)
}

fn tally(names: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts
}

fn is_searched_for((image, runs): &Row<'_, Run<'_>>, search: Option<&str>) -> bool {
    let Some(search) = search else { return true };
    let has = |text: &str| text.to_lowercase().contains(search);
    let of_verdicts = || runs.verdicts.keys().any(|verdict| verdict.texts().any(has));
    let of_pods =
        || runs.remembered.iter().any(|run| has(&run.pod.name) || run.pod.workload.as_ref().is_some_and(|workload| has(&workload.name)));
    has(&image.reference)
        || image.digest.as_deref().is_some_and(has)
        || of_verdicts()
        || runs.namespaces.keys().any(|name| has(name))
        || of_pods()
}

/// The images from where the last answer ended, and where this one does.
fn page(rows: &[Row<'_, Run<'_>>], query: &Query) -> Result<(Vec<Box<RawValue>>, Option<String>), serde_json::Error> {
    let (mut images, mut bytes) = (Vec::new(), 0);
    let mut last = None;
    let position = |(image, runs): &Row<'_, Run<'_>>| Position::of(runs.status, image);
    for row in rows.iter().skip_while(|row| query.after.as_ref().is_some_and(|after| position(row) <= *after)) {
        if images.len() >= query.limit || bytes >= MOST_BYTES {
            return Ok((images, last.map(|row| position(row).encode())));
        }
        let image = to_raw_value(&image(row, query.pods))?;
        bytes += image.get().len();
        images.push(image);
        last = Some(row);
    }
    Ok((images, None))
}

fn image(row: &Row<'_, Run<'_>>, most: usize) -> Value {
    let (_, runs) = row;
    let mut told = inventory::json(row, MOST_OF_AN_IMAGE);
    let mut ordered: Vec<&Run<'_>> = runs.remembered.iter().collect();
    // Those come first for which the image has its status; among equals the order of names stays.
    ordered.sort_by_key(|run| order::place(run.status));
    told.insert("runs".to_owned(), ordered.into_iter().take(most).map(run).collect());
    Value::Object(told)
}

fn run(Run { pod, containers, status }: &Run<'_>) -> Value {
    let SeenPod { namespace, name, workload, verified, since, results: _ } = pod;
    json!({
        "namespace": shown(namespace),
        "pod": shown(name),
        "workload": workload.as_ref().map(|workload| json!({"kind": shown(&workload.kind), "name": shown(&workload.name)})),
        "containers": containers.iter().map(|name| shown(name)).collect::<Vec<_>>(),
        "status": report::name(*status),
        "verified": match verified { Verified::Yes => "True", Verified::No => "False", Verified::Unknown => "Unknown" },
        "since": since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true)),
    })
}
