//! What most stories begin with: trust in somebody, a policy for the story's namespace, signed and unsigned images.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use testbed::{Denied, Environment, Format, Image, Namespace, Registry};

/// The outcome of something that the API server may refuse.
pub type Attempt = std::result::Result<String, Denied>;

/// One story's part of the cluster: its namespace and its objects in the operator namespace.
pub struct Stage<'a> {
    /// Everything.
    pub env: &'a Environment,
    /// The story's namespace, labelled `story: <name>`.
    pub namespace: &'a Namespace,
    /// The story's name, which its cluster-wide objects carry too.
    pub name: String,
}

/// Runs a story on a stage of its own; when it fails, the state that it has left is printed.
pub fn stage(env: &Environment, name: &str, body: impl FnOnce(&Stage<'_>) -> Result<()>) -> Result<()> {
    env.story(name, &[("story", name)], |namespace| {
        let stage = Stage { env, namespace, name: name.to_owned() };
        stage.body(body)
    })
}

impl<'a> Stage<'a> {
    fn body(&self, body: impl FnOnce(&Stage<'a>) -> Result<()>) -> Result<()> {
        let outcome = body(self);
        // Cluster-wide objects would outlive the namespace.
        for kind in ["imagepolicies.bonafide.dev", "validators.bonafide.dev", "trustroots.bonafide.dev"] {
            self.operator().kubectl(&["delete", kind, "--selector", &format!("story={}", self.name), "--wait=false"])?;
        }
        outcome
    }

    /// The operator namespace.
    pub fn operator(&self) -> Namespace {
        self.env.operator_namespace()
    }

    /// Metadata of a cluster-wide object of this story: its name is `<story>-<suffix>`.
    pub fn metadata(&self, suffix: &str) -> Value {
        json!({"name": self.object(suffix), "namespace": "bonafide-system", "labels": {"story": self.name}})
    }

    /// The name of a cluster-wide object of this story.
    pub fn object(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    /// Trusts each of these signers by a cluster-wide TrustRoot, and all of them by one Validator called `release`.
    pub fn trust(&self, signers: &[&str]) -> Result<()> {
        let mut documents = vec![self.release(signers, &json!({}))];
        for signer in signers {
            let pem = self.env.key(signer)?.public_pem;
            documents.push(self.trust_root(signer, &json!([{"name": "key", "pem": pem}])));
        }
        self.operator().apply(&yaml(&documents))
    }

    /// A cluster-wide TrustRoot `<story>-<suffix>` with these keys, to be applied.
    pub fn trust_root(&self, suffix: &str, keys: &Value) -> Value {
        json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": self.metadata(suffix), "spec": {"keys": keys}})
    }

    /// The cluster-wide Validator `<story>-release` for the story's TrustRoots with these suffixes, to be applied.
    pub fn release(&self, roots: &[&str], cosign: &Value) -> Value {
        let roots: Vec<_> = roots.iter().map(|suffix| self.object(suffix)).collect();
        json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": self.metadata("release"),
            "spec": {"trustRoots": roots, "shared": true, "registry": self.registries(), "cosign": cosign}
        })
    }

    /// Registry settings that reach both registries of the test.
    pub fn registries(&self) -> Value {
        let host = |host: String| json!({"host": host, "plainHTTP": true});
        json!({"hosts": [host(self.env.registry.host().to_string()), host(self.env.referrers_registry.host().to_string())]})
    }

    /// A cluster-wide policy for the story's namespace that enforces and verifies every image with the story's validator.
    pub fn enforce(&self) -> Result<()> {
        self.policy("policy", &json!({}), &self.verify_all())
    }

    /// The one rule that verifies every image.
    pub fn verify_all(&self) -> Value {
        json!([{"name": "all", "images": ["**"], "verify": [{"validator": self.object("release")}]}])
    }

    /// A cluster-wide policy for the story's namespace with these rules; `settings` replace the defaults Enforce and Deny. Waits until it is Ready.
    pub fn policy(&self, suffix: &str, settings: &Value, rules: &Value) -> Result<()> {
        self.propose(suffix, settings, rules)?;
        self.ready(&self.object(suffix))
    }

    /// As [`Stage::policy`], without waiting for what becomes of it.
    pub fn propose(&self, suffix: &str, settings: &Value, rules: &Value) -> Result<()> {
        let mut spec = json!({"mode": "Enforce", "unmatched": "Deny", "namespaceSelector": {"matchLabels": {"story": self.name}}});
        merge(&mut spec, settings);
        spec["rules"] = rules.clone();
        let document =
            json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "ImagePolicy", "metadata": self.metadata(suffix), "spec": spec});
        self.operator().apply(&yaml(&[document]))
    }

    /// As [`Stage::enforce`], with the TrustRoot `<story>-<root>` alone; `settings` as for [`Stage::policy`].
    pub fn verified_by(&self, root: &str, settings: &Value) -> Result<()> {
        let entry = json!({"validator": self.object("release"), "trustRoots": [self.object(root)]});
        self.policy("policy", settings, &json!([{"name": "all", "images": ["**"], "verify": [entry]}]))
    }

    /// Waits until a cluster-wide policy is in force.
    pub fn ready(&self, policy: &str) -> Result<()> {
        self.operator().wait(&["--for=condition=Ready", &format!("imagepolicies.bonafide.dev/{policy}")])
    }

    /// Pushes an image of this story that nobody has signed.
    pub fn unsigned(&self, repository: &str) -> Result<Image> {
        self.push(&self.env.registry, repository)
    }

    /// Pushes an unsigned image of this story to one of the registries.
    pub fn push(&self, registry: &Registry, repository: &str) -> Result<Image> {
        let reference = format!("{}/{}/{repository}:v1", registry.host(), self.name);
        self.env.images.push(&reference, &reference)
    }

    /// Pushes an image and signs it as each of these.
    pub fn signed(&self, repository: &str, signers: &[&str]) -> Result<Image> {
        let image = self.unsigned(repository)?;
        for signer in signers {
            self.env.cosign.sign(&self.env.key(signer)?, &image, Format::Bundle)?;
        }
        Ok(image)
    }

    /// The line of a denial for an image that the rule of [`Stage::enforce`] refuses, in a place such as `container "main"`.
    pub fn denial(&self, place: &str, image: &str, why: &str) -> String {
        format!("{place}: {image} (policy bonafide-system/{}, rule \"all\"): {why}", self.object("policy"))
    }

    /// Makes a pod with one container called `main`.
    pub fn pod(&self, name: &str, image: &str) -> Result<Attempt> {
        self.namespace.try_pod(name, &[("main", image)])
    }
}

/// What a namespace without a cluster's help needs, to be applied there: its policy verifies every image by [`own_trust_root`].
pub fn own_policy(env: &Environment) -> [Value; 2] {
    let host = json!({"host": env.registry.host().to_string(), "plainHTTP": true});
    let rules = json!([{"name": "all", "images": ["**"], "verify": [{"validator": "release"}]}]);
    [
        own("Validator", "release", &json!({"trustRoots": ["root"], "registry": {"hosts": [host]}, "cosign": {}})),
        own("ImagePolicy", "policy", &json!({"mode": "Enforce", "unmatched": "Deny", "rules": rules})),
    ]
}

/// Trust in one signer.
pub fn own_trust_root(env: &Environment, signer: &str) -> Result<Value> {
    let keys = json!([{"name": "key", "pem": env.key(signer)?.public_pem}]);
    Ok(own("TrustRoot", "root", &json!({"keys": keys})))
}

fn own(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// As whom the operator writes: what the cluster's own rule about reports lets through.
pub const OPERATOR: &str = "--as=system:serviceaccount:bonafide-system:bonafide";

/// The ConfigMap with the operator's settings.
pub const SETTINGS: &str = "bonafide-settings";

/// That ConfigMap with this text, to be applied in the namespace of the operator.
pub fn settings(text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SETTINGS}, "data": {"settings.yaml": text}})
}

/// Documents as one stream; JSON is YAML.
pub fn yaml(documents: &[Value]) -> String {
    documents.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// The refusal, which must contain each of these texts.
pub fn refused(attempt: Attempt, texts: &[&str]) -> Result<String> {
    let Err(Denied { message, .. }) = attempt else { bail!("admitted, but should have been refused with {texts:?}") };
    for text in texts {
        ensure!(message.contains(text), "{text:?} is not in: {message}");
    }
    Ok(message)
}

/// The warnings of what must have been admitted.
pub fn admitted(attempt: Attempt) -> Result<String> {
    match attempt {
        Ok(warnings) => Ok(warnings),
        Err(Denied { message, .. }) => bail!("refused, but should have been admitted: {message}"),
    }
}

/// Puts the members of one object into another; null takes one out.
pub fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        for (key, value) in from {
            if value.is_null() {
                into.remove(key);
            } else {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
