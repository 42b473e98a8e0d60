//! One signature with each kind of key, as the real cosign makes them, in both layouts.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start says so and ends")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cosign::{Budget, Candidate, Layout, PublicKey, Search, verify};
use criterion::{Criterion, criterion_group, criterion_main};
use oci::{Digest, Grants, Host};
use registry_double::{ReferrersApi, RegistryDouble};
use serde_json::{Value, json};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn read(path: &str) -> String {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/cosign/tests/fixtures");
    fs::read_to_string(fixtures.join(path)).expect("a fixture")
}

/// The signatures of one kind of key, found as they are found in a registry: nothing else makes candidates.
async fn found(kind: &str, image: &Digest) -> Vec<Candidate> {
    let registry = RegistryDouble::start().await;
    registry.serve_referrers(ReferrersApi::default());
    let (payload, bundle) = (read(&format!("{kind}/payload.json")), read(&format!("{kind}/bundle.json")));
    let layer = json!({
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "digest": registry.push_blob("a", payload.clone()),
        "size": payload.len(),
        "annotations": {"dev.cosignproject.cosign/signature": read(&format!("{kind}/payload.sig"))},
    });
    push(&registry, Some(&format!("sha256-{}.sig", image.hex())), json!({"layers": [layer]}));
    let layer = json!({"mediaType": BUNDLE, "digest": registry.push_blob("a", bundle.clone()), "size": bundle.len()});
    let subject = json!({"mediaType": MANIFEST, "digest": image, "size": 1});
    push(&registry, None, json!({"artifactType": BUNDLE, "subject": subject, "layers": [layer]}));
    let host: Host = registry.address().parse().expect("a host");
    let settings = oci::HostSettings { plain_http: true, ..oci::HostSettings::default() };
    let grants = Grants::new(oci::Access { hosts: [(host, settings)].into(), keyring: oci::Keyring::default() });
    let session = client().session("bench".into(), grants, tokio::time::Instant::now() + Duration::from_secs(10));
    Search::new(&session, &registry.repository("a"), image, None).elsewhere(None).await.candidates
}

fn push(registry: &RegistryDouble, tag: Option<&str>, mut manifest: Value) {
    if let Some(fields) = manifest.as_object_mut() {
        let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}"), "size": 2});
        fields.extend([("schemaVersion".to_owned(), json!(2)), ("mediaType".to_owned(), json!(MANIFEST)), ("config".to_owned(), config)]);
    }
    registry.push_manifest("a", tag, MANIFEST, manifest.to_string());
}

fn client() -> oci::Client {
    oci::Client::new(oci::ClientSettings {
        egress: oci::Egress::allowing(&["127.0.0.0/8".to_owned()]).expect("a range"),
        user_agent: "bonafide-bench".to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    })
    .expect("a client")
}

fn each_kind_of_key(criterion: &mut Criterion) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let image: Digest = read("image").parse().expect("a digest");
    for kind in ["p256", "p384", "p521", "ed25519", "rsa"] {
        let key = [PublicKey::from_pem(&read(&format!("{kind}/key.pub"))).expect("a key")];
        let candidates = runtime.block_on(found(kind, &image));
        assert_eq!(candidates.len(), 2, "{kind}");
        for candidate in candidates {
            let layout = if candidate.layout() == Layout::LegacyTag { "tag" } else { "bundle" };
            assert!(verify(&candidate, &image, &key, &mut Budget::default()).is_ok(), "{kind} {layout}");
            criterion.bench_function(&format!("verify/{kind}_{layout}"), |bencher| {
                bencher.iter(|| verify(&candidate, &image, &key, &mut Budget::default()));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(50);
    targets = each_kind_of_key
}
criterion_main!(benches);
