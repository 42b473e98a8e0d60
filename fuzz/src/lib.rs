//! What must hold for every input of every parser of bytes from the network or from users.
//!
//! One module per target, each with a `run` that reads the bytes as the operator would and panics where an invariant does
//! not hold. Boundary: no network, no clock, no files: an input fails always or never. The binaries in `targets` hand these
//! functions to libFuzzer; the test below runs them on the committed corpus, without it.

#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a panic is how a target says what does not hold")]

pub mod admission_review;
pub mod bundle;
pub mod challenge;
pub mod docker_config;
pub mod key;
pub mod link;
pub mod manifest;
pub mod notary_json;
pub mod notary_update;
pub mod pattern;
pub mod policy;
pub mod reference;
pub mod simple_signing;
pub mod token;

mod fixtures;
#[path = "../../crates/notary/tests/forge/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "the set-up of the tests of crates/notary")]
mod forge;
mod glob;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 14] = [
    ("admission_review", admission_review::run),
    ("bundle", bundle::run),
    ("challenge", challenge::run),
    ("docker_config", docker_config::run),
    ("key", key::run),
    ("link", link::run),
    ("manifest", manifest::run),
    ("notary_json", notary_json::run),
    ("notary_update", notary_update::run),
    ("pattern", pattern::run),
    ("policy", policy::run),
    ("reference", reference::run),
    ("simple_signing", simple_signing::run),
    ("token", token::run),
];

/// The host of registries in targets whose answer does not depend on it.
fn some_host() -> oci::Host {
    "registry.example.com".parse().expect("a host")
}
