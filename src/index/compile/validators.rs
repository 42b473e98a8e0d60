//! Validators with their registry settings read.

use std::collections::BTreeMap;

use oci::{Access, CaBundle, Credential, Grants, HostSettings, Keyring};

use super::super::{Finding, Inputs, Readiness, SourceData};
use super::in_order;
use super::sources::{read, read_text, secret};
use super::trust_roots::{TrustRoots, Unreadiness};
use crate::policy::{
    Cause, HostSource, Kind, NotarySource, ObjectName, Observed, Problem, RegistryAccess, SchemeSource, ServerSource, parse_validator,
};

/// Every validator that exists; the unusable ones are known, too.
pub(super) struct Validators(BTreeMap<ObjectName, Result<CompiledValidator, Unreadiness>>);

/// A validator that can be used.
pub(super) struct CompiledValidator {
    pub(super) trust_roots: Vec<ObjectName>,
    pub(super) scheme: SchemeSource,
    shared: bool,
    /// How registries are reached; for Notary v1 its servers.
    own: RegistryAccess,
    /// The same without credentials: what tenants get of a shared validator.
    lent: RegistryAccess,
}

impl Validators {
    pub(super) fn compile(inputs: &Inputs, trust_roots: &TrustRoots, findings: &mut Vec<Finding>) -> Self {
        let mut validators = BTreeMap::new();
        for observed in in_order(&inputs.validators) {
            let compiled = compile(inputs, observed, trust_roots);
            let readiness = Readiness::of(compiled.as_ref().err().cloned().unwrap_or_default());
            let validator = compiled.map_err(|_| Unreadiness::of(&readiness).unwrap_or(Unreadiness::Unusable));
            findings.push(Finding {
                kind: Kind::Validator,
                object: observed.name.clone(),
                generation: observed.generation,
                readiness,
                warnings: vec![],
                keys: vec![],
            });
            validators.insert(observed.name.clone(), validator);
        }
        Self(validators)
    }

    /// A validator that a policy of this namespace may use, with the registry access that it gets.
    pub(super) fn get(&self, name: &ObjectName, namespace: &str) -> Result<(&CompiledValidator, RegistryAccess), Cause> {
        match self.0.get(name) {
            None => Err(Cause::Missing { kind: Kind::Validator.as_str(), name: name.clone() }),
            Some(Err(unready)) => Err(unready.cause(Kind::Validator, name)),
            Some(Ok(validator)) if name.namespace == namespace => Ok((validator, validator.own.clone())),
            Some(Ok(validator)) if validator.shared => Ok((validator, validator.lent.clone())),
            Some(Ok(_)) => Err(Cause::NotShared(name.clone())),
        }
    }
}

fn compile(inputs: &Inputs, observed: &Observed, trust_roots: &TrustRoots) -> Result<CompiledValidator, Vec<Problem>> {
    let namespace = &observed.name.namespace;
    let source = parse_validator(&observed.spec, &observed.name, &inputs.operator_namespace)?;
    let mut problems = Vec::new();
    for (i, name) in source.trust_roots.iter().enumerate() {
        if let Err(cause) = trust_roots.get(name) {
            problems.push(Problem::new(format!("spec.trustRoots[{i}]"), cause));
        }
    }
    let mut hosts = BTreeMap::new();
    let mut keyring = Keyring::default();
    for (path, host) in source.reached() {
        match read_host(inputs, host, namespace, &path, &mut keyring) {
            Ok(settings) => {
                hosts.insert(host.host.clone(), settings);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let SchemeSource::NotaryV1(NotarySource { server: Some(server), .. }) = &source.scheme {
        reach_token_servers(server, &mut hosts);
    }
    let lent = Access { hosts: hosts.iter().map(|(host, settings)| (host.clone(), lend(settings))).collect(), keyring: Keyring::default() };
    let access = |access| RegistryAccess { grants: Grants::new(access), pod_pull_secrets: source.pod_pull_secrets };
    Ok(CompiledValidator {
        trust_roots: source.trust_roots,
        scheme: source.scheme,
        shared: source.shared,
        own: access(Access { hosts, keyring }),
        lent: access(lent),
    })
}

/// The token servers that a trust server lists are of its own authority; nowhere else could another one be written for them.
fn reach_token_servers(server: &ServerSource, hosts: &mut BTreeMap<oci::Host, HostSettings>) {
    let ca_bundle = hosts.get(server.url.host()).and_then(|settings| settings.ca_bundle.clone());
    for host in server.settings.token_realms.iter().flat_map(oci::Host::of_url) {
        hosts.entry(host).or_insert_with(|| HostSettings { ca_bundle: ca_bundle.clone(), ..HostSettings::default() });
    }
}

fn lend(settings: &HostSettings) -> HostSettings {
    HostSettings { credential: None, token_realms: vec![], ..settings.clone() }
}

fn read_host(inputs: &Inputs, host: &HostSource, namespace: &str, path: &str, keyring: &mut Keyring) -> Result<HostSettings, Problem> {
    let HostSource { host: name, credentials, ca_bundle, token_realms, plain_http } = host;
    let ca_bundle = match ca_bundle {
        None => None,
        Some(source) => {
            let problem = |cause| Problem::new(format!("{path}.caBundle"), cause);
            let pem = read_text(inputs, source, namespace).map_err(problem)?;
            Some(CaBundle::from_pem(pem).map_err(|error| problem(Cause::CaBundle(error)))?)
        }
    };
    let mut credential = None;
    if let Some(secret_name) = credentials {
        let wanted = secret(namespace, secret_name);
        let problem = |cause| Problem::new(format!("{path}.credentialsRef"), cause);
        let data = read(inputs, &wanted).map_err(problem)?;
        match read_credentials(data) {
            Some(Given::Single(single)) => credential = Some(single),
            // Only what the Secret holds for this host: its other entries were not given for anything here.
            Some(Given::Keyring(entries)) => keyring.merge(entries.only_for(name)),
            None => return Err(problem(Cause::Credentials(wanted.name))),
        }
    }
    Ok(HostSettings { plain_http: *plain_http, ca_bundle, token_realms: token_realms.clone(), credential })
}

enum Given {
    Single(Credential),
    Keyring(Keyring),
}

/// Reads a Secret of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/basic-auth`; no other was made for this.
fn read_credentials(SourceData { secret_type, data }: &SourceData) -> Option<Given> {
    let text = |key: &str| data.get(key).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    match secret_type.as_deref()? {
        "kubernetes.io/dockerconfigjson" => Keyring::from_docker_config(data.get(".dockerconfigjson")?).ok().map(Given::Keyring),
        "kubernetes.io/basic-auth" => Some(Given::Single(Credential::Basic { username: text("username")?, password: text("password")? })),
        _ => None,
    }
}
