//! The index: everything that was observed, compiled into one immutable snapshot.
//!
//! Boundary: pure data and functions; no client, no clock, no I/O. Invariant: `compile` is a function of [`Inputs`]
//! alone, and the snapshot and the findings (which become status conditions) come from the same call, so status
//! cannot disagree with enforcement. What cannot be compiled is in the snapshot too, refusing.

mod compile;
mod finding;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod inputs;
mod snapshot;

pub use compile::{capped, compile, wanted};
pub use finding::{Finding, Material, Readiness, UnreadyReason, Warning};
pub use inputs::{Inputs, Source, SourceData, SourceKind, SourceRef};
pub use snapshot::{Chosen, CompiledPolicy, CompiledRule, Coverage, Demand, Snapshot};

pub(crate) use compile::check;
