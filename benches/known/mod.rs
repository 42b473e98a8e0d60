//! An image whose verdict is known: one policy with one cosign requirement, asked by digest.

// The fixtures of the unit tests.
#[allow(dead_code, clippy::unwrap_used, reason = "unit tests use more of it, and a failed unwrap is a failed test")]
#[path = "../../src/testing/images.rs"]
mod images;

use std::sync::Arc;
use std::time::Duration;

use bonafide::evaluate::{CacheOutcome, Evaluator, ImageDecision, MemoryStateStore, NoPullSecrets, Observer, Purpose, Question};
use bonafide::index::{CompiledPolicy, Inputs, compile};
use bonafide::policy::{Kind, Labels, ObjectName, Observed};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use self::images::{Images, Signer, client};

const OPERATOR_NAMESPACE: &str = "bonafide-system";

struct Silent;

impl Observer for Silent {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

pub(crate) struct Known {
    runtime: Runtime,
    evaluator: Evaluator,
    policies: Vec<Arc<CompiledPolicy>>,
    image: String,
}

impl Known {
    /// Verifies the image once, at a registry that is gone afterwards.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let registry = runtime.block_on(Images::start());
        let signer = Signer::new();
        let digest = registry.push_signed("shop/web", "v1", &[&signer]);
        let known = Self {
            evaluator: runtime.block_on(async { Evaluator::new(client(), Arc::new(Silent), Arc::new(MemoryStateStore::default())) }),
            policies: policies(&registry, &signer),
            image: format!("{}/shop/web:v1@{digest}", registry.host()),
            runtime,
        };
        let first = known.runtime.block_on(known.evaluator.evaluate(known.question()));
        assert!(!first.is_refused() && first.digest().is_some(), "{first:?}");
        known
    }

    /// The same question again, answered from memory.
    pub(crate) fn ask(&self) -> ImageDecision {
        self.runtime.block_on(self.evaluator.evaluate(self.question()))
    }

    fn question(&self) -> Question<'_> {
        Question {
            namespace: "shop",
            image: &self.image,
            digest: None,
            policies: &self.policies,
            pull_secrets: &NoPullSecrets,
            now: chrono::Utc::now(),
            purpose: Purpose::Admission,
            deadline: Instant::now() + Duration::from_secs(30),
        }
    }
}

fn policies(registry: &Images, signer: &Signer) -> Vec<Arc<CompiledPolicy>> {
    let object = |kind, name: &str, spec: Value| {
        vec![Observed { kind, name: ObjectName::new(OPERATOR_NAMESPACE, name), generation: Some(1), created: None, spec }]
    };
    let hosts = json!([{"host": registry.host(), "plainHTTP": true}]);
    let rules = json!([
        {"name": "never", "images": ["**:latest"], "action": "Deny"},
        {"name": "apps", "images": [format!("{}/**", registry.host())], "verify": [{"validator": "release"}]},
    ]);
    let inputs = Inputs {
        operator_namespace: OPERATOR_NAMESPACE.to_owned(),
        policies: object(Kind::ImagePolicy, "production", json!({"mode": "Enforce", "unmatched": "Deny", "rules": rules})),
        validators: object(Kind::Validator, "release", json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": hosts}})),
        trust_roots: object(Kind::TrustRoot, "build", json!({"keys": [{"name": "k", "pem": signer.pem()}]})),
        ..Inputs::default()
    };
    compile(&inputs).0.applicable("shop", &Labels::new())
}
