//! The delegations of a targets file.

use super::members::{array_or_null, as_object, as_text, text};
use super::paths::Paths;
use super::role_keys::{KeyRing, RoleKeys, read_keys};
use super::structure::StructureError;
use crate::json::{Members, Value};
use crate::limits::{DELEGATIONS, PATHS};
use crate::name::DelegationName;

/// A role that a targets file hands tags to.
#[derive(Clone, Debug)]
pub(crate) struct Delegated {
    pub(crate) name: DelegationName,
    pub(crate) keys: RoleKeys,
    /// As the file states them; what counts is what the parent has of them.
    pub(crate) paths: Paths,
}

/// Reads the member `delegations`. Which role the file itself has is not known here: see [`check_children`].
pub(super) fn read(signed: &Members) -> Result<Vec<Delegated>, StructureError> {
    let delegations = match signed.get("delegations") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => as_object(value, "delegations")?,
    };
    let ring = read_keys(delegations)?;
    let entries = array_or_null(delegations, "roles")?;
    if entries.len() > DELEGATIONS {
        return Err(StructureError::TooMany("delegations"));
    }
    let mut roles: Vec<Delegated> = Vec::new();
    for entry in entries {
        let role = read_role(as_object(entry, "roles")?, &ring)?;
        if roles.iter().any(|other| other.name == role.name) {
            return Err(StructureError::DelegatedTwice(role.name));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn read_role(role: &Members, ring: &KeyRing) -> Result<Delegated, StructureError> {
    let paths = array_or_null(role, "paths")?;
    if paths.len() > PATHS {
        return Err(StructureError::TooMany("paths"));
    }
    let paths = paths.iter().map(|path| as_text(path, "paths").map(str::to_owned));
    Ok(Delegated {
        name: text(role, "name")?.parse()?,
        keys: RoleKeys::read(role, ring)?,
        paths: Paths::new(paths.collect::<Result<_, _>>()?),
    })
}

/// Every delegated role must be a direct child of the role whose file it is in; `None` is `targets`.
pub(super) fn check_children(delegated: &[Delegated], parent: Option<&DelegationName>) -> Result<(), StructureError> {
    match delegated.iter().find(|role| role.name.parent().as_ref() != parent) {
        Some(stray) => Err(StructureError::NotAChild(stray.name.clone())),
        None => Ok(()),
    }
}
