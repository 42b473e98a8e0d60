//! The JSON of Notary: read strictly, written canonically.
//!
//! A signature covers the canonical encoding of the value, not the bytes on the wire. So a file is read once, into
//! [`Value`]; the signature is checked over [`canonical`] of it, and the typed structure is built from the same value.
//! The reference client reads twice, and two readings of one file can differ (specification, section 2).
//!
//! Invariant: `parse` yields no value that another parser could read differently: no member occurs twice, every number
//! is an integer that a double holds exactly.

mod canonical;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use canonical::canonical;
pub use parse::{JsonError, parse};

/// The members of an object, in the order of their UTF-8 bytes, which is the canonical order.
pub type Members = BTreeMap<String, Value>;

/// One JSON value as trust data may hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer of at most 2^53 either side of zero.
    Integer(i64),
    /// Text without lone surrogates.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// An object without repeated members.
    Object(Members),
}
