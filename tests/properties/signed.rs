//! Signers, and images with their signatures in a registry on loopback.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci::Digest;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey};
use registry_double::RegistryDouble;
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Somebody with a key.
pub(crate) struct Signer(KeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    /// The spec of a trust root that trusts just this one.
    pub(crate) fn trust_root(&self) -> Value {
        json!({"keys": [{"name": "k", "pem": self.0.public_key_pem()}]})
    }

    fn layer(&self, registry: &RegistryDouble, repository: &str, image: &Digest) -> Value {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": repository},
                "image": {"docker-manifest-digest": image.to_string()},
                "type": "cosign container image signature"
            },
            "optional": null
        })
        .to_string();
        let signature = STANDARD.encode(self.0.sign(payload.as_bytes()).expect("a signature"));
        json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": registry.push_blob(repository, payload.clone()).to_string(),
            "size": payload.len(),
            "annotations": {"dev.cosignproject.cosign/signature": signature}
        })
    }
}

/// Pushes an image that these have signed, each once.
pub(crate) fn push(registry: &RegistryDouble, repository: &str, tag: &str, signers: &[&Signer]) -> Digest {
    let image = registry.push_manifest(repository, Some(tag), MANIFEST, manifest(&[], &format!("{repository}:{tag}")));
    if !signers.is_empty() {
        let layers: Vec<_> = signers.iter().map(|signer| signer.layer(registry, repository, &image)).collect();
        let tag = format!("sha256-{}.sig", image.hex());
        registry.push_manifest(repository, Some(tag.as_str()), MANIFEST, manifest(&layers, "signatures"));
    }
    image
}

fn manifest(layers: &[Value], content: &str) -> String {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, "annotations": {"content": content}}).to_string()
}

/// A client that may dial loopback.
pub(crate) fn client() -> oci::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    oci::Client::new(oci::ClientSettings {
        egress: oci::Egress::allowing(&["127.0.0.0/8".to_owned()]).expect("a range"),
        user_agent: "bonafide-test".to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    })
    .expect("a client")
}
