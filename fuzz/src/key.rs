//! Public keys and CA bundles, as people paste them.

use cosign::PublicKey;
use oci::CaBundle;

use crate::fixtures;

/// Reads the text as both.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = CaBundle::from_pem(text);
    let Ok(key) = PublicKey::from_pem(text) else { return };
    let again = PublicKey::from_pem(text.trim()).expect("the same key without the space around it");
    assert!(again == key && again.fingerprint() == key.fingerprint());
    // One key is one signer: equal and of the same fingerprint, or neither.
    for other in fixtures::KEYS.iter() {
        assert_eq!(*other == key, other.fingerprint() == key.fingerprint());
    }
    assert_eq!(text.matches("-----BEGIN ").count(), 1);
}
