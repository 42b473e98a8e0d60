//! The parser against hostile text, and the parser and the encoder against each other.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{JsonError, Value, canonical, parse};

fn text(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes())
}

fn encoded(input: &str) -> String {
    String::from_utf8(canonical(&text(input).unwrap())).unwrap()
}

#[test]
fn a_member_that_occurs_twice_is_refused_at_every_depth_and_after_unescaping() {
    for input in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"a":2}]}"#, r#"{"a":1,"\u0061":1}"#] {
        assert_eq!(text(input), Err(JsonError::DuplicateMember), "{input}");
    }
    assert!(text(r#"{"a":1,"A":1}"#).is_ok(), "names are compared exactly");
}

#[test]
fn only_plain_integers_up_to_two_to_the_53_are_numbers() {
    assert_eq!(text("9007199254740992"), Ok(Value::Integer(9_007_199_254_740_992)));
    assert_eq!(text("-9007199254740992"), Ok(Value::Integer(-9_007_199_254_740_992)));
    for input in ["9007199254740993", "9223372036854775807", "18446744073709551615", "-9223372036854775808"] {
        assert_eq!(text(input), Err(JsonError::IntegerTooLarge), "{input}");
    }
    for input in ["1.0", "1e0", "2.5", "-0", "18446744073709551616", "1E400"] {
        assert!(text(input).is_err(), "{input}");
    }
    assert_eq!(text("1.0"), Err(JsonError::NotInteger));
}

#[test]
fn text_that_is_not_exactly_one_json_value_is_refused() {
    for input in ["", "{", "{} {}", "{}x", "01", "+1", "NaN", "[1,]", r#"{"a":1,}"#, "'a'", "\u{feff}{}", r#""\ud800""#, "\"\u{1}\""] {
        assert!(matches!(text(input), Err(JsonError::Syntax { .. })), "{input:?}");
    }
    assert!(parse(b"\"\xff\"").is_err(), "not UTF-8");
    assert!(parse(b"\xff\xfe{\0}\0").is_err(), "UTF-16");
}

#[test]
fn whitespace_around_the_value_is_allowed() {
    assert_eq!(text(" {\r\n\t\"a\" : [ ] } \n"), text(r#"{"a":[]}"#));
}

#[test]
fn nesting_is_capped_at_32_levels() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(text(&nested(32)).is_ok());
    assert_eq!(text(&nested(33)), Err(JsonError::TooDeep));
    assert_eq!(text(&"[".repeat(1_000_000)), Err(JsonError::TooDeep));
}

#[test]
fn the_number_of_values_is_capped() {
    let many = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
    assert!(text(&many(200_000)).is_ok());
    assert_eq!(text(&many(200_001)), Err(JsonError::TooManyValues));
}

#[test]
fn the_canonical_form_sorts_by_bytes_and_escapes_only_quote_and_backslash() {
    assert_eq!(encoded(r#"{"b":1,"a":null,"B":true,"é":[false,-7]}"#), r#"{"B":true,"a":null,"b":1,"é":[false,-7]}"#);
    assert_eq!(encoded(r#""\u003c\u0026\u003e\u2028 \" \\ \/ \u00e9""#), "\"<&>\u{2028} \\\" \\\\ / é\"");
    assert_eq!(encoded(r#""a\n\u0000\u007fb""#), "\"a\n\0\u{7f}b\"");
    assert_eq!(encoded("\"e\\u0301\""), "\"e\u{301}\"", "Unicode is not normalised");
}

#[test]
fn members_beyond_the_basic_plane_sort_by_utf8_not_by_utf16() {
    assert_eq!(encoded(r#"{"\ud83d\ude00":1,"\uffff":2}"#), "{\"\u{ffff}\":2,\"\u{1f600}\":1}");
}

/// Any value whose strings match `strings`.
fn values(strings: &'static str) -> impl Strategy<Value = Value> {
    let integers = -9_007_199_254_740_992_i64..=9_007_199_254_740_992;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integers.prop_map(Value::Integer),
        strings.prop_map(Value::Text),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![vec(inner.clone(), 0..8).prop_map(Value::Array), btree_map(strings, inner, 0..8).prop_map(Value::Object)]
    })
}

/// The same value as another library writes it.
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

proptest! {
    #[test]
    fn what_the_encoder_writes_the_parser_reads_back(value in values("[^\\x00-\\x1f]{0,12}")) {
        prop_assert_eq!(parse(&canonical(&value)), Ok(value));
    }

    #[test]
    fn what_another_library_writes_is_read_as_the_same_value(value in values("(?s).{0,12}")) {
        let compact = serde_json::to_vec(&foreign(&value)).unwrap();
        let pretty = serde_json::to_vec_pretty(&foreign(&value)).unwrap();
        prop_assert_eq!(parse(&compact), Ok(value.clone()));
        prop_assert_eq!(parse(&pretty), Ok(value));
    }

    #[test]
    fn different_values_have_different_encodings(one in values("[\"\\\\,:a\n]{0,3}"), other in values("[\"\\\\,:a\n]{0,3}")) {
        prop_assert_eq!(one == other, canonical(&one) == canonical(&other));
    }

    #[test]
    fn no_bytes_make_the_parser_panic_and_what_it_reads_it_reads_again(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(value) = parse(&bytes) {
            let again = serde_json::to_vec(&foreign(&value)).unwrap();
            prop_assert_eq!(parse(&again), Ok(value));
        }
    }

    #[test]
    fn text_made_of_json_tokens_does_not_make_the_parser_panic(tokens in vec("[\\[\\]{}:,\"0-9a\\\\u]|null|-|1e5|\"a\"", 0..24)) {
        let _ = parse(tokens.concat().as_bytes());
    }
}
