//! Answers of token servers.

use std::time::Duration;

use oci::fuzzing;
use serde_json::Value;

use crate::some_host;

/// Reads the bytes as the body of an answer.
pub fn run(bytes: &[u8]) {
    let Ok((header, lifetime)) = fuzzing::token(bytes, &some_host()) else { return };
    assert!(lifetime < Duration::from_hours(1));
    assert!(header.is_sensitive(), "the token can be logged");
    let token = header.as_bytes().strip_prefix(b"Bearer ").expect("a bearer token");
    assert!(!token.is_empty());
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let written = ["token", "access_token"].iter().filter_map(|member| value.get(member)?.as_str());
        assert!(written.into_iter().any(|text| text.as_bytes() == token), "a token that nobody wrote");
    }
}
