//! Shared set-up of unit tests: a world of objects to compile, signers, a registry with signed images.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asking;
mod images;
mod world;

pub(crate) use asking::{ask, evaluator};
pub(crate) use images::{Images, Signer, client};
pub(crate) use world::World;
