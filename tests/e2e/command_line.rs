//! `bonafide` as pipelines use it: policies from files, real registries, no cluster.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Environment, Format, Image, free_port};

use crate::Story;
use crate::support::yaml;

pub const STORIES: &[Story] = &[
    Story { name: "verify_allows_a_signed_image_and_names_the_signer", run: verify_allows_a_signed_image_and_names_the_signer },
    Story { name: "verify_refuses_an_unsigned_image", run: verify_refuses_an_unsigned_image },
    Story { name: "verify_cannot_find_out_when_the_registry_is_down", run: verify_cannot_find_out_when_the_registry_is_down },
    Story { name: "verify_dials_loopback_only_when_allowed", run: verify_dials_loopback_only_when_allowed },
    Story { name: "verify_counts_a_refusal_before_what_it_cannot_find_out", run: verify_counts_a_refusal_before_what_it_cannot_find_out },
    Story { name: "verify_writes_json_with_every_result", run: verify_writes_json_with_every_result },
    Story { name: "verify_judges_as_in_the_namespace_that_is_named", run: verify_judges_as_in_the_namespace_that_is_named },
    Story { name: "verify_reports_a_misspelt_field_and_refuses", run: verify_reports_a_misspelt_field_and_refuses },
    Story { name: "verify_reads_keys_from_secrets_in_files", run: verify_reads_keys_from_secrets_in_files },
    Story { name: "unusable_arguments_are_no_verdict", run: unusable_arguments_are_no_verdict },
    Story { name: "every_subcommand_explains_itself", run: every_subcommand_explains_itself },
    Story { name: "crds_are_the_committed_ones", run: crds_are_the_committed_ones },
];

fn verify_allows_a_signed_image_and_names_the_signer(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-signed")?;
    let image = pipeline.signed("web")?;
    let text = exits(&pipeline.verify(&[&image.by_tag()], &[])?, 0)?;
    ensure!(text.contains(&format!("{}: allowed {}", image.by_tag(), image.digest)), "{text}");
    let why = r#"policy bonafide-system/production, rule "all": Trusted: signed by bonafide-system/build/key"#;
    ensure!(text.contains(why), "{text}");
    // By digest, and from the other registry.
    exits(&pipeline.verify(&[&image.by_digest()], &[])?, 0)?;
    let image = pipeline.push(env.referrers_registry.host(), "web")?;
    env.cosign.sign(&env.key("build")?, &image, Format::Bundle)?;
    exits(&pipeline.verify(&[&image.by_tag()], &[])?, 0).map(|_| ())
}

fn verify_refuses_an_unsigned_image(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-unsigned")?;
    let (signed, unsigned) = (pipeline.signed("web")?, pipeline.unsigned("unsigned")?);
    let text = exits(&pipeline.verify(&[&signed.by_tag(), &unsigned.by_tag()], &[])?, 1)?;
    ensure!(text.contains(&format!("{}: allowed", signed.by_tag())), "{text}");
    ensure!(text.contains(&format!("{}: refused\n", unsigned.by_tag())), "{text}");
    ensure!(text.contains(r#"policy bonafide-system/production, rule "all": NoSignature: no signature found"#), "{text}");
    Ok(())
}

fn verify_cannot_find_out_when_the_registry_is_down(env: &Environment) -> Result<()> {
    let mut pipeline = Pipeline::new(env, "cli-down")?;
    let host = format!("127.0.0.1:{}", free_port()?);
    pipeline.hosts.push(host.clone());
    pipeline.write()?;
    let text = exits(&pipeline.verify(&[&format!("{host}/web:v1")], &[])?, 2)?;
    ensure!(text.contains("/web:v1: unknown") && text.contains(": RegistryUnavailable: "), "{text}");
    Ok(())
}

/// The egress guard holds here too: a policy file does not open the machine's own addresses.
fn verify_dials_loopback_only_when_allowed(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-egress")?;
    let image = pipeline.signed("web")?.by_tag();
    let policy = pipeline.directory.path().display().to_string();
    let text = exits(&bonafide(&["verify", &image, "--policy", &policy])?, 2)?;
    ensure!(text.contains(&format!("{image}: unknown")), "{text}");
    Ok(())
}

fn verify_counts_a_refusal_before_what_it_cannot_find_out(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-both")?;
    let unsigned = pipeline.unsigned("web")?;
    let absent = format!("{}:absent", unsigned.repository);
    let text = exits(&pipeline.verify(&[&absent], &[])?, 2)?;
    ensure!(text.contains(": ImageNotFound: "), "{text}");
    exits(&pipeline.verify(&[&absent, &unsigned.by_tag()], &[])?, 1).map(|_| ())
}

fn verify_writes_json_with_every_result(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-json")?;
    let (signed, unsigned) = (pipeline.signed("web")?, pipeline.unsigned("unsigned")?);
    let text = exits(&pipeline.verify(&[&signed.by_tag(), &unsigned.by_tag()], &["--output", "json"])?, 1)?;
    let answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let result = |reason: &str, message: &str, digest: Option<&str>, signers: &[&str]| {
        json!({"policy": "bonafide-system/production", "rule": "all", "mode": "Enforce", "validators": ["bonafide-system/release"],
               "reason": reason, "message": message, "digest": digest, "signers": signers})
    };
    let trusted = result("Trusted", "", Some(&signed.digest), &["bonafide-system/build/key"]);
    let refused = result("NoSignature", "no signature found", None, &[]);
    let expected = json!({"images": [
        {"image": signed.by_tag(), "answer": "allowed", "digest": signed.digest, "results": [trusted]},
        {"image": unsigned.by_tag(), "answer": "refused", "digest": null, "results": [refused]},
    ]});
    ensure!(answer == expected, "{answer:#}");
    Ok(())
}

fn verify_judges_as_in_the_namespace_that_is_named(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-namespace")?;
    let strict = json!({
        "apiVersion": "bonafide.dev/v1alpha1", "kind": "ImagePolicy", "metadata": {"name": "nothing", "namespace": "shop"},
        "spec": {"mode": "Enforce", "unmatched": "Deny", "rules": [{"name": "none", "images": ["**"], "action": "Deny"}]}
    });
    pipeline.add("shop.yaml", &[strict])?;
    let image = pipeline.signed("web")?.by_tag();
    exits(&pipeline.verify(&[&image], &[])?, 0)?;
    let text = exits(&pipeline.verify(&[&image], &["--namespace", "shop"])?, 1)?;
    ensure!(text.contains("policy shop/nothing, rule \"none\": DeniedByRule"), "{text}");
    Ok(())
}

/// The policy is stored as written, so it must refuse: what its author meant is not known.
fn verify_reports_a_misspelt_field_and_refuses(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-misspelt")?;
    let image = pipeline.signed("web")?;
    let text = std::fs::read_to_string(pipeline.policy())?;
    let misspelt = text.replace(r#""validator":"bonafide-system/release""#, r#""validator":"bonafide-system/release","treshold":1"#);
    ensure!(misspelt != text, "nothing was misspelt: {text}");
    std::fs::write(pipeline.policy(), misspelt)?;
    let output = pipeline.verify(&[&image.by_tag()], &[])?;
    let text = exits(&output, 1)?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(complaint.contains("ImagePolicy bonafide-system/production: ") && complaint.contains("treshold"), "{complaint}");
    ensure!(text.contains("PolicyInvalid: ") && text.contains("treshold"), "{text}");
    Ok(())
}

fn verify_reads_keys_from_secrets_in_files(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-secret")?;
    let root = json!({
        "apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "build"},
        "spec": {"keys": [{"name": "from-secret", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]}
    });
    pipeline.add("a-root.yaml", &[root])?;
    let image = pipeline.signed("web")?.by_tag();
    let output = pipeline.verify(&[&image], &[])?;
    let text = exits(&output, 1)?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(text.contains("PolicyInvalid") && complaint.contains("Secret bonafide-system/cosign does not exist"), "{text}\n{complaint}");

    let data = json!({"cosign.pub": env.key("build")?.public_pem});
    pipeline.add("secret.yaml", &[json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cosign"}, "stringData": data})])?;
    let text = exits(&pipeline.verify(&[&image], &[])?, 0)?;
    ensure!(text.contains("signed by bonafide-system/build/from-secret"), "{text}");
    Ok(())
}

/// A pipeline must not take a typing error for a verdict: neither 0 nor 1.
fn unusable_arguments_are_no_verdict(env: &Environment) -> Result<()> {
    let pipeline = Pipeline::new(env, "cli-arguments")?;
    for arguments in [&["verify"][..], &["verify", "image"], &["verify", "image", "--policy", "/nowhere"], &["nonsense"], &[]] {
        let output = bonafide(arguments)?;
        ensure!(output.status.code() == Some(2), "{arguments:?}: {output:?}");
        ensure!(!output.stderr.is_empty(), "{arguments:?} says nothing");
    }
    std::fs::write(pipeline.policy(), "{")?;
    let output = pipeline.verify(&["image"], &[])?;
    ensure!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("policy.yaml"), "{output:?}");
    Ok(())
}

fn every_subcommand_explains_itself(_: &Environment) -> Result<()> {
    let text = exits(&bonafide(&["--help"])?, 0)?;
    let expected: [(&str, &[&str]); 3] =
        [("operator", &["--webhook-url", "--allow-egress"]), ("verify", &["--policy", "--output", "Exit code:"]), ("crds", &["YAML"])];
    for (subcommand, words) in expected {
        ensure!(text.contains(subcommand), "{text}");
        let help = exits(&bonafide(&[subcommand, "--help"])?, 0)?;
        ensure!(words.iter().all(|word| help.contains(word)), "{subcommand}: {help}");
    }
    let version = exits(&bonafide(&["--version"])?, 0)?;
    ensure!(version.trim() == concat!("bonafide ", env!("CARGO_PKG_VERSION")), "{version}");
    Ok(())
}

fn crds_are_the_committed_ones(_: &Environment) -> Result<()> {
    let printed = exits(&bonafide(&["crds"])?, 0)?;
    let printed: Vec<&str> = printed.split("---\n").filter(|document| !document.is_empty()).collect();
    let mut committed = Vec::new();
    for entry in std::fs::read_dir(testbed::repository().join("manifests").join("crds"))? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        ensure!(printed.contains(&text.as_str()), "{} is not what is printed: cargo xtask crds writes it anew", path.display());
        committed.push(text);
    }
    ensure!(committed.len() == 4 && printed.len() == 4, "{} are committed, {} are printed", committed.len(), printed.len());
    Ok(())
}

/// A folder with the policy of a pipeline: every image must be signed by `build`.
struct Pipeline<'a> {
    env: &'a Environment,
    name: &'a str,
    directory: TempDir,
    hosts: Vec<String>,
}

impl<'a> Pipeline<'a> {
    fn new(env: &'a Environment, name: &'a str) -> Result<Self> {
        let hosts = vec![env.registry.host().to_owned(), env.referrers_registry.host().to_owned()];
        let pipeline = Self { env, name, directory: TempDir::new()?, hosts };
        pipeline.write()?;
        Ok(pipeline)
    }

    fn write(&self) -> Result<()> {
        let hosts: Vec<_> = self.hosts.iter().map(|host| json!({"host": host, "plainHTTP": true})).collect();
        let rules = json!([{"name": "all", "images": ["**"], "verify": [{"validator": "bonafide-system/release"}]}]);
        let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let pem = self.env.key("build")?.public_pem;
        self.add("a-root.yaml", &[object("TrustRoot", "build", json!({"keys": [{"name": "key", "pem": pem}]}))])?;
        let validator = json!({"trustRoots": ["build"], "registry": {"hosts": hosts}, "cosign": {}});
        let policy = json!({"mode": "Enforce", "unmatched": "Deny", "rules": rules});
        self.add("policy.yaml", &[object("Validator", "release", validator), object("ImagePolicy", "production", policy)])
    }

    fn add(&self, file: &str, documents: &[Value]) -> Result<()> {
        Ok(std::fs::write(self.directory.path().join(file), yaml(documents))?)
    }

    fn policy(&self) -> std::path::PathBuf {
        self.directory.path().join("policy.yaml")
    }

    fn push(&self, host: &str, repository: &str) -> Result<Image> {
        let reference = format!("{host}/{}/{repository}:v1", self.name);
        self.env.images.push(&reference, &reference)
    }

    fn unsigned(&self, repository: &str) -> Result<Image> {
        self.push(self.env.registry.host(), repository)
    }

    fn signed(&self, repository: &str) -> Result<Image> {
        let image = self.unsigned(repository)?;
        self.env.cosign.sign(&self.env.key("build")?, &image, Format::Bundle)?;
        Ok(image)
    }

    /// `bonafide verify` with this folder, allowed to dial the registries.
    fn verify(&self, images: &[&str], further: &[&str]) -> Result<Output> {
        let policy = self.directory.path().display().to_string();
        let mut arguments = vec!["verify", "--policy", &policy, "--allow-egress", "127.0.0.0/8"];
        arguments.extend(further);
        arguments.extend(images);
        bonafide(&arguments)
    }
}

/// Runs the program where no cluster can be found.
pub fn bonafide(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_bonafide")));
    Ok(command.args(arguments).env("KUBECONFIG", "/dev/null").output()?)
}

/// The standard output of a program that must have ended with this code.
pub fn exits(output: &Output, code: i32) -> Result<String> {
    ensure!(output.status.code() == Some(code), "not exit code {code}: {output:?}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
