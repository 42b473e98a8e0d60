//! What is said of the images of a pod, whichever of the pods that run them it is; and of several pods together.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::crd::{Condition, ImageResult, ImageStatus, ReportedSummary};

use super::tally::{self, Counted};
use super::{JudgedImage, condition, content};

/// The verdicts on the images of a pod, or of the pods of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// One per image and policy, as reports list them.
    pub results: Arc<[ImageResult]>,
    counted: Vec<Counted>,
    left_out: usize,
}

impl Outcome {
    /// What the judgements come to.
    pub fn of(images: &[JudgedImage]) -> Self {
        let (results, left_out) = content::bounded(images.iter().flat_map(content::results).collect());
        Self { results: results.into(), counted: images.iter().filter_map(Counted::of).collect(), left_out }
    }

    /// What is said of several pods, each outcome with the number of pods that it is of. An image counts once, by its worst verdict.
    pub fn together<'a>(parts: impl IntoIterator<Item = (&'a Self, u32)>) -> Self {
        let mut counted: Vec<Counted> = Vec::new();
        let mut results: Vec<ImageResult> = Vec::new();
        let mut left_out = 0;
        for (part, pods) in parts {
            left_out += part.left_out;
            for image in &part.counted {
                let is_same = |known: &&mut Counted| known.group.image == image.group.image && known.group.reported == image.group.reported;
                match counted.iter_mut().find(is_same) {
                    Some(known) => known.join(image),
                    None => counted.push(image.clone()),
                }
            }
            for result in part.results.iter() {
                match results.iter_mut().find(|known| says_the_same(known, result)) {
                    Some(known) => known.pods = Some(known.pods.unwrap_or_default().saturating_add(pods)),
                    None => results.push(ImageResult { pods: Some(pods), ..result.clone() }),
                }
            }
        }
        let (results, cut) = content::bounded(results);
        Self { results: results.into(), counted, left_out: left_out + cut }
    }

    /// The same with its results shared.
    #[must_use]
    pub fn sharing(self, results: Arc<[ImageResult]>) -> Self {
        Self { results, ..self }
    }

    /// `True`, `False` or `Unknown`.
    pub fn verified(&self) -> &'static str {
        condition::answer(&self.counted).0
    }

    /// The condition that reports have of it.
    pub fn condition(&self, since: DateTime<Utc>) -> Condition {
        condition::verified(&self.counted, self.left_out, since)
    }

    /// The columns of the report.
    pub fn summary(&self) -> ReportedSummary {
        tally::summary(&self.counted)
    }

    /// Whether something could not be determined.
    pub fn is_unknown(&self) -> bool {
        self.counted.iter().any(|image| image.status == ImageStatus::Unknown)
    }
}

fn says_the_same(one: &ImageResult, other: &ImageResult) -> bool {
    one.pods.is_some() && ImageResult { pods: None, ..one.clone() } == ImageResult { pods: None, ..other.clone() }
}
