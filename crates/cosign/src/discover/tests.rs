//! Both layouts against a registry in this process, which serves exactly what a test puts into it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use oci::{Access, Client, ClientSettings, DEFAULT_BYTES, DEFAULT_CONCURRENCY, Egress, ErrorClass, Grants, HostSettings};
use registry_double::{Kind, Misbehaviour, ReferrersApi, RegistryDouble};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::testing::{Signer, another_image, bundle_json, image, payload, statement, statement_of};
use crate::{Budget, Layout, bundle, simple_signing, verify};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry whose repository `app` holds signatures. Its list of referrers is the test's own when it has entries.
struct Registry {
    double: RegistryDouble,
    listed: Vec<Value>,
}

impl Registry {
    async fn start() -> Registry {
        let double = RegistryDouble::start().await;
        double.serve_referrers(ReferrersApi { page_size: None, filters: true });
        Registry { double, listed: Vec::new() }
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.double.push_blob("app", bytes.to_vec());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// A layer of the legacy layout with a good signature over `payload`.
    fn signed_layer(&self, signer: &Signer, payload: &str) -> Value {
        let mut layer = self.blob(simple_signing::MEDIA_TYPE, payload.as_bytes());
        let signature = STANDARD.encode(signer.sign(payload.as_bytes()));
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        layer
    }

    fn signature_tag(&self, layers: &[Value]) {
        let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE, "layers": layers}).to_string();
        self.double.push_manifest("app", signature_tag().as_str(), IMAGE, manifest);
    }

    fn referrer(&self, subject: &Digest, layer: &Value) -> Digest {
        let subject = json!({"mediaType": IMAGE, "digest": subject, "size": 1});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "artifactType": bundle::MEDIA_TYPE, "subject": subject, "layers": [layer],
        });
        self.double.push_manifest("app", None, IMAGE, manifest.to_string())
    }

    fn bundle(&self, signer: &Signer, statement: &str) -> Digest {
        let mut bundle = bundle_json("application/vnd.in-toto+json", statement);
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = json!(signer.envelope(statement).signature);
        let layer = self.blob(bundle::MEDIA_TYPE, bundle.to_string().as_bytes());
        self.referrer(&image(), &layer)
    }

    /// Puts an entry into a list of the test's own.
    fn list(&mut self, digest: &Digest, artifact_type: &str) {
        self.listed.push(json!({"mediaType": IMAGE, "digest": digest, "size": 1, "artifactType": artifact_type}));
    }

    fn index(&self) -> String {
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.listed}).to_string()
    }

    async fn discover(&self) -> Result<Discovered, RegistryError> {
        if !self.listed.is_empty() {
            let list = Misbehaviour::Body(INDEX.to_owned(), Bytes::from(self.index()));
            self.double.script(&referrers_path(), list);
        }
        discover(&session(&self.double.address()), &self.double.repository("app"), None).await
    }
}

/// Everything, wherever it is; an error when the search is incomplete and has found nothing.
async fn discover(session: &Session, repository: &Repository, signatures: Option<&Repository>) -> Result<Discovered, RegistryError> {
    let mut found = Search::new(session, repository, &image(), signatures).elsewhere(None).await;
    match found.fault.take_if(|_| found.candidates.is_empty()) {
        Some(fault) => Err(fault),
        None => Ok(found),
    }
}

fn signature_tag() -> String {
    format!("sha256-{}.sig", image().hex())
}

fn referrers_path() -> String {
    format!("/v2/app/referrers/{}", image())
}

fn session(host: &str) -> Session {
    let settings = ClientSettings {
        egress: Egress::allowing(&["127.0.0.1".to_owned()]).unwrap(),
        user_agent: "test".to_owned(),
        on_request: None,
        max_concurrent_per_host: DEFAULT_CONCURRENCY,
        max_bytes: DEFAULT_BYTES,
    };
    let plain = HostSettings { plain_http: true, ..HostSettings::default() };
    let access = Access { hosts: BTreeMap::from([(host.parse().unwrap(), plain)]), ..Access::default() };
    Client::new(settings).unwrap().session("test".into(), Grants::new(access), Instant::now() + Duration::from_secs(30))
}

fn reasons(found: &Discovered) -> Vec<SkipReason> {
    found.skipped.iter().map(|skipped| skipped.reason).collect()
}

/// How many candidates the signer's key verifies.
fn verified(found: &Discovered, signer: &Signer) -> usize {
    let (keys, mut budget) = ([signer.key()], Budget::default());
    found.candidates.iter().filter(|it| verify(it, &image(), &keys, &mut budget).is_ok()).count()
}

#[tokio::test]
async fn an_image_without_signatures_has_no_candidates() {
    let found = Registry::start().await.discover().await.unwrap();
    assert!(found.candidates.is_empty() && found.skipped.is_empty() && found.fault.is_none());
}

#[tokio::test]
async fn both_layouts_are_found_together() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    registry.signature_tag(&[registry.signed_layer(&signer, &payload(&image()))]);
    let referrer = registry.bundle(&signer, &statement(&image()));
    let found = registry.discover().await.unwrap();
    let layouts: Vec<Layout> = found.candidates.iter().map(Candidate::layout).collect();
    assert_eq!((layouts, verified(&found, &signer)), (vec![Layout::LegacyTag, Layout::Referrers], 2));
    assert_eq!(found.candidates[1].evidence(), &referrer);
}

#[tokio::test]
async fn an_attestation_beside_a_legacy_signature_does_not_hide_it() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    registry.signature_tag(&[registry.signed_layer(&signer, &payload(&image()))]);
    registry.bundle(&signer, &statement_of("https://spdx.dev/Document", &json!([{"digest": {"sha256": image().hex()}}])));
    let found = registry.discover().await.unwrap();
    assert_eq!((verified(&found, &signer), reasons(&found)), (1, vec![SkipReason::Attestation]));
}

#[tokio::test]
async fn a_registry_without_referrers_is_asked_for_the_fallback_tag() {
    let (signer, mut registry) = (Signer::p256(), Registry::start().await);
    let referrer = registry.bundle(&signer, &statement(&image()));
    registry.double.script(&referrers_path(), Misbehaviour::Status(404, vec![]));
    assert_eq!(verified(&registry.discover().await.unwrap(), &signer), 0);
    registry.list(&referrer, bundle::MEDIA_TYPE);
    registry.double.push_manifest("app", format!("sha256-{}", image().hex()).as_str(), INDEX, registry.index());
    registry.listed.clear();
    assert_eq!(verified(&registry.discover().await.unwrap(), &signer), 1);
}

#[tokio::test]
async fn two_looks_at_different_places_find_what_one_look_everywhere_finds() {
    let (signer, mut registry) = (Signer::p256(), Registry::start().await);
    registry.signature_tag(&[registry.signed_layer(&signer, &payload(&image()))]);
    let referrer = registry.bundle(&signer, &statement(&image()));
    registry.list(&referrer, bundle::MEDIA_TYPE);
    registry.double.push_manifest("app", format!("sha256-{}", image().hex()).as_str(), INDEX, registry.index());
    let (session, app, digest) = (session(&registry.double.address()), registry.double.repository("app"), image());
    let search = Search::new(&session, &app, &digest, None);
    for missing in [false, true] {
        for layout in [Layout::LegacyTag, Layout::Referrers, Layout::ReferrersTag] {
            let (there, elsewhere) = (search.at(layout).await, search.elsewhere(Some(layout)).await);
            assert_eq!(verified(&there, &signer), 1, "{layout:?}");
            let expected = if !missing && layout == Layout::ReferrersTag { 3 } else { 2 };
            assert_eq!(verified(&there.and(elsewhere), &signer), if missing { 2 } else { expected }, "{layout:?}");
        }
        registry.double.script(&referrers_path(), Misbehaviour::Status(404, vec![]));
    }
}

#[tokio::test]
async fn with_a_signature_repository_both_layouts_are_looked_for_there_and_only_there() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    registry.signature_tag(&[registry.signed_layer(&signer, &payload(&image()))]);
    registry.bundle(&signer, &statement(&image()));
    let (app, elsewhere) = (registry.double.repository("app"), registry.double.repository("elsewhere"));
    let session = session(&registry.double.address());
    let found = discover(&session, &elsewhere, Some(&app)).await.unwrap();
    assert_eq!(verified(&found, &signer), 2);
    let found = discover(&session, &app, Some(&elsewhere)).await.unwrap();
    assert_eq!(found.candidates.len(), 0);
}

#[tokio::test]
async fn broken_layers_beside_a_good_one_are_skipped_and_reported() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    let good = registry.signed_layer(&signer, &payload(&image()));
    let mut gone = good.clone();
    gone["digest"] = json!(another_image());
    let mut longer = good.clone();
    longer["size"] = json!(good["size"].as_u64().unwrap() + 1);
    let odd = registry.blob("text/plain", b"x");
    registry.signature_tag(&[json!(null), odd, gone, longer, good]);
    let found = registry.discover().await.unwrap();
    assert_eq!((verified(&found, &signer), &found.fault), (1, &None));
    let mut reasons = reasons(&found);
    reasons.sort_by_key(|reason| format!("{reason:?}"));
    let expected = [SkipReason::Gone, SkipReason::MalformedManifest, SkipReason::MalformedManifest, SkipReason::MediaType];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn broken_referrers_beside_a_good_one_are_skipped_and_reported() {
    let (signer, mut registry) = (Signer::p256(), Registry::start().await);
    let broken = registry.blob(bundle::MEDIA_TYPE, b"not a bundle");
    let of_another_image = registry.blob(bundle::MEDIA_TYPE, b"whatever");
    for referrer in [
        Digest::of(b"no such manifest"),
        registry.referrer(&image(), &broken),
        registry.referrer(&another_image(), &of_another_image),
        registry.bundle(&signer, &statement(&image())),
    ] {
        registry.list(&referrer, bundle::MEDIA_TYPE);
    }
    let found = registry.discover().await.unwrap();
    assert_eq!((verified(&found, &signer), &found.fault), (1, &None));
    assert_eq!(reasons(&found), [SkipReason::Gone, SkipReason::MalformedBundle, SkipReason::OtherSubject]);
}

#[tokio::test]
async fn a_signature_tag_that_holds_no_manifest_is_skipped() {
    let registry = Registry::start().await;
    registry.double.push_manifest("app", signature_tag().as_str(), IMAGE, "[]");
    assert_eq!(reasons(&registry.discover().await.unwrap()), [SkipReason::MalformedManifest]);
}

#[tokio::test]
async fn one_failing_layout_does_not_hide_the_other() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    registry.signature_tag(&[registry.signed_layer(&signer, &payload(&image()))]);
    registry.double.script(&referrers_path(), Misbehaviour::Status(500, vec![]));
    let found = registry.discover().await.unwrap();
    assert_eq!(verified(&found, &signer), 1);
    assert_eq!(found.fault.map(|fault| fault.class()), Some(ErrorClass::Unavailable));
}

#[tokio::test]
async fn a_failing_registry_is_a_fault_and_not_an_unsigned_image() {
    for path in [referrers_path(), format!("/v2/app/manifests/{}", signature_tag())] {
        let registry = Registry::start().await;
        registry.double.script(&path, Misbehaviour::Status(403, vec![]));
        assert_eq!(registry.discover().await.unwrap_err().class(), ErrorClass::Denied, "{path}");
    }
}

#[tokio::test]
async fn a_blob_with_other_bytes_than_its_digest_is_a_fault() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    let layer = registry.signed_layer(&signer, &payload(&another_image()));
    let path = format!("/v2/app/blobs/{}", layer["digest"].as_str().unwrap());
    registry.double.script(&path, Misbehaviour::Body("application/octet-stream".to_owned(), payload(&image()).into()));
    registry.signature_tag(&[layer]);
    assert_eq!(registry.discover().await.unwrap_err().class(), ErrorClass::Invalid);
}

#[tokio::test]
async fn layers_beyond_the_cap_are_not_looked_at_and_equal_payloads_are_fetched_once() {
    let (signer, registry) = (Signer::p256(), Registry::start().await);
    let mut layers = vec![registry.signed_layer(&Signer::p256(), &payload(&image())); 1000];
    layers.push(registry.signed_layer(&signer, &payload(&image())));
    registry.signature_tag(&layers);
    let found = registry.discover().await.unwrap();
    assert_eq!((found.candidates.len(), verified(&found, &signer)), (1000, 0));
    assert_eq!((reasons(&found), registry.double.count(Kind::Blob)), (vec![SkipReason::TooMany], 1));
}

#[tokio::test]
async fn payloads_beyond_the_bytes_that_are_kept_are_not_fetched() {
    let registry = Registry::start().await;
    let annotations = json!({"dev.cosignproject.cosign/signature": "AAAA"});
    let layer = |number: u32| {
        let digest = Digest::of(&number.to_be_bytes());
        json!({"mediaType": simple_signing::MEDIA_TYPE, "digest": digest, "size": 128 * 1024, "annotations": annotations})
    };
    registry.signature_tag(&(0..17).map(layer).collect::<Vec<_>>());
    let skipped = reasons(&registry.discover().await.unwrap());
    // 16 times 128 KiB and their signatures are a little more than 2 MiB.
    assert_eq!(registry.double.count(Kind::Blob), 15);
    assert_eq!(skipped.iter().filter(|reason| **reason == SkipReason::TooMany).count(), 1);
}

#[tokio::test]
async fn bundles_beyond_the_bytes_that_are_kept_are_passed_over() {
    let registry = Registry::start().await;
    let padding = "x".repeat(90_000);
    for number in 0..30 {
        let subject = json!([{"name": format!("{number}{padding}"), "digest": {"sha256": image().hex()}}]);
        let statement = statement_of("https://sigstore.dev/cosign/sign/v1", &subject);
        let bundle = bundle_json("application/vnd.in-toto+json", &statement).to_string();
        registry.referrer(&image(), &registry.blob(bundle::MEDIA_TYPE, bundle.as_bytes()));
    }
    let found = registry.discover().await.unwrap();
    // So many bundles of a little more than 120,000 bytes, which the payloads are in base64, are within 2 MiB.
    assert_eq!((found.candidates.len(), reasons(&found)), (17, vec![SkipReason::TooMany]));
}

#[tokio::test]
async fn a_referrer_listed_many_times_is_one_candidate() {
    let (signer, mut registry) = (Signer::p256(), Registry::start().await);
    let referrer = registry.bundle(&signer, &statement(&image()));
    for _ in 0..100 {
        registry.list(&referrer, bundle::MEDIA_TYPE);
    }
    assert_eq!(registry.discover().await.unwrap().candidates.len(), 1);
}

#[tokio::test]
async fn a_referrer_of_another_artifact_type_is_not_fetched() {
    let mut registry = Registry::start().await;
    let referrer = registry.bundle(&Signer::p256(), &statement(&image()));
    registry.list(&referrer, "application/spdx+json");
    let found = registry.discover().await.unwrap();
    assert!(found.candidates.is_empty() && found.skipped.is_empty());
    assert_eq!(registry.double.count(Kind::Blob), 0);
}

#[tokio::test]
async fn more_referrers_than_are_listed_are_too_many() {
    let mut registry = Registry::start().await;
    for number in 0_u32..1001 {
        registry.list(&Digest::of(&number.to_be_bytes()), bundle::MEDIA_TYPE);
    }
    assert_eq!(reasons(&registry.discover().await.unwrap()), [SkipReason::TooMany]);
}
