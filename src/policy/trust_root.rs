//! The parser of `TrustRoot` specs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::name::is_dns_name;
use super::{Cause, NameError, Problem};
use crate::crd::{KeyReference, TrustKey, TrustRootSpec};

const MAX_KEYS: usize = 16;

/// A trust root as it is written, its references not resolved yet.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustRootSource {
    /// Its keys, in order, never empty, with unique names.
    pub keys: Vec<TrustedKeySource>,
}

/// One key as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedKeySource {
    /// Its name.
    pub name: String,
    /// The key itself, or where it is.
    pub source: KeySource,
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum KeySource {
    /// Written out in the object.
    Written(cosign::PublicKey),
    /// A Secret of the same namespace.
    Secret(KeyReference),
    /// A `ConfigMap` of the same namespace.
    ConfigMap(KeyReference),
}

/// Reads a `TrustRoot`'s spec.
pub(crate) fn parse(spec: &Value) -> Result<TrustRootSource, Vec<Problem>> {
    let TrustRootSpec { keys } = shape(spec, "spec")?;
    let written = keys.ok_or_else(|| vec![Problem::new("spec", Cause::ExactlyOne("keys"))])?;
    let mut problems = list_problems("spec.keys", written.len(), MAX_KEYS);
    problems.extend(duplicates("spec.keys", written.iter().map(|key| key.name.as_str())));
    let mut keys = Vec::new();
    for (i, key) in written.into_iter().enumerate() {
        match read_key(key, &format!("spec.keys[{i}]")) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(TrustRootSource { keys }) } else { Err(problems) }
}

fn read_key(written: TrustKey, path: &str) -> Result<TrustedKeySource, Problem> {
    let TrustKey { name, pem, secret_key_ref, config_map_key_ref } = written;
    if name.is_empty() {
        return Err(Problem::new(format!("{path}.name"), Cause::Empty));
    }
    let source = match (pem, secret_key_ref, config_map_key_ref) {
        (Some(pem), None, None) => {
            let key = cosign::PublicKey::from_pem(&pem).map_err(|error| Problem::new(format!("{path}.pem"), Cause::Key(error)))?;
            KeySource::Written(key)
        }
        (None, Some(reference), None) => KeySource::Secret(named(reference, &format!("{path}.secretKeyRef"))?),
        (None, None, Some(reference)) => KeySource::ConfigMap(named(reference, &format!("{path}.configMapKeyRef"))?),
        _ => return Err(Problem::new(path, Cause::ExactlyOne("pem, secretKeyRef and configMapKeyRef"))),
    };
    Ok(TrustedKeySource { name, source })
}

/// A reference whose name Kubernetes could hold.
pub(super) fn named(reference: KeyReference, path: &str) -> Result<KeyReference, Problem> {
    let is_name = is_dns_name(&reference.name);
    if is_name { Ok(reference) } else { Err(Problem::new(format!("{path}.name"), Cause::Name(NameError::Malformed))) }
}

/// Gives a JSON value its schema's shape; unknown fields are refused here, because the API server keeps them.
pub(super) fn shape<T: serde::de::DeserializeOwned>(value: &Value, path: &str) -> Result<T, Vec<Problem>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = if inner == "." { path.to_owned() } else { format!("{path}.{inner}") };
        vec![Problem::new(path, Cause::Shape(error.inner().to_string()))]
    })
}

pub(super) fn list_problems(path: &str, len: usize, most: usize) -> Vec<Problem> {
    match len {
        0 => vec![Problem::new(path, Cause::Empty)],
        _ if len > most => vec![Problem::new(path, Cause::TooMany(most))],
        _ => vec![],
    }
}

pub(super) fn duplicates<'a>(path: &str, names: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).map(|name| Problem::new(path, Cause::Duplicate(name.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn refused(spec: &Value) -> Vec<String> {
        parse(spec).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_trust_root_is_refused() {
        assert_eq!(refused(&json!({"keys": []})), ["spec.keys: must not be empty"]);
        assert_eq!(refused(&json!({})), ["spec: needs exactly one of keys"]);
    }

    #[test]
    fn more_than_sixteen_keys_are_refused() {
        let keys =
            |count: usize| json!({"keys": (0..count).map(|number| json!({"name": format!("k{number}"), "pem": "x"})).collect::<Vec<_>>()});
        assert!(refused(&keys(17)).iter().any(|problem| problem.starts_with("spec.keys: ")), "{:?}", refused(&keys(17)));
        assert!(parse(&keys(16)).map_or_else(|problems| problems.iter().all(|problem| problem.path != "spec.keys"), |_| true));
    }

    #[test]
    fn a_misspelt_field_is_refused_with_its_path() {
        let [problem] = &refused(&json!({"keys": [{"name": "a", "perm": "x"}]}))[..] else { unreachable!() };
        assert!(problem.starts_with("spec.keys[0].perm: unknown field `perm`"), "{problem}");
    }

    #[test]
    fn a_key_has_one_source() {
        let reference = json!({"name": "s", "key": "k"});
        assert_eq!(
            refused(&json!({"keys": [{"name": "a", "secretKeyRef": reference, "configMapKeyRef": reference}]})),
            ["spec.keys[0]: needs exactly one of pem, secretKeyRef and configMapKeyRef"]
        );
    }

    #[test]
    fn a_reference_names_what_can_exist() {
        assert_eq!(
            refused(&json!({"keys": [{"name": "a", "secretKeyRef": {"name": "a,b c", "key": "k"}}]})),
            ["spec.keys[0].secretKeyRef.name: not an object name (lower-case letters, digits, '-' and '.')"]
        );
    }

    #[test]
    fn key_names_are_unique() {
        let key = json!({"name": "a", "secretKeyRef": {"name": "s", "key": "k"}});
        assert_eq!(refused(&json!({"keys": [key, key]})), ["spec.keys: \"a\" is there twice"]);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(refused(&json!({"keys": [{"name": "a", "pem": "hello"}]}))[0].starts_with("spec.keys[0].pem: "));
    }
}
