//! What the real cosign v3.1.3 signed (`tests/fixtures/regenerate.sh`), both layouts, every kind of key.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::PathBuf;

use super::{CandidateError, verify};
use crate::bundle;
use crate::testing::{another_image, bundled, simple_signing};
use crate::{Algorithm, Budget, Candidate, PublicKey};

fn read(path: &str) -> String {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read_to_string(fixtures.join(path)).unwrap()
}

fn key(name: &str) -> PublicKey {
    PublicKey::from_pem(&read(&format!("{name}/key.pub"))).unwrap()
}

fn legacy(name: &str) -> Candidate {
    simple_signing(&read(&format!("{name}/payload.json")), &read(&format!("{name}/payload.sig")))
}

fn bundle(name: &str) -> Candidate {
    bundled(bundle::open(read(&format!("{name}/bundle.json")).as_bytes()).unwrap())
}

#[test]
fn what_cosign_signs_is_verified_with_its_key_and_no_other() {
    let image = read("image").parse().unwrap();
    for name in ["p256", "p384", "p521", "rsa", "ed25519"] {
        let others: Vec<PublicKey> = ["p256", "p384", "p521", "rsa", "ed25519"].into_iter().filter(|it| *it != name).map(key).collect();
        for candidate in [legacy(name), bundle(name)] {
            let verified = verify(&candidate, &image, &[key(name)], &mut Budget::default()).unwrap();
            assert_eq!(verified.key(), key(name).fingerprint(), "{name}");
            let refusal = verify(&candidate, &image, &others, &mut Budget::default()).unwrap_err();
            assert!(matches!(refusal, CandidateError::UntrustedKey { .. }), "{name}: {refusal}");
            let refusal = verify(&candidate, &another_image(), &[key(name)], &mut Budget::default()).unwrap_err();
            assert_eq!(refusal, CandidateError::DigestMismatch { signed: read("image").parse().unwrap() }, "{name}");
        }
    }
}

#[test]
fn a_p384_signature_with_sha256_as_older_cosign_made_it_is_verified() {
    let image = read("image").parse().unwrap();
    let key = key("p384-sha256");
    assert_eq!(key.algorithm(), Algorithm::EcdsaP384);
    assert!(verify(&legacy("p384-sha256"), &image, &[key], &mut Budget::default()).is_ok());
}

#[test]
fn the_hint_of_a_cosign_bundle_is_the_fingerprint_of_the_key() {
    for name in ["p256", "p384", "p521", "rsa", "ed25519"] {
        assert_eq!(bundle(name).hint(), Some(key(name).fingerprint()), "{name}");
    }
}
