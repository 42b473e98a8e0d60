//! Payloads of the `.sig` layout.

use cosign::{Budget, fuzzing};
use serde_json::Value;

use crate::fixtures;

/// Reads the bytes as a payload, and offers it with a real signature over another.
pub fn run(bytes: &[u8]) {
    let claimed = fuzzing::claimed_by_simple_signing(bytes);
    if let (Some(claimed), Ok(value)) = (&claimed, serde_json::from_slice::<Value>(bytes)) {
        let written = value.pointer("/critical/image/docker-manifest-digest").and_then(Value::as_str);
        assert_eq!(written, Some(claimed.to_string().as_str()));
    }
    let candidate = fuzzing::simple_signing(bytes, fixtures::SIGNATURE);
    let verified = cosign::verify(&candidate, &fixtures::image(), &fixtures::KEYS, &mut Budget::default());
    assert_eq!(verified.is_ok(), bytes == fixtures::PAYLOAD, "a payload that nobody signed");
    assert!(verified.is_err() || claimed == Some(fixtures::image()));
}
