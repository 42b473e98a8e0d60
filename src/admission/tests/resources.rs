//! The webhook for our own kinds.

use super::*;
use crate::testing::Signer;

fn about(operation: &str, kind: &str, spec: Option<&Value>, old: Option<&Value>) -> Value {
    let object = |spec: &Value| json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": spec});
    json!({
        "uid": "u-1", "operation": operation, "namespace": "shop", "name": "p",
        "kind": {"group": "bonafide.dev", "version": "v1alpha1", "kind": kind},
        "resource": {"group": "bonafide.dev", "version": "v1alpha1", "resource": "any"},
        "object": spec.map(object), "oldObject": old.map(object)
    })
}

fn misspelt() -> Value {
    json!({"mode": "Enforce", "unmatched": "Deny", "rules": [{"name": "a", "images": ["**"], "verify": [{"validator": "v", "treshold": 2}]}]})
}

fn good() -> Value {
    json!({"mode": "Enforce", "unmatched": "Deny", "rules": [{"name": "a", "images": ["**"], "verify": [{"validator": "v"}]}]})
}

#[tokio::test]
async fn what_the_parser_refuses_is_denied_with_its_path() {
    let webhook = Webhook::of(&World::new());
    let response = webhook.review("resources", &about("CREATE", "ImagePolicy", Some(&misspelt()), None)).await;
    assert_eq!((allowed(&response), response["status"]["code"].as_u64()), (false, Some(422)));
    assert!(message(&response).contains("spec.rules[0].verify[0].treshold: unknown field `treshold`"), "{response}");
}

#[tokio::test]
async fn a_policy_may_come_before_what_it_names() {
    let webhook = Webhook::of(&World::new());
    assert!(allowed(&webhook.review("resources", &about("CREATE", "ImagePolicy", Some(&good()), None)).await));
}

#[tokio::test]
async fn the_metadata_of_a_stored_object_is_not_held_up_by_its_spec() {
    let webhook = Webhook::of(&World::new());
    let unchanged = about("UPDATE", "ImagePolicy", Some(&misspelt()), Some(&misspelt()));
    assert!(allowed(&webhook.review("resources", &unchanged).await));
    let worse = about("UPDATE", "ImagePolicy", Some(&misspelt()), Some(&good()));
    assert!(!allowed(&webhook.review("resources", &worse).await));
}

#[tokio::test]
async fn deleting_what_policies_need_is_warned_of_and_never_denied() {
    let world = World::new()
        .trust_root("shop/p", &[&Signer::new()])
        .cosign("shop/p", "r.example.com", &["p"])
        .policy("shop/needs-it", &json!([{"name": "a", "images": ["**"], "verify": [{"validator": "p"}]}]));
    for kind in ["TrustRoot", "Validator"] {
        let response = Webhook::of(&world).review("resources", &about("DELETE", kind, None, Some(&json!({})))).await;
        assert!(allowed(&response));
        assert_eq!(response["warnings"], json!(["images under these policies are refused without it: shop/needs-it"]));
    }
    let response = Webhook::of(&World::new()).review("resources", &about("DELETE", "TrustRoot", None, Some(&json!({})))).await;
    assert_eq!((allowed(&response), response["warnings"].is_null()), (true, true));
}
