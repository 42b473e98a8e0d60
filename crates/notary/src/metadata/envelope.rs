//! What all files have in common: a signed value, signatures over it, a type, a version and an expiry.

use chrono::{DateTime, Utc};

use super::members::{array, as_object, integer, object, text};
use super::structure::StructureError;
use crate::json::{Members, Value, canonical};
use crate::key::Signature;
use crate::limits::SIGNATURES;

/// A file of any role, before anyone is believed to have signed it.
#[derive(Debug)]
pub(crate) struct Envelope {
    signed: Members,
    /// What signatures cover: the canonical encoding of the parsed value, never the bytes on the wire.
    pub(crate) message: Vec<u8>,
    /// Without those that can be no signature.
    pub(crate) signatures: Vec<Signature>,
}

impl Envelope {
    pub(crate) fn read(mut file: Value) -> Result<Envelope, StructureError> {
        let Value::Object(members) = &mut file else { return Err(StructureError::WrongKind("signed")) };
        let signatures = read_signatures(members)?;
        let signed = members.remove("signed").ok_or(StructureError::Missing("signed"))?;
        let message = canonical(&signed);
        match signed {
            Value::Object(signed) => Ok(Envelope { signed, message, signatures }),
            _ => Err(StructureError::WrongKind("signed")),
        }
    }

    /// Reads the file as one of role `T`.
    pub(crate) fn file<T: Body>(&self) -> Result<File<T>, StructureError> {
        if text(&self.signed, "_type")? != T::TYPE {
            return Err(StructureError::Type { wanted: T::TYPE });
        }
        Ok(File { version: version(&self.signed)?, expires: expires(&self.signed)?, body: T::read(&self.signed)? })
    }
}

/// What is particular to the file of a role.
pub(crate) trait Body: Sized {
    /// The value of `_type`.
    const TYPE: &'static str;

    /// Reads it from the signed value.
    fn read(signed: &Members) -> Result<Self, StructureError>;
}

/// A file of a known role.
#[derive(Debug)]
pub(crate) struct File<T> {
    /// At least 1.
    pub(crate) version: u64,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) body: T,
}

fn read_signatures(file: &Members) -> Result<Vec<Signature>, StructureError> {
    let entries = array(file, "signatures")?;
    if entries.len() > SIGNATURES {
        return Err(StructureError::TooMany("signatures"));
    }
    let mut signatures = Vec::new();
    for entry in entries {
        let entry = as_object(entry, "signatures")?;
        signatures.extend(Signature::read(text(entry, "keyid")?, text(entry, "method")?, text(entry, "sig")?));
    }
    Ok(signatures)
}

fn version(signed: &Members) -> Result<u64, StructureError> {
    let version = u64::try_from(integer(signed, "version")?).map_err(|_| StructureError::Version)?;
    if version == 0 { Err(StructureError::Version) } else { Ok(version) }
}

fn expires(signed: &Members) -> Result<DateTime<Utc>, StructureError> {
    let expires = DateTime::parse_from_rfc3339(text(signed, "expires")?).map_err(|_| StructureError::Expires)?;
    Ok(expires.to_utc())
}

/// The object `meta` of timestamp and snapshot.
pub(super) fn meta(signed: &Members) -> Result<&Members, StructureError> {
    object(signed, "meta")
}
