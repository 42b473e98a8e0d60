//! `bonafide images`: what runs, told from the reports of the real operator, and signed by the real programs.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Directory, Environment, Image, Namespace, NotaryClient, tools, wait, write_service_account_kubeconfig};

use crate::Story;
use crate::actions::condition;
use crate::support::{Stage, admitted, stage};

pub const STORIES: &[Story] = &[
    Story { name: "images_shows_what_runs_by_verdict", run: images_shows_what_runs_by_verdict },
    Story { name: "images_writes_json_and_filters_by_status", run: images_writes_json_and_filters_by_status },
    Story { name: "cosign_script_signs_what_runs_unsigned", run: cosign_script_signs_what_runs_unsigned },
    Story { name: "notary_script_signs_the_tag_that_runs", run: notary_script_signs_the_tag_that_runs },
    Story { name: "images_shows_a_tenant_its_own_namespace", run: images_shows_a_tenant_its_own_namespace },
    Story { name: "images_without_an_answer_is_no_verdict", run: images_without_an_answer_is_no_verdict },
];

const REPORT: &str = "verificationreports.bonafide.dev";

/// A signed and an unsigned image in pods that a policy only audits.
struct Audited {
    signed: Image,
    unsigned: Image,
}

fn audited(stage: &Stage<'_>) -> Result<Audited> {
    stage.trust(&["build"])?;
    stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
    let (signed, unsigned) = (stage.signed("signed", &["build"])?, stage.unsigned("unsigned")?);
    for (pod, image) in [("signed", &signed), ("unsigned", &unsigned), ("again", &unsigned)] {
        runs(stage.namespace, pod, image)?;
    }
    says(stage.namespace, "signed", "True")?;
    says(stage.namespace, "unsigned", "False")?;
    says(stage.namespace, "again", "False")?;
    Ok(Audited { signed, unsigned })
}

/// Makes a pod, and reports it running as a kubelet would.
fn runs(namespace: &Namespace, pod: &str, image: &Image) -> Result<()> {
    admitted(namespace.try_pod(pod, &[("main", &image.by_tag())])?)?;
    namespace.report_running(pod, &[("main", &image.by_tag(), &image.by_digest())])
}

/// Waits until the report on a pod says so, of the digest that runs.
fn says(namespace: &Namespace, pod: &str, status: &str) -> Result<()> {
    let digest = "/status/images/0/digest";
    namespace.wait_until(&[REPORT, pod], |report| condition(report, "Verified", status).is_some() && report.pointer(digest).is_some())?;
    Ok(())
}

fn images_shows_what_runs_by_verdict(env: &Environment) -> Result<()> {
    stage(env, "images-table", |stage| {
        let Audited { signed, unsigned } = audited(stage)?;
        let text = exits(&images(env, &["-n", stage.namespace.name()])?, 1)?;
        let rows: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let row = |status: &str, image: &Image, pods: usize, reason: &str| {
            let digest = image.digest.get(..19).unwrap_or_default();
            format!("{status} {} {digest} {pods} {} {reason}", image.by_tag(), stage.namespace.name())
        };
        let expected = [
            "STATUS IMAGE DIGEST PODS NAMESPACES REASON".to_owned(),
            row("Untrusted", &unsigned, 2, "NoSignature"),
            row("Trusted", &signed, 1, "Trusted"),
        ];
        ensure!(rows == expected, "{rows:#?}\n{expected:#?}");
        ensure!(!text.contains('\u{1b}'), "colours without a terminal: {text:?}");
        // The whole cluster, whatever else the stories beside this one run.
        for further in [&[][..], &["--all-namespaces"]] {
            let text = exits(&images(env, further)?, 1)?;
            ensure!(text.contains(&unsigned.by_tag()) && text.contains(&signed.by_tag()), "{text}");
        }
        Ok(())
    })
}

fn images_writes_json_and_filters_by_status(env: &Environment) -> Result<()> {
    stage(env, "images-json", |stage| {
        let Audited { signed, unsigned } = audited(stage)?;
        let namespace = stage.namespace.name();
        let text = exits(&images(env, &["-n", namespace, "--output", "json"])?, 1)?;
        let document: Value = serde_json::from_str(&text)?;
        let row = |status: &str, image: &Image, pods: usize, reason: &str, message: &str| {
            let signers = if status == "Trusted" { json!(["bonafide-system/images-json-build/key"]) } else { json!([]) };
            let verdict = json!({"policy": "bonafide-system/images-json-policy", "rule": "all", "validator": "bonafide-system/images-json-release",
                                 "signers": signers, "status": status, "reason": reason, "message": message, "pods": pods});
            json!({"status": status, "image": image.by_tag(), "digest": image.digest, "pods": pods, "reasons": [reason],
                   "namespaces": [{"name": namespace, "pods": pods}], "verdicts": [verdict]})
        };
        let expected = json!({"images": [
            row("Untrusted", &unsigned, 2, "NoSignature", "no signature found"),
            row("Trusted", &signed, 1, "Trusted", ""),
        ]});
        ensure!(document == expected, "{document:#}\n{expected:#}");

        let text = exits(&images(env, &["-n", namespace, "--status", "trusted,exempt"])?, 0)?;
        ensure!(text.contains(&signed.by_tag()) && !text.contains(&unsigned.by_tag()), "{text}");
        exits(&images(env, &["-n", namespace, "--status", "Untrusted"])?, 1)?;
        ensure!(exits(&images(env, &["-n", namespace, "--status", "Exempt"])?, 0)?.is_empty(), "rows that nobody asked for");
        Ok(())
    })
}

fn cosign_script_signs_what_runs_unsigned(env: &Environment) -> Result<()> {
    stage(env, "images-cosign", |stage| {
        let Audited { signed, unsigned } = audited(stage)?;
        for signer in ["cosign", "notation", "notary"] {
            let script = exits(&images(env, &["-n", stage.namespace.name(), "--signing-script", signer])?, 0)?;
            parses(&script)?;
            ensure!(script.contains(&unsigned.digest.replace("sha256:", "")), "{script}");
            ensure!(!script.contains(&signed.digest.replace("sha256:", "")), "what is trusted is signed again: {script}");
        }
        let script = exits(&images(env, &["-n", stage.namespace.name(), "--signing-script", "cosign"])?, 0)?;
        let home = tempfile::tempdir()?;
        let prefix = home.path().join("late").display().to_string();
        env.cosign.run(&["generate-key-pair", "--output-key-prefix", &prefix])?;
        let key = format!("{prefix}.key");
        let further = ["--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry=true"];
        run(&home, &script, &further, &[("COSIGN_KEY", &key), ("COSIGN_PASSWORD", "")])?;
        let public = format!("{prefix}.pub");
        let verify = ["verify", "--key", &public, "--insecure-ignore-tlog=true", "--allow-http-registry=true"];
        let verified = |image: &Image| env.cosign.run(&[&verify[..], &[&image.by_digest()]].concat());
        verified(&unsigned).context("the script signed nothing")?;
        ensure!(verified(&signed).is_err(), "what is trusted was signed again");
        Ok(())
    })
}

fn notary_script_signs_the_tag_that_runs(env: &Environment) -> Result<()> {
    stage(env, "images-notary", |stage| {
        let Audited { signed, unsigned } = audited(stage)?;
        let script = exits(&images(env, &["-n", stage.namespace.name(), "--signing-script", "notary"])?, 0)?;
        let endpoint = env.notary_front.endpoint();
        let home = tempfile::tempdir()?;
        let keys = home.path().join("trust").display().to_string();
        let client = NotaryClient::in_directory(endpoint.clone(), Directory::kept(&keys)?)?;
        client.init(&unsigned.repository)?;
        let authority = endpoint.authority.display().to_string();
        let passphrase = "a passphrase";
        let variables = [
            ("NOTARY_SERVER", endpoint.url.as_str()),
            ("NOTARY_ROOT_PASSPHRASE", passphrase),
            ("NOTARY_TARGETS_PASSPHRASE", passphrase),
            ("NOTARY_SNAPSHOT_PASSPHRASE", passphrase),
        ];
        run(&home, &script, &["-d", &keys, "--tlscacert", &authority], &variables)?;
        let list = client.list(&unsigned.repository, &[])?;
        let line: Vec<&str> = list.lines().find(|line| line.starts_with("v1")).context("no tag was signed")?.split_whitespace().collect();
        let size = unsigned.manifest_size()?.to_string();
        ensure!(line == ["v1", unsigned.digest.trim_start_matches("sha256:"), &size, "targets"], "{line:?}");
        ensure!(client.list(&signed.repository, &[]).is_err(), "what is trusted was signed again");
        Ok(())
    })
}

/// People without rights on the cluster.
fn images_shows_a_tenant_its_own_namespace(env: &Environment) -> Result<()> {
    stage(env, "images-tenant", |stage| {
        let Audited { unsigned, .. } = audited(stage)?;
        let namespace = stage.namespace.name();
        stage.namespace.kubectl(&["create", "serviceaccount", "tenant"])?;
        let account = format!("--serviceaccount={namespace}:tenant");
        stage.namespace.kubectl(&["create", "rolebinding", "tenant", "--clusterrole=view", &account])?;
        let home = tempfile::tempdir()?;
        let kubeconfig = home.path().join("kubeconfig");
        write_service_account_kubeconfig(env.control_plane.kubectl(), namespace, "tenant", &kubeconfig)?;
        // RBAC takes a moment.
        let text = wait::until("the tenant to see its namespace", || {
            let output = bonafide(&kubeconfig, &["-n", namespace])?;
            Ok((output.status.code() == Some(1)).then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
        })?;
        ensure!(text.contains(&unsigned.by_tag()), "{text}");
        for arguments in [&[][..], &["-A"]] {
            complains(&bonafide(&kubeconfig, arguments)?, "name one with --namespace")?;
        }
        complains(&bonafide(&kubeconfig, &["-n", "default"])?, "you may not list VerificationReports in namespace default")
    })
}

fn images_without_an_answer_is_no_verdict(env: &Environment) -> Result<()> {
    let nowhere = Path::new("/dev/null");
    complains(&bonafide(nowhere, &[])?, "no Kubernetes configuration")?;
    complains(&bonafide(nowhere, &["--status", "Good"])?, "the statuses are Untrusted, Revoked")?;
    complains(&bonafide(nowhere, &["--signing-script", "gpg"])?, "cosign, notation, notary")?;
    complains(&bonafide(nowhere, &["--signing-script", "cosign", "--output", "json"])?, "cannot be used with")?;
    complains(&bonafide(nowhere, &["-A", "-n", "shop"])?, "cannot be used with")?;
    let output = images(env, &["-n", "nobody-has-made-this"])?;
    ensure!(exits(&output, 0)?.is_empty() && String::from_utf8_lossy(&output.stderr).contains("there are no reports"), "{output:?}");
    let help = exits(&bonafide(nowhere, &["--help"])?, 0)?;
    ensure!(["Examples:", "Exit code", "--signing-script"].iter().all(|word| help.contains(word)), "{help}");
    Ok(())
}

/// `bonafide images` as the cluster's administrator.
pub fn images(env: &Environment, arguments: &[&str]) -> Result<Output> {
    bonafide(env.control_plane.kubectl().kubeconfig(), arguments)
}

fn bonafide(kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_bonafide")));
    Ok(command.arg("images").args(arguments).env("KUBECONFIG", kubeconfig).output()?)
}

/// The standard output of a program that must have ended with this code.
pub fn exits(output: &Output, code: i32) -> Result<String> {
    ensure!(output.status.code() == Some(code), "not exit code {code}: {output:?}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn complains(output: &Output, what: &str) -> Result<()> {
    exits(output, 2)?;
    ensure!(String::from_utf8_lossy(&output.stderr).contains(what), "{what:?} is not in {output:?}");
    Ok(())
}

fn parses(script: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), script)?;
    let output = Command::new("sh").arg("-n").arg(file.path()).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{output:?}\n{script}");
    Ok(())
}

/// Runs a script with the tools of the tests, and nobody's credentials.
fn run(home: &TempDir, script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let file = home.path().join("sign.sh");
    std::fs::write(&file, script)?;
    let folders = [tools::COSIGN.path()?, tools::NOTARY.path()?, tools::CRANE.path()?];
    let mut path: Vec<_> = folders.iter().filter_map(|program| program.parent()).map(|folder| folder.display().to_string()).collect();
    path.push(std::env::var("PATH")?);
    let mut command = Command::new("sh");
    command.arg(&file).args(arguments).env("PATH", path.join(":")).stdin(Stdio::null());
    command.env("HOME", home.path()).env("DOCKER_CONFIG", home.path()).env("TUF_ROOT", home.path());
    let output = command.envs(variables.iter().copied()).output()?;
    ensure!(output.status.success(), "{output:?}\n{script}");
    Ok(())
}
