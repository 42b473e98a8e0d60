//! JSON objects, and nothing that merely converts into one.
//!
//! serde also reads a structure from an array, by position. No other reader of these formats does, so a signed
//! payload could mean two things; what is wrapped in [`Object`] must be an object. Members that are read occur once,
//! which the derived code checks.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A `T` that was written as a JSON object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// Reads one JSON object; `None` for everything else.
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok().map(|Object(value)| value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{Object, read};

    #[derive(Deserialize)]
    struct Outer {
        inner: Object<Inner>,
    }

    #[derive(Deserialize)]
    struct Inner {
        value: u8,
    }

    fn value(text: &str) -> Option<u8> {
        read(text.as_bytes()).map(|outer: Outer| outer.inner.0.value)
    }

    #[test]
    fn objects_are_read_and_arrays_in_their_place_are_not() {
        assert_eq!(value(r#"{"other": [], "inner": {"value": 1}}"#), Some(1));
        assert_eq!(value(r#"[{"value": 1}]"#), None);
        assert_eq!(value(r#"{"inner": [1]}"#), None);
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused_and_so_is_what_follows_the_object() {
        assert_eq!(value(r#"{"inner": {"value": 1, "value": 1}}"#), None);
        assert_eq!(value(r#"{"inner": {"value": 1}, "inner": {"value": 1}}"#), None);
        assert_eq!(value(r#"{"inner": {"value": 1}} {}"#), None);
    }
}
