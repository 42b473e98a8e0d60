//! Shared set-up of unit tests: a world of objects to compile, signers, a registry with signed images.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asking;
mod config_maps;
#[path = "../../crates/notary/tests/forge/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
pub(crate) mod forge;
mod images;
mod trust;
mod world;

pub(crate) use asking::{ask, ask_in, evaluator, evaluator_with};
pub(crate) use config_maps::ConfigMaps;
pub(crate) use images::{Images, Signer, client};
pub(crate) use trust::{FailingStates, Trust, pem};
pub(crate) use world::World;
