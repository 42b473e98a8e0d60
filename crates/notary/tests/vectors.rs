//! The vectors that were made for this project (`tests/vectors/README.md`), each scenario against what is wanted of it.
//!
//! `BONAFIDE_NOTARY_VECTORS=FILE` runs another file of the same form instead of the adversarial ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, clippy::panic, reason = "a failure here is a failed test")]

#[path = "vectors/file.rs"]
mod file;
#[path = "vectors/server.rs"]
mod server;
#[path = "vectors/verdict.rs"]
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use file::{Adversarial, RealStates, Scenario, Step, VectorFile};
use futures::executor::block_on;
use notary::{Anchors, Request, Scope, State, UpdateError, update};
use server::Server;
use verdict::{Got, Tags};

fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `steps` in order, as one client that keeps its state; the last outcome is what counts.
fn replay(file: &VectorFile, anchors: &Anchors, asked: &BTreeSet<String>, steps: &[Step]) -> Got {
    let mut state: Option<State> = None;
    let mut outcome: Option<Result<Tags, String>> = None;
    for step in steps {
        let server = Server::new(file, step);
        let request = Request {
            gun: file.gun.parse().unwrap(),
            anchors: anchors.clone(),
            now: file.verify_at,
            scope: Scope::of_policy([]),
            min_root_version: None,
            base_root_version: None,
        };
        outcome = Some(match block_on(update(&server, &request, state.as_ref())) {
            Ok(trusted) => {
                state = Some(trusted.state().clone());
                Tags::resolve(file, asked, &trusted)
            }
            Err(error) => Err(explain(&error)),
        });
    }
    Got(outcome.unwrap())
}

fn explain(error: &UpdateError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn run(adversarial: &Adversarial) -> (usize, usize) {
    let asked = adversarial.tags();
    let mut as_wanted = 0;
    for scenario in &adversarial.scenarios {
        let (file, steps) = (&adversarial.file, scenario.steps_to_run(adversarial));
        let got = replay(file, &scenario.anchors(adversarial), &asked, &steps);
        let good = got.is(scenario) && (!scenario.needs_pin() || replay(file, &Anchors::trust_on_first_use(), &asked, &steps).0.is_err());
        as_wanted += usize::from(good);
        print_line(scenario, &got, good);
    }
    let all = adversarial.scenarios.len();
    println!("{as_wanted} of {all} as wanted");
    (as_wanted, all)
}

fn print_line(scenario: &Scenario, got: &Got, good: bool) {
    let mark = if good { "ok  " } else { "FAIL" };
    println!("{mark} {} | wanted: {} | got: {got}", scenario.name, scenario.wanted);
}

#[test]
fn every_scenario_is_as_wanted() {
    let path = std::env::var_os("BONAFIDE_NOTARY_VECTORS").map_or_else(|| vectors("adversarial.json"), PathBuf::from);
    let (as_wanted, all) = run(&serde_json::from_str(&read(&path)).unwrap());
    assert!(all > 0, "a file without scenarios proves nothing");
    assert_eq!(as_wanted, all);
}

#[test]
fn the_shared_vectors_are_62_scenarios_and_13_states() {
    let adversarial: Adversarial = serde_json::from_str(&read(&vectors("adversarial.json"))).unwrap();
    let real: RealStates = serde_json::from_str(&read(&vectors("real-states.json"))).unwrap();
    assert_eq!((adversarial.scenarios.len(), real.states.len()), (62, 13));
}

/// One client follows all states; the pin is the root key of the first, which is rotated away twice on the way.
#[test]
fn every_real_state_is_followed_in_order() {
    let real: RealStates = serde_json::from_str(&read(&vectors("real-states.json"))).unwrap();
    let anchors = real.anchors();
    let mut as_wanted = 0;
    for (index, state) in real.states.iter().enumerate() {
        let steps: Vec<Step> = real.states.iter().take(index + 1).map(|state| state.step.clone()).collect();
        let got = replay(&real.file, &anchors, &RealStates::tags(), &steps);
        let good = got.0.as_ref().is_ok_and(|tags| tags.are_those_of(&state.name));
        as_wanted += usize::from(good);
        println!("{} {} | wanted: accept | got: {got}", if good { "ok  " } else { "FAIL" }, state.name);
    }
    println!("{as_wanted} of {} as wanted", real.states.len());
    assert_eq!(as_wanted, real.states.len());
}

/// The same without any state: an old pin still leads to the newest root.
#[test]
fn every_real_state_is_accepted_at_first_contact_with_the_oldest_pin() {
    let real: RealStates = serde_json::from_str(&read(&vectors("real-states.json"))).unwrap();
    for state in &real.states {
        let got = replay(&real.file, &real.anchors(), &RealStates::tags(), std::slice::from_ref(&state.step));
        assert!(got.0.as_ref().is_ok_and(|tags| tags.are_those_of(&state.name)), "{}: {got}", state.name);
    }
}

/// Every step back from a later state to an earlier one is a rollback.
#[test]
fn no_real_state_follows_a_later_one() {
    let real: RealStates = serde_json::from_str(&read(&vectors("real-states.json"))).unwrap();
    for pair in real.states.windows(2) {
        let [earlier, later] = pair else { continue };
        let got = replay(&real.file, &real.anchors(), &RealStates::tags(), &[later.step.clone(), earlier.step.clone()]);
        assert!(got.0.is_err(), "{} after {}: {got}", earlier.name, later.name);
    }
}

/// A server that signs timestamp and snapshot with ed25519 keys in its own process, and the layout of docker.
#[test]
fn the_repository_of_a_server_with_ed25519_keys_is_accepted() {
    let names = ["root", "timestamp", "snapshot", "targets"];
    let blob = |name: &str| (name.to_owned(), read(&vectors(&format!("ed25519-docker-library-demo/{name}.json"))));
    let file = VectorFile {
        gun: "docker.io/library/demo".to_owned(),
        verify_at: "2026-11-21T12:00:00Z".parse().unwrap(),
        image_labels: BTreeMap::new(),
        blobs: names.map(blob).into(),
    };
    let step = Step { files: names.map(|name| (name.to_owned(), name.to_owned())).into(), ..Step::default() };
    let got = replay(&file, &Anchors::trust_on_first_use(), &BTreeSet::new(), std::slice::from_ref(&step));
    assert!(got.0.is_ok(), "{got}");
    let elsewhere = VectorFile { gun: "docker.io/library/other".to_owned(), ..file };
    assert!(replay(&elsewhere, &Anchors::trust_on_first_use(), &BTreeSet::new(), &[step]).0.is_err());
}
