//! Pacing, digests, retries, and that nobody ever waits.

use std::time::Duration;

use registry_double::{Misbehaviour, RegistryDouble};
use tokio::time::Instant;

use super::stage::{Stage, admitted, bodies, changed, names, receiver, refused, webhook};
use crate::alerting::queue::CAPACITY;

/// Everything that a reaction needs on a loaded machine, in real time.
const SOON: Duration = Duration::from_secs(30);

fn status(code: u16) -> Misbehaviour {
    Misbehaviour::Status(code, vec![])
}

async fn sent(stage: &Stage, count: u64) {
    tokio::time::timeout(SOON, stage.until(|counts| counts.sent == count)).await.expect("alerts in time");
}

#[tokio::test]
async fn an_alert_is_told_at_once_to_those_who_asked_for_it() {
    let double = receiver().await;
    let stage = Stage::of(&webhook("ops", &double));
    stage.alerts.tell(refused("web"));
    stage.alerts.tell(admitted("other"));
    stage.alerts.tell(changed("job", false));
    sent(&stage, 2).await;
    assert_eq!(names(&double), ["web", "job"]);
    let requests = double.requests();
    assert!(requests.iter().all(|seen| seen.method == "POST" && seen.path == "/hook"));
}

#[tokio::test]
async fn a_receiver_hears_of_its_namespaces_only() {
    let double = receiver().await;
    let only = format!("{{name: ops, on: [Refused], namespaces: {{include: ['bank*']}}, webhook: {{url: '{}'}}}}", double.url("/hook"));
    let stage = Stage::of(&only);
    stage.alerts.tell(refused("web"));
    stage.alerts.tell(crate::alerting::Alert { namespace: "bank-1".to_owned(), ..refused("vault") });
    sent(&stage, 1).await;
    assert_eq!(names(&double), ["vault"]);
}

#[tokio::test]
async fn of_a_burst_a_few_are_told_at_once_and_the_rest_in_one_message() {
    let double = receiver().await;
    let stage = Stage::of(&webhook("ops", &double));
    for number in 0..5 {
        stage.alerts.tell(refused(&format!("web-{number}")));
        sent(&stage, number + 1).await;
    }
    (5..60).for_each(|number| stage.alerts.tell(refused(&format!("web-{number}"))));
    sent(&stage, 60).await;
    let sizes: Vec<_> = bodies(&double).iter().map(|body| body["alerts"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1, 1, 1, 1, 1, 55]);
}

#[tokio::test]
async fn telling_never_waits_and_memory_is_bounded_when_a_receiver_stalls() {
    let double = RegistryDouble::start().await;
    double.script("/hook", Misbehaviour::Stall);
    let stage = Stage::of(&webhook("ops", &double));
    let start = Instant::now();
    (0..CAPACITY + 100).for_each(|number| stage.alerts.tell(refused(&format!("web-{number}"))));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let counts = stage.counts();
    assert!(counts.dropped >= 99 && counts.queued <= CAPACITY, "{counts:?}");
}

#[tokio::test]
async fn a_stalled_receiver_delays_no_other_one() {
    let (slow, good) = (RegistryDouble::start().await, receiver().await);
    slow.script("/hook", Misbehaviour::Stall);
    let stage = Stage::of(&format!("{}, {}", webhook("slow", &slow), webhook("good", &good)));
    stage.alerts.tell(refused("web"));
    let told = async {
        while good.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), told).await.expect("not after the timeout of the other one");
}

#[tokio::test]
async fn what_was_not_taken_for_a_passing_reason_is_tried_again() {
    for misbehaviour in [status(500), status(503), status(429), status(408), Misbehaviour::Reset, Misbehaviour::Raw("nonsense".into())] {
        let double = receiver().await;
        double.script_once("/hook", misbehaviour.clone());
        let stage = Stage::of(&webhook("ops", &double));
        stage.alerts.tell(refused("web"));
        sent(&stage, 1).await;
        assert_eq!(names(&double), ["web", "web"], "{misbehaviour:?}");
        assert_eq!(stage.counts().failed, 0);
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    for misbehaviour in [status(400), status(401), status(404), status(410), Misbehaviour::Redirect("/elsewhere".to_owned())] {
        let double = receiver().await;
        double.script_once("/hook", misbehaviour.clone());
        let stage = Stage::of(&webhook("ops", &double));
        stage.alerts.tell(refused("web"));
        tokio::time::timeout(SOON, stage.until(|counts| counts.failed == 1)).await.expect("given up in time");
        stage.alerts.tell(refused("next"));
        sent(&stage, 1).await;
        assert_eq!(names(&double), ["web", "next"], "{misbehaviour:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_wants_to_be_left_alone_is() {
    let double = receiver().await;
    double.script_once("/hook", Misbehaviour::Status(429, vec![("retry-after", "3".to_owned())]));
    let stage = Stage::of(&webhook("ops", &double));
    let start = Instant::now();
    stage.alerts.tell(refused("web"));
    sent(&stage, 1).await;
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_waits_when_the_process_stops_is_told() {
    let double = receiver().await;
    let slow = format!("{{name: ops, on: [Refused], every: 1h, webhook: {{url: '{}'}}}}", double.url("/hook"));
    let stage = Stage::of(&slow);
    for number in 0..5 {
        stage.alerts.tell(refused(&format!("web-{number}")));
        sent(&stage, number + 1).await;
    }
    stage.alerts.tell(refused("last"));
    stage.cancel.cancel();
    stage.tasks.close();
    tokio::time::timeout(SOON, stage.tasks.wait()).await.expect("an end in time");
    assert_eq!(names(&double).last().map(String::as_str), Some("last"));
}

/// Under paused time: nothing is dialled, because the guard refuses loopback before.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_delivered_is_given_up_after_a_bounded_time() {
    let secret = "{name: ops, on: [Refused], slack: {urlSecretRef: {name: alerting, key: slack}}}";
    let stage = Stage::of(secret);
    let start = Instant::now();
    stage.alerts.tell(refused("web"));
    stage.until(|counts| counts.failed == 1).await;
    let took = start.elapsed();
    assert!(took > Duration::from_mins(3) && took <= crate::alerting::delivery::PATIENCE, "{took:?}");
}
