//! The snapshot file: which files belong together.

use std::collections::BTreeMap;

use super::envelope::{Body, meta};
use super::file_meta::FileMeta;
use super::members::{as_object, object};
use super::structure::StructureError;
use crate::json::Members;
use crate::name::DelegationName;

/// The files of one state of the repository. Delegations are listed for ever, even when they were removed: being
/// listed gives a role no rights.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) root: FileMeta,
    pub(crate) targets: FileMeta,
    pub(crate) delegations: BTreeMap<DelegationName, FileMeta>,
}

impl Body for Snapshot {
    const TYPE: &'static str = "Snapshot";

    fn read(signed: &Members) -> Result<Snapshot, StructureError> {
        let meta = meta(signed)?;
        let mut delegations = BTreeMap::new();
        for (name, entry) in meta {
            // A name that can be no delegation is of no interest: nothing can delegate to it.
            if let Ok(name) = name.parse() {
                delegations.insert(name, FileMeta::read(as_object(entry, "meta")?)?);
            }
        }
        let base = |name| FileMeta::read(object(meta, name)?);
        Ok(Snapshot { root: base("root")?, targets: base("targets")?, delegations })
    }
}
