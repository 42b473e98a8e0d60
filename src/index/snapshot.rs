//! The compiled, immutable answer to "what does this namespace demand of this image?".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use oci::Reference;

use crate::crd::{Mode, OnFault, Pin, Unmatched};
use crate::policy::{Body, Labels, ObjectName, Problem, Requirement, Rule, Selector};

/// Every policy, compiled. Shared by all requests through an `Arc` and never changed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Policies here hold for the whole cluster.
    pub operator_namespace: String,
    /// Namespaces that no policy holds for.
    pub exempt_namespaces: BTreeSet<String>,
    /// Policies of the operator namespace, by age and name.
    pub cluster: Vec<Arc<CompiledPolicy>>,
    /// Policies of every other namespace.
    pub tenants: BTreeMap<String, Vec<Arc<CompiledPolicy>>>,
    /// Every namespace with its labels.
    pub namespaces: Arc<BTreeMap<String, Labels>>,
}

/// A policy as it is in force: usable, or refusing everything in its scope.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    /// Its name.
    pub name: ObjectName,
    /// A hash over it and over everything that it names: while it is the same, so are the policy's verdicts.
    pub fingerprint: u64,
    /// What a refusal does.
    pub mode: Mode,
    /// Which namespaces it holds for; absent means all that its own namespace reaches.
    pub selector: Option<Selector>,
    /// What happens to an image that no rule matches.
    pub unmatched: Unmatched,
    /// Where tags are replaced by digests.
    pub pin: Pin,
    /// What happens when a registry cannot be asked.
    pub on_fault: OnFault,
    /// Its rules, or why nothing of it can be used.
    pub rules: Result<Vec<CompiledRule>, Vec<Problem>>,
}

/// A rule with what it demands, resolved.
#[derive(Clone, Debug)]
pub struct CompiledRule {
    /// The rule as it is written.
    pub rule: Rule,
    /// What it demands.
    pub demand: Demand,
}

/// What a rule demands of an image that it selects.
#[derive(Clone, Debug)]
pub enum Demand {
    /// `at_least` of the requirements must pass, all on one digest. Never empty.
    Verify {
        /// The requirements.
        requirements: Vec<Arc<Requirement>>,
        /// How many must pass.
        at_least: usize,
    },
    /// The image runs unverified.
    Allow {
        /// Why.
        reason: Option<String>,
    },
    /// The image is refused.
    Deny {
        /// What the user is told.
        message: Option<String>,
    },
    /// The rule cannot be used, so it refuses.
    Refuse(Vec<Problem>),
}

/// How one policy decides about one image.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// A rule decides.
    Rule(&'a CompiledRule),
    /// No rule matches.
    Unmatched(Unmatched),
    /// The policy as a whole cannot be used.
    Invalid(&'a [Problem]),
}

/// Which namespaces a webhook must cover, and whether its absence must refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Present while the operator namespace holds a policy: whether one of them enforces.
    pub cluster: Option<bool>,
    /// The other namespaces that hold policies: whether one of theirs enforces.
    pub tenants: BTreeMap<String, bool>,
}

impl Snapshot {
    /// The policies that hold for a namespace with these labels. Nothing that a pod's author writes takes part in it.
    pub fn applicable(&self, namespace: &str, labels: &Labels) -> Vec<Arc<CompiledPolicy>> {
        if self.exempt_namespaces.contains(namespace) {
            return vec![];
        }
        let cluster = self.cluster.iter().filter(|policy| policy.selector.as_ref().is_none_or(|selector| selector.matches(labels)));
        cluster.chain(self.tenants.get(namespace).into_iter().flatten()).cloned().collect()
    }

    /// Whether any policy might hold for a namespace, whatever its labels are.
    pub fn may_apply(&self, namespace: &str) -> bool {
        !self.exempt_namespaces.contains(namespace) && (!self.cluster.is_empty() || self.tenants.contains_key(namespace))
    }

    /// The registry hosts that the settings of validators name which cluster-wide policies use.
    pub fn named_hosts(&self) -> BTreeSet<oci::Host> {
        let rules = self.cluster.iter().flat_map(|policy| policy.rules.iter().flatten());
        let requirements = rules.flat_map(|rule| match &rule.demand {
            Demand::Verify { requirements, .. } => requirements.as_slice(),
            Demand::Allow { .. } | Demand::Deny { .. } | Demand::Refuse(_) => &[],
        });
        requirements.flat_map(|requirement| requirement.registry.grants.access().hosts.keys().cloned()).collect()
    }

    /// Whether a policy that enforces might hold for a namespace, whatever its labels are.
    pub fn may_enforce(&self, namespace: &str) -> bool {
        let tenants = self.tenants.get(namespace).into_iter().flatten();
        self.may_apply(namespace) && self.cluster.iter().chain(tenants).any(|policy| policy.mode == Mode::Enforce)
    }

    /// What the webhook configurations must cover.
    pub fn coverage(&self) -> Coverage {
        let enforces = |policies: &[Arc<CompiledPolicy>]| policies.iter().any(|policy| policy.mode == Mode::Enforce);
        Coverage {
            cluster: (!self.cluster.is_empty()).then(|| enforces(&self.cluster)),
            tenants: self
                .tenants
                .iter()
                .filter(|(namespace, _)| !self.exempt_namespaces.contains(*namespace))
                .map(|(namespace, policies)| (namespace.clone(), enforces(policies)))
                .collect(),
        }
    }
}

impl CompiledPolicy {
    /// The first rule whose images match decides, or `unmatched`.
    pub fn decide(&self, reference: &Reference, now: DateTime<Utc>) -> Chosen<'_> {
        match &self.rules {
            Err(problems) => Chosen::Invalid(problems),
            Ok(rules) => {
                rules.iter().find(|compiled| compiled.rule.selects(reference, now)).map_or(Chosen::Unmatched(self.unmatched), Chosen::Rule)
            }
        }
    }
}

impl Demand {
    /// The fixed answer of a rule body, if it has one.
    pub(super) fn fixed(body: &Body) -> Option<Self> {
        match body {
            Body::Allow { until: _, reason } => Some(Self::Allow { reason: reason.clone() }),
            Body::Deny { message } => Some(Self::Deny { message: message.clone() }),
            Body::Invalid(problems) => Some(Self::Refuse(problems.clone())),
            Body::Verify { .. } => None,
        }
    }
}
