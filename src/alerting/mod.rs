//! Alerting: tells receivers outside of the cluster what was admitted, refused and found changed.
//!
//! Boundary: settings say who is told, [`Material`] reads the Secrets that they name, `oci::Poster` dials; no Kubernetes
//! client. Invariant: [`Alerts::tell`] never waits, a receiver that is slow or gone holds up nobody else, memory is
//! bounded, and no secret is part of any text.
//!
//! ```text
//! admission, controllers ── tell ──> Line (queue of one receiver) ──> work: pace ─ take ─ template ─ attempt ─ back off
//! admission ── deliver ──> the same attempt, at once, within the time that the request has
//! ```

mod alert;
mod alerts;
mod attempt;
mod delivery;
mod direct;
mod line;
mod material;
mod pace;
mod queue;
mod standing;
mod template;
#[cfg(test)]
mod tests;

pub use alert::{Alert, AlertImage};
pub use alerts::{Alerts, Counts, Dispatcher, NotSent};
pub use material::{Absent, Material};
