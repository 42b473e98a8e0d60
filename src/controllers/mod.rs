//! Everything that talks to the API server: stores that every replica fills, and what the leader writes.
//!
//! Boundary: kube clients live here and in `runtime`. Invariant: reading is done by every replica, writing only by
//! the Lease holder, fenced by `resourceVersion`; nothing here decides about an image.

mod collector;
mod namespaces;
mod sources;
pub mod status;
mod watch;

pub use collector::{Collector, Compiled, Publisher};
pub use namespaces::NamespaceReader;
pub use watch::{Stores, observe};
