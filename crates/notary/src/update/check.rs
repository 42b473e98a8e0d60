//! What is checked on every file below the root, in this order: JSON, signatures, structure, version, expiry.

use bytes::Bytes;

use super::run::Run;
use crate::error::UpdateError;
use crate::hash::Sha256;
use crate::json;
use crate::metadata::{Body, Envelope, File, RoleKeys};
use crate::name::Role;
use crate::state::Seen;
use crate::trust::{Signer, signers};

/// A file that its role signed, that is in date, and no older than one seen before.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    pub(crate) file: File<T>,
    pub(crate) sha256: Sha256,
    pub(crate) signers: Vec<Signer>,
    /// In bytes.
    pub(crate) length: usize,
}

impl<T> Checked<T> {
    pub(super) fn seen(&self) -> Seen {
        Seen { version: self.file.version, sha256: self.sha256 }
    }
}

/// Checks the file of `role`, whose keys are `keys`, against what was `seen` of it before.
pub(super) fn check_file<T: Body, F>(
    run: &Run<'_, F>,
    role: &Role,
    keys: &RoleKeys,
    bytes: &Bytes,
    seen: Option<Seen>,
) -> Result<Checked<T>, UpdateError> {
    let structure = |source| UpdateError::Structure { role: role.clone(), source };
    let value = json::parse(bytes).map_err(|source| UpdateError::Json { role: role.clone(), source })?;
    let envelope = Envelope::read(value).map_err(structure)?;
    let signers = enough_signers(role, keys, &envelope)?;
    let file: File<T> = envelope.file().map_err(structure)?;
    let sha256 = Sha256::of(bytes);
    check_version(role, file.version, sha256, seen)?;
    if file.expires <= run.request.now {
        return Err(UpdateError::Expired { role: role.clone(), at: file.expires });
    }
    Ok(Checked { file, sha256, signers, length: bytes.len() })
}

fn enough_signers(role: &Role, keys: &RoleKeys, envelope: &Envelope) -> Result<Vec<Signer>, UpdateError> {
    let signers = signers(envelope, keys, |_| true);
    let (needed, valid) = (keys.threshold.get(), u32::try_from(signers.len()).unwrap_or(u32::MAX));
    if valid >= needed { Ok(signers) } else { Err(UpdateError::Signatures { role: role.clone(), needed, valid }) }
}

/// Never backwards, and one version is one file.
fn check_version(role: &Role, offered: u64, sha256: Sha256, seen: Option<Seen>) -> Result<(), UpdateError> {
    match seen {
        Some(seen) if offered < seen.version => Err(UpdateError::Rollback { role: role.clone(), stored: seen.version, offered }),
        Some(seen) if offered == seen.version && sha256 != seen.sha256 => {
            Err(UpdateError::SameVersionOtherContent { role: role.clone(), version: offered })
        }
        _ => Ok(()),
    }
}
