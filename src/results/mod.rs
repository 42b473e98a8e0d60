//! What runs and whether it may, for people and scripts: `/results` as JSON, and a page in the browser that reads it.
//!
//! ```text
//! request ─> caller (local, or a token) ─> access (TokenReview, SubjectAccessReview) ─> Sight
//!                                                                                        │
//! what the leader found out ─> only what is in sight ─> filters ─> one bounded document <┘
//! ```
//!
//! Boundary: HTTP in, HTTP out; the cluster is asked through [`Surroundings`]. Invariant: nothing is told of a namespace
//! whose reports the caller may not list, and no answer is given when that cannot be found out (security rule 28).

mod access;
mod body;
mod caller;
mod document;
mod page;
mod query;
mod refusal;
mod routes;
mod surroundings;
#[cfg(test)]
mod tests;

pub use caller::Peer;
pub use routes::routes;
pub use surroundings::{Found, Leader, NoAnswer, Surroundings, User};
