//! What may be pasted as a key, and what each mix-up is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

use pkcs1::{UintRef, der::Encode};
use spki::AlgorithmIdentifierRef;
use spki::der::asn1::{Any, BitString, Null};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::*;
use crate::testing::{Signer, ed25519_spki, pem};

fn refusal(text: &str) -> KeyError {
    PublicKey::from_pem(text).unwrap_err()
}

fn unsupported(der: &[u8]) -> UnsupportedKey {
    match refusal(&pem("PUBLIC KEY", der)) {
        KeyError::Unsupported(what) => what,
        other => unreachable!("{other:?}"),
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = RsaPublicKey { modulus: UintRef::new(modulus).unwrap(), public_exponent: UintRef::new(exponent).unwrap() };
    let algorithm = AlgorithmIdentifier { oid: RSA_ENCRYPTION, parameters: Some(Any::from(Null)) };
    let subject_public_key = BitString::from_bytes(&key.to_der().unwrap()).unwrap();
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().unwrap()
}

fn ec(curve: ObjectIdentifier, point: &[u8]) -> Vec<u8> {
    let algorithm = AlgorithmIdentifier { oid: EC_PUBLIC_KEY, parameters: Some(Any::from(curve)) };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(point).unwrap() }.to_der().unwrap()
}

/// The uncompressed point (SEC 1) of a P-256 key.
fn point(signer: &Signer) -> Vec<u8> {
    let spki = signer.spki();
    spki[spki.len() - 65..].to_vec()
}

#[test]
fn every_supported_algorithm_is_recognised() {
    let names: Vec<String> = Signer::one_of_each().iter().map(|it| it.key().algorithm().to_string()).collect();
    let expected = ["ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "ECDSA P-521", "RSA 2048", "RSA 3072", "Ed25519", "Ed25519"];
    assert_eq!(names, expected);
}

#[test]
fn the_fingerprint_is_the_sha256_of_the_spki() {
    let signer = Signer::p256();
    let hex = oci::Digest::of(&signer.spki()).hex().to_owned();
    assert_eq!(signer.key().fingerprint().to_string(), format!("SHA256:{hex}"));
    assert_eq!(signer.key().fingerprint().short(), format!("SHA256:{}...", &hex[..8]));
}

#[test]
fn one_key_written_in_two_ways_is_one_key() {
    let signer = Signer::p256();
    let point = point(&signer);
    let parity = 2 + (point[64] & 1);
    let compressed = [&[parity], &point[1..33]].concat();
    let other = PublicKey::from_pem(&pem("PUBLIC KEY", &ec(P256, &compressed))).unwrap();
    assert_eq!(other, signer.key());
    assert_eq!(other.fingerprint(), signer.key().fingerprint());
}

#[test]
fn text_around_the_block_and_other_line_ends_do_not_matter() {
    let text = pem("PUBLIC KEY", &Signer::p256().spki());
    let key = PublicKey::from_pem(&text).unwrap();
    for variant in [text.replace('\n', "\r\n"), format!("\n\n{text}\n\n"), format!("the build key\n{text}")] {
        assert_eq!(PublicKey::from_pem(&variant).unwrap(), key);
    }
}

#[test]
fn each_mix_up_has_its_own_answer() {
    let der = Signer::p256().spki();
    let key = pem("PUBLIC KEY", &der);
    assert_eq!(refusal(""), KeyError::NoBlock);
    assert_eq!(refusal("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), KeyError::NoBlock);
    assert_eq!(refusal(&format!("{key}{key}")), KeyError::SeveralBlocks);
    assert_eq!(refusal(&pem("RSA PUBLIC KEY", &der)), KeyError::Pkcs1);
    assert_eq!(refusal(&pem("CERTIFICATE", &der)), KeyError::Certificate);
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"] {
        assert_eq!(refusal(&pem(label, &der)), KeyError::PrivateKey);
    }
    assert_eq!(refusal(&pem("PGP PUBLIC KEY BLOCK", &der)), KeyError::OtherBlock);
    assert_eq!(refusal(&format!("{key}{}", " ".repeat(16 * 1024))), KeyError::TooLarge);
}

#[test]
fn broken_pem_and_der_are_refused() {
    let key = pem("PUBLIC KEY", &Signer::p256().spki());
    assert!(matches!(refusal(&key.replace("-----END", "-----EMD")), KeyError::Pem(_)));
    assert!(matches!(refusal(&format!("{key}trailing")), KeyError::Pem(_)));
    assert!(matches!(refusal(&key.replacen('M', "!", 1)), KeyError::Pem(_)));
    let der = Signer::p256().spki();
    assert!(matches!(refusal(&pem("PUBLIC KEY", &der[..der.len() - 1])), KeyError::Spki(_)));
    assert!(matches!(refusal(&pem("PUBLIC KEY", &[&der[..], &[0]].concat())), KeyError::Spki(_)));
}

#[test]
fn a_point_outside_its_curve_is_refused() {
    let mut point = point(&Signer::p256());
    point[64] ^= 1;
    assert_eq!(refusal(&pem("PUBLIC KEY", &ec(P256, &point))), KeyError::Rejected);
    assert_eq!(refusal(&pem("PUBLIC KEY", &ec(P256, &[0]))), KeyError::Rejected, "the point at infinity");
    assert_eq!(refusal(&pem("PUBLIC KEY", &ec(P384, &point))), KeyError::Rejected, "another curve's point");
}

#[test]
fn other_curves_and_algorithms_are_unsupported() {
    let secp256k1 = ObjectIdentifier::new_unwrap("1.3.132.0.10");
    assert_eq!(unsupported(&ec(secp256k1, &point(&Signer::p256()))), UnsupportedKey::Curve(secp256k1));
    let x25519 = ObjectIdentifier::new_unwrap("1.3.101.110");
    let algorithm: AlgorithmIdentifierRef<'_> = AlgorithmIdentifier { oid: x25519, parameters: None };
    let key = SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(&[1; 32]).unwrap() };
    assert_eq!(unsupported(&key.to_der().unwrap()), UnsupportedKey::Algorithm(x25519));
}

#[test]
fn a_curve_given_by_parameters_is_unsupported() {
    let algorithm = AlgorithmIdentifier { oid: EC_PUBLIC_KEY, parameters: Some(Any::from(Null)) };
    let subject_public_key = BitString::from_bytes(&point(&Signer::p256())).unwrap();
    let der = SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().unwrap();
    assert_eq!(unsupported(&der), UnsupportedKey::UnnamedCurve);
}

#[test]
fn rsa_keys_outside_2048_to_4096_bits_are_unsupported() {
    let modulus = |bytes: usize| [&vec![0x80; bytes - 1][..], &[1]].concat();
    for (bytes, bits) in [(128, 1024), (255, 2040), (513, 4104), (1024, 8192)] {
        assert_eq!(unsupported(&rsa(&modulus(bytes), &[1, 0, 1])), UnsupportedKey::RsaSize { bits });
    }
    let mut short = modulus(256);
    short[0] = 0x7f;
    assert_eq!(unsupported(&rsa(&short, &[1, 0, 1])), UnsupportedKey::RsaSize { bits: 2047 });
}

#[test]
fn rsa_exponents_that_are_even_small_or_huge_are_unsupported() {
    let modulus = [&[0x80; 255][..], &[1]].concat();
    for exponent in [&[3][..], &[1], &[0xff, 0xff], &[1, 0, 0], &[2, 0, 0, 0, 1]] {
        assert_eq!(unsupported(&rsa(&modulus, exponent)), UnsupportedKey::RsaExponent, "{exponent:?}");
    }
    assert!(PublicKey::from_pem(&pem("PUBLIC KEY", &rsa(&modulus, &[1, 0, 1]))).is_ok());
}

#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(refusal(&pem("PUBLIC KEY", &ed25519_spki(&identity))), KeyError::Rejected);
}

#[test]
fn debug_output_is_short() {
    let key = Signer::p256().key();
    assert_eq!(format!("{key:?}"), format!("PublicKey(ECDSA P-256 {})", key.fingerprint().short()));
}
