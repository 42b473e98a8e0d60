//! What is measured: a cluster, a registry with signed images, and later the operator and its policies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::{
    ControlPlane, Cosign, Format, Image, Images, Key, Namespace, OPERATOR_NAMESPACE, Operator, OperatorOptions, Options, Registry,
    SERVICE_ACCOUNT, install, wait,
};

use super::client::Endpoint;
use super::distance;
use super::load::Load;
use super::usage;

/// How many images nobody has looked at yet there are after each start of the operator.
const COLD: usize = 20;
/// Between the operator and the far registry.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A cluster without the operator.
pub(super) struct Stage {
    /// Makes pods.
    pub load: Load,
    /// The namespace that the policy will hold for.
    pub namespace: Namespace,
    /// A signed image, which every start of the operator looks at once.
    pub hot: String,
    /// The same by its digest, for which no registry is asked.
    pub pinned: String,
    /// Signed images.
    pub cold: Vec<Image>,
    /// The key that all images are signed with.
    pub key: Key,
    /// Makes further keys.
    pub cosign: Cosign,
    /// Where the images are.
    pub registry: Registry,
    /// The address at which the registry is 20 ms away.
    pub far: String,
    cluster: ControlPlane,
}

/// The same with the operator and a policy that enforces.
pub(super) struct Guarded {
    /// Everything else.
    pub stage: Stage,
    operator: Operator,
}

impl Stage {
    /// Starts everything but the operator, and signs the images.
    pub(super) fn start() -> Result<Self> {
        testbed::tools::all()?;
        let cluster = ControlPlane::start(Options::default())?;
        let registry = Registry::distribution()?;
        let (images, cosign) = (Images::new()?, Cosign::new()?);
        let key = cosign.key("build")?;
        println!("    signing {} images", COLD + 1);
        let signed = |name: &str| {
            let reference = format!("{}/{name}:v1", registry.host());
            let image = images.push(&reference, &reference)?;
            cosign.sign(&key, &image, Format::Bundle)?;
            Ok::<_, anyhow::Error>(image)
        };
        let hot = signed("hot")?;
        let (hot, pinned) = (hot.by_tag(), hot.pinned());
        let cold = (0..COLD).map(|number| signed(&format!("cold-{number}"))).collect::<Result<_>>()?;
        let namespace = Namespace::temporary(cluster.kubectl(), "bench", &[("bench", "main")])?;
        let load = Load::new(Endpoint::read(cluster.kubeconfig())?)?;
        let far = distance::listen(registry.host(), ROUND_TRIP)?;
        Ok(Self { load, namespace, hot, pinned, cold, key, cosign, registry, far, cluster })
    }

    /// The hot image as a pod's only one.
    pub(super) fn hot(&self) -> Vec<String> {
        vec![self.hot.clone()]
    }

    /// Cold images by tag, as many as asked for from the given one on.
    pub(super) fn cold(&self, from: usize, count: usize) -> Vec<String> {
        self.cold.iter().skip(from).take(count).map(Image::by_tag).collect()
    }

    /// A cold image at the address where the registry is far away.
    pub(super) fn afar(&self, image: &Image) -> String {
        image.by_tag().replacen(self.registry.host(), &self.far, 1)
    }

    /// A new namespace with a label of its own to select it by.
    pub(super) fn namespace(&self, label: &str) -> Result<Namespace> {
        Namespace::temporary(self.cluster.kubectl(), label, &[("bench", label)])
    }

    /// The namespace of cluster-wide policies.
    pub(super) fn operator_namespace(&self) -> Namespace {
        Namespace::existing(self.cluster.kubectl(), OPERATOR_NAMESPACE)
    }

    /// Metadata, in the operator namespace.
    pub(super) fn metadata(name: &str) -> Value {
        json!({"name": name, "namespace": OPERATOR_NAMESPACE})
    }

    /// A Validator for the TrustRoot of the same name.
    pub(super) fn validator(&self, name: &str) -> Value {
        let hosts = [self.registry.host(), &self.far].map(|host| json!({"host": host, "plainHTTP": true}));
        json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": Self::metadata(name),
               "spec": {"trustRoots": [name], "shared": true, "registry": {"hosts": hosts}, "cosign": {}}})
    }

    /// A TrustRoot with one key.
    pub(super) fn trust_root(name: &str, key: &Value) -> Value {
        json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": Self::metadata(name), "spec": {"keys": [key]}})
    }

    /// An enforcing policy for the namespaces with a label, which verifies images that match by a Validator.
    pub(super) fn policy(label: &str, images: &str, validator: &str, unmatched: &str) -> Value {
        json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "ImagePolicy", "metadata": Self::metadata(label),
               "spec": {"mode": "Enforce", "unmatched": unmatched, "namespaceSelector": {"matchLabels": {"bench": label}},
                        "rules": [{"name": "all", "images": [images], "verify": [{"validator": validator}]}]}})
    }

    /// Applies objects and waits until the policy called `label` is in force.
    pub(super) fn apply(&self, objects: &[Value], label: &str) -> Result<()> {
        let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let namespace = self.operator_namespace();
        namespace.apply(&documents.join("\n---\n"))?;
        namespace.wait(&["--for=condition=Ready", &format!("imagepolicies.bonafide.dev/{label}")])
    }

    /// Starts the operator and enforces.
    pub(super) fn guard(self, program: &Path) -> Result<Guarded> {
        install(self.cluster.kubectl())?;
        let kubeconfig: PathBuf = self.cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        let operator = Operator::start(OperatorOptions::new(program, kubeconfig, self.cluster.directory()))?;
        let key = json!({"name": "build", "pem": self.key.public_pem});
        self.apply(&[Self::trust_root("main", &key), self.validator("main"), Self::policy("main", "**", "main", "Deny")], "main")?;
        let guarded = Guarded { stage: self, operator };
        guarded.warm_up()?;
        Ok(guarded)
    }
}

impl Guarded {
    /// The operator's process.
    pub(super) fn pid(&self) -> Result<u32> {
        self.operator.id().context("the operator does not run")
    }

    /// The operator's CPU time so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        usage::cpu_seconds(self.pid()?)
    }

    /// The text of the operator's metrics.
    pub(super) fn metrics(&self) -> Result<String> {
        self.operator.metrics()
    }

    /// Ends the operator for good; its webhook configurations stay.
    pub(super) fn end(&self) -> Result<()> {
        self.operator.stop()
    }

    /// A new operator that has looked at no image but the hot one, and the time from its start until it was ready.
    pub(super) fn restart(&self) -> Result<Duration> {
        self.operator.stop()?;
        let start = std::time::Instant::now();
        self.operator.start_again()?;
        let took = start.elapsed();
        self.warm_up()?;
        Ok(took)
    }

    /// The API server notices a restart when it next uses a connection; the pods that it then refuses do not count.
    fn warm_up(&self) -> Result<()> {
        let stage = &self.stage;
        wait::until("a pod of a signed image", || {
            let made = stage.load.pods(stage.namespace.name(), &stage.hot(), 1, 10);
            Ok(made.ok())
        })?;
        Ok(())
    }
}
