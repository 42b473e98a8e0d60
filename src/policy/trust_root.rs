//! The parser of `TrustRoot` specs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::name::is_dns_name;
use super::{Cause, NameError, Problem};
use crate::crd::{KeyReference, TrustAuthority, TrustCertificates, TrustKey, TrustRootSpec};

const MAX_KEYS: usize = 16;

/// A trust root as it is written, its references not resolved yet. Never empty; names are unique.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustRootSource {
    /// Its keys, in order.
    Keys(Vec<TrustedKeySource>),
    /// Authorities that certify root keys of Notary v1, in order.
    Authorities(Vec<AuthoritySource>),
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
    /// A root key of Notary v1, by its ID only.
    NotaryId(notary::KeyId),
    /// In another object.
    Read(TextSource),
}

/// Authorities as they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthoritySource {
    /// Their name.
    pub name: String,
    /// The certificates, or where they are.
    pub source: CertificateSource,
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq)]
pub enum CertificateSource {
    /// Written out in the object.
    Written(notary::Authorities),
    /// In another object.
    Read(TextSource),
}

/// A text in an object of the same namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum TextSource {
    /// A Secret.
    Secret(KeyReference),
    /// A `ConfigMap`.
    ConfigMap(KeyReference),
}

/// Reads a `TrustRoot`'s spec.
pub(crate) fn parse(spec: &Value) -> Result<TrustRootSource, Vec<Problem>> {
    let TrustRootSpec { keys, certificates } = shape(spec, "spec")?;
    match (keys, certificates) {
        (Some(keys), None) => {
            let names: Vec<_> = keys.iter().map(|key| key.name.clone()).collect();
            list(keys, &names, "spec.keys", read_key).map(TrustRootSource::Keys)
        }
        (None, Some(TrustCertificates { ca })) => {
            let names: Vec<_> = ca.iter().map(|authority| authority.name.clone()).collect();
            list(ca, &names, "spec.certificates.ca", read_authority).map(TrustRootSource::Authorities)
        }
        _ => Err(vec![Problem::new("spec", Cause::ExactlyOne("keys and certificates"))]),
    }
}

/// Reads a list of named entries: not empty, not too long, no name twice.
fn list<W, R>(written: Vec<W>, names: &[String], path: &str, read: impl Fn(W, &str) -> Result<R, Problem>) -> Result<Vec<R>, Vec<Problem>> {
    let mut problems = list_problems(path, written.len(), MAX_KEYS);
    problems.extend(duplicates(path, names.iter().map(String::as_str)));
    let empty = names.iter().enumerate().filter(|(_, name)| name.is_empty());
    problems.extend(empty.map(|(i, _)| Problem::new(format!("{path}[{i}].name"), Cause::Empty)));
    let mut entries = Vec::new();
    for (i, entry) in written.into_iter().enumerate() {
        match read(entry, &format!("{path}[{i}]")) {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn read_key(written: TrustKey, path: &str) -> Result<TrustedKeySource, Problem> {
    let TrustKey { name, pem, key_id, secret_key_ref, config_map_key_ref } = written;
    let source = match (pem, key_id, text_source(secret_key_ref, config_map_key_ref, path)?) {
        (Some(pem), None, None) => {
            let key = cosign::PublicKey::from_pem(&pem).map_err(|error| Problem::new(format!("{path}.pem"), Cause::Key(error)))?;
            KeySource::Written(key)
        }
        (None, Some(id), None) => {
            let id = id.parse().map_err(|_| Problem::new(format!("{path}.keyID"), Cause::NotA("a key ID of 64 hexadecimal digits")))?;
            KeySource::NotaryId(id)
        }
        (None, None, Some(source)) => KeySource::Read(source),
        _ => return Err(Problem::new(path, Cause::ExactlyOne("pem, keyID, secretKeyRef and configMapKeyRef"))),
    };
    Ok(TrustedKeySource { name, source })
}

fn read_authority(written: TrustAuthority, path: &str) -> Result<AuthoritySource, Problem> {
    let TrustAuthority { name, pem, secret_key_ref, config_map_key_ref } = written;
    let source = match (pem, text_source(secret_key_ref, config_map_key_ref, path)?) {
        (Some(pem), None) => {
            let problem = |error| Problem::new(format!("{path}.pem"), Cause::Authorities(error));
            CertificateSource::Written(notary::Authorities::from_pem(&pem).map_err(problem)?)
        }
        (None, Some(source)) => CertificateSource::Read(source),
        _ => return Err(Problem::new(path, Cause::ExactlyOne("pem, secretKeyRef and configMapKeyRef"))),
    };
    Ok(AuthoritySource { name, source })
}

/// Where a text is, when it is elsewhere; both at once is too much.
pub(super) fn text_source(
    secret_key_ref: Option<KeyReference>,
    config_map_key_ref: Option<KeyReference>,
    path: &str,
) -> Result<Option<TextSource>, Problem> {
    match (secret_key_ref, config_map_key_ref) {
        (None, None) => Ok(None),
        (Some(reference), None) => Ok(Some(TextSource::Secret(named(reference, &format!("{path}.secretKeyRef"))?))),
        (None, Some(reference)) => Ok(Some(TextSource::ConfigMap(named(reference, &format!("{path}.configMapKeyRef"))?))),
        (Some(_), Some(_)) => Err(Problem::new(path, Cause::ExactlyOne("secretKeyRef and configMapKeyRef"))),
    }
}

/// A reference whose name Kubernetes could hold.
fn named(reference: KeyReference, path: &str) -> Result<KeyReference, Problem> {
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
        assert_eq!(refused(&json!({})), ["spec: needs exactly one of keys and certificates"]);
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
            ["spec.keys[0]: needs exactly one of secretKeyRef and configMapKeyRef"]
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
