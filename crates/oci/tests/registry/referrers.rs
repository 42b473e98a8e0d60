//! The referrers API, its pages, its filter and the tag that stands in for it.

use oci::{Malformation, RegistryError, Unit};
use registry_double::{Kind, Misbehaviour, ReferrersApi};
use serde_json::{Value, json};

use super::*;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn api_path(digest: &Digest) -> String {
    format!("/v2/app/referrers/{digest}")
}

/// Pushes a manifest that refers to `subject`.
fn refer(registry: &RegistryDouble, subject: &Digest, artifact_type: &str, number: usize) -> Digest {
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": artifact_type, "config": {}, "layers": [],
        "subject": {"mediaType": IMAGE, "digest": subject, "size": 1}, "annotations": {"number": number.to_string()}
    });
    registry.push_manifest("app", None, IMAGE, manifest.to_string())
}

fn entry(number: usize, artifact_type: &str) -> Value {
    json!({"mediaType": IMAGE, "digest": Digest::of(&number.to_be_bytes()), "size": 1, "artifactType": artifact_type})
}

fn push_fallback(registry: &RegistryDouble, subject: &Digest, entries: &[Value]) {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    registry.push_manifest("app", format!("sha256-{}", subject.hex()).as_str(), INDEX, index.to_string());
}

fn digests(found: &[Descriptor]) -> Vec<Digest> {
    found.iter().map(|entry| entry.digest.clone()).collect()
}

#[tokio::test]
async fn referrers_come_over_all_pages_in_order() {
    let (registry, repository, digest) = with_image().await;
    registry.serve_referrers(ReferrersApi { page_size: Some(2), filters: true });
    let pushed: Vec<Digest> = (0..5).map(|number| refer(&registry, &digest, BUNDLE, number)).collect();
    let found = session(reach(&[&registry])).referrers(&repository, &digest, Some(BUNDLE)).await.unwrap();
    assert_eq!(digests(&found), pushed);
    assert_eq!(found[4].annotations["number"], "4");
    assert_eq!(registry.count(Kind::Referrers), 3);
}

#[tokio::test]
async fn other_artifact_types_are_left_out_whether_the_server_filters_or_not() {
    for filters in [false, true] {
        let (registry, repository, digest) = with_image().await;
        registry.serve_referrers(ReferrersApi { page_size: None, filters });
        let wanted = refer(&registry, &digest, BUNDLE, 0);
        refer(&registry, &digest, "application/spdx+json", 1);
        let session = session(reach(&[&registry]));
        assert_eq!(digests(&session.referrers(&repository, &digest, Some(BUNDLE)).await.unwrap()), [wanted]);
        assert_eq!(session.referrers(&repository, &digest, None).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_entry_that_hides_its_artifact_type_may_be_of_any() {
    let (registry, repository, digest) = with_image().await;
    let mut untyped = entry(0, "");
    untyped.as_object_mut().unwrap().remove("artifactType");
    let entries = [untyped, entry(1, ""), entry(2, "application/vnd.oci.empty.v1+json"), entry(3, "application/spdx+json")];
    push_fallback(&registry, &digest, &entries);
    let found = session(reach(&[&registry])).referrers(&repository, &digest, Some(BUNDLE)).await.unwrap();
    assert_eq!(digests(&found), (0_usize..3).map(|number| Digest::of(&number.to_be_bytes())).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_image_without_referrers_has_none() {
    let (registry, repository, digest) = with_image().await;
    assert_eq!(session(reach(&[&registry])).referrers(&repository, &digest, None).await, Ok(vec![]));
    registry.serve_referrers(ReferrersApi::default());
    assert_eq!(session(reach(&[&registry])).referrers(&repository, &digest, None).await, Ok(vec![]));
}

#[tokio::test]
async fn the_tag_stands_in_where_the_api_is_missing() {
    let status = |status| Misbehaviour::Status(status, vec![]);
    let page = Misbehaviour::Body("text/html".to_owned(), "<html>".into());
    for missing in [status(404), status(400), status(405), status(406), page] {
        let (registry, repository, digest) = with_image().await;
        registry.script(&api_path(&digest), missing.clone());
        push_fallback(&registry, &digest, &[entry(1, BUNDLE), entry(2, "other/type")]);
        let found = session(reach(&[&registry])).referrers(&repository, &digest, Some(BUNDLE)).await.unwrap();
        assert_eq!(digests(&found), [Digest::of(&1_usize.to_be_bytes())], "{missing:?}");
    }
}

#[tokio::test]
async fn a_failing_api_is_not_a_missing_one() {
    for status in [401, 403, 429, 500, 503] {
        let (registry, repository, digest) = with_image().await;
        registry.script(&api_path(&digest), Misbehaviour::Status(status, vec![]));
        push_fallback(&registry, &digest, &[entry(1, BUNDLE)]);
        assert!(session(reach(&[&registry])).referrers(&repository, &digest, None).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_missing_api_is_remembered_for_the_repository_only() {
    let (registry, repository, digest) = with_image().await;
    let session = session(reach(&[&registry]));
    for _ in 0..3 {
        session.referrers(&repository, &digest, None).await.unwrap();
    }
    assert_eq!(registry.count(Kind::Referrers), 1);
    session.referrers(&registry.repository("other"), &digest, None).await.unwrap();
    assert_eq!(registry.count(Kind::Referrers), 2);
}

#[tokio::test]
async fn a_broken_entry_neither_helps_nor_vetoes() {
    let (registry, repository, digest) = with_image().await;
    let sha512 = json!({"mediaType": IMAGE, "digest": format!("sha512:{}", "0".repeat(128)), "size": 1});
    push_fallback(&registry, &digest, &[json!("x"), sha512, entry(1, BUNDLE), json!({"size": -1})]);
    let found = session(reach(&[&registry])).referrers(&repository, &digest, None).await.unwrap();
    assert_eq!(digests(&found), [Digest::of(&1_usize.to_be_bytes())]);
}

#[tokio::test]
async fn a_list_with_too_many_entries_is_an_error() {
    let (registry, repository, digest) = with_image().await;
    let entries = |count: usize| (0..count).map(|number| entry(number, BUNDLE)).collect::<Vec<_>>();
    push_fallback(&registry, &digest, &entries(1000));
    let session = session(reach(&[&registry]));
    assert_eq!(session.referrers(&repository, &digest, None).await.unwrap().len(), 1000);
    push_fallback(&registry, &digest, &entries(1001));
    let error = session.referrers(&repository, &digest, None).await.unwrap_err();
    assert_eq!(error, RegistryError::TooLarge { host: host(&registry), limit: 1000, unit: Unit::Entries });
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let (registry, repository, digest) = with_image().await;
    registry.serve_referrers(ReferrersApi::default());
    let link = format!("<{}>; rel=\"next\"", api_path(&digest));
    registry.script(&api_path(&digest), Misbehaviour::Header("link", link));
    let error = session(reach(&[&registry])).referrers(&repository, &digest, None).await.unwrap_err();
    assert_eq!(error, RegistryError::TooLarge { host: host(&registry), limit: 20, unit: Unit::Pages });
    assert_eq!(registry.count(Kind::Referrers), 20);
}

#[tokio::test]
async fn pages_are_capped_together_in_bytes() {
    let (registry, repository, digest) = with_image().await;
    registry.serve_referrers(ReferrersApi::default());
    let padded = format!("{}{}", json!({"manifests": []}), " ".repeat(3 * 1024 * 1024));
    registry.script(&api_path(&digest), Misbehaviour::Body(INDEX.to_owned(), padded.clone().into()));
    assert_eq!(session(reach(&[&registry])).referrers(&repository, &digest, None).await, Ok(vec![]));
    let next = format!("<{}>; rel=\"next\"", api_path(&digest));
    registry.script(&api_path(&digest), Misbehaviour::LinkedBody(INDEX.to_owned(), padded.into(), next));
    let error = session(reach(&[&registry])).referrers(&repository, &digest, None).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { unit: Unit::Bytes, .. }), "{error}");
}

#[tokio::test]
async fn a_page_link_never_leaves_its_origin() {
    let (registry, repository, digest) = with_image().await;
    let evil = RegistryDouble::start().await;
    registry.serve_referrers(ReferrersApi::default());
    registry.script(&api_path(&digest), Misbehaviour::Header("link", format!("<{}>; rel=\"next\"", evil.url("/x"))));
    let error = session(reach(&[&registry, &evil])).referrers(&repository, &digest, None).await.unwrap_err();
    assert_eq!(error, RegistryError::Malformed { host: host(&registry), what: Malformation::Link });
    assert_eq!(evil.requests(), []);
}

#[tokio::test]
async fn lists_that_are_no_index_are_malformed() {
    let malformed = |registry: &RegistryDouble| Err(RegistryError::Malformed { host: host(registry), what: Malformation::Referrers });
    for body in ["", "{\"manifests\": {}}", "{\"manifests\": 1}", "null", "[[]]"] {
        let (registry, repository, digest) = with_image().await;
        registry.script(&api_path(&digest), Misbehaviour::Body(INDEX.to_owned(), body.into()));
        assert_eq!(session(reach(&[&registry])).referrers(&repository, &digest, None).await, malformed(&registry), "{body}");
    }
    let (registry, repository, digest) = with_image().await;
    registry.push_manifest("app", format!("sha256-{}", digest.hex()).as_str(), IMAGE, BODY);
    assert_eq!(session(reach(&[&registry])).referrers(&repository, &digest, None).await, malformed(&registry));
}
