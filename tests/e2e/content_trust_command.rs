//! `bonafide verify` with trust data: from files alone, as in a pipeline.

use anyhow::{Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use testbed::{Environment, free_port};

use crate::Story;
use crate::command_line::{bonafide, exits};
use crate::content_trust_stage::Publisher;
use crate::support::{stage, yaml};

pub const STORIES: &[Story] =
    &[Story { name: "pipeline_verifies_trust_data_from_files_alone", run: pipeline_verifies_trust_data_from_files_alone }];

fn pipeline_verifies_trust_data_from_files_alone(env: &Environment) -> Result<()> {
    stage(env, "nv1-pipeline", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        let signed = publisher.signed("web:v1", &[])?;
        let unsigned = publisher.image("web:unsigned", "that nobody signed")?;
        let files = TempDir::new()?;
        let loopback = ["--allow-egress", "127.0.0.0/8"];
        let endpoint = &publisher.endpoint;
        let ca = endpoint.authority.display().to_string();
        let printed = bonafide(
            &[&["notary", "root-key", "--name", "root", "--server", &endpoint.url, "--ca", &ca, &repository], &loopback[..]].concat(),
        )?;
        std::fs::write(files.path().join("root.yaml"), exits(&printed, 0)?)?;
        let policy = |server: &str| -> Result<()> {
            let object = |kind: &str, name: &str, spec| json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
            let authority =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": endpoint.authority_pem()?}});
            let notary = json!({"server": server, "caBundle": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}});
            let validator = object("Validator", "content-trust", json!({"trustRoots": ["root"], "notaryV1": notary}));
            let rules = json!([{"name": "all", "images": ["**"], "verify": [{"validator": "bonafide-system/content-trust"}]}]);
            let policy = object("ImagePolicy", "production", json!({"mode": "Enforce", "unmatched": "Deny", "rules": rules}));
            Ok(std::fs::write(files.path().join("policy.yaml"), yaml(&[authority, validator, policy]))?)
        };
        let folder = files.path().display().to_string();
        let verify = |image: &str| bonafide(&[&["verify", image, "--policy", &folder], &loopback[..]].concat());
        policy(&endpoint.url)?;
        let text = exits(&verify(&signed.by_tag())?, 0)?;
        ensure!(text.contains(&format!("{}: allowed {}", signed.by_tag(), signed.digest)), "{text}");
        ensure!(text.contains("Trusted: signed by bonafide-system/root/targets"), "{text}");
        let text = exits(&verify(&unsigned.by_tag())?, 1)?;
        ensure!(text.contains("NoSignature: it is not signed"), "{text}");
        policy(&format!("https://127.0.0.1:{}", free_port()?))?;
        let text = exits(&verify(&signed.by_tag())?, 2)?;
        ensure!(text.contains("TrustServerUnavailable"), "{text}");
        Ok(())
    })
}
