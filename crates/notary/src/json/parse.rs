//! The strict parser: `serde_json` reads the grammar, this visitor refuses what it would let pass.
//!
//! Left to itself `serde_json` keeps the last of repeated members and takes fractions. Why a value was refused travels
//! beside the parser, because its own error type holds only text.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Members, Value};
use crate::limits::{INTEGER, JSON_DEPTH, JSON_VALUES};

/// Why bytes are not the strict JSON that trust data must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, not UTF-8, or followed by something else.
    #[error("it is not JSON (line {line}, column {column})")]
    Syntax {
        /// Line of the text, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The same member name twice in one object; clients differ on which one counts.
    #[error("a member occurs twice in one object")]
    DuplicateMember,
    /// A number with a fraction or an exponent, or beyond 64 bits.
    #[error("a number is not a plain integer")]
    NotInteger,
    /// An integer beyond 2^53.
    #[error("a number is beyond 2^53")]
    IntegerTooLarge,
    /// Nested deeper than 32 levels.
    #[error("it is nested too deeply")]
    TooDeep,
    /// More than 200,000 values.
    #[error("it holds too many values")]
    TooManyValues,
}

/// Reads one JSON value; whitespace around it is allowed, nothing else.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let run = Run { values_left: Cell::new(JSON_VALUES), refusal: Cell::new(None) };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { run: &run, depth_left: JSON_DEPTH }.deserialize(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|error| run.explain(&error))
}

struct Run {
    values_left: Cell<usize>,
    refusal: Cell<Option<JsonError>>,
}

impl Run {
    fn refuse<E: Error>(&self, why: JsonError) -> E {
        self.refusal.set(Some(why));
        E::custom(why)
    }

    fn explain(&self, error: &serde_json::Error) -> JsonError {
        self.refusal.get().unwrap_or(JsonError::Syntax { line: error.line(), column: error.column() })
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        let left = self.values_left.get().checked_sub(1).ok_or_else(|| self.refuse(JsonError::TooManyValues))?;
        self.values_left.set(left);
        Ok(())
    }

    fn integer<E: Error>(&self, magnitude: u64, value: Option<i64>) -> Result<Value, E> {
        match value {
            Some(value) if magnitude <= INTEGER => Ok(Value::Integer(value)),
            _ => Err(self.refuse(JsonError::IntegerTooLarge)),
        }
    }
}

/// Reads one value that may hold `depth_left` levels of arrays and objects.
#[derive(Clone, Copy)]
struct Strict<'r> {
    run: &'r Run,
    depth_left: usize,
}

impl Strict<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| self.run.refuse(JsonError::TooDeep))?;
        Ok(Strict { run: self.run, depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.run.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.run.integer(value.unsigned_abs(), Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.run.integer(value, i64::try_from(value).ok())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(self.run.refuse(JsonError::NotInteger))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(self.run.refuse(JsonError::DuplicateMember));
            }
            members.insert(name, map.next_value_seed(inner)?);
        }
        Ok(Value::Object(members))
    }
}
