//! The attack table of the specification (section 5) row by row, where the vectors have no case for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a failure here is a failed test")]

#[path = "attacks/bytes.rs"]
mod bytes;
#[path = "attacks/client.rs"]
mod client;
#[path = "attacks/delegations.rs"]
mod delegations;
mod forge;
#[path = "attacks/freshness.rs"]
mod freshness;
#[path = "attacks/keys.rs"]
mod keys;
#[path = "attacks/pins.rs"]
mod pins;
#[path = "attacks/roots.rs"]
mod roots;
#[path = "attacks/rotations.rs"]
mod rotations;
#[path = "attacks/signers.rs"]
mod signers;
#[path = "attacks/state.rs"]
mod state;
