//! The hostile registry and token server: a matrix of everything that such a server can do, each row a whole evaluation.
//!
//! ```text
//!   stalls, failures, content, sizes, redirects, tokens, transport     tables of rows: what the server does, what is wanted
//!                               |
//!                             runner                                   each row: reason, time, memory, credentials, and
//!                               |                                      that the next request is unharmed
//!                             scene                                    a hostile registry, a foreign host, a good registry
//! ```
//!
//! Each table is one test, and one table runs at a time: memory is that of the whole process, registries included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

mod content;
mod failures;
mod many;
mod redirects;
mod row;
mod runner;
mod scene;
mod sizes;
mod stalls;
mod tokens;
mod transport;

// The fixtures of the unit tests, which name these rooms by `crate::`.
use bonafide::{evaluate, index, policy};
#[allow(dead_code, unused_imports, reason = "unit tests use more of it")]
#[path = "../../src/testing/mod.rs"]
mod testing;

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
