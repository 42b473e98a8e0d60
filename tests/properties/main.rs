//! Properties: what must hold for every input, on inputs that are made at random and small enough to collide.
//!
//! Each run makes the same inputs. `PROPTEST_RNG_SEED=7` makes others and `PROPTEST_CASES=100000` more of them; a
//! failure prints the smallest input that still fails.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a failed assertion is how a test fails")]

mod monotone;
mod objects;
mod oracle;
mod order;
mod patterns;
mod tags;

// The fixtures of the unit tests.
#[allow(dead_code, clippy::unwrap_used, reason = "unit tests use more of it, and a failed unwrap is a failed test")]
#[path = "../../src/testing/images.rs"]
mod images;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

const SEED: u64 = 20_261_128;

/// Tries the property on so many inputs, or on as many as the environment asks for.
fn holds<S: Strategy>(cases: u32, inputs: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let asked = Config::default();
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { cases };
    let config = Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..asked };
    if let Err(failure) = TestRunner::new(config).run(inputs, property) {
        panic!("PROPTEST_RNG_SEED={seed}: {failure}");
    }
}
