//! Trust roots with their keys read.

use std::collections::BTreeMap;

use super::super::{Finding, Inputs, Readiness, UnreadyReason, Warning};
use super::in_order;
use super::sources::read_text;
use crate::policy::{Cause, KeySource, Kind, NamedKey, ObjectName, Observed, Problem, SignerRoot, TrustedKeySource, parse_trust_root};

/// Every trust root that exists; the unusable ones are known, too.
pub(super) struct TrustRoots(BTreeMap<ObjectName, Result<SignerRoot, Unreadiness>>);

/// Whether an object is wrong, or merely waits for something that was not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadiness {
    Unusable,
    Unread,
}

impl Unreadiness {
    pub(super) fn of(readiness: &Readiness) -> Option<Self> {
        match readiness {
            Readiness::Ready => None,
            Readiness::Unready(UnreadyReason::Pending, _) => Some(Self::Unread),
            Readiness::Unready(..) => Some(Self::Unusable),
        }
    }

    pub(super) fn cause(self, kind: Kind, name: &ObjectName) -> Cause {
        let (kind, name) = (kind.as_str(), name.clone());
        match self {
            Self::Unusable => Cause::Unusable { kind, name },
            Self::Unread => Cause::NotYetRead { kind, name },
        }
    }
}

impl TrustRoots {
    pub(super) fn compile(inputs: &Inputs, findings: &mut Vec<Finding>) -> Self {
        let mut roots = BTreeMap::new();
        let first = findings.len();
        for observed in in_order(&inputs.trust_roots) {
            let (root, problems) = read(inputs, observed);
            let readiness = Readiness::of(problems);
            let unready = Unreadiness::of(&readiness);
            findings.push(Finding {
                kind: Kind::TrustRoot,
                object: observed.name.clone(),
                generation: observed.generation,
                readiness,
                warnings: vec![],
                keys: root.keys.iter().map(describe).collect(),
            });
            roots.insert(observed.name.clone(), unready.map_or(Ok(root), Err));
        }
        warn_of_shared_keys(findings.get_mut(first..).unwrap_or_default());
        Self(roots)
    }

    /// A trust root that can be used.
    pub(super) fn get(&self, name: &ObjectName) -> Result<&SignerRoot, Cause> {
        match self.0.get(name) {
            Some(Ok(root)) => Ok(root),
            Some(Err(unready)) => Err(unready.cause(Kind::TrustRoot, name)),
            None => Err(Cause::Missing { kind: Kind::TrustRoot.as_str(), name: name.clone() }),
        }
    }
}

fn read(inputs: &Inputs, observed: &Observed) -> (SignerRoot, Vec<Problem>) {
    let mut root = SignerRoot { name: observed.name.clone(), keys: vec![] };
    let source = match parse_trust_root(&observed.spec) {
        Ok(source) => source,
        Err(problems) => return (root, problems),
    };
    let mut problems = Vec::new();
    for (i, TrustedKeySource { name, source }) in source.keys.into_iter().enumerate() {
        match read_key(inputs, &source, &observed.name.namespace) {
            Ok(key) => root.keys.push(NamedKey { name, key }),
            Err(cause) => problems.push(Problem::new(format!("spec.keys[{i}]"), cause)),
        }
    }
    (root, problems)
}

fn read_key(inputs: &Inputs, source: &KeySource, namespace: &str) -> Result<cosign::PublicKey, Cause> {
    match (source, read_text(inputs, source, namespace)?) {
        (KeySource::Written(key), _) => Ok(key.clone()),
        (_, text) => cosign::PublicKey::from_pem(text.unwrap_or_default()).map_err(Cause::Key),
    }
}

fn describe(NamedKey { name, key }: &NamedKey) -> (String, String, String) {
    (name.clone(), key.fingerprint().to_string(), key.algorithm().to_string())
}

/// Only within a namespace: what another tenant trusts is nobody's business.
fn warn_of_shared_keys(findings: &mut [Finding]) {
    let mut holders: BTreeMap<(String, String), Vec<ObjectName>> = BTreeMap::new();
    for finding in findings.iter() {
        for (_, fingerprint, _) in &finding.keys {
            holders.entry((finding.object.namespace.clone(), fingerprint.clone())).or_default().push(finding.object.clone());
        }
    }
    for finding in findings {
        for (key, fingerprint, _) in &finding.keys {
            let others = holders.get(&(finding.object.namespace.clone(), fingerprint.clone()));
            if let Some(with) = others.into_iter().flatten().find(|name| **name != finding.object) {
                finding.warnings.push(Warning::KeyShared { key: key.clone(), with: with.clone() });
            }
        }
    }
}
