//! What stories of Docker Content Trust begin with: a publisher with the real notary client, and a cluster that trusts it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Endpoint, Image, NotaryClient, wait};

use crate::actions::pod;
use crate::support::{Stage, merge, yaml};

/// How old trust data may be in these stories.
const REFRESH_SECONDS: u32 = 1;

/// Somebody who signs tags of the story's repositories, all under one root key.
pub struct Publisher<'a> {
    pub stage: &'a Stage<'a>,
    pub client: NotaryClient,
    pub endpoint: Endpoint,
}

/// Who may sign as a role: the ID of the key there, and its public half.
pub struct Delegate {
    pub id: String,
    pub public_pem: String,
}

impl<'a> Publisher<'a> {
    /// One at the server that all stories share.
    pub fn new(stage: &'a Stage<'a>) -> Result<Self> {
        Self::at(stage, stage.env.notary_front.endpoint())
    }

    /// One at a server of the story's own.
    pub fn at(stage: &'a Stage<'a>, endpoint: Endpoint) -> Result<Self> {
        Ok(Self { stage, client: NotaryClient::new(endpoint.clone())?, endpoint })
    }

    /// The name of a repository of this story, with its registry.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.stage.env.registry.host(), self.stage.name)
    }

    /// Begins a repository on the server and answers its name there.
    pub fn begin(&self, name: &str) -> Result<String> {
        let repository = self.repository(name);
        self.client.init(&repository)?;
        Ok(repository)
    }

    /// Pushes an image that holds `content`, as `NAME:TAG`.
    pub fn image(&self, name: &str, content: &str) -> Result<Image> {
        self.stage.env.images.push(&self.repository(name), &format!("{}: {content}", self.stage.name))
    }

    /// Pushes an image of its own as `NAME:TAG` and signs it as these roles.
    pub fn signed(&self, name: &str, roles: &[&str]) -> Result<Image> {
        let image = self.image(name, name)?;
        self.client.sign(&image, roles)?;
        Ok(image)
    }

    /// A signed image, in a repository that is trusted and enforced.
    pub fn established(&self) -> Result<Image> {
        let repository = self.begin("web")?;
        self.trust(&repository)?;
        self.enforce(&json!({}))?;
        self.signed("web:v1", &[])
    }

    /// Trusts the root key that `bonafide notary root-key` finds, by the TrustRoot `root` and the Validator `release`.
    pub fn trust(&self, repository: &str) -> Result<()> {
        self.pin(repository)?;
        self.validate(&json!({}))
    }

    /// Applies what `bonafide notary root-key` prints, as the TrustRoot `root`.
    pub fn pin(&self, repository: &str) -> Result<()> {
        self.pin_with(repository, |_| ())
    }

    /// As [`Publisher::pin`], with a login.
    pub fn pin_as(&self, repository: &str, user: &str, password: &str) -> Result<()> {
        self.pin_with(repository, |command| {
            command.args(["--user", user]).env("BONAFIDE_NOTARY_PASSWORD", password);
        })
    }

    fn pin_with(&self, repository: &str, more: impl FnOnce(&mut Command)) -> Result<()> {
        let name = self.stage.object("root");
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_bonafide")));
        command.args(["notary", "root-key", "--allow-egress", "127.0.0.0/8", "--name", &name, "--server", &self.endpoint.url]);
        command.arg("--ca").arg(&self.endpoint.authority).arg(repository);
        more(&mut command);
        let output = command.output()?;
        ensure!(output.status.success(), "{output:?}");
        let operator = self.stage.operator();
        operator.apply(&String::from_utf8(output.stdout)?)?;
        operator.kubectl(&["label", "--overwrite", "trustroots.bonafide.dev", &name, &format!("story={}", self.stage.name)])?;
        Ok(())
    }

    /// A Validator `release` for the publisher's server and its authority; `settings` come on top.
    pub fn validate(&self, settings: &Value) -> Result<()> {
        let bundle = json!({"configMapKeyRef": {"name": self.stage.object("ca"), "key": "ca.crt"}});
        let mut notary = json!({"server": self.endpoint.url, "caBundle": bundle, "refreshSeconds": REFRESH_SECONDS});
        merge(&mut notary, settings);
        let authority = self.endpoint.authority_pem()?;
        let documents = [
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.stage.metadata("ca"), "data": {"ca.crt": authority}}),
            json!({
                "apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": self.stage.metadata("release"),
                "spec": {"trustRoots": [self.stage.object("root")], "shared": true, "notaryV1": notary}
            }),
        ];
        self.stage.operator().apply(&yaml(&documents))
    }

    /// Lets a new signer sign everything in the repository as `targets/NAME`, beside those who may already.
    pub fn delegate(&self, repository: &str, name: &str) -> Result<Delegate> {
        let role = format!("targets/{name}");
        let signer = self.client.signer(name, &role)?;
        let id = self.client.delegate(repository, &role, &signer)?;
        Ok(Delegate { id, public_pem: signer.public_pem })
    }

    /// Enforces that every image of the story's namespace is signed, with more in the entry of `verify`.
    pub fn enforce(&self, entry: &Value) -> Result<()> {
        let mut verify = json!({"validator": self.stage.object("release")});
        merge(&mut verify, entry);
        self.stage.policy("policy", &json!({}), &json!([{"name": "all", "images": ["**"], "verify": [verify]}]))
    }

    /// Waits until a pod with this reference would run this image, and no other digest.
    pub fn until_runs(&self, reference: &str, image: &Image) -> Result<()> {
        self.until(reference, |answer| answer.is_ok_and(|runs| runs.ends_with(&image.digest) && runs.starts_with(&image.repository)))
    }

    /// Waits until a pod with this reference is refused with a text.
    pub fn until_refused(&self, reference: &str, text: &str) -> Result<()> {
        self.until(reference, |answer| answer.is_err_and(|message| message.contains(text))).with_context(|| format!("not {text:?}"))
    }

    fn until(&self, reference: &str, holds: impl Fn(std::result::Result<&str, &str>) -> bool) -> Result<()> {
        let mut last = String::new();
        let held = wait::until(&format!("another answer about {reference}"), || {
            let answer = self.would_run_as(reference)?;
            let held = holds(answer.as_deref().map_err(String::as_str));
            last = answer.unwrap_or_else(|message| message);
            Ok(held.then_some(()))
        });
        held.with_context(|| format!("the last answer: {last}"))
    }

    /// The image that a pod with this reference would have, or why it would have none.
    fn would_run_as(&self, reference: &str) -> Result<std::result::Result<String, String>> {
        let namespace = self.stage.namespace;
        let jsonpath = "jsonpath={.spec.containers[0].image}";
        let arguments = ["create", "--dry-run=server", "-o", jsonpath, "-f", "-", "-n", namespace.name()];
        let output = namespace.as_kubectl().output(&arguments, &pod("asked", reference).to_string())?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) })
    }
}
