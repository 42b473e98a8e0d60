//! Reading members of objects, each failure naming the member.

use super::structure::StructureError;
use crate::json::{Members, Value};

pub(super) fn member<'v>(members: &'v Members, name: &'static str) -> Result<&'v Value, StructureError> {
    members.get(name).ok_or(StructureError::Missing(name))
}

pub(super) fn object<'v>(members: &'v Members, name: &'static str) -> Result<&'v Members, StructureError> {
    as_object(member(members, name)?, name)
}

pub(super) fn array<'v>(members: &'v Members, name: &'static str) -> Result<&'v [Value], StructureError> {
    match member(members, name)? {
        Value::Array(items) => Ok(items),
        _ => Err(StructureError::WrongKind(name)),
    }
}

/// Absent and `null` are the same: Go writes `null` for an empty list that was never filled.
pub(super) fn array_or_null<'v>(members: &'v Members, name: &'static str) -> Result<&'v [Value], StructureError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(_) => array(members, name),
    }
}

pub(super) fn text<'v>(members: &'v Members, name: &'static str) -> Result<&'v str, StructureError> {
    as_text(member(members, name)?, name)
}

pub(super) fn integer(members: &Members, name: &'static str) -> Result<i64, StructureError> {
    match member(members, name)? {
        Value::Integer(number) => Ok(*number),
        _ => Err(StructureError::WrongKind(name)),
    }
}

pub(super) fn as_object<'v>(value: &'v Value, name: &'static str) -> Result<&'v Members, StructureError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(StructureError::WrongKind(name)),
    }
}

pub(super) fn as_text<'v>(value: &'v Value, name: &'static str) -> Result<&'v str, StructureError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(StructureError::WrongKind(name)),
    }
}
