//! The answer that most requests get: a verdict that is known, by digest. Admission adds JSON, TLS and HTTP to it.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start says so and ends")]

mod known;

use criterion::{Criterion, criterion_group, criterion_main};

fn decide(criterion: &mut Criterion) {
    let known = known::Known::new();
    criterion.bench_function("decide/known_digest", |bencher| bencher.iter(|| known.ask()));
}

criterion_group!(benches, decide);
criterion_main!(benches);
