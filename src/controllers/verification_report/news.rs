//! Telling people that a verdict has changed: one line of log, one Event on the pod, one alert.
//!
//! Invariant: only changes between verdicts are told, each once; that nothing could be found out is no verdict. The name
//! of an Event says what it tells, so that it is the same for whichever leader tells it. Reports come first.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::Utc;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

use super::Term;
use super::alert;
use super::book::Telling;
use super::queue::Name;
use crate::text::shown;

const CONTROLLER: &str = "bonafide";
/// What the API server takes of a note.
const MOST_NOTE: usize = 1000;
/// Characters of the pod's name in the name of an Event.
const MOST_POD: usize = 230;
/// Until it is asked again whether reports wait, and how often at most.
const PAUSE: Duration = Duration::from_millis(250);
const MOST_PAUSES: u32 = 480;

/// Tells what is new about a pod, when no report waits for its turn.
pub(super) async fn tell(term: &Term, name: Name) {
    for _ in 0..MOST_PAUSES {
        if !term.book().writes.is_busy() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let telling = term.book().tell(&name);
    if let Some(telling) = telling {
        term.turn().await;
        publish(term, &telling).await;
    }
    term.book().news.done(&name, tokio::time::Instant::now());
    term.wake();
}

/// An Event that is there already was told by another leader. One that the API server does not take is no reason to look again.
async fn publish(term: &Term, telling: &Telling) {
    let Telling { pod, uid, verified, .. } = telling;
    let api = Api::<Event>::namespaced(term.client.clone(), &pod.namespace);
    match api.create(&PostParams::default(), &event(telling)).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => return,
        Err(error) => tracing::warn!(%pod, error = %crate::chain(&error), "an Event could not be written"),
        Ok(_) => {}
    }
    tracing::info!(
        %pod,
        pod.uid = uid,
        verified = verified.status,
        reason = verified.reason,
        verified.message,
        "a verdict has changed"
    );
    alert::tell(&term.alerts, telling);
}

fn event(telling: &Telling) -> Event {
    let Telling { pod, uid, report, verified, .. } = telling;
    let is_good = verified.status == "True";
    let note = match report {
        Some(report) => format!("{}, see VerificationReport {report}", verified.message),
        None => verified.message.clone(),
    };
    Event {
        metadata: ObjectMeta { name: Some(name(telling)), namespace: Some(pod.namespace.clone()), ..ObjectMeta::default() },
        action: Some("Verify".to_owned()),
        event_time: Some(MicroTime(Timestamp::from_microsecond(Utc::now().timestamp_micros()).unwrap_or_default())),
        note: Some(shown(&note, MOST_NOTE)),
        reason: Some(if is_good { "ImagesVerified".to_owned() } else { verified.reason.clone() }),
        regarding: Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(pod.name.clone()),
            namespace: Some(pod.namespace.clone()),
            uid: Some(uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(CONTROLLER.to_owned()),
        type_: Some(if is_good { "Normal" } else { "Warning" }.to_owned()),
        ..Event::default()
    }
}

/// The pod's, with a number for what is told and since when.
fn name(telling: &Telling) -> String {
    let Telling { pod, uid, verified, since, .. } = telling;
    let mut hasher = DefaultHasher::new();
    (uid, &verified.status, since.timestamp()).hash(&mut hasher);
    let short: String = pod.name.chars().take(MOST_POD).collect();
    format!("{}.{:016x}", short.trim_end_matches(['.', '-']), hasher.finish())
}
