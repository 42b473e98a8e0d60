//! The story of Docker Content Trust: who signs, whose signature is demanded, and a server that goes back.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::{Image, Namespace, OPERATOR_NAMESPACE, wait};

use super::Parts;
use super::narrator::{explain, heading, kubectl, kubectl_refused, show_command, show_file};
use super::story::{self, NAMESPACE};
use super::trust::Trust;

const POLICY_MANIFEST: &str = include_str!("../../demo/content-trust.yaml");

/// Signed by all, by nobody, and by the publisher alone.
struct Tags {
    signed: Image,
    unsigned: Image,
    half: Image,
}

/// Tells it; an error when any part does not go as told.
pub(super) fn tell(parts: &Parts, trust: &Trust) -> Result<()> {
    let tags = sign(parts, trust)?;
    allow_only_signed(parts, trust, &tags.signed.repository)?;
    let namespace = Namespace::existing(parts.cluster.kubectl(), NAMESPACE);
    story::signed_is_admitted_and_pinned(parts, &namespace, &tags.signed)?;
    story::unsigned_is_refused(parts, &tags.unsigned)?;
    half_signed_is_refused(parts, &tags.half)?;
    story::what_runs_is_reported(parts, &namespace, &tags.signed)?;
    server_that_went_back_is_noticed(parts, trust, &tags.signed)
}

fn sign(parts: &Parts, trust: &Trust) -> Result<Tags> {
    heading("A publisher signs tags, and so does the build system");
    let repository = format!("{}/shop/web", parts.registry.host());
    let push = |tag: &str| parts.signers.push(&format!("{repository}:{tag}"));
    trust.begin(&repository)?;
    let tags = Tags { signed: push("v1")?, unsigned: push("unsigned")?, half: push("by-hand")? };
    trust.sign(&tags.signed, true)?;
    trust.sign(&tags.half, false)?;
    Ok(tags)
}

fn allow_only_signed(parts: &Parts, trust: &Trust, repository: &str) -> Result<()> {
    heading("The cluster's administrator takes the root key, compares it with the publisher's, and demands both signatures");
    let endpoint = trust.endpoint();
    let authority = endpoint.authority_pem()?;
    let root = root_key(parts, trust, repository)?;
    let policy = POLICY_MANIFEST.replace("REGISTRY", parts.registry.host()).replace("SERVER", &endpoint.url);
    let policy = policy.replace("CA-CERTIFICATE", &authority.trim_end().lines().collect::<Vec<_>>().join("\n    "));
    let file = show_file(&parts.directory, "trust-root.yaml", &root)?;
    kubectl(parts.cluster.kubectl(), &["apply", "-n", OPERATOR_NAMESPACE, "-f", &file])?;
    story::apply(parts, &[("content-trust.yaml", &policy)])
}

/// What `bonafide notary root-key` prints, for the operator namespace.
fn root_key(parts: &Parts, trust: &Trust, repository: &str) -> Result<String> {
    let endpoint = trust.endpoint();
    let mut command = Command::new(&parts.program);
    command.args(["notary", "root-key", "--allow-egress", "127.0.0.0/8", "--name", "shop-web", "--server", &endpoint.url]);
    command.arg("--ca").arg(&endpoint.authority).arg(repository);
    show_command(&format!("bonafide notary root-key --server {} --ca ca.crt {repository} --name shop-web > trust-root.yaml", endpoint.url));
    let output = command.output().context("cannot start bonafide")?;
    // What it printed is shown as the file that is applied.
    print!("{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "bonafide notary root-key failed");
    Ok(String::from_utf8(output.stdout)?)
}

fn half_signed_is_refused(parts: &Parts, image: &Image) -> Result<()> {
    heading("A tag that the build system has not signed is refused, although the publisher has");
    let arguments = ["run", "by-hand", "-n", NAMESPACE, "--image", &image.by_tag()];
    kubectl_refused(parts.cluster.kubectl(), &arguments, "RequiredSignerMissing")
}

fn server_that_went_back_is_noticed(parts: &Parts, trust: &Trust, signed: &Image) -> Result<()> {
    heading("The server is restored from a backup in which a tag is missing: what was seen is remembered");
    let backup = trust.back_up(&signed.repository)?;
    explain("(the backup is taken here)");
    let newer = parts.signers.push(&format!("{}:v2", signed.repository))?;
    trust.sign(&newer, true)?;
    until(parts, "the new tag to be known", &newer, str::is_empty)?;
    trust.restore(&signed.repository, &backup)?;
    explain("(the backup is restored here)");
    until(parts, "the older data to be noticed", signed, |message| message.contains("RolledBack"))?;
    let arguments = ["run", "older", "-n", NAMESPACE, "--image", &signed.by_tag()];
    kubectl_refused(parts.cluster.kubectl(), &arguments, "RolledBack")?;
    explain("If that was on purpose, `bonafide notary reset` forgets what was seen. Here the server goes on with what it had.");
    trust.go_on(&signed.repository)
}

/// Waits until a dry run is answered as expected: trust data is asked for again after `refreshSeconds`.
fn until(parts: &Parts, what: &str, image: &Image, holds: impl Fn(&str) -> bool) -> Result<()> {
    let client = parts.cluster.kubectl();
    let image = image.by_tag();
    let arguments = ["run", "asked", "-n", NAMESPACE, "--dry-run=server", "--image", &image];
    wait::until(what, || {
        let output = client.output(&arguments, "")?;
        Ok(holds(String::from_utf8_lossy(&output.stderr).trim()).then_some(()))
    })
}
