//! Everything that talks to the API server: stores that every replica fills, and what the leader writes.
//!
//! Boundary: kube clients live here and in `runtime`. Invariant: reading is done by every replica, writing only by
//! the Lease holder, fenced by `resourceVersion`; nothing here decides about an image.

mod alert_material;
pub mod certificates;
mod collector;
mod namespaces;
pub mod node_critical;
pub mod notary_state;
mod pull_secrets;
mod reach;
pub mod settings;
mod sources;
pub mod status;
pub mod verification_report;
mod watch;
pub mod webhook_configuration;

pub use alert_material::AlertMaterial;
pub use collector::{Collector, Compiled, Publisher};
pub use namespaces::NamespaceReader;
pub use pull_secrets::PullSecretReader;
pub use reach::Reach;
pub use watch::{Stores, WatchErrors};
