//! All of the trust data of one repository, as the real client of Notary publishes it: the state `05-delegated-targets`
//! of the vectors. Its files are there, so that only reading and verifying is measured.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start says so and ends")]

#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests use more of it, and a failed unwrap is a failed test")]
#[path = "../crates/notary/tests/vectors/file.rs"]
mod file;
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
#[path = "../crates/notary/tests/vectors/server.rs"]
mod server;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use notary::{Demand, Request, Scope, State, Trusted, Wanted, update};

use self::file::RealStates;
use self::server::Server;

const STATE: &str = "05-delegated-targets";
const TAG: Wanted<'_> = Wanted::Tag("2.0");

fn verified(server: &Server<'_>, request: &Request, state: Option<&State>) -> Trusted {
    let trusted = block_on(update(server, request, state)).expect("trusted data");
    assert!(trusted.resolve(&TAG, &Demand::default()).is_ok());
    trusted
}

fn state_05(criterion: &mut Criterion) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/notary/tests/vectors/real-states.json");
    let real: RealStates = serde_json::from_str(&fs::read_to_string(path).expect("the vectors")).expect("states");
    let step = real.states.iter().find(|state| state.name == STATE).map(|state| state.step.clone()).expect("the state");
    let server = Server::new(&real.file, &step);
    let request = |scope| Request {
        gun: real.file.gun.parse().expect("a repository"),
        anchors: real.anchors(),
        now: real.file.verify_at,
        scope,
        min_root_version: None,
        base_root_version: None,
    };
    let everything = request(Scope::Everything);
    let state = verified(&server, &everything, None).state().clone();
    criterion.bench_function("notary/first_contact", |bencher| bencher.iter(|| verified(&server, &everything, None)));
    criterion.bench_function("notary/unchanged", |bencher| bencher.iter(|| verified(&server, &everything, Some(&state))));
    criterion.bench_function("notary/read_state", |bencher| {
        let json = state.to_json();
        bencher.iter(|| State::from_json(&json).expect("a state"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(50);
    targets = state_05
}
criterion_main!(benches);
