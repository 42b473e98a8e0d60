//! The pre-authentication encoding of DSSE (Dead Simple Signing Envelope, protocol.md, "Signature Definition").
//!
//! Invariant: two different pairs of type and payload never encode to the same bytes, because both lengths are
//! written before the parts.

/// The bytes that a DSSE signature covers.
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::pre_authentication_encoding as encode;

    #[test]
    fn the_encoding_is_the_one_of_the_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(encode("http://example.com/HelloWorld", b"hello world"), expected);
    }

    #[test]
    fn lengths_count_bytes_not_characters() {
        assert_eq!(encode("\u{e4}", "\u{20ac}".as_bytes()), "DSSEv1 2 \u{e4} 3 \u{20ac}".as_bytes());
    }

    #[test]
    fn a_byte_that_moves_between_type_and_payload_changes_the_encoding() {
        assert_ne!(encode("a", b"b c"), encode("a b", b"c"));
        assert_ne!(encode("a", b" 1 b"), encode("a 4 ", b"b"));
    }
}
