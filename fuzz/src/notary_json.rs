//! Trust data as text: the strict parser and the canonical encoder against each other, and against another library.

use notary::json::{Value, canonical, parse};

/// Reads the bytes, and what is written of them again.
pub fn run(bytes: &[u8]) {
    let Ok(value) = parse(bytes) else { return };
    let other: serde_json::Value = serde_json::from_slice(bytes).expect("what is read strictly is read everywhere");
    assert_eq!(foreign(&value), other, "another reader of the same bytes");
    let again = serde_json::to_vec(&other).expect("JSON");
    assert_eq!(parse(&again).as_ref(), Ok(&value), "the same value, written by another library");
    let signed = canonical(&value);
    // Control characters stand as they are in what is signed, which makes it no JSON.
    if !signed.iter().any(u8::is_ascii_control) {
        assert_eq!(parse(&signed), Ok(value), "what was signed is another value");
    }
    assert!(signed.len() <= bytes.len(), "what is signed is never longer than what was read");
}

fn foreign(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Text(value) => value.clone().into(),
        Value::Array(items) => items.iter().map(foreign).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), foreign(value))).collect(),
    }
}
