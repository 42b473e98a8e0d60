//! A changed verdict as receivers of alerts are told of it, and what is still so.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Running;
use super::book::Telling;
use crate::alerting::{Alert, AlertImage, Alerts};
use crate::crd::{ImageResult, ImageStatus};
use crate::policy::ObjectName;
use crate::settings::Occasion;

/// Sooner than the shortest time for which an Alertmanager keeps what it is not told again.
const REMINDER: Duration = Duration::from_mins(1);

/// Reminds receivers of the pods that are not verified, while this replica leads, until `cancel`.
pub async fn remind(running: Running, alerts: Alerts, cancel: CancellationToken) {
    let mut ticks = interval(REMINDER);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        if !alerts.reminds() {
            continue;
        }
        let made = Utc::now();
        if let Some((pods, whole)) = running.unverified() {
            alerts.remind(&pods, whole.then_some(made));
        }
    }
}

/// Tells what was found out about a pod. Never waits.
pub(super) fn tell(alerts: &Alerts, telling: &Telling) {
    let Telling { pod, uid, report: _, verified, results, since: _ } = telling;
    if !alerts.hears(Occasion::Changed, &pod.namespace) {
        return;
    }
    alerts.tell(Alert {
        time: Utc::now(),
        good: verified.status == "True",
        reason: verified.reason.clone(),
        message: verified.message.clone(),
        ..still(pod, uid, Utc::now(), results)
    });
}

/// What is known of a pod that is not verified, as it was told when it came to that.
pub(super) fn still(pod: &ObjectName, uid: &str, since: DateTime<Utc>, results: &[ImageResult]) -> Alert {
    let refused = |result: &&ImageResult| matches!(result.status, ImageStatus::Untrusted | ImageStatus::Unsupported | ImageStatus::Revoked);
    let reason = results.iter().find(refused).or(results.first()).map(|result| result.reason.clone());
    Alert {
        occasion: Occasion::Changed,
        time: since,
        namespace: pod.namespace.clone(),
        kind: "Pod".to_owned(),
        name: pod.name.clone(),
        uid: Some(uid.to_owned()),
        good: false,
        reason: reason.unwrap_or_default(),
        message: String::new(),
        images: results.iter().map(image).collect(),
        more_images: 0,
    }
}

fn image(result: &ImageResult) -> AlertImage {
    AlertImage {
        image: result.image.clone(),
        digest: result.digest.clone(),
        policy: result.policy.clone(),
        rule: result.rule.clone(),
        status: result.status,
        reason: result.reason.clone(),
        message: result.message.clone(),
    }
}
