//! What is admitted, pinned, refused and left alone.

use oci::Digest;
use registry_double::Misbehaviour;

use super::*;
use crate::testing::{Images, Signer};

/// A registry with a trusted signer and a policy for everything in it.
struct Signed {
    images: Images,
    build: Signer,
    world: World,
}

async fn signed() -> Signed {
    signed_with(&json!({"mode": "Enforce", "unmatched": "Deny"})).await
}

async fn signed_with(settings: &Value) -> Signed {
    let (images, build) = (Images::start().await, Signer::new());
    let rules = json!([
        {"name": "local", "images": ["docker.io/library/redis"], "action": "Allow"},
        {"name": "apps", "images": [format!("{}/**", images.host())], "verify": [{"validator": "release"}]},
    ]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy_with("p", settings, &rules);
    Signed { images, build, world }
}

impl Signed {
    fn good(&self) -> (String, Digest) {
        (self.images.reference("good:v1"), self.images.push_signed("good", "v1", &[&self.build]))
    }

    fn bad(&self) -> String {
        self.images.push("bad", "v1", "nobody signed this");
        self.images.reference("bad:v1")
    }

    fn webhook(&self) -> Webhook {
        Webhook::of(&self.world)
    }
}

#[tokio::test]
async fn a_signed_image_is_pinned_in_every_place() {
    let case = signed().await;
    let (image, digest) = case.good();
    let spec = json!({
        "containers": [container("a", &image)],
        "initContainers": [container("b", &image)],
        "ephemeralContainers": [container("c", &image)],
        "volumes": [{"name": "d", "image": {"reference": image}}, {"name": "e", "emptyDir": {}}],
    });
    let response = case.webhook().mutate(&create(&spec)).await;
    assert!(allowed(&response), "{response}");
    let pinned = format!("{image}@{digest}");
    let places = ["containers/0/image", "initContainers/0/image", "ephemeralContainers/0/image", "volumes/0/image/reference"];
    let expected: Vec<_> = places.iter().map(|place| (format!("/spec/{place}"), pinned.clone())).collect();
    assert_eq!(patch(&response), expected);
}

#[tokio::test]
async fn the_last_word_is_what_the_audit_log_records() {
    let case = signed().await;
    let ((image, digest), bad, webhook) = (case.good(), case.bad(), case.webhook());
    let response = webhook.mutate(&create(&main(&image))).await;
    assert_eq!(response["auditAnnotations"], Value::Null, "the API server would keep this and drop the last word");
    let mut request = create(&main(&format!("{image}@{digest}")));
    request["object"]["metadata"]["uid"] = json!("u-1");
    let recorded = webhook.validate(&request).await["auditAnnotations"].clone();
    assert_eq!([&recorded["verdict"], &recorded["uid"], &recorded["object"]], ["admitted", request["uid"].as_str().unwrap(), "u-1"]);
    assert!(recorded["images"].as_str().unwrap().contains(&digest.to_string()), "{recorded}");
    let refused = webhook.mutate(&create(&main(&bad))).await["auditAnnotations"].clone();
    assert_eq!([&refused["verdict"], &refused["object"]], [&json!("refused"), &Value::Null], "{refused}");
}

#[tokio::test]
async fn every_failing_image_is_named_with_its_place() {
    let case = signed().await;
    let (good, bad) = (case.good().0, case.bad());
    let spec = json!({
        "containers": [container("app", &good), container("extra", &bad)],
        "initContainers": [container("setup", "docker.io/evil/x:1")],
    });
    let response = case.webhook().mutate(&create(&spec)).await;
    assert_eq!(response["status"]["code"], 403);
    assert_eq!(response["status"]["reason"], "Forbidden");
    assert_eq!(
        message(&response),
        format!(
            "2 of 3 images may not run:\n  container \"extra\": {bad} (policy bonafide-system/p, rule \"apps\"): NoSignature: no signature found\n  \
             init container \"setup\": docker.io/evil/x:1 (policy bonafide-system/p): NoMatchingRule: no rule of the policy matches this image"
        )
    );
    assert_eq!(response["patch"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_found_out_is_503() {
    let case = signed().await;
    let response = case.webhook().mutate(&create(&main(&case.images.reference("absent:v1")))).await;
    assert_eq!((response["status"]["code"].as_u64(), response["status"]["reason"].as_str()), (Some(503), Some("ServiceUnavailable")));
    assert!(message(&response).contains("ImageNotFound"), "{response}");
}

#[tokio::test]
async fn on_update_only_new_images_are_judged() {
    let case = signed().await;
    let (good, bad) = (case.good().0, case.bad());
    let webhook = case.webhook();
    let old = json!({"containers": [container("app", &bad)], "initContainers": [container("init", &bad)]});
    for pass in ["mutate", "validate"] {
        assert!(allowed(&webhook.review(pass, &update(&old, &old)).await));
    }
    let repaired = json!({"containers": [container("app", &good)], "initContainers": [container("init", &bad)]});
    let response = webhook.mutate(&update(&old, &repaired)).await;
    assert_eq!(patch(&response).len(), 1);
    assert_eq!(patch(&response)[0].0, "/spec/containers/0/image");
}

#[tokio::test]
async fn a_stored_image_is_new_under_another_name_or_in_another_list() {
    let case = signed().await;
    let bad = case.bad();
    let webhook = case.webhook();
    let old = json!({"initContainers": [container("app", &bad)]});
    let renamed = json!({"initContainers": [container("app", &bad), container("other", &bad)]});
    let moved = json!({"containers": [container("app", &bad)]});
    let volume = json!({"initContainers": [container("app", &bad)], "volumes": [{"name": "app", "image": {"reference": bad}}]});
    for new in [renamed, moved, volume] {
        for pass in ["mutate", "validate"] {
            assert!(!allowed(&webhook.review(pass, &update(&old, &new)).await), "{new}");
        }
    }
}

#[tokio::test]
async fn terminating_pod_with_new_image_is_verified() {
    let case = signed().await;
    let (good, bad) = (case.good().0, case.bad());
    let metadata = json!({"deletionTimestamp": "2026-11-21T00:00:00Z"});
    let object = |image: &str| json!({"metadata": metadata, "spec": main(image)});
    let response = case.webhook().validate(&request("UPDATE", "pods", &object(&bad), Some(&object(&good)))).await;
    assert!(!allowed(&response));
}

#[tokio::test]
async fn tag_restored_after_mutation_is_refused() {
    let case = signed().await;
    let (image, digest) = case.good();
    let webhook = case.webhook();
    let response = webhook.validate(&create(&main(&image))).await;
    assert!(message(&response).contains("NotPinned"), "{response}");
    assert!(allowed(&webhook.validate(&create(&main(&format!("{image}@{digest}")))).await));
}

#[tokio::test]
async fn a_template_is_judged_but_not_pinned_unless_asked_for() {
    for (pin, patches) in [("Pods", 0), ("All", 1)] {
        let case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "pin": pin})).await;
        let (good, bad) = (case.good().0, case.bad());
        let webhook = case.webhook();
        let template = |image: &str| json!({"spec": {"template": {"spec": main(image)}}});
        let response = webhook.mutate(&request("CREATE", "deployments", &template(&good), None)).await;
        assert_eq!((allowed(&response), patch(&response).len()), (true, patches));
        assert!(allowed(&webhook.validate(&request("CREATE", "deployments", &template(&good), None)).await));
        assert!(!allowed(&webhook.mutate(&request("CREATE", "deployments", &template(&bad), None)).await));
    }
}

#[tokio::test]
async fn under_pin_all_an_unchanged_manifest_keeps_its_digest() {
    let case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "pin": "All"})).await;
    let (image, digest) = case.good();
    let webhook = case.webhook();
    let template = |image: &str| json!({"spec": {"template": {"spec": main(image)}}});
    let stored = template(&format!("{image}@{digest}"));
    case.images.push_signed("good", "v1", &[&case.build]);
    case.images.push("good", "v1", "the tag has moved to something unsigned");
    let response = webhook.mutate(&request("UPDATE", "deployments", &template(&image), Some(&stored))).await;
    assert_eq!(patch(&response), [("/spec/template/spec/containers/0/image".to_owned(), format!("{image}@{digest}"))]);
}

#[tokio::test]
async fn under_pin_never_the_digest_must_be_written() {
    let case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "pin": "Never"})).await;
    let (image, digest) = case.good();
    let webhook = case.webhook();
    let template = json!({"spec": {"template": {"spec": main(&image)}}});
    for request in [create(&main(&image)), request("CREATE", "deployments", &template, None)] {
        assert_eq!(patch(&webhook.mutate(&request).await), []);
        assert!(message(&webhook.validate(&request).await).contains("NotPinned"));
    }
    assert!(allowed(&webhook.validate(&create(&main(&format!("{image}@{digest}")))).await));
}

#[tokio::test]
async fn warn_warns_and_audit_records() {
    for (mode, warnings) in [("Warn", 1), ("Audit", 0)] {
        let case = signed_with(&json!({"mode": mode, "unmatched": "Deny"})).await;
        let (good, bad) = (case.good().0, case.bad());
        let webhook = case.webhook();
        let response = webhook.mutate(&create(&main(&bad))).await;
        assert!(allowed(&response));
        assert_eq!(response["warnings"].as_array().map_or(0, Vec::len), warnings, "{response}");
        let last = webhook.validate(&create(&main(&bad))).await;
        assert!(last["auditAnnotations"]["images"].as_str().unwrap().contains("NoSignature"));
        assert_eq!(patch(&webhook.mutate(&create(&main(&good))).await), []);
        assert!(allowed(&webhook.validate(&create(&main(&good))).await));
    }
}

#[tokio::test]
async fn an_admitted_short_name_is_written_fully() {
    let case = signed().await;
    let response = case.webhook().mutate(&create(&main("redis"))).await;
    assert_eq!(patch(&response), [("/spec/containers/0/image".to_owned(), "docker.io/library/redis:latest".to_owned())]);
}

#[tokio::test]
async fn nothing_that_a_pods_author_writes_leaves_a_cluster_policy() {
    let case = signed().await;
    let metadata = json!({
        "labels": {"bonafide.dev/exempt": "true", "app": "x"}, "annotations": {"bonafide.dev/verified": "true"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "u", "controller": true}],
    });
    let mut spec = main(&case.bad());
    spec["containers"][0]["imagePullPolicy"] = "Never".into();
    let object = json!({"metadata": metadata, "spec": spec});
    assert!(!allowed(&case.webhook().mutate(&request("CREATE", "pods", &object, None)).await));
}

#[tokio::test]
async fn unknown_namespace_is_a_fault() {
    let case = signed().await;
    let webhook = case.webhook();
    let (good, bad) = (case.good().0, case.bad());
    let in_namespace = |namespace: &str, image: &str| {
        let mut request = create(&main(image));
        request["namespace"] = namespace.into();
        request
    };
    assert_eq!(webhook.mutate(&in_namespace("nobody-knows", &good)).await["status"]["code"], 503);
    assert_eq!(webhook.mutate(&in_namespace("unreadable", &good)).await["status"]["code"], 503);
    assert!(allowed(&webhook.mutate(&in_namespace("fresh", &good)).await));
    assert!(!allowed(&webhook.mutate(&in_namespace("fresh", &bad)).await));
    assert!(allowed(&webhook.mutate(&in_namespace("kube-system", &bad)).await));
}

#[tokio::test]
async fn more_images_than_are_judged_are_refused() {
    let case = signed().await;
    let containers: Vec<_> = (0..65).map(|i| container(&format!("c{i}"), &case.images.reference(&format!("many:{i}")))).collect();
    let response = case.webhook().mutate(&create(&json!({"containers": containers}))).await;
    assert!(message(&response).contains("65 new images"), "{response}");
    assert!(case.images.0.requests().is_empty());
}

#[tokio::test]
async fn eight_containers_of_one_image_cost_one_verification() {
    let case = signed().await;
    let (image, _) = case.good();
    let webhook = case.webhook();
    webhook.mutate(&create(&main(&image))).await;
    let alone = case.images.0.requests().len();
    let case = signed().await;
    let (image, _) = case.good();
    let containers: Vec<_> = (0..8).map(|i| container(&format!("c{i}"), &image)).collect();
    let response = case.webhook().mutate(&create(&json!({"containers": containers}))).await;
    assert_eq!(patch(&response).len(), 8);
    assert_eq!(case.images.0.requests().len(), alone);
}

#[tokio::test]
async fn a_short_name_that_was_put_back_is_refused() {
    let case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "pin": "Never"})).await;
    let webhook = case.webhook();
    let full = "docker.io/library/redis:latest";
    assert_eq!(patch(&webhook.mutate(&create(&main("redis"))).await), [("/spec/containers/0/image".to_owned(), full.to_owned())]);
    assert!(message(&webhook.validate(&create(&main("redis"))).await).contains("ImageInvalid"));
    assert!(allowed(&webhook.validate(&create(&main(full))).await));
}

#[tokio::test]
async fn a_fault_of_ours_refuses_nothing_where_no_policy_enforces() {
    let case = signed_with(&json!({"mode": "Audit", "unmatched": "Deny"})).await;
    let mut request = create(&main(&case.bad()));
    request["namespace"] = "unreadable".into();
    let response = case.webhook().mutate(&request).await;
    assert!(allowed(&response));
    assert_eq!(response["warnings"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_unreadable_image_cannot_write_into_messages_or_the_audit_log() {
    let case = signed().await;
    let image = "x; r.example.com/a:1 sha256:00 bonafide-system/p Enforce Trusted; \u{202e}\nevil";
    let response = case.webhook().mutate(&create(&main(image))).await;
    let recorded = response["auditAnnotations"]["images"].as_str().unwrap();
    assert!(recorded.starts_with('"') && recorded.contains("\\\\u{202e}"), "{recorded}");
    assert_eq!(message(&response).lines().count(), 2);
}

#[tokio::test]
async fn a_last_verdict_admits_pinned_with_a_warning_and_a_record() {
    let case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "onFault": "UseLastVerdict"})).await;
    let (image, digest) = case.good();
    let webhook = case.webhook();
    assert!(allowed(&webhook.mutate(&create(&main(&image))).await));
    case.images.0.script("/v2/good/manifests/v1", Misbehaviour::Status(503, vec![]));
    webhook.routes.gate.evaluator.forget();
    let response = webhook.mutate(&create(&main(&image))).await;
    assert_eq!(patch(&response), [("/spec/containers/0/image".to_owned(), format!("{image}@{digest}"))]);
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.ends_with("Trusted: the last verdict stands, because of RegistryUnavailable"), "{warning}");
    case.images.0.script(&format!("/v2/good/manifests/sha256-{}.sig", digest.hex()), Misbehaviour::Status(503, vec![]));
    webhook.routes.gate.evaluator.forget();
    let response = webhook.validate(&create(&main(&format!("{image}@{digest}")))).await;
    assert!(response["auditAnnotations"]["images"].as_str().unwrap().ends_with("Enforce Trusted (last verdict)"), "{response}");
}

#[tokio::test]
async fn of_two_pins_the_stronger_wins() {
    let mut case = signed_with(&json!({"mode": "Enforce", "unmatched": "Deny", "pin": "Never"})).await;
    let rules = json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "release"}]}]);
    case.world = case.world.policy_with("q", &json!({"mode": "Enforce", "unmatched": "Deny", "pin": "All"}), &rules);
    let (image, digest) = case.good();
    let template = json!({"spec": {"template": {"spec": main(&image)}}});
    let response = case.webhook().mutate(&request("CREATE", "deployments", &template, None)).await;
    assert_eq!(patch(&response), [("/spec/template/spec/containers/0/image".to_owned(), format!("{image}@{digest}"))]);
}
