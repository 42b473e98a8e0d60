//! By what a judged request is found again: in the log, the API server's audit log, and the report of the pod.
//!
//! ```text
//! log line        uid  object
//! audit log       uid  object     annotations of the webhook
//! report               pod.uid
//! ```
//!
//! Boundary: uids only. Invariant: what the author of an object wrote is escaped and cut before it is shown.

use super::answer::Answer;
use super::images;
use super::objects::{Outcome, Pass};
use super::review::Request;
use crate::policy::Reason;
use crate::text;

/// Of a name in the log: the mutating pass comes before the API server has checked it.
const MOST_NAME: usize = 253;
/// Of a uid, which has 36 letters when an API server has made it.
const MOST_UID: usize = 64;

/// The uids of a request.
pub(super) struct Trace {
    request: String,
    /// Set by the API server between the passes; absent in the mutating pass of a CREATE.
    object: Option<String>,
}

impl Trace {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let object = request.object.and_then(|object| images::uid(object.get()));
        Self { request: text::shown(&request.uid, MOST_UID), object: object.map(|uid| text::shown(&uid, MOST_UID)) }
    }

    /// For the audit log; the API server puts the webhook's name before each key.
    pub(super) fn annotations(self) -> impl Iterator<Item = (String, String)> {
        let object = self.object.map(|uid| ("object".to_owned(), uid));
        [("uid".to_owned(), self.request)].into_iter().chain(object)
    }

    /// One line per judged request.
    pub(super) fn log(&self, pass: Pass, request: &Request<'_>, outcome: Outcome, reason: Option<Reason>, answer: &Answer) {
        let images = answer.annotations.get("images").map(String::as_str).unwrap_or_default();
        let namespace = request.namespace.as_deref().unwrap_or_default();
        let name = text::shown(request.name.as_deref().unwrap_or_default(), MOST_NAME);
        let (kind, reason) = (&request.kind.kind, reason.map(Reason::as_str));
        let (uid, object) = (&self.request, self.object.as_deref());
        tracing::info!(uid, object, namespace, kind, name, ?pass, ?outcome, reason, images, "request judged");
    }
}
