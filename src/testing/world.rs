//! Objects as a cluster would hold them, put together word by word.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Signer;
use crate::index::{Finding, Inputs, Snapshot, Source, SourceData, SourceKind, SourceRef, compile};
use crate::policy::{Kind, Labels, ObjectName, Observed};

pub(crate) const OPERATOR_NAMESPACE: &str = "bonafide-system";

/// What `compile` sees.
#[derive(Clone)]
pub(crate) struct World(pub(crate) Inputs);

impl World {
    pub(crate) fn new() -> Self {
        let exempt = [OPERATOR_NAMESPACE, "kube-system", "kube-node-lease"];
        let inputs = Inputs {
            operator_namespace: OPERATOR_NAMESPACE.to_owned(),
            exempt_namespaces: exempt.map(str::to_owned).into(),
            ..Inputs::default()
        };
        Self(inputs).namespace("shop", &[]).namespace("bank", &[]).namespace("kube-system", &[])
    }

    pub(crate) fn namespace(mut self, name: &str, labels: &[(&str, &str)]) -> Self {
        let labels: Labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Arc::make_mut(&mut self.0.namespaces).insert(name.to_owned(), labels);
        self
    }

    /// A policy that enforces and denies what no rule matches.
    pub(crate) fn policy(self, name: &str, rules: &Value) -> Self {
        self.policy_with(name, &json!({"mode": "Enforce", "unmatched": "Deny"}), rules)
    }

    pub(crate) fn policy_with(self, name: &str, settings: &Value, rules: &Value) -> Self {
        let mut spec = settings.clone();
        spec["rules"] = rules.clone();
        self.object(Kind::ImagePolicy, name, spec)
    }

    pub(crate) fn validator(self, name: &str, spec: &Value) -> Self {
        self.object(Kind::Validator, name, spec.clone())
    }

    /// A validator that finds cosign signatures beside images of a plain HTTP registry, and counts these trust roots.
    pub(crate) fn cosign(self, name: &str, registry: &str, roots: &[&str]) -> Self {
        let spec = json!({"cosign": {}, "trustRoots": roots, "registry": {"hosts": [{"host": registry, "plainHTTP": true}]}});
        self.object(Kind::Validator, name, spec)
    }

    pub(crate) fn trust_root(self, name: &str, signers: &[&Signer]) -> Self {
        let keys: Vec<_> = signers.iter().enumerate().map(|(i, signer)| json!({"name": format!("k{i}"), "pem": signer.pem()})).collect();
        self.object(Kind::TrustRoot, name, json!({"keys": keys}))
    }

    pub(crate) fn trust_root_with(self, name: &str, spec: &Value) -> Self {
        self.object(Kind::TrustRoot, name, spec.clone())
    }

    pub(crate) fn object(mut self, kind: Kind, name: &str, spec: Value) -> Self {
        let (namespace, name) = name.split_once('/').unwrap_or((OPERATOR_NAMESPACE, name));
        let name = ObjectName::new(namespace, name);
        let observed = Observed { kind, name, generation: Some(1), created: None, spec };
        match kind {
            Kind::ImagePolicy => self.0.policies.push(observed),
            Kind::Validator => self.0.validators.push(observed),
            Kind::TrustRoot => self.0.trust_roots.push(observed),
        }
        self
    }

    pub(crate) fn source(mut self, kind: SourceKind, name: &str, source: Source) -> Self {
        let (namespace, name) = name.split_once('/').unwrap_or((OPERATOR_NAMESPACE, name));
        self.0.sources.insert(SourceRef { kind, name: ObjectName::new(namespace, name) }, source);
        self
    }

    pub(crate) fn secret(self, name: &str, key: &str, value: &str) -> Self {
        self.source(SourceKind::Secret, name, found(key, value))
    }

    pub(crate) fn config_map(self, name: &str, key: &str, value: &str) -> Self {
        self.source(SourceKind::ConfigMap, name, found(key, value))
    }

    pub(crate) fn compile(&self) -> (Snapshot, Vec<Finding>) {
        compile(&self.0)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.compile().0
    }

    /// The finding on one object.
    pub(crate) fn finding(&self, kind: Kind, name: &str) -> Finding {
        let (namespace, name) = name.split_once('/').unwrap_or((OPERATOR_NAMESPACE, name));
        let object = ObjectName::new(namespace, name);
        self.compile().1.into_iter().find(|finding| finding.kind == kind && finding.object == object).expect("a finding")
    }
}

fn found(key: &str, value: &str) -> Source {
    let data = [(key.to_owned(), value.as_bytes().to_vec())].into();
    let secret_type = (key == ".dockerconfigjson").then(|| "kubernetes.io/dockerconfigjson".to_owned());
    Source::Found(Arc::new(SourceData { secret_type, data }))
}
