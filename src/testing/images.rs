//! A loopback registry with images and cosign signatures in the legacy layout, made on the spot.

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
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.public_key_pem()
    }

    fn layer(&self, registry: &RegistryDouble, repository: &str, signed: &Digest) -> Value {
        let payload = Images::payload(repository, signed);
        let signature = STANDARD.encode(self.0.sign(payload.as_bytes()).unwrap());
        let digest = registry.push_blob(repository, payload.clone());
        json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": digest.to_string(),
            "size": payload.len(),
            "annotations": {"dev.cosignproject.cosign/signature": signature}
        })
    }
}

/// A registry with images.
pub(crate) struct Images(pub(crate) RegistryDouble);

impl Images {
    pub(crate) async fn start() -> Self {
        Self(RegistryDouble::start().await)
    }

    pub(crate) async fn start_tls() -> Self {
        Self(RegistryDouble::start_tls().await)
    }

    pub(crate) fn host(&self) -> String {
        self.0.address()
    }

    /// What is signed of an image.
    pub(crate) fn payload(repository: &str, signed: &Digest) -> String {
        json!({
            "critical": {
                "identity": {"docker-reference": repository},
                "image": {"docker-manifest-digest": signed.to_string()},
                "type": "cosign container image signature"
            },
            "optional": null
        })
        .to_string()
    }

    /// The full reference of an image of this registry.
    pub(crate) fn reference(&self, image: &str) -> String {
        format!("{}/{image}", self.host())
    }

    /// Pushes an image whose content is its name and this text.
    pub(crate) fn push(&self, repository: &str, tag: &str, content: &str) -> Digest {
        let manifest = manifest(&[], content);
        self.0.push_manifest(repository, Some(tag), MANIFEST, manifest)
    }

    /// Attaches one signature per signer to `image`, each over `signed`.
    pub(crate) fn sign(&self, repository: &str, image: &Digest, signed: &Digest, signers: &[&Signer]) {
        let layers: Vec<_> = signers.iter().map(|signer| signer.layer(&self.0, repository, signed)).collect();
        let tag = format!("sha256-{}.sig", image.hex());
        self.0.push_manifest(repository, Some(tag.as_str()), MANIFEST, manifest(&layers, "signatures"));
    }

    /// Attaches a Sigstore bundle to an image, as cosign makes it with a key.
    pub(crate) fn sign_by_bundle(&self, repository: &str, image: &Digest, signer: &Signer) {
        const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
        const STATEMENT: &str = "application/vnd.in-toto+json";
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {},
            "subject": [{"name": "", "digest": {"sha256": image.hex()}}],
        })
        .to_string();
        let encoded = format!("DSSEv1 {} {STATEMENT} {} {statement}", STATEMENT.len(), statement.len());
        let signature = STANDARD.encode(signer.0.sign(encoded.as_bytes()).unwrap());
        let bundle = json!({
            "mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {"payload": STANDARD.encode(statement), "payloadType": STATEMENT, "signatures": [{"sig": signature}]},
        })
        .to_string();
        let layer = json!({"mediaType": BUNDLE, "digest": self.0.push_blob(repository, bundle.clone()), "size": bundle.len()});
        let subject = json!({"mediaType": MANIFEST, "digest": image, "size": 1});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "subject": subject, "layers": [layer]});
        self.0.push_manifest(repository, None, MANIFEST, manifest.to_string());
    }

    /// An image that these have signed.
    pub(crate) fn push_signed(&self, repository: &str, tag: &str, signers: &[&Signer]) -> Digest {
        let digest = self.push(repository, tag, &format!("{repository}:{tag}"));
        self.sign(repository, &digest, &digest, signers);
        digest
    }
}

fn manifest(layers: &[Value], content: &str) -> String {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, "annotations": {"content": content}}).to_string()
}

/// A client that may dial loopback.
pub(crate) fn client() -> oci::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    oci::Client::new(oci::ClientSettings {
        egress: oci::Egress::allowing(&["127.0.0.0/8".to_owned()]).unwrap(),
        user_agent: "bonafide-test".to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    })
    .unwrap()
}
