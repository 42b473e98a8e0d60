//! User stories on a real API server with a real registry, the real cosign and the real operator.
//!
//! A black box: nothing of the library is linked. Each story gets a namespace of its own, whose label `story` its
//! cluster-wide policies select, so that stories run in parallel. Those that disturb the whole cluster run alone, after.

// The whole binary is a test: what is `pub` here is for its own modules, and a panic is a failed story.
#![allow(unreachable_pub, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Environment;

mod actions;
mod edits;
mod modes;
mod pinning;
mod places;
mod policies;
mod references;
mod registries;
mod reports;
mod resources;
mod signatures;
mod second_webhook;
mod support;
mod tls;
mod thresholds;
mod updates;
mod workloads;

/// A story: a sentence that it proves, and how.
pub struct Story {
    /// The sentence, in snake case.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(&Environment) -> anyhow::Result<()>,
}

/// Stories that share the cluster.
const TOGETHER: &[&[Story]] = &[
    edits::STORIES,
    modes::STORIES,
    pinning::STORIES,
    places::STORIES,
    policies::STORIES,
    references::STORIES,
    registries::STORIES,
    reports::STORIES,
    resources::STORIES,
    signatures::STORIES,
    thresholds::STORIES,
    updates::STORIES,
    workloads::STORIES,
    second_webhook::STORIES,
];

/// Stories that need it for themselves.
const ALONE: &[&[Story]] = &[];

/// Stories mostly wait for the API server.
const THREADS: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(TOGETHER, None).into_iter().chain(trials(ALONE, None)).collect()).exit_code();
    }
    let environment = match Environment::start(Path::new(env!("CARGO_BIN_EXE_bonafide"))) {
        Ok(environment) => Arc::new(environment),
        Err(error) => {
            eprintln!("e2e: the environment did not start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let together = libtest_mimic::run(&arguments, trials(TOGETHER, Some(&environment)));
    arguments.test_threads = Some(1);
    let alone = libtest_mimic::run(&arguments, trials(ALONE, Some(&environment)));
    if together.has_failed() || alone.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn trials(stories: &'static [&'static [Story]], environment: Option<&Arc<Environment>>) -> Vec<Trial> {
    let trial = |story: &'static Story| {
        let environment = environment.cloned();
        Trial::test(story.name, move || match environment {
            Some(environment) => (story.run)(&environment).map_err(|error| Failed::from(format!("{error:#}"))),
            None => Ok(()),
        })
    };
    stories.iter().flat_map(|stories| stories.iter()).map(trial).collect()
}
