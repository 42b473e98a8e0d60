//! Keys that sign as the tools of Notary sign.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};
use notary::json::{canonical, parse};
use notary::{KeyId, PublicKey, Sha256};
use serde_json::{Value, json};

/// A key pair in one of the ways in which trust data lists keys; cheap to clone.
#[derive(Clone)]
pub(crate) struct Key {
    pair: Arc<Pair>,
    pub(crate) kind: &'static str,
    /// The member `public`: base64.
    pub(crate) public: String,
    pub(crate) method: &'static str,
}

enum Pair {
    Ecdsa(EcdsaKeyPair, Vec<u8>),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, Vec<u8>),
}

impl Key {
    pub(crate) fn ecdsa() -> Key {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        Key::plain(Pair::Ecdsa(pair, pkcs8), "ecdsa", "ecdsa")
    }

    pub(crate) fn rsa() -> Key {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
        Key::plain(Pair::Rsa(pair, pkcs8), "rsa", "rsapss")
    }

    pub(crate) fn ed25519() -> Key {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = STANDARD.encode(pair.public_key().as_ref());
        Key { pair: Arc::new(Pair::Ed25519(pair)), kind: "ed25519", public, method: "eddsa" }
    }

    fn plain(pair: Pair, kind: &'static str, method: &'static str) -> Key {
        let mut key = Key { pair: Arc::new(pair), kind, public: String::new(), method };
        key.public = STANDARD.encode(key.spki());
        key
    }

    /// The same key, listed with certificates.
    pub(crate) fn certified(&self, pem: &str) -> Key {
        let kind = if self.kind.starts_with("rsa") { "rsa-x509" } else { "ecdsa-x509" };
        Key { kind, public: STANDARD.encode(pem), ..self.clone() }
    }

    /// The same key under another `keytype`, or with other bytes for the public half.
    pub(crate) fn listed(&self, kind: &'static str, public: Option<&str>) -> Key {
        Key { kind, public: public.unwrap_or(&self.public).to_owned(), ..self.clone() }
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match &*self.pair {
            Pair::Ecdsa(pair, _) => pair.public_key().as_der().unwrap(),
            Pair::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Pair::Rsa(pair, _) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        match &*self.pair {
            Pair::Ecdsa(_, pkcs8) | Pair::Rsa(_, pkcs8) => pkcs8,
            Pair::Ed25519(_) => panic!("Ed25519 keys have no certificates in Notary"),
        }
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::from_spki(&self.spki()).unwrap()
    }

    /// The ID under which trust data lists the key, made independently of the code under test.
    pub(crate) fn id(&self) -> String {
        let text = format!(r#"{{"keytype":"{}","keyval":{{"private":null,"public":"{}"}}}}"#, self.kind, self.public);
        Sha256::of(text.as_bytes()).to_string()
    }

    pub(crate) fn key_id(&self) -> KeyId {
        self.id().parse().unwrap()
    }

    pub(crate) fn entry(&self) -> Value {
        json!({"keytype": self.kind, "keyval": {"private": null, "public": self.public}})
    }

    /// An entry of `signatures` over a signed value.
    pub(crate) fn signature(&self, signed: &Value) -> Value {
        let message = canonical(&parse(signed.to_string().as_bytes()).unwrap());
        json!({"keyid": self.id(), "method": self.method, "sig": STANDARD.encode(self.sign(&message))})
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Ecdsa(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let pss = self.method == "rsapss";
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}
