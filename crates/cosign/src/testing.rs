//! Signers and signature objects for the tests, made on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is a failed test")]

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use oci::Digest;
use serde_json::{Value, json};
use spki::der::pem::{LineEnding, encode_string};

use crate::bundle::{self, Envelope};
use crate::candidate::{Candidate, Layout};
use crate::dsse::pre_authentication_encoding;
use crate::key::PublicKey;

/// A bundle among the referrers.
pub(crate) fn bundled(envelope: Envelope) -> Candidate {
    Candidate::bundle(Layout::Referrers, evidence(), envelope, Bytes::new())
}

pub(crate) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Ed25519ph(Box<ed25519_dalek::SigningKey>),
}

impl Signer {
    pub(crate) fn p256() -> Signer {
        Signer::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    /// One signer of each way in which cosign signs, except P-384 with SHA-256 (a fixture).
    pub(crate) fn one_of_each() -> Vec<Signer> {
        vec![
            Signer::p256(),
            Signer::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Signer::ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING),
            Signer::ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).unwrap()),
            Signer::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Signer::Ed25519ph(Box::new(ed25519_dalek::SigningKey::from_bytes(&[7; 32]))),
        ]
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Signer {
        Signer::Ecdsa(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Signer::Ecdsa(pair) => pair.public_key().as_der().unwrap(),
            Signer::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Signer::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Signer::Ed25519ph(pair) => return ed25519_spki(pair.verifying_key().as_bytes()),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn key(&self) -> PublicKey {
        PublicKey::from_pem(&pem("PUBLIC KEY", &self.spki())).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::Ed25519ph(pair) => {
                let hash = <sha2::Sha512 as sha2::Digest>::new_with_prefix(message);
                pair.sign_prehashed(hash, None).unwrap().to_bytes().to_vec()
            }
        }
    }

    /// A layer of the legacy layout, as `cosign sign --new-bundle-format=false` makes it.
    pub(crate) fn simple_signing(&self, payload: &str) -> Candidate {
        simple_signing(payload, &STANDARD.encode(self.sign(payload.as_bytes())))
    }

    /// A bundle as `cosign sign` makes it, around any statement.
    pub(crate) fn bundle(&self, statement: &str) -> Candidate {
        bundled(self.envelope(statement))
    }

    pub(crate) fn envelope(&self, statement: &str) -> Envelope {
        let message = pre_authentication_encoding("application/vnd.in-toto+json", statement.as_bytes());
        let signature = STANDARD.encode(self.sign(&message));
        Envelope { payload: statement.as_bytes().to_vec(), signature, hint: Some(self.key().fingerprint().clone()) }
    }
}

pub(crate) fn simple_signing(payload: &str, signature: &str) -> Candidate {
    Candidate::simple_signing(evidence(), Bytes::copy_from_slice(payload.as_bytes()), signature.to_owned())
}

pub(crate) fn image() -> Digest {
    Digest::of(b"the image that a pod asks for")
}

pub(crate) fn another_image() -> Digest {
    Digest::of(b"another image of the same people")
}

pub(crate) fn evidence() -> Digest {
    Digest::of(b"the manifest that holds the signature")
}

pub(crate) fn payload(digest: &Digest) -> String {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example.com/app"},
            "image": {"docker-manifest-digest": digest.to_string()},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

pub(crate) fn statement(digest: &Digest) -> String {
    statement_of("https://sigstore.dev/cosign/sign/v1", &json!([{"digest": {"sha256": digest.hex()}, "annotations": {}}]))
}

pub(crate) fn statement_of(predicate_type: &str, subject: &Value) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": predicate_type,
        "predicate": {},
    })
    .to_string()
}

/// The JSON of a bundle around a payload, with a signature that nobody has made.
pub(crate) fn bundle_json(payload_type: &str, payload: &str) -> Value {
    json!({
        "mediaType": bundle::MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": "AAAA"}],
        },
    })
}

/// The same JSON with the member at `path` written twice, with the same valid value.
pub(crate) fn doubled(text: &str, path: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    let (_, name) = path.rsplit_once('/').unwrap();
    let member = format!("{}:{}", json!(name), value.pointer(path).unwrap());
    assert_eq!(text.matches(&member).count(), 1, "{member}");
    text.replace(&member, &format!("{member},{member}"))
}

pub(crate) fn pem(label: &'static str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).unwrap()
}

/// RFC 8410, section 4.
pub(crate) fn ed25519_spki(key: &[u8; 32]) -> Vec<u8> {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    [head.as_slice(), key].concat()
}
