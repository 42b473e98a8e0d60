//! Telling people that a verdict has changed: one line of log and one Event on the pod.
//!
//! Invariant: only changes between verdicts are told, each once by the leader who found it out; that nothing could be
//! found out is no verdict. An Event that the API server does not take is no reason to look again.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use super::pace::Pace;
use crate::crd::VerificationReport;
use crate::report::{PodFacts, verified_of};
use crate::text::shown;

const CONTROLLER: &str = "bonafide";
/// What the API server takes of a note.
const MOST_NOTE: usize = 1000;

/// Tells changes.
pub(super) struct News(Recorder);

impl News {
    pub(super) fn new(client: Client) -> Self {
        Self(Recorder::new(client, Reporter { controller: CONTROLLER.to_owned(), instance: None }))
    }

    /// Tells what the report says of its pod.
    pub(super) async fn tell(&self, facts: &PodFacts, report: &VerificationReport, pace: &Pace) {
        let Some(verified) = verified_of(report) else { return };
        let pod = format!("{}/{}", facts.namespace, facts.name);
        tracing::info!(
            pod,
            pod.uid = facts.uid,
            verified = verified.status,
            reason = verified.reason,
            verified.message,
            "a verdict has changed"
        );
        let is_good = verified.status == "True";
        let event = Event {
            type_: if is_good { EventType::Normal } else { EventType::Warning },
            reason: if is_good { "ImagesVerified".to_owned() } else { verified.reason.clone() },
            note: Some(shown(&format!("{}, see VerificationReport {}", verified.message, facts.name), MOST_NOTE)),
            action: "Verify".to_owned(),
            secondary: None,
        };
        pace.turn().await;
        if let Err(error) = self.0.publish(&event, &reference(facts)).await {
            tracing::warn!(pod, error = %crate::chain(&error), "an Event could not be written");
        }
    }
}

fn reference(facts: &PodFacts) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(facts.name.clone()),
        namespace: Some(facts.namespace.clone()),
        uid: Some(facts.uid.clone()),
        ..ObjectReference::default()
    }
}
