//! User stories on a real API server with a real registry, the real cosign and the real operator.
//!
//! A black box: nothing of the library is linked, except the store of `content_trust_state`. Each story gets a namespace of its own, whose label `story` its
//! cluster-wide policies select, so that stories run in parallel. Those that disturb the whole cluster run alone, after.

// The whole binary is a test: what is `pub` here is for its own modules, and a panic is a failed story.
#![allow(unreachable_pub, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::Environment;

mod actions;
mod alerting;
mod command_line;
mod content_trust_command;
mod content_trust_images;
mod content_trust_keys;
mod content_trust_servers;
mod content_trust_stage;
mod content_trust_state;
mod content_trust_workloads;
mod edits;
mod image_ids;
mod images_command;
mod interrupted;
mod modes;
mod monitoring;
mod namespaced;
mod outages;
mod pinning;
mod places;
mod policies;
mod references;
mod registries;
mod reports;
mod resources;
mod results;
mod running;
mod scopes;
mod second_webhook;
mod settings;
mod signatures;
mod strangers;
mod support;
mod thresholds;
mod tls;
mod traces;
mod updates;
mod webhooks;
mod workloads;

/// A story: a sentence that it proves, and how.
pub struct Story {
    /// The sentence, in snake case.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(&Environment) -> anyhow::Result<()>,
}

/// Stories that need a cluster that never had a policy.
const FIRST: &[&[Story]] = &[webhooks::FIRST];

/// Stories that share the cluster.
const TOGETHER: &[&[Story]] = &[
    // First, because it waits longest.
    monitoring::STORIES,
    command_line::STORIES,
    content_trust_command::STORIES,
    content_trust_images::STORIES,
    content_trust_keys::STORIES,
    content_trust_servers::STORIES,
    content_trust_state::STORIES,
    content_trust_workloads::STORIES,
    edits::STORIES,
    image_ids::STORIES,
    images_command::STORIES,
    interrupted::STORIES,
    modes::STORIES,
    namespaced::STORIES,
    pinning::STORIES,
    places::STORIES,
    policies::STORIES,
    references::STORIES,
    registries::STORIES,
    reports::STORIES,
    resources::STORIES,
    results::STORIES,
    running::STORIES,
    settings::STORIES,
    signatures::STORIES,
    thresholds::STORIES,
    traces::STORIES,
    updates::STORIES,
    workloads::STORIES,
    second_webhook::STORIES,
    strangers::STORIES,
];

/// Stories that need it for themselves.
const ALONE: &[&[Story]] = &[
    alerting::ALONE,
    reports::ALONE,
    scopes::ALONE,
    monitoring::ALONE,
    webhooks::ALONE,
    outages::ALONE,
    content_trust_keys::ALONE,
    content_trust_servers::ALONE,
    strangers::LAST,
];

/// Stories mostly wait for the API server.
const THREADS: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    if arguments.list {
        return libtest_mimic::run(&arguments, [FIRST, TOGETHER, ALONE].into_iter().flat_map(|stories| trials(stories, None)).collect())
            .exit_code();
    }
    let environment = match Environment::start(Path::new(env!("CARGO_BIN_EXE_bonafide"))) {
        Ok(environment) => Arc::new(environment),
        Err(error) => {
            eprintln!("e2e: the environment did not start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let one_by_one = Arguments { test_threads: Some(1), ..arguments.clone() };
    let first = libtest_mimic::run(&one_by_one, trials(FIRST, Some(&environment)));
    let together = libtest_mimic::run(&arguments, trials(TOGETHER, Some(&environment)));
    let alone = libtest_mimic::run(&one_by_one, trials(ALONE, Some(&environment)));
    if [first, together, alone].iter().any(libtest_mimic::Conclusion::has_failed) { ExitCode::from(101) } else { ExitCode::SUCCESS }
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
