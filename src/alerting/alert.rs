//! One thing that people are told.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::crd::ImageStatus;
use crate::settings::Occasion;
use crate::text::shown;

/// Images that are told one by one; the rest is counted.
const MOST_IMAGES: usize = 16;
const MOST_NAME: usize = 253;
const MOST_POLICY: usize = 507;
const MOST_IMAGE: usize = 512;
const MOST_MESSAGE: usize = 512;
const MOST_WORD: usize = 64;

/// What happened to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What it is about.
    pub occasion: Occasion,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The object's namespace.
    pub namespace: String,
    /// The object's kind.
    pub kind: String,
    /// The object's name; the beginning of it, with a `*`, where the API server has not made the rest yet.
    pub name: String,
    /// The object's uid, as far as it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether it ended well: the object was admitted, the pod is verified.
    pub good: bool,
    /// Why, from the closed list of reasons.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// What each policy says of each image.
    pub images: Vec<AlertImage>,
    /// Further entries that are not listed.
    pub more_images: usize,
}

/// What one policy says of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertImage {
    /// The reference as it is written.
    pub image: String,
    /// The digest, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The policy, as `namespace/name`.
    pub policy: String,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The verdict.
    pub status: ImageStatus,
    /// Why, from the closed list of reasons.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

impl Alert {
    /// The same with every text fit for being shown, and not too long (security rule 28).
    #[must_use]
    pub(super) fn fit(self) -> Self {
        let Self { occasion, time, namespace, kind, name, uid, good, reason, message, images, more_images } = self;
        let left_out = images.len().saturating_sub(MOST_IMAGES);
        Self {
            occasion,
            time,
            namespace: shown(&namespace, MOST_NAME),
            kind: shown(&kind, MOST_WORD),
            name: shown(&name, MOST_NAME),
            uid: uid.map(|uid| shown(&uid, MOST_WORD)),
            good,
            reason: shown(&reason, MOST_WORD),
            message: shown(&message, MOST_MESSAGE),
            images: images.into_iter().take(MOST_IMAGES).map(AlertImage::fit).collect(),
            more_images: more_images.saturating_add(left_out),
        }
    }

    /// What tells this object from others, for receivers that join what is about one.
    pub(super) fn subject(&self) -> String {
        let occasion = self.occasion.as_str();
        let uid = self.uid.as_deref().filter(|_| self.occasion == Occasion::Changed).unwrap_or_default();
        format!("{occasion}/{}/{}/{}/{uid}", self.namespace, self.kind, self.name)
    }
}

impl AlertImage {
    fn fit(self) -> Self {
        let Self { image, digest, policy, rule, status, reason, message } = self;
        Self {
            image: shown(&image, MOST_IMAGE),
            digest: digest.map(|digest| shown(&digest, MOST_NAME)),
            policy: shown(&policy, MOST_POLICY),
            rule: rule.map(|rule| shown(&rule, MOST_NAME)),
            status,
            reason: shown(&reason, MOST_WORD),
            message: shown(&message, MOST_MESSAGE),
        }
    }
}
