//! What the answer to a known question costs in memory: counted, so that a copy too many is noticed.

#![allow(clippy::expect_used, reason = "a failed assertion is how a test fails")]

#[path = "../benches/known/mod.rs"]
mod known;

/// Half as much again as was counted when it was written.
const MOST_ALLOCATIONS: u64 = 60;
const MOST_BYTES: u64 = 30_000;

#[test]
fn an_answer_that_is_known_takes_few_allocations() {
    let known = known::Known::new();
    // What is made once, such as space in a cache's log, is no cost of an answer: that of many answers is looked at.
    drop(known.ask());
    let rounds = 100;
    let counted = allocation_counter::measure(|| (0..rounds).for_each(|_| drop(known.ask())));
    let (allocations, bytes) = (counted.count_total / rounds, counted.bytes_total / rounds);
    println!("a known verdict by digest: {allocations} allocations, {bytes} bytes");
    assert!(allocations > 0, "nothing is counted");
    assert!(allocations <= MOST_ALLOCATIONS, "{allocations} allocations");
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}
