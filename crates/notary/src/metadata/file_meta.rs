//! How one file names another: its exact length and its hashes.

use aws_lc_rs::digest::{SHA512, digest};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::members::{as_text, integer, object};
use super::structure::StructureError;
use crate::hash::Sha256;
use crate::json::Members;

/// Length and hashes of a file. SHA-256 is mandatory, SHA-512 counts where it stands, other algorithms are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileMeta {
    pub(crate) length: u64,
    pub(crate) sha256: Sha256,
    sha512: Option<[u8; 64]>,
}

/// How a file differs from what its parent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    Length,
    Hash,
}

impl FileMeta {
    pub(crate) fn read(entry: &Members) -> Result<FileMeta, StructureError> {
        let length = u64::try_from(integer(entry, "length")?).map_err(|_| StructureError::Length)?;
        let hashes = object(entry, "hashes")?;
        let sha256 = hash::<32>(hashes, "sha256")?.ok_or(StructureError::Hash)?;
        Ok(FileMeta { length, sha256: Sha256::from_bytes(sha256), sha512: hash(hashes, "sha512")? })
    }

    /// Whether `bytes` are the file that is named.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        if u64::try_from(bytes.len()) != Ok(self.length) {
            return Err(Mismatch::Length);
        }
        let same_sha512 = self.sha512.is_none_or(|sha512| digest(&SHA512, bytes).as_ref() == sha512);
        if Sha256::of(bytes) == self.sha256 && same_sha512 { Ok(()) } else { Err(Mismatch::Hash) }
    }
}

/// Hashes are base64 of the raw bytes, not hexadecimal.
fn hash<const LENGTH: usize>(hashes: &Members, name: &'static str) -> Result<Option<[u8; LENGTH]>, StructureError> {
    let Some(value) = hashes.get(name) else { return Ok(None) };
    let bytes = STANDARD.decode(as_text(value, name)?).map_err(|_| StructureError::Hash)?;
    bytes.try_into().map(Some).map_err(|_| StructureError::Hash)
}
