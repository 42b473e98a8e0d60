//! What happens to what runs already when its key is distrusted, and when the key comes back.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::{Key, OPERATOR_NAMESPACE, wait};

use super::Parts;
use super::narrator::{explain, heading, kubectl, show_command, show_file};
use super::story::{NAMESPACE, policy};

pub(super) fn tell(parts: &Parts, key: &Key) -> Result<()> {
    heading("The release team loses its key: the administrator replaces it, and what runs is told");
    let replacement = parts.signers.key("next")?;
    trust_instead(parts, "policy-next.yaml", &replacement)?;
    let client = parts.cluster.kubectl();
    kubectl(client, &["wait", "--for=condition=Verified=False", "--timeout=60s", "-n", NAMESPACE, "verificationreports/web"])?;
    kubectl(client, &["get", "verificationreports", "-A"])?;
    let events = ["get", "events", "-n", NAMESPACE, "--field-selector", "involvedObject.name=web,type=Warning"];
    wait::until("the Event on the pod", || {
        Ok(String::from_utf8_lossy(&client.output(&events, "")?.stdout).contains("UntrustedSigner").then_some(()))
    })?;
    kubectl(client, &events)?;
    what_runs(parts)?;
    explain("The pod goes on: nothing is evicted. A new pod of this image would be refused.");
    trust_instead(parts, "policy.yaml", key)?;
    kubectl(client, &["wait", "--for=condition=Verified", "--timeout=60s", "-n", NAMESPACE, "verificationreports/web"])
}

fn trust_instead(parts: &Parts, name: &str, key: &Key) -> Result<()> {
    let file = show_file(&parts.directory, name, &policy(parts, key))?;
    kubectl(parts.cluster.kubectl(), &["apply", "-n", OPERATOR_NAMESPACE, "-f", &file])
}

fn what_runs(parts: &Parts) -> Result<()> {
    show_command("bonafide images");
    let mut command = Command::new(&parts.program);
    let output = command.arg("images").env("KUBECONFIG", parts.cluster.kubectl().kubeconfig()).output().context("cannot start bonafide")?;
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.code() == Some(1), "bonafide images ended with {}, not with 1", output.status);
    Ok(())
}
