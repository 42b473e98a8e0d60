//! Step 3: the timestamp says which snapshot is the newest, and its expiry bounds how long a server can hide news.

use bytes::Bytes;

use super::check::{Checked, check_file};
use super::root::TrustedRoot;
use super::run::Run;
use crate::error::UpdateError;
use crate::fetch::{At, Fetch};
use crate::limits::TIMESTAMP_BYTES;
use crate::metadata::Timestamp;
use crate::name::Role;

pub(super) async fn fetch<F: Fetch>(run: &Run<'_, F>) -> Result<Bytes, UpdateError> {
    run.fetch_capped(Role::Timestamp, At::Newest, TIMESTAMP_BYTES).await
}

pub(super) fn check<F: Fetch>(run: &Run<'_, F>, root: &TrustedRoot, bytes: &Bytes) -> Result<Checked<Timestamp>, UpdateError> {
    let seen = run.seen_since(root.recovered_at, &Role::Timestamp);
    check_file(run, &Role::Timestamp, &root.root.file.body.timestamp, bytes, seen)
}
