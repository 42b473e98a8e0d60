//! Secrets and `ConfigMap`s that objects name: which ones, and what is in them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Inputs, Source, SourceData, SourceKind, SourceRef};
use crate::crd::KeyReference;
use crate::policy::{Cause, KeySource, ObjectName, parse_trust_root, parse_validator};

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
        wanted.extend(root.keys.iter().filter_map(|key| reference(&key.source, &observed.name.namespace)));
    }
    for observed in &inputs.validators {
        let namespace = &observed.name.namespace;
        let Ok(validator) = parse_validator(&observed.spec, &observed.name, &inputs.operator_namespace) else { continue };
        for host in &validator.hosts {
            wanted.extend(host.credentials.iter().map(|name| secret(namespace, name)));
            wanted.extend(host.ca_bundle.iter().filter_map(|ca| reference(&ca.source, namespace)));
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

fn reference(source: &KeySource, namespace: &str) -> Option<SourceRef> {
    located(source, namespace).map(|(source, _)| source)
}

/// The object and key that a source points at.
fn located<'a>(source: &'a KeySource, namespace: &str) -> Option<(SourceRef, &'a KeyReference)> {
    let (kind, reference) = match source {
        KeySource::Written(_) => return None,
        KeySource::Secret(reference) => (SourceKind::Secret, reference),
        KeySource::ConfigMap(reference) => (SourceKind::ConfigMap, reference),
    };
    Some((SourceRef { kind, name: ObjectName::new(namespace, &reference.name) }, reference))
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
pub(super) fn read_text<'a>(inputs: &'a Inputs, source: &KeySource, namespace: &str) -> Result<Option<&'a str>, Cause> {
    let Some((wanted, KeyReference { name: _, key })) = located(source, namespace) else { return Ok(None) };
    let bytes = read(inputs, &wanted)?.data.get(key);
    let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| Cause::MissingKey { kind: wanted.kind.as_str(), name: wanted.name, key: key.clone() })
}
