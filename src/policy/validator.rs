//! The parser of `Validator` specs.

mod notary_v1;

use serde_json::Value;
use url::Url;

pub use self::notary_v1::{NotarySource, ServerSource};

use super::name::is_dns_name;
use super::trust_root::{duplicates, list_problems, shape, text_source};
use super::{Cause, NameError, ObjectName, Problem, TextSource};
use crate::crd::{CaBundleSource, Cosign, RegistryHost, RegistrySettings, ValidatorSpec};

const MAX_TRUST_ROOTS: usize = 64;
const MAX_HOSTS: usize = 64;

/// A validator as it is written, its references not resolved yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatorSource {
    /// Trust roots that count when a rule names none.
    pub trust_roots: Vec<ObjectName>,
    /// Whether tenants may use it.
    pub shared: bool,
    /// Whether the pod's own pull secrets are used too.
    pub pod_pull_secrets: bool,
    /// Settings per registry host.
    pub hosts: Vec<HostSource>,
    /// The way of signing.
    pub scheme: SchemeSource,
}

/// The settings of one way of signing.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemeSource {
    /// cosign.
    Cosign {
        /// Where signatures are, when not beside the image.
        signature_repository: Option<oci::Repository>,
    },
    /// Notary v1.
    NotaryV1(NotarySource),
}

impl ValidatorSource {
    /// The hosts that are reached, each with where it is written. A trust server that is spelled out is the only one.
    pub fn reached(&self) -> Vec<(String, &HostSource)> {
        if let SchemeSource::NotaryV1(NotarySource { server: Some(server), .. }) = &self.scheme {
            return vec![("spec.notaryV1".to_owned(), &server.settings)];
        }
        self.hosts.iter().enumerate().map(|(i, host)| (format!("spec.registry.hosts[{i}]"), host)).collect()
    }
}

/// Settings for one host as they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSource {
    /// The host.
    pub host: oci::Host,
    /// A Secret of the validator's namespace.
    pub credentials: Option<String>,
    /// Where the CA bundle is.
    pub ca_bundle: Option<TextSource>,
    /// Token servers that may receive the credentials.
    pub token_realms: Vec<Url>,
    /// Speak http.
    pub plain_http: bool,
}

/// Reads a `Validator`'s spec.
pub(crate) fn parse(spec: &Value, name: &ObjectName, operator_namespace: &str) -> Result<ValidatorSource, Vec<Problem>> {
    let ValidatorSpec { trust_roots, shared, registry, cosign, notary_v1 } = shape(spec, "spec")?;
    let mut problems = Vec::new();
    if shared && name.namespace != operator_namespace {
        problems.push(Problem::new("spec.shared", Cause::OperatorNamespaceOnly));
    }
    let trust_roots = match trust_roots {
        None => vec![],
        Some(written) => names("spec.trustRoots", &written, &name.namespace, operator_namespace, &mut problems),
    };
    let RegistrySettings { pod_pull_secrets, hosts: written } = registry.unwrap_or_default();
    if written.len() > MAX_HOSTS {
        problems.push(Problem::new("spec.registry.hosts", Cause::TooMany(MAX_HOSTS)));
    }
    let mut hosts = Vec::new();
    for (i, host) in written.into_iter().enumerate() {
        match read_host(host, &format!("spec.registry.hosts[{i}]")) {
            Ok(host) => hosts.push(host),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(duplicates("spec.registry.hosts", hosts.iter().map(|host| host.host.as_str())));
    let scheme = match (cosign, notary_v1) {
        (Some(cosign), None) => read_cosign(cosign).map_err(|problem| vec![problem]),
        (None, Some(notary)) => notary_v1::read(notary).map(SchemeSource::NotaryV1),
        _ => Err(vec![Problem::new("spec", Cause::ExactlyOne("cosign and notaryV1"))]),
    };
    let scheme = scheme.map_err(|found| problems.extend(found)).ok();
    if let Some(SchemeSource::NotaryV1(notary)) = &scheme {
        problems.extend(notary_v1::unused_registry(notary, pod_pull_secrets, &hosts));
    }
    match scheme {
        Some(scheme) if problems.is_empty() => Ok(ValidatorSource { trust_roots, shared, pod_pull_secrets, hosts, scheme }),
        _ => Err(problems),
    }
}

fn read_cosign(Cosign { signature_repository }: Cosign) -> Result<SchemeSource, Problem> {
    let problem = |_| Problem::new("spec.cosign.signatureRepository", Cause::NotA("a repository such as registry.example.com/signatures"));
    let signature_repository = signature_repository.map(|written| written.parse().map_err(problem)).transpose()?;
    Ok(SchemeSource::Cosign { signature_repository })
}

fn read_host(written: RegistryHost, path: &str) -> Result<HostSource, Vec<Problem>> {
    let RegistryHost { host, credentials_ref, ca_bundle, token_realms, plain_http } = written;
    let mut problems = Vec::new();
    let host = host.parse::<oci::Host>();
    if host.is_err() {
        problems.push(Problem::new(format!("{path}.host"), Cause::NotA("a literal host[:port]")));
    }
    let ca_bundle =
        ca_bundle.and_then(|written| read_ca(written, &format!("{path}.caBundle")).map_err(|problem| problems.push(problem)).ok());
    if credentials_ref.as_ref().is_some_and(|reference| !is_dns_name(&reference.name)) {
        let cause = Cause::Name(NameError::Malformed);
        problems.push(Problem::new(format!("{path}.credentialsRef.name"), cause));
    }
    let mut realms = Vec::new();
    for (i, realm) in token_realms.iter().enumerate() {
        match realm.parse::<Url>() {
            Ok(url) if url.scheme() == "https" && url.username().is_empty() && url.password().is_none() => realms.push(url),
            _ => problems.push(Problem::new(format!("{path}.tokenRealms[{i}]"), Cause::NotA("an https URL without user information"))),
        }
    }
    if plain_http && credentials_ref.is_some() {
        problems.push(Problem::new(
            format!("{path}.credentialsRef"),
            Cause::Meaningless("with plainHTTP, or a server that speaks http: credentials are never sent over it"),
        ));
    }
    if plain_http && ca_bundle.is_some() {
        problems.push(Problem::new(format!("{path}.caBundle"), Cause::Meaningless("with plainHTTP, or a server that speaks http")));
    }
    if credentials_ref.is_none() && !realms.is_empty() {
        problems.push(Problem::new(format!("{path}.tokenRealms"), Cause::Meaningless("without credentialsRef")));
    }
    match host {
        Ok(host) if problems.is_empty() => Ok(HostSource {
            host,
            credentials: credentials_ref.map(|reference| reference.name),
            ca_bundle,
            token_realms: realms,
            plain_http,
        }),
        _ => Err(problems),
    }
}

fn read_ca(written: CaBundleSource, path: &str) -> Result<TextSource, Problem> {
    let CaBundleSource { config_map_key_ref, secret_key_ref } = written;
    let source = text_source(secret_key_ref, config_map_key_ref, path)?;
    source.ok_or_else(|| Problem::new(path, Cause::ExactlyOne("configMapKeyRef and secretKeyRef")))
}

/// Reads a list of object names: not empty, all readable, none twice.
pub(super) fn names(
    path: &str,
    written: &[String],
    namespace: &str,
    operator_namespace: &str,
    problems: &mut Vec<Problem>,
) -> Vec<ObjectName> {
    problems.extend(list_problems(path, written.len(), MAX_TRUST_ROOTS));
    let mut names = Vec::new();
    for (i, text) in written.iter().enumerate() {
        match ObjectName::resolve(text, namespace, operator_namespace) {
            Ok(name) if names.contains(&name) => problems.push(Problem::new(path, Cause::Duplicate(text.clone()))),
            Ok(name) => names.push(name),
            Err(error) => problems.push(Problem::new(format!("{path}[{i}]"), Cause::Name(error))),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn read(namespace: &str, spec: &Value) -> Result<ValidatorSource, Vec<String>> {
        parse(spec, &ObjectName::new(namespace, "release"), "bonafide-system")
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_scheme_is_needed() {
        assert_eq!(read("shop", &json!({})).unwrap_err(), ["spec: needs exactly one of cosign and notaryV1"]);
        assert!(read("shop", &json!({"cosign": {}})).is_ok());
    }

    #[test]
    fn only_the_operator_namespace_shares() {
        assert_eq!(
            read("shop", &json!({"cosign": {}, "shared": true})).unwrap_err(),
            ["spec.shared: can only be set in the operator namespace"]
        );
        assert!(read("bonafide-system", &json!({"cosign": {}, "shared": true})).is_ok());
    }

    #[test]
    fn credentials_beside_plain_http_are_refused() {
        let spec =
            json!({"cosign": {}, "registry": {"hosts": [{"host": "r.example.com", "plainHTTP": true, "credentialsRef": {"name": "c"}}]}});
        assert!(read("shop", &spec).unwrap_err()[0].starts_with("spec.registry.hosts[0].credentialsRef: means nothing with plainHTTP"));
    }

    #[test]
    fn hosts_are_literal_and_named_once() {
        let spec = json!({"cosign": {}, "registry": {"hosts": [{"host": "*.example.com"}]}});
        assert_eq!(read("shop", &spec).unwrap_err(), ["spec.registry.hosts[0].host: is not a literal host[:port]"]);
        let spec = json!({"cosign": {}, "registry": {"hosts": [{"host": "R.example.com:443"}, {"host": "r.example.com"}]}});
        assert_eq!(read("shop", &spec).unwrap_err(), ["spec.registry.hosts: \"r.example.com\" is there twice"]);
    }

    #[test]
    fn token_realms_are_https() {
        let host = json!({"host": "r.example.com", "credentialsRef": {"name": "c"}, "tokenRealms": ["http://auth.example.com/token"]});
        let spec = json!({"cosign": {}, "registry": {"hosts": [host]}});
        assert!(read("shop", &spec).unwrap_err()[0].starts_with("spec.registry.hosts[0].tokenRealms[0]"));
    }

    #[test]
    fn an_empty_list_of_trust_roots_is_refused() {
        assert_eq!(read("shop", &json!({"cosign": {}, "trustRoots": []})).unwrap_err(), ["spec.trustRoots: must not be empty"]);
    }
}
