//! What receivers of alerts hear of admission, and what admission waits for.

use std::time::Instant;

use oci::{Egress, Poster};
use registry_double::{Misbehaviour, RegistryDouble};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::alerting::{Absent, Dispatcher, Material};
use crate::settings::Settings;
use crate::testing::{Images, Signer};

struct Nothing;

impl Material for Nothing {
    fn secret(&self, name: &str, _: &str) -> Result<Vec<u8>, Absent> {
        Err(Absent::Unread { kind: "Secret", name: name.to_owned() })
    }

    fn config_map(&self, name: &str, _: &str) -> Result<Vec<u8>, Absent> {
        Err(Absent::Unread { kind: "ConfigMap", name: name.to_owned() })
    }
}

/// A policy, a signed and an unsigned image, a receiver, and the webhook between them.
struct Scene {
    images: Images,
    good: String,
    bad: String,
    receiver: RegistryDouble,
    webhook: Webhook,
}

const ALL: &str = "on: [Admitted, Refused]";
const STRICT: &str = "on: [Admitted, Refused], failIfNotSent: true";

impl Scene {
    async fn of(mode: &str, receiver: &str) -> Self {
        let (images, build) = (Images::start().await, Signer::new());
        let digest = images.push_signed("good", "v1", &[&build]);
        images.push("bad", "v1", "nobody signed this");
        let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
        let rules = json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "release"}]}]);
        let world = world.policy_with("p", &json!({"mode": mode, "unmatched": "Deny"}), &rules);
        let double = RegistryDouble::start().await;
        double.script("/hook", Misbehaviour::Body("text/plain".to_owned(), "ok".into()));
        let webhook = Webhook::telling(Some(Arc::new(world.snapshot())), alerts(receiver, &double));
        let (good, bad) = (images.reference(&format!("good:v1@{digest}")), images.reference("bad:v1"));
        Self { images, good, bad, receiver: double, webhook }
    }

    /// Both passes, as the API server asks them; the last answer.
    async fn create(&self, image: &str) -> Value {
        let mut request = create(&main(image));
        request["name"] = json!("p");
        let mutated = self.webhook.mutate(&request).await;
        if allowed(&mutated) { self.webhook.validate(&request).await } else { mutated }
    }

    /// Waits for so many alerts.
    async fn told(&self, count: usize) -> Vec<Value> {
        let told = async {
            while self.seen().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap_or_else(|_| panic!("only {:?}", self.seen()));
        self.seen()
    }

    fn seen(&self) -> Vec<Value> {
        let bodies = self.receiver.requests().into_iter().map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap());
        bodies.flat_map(|body| body["alerts"].as_array().unwrap().clone()).collect()
    }
}

fn alerts(receiver: &str, double: &RegistryDouble) -> Alerts {
    let text = format!("alerting: {{receivers: [{{name: siem, every: 1s, {receiver}, webhook: {{url: '{}'}}}}]}}", double.url("/hook"));
    let (alerts, settings) = (Alerts::default(), Settings::parse(&text).unwrap());
    let poster = Poster::new(Egress::allowing(&["127.0.0.0/8".to_owned()]).unwrap(), "test".to_owned()).unwrap();
    Dispatcher::new(alerts.clone(), poster, Arc::new(Nothing), TaskTracker::new(), CancellationToken::new()).follow(&settings.alerting);
    alerts
}

#[tokio::test]
async fn each_object_is_told_once_with_what_was_decided() {
    let scene = Scene::of("Enforce", ALL).await;
    assert!(allowed(&scene.create(&scene.good).await));
    assert!(!allowed(&scene.create(&scene.bad).await));
    let told = scene.told(2).await;
    assert_eq!([&told[0]["occasion"], &told[0]["name"], &told[0]["reason"]], ["Admitted", "p", "Trusted"]);
    let image = &told[0]["images"][0];
    assert_eq!(
        [&image["image"], &image["policy"], &image["rule"], &image["status"]],
        [&scene.good, "bonafide-system/p", "apps", "Trusted"]
    );
    assert!(scene.good.ends_with(image["digest"].as_str().unwrap()));
    assert_eq!([&told[1]["occasion"], &told[1]["namespace"], &told[1]["reason"]], ["Refused", "shop", "NoSignature"]);
    assert_eq!([&told[1]["images"][0]["message"], &told[1]["message"]], ["no signature found", ""]);
    // Nothing more comes.
    scene.create(&scene.bad).await;
    assert_eq!(scene.told(3).await.len(), 3);
}

#[tokio::test]
async fn a_name_that_is_still_to_be_made_is_told_as_far_as_it_is_known() {
    let scene = Scene::of("Enforce", ALL).await;
    let mut request = create(&main(&scene.bad));
    request["object"]["metadata"] = json!({"generateName": "web-7d9f-"});
    scene.webhook.mutate(&request).await;
    assert_eq!(scene.told(1).await[0]["name"], "web-7d9f-*");
}

#[tokio::test]
async fn a_dry_run_tells_nobody_and_waits_for_nobody() {
    let scene = Scene::of("Enforce", STRICT).await;
    scene.receiver.script("/hook", Misbehaviour::Status(500, vec![]));
    for image in [&scene.good, &scene.bad] {
        let mut request = create(&main(image));
        request["dryRun"] = json!(true);
        for pass in ["mutate", "validate"] {
            assert_eq!(allowed(&scene.webhook.review(pass, &request).await), *image == scene.good);
        }
    }
    assert!(scene.receiver.requests().is_empty());
}

#[tokio::test]
async fn what_no_policy_judges_is_not_told() {
    let scene = Scene::of("Enforce", STRICT).await;
    scene.receiver.script("/hook", Misbehaviour::Status(500, vec![]));
    let spec = main(&scene.bad);
    assert!(allowed(&scene.webhook.validate(&update(&spec, &spec)).await));
    assert!(scene.receiver.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_admitted_without_the_receiver_that_it_depends_on() {
    let scene = Scene::of("Enforce", STRICT).await;
    assert!(allowed(&scene.create(&scene.good).await));
    assert_eq!(scene.told(1).await[0]["occasion"], "Admitted", "told before it was admitted");
    scene.receiver.script("/hook", Misbehaviour::Status(403, vec![]));
    let response = scene.create(&scene.good).await;
    assert_eq!((response["status"]["code"].as_u64(), response["status"]["reason"].as_str()), (Some(503), Some("ServiceUnavailable")));
    let text = message(&response);
    assert!(text.starts_with("Timeout: ") && text.contains("\"siem\"") && !text.contains(&scene.receiver.address()), "{text}");
    assert_eq!(response["auditAnnotations"]["verdict"], Value::Null, "it must not be recorded as admitted: {response}");
    let told = scene.told(3).await;
    assert_eq!([&told[2]["occasion"], &told[2]["reason"]], ["Refused", "Timeout"], "what was announced is taken back");
}

#[tokio::test]
async fn where_nothing_enforces_a_dead_receiver_is_a_warning() {
    for mode in ["Warn", "Audit"] {
        let scene = Scene::of(mode, STRICT).await;
        scene.receiver.script("/hook", Misbehaviour::Status(403, vec![]));
        let response = scene.create(&scene.bad).await;
        assert!(allowed(&response), "{mode}: {response}");
        assert!(response["warnings"].to_string().contains("siem"), "{mode}: {response}");
        assert_eq!(scene.told(1).await[0]["reason"], "NoSignature", "{mode}: what would have been refused is said");
    }
}

#[tokio::test]
async fn a_stalled_receiver_delays_no_admission() {
    let scene = Scene::of("Enforce", ALL).await;
    scene.receiver.script("/hook", Misbehaviour::Stall);
    let start = Instant::now();
    for _ in 0..50 {
        assert!(allowed(&scene.create(&scene.good).await));
        assert!(!allowed(&scene.create(&scene.bad).await));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(scene.images);
}

#[tokio::test]
async fn a_stalled_receiver_that_it_depends_on_keeps_a_request_no_longer_than_it_has() {
    let scene = Scene::of("Enforce", STRICT).await;
    scene.receiver.script("/hook", Misbehaviour::Stall);
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": create(&main(&scene.good))});
    let start = Instant::now();
    let (status, body) = scene.webhook.post("/secret/validate?timeout=2s", review.to_string().as_bytes()).await;
    assert!(status == 200 && body.contains("ServiceUnavailable"), "{status} {body}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
