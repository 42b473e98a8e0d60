//! Sigstore bundles, as whoever may push to a repository puts them there.

use base64::{Engine, engine::general_purpose::STANDARD};
use cosign::{Budget, fuzzing};
use serde_json::Value;

use crate::fixtures;

/// Opens the bytes as a bundle and holds what is in it against real keys.
pub fn run(bytes: &[u8]) {
    let claimed = fuzzing::claimed_by_statement(bytes);
    if let (Some(claimed), Ok(value)) = (claimed, serde_json::from_slice::<Value>(bytes)) {
        let subjects = value.get("subject").and_then(Value::as_array).into_iter().flatten();
        let mut named = subjects.filter_map(|subject| subject.pointer("/digest/sha256")?.as_str());
        assert!(named.any(|hex| hex == claimed.hex()), "a digest that no subject names");
    }
    let Ok((candidate, payload)) = fuzzing::bundle(bytes) else { return };
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let written = value.pointer("/dsseEnvelope/payload").and_then(Value::as_str).expect("a payload");
        assert_eq!(STANDARD.decode(written).as_ref(), Ok(&payload));
    }
    let image = fixtures::image();
    let verified = cosign::verify(&candidate, &image, &fixtures::KEYS, &mut Budget::default());
    if let Ok(verified) = verified {
        assert_eq!(verified.digest(), &image);
        assert!(was_signed(&payload), "a payload that nobody signed");
        assert_eq!(fuzzing::claimed_by_statement(&payload), Some(image));
    }
}

fn was_signed(payload: &[u8]) -> bool {
    fixtures::BUNDLES.iter().any(|bundle| fuzzing::bundle(bundle).is_ok_and(|(_, signed)| signed == payload))
}
