//! The timestamp file: which snapshot is the newest.

use super::envelope::{Body, meta};
use super::file_meta::FileMeta;
use super::members::object;
use super::structure::StructureError;
use crate::json::Members;

#[derive(Debug)]
pub(crate) struct Timestamp {
    pub(crate) snapshot: FileMeta,
}

impl Body for Timestamp {
    const TYPE: &'static str = "Timestamp";

    fn read(signed: &Members) -> Result<Timestamp, StructureError> {
        Ok(Timestamp { snapshot: FileMeta::read(object(meta(signed)?, "snapshot")?)? })
    }
}
