//! Targets files, of `targets` itself and of delegations: which tag is which image.

use std::collections::BTreeMap;

use oci::Digest;

use super::delegations::{self, Delegated};
use super::envelope::Body;
use super::file_meta::FileMeta;
use super::members::object;
use super::structure::StructureError;
use crate::json::{Members, Value};
use crate::name::DelegationName;

/// The tags of one role, and the roles that it delegates to.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) tags: BTreeMap<String, Result<Digest, UnusableTarget>>,
    pub(crate) delegations: Vec<Delegated>,
}

/// The entry of a tag names no image: its SHA-256 is missing or has not 32 bytes, or its length is no length.
///
/// Only this tag is refused, the rest of the file stands (specification, section 3b, step 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry has no whole SHA-256")]
pub struct UnusableTarget;

impl Targets {
    /// The structure checks that need to know whose file it is; `None` is `targets`.
    pub(crate) fn check_children(&self, of: Option<&DelegationName>) -> Result<(), StructureError> {
        delegations::check_children(&self.delegations, of)
    }

    pub(crate) fn delegated(&self, name: &DelegationName) -> Option<&Delegated> {
        self.delegations.iter().find(|role| role.name == *name)
    }
}

impl Body for Targets {
    const TYPE: &'static str = "Targets";

    fn read(signed: &Members) -> Result<Targets, StructureError> {
        let tags = object(signed, "targets")?.iter().map(|(tag, entry)| (tag.clone(), digest_of(entry)));
        Ok(Targets { tags: tags.collect(), delegations: delegations::read(signed)? })
    }
}

fn digest_of(entry: &Value) -> Result<Digest, UnusableTarget> {
    let Value::Object(entry) = entry else { return Err(UnusableTarget) };
    let meta = FileMeta::read(entry).map_err(|_| UnusableTarget)?;
    format!("sha256:{}", meta.sha256).parse().map_err(|_| UnusableTarget)
}
