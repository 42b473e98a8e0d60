//! Bonafide: lets a cluster run only images signed by people it trusts, and proves it.
//!
//! ```text
//!        ImagePolicy  Validator  TrustRoot  Namespaces  Secrets/ConfigMaps they name
//!              \          |          |          |         /
//!               v         v          v          v        v          (watches, on every replica)
//!             +------------------ Inputs ------------------+
//!             +---------------------+----------------------+
//!                                   | compile            -> findings -> status conditions   (leader writes)
//!                                   v
//!                        Snapshot (immutable, Arc)
//!                         |                    |
//!    AdmissionReview ->  admission         re-verification  <- Pods (watch), clock, snapshot changes
//!                         |                    |
//!                         +----> evaluate <----+
//!                                  |   one image, one set of requirements -> Verdict
//!                                  v
//!                          crates/oci, crates/cosign (no Kubernetes inside)
//! ```
//!
//! Rooms, in the direction of their imports: [`crd`] (what users write), [`policy`] (what it means), [`settings`] (what
//! can change while it runs), [`index`] (compiled), [`evaluate`] (verdicts), [`alerting`] (who is told), [`admission`],
//! [`report`] and [`controllers`] (the cluster), [`results`] (what runs, for people and scripts), [`runtime`] (wiring),
//! [`cli`].

#![forbid(unsafe_code)]

pub mod admission;
pub mod alerting;
pub mod cli;
pub mod controllers;
pub mod crd;
pub mod evaluate;
pub mod index;
pub mod policy;
pub mod report;
pub mod results;
pub mod runtime;
pub mod settings;

mod chain;
mod peers;
#[cfg(test)]
mod testing;
mod text;

pub(crate) use chain::chain;
