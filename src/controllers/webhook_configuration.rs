//! The two webhook configurations, written by the leader and read by every replica.
//!
//! Boundary: what must be covered comes from the index, what is served from `certificates`; here it becomes
//! configuration objects. Invariant: coverage grows at once and shrinks only after the smaller one was seen over a
//! minute; what counts as installed is only what was read back from the API server.

mod change;
mod cover;
mod desired;
mod installed;
mod maintain;
mod matching;
mod repairs;
mod selector;
mod target;
mod write;

pub use cover::Cover;
pub use desired::{Desired, Frame, desired};
pub use installed::Installed;
pub use maintain::{WebhookSettings, maintain};
pub use target::{Target, TargetError};

/// The name of both configurations.
const CONFIGURATION: &str = "bonafide";
/// The `ClusterRole` that owns them, so that an uninstall collects them.
const OWNER: &str = "bonafide";
/// A configuration with this label is left alone: the break-glass.
const PAUSED: &str = "bonafide.dev/paused";

/// The entry for policies of the operator namespace.
const CLUSTER_ENTRY: &str = "pods.bonafide.dev";
/// The entry for namespaces that hold policies of their own.
const TENANTS_ENTRY: &str = "tenant-pods.bonafide.dev";
/// The entry for our own kinds.
const RESOURCES_ENTRY: &str = "resources.bonafide.dev";

#[cfg(test)]
mod fixtures;
