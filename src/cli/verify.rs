//! `bonafide verify`: the operator's own snapshot and evaluation, from YAML files, for pipelines.

mod files;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use clap::{Args, ValueEnum};
use tokio::time::Instant;

use crate::crd::Pin;
use crate::evaluate::{
    CacheOutcome, Evaluator, ImageDecision, MemoryStateStore, NoPullSecrets, Observer, Purpose, Question, Reported, Verdict,
};
use crate::index::{self, Finding, Readiness};

/// Exit code of "refused".
const REFUSED: u8 = 1;
/// Exit code of "could not find out", and of wrong arguments.
const UNKNOWN: u8 = 2;

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 every image is allowed, 1 one is refused, 2 it could not be found out.")]
pub(super) struct VerifyArguments {
    /// The images, as a pod would name them.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// A YAML file, or a folder of them, with ImagePolicies, Validators, TrustRoots and the Secrets, ConfigMaps and Namespaces that they need. Objects without a namespace are taken as of the operator namespace.
    #[arg(long, short, required = true, value_name = "FILE|DIR")]
    policy: Vec<PathBuf>,
    /// The namespace that the images are to run in.
    #[arg(long, short, default_value = "default", value_name = "NAMESPACE")]
    namespace: String,
    /// The namespace whose policies hold for the whole cluster.
    #[arg(long, default_value = "bonafide-system", value_name = "NAMESPACE")]
    operator_namespace: String,
    /// How results are printed.
    #[arg(long, short, value_enum, default_value = "text")]
    output: Output,
    /// Addresses (CIDR) of registries that may be dialled although they are loopback, link-local or otherwise refused; can be given several times.
    #[arg(long = "allow-egress", value_name = "CIDR")]
    allow_egress: Vec<String>,
    /// Seconds that all images together may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

struct NoMetrics;

impl Observer for NoMetrics {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

/// Verifies the images; the exit code says how it went.
pub(super) fn run(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let inputs = files::read(&arguments.policy, &arguments.namespace, &arguments.operator_namespace)?;
    let (snapshot, findings) = index::compile(&inputs);
    findings.iter().for_each(complain);
    let labels = inputs.namespaces.get(&arguments.namespace).cloned().unwrap_or_default();
    if labels.len() <= 1 && snapshot.cluster.iter().any(|policy| policy.selector.is_some()) {
        eprintln!(
            "bonafide: namespace {} is taken to have no labels of its own; add its Namespace object to the files if it has",
            arguments.namespace
        );
    }
    let policies = snapshot.applicable(&arguments.namespace, &labels);
    if policies.is_empty() {
        eprintln!("bonafide: no policy holds for namespace {}: every image is allowed", arguments.namespace);
    }
    let evaluator = evaluator(arguments)?;
    let deadline = Instant::now() + Duration::from_secs(arguments.timeout);
    let mut decisions = super::block_on(async {
        let questions: Vec<_> = arguments
            .images
            .iter()
            .map(|image| Question {
                namespace: &arguments.namespace,
                image,
                digest: None,
                policies: &policies,
                pull_secrets: &NoPullSecrets,
                now: Utc::now(),
                purpose: Purpose::Report(&Reported::Nothing),
                deadline,
            })
            .collect();
        Ok(evaluator.evaluate_all(&questions).await)
    })?;
    // As a Pod with these images would be judged in the end: one that nothing pins must already name its digest.
    for decision in decisions.iter_mut().filter(|decision| decision.pin() == Some(Pin::Never)) {
        decision.refuse_unpinned();
    }
    output::print(&decisions, arguments.output == Output::Json)?;
    Ok(exit_code(&decisions))
}

fn evaluator(arguments: &VerifyArguments) -> anyhow::Result<Evaluator> {
    let settings = oci::ClientSettings {
        egress: oci::Egress::allowing(&arguments.allow_egress).context("--allow-egress")?,
        user_agent: concat!("bonafide/", env!("CARGO_PKG_VERSION")).to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    };
    // What a trust server showed to an earlier run is not known here: going back is noticed by the operator only.
    Ok(Evaluator::new(oci::Client::new(settings)?, Arc::new(NoMetrics), Arc::new(MemoryStateStore::default())))
}

/// What does not compile refuses; here is why.
fn complain(finding: &Finding) {
    if let Readiness::Unready(reason, problems) = &finding.readiness {
        for problem in problems {
            eprintln!("bonafide: {} {}: {}: {problem}", finding.kind.as_str(), finding.object, reason.as_str());
        }
    }
    for warning in &finding.warnings {
        eprintln!("bonafide: {} {}: warning: {warning}", finding.kind.as_str(), finding.object);
    }
}

fn exit_code(decisions: &[ImageDecision]) -> ExitCode {
    match Verdict::decisive(decisions.iter().flat_map(ImageDecision::objections)) {
        None => ExitCode::SUCCESS,
        Some(Verdict::Refused(_)) => ExitCode::from(REFUSED),
        Some(_) => ExitCode::from(UNKNOWN),
    }
}
