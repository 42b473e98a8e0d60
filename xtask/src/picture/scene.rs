//! Six minutes of a small cluster: three teams, pods that come, a key that is distrusted, and visitors that are refused.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use testbed::{
    Alertmanager, ControlPlane, Cosign, Format, Image, Images, Key, Namespace, OPERATOR_NAMESPACE, Operator, OperatorOptions, Options,
    Prometheus, Registry, SERVICE_ACCOUNT, free_port, install, wait,
};

use crate::step;

const SHOP: Team = Team { name: "shop", mode: "Enforce", images: &["web", "cart", "search"] };
const PAYMENTS: Team = Team { name: "payments", mode: "Enforce", images: &["api", "ledger"] };
const TOOLS: Team = Team { name: "tools", mode: "Audit", images: &["builder"] };
const TEAMS: [Team; 3] = [SHOP, PAYMENTS, TOOLS];

/// Nobody has signed it.
const UNSIGNED: &str = "fork";

const TICK: Duration = Duration::from_secs(2);
const TICKS: u32 = 180;
/// From when on the key of payments is distrusted.
const DISTRUSTED: u32 = 100;
/// A pod comes in every so many ticks, and some visitor is refused.
const COMING: u32 = 6;
const REFUSED: u32 = 4;

/// A namespace with a policy and a trust root of its own.
struct Team {
    name: &'static str,
    mode: &'static str,
    images: &'static [&'static str],
}

/// All that runs; it ends with this value.
pub(super) struct Scene {
    /// Has seen everything.
    pub prometheus: Prometheus,
    _alertmanager: Alertmanager,
    operator: Operator,
    /// Those with a signature, by reference.
    images: HashMap<String, Image>,
    registry: Registry,
    key: Key,
    other_key: Key,
    plane: ControlPlane,
}

impl Scene {
    /// Starts it, with signed images and a pod of each.
    pub(super) fn start() -> Result<Self> {
        let program = step::bonafide()?;
        let plane = ControlPlane::start(Options::default())?;
        install(plane.kubectl())?;
        let registry = Registry::distribution()?;
        let (images, cosign) = (Images::new()?, Cosign::new()?);
        let (key, other_key) = (cosign.key("release")?, cosign.key("other")?);
        let mut pushed = HashMap::new();
        for reference in TEAMS.iter().flat_map(|team| team.images.iter().map(|image| reference(&registry, team, image))) {
            let image = images.push(&reference, &reference)?;
            cosign.sign(&key, &image, Format::Bundle)?;
            pushed.insert(reference, image);
        }
        let unsigned = reference(&registry, &SHOP, UNSIGNED);
        images.push(&unsigned, &unsigned)?;
        let kubeconfig = plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        let operator = Operator::start(OperatorOptions::new(&program, kubeconfig, plane.directory()))?;
        let alertmanager = Alertmanager::start()?;
        let prometheus = Prometheus::start(&operator.admin_address(), &alertmanager)?;
        let scene = Self { prometheus, _alertmanager: alertmanager, operator, images: pushed, registry, key, other_key, plane };
        scene.furnish()?;
        Ok(scene)
    }

    /// What happens, in real time.
    pub(super) fn play(&self) -> Result<()> {
        println!("{} s of a small cluster", (TICK * TICKS).as_secs());
        let start = Instant::now();
        for tick in 0..TICKS {
            if tick == DISTRUSTED {
                self.operator_namespace().apply(&trust_root(&PAYMENTS, &self.other_key).to_string())?;
            }
            self.visit(tick)?;
            // Points of lines are seconds apart: what happens is, too.
            thread::sleep((TICK * (tick + 1)).saturating_sub(start.elapsed()));
        }
        Ok(())
    }

    /// Ends in good order.
    pub(super) fn end(self) -> Result<()> {
        self.operator.stop()
    }

    /// Namespaces, trust, policies, and what runs from the start.
    fn furnish(&self) -> Result<()> {
        let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bonafide-settings"},
                              "data": {"settings.yaml": "metrics: {perContainer: true}"}});
        let mut objects = vec![settings];
        for team in &TEAMS {
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team.name}}));
            objects.extend([trust_root(team, &self.key), self.validator(team), policy(team)]);
        }
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        self.operator_namespace().apply(&objects.join("\n---\n"))?;
        for team in &TEAMS {
            wait::until("the default service account", || self.namespace(team).get(&["serviceaccount", "default"]))?;
            let policy = format!("imagepolicies.bonafide.dev/{}", team.name);
            self.operator_namespace().wait(&["--for=condition=Ready", &policy])?;
            for image in team.images {
                self.run(team, &format!("{image}-0"), &reference(&self.registry, team, image))?;
            }
        }
        // Nobody answers there: nothing can be said.
        self.run(&TOOLS, "agent", &format!("127.0.0.1:{}/tools/agent:v1", free_port()?))
    }

    /// Somebody asks whether a pod may run; now and then one stays, or has no signature.
    fn visit(&self, tick: u32) -> Result<()> {
        let team = if tick.is_multiple_of(3) { &PAYMENTS } else { &SHOP };
        let image = team.images.iter().cycle().nth(usize::try_from(tick / 3)?).copied().unwrap_or_default();
        let signed = reference(&self.registry, team, image);
        if tick.is_multiple_of(COMING) {
            self.run(team, &format!("{image}-{tick}"), &signed)?;
        } else {
            self.ask(team, &signed)?;
        }
        if tick.is_multiple_of(REFUSED) { self.ask(&SHOP, &reference(&self.registry, &SHOP, UNSIGNED)) } else { Ok(()) }
    }

    /// Makes a pod and says of it what a kubelet would; one that is refused is what a picture wants, too.
    fn run(&self, team: &Team, name: &str, image: &str) -> Result<()> {
        let admitted = self.namespace(team).try_pod(name, &[("main", image)])?.is_ok();
        match self.images.get(image).filter(|_| admitted) {
            Some(known) => self.namespace(team).report_running(name, &[("main", image, &known.by_digest())]),
            None => Ok(()),
        }
    }

    fn ask(&self, team: &Team, image: &str) -> Result<()> {
        self.namespace(team).attempt(&["run", "visitor", "--image", image, "--dry-run=server"], "").map(drop)
    }

    fn namespace(&self, team: &Team) -> Namespace {
        Namespace::existing(self.plane.kubectl(), team.name)
    }

    fn operator_namespace(&self) -> Namespace {
        Namespace::existing(self.plane.kubectl(), OPERATOR_NAMESPACE)
    }

    fn validator(&self, team: &Team) -> Value {
        let hosts = json!([{"host": self.registry.host(), "plainHTTP": true}]);
        object("Validator", team, &json!({"trustRoots": [team.name], "registry": {"hosts": hosts}, "cosign": {}}))
    }
}

fn reference(registry: &Registry, team: &Team, image: &str) -> String {
    format!("{}/{}/{image}:v1", registry.host(), team.name)
}

fn trust_root(team: &Team, key: &Key) -> Value {
    object("TrustRoot", team, &json!({"keys": [{"name": "release", "pem": key.public_pem}]}))
}

fn policy(team: &Team) -> Value {
    let rules = json!([{"name": "all", "images": ["**"], "verify": [{"validator": team.name}]}]);
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": team.name}});
    object("ImagePolicy", team, &json!({"mode": team.mode, "unmatched": "Deny", "namespaceSelector": selector, "rules": rules}))
}

fn object(kind: &str, team: &Team, spec: &Value) -> Value {
    json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "spec": spec,
           "metadata": {"name": team.name, "namespace": OPERATOR_NAMESPACE}})
}
