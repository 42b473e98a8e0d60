//! Which keys count, and which bytes are signatures of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RSA_PSS_SHA512, RsaEncoding,
};
use pkcs1::{RsaPublicKey, UintRef};
use x509_cert::der::Encode;
use x509_cert::der::asn1::{Any, BitString, Null};
use x509_cert::spki::{AlgorithmIdentifier, ObjectIdentifier, SubjectPublicKeyInfo};

use super::signature::Method;
use super::*;

const MESSAGE: &[u8] = b"a message";

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = RsaPublicKey { modulus: UintRef::new(modulus).unwrap(), public_exponent: UintRef::new(exponent).unwrap() };
    let algorithm = AlgorithmIdentifier { oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), parameters: Some(Any::from(Null)) };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(&key.to_der().unwrap()).unwrap() }.to_der().unwrap()
}

fn modulus(bytes: usize) -> Vec<u8> {
    [&vec![0x80; bytes - 1][..], &[1]].concat()
}

#[test]
fn rsa_keys_from_2048_to_8192_bits_with_a_sane_exponent_count() {
    for (bytes, bits) in [(128, 1024), (255, 2040), (1025, 8200)] {
        assert_eq!(PublicKey::from_spki(&rsa(&modulus(bytes), &[1, 0, 1])), Err(KeyError::RsaSize { bits }));
    }
    for bytes in [256, 512, 1024] {
        assert!(PublicKey::from_spki(&rsa(&modulus(bytes), &[1, 0, 1])).is_ok(), "{bytes}");
    }
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]] {
        assert_eq!(PublicKey::from_spki(&rsa(&modulus(256), exponent)), Err(KeyError::RsaExponent), "{exponent:?}");
    }
}

#[test]
fn keys_of_other_algorithms_do_not_count() {
    let x25519 = ObjectIdentifier::new_unwrap("1.3.101.110");
    let algorithm: AlgorithmIdentifier<Any> = AlgorithmIdentifier { oid: x25519, parameters: None };
    let key = SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(&[1; 32]).unwrap() };
    assert_eq!(PublicKey::from_spki(&key.to_der().unwrap()), Err(KeyError::UnsupportedAlgorithm(x25519)));
    assert!(matches!(PublicKey::from_spki(b""), Err(KeyError::Spki(_))));
}

#[test]
fn an_ecdsa_signature_is_two_halves_of_the_width_of_the_curve_and_never_der() {
    let algorithms = [(&ECDSA_P256_SHA256_FIXED_SIGNING, 64), (&ECDSA_P521_SHA256_FIXED_SIGNING, 132)];
    for (algorithm, length) in algorithms {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let key = PublicKey::from_spki(&spki(pair.public_key())).unwrap();
        let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap().as_ref().to_vec();
        assert_eq!(signature.len(), length);
        assert!(key.signed(Method::Ecdsa, MESSAGE, &signature));
        assert!(!key.signed(Method::Ecdsa, b"another message", &signature));
        let der = super::signature::ecdsa_to_der(&signature, length / 2).unwrap();
        let wrong = [&der[..], &signature[1..], &[&[0], &signature[..]].concat(), &vec![0; length], &[]];
        assert!(wrong.into_iter().all(|bytes| !key.signed(Method::Ecdsa, MESSAGE, bytes)));
    }
}

#[test]
fn a_p384_key_signs_with_sha256_and_with_nothing_else() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let key = PublicKey::from_spki(&spki(pair.public_key())).unwrap();
    let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
    assert!(!key.signed(Method::Ecdsa, MESSAGE, signature.as_ref()), "this one is made with SHA-384");
}

#[test]
fn rsa_signs_with_sha256_and_pss_with_32_bytes_of_salt() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = PublicKey::from_spki(&spki(pair.public_key())).unwrap();
    let sign = |padding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        signature
    };
    let accepts = |method, padding| key.signed(method, MESSAGE, &sign(padding));
    assert!(accepts(Method::RsaPss, &RSA_PSS_SHA256) && accepts(Method::RsaPkcs1, &RSA_PKCS1_SHA256));
    assert!(!accepts(Method::RsaPss, &RSA_PKCS1_SHA256) && !accepts(Method::RsaPkcs1, &RSA_PSS_SHA256));
    assert!(!accepts(Method::RsaPss, &RSA_PSS_SHA512));
    assert!(!accepts(Method::Ecdsa, &RSA_PSS_SHA256) && !accepts(Method::EdDsa, &RSA_PSS_SHA256));
}

#[test]
fn an_ed25519_key_has_one_canonical_form() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let (raw, der) = (PublicKey::from_ed25519(pair.public_key().as_ref()), PublicKey::from_spki(&spki(pair.public_key())));
    assert_eq!(raw, der);
    assert!(raw.unwrap().signed(Method::EdDsa, MESSAGE, pair.sign(MESSAGE).as_ref()));
    assert_eq!(PublicKey::from_ed25519(&[1; 33]), Err(KeyError::Rejected));
}

#[test]
fn methods_are_compared_without_case_and_unknown_ones_are_no_signature() {
    let id = "ab".repeat(32);
    assert!(Signature::read(&id, "ECDSA", "AAAA").is_some());
    assert!(Signature::read(&id, "pycrypto-pkcs#1 pss", "AAAA").is_none());
    assert!(Signature::read("ab", "ecdsa", "AAAA").is_none());
    assert!(Signature::read(&id, "ecdsa", "not base64").is_none());
}
