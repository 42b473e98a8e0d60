//! Which keys a role has, and how many of them must sign.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::members::{array_or_null, as_object, as_text, integer, object, text};
use super::structure::StructureError;
use crate::json::{Members, Value};
use crate::key::{KeyId, ListedKey};
use crate::limits::KEYS;

/// The keys of one role.
#[derive(Clone, Debug)]
pub(crate) struct RoleKeys {
    pub(crate) keys: Vec<ListedKey>,
    pub(crate) threshold: NonZeroU32,
}

/// All keys that a file lists, by ID.
pub(crate) type KeyRing = BTreeMap<KeyId, ListedKey>;

/// Reads the member `keys`; every ID must be the one that follows from the key.
pub(super) fn read_keys(members: &Members) -> Result<KeyRing, StructureError> {
    let entries = match members.get("keys") {
        None | Some(Value::Null) => return Ok(KeyRing::new()),
        Some(_) => object(members, "keys")?,
    };
    if entries.len() > KEYS {
        return Err(StructureError::TooMany("keys"));
    }
    entries.iter().map(|(id, entry)| read_key(id, as_object(entry, "keys")?)).collect()
}

fn read_key(id: &str, entry: &Members) -> Result<(KeyId, ListedKey), StructureError> {
    let id: KeyId = id.parse().map_err(|_| StructureError::KeyId)?;
    let key = ListedKey::read(text(entry, "keytype")?, text(object(entry, "keyval")?, "public")?);
    if key.id == id { Ok((id, key)) } else { Err(StructureError::ForeignKeyId(id)) }
}

impl RoleKeys {
    /// Reads `keyids` and `threshold`; a role without keys can be read, and nothing can be signed by it.
    pub(super) fn read(role: &Members, ring: &KeyRing) -> Result<RoleKeys, StructureError> {
        let threshold = u32::try_from(integer(role, "threshold")?).ok().and_then(NonZeroU32::new).ok_or(StructureError::Threshold)?;
        let ids = array_or_null(role, "keyids")?;
        if ids.len() > KEYS {
            return Err(StructureError::TooMany("keys"));
        }
        // A key named often must not be tried often: every try costs a check.
        let keys: BTreeMap<KeyId, ListedKey> = ids.iter().map(|id| find(id, ring)).collect::<Result<_, _>>()?;
        Ok(RoleKeys { keys: keys.into_values().collect(), threshold })
    }

    /// Whether no key of `self` is a key of `other`: the role was given to somebody else.
    pub(crate) fn all_replaced_in(&self, other: &RoleKeys) -> bool {
        let has = |key: &ListedKey| other.keys.iter().any(|theirs| theirs.id == key.id || same_material(theirs, key));
        !self.keys.iter().any(has)
    }
}

fn same_material(one: &ListedKey, other: &ListedKey) -> bool {
    matches!((&one.public, &other.public), (Ok(one), Ok(other)) if one == other)
}

fn find(id: &Value, ring: &KeyRing) -> Result<(KeyId, ListedKey), StructureError> {
    let id: KeyId = as_text(id, "keyids")?.parse().map_err(|_| StructureError::KeyId)?;
    let key = ring.get(&id).ok_or(StructureError::UnlistedKey(id))?;
    Ok((id, key.clone()))
}
