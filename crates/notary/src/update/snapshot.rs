//! Step 4: the snapshot that the timestamp names says which files belong together, the root among them.

use super::check::{Checked, check_file};
use super::root::TrustedRoot;
use super::run::Run;
use crate::error::UpdateError;
use crate::fetch::Fetch;
use crate::metadata::{Snapshot, Timestamp};
use crate::name::Role;

pub(super) async fn fetch_and_check<F: Fetch>(
    run: &Run<'_, F>,
    root: &TrustedRoot,
    timestamp: &Checked<Timestamp>,
) -> Result<Checked<Snapshot>, UpdateError> {
    let bytes = run.fetch_named(Role::Snapshot, &timestamp.file.body.snapshot).await?;
    let seen = run.seen_since(root.recovered_at, &Role::Snapshot);
    let snapshot: Checked<Snapshot> = check_file(run, &Role::Snapshot, &root.root.file.body.snapshot, &bytes, seen)?;
    // The hash covers the bytes, so this is also what notices a root that was rolled back.
    match snapshot.file.body.root.check(&root.root.bytes) {
        Ok(()) => Ok(snapshot),
        Err(_) => Err(UpdateError::RootNotInSnapshot),
    }
}
