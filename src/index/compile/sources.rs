//! Secrets and `ConfigMap`s that objects name: which ones, and what is in them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Inputs, Source, SourceData, SourceKind, SourceRef};
use crate::crd::KeyReference;
use crate::policy::{
    AuthoritySource, Cause, CertificateSource, KeySource, ObjectName, TextSource, TrustRootSource, TrustedKeySource, parse_trust_root,
    parse_validator,
};

/// Sources per namespace that are watched (security rule 20).
const MOST_SOURCES: usize = 256;
/// The opt-in role for reading what tenants' objects name.
const TENANT_ROLE: &str = "ClusterRole bonafide-tenant-material";
/// The role that comes with the operator.
const OWN_ROLE: &str = "Role bonafide";

/// Every Secret and `ConfigMap` that a readable object names. They are watched one by one.
pub fn wanted(inputs: &Inputs) -> BTreeSet<SourceRef> {
    let mut wanted = BTreeSet::new();
    for observed in &inputs.trust_roots {
        let Ok(root) = parse_trust_root(&observed.spec) else { continue };
        wanted.extend(texts(&root).into_iter().map(|text| located(text, &observed.name.namespace).0));
    }
    for observed in &inputs.validators {
        let namespace = &observed.name.namespace;
        let Ok(validator) = parse_validator(&observed.spec, &observed.name, &inputs.operator_namespace) else { continue };
        for (_, host) in validator.reached() {
            wanted.extend(host.credentials.iter().map(|name| secret(namespace, name)));
            wanted.extend(host.ca_bundle.iter().map(|text| located(text, namespace).0));
        }
    }
    wanted
}

/// Splits what is wanted into what is watched and what is beyond the cap of its namespace.
pub fn capped(wanted: BTreeSet<SourceRef>) -> (BTreeSet<SourceRef>, BTreeSet<SourceRef>) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    wanted.into_iter().partition(|source| {
        let count = counts.entry(source.name.namespace.clone()).or_default();
        *count += 1;
        *count <= MOST_SOURCES
    })
}

pub(super) fn secret(namespace: &str, name: &str) -> SourceRef {
    SourceRef { kind: SourceKind::Secret, name: ObjectName::new(namespace, name) }
}

fn of_key(key: &TrustedKeySource) -> Option<&TextSource> {
    match &key.source {
        KeySource::Read(text) => Some(text),
        KeySource::Written(_) | KeySource::NotaryId(_) => None,
    }
}

fn of_authority(authority: &AuthoritySource) -> Option<&TextSource> {
    match &authority.source {
        CertificateSource::Read(text) => Some(text),
        CertificateSource::Written(_) => None,
    }
}

fn texts(root: &TrustRootSource) -> Vec<&TextSource> {
    match root {
        TrustRootSource::Keys(keys) => keys.iter().filter_map(of_key).collect(),
        TrustRootSource::Authorities(authorities) => authorities.iter().filter_map(of_authority).collect(),
    }
}

/// The object and key that a source points at.
fn located<'a>(source: &'a TextSource, namespace: &str) -> (SourceRef, &'a KeyReference) {
    let (kind, reference) = match source {
        TextSource::Secret(reference) => (SourceKind::Secret, reference),
        TextSource::ConfigMap(reference) => (SourceKind::ConfigMap, reference),
    };
    (SourceRef { kind, name: ObjectName::new(namespace, &reference.name) }, reference)
}

/// The whole content of a source.
pub(super) fn read<'a>(inputs: &'a Inputs, wanted: &SourceRef) -> Result<&'a SourceData, Cause> {
    let (kind, name) = (wanted.kind.as_str(), wanted.name.clone());
    match inputs.sources.get(wanted) {
        Some(Source::Found(data)) => Ok(data),
        Some(Source::Missing) => Err(Cause::Missing { kind, name }),
        Some(Source::Beyond) => Err(Cause::TooManySources(MOST_SOURCES)),
        Some(Source::Forbidden) => {
            let role = if name.namespace == inputs.operator_namespace { OWN_ROLE } else { TENANT_ROLE };
            Err(Cause::Forbidden { kind, name, role })
        }
        None => Err(Cause::NotYetRead { kind, name }),
    }
}

/// The text under a key of a source.
pub(super) fn read_text<'a>(inputs: &'a Inputs, source: &TextSource, namespace: &str) -> Result<&'a str, Cause> {
    let (wanted, KeyReference { name: _, key }) = located(source, namespace);
    let bytes = read(inputs, &wanted)?.data.get(key);
    let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.ok_or_else(|| Cause::MissingKey { kind: wanted.kind.as_str(), name: wanted.name, key: key.clone() })
}
