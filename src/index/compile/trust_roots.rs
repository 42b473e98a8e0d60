//! Trust roots with their keys read.

use std::collections::BTreeMap;

use notary::Authorities;

use super::super::{Finding, Inputs, Material, Readiness, UnreadyReason, Warning};
use super::in_order;
use super::root::{CompiledRoot, RootKey};
use super::sources::read_text;
use crate::policy::{
    AuthoritySource, Cause, CertificateSource, KeySource, Kind, ObjectName, Observed, Problem, TrustRootSource, TrustedKeySource,
    parse_trust_root,
};

/// Certificates in all bundles of one trust root: each may be tried for each root key.
const MOST_CERTIFICATES: usize = 64;

/// Every trust root that exists; the unusable ones are known, too.
pub(super) struct TrustRoots(BTreeMap<ObjectName, Result<CompiledRoot, Unreadiness>>);

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
                keys: root.described(),
            });
            roots.insert(observed.name.clone(), unready.map_or(Ok(root), Err));
        }
        warn_of_shared_keys(findings.get_mut(first..).unwrap_or_default());
        Self(roots)
    }

    /// A trust root that can be used.
    pub(super) fn get(&self, name: &ObjectName) -> Result<&CompiledRoot, Cause> {
        match self.0.get(name) {
            Some(Ok(root)) => Ok(root),
            Some(Err(unready)) => Err(unready.cause(Kind::TrustRoot, name)),
            None => Err(Cause::Missing { kind: Kind::TrustRoot.as_str(), name: name.clone() }),
        }
    }
}

fn read(inputs: &Inputs, observed: &Observed) -> (CompiledRoot, Vec<Problem>) {
    let mut root = CompiledRoot::new(observed.name.clone());
    let namespace = &observed.name.namespace;
    let mut problems = Vec::new();
    match parse_trust_root(&observed.spec) {
        Err(found) => problems = found,
        Ok(TrustRootSource::Keys(keys)) => {
            for (i, TrustedKeySource { name, source }) in keys.into_iter().enumerate() {
                match read_key(inputs, source, namespace) {
                    Ok(key) => root.keys.push((name, key)),
                    Err(cause) => problems.push(Problem::new(format!("spec.keys[{i}]"), cause)),
                }
            }
        }
        Ok(TrustRootSource::Authorities(authorities)) => {
            for (i, AuthoritySource { name, source }) in authorities.into_iter().enumerate() {
                match read_authorities(inputs, source, namespace) {
                    Ok(certificates) => root.authorities.push((name, certificates)),
                    Err(cause) => problems.push(Problem::new(format!("spec.certificates.ca[{i}]"), cause)),
                }
            }
            if root.authorities.iter().flat_map(|(_, authorities)| authorities.certificates()).count() > MOST_CERTIFICATES {
                problems.push(Problem::new("spec.certificates.ca", Cause::TooManyCertificates(MOST_CERTIFICATES)));
                root.authorities.clear();
            }
        }
    }
    (root, problems)
}

fn read_key(inputs: &Inputs, source: KeySource, namespace: &str) -> Result<RootKey, Cause> {
    match source {
        KeySource::Written(key) => Ok(RootKey::Public(key)),
        KeySource::NotaryId(id) => Ok(RootKey::NotaryId(id)),
        KeySource::Read(source) => {
            let text = read_text(inputs, &source, namespace)?;
            cosign::PublicKey::from_pem(text).map(RootKey::Public).map_err(Cause::Key)
        }
    }
}

fn read_authorities(inputs: &Inputs, source: CertificateSource, namespace: &str) -> Result<Authorities, Cause> {
    match source {
        CertificateSource::Written(authorities) => Ok(authorities),
        CertificateSource::Read(source) => Authorities::from_pem(read_text(inputs, &source, namespace)?).map_err(Cause::Authorities),
    }
}

/// Only within a namespace: what another tenant trusts is nobody's business.
fn warn_of_shared_keys(findings: &mut [Finding]) {
    let mut holders: BTreeMap<(String, String), Vec<ObjectName>> = BTreeMap::new();
    for finding in findings.iter() {
        for key in &finding.keys {
            holders.entry((finding.object.namespace.clone(), key.fingerprint.clone())).or_default().push(finding.object.clone());
        }
    }
    for finding in findings {
        for Material { name: key, fingerprint, .. } in &finding.keys {
            let others = holders.get(&(finding.object.namespace.clone(), fingerprint.clone()));
            if let Some(with) = others.into_iter().flatten().find(|name| **name != finding.object) {
                finding.warnings.push(Warning::KeyShared { key: key.clone(), with: with.clone() });
            }
        }
    }
}
