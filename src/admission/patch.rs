//! The digest patch: replaces image texts, nothing else, and is read again before it leaves.

use serde_json::{Value, json};

use super::images::{ImageUse, Workload};

/// One text to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Where the image is written.
    pub pointer: String,
    /// What is written there.
    pub from: String,
    /// What is to be written there.
    pub to: String,
}

/// Why a patch is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatchError {
    /// The object or the patch cannot be read or applied.
    #[error("the patch does not apply")]
    DoesNotApply,
    /// The patched object would not run what was decided.
    #[error("the patched object differs from the decision")]
    Differs,
}

/// The JSON patch for these changes, proven on the object: applied to it, it gives exactly the wanted images.
pub(super) fn prove(workload: Workload, object: &str, changes: &[Change]) -> Result<Option<Value>, PatchError> {
    if changes.is_empty() {
        return Ok(None);
    }
    let operations: Value =
        changes.iter().map(|Change { pointer, from: _, to }| json!({"op": "replace", "path": pointer, "value": to})).collect();
    let patch: json_patch::Patch = serde_json::from_value(operations.clone()).map_err(|_| PatchError::DoesNotApply)?;
    let mut patched: Value = serde_json::from_str(object).map_err(|_| PatchError::DoesNotApply)?;
    json_patch::patch(&mut patched, &patch).map_err(|_| PatchError::DoesNotApply)?;
    let before = workload.images(object).map_err(|_| PatchError::DoesNotApply)?.uses;
    let after = workload.images(&patched.to_string()).map_err(|_| PatchError::DoesNotApply)?.uses;
    if after == before.into_iter().map(|image| wanted(image, changes)).collect::<Vec<_>>() {
        Ok(Some(operations))
    } else {
        Err(PatchError::Differs)
    }
}

fn wanted(image: ImageUse, changes: &[Change]) -> ImageUse {
    match changes.iter().find(|change| change.pointer == image.pointer && change.from == image.image) {
        Some(change) => ImageUse { image: change.to.clone(), ..image },
        None => image,
    }
}
