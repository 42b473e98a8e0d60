//! The story: who signs, what is allowed, what happens to a signed and an unsigned image, and what is reported.

use anyhow::{Context, Result, ensure};
use testbed::{Image, Key, Namespace, OPERATOR_NAMESPACE};

use super::narrator::{explain, heading, kubectl, kubectl_refused, show_command, show_file};
use super::{Parts, distrust};

/// Where the workloads of the story are.
pub(super) const NAMESPACE: &str = "shop";

const NAMESPACE_MANIFEST: &str = include_str!("../../demo/namespace.yaml");
const POLICY_MANIFEST: &str = include_str!("../../demo/policy.yaml");

/// Tells it; an error when any part does not go as told.
pub(super) fn tell(parts: &Parts) -> Result<()> {
    let (signed, unsigned, key) = make_images(parts)?;
    allow_only_signed(parts, &key)?;
    let namespace = Namespace::existing(parts.cluster.kubectl(), NAMESPACE);
    signed_is_admitted_and_pinned(parts, &namespace, &signed)?;
    unsigned_is_refused(parts, &unsigned)?;
    what_runs_is_reported(parts, &namespace, &signed)?;
    distrust::tell(parts, &key)
}

fn make_images(parts: &Parts) -> Result<(Image, Image, Key)> {
    heading("The release team signs one of two images");
    let host = parts.registry.host();
    let key = parts.signers.key("release")?;
    let signed = parts.signers.push(&format!("{host}/shop/web:v1"))?;
    parts.signers.sign(&key, &signed)?;
    let unsigned = parts.signers.push(&format!("{host}/shop/stranger:v1"))?;
    Ok((signed, unsigned, key))
}

fn allow_only_signed(parts: &Parts, key: &Key) -> Result<()> {
    heading("The cluster's administrator allows only what the release team has signed");
    apply(parts, &[("policy.yaml", &policy(parts, key))])
}

/// The policy of the story, with the key that counts.
pub(super) fn policy(parts: &Parts, key: &Key) -> String {
    POLICY_MANIFEST.replace("REGISTRY", parts.registry.host()).replace("PUBLIC-KEY", &indented(&key.public_pem))
}

/// Applies the namespace and these files, and waits until the policy holds.
pub(super) fn apply(parts: &Parts, files: &[(&str, &str)]) -> Result<()> {
    let client = parts.cluster.kubectl();
    for (name, text) in [("namespace.yaml", NAMESPACE_MANIFEST)].iter().chain(files) {
        let file = show_file(&parts.directory, name, text)?;
        kubectl(client, &["apply", "-f", &file])?;
    }
    let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "-n", OPERATOR_NAMESPACE, "imagepolicies.bonafide.dev/production"];
    kubectl(client, &ready)?;
    kubectl(client, &["get", "imagepolicies.bonafide.dev,validators,trustroots", "-n", OPERATOR_NAMESPACE])?;
    // A pod is accepted only once its namespace has a service account, which a controller makes.
    kubectl(client, &["wait", "--for=create", "--timeout=60s", "-n", NAMESPACE, "serviceaccount/default"])
}

pub(super) fn signed_is_admitted_and_pinned(parts: &Parts, namespace: &Namespace, image: &Image) -> Result<()> {
    heading("The signed image is admitted, and its tag becomes the digest that was verified");
    let reference = image.by_tag();
    let mut arguments = vec!["run", "web", "-n", NAMESPACE, "--image", &reference];
    if parts.cluster.has_nodes() {
        // Nodes cannot pull from this machine's registry.
        arguments.push(r#"--overrides={"spec":{"schedulerName":"none"}}"#);
    }
    kubectl(parts.cluster.kubectl(), &arguments)?;
    let stored = ["get", "pod", "web", "-n", NAMESPACE, "-o", r"jsonpath={.spec.containers[0].image}"];
    kubectl(parts.cluster.kubectl(), &stored)?;
    let images = namespace.pod_images("web")?;
    let stored = images.get("web").context("the pod has no container web")?;
    ensure!(*stored == image.pinned(), "the pod runs {stored}, not {}", image.pinned());
    Ok(())
}

pub(super) fn unsigned_is_refused(parts: &Parts, image: &Image) -> Result<()> {
    heading("The unsigned image is refused, and the message says why");
    let arguments = ["run", "stranger", "-n", NAMESPACE, "--image", &image.by_tag()];
    kubectl_refused(parts.cluster.kubectl(), &arguments, "NoSignature")
}

pub(super) fn what_runs_is_reported(parts: &Parts, namespace: &Namespace, image: &Image) -> Result<()> {
    heading("What runs is checked again, and reported");
    explain("There is no node here, so the demo reports the running container as a kubelet would:");
    show_command(&format!("kubectl patch pod web -n {NAMESPACE} --subresource=status ... imageID: {}", image.by_digest()));
    namespace.report_running("web", &[("web", &image.pinned(), &image.by_digest())])?;
    let client = parts.cluster.kubectl();
    kubectl(client, &["wait", "--for=create", "--timeout=60s", "-n", NAMESPACE, "verificationreports/web"])?;
    kubectl(client, &["wait", "--for=condition=Verified", "--timeout=60s", "-n", NAMESPACE, "verificationreports/web"])?;
    kubectl(client, &["get", "verificationreports", "-A"])?;
    kubectl(client, &["get", "verificationreports", "web", "-n", NAMESPACE, "-o", "yaml"])
}

/// The key as a YAML block scalar needs it.
fn indented(pem: &str) -> String {
    pem.trim_end().lines().collect::<Vec<_>>().join("\n      ")
}
