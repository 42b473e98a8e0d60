//! Keys and certificates of the control plane, and keys of signers that cosign imports.

use std::path::Path;

use anyhow::Result;
use rcgen::KeyPair;

use crate::authority::{Authority, write};

/// Further names under which clients in the cluster and webhooks meet the API server.
const SERVER_NAMES: [&str; 2] = ["kubernetes", "kubernetes.default.svc"];

/// Writes `ca.crt`, `server.crt`, `server.key`, and the key pair of service account tokens, `sa.key` and `sa.pub`.
pub(crate) fn write_control_plane(directory: &Path) -> Result<()> {
    Authority::new(directory)?.issue_for("server", &SERVER_NAMES)?;
    let tokens = KeyPair::generate()?;
    write(&directory.join("sa.key"), &tokens.serialize_pem())?;
    write(&directory.join("sa.pub"), &tokens.public_key_pem())
}
