//! The root file: the keys of the four base roles.

use super::envelope::Body;
use super::members::object;
use super::role_keys::{KeyRing, RoleKeys, read_keys};
use super::structure::StructureError;
use crate::json::Members;
use crate::limits::ROOT_KEYS;

/// Who holds the base roles. All four are mandatory; other roles in the file mean nothing.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    /// The keys of the root role itself.
    pub(crate) own: RoleKeys,
    pub(crate) timestamp: RoleKeys,
    pub(crate) snapshot: RoleKeys,
    pub(crate) targets: RoleKeys,
}

impl Body for Root {
    const TYPE: &'static str = "Root";

    fn read(signed: &Members) -> Result<Root, StructureError> {
        let ring = read_keys(signed)?;
        let roles = object(signed, "roles")?;
        let own = role(roles, "root", &ring)?;
        if own.keys.len() > ROOT_KEYS {
            return Err(StructureError::TooMany("keys of the root role"));
        }
        Ok(Root {
            own,
            timestamp: role(roles, "timestamp", &ring)?,
            snapshot: role(roles, "snapshot", &ring)?,
            targets: role(roles, "targets", &ring)?,
        })
    }
}

fn role(roles: &Members, name: &'static str, ring: &KeyRing) -> Result<RoleKeys, StructureError> {
    RoleKeys::read(object(roles, name)?, ring)
}
