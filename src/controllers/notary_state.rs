//! What was seen of trust data, in ConfigMaps of the operator namespace, shared by all replicas (security rule 26).
//!
//! ```text
//!   (owner, server, GUN, anchors) --SHA-256--> ConfigMap bonafide-notary-state.OWNER.HEX   entry HEX: one State, gzip
//! ```
//!
//! Boundary: `evaluate` says when something is read and kept, `crates/notary` what it means; here is where it lies.
//! Invariants: what a load answers is what the API server holds at that moment; a write changes only what was read
//! (`resourceVersion`), merges, and answers after it is durable; nothing is evicted; the owners' ConfigMaps are apart.

mod census;
mod entry;
mod place;
mod reset;
mod shard;
mod store;
#[cfg(test)]
mod tests;

pub use census::{Census, Loss, Remembered};
pub use reset::{Forgetting, Kept, What};
pub use store::ConfigMapStateStore;

/// Repositories that a tenant namespace may have remembered, unless a flag says otherwise.
pub const DEFAULT_QUOTA: usize = 200;
