//! Telling receivers of alerts what was decided, once per object.
//!
//! Boundary: makes alerts of decisions; who is told, and how, is `alerting`'s business. Invariant: nothing waits for a
//! receiver but an admission that the settings make depend on it, and that not beyond the request's deadline; a dry run
//! tells nobody.

use chrono::Utc;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer::{Answer, Status};
use super::images;
use super::objects::{Decided, Outcome, Pass};
use super::review::Request;
use crate::alerting::{Alert, AlertImage, Alerts, NotSent};
use crate::crd::ImageStatus;
use crate::evaluate::{ImageDecision, PolicyResult};
use crate::policy::Reason;
use crate::settings::Occasion;

/// What is told of the images; nothing where nobody listens.
pub(super) fn images(alerts: &Alerts, namespace: &str, decisions: &[ImageDecision]) -> Vec<(AlertImage, Reason)> {
    let heard = [Occasion::Admitted, Occasion::Refused].into_iter().any(|occasion| alerts.hears(occasion, namespace));
    let results = |decision: &ImageDecision| decision.results.iter().map(|result| image(decision, result)).collect::<Vec<_>>();
    if heard { decisions.iter().flat_map(results).collect() } else { vec![] }
}

fn image(decision: &ImageDecision, result: &PolicyResult) -> (AlertImage, Reason) {
    let reason = result.verdict.reason();
    let image = AlertImage {
        image: decision.image.clone(),
        digest: result.verdict.digest().map(ToString::to_string),
        policy: result.policy.name.to_string(),
        rule: result.rule.clone(),
        status: result.verdict.status(),
        reason: reason.as_str().to_owned(),
        message: result.verdict.message(),
    };
    (image, reason)
}

/// Tells it. The answer is another one when a receiver without which nothing is admitted did not take the message.
pub(super) async fn tell(alerts: &Alerts, pass: Pass, request: &Request<'_>, decided: Decided, deadline: Instant) -> Decided {
    let Some(occasion) = occasion(pass, &decided) else { return decided };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    if request.dry_run == Some(true) || !alerts.hears(occasion, namespace) {
        return decided;
    }
    let alert = alert(occasion, request, &decided);
    if occasion == Occasion::Refused {
        alerts.tell(alert);
        return decided;
    }
    match alerts.deliver(alert.clone(), deadline).await {
        Ok(()) => {
            alerts.tell(alert);
            decided
        }
        Err(not_sent) if decided.enforced => {
            let refused = refused(&not_sent, decided);
            alerts.tell(self::alert(Occasion::Refused, request, &refused));
            refused
        }
        Err(not_sent) => {
            alerts.tell(alert);
            warned(&not_sent, decided)
        }
    }
}

/// The validating pass has the last word on what is admitted; what the mutating pass refuses never gets there.
fn occasion(pass: Pass, decided: &Decided) -> Option<Occasion> {
    match (pass, decided.answer.denied.is_some()) {
        (_, true) => Some(Occasion::Refused),
        (Pass::Validate, false) if decided.outcome != Outcome::Skipped => Some(Occasion::Admitted),
        _ => None,
    }
}

fn alert(occasion: Occasion, request: &Request<'_>, decided: &Decided) -> Alert {
    let object = request.object.map(RawValue::get).unwrap_or_default();
    let name = request.name.clone().filter(|name| !name.is_empty());
    let generated = || images::generate_name(object).map(|name| format!("{name}*"));
    let reason = decided.reason.unwrap_or_else(|| admitted_for(&decided.images));
    // What the images say is not said twice.
    let said = decided.images.iter().any(|(_, other)| *other == reason);
    let denial = decided.answer.denied.as_ref().filter(|_| !said);
    Alert {
        occasion,
        time: Utc::now(),
        namespace: request.namespace.clone().unwrap_or_default(),
        kind: request.kind.kind.clone(),
        name: name.or_else(generated).unwrap_or_default(),
        uid: images::uid(object),
        good: occasion == Occasion::Admitted,
        reason: reason.as_str().to_owned(),
        message: denial.map(|denial| denial.message.clone()).unwrap_or_default(),
        images: decided.images.iter().map(|(image, _)| image.clone()).collect(),
        more_images: 0,
    }
}

/// Why an object was admitted: what a policy objects to that does not enforce, or the strongest of what lets it in.
fn admitted_for(images: &[(AlertImage, Reason)]) -> Reason {
    let severity = |image: &AlertImage| match image.status {
        ImageStatus::Unmatched => 0,
        ImageStatus::Exempt => 1,
        ImageStatus::Trusted => 2,
        ImageStatus::Unknown => 3,
        ImageStatus::Untrusted | ImageStatus::Unsupported | ImageStatus::Revoked => 4,
    };
    images.iter().max_by_key(|(image, _)| severity(image)).map_or(Reason::Unmatched, |(_, reason)| *reason)
}

fn refused(not_sent: &NotSent, decided: Decided) -> Decided {
    let answer = Answer::denied(Status::ServiceUnavailable, format!("{}: {not_sent}", Reason::Timeout));
    Decided { answer, outcome: Outcome::Fault, reason: Some(Reason::Timeout), ..decided }
}

/// Where no policy enforces, nothing of ours refuses.
fn warned(not_sent: &NotSent, mut decided: Decided) -> Decided {
    decided.answer.warnings.push(not_sent.to_string());
    decided
}
