//! Admission: AdmissionReviews in, decisions that people can read out.
//!
//! Boundary: HTTP, AdmissionReview and JSON patch; the verdicts come from `evaluate`. Invariant: an object is never
//! re-serialised (a patch replaces image texts only, and is read again before it leaves), and whatever cannot be
//! decided is answered with a refusal or an error that the API server treats as one.

mod alerts;
mod answer;
mod bodies;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod images;
mod message;
mod objects;
mod patch;
mod resources;
mod review;
mod routes;
pub mod server;
mod surroundings;
#[cfg(test)]
mod tests;
mod trace;
mod traffic;

pub use answer::Answer;
pub use bodies::Bodies;
pub use images::{Field, ImageUse, Workload};
pub use message::{annotations, denial, warnings};
pub use objects::{AdmissionObserver, Gate, Outcome, Pass};
pub use review::{Operation, Request, ReviewError};
pub use routes::{Routes, routes};
pub use surroundings::Surroundings;
pub use traffic::Traffic;
