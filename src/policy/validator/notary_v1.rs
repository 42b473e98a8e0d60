//! The settings of Notary v1.

use std::num::NonZeroU64;
use std::time::Duration;

use notary::ServerUrl;
use url::Url;

use super::{HostSource, credentials_problem, read_ca, read_realms};
use crate::crd::{Deciding, NotaryV1};
use crate::policy::{Cause, Problem, TextSource};

const PATH: &str = "spec.notaryV1";
const DEFAULT_REFRESH: u32 = 30;
const LONGEST_REFRESH: u32 = 3600;

/// How trust data is found and read, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct NotarySource {
    /// The server that is spelled out; absent means the host of the image.
    pub server: Option<ServerSource>,
    /// Which role decides.
    pub deciding: notary::Deciding,
    /// The lowest version of the root that is accepted.
    pub minimum_root_version: Option<NonZeroU64>,
    /// For how long trust data is used before the server is asked again.
    pub refresh: Duration,
}

/// A server that is spelled out.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSource {
    /// Where it is.
    pub url: ServerUrl,
    /// A Secret of the validator's namespace.
    pub credentials: Option<String>,
    /// Where the CA bundle is.
    pub ca_bundle: Option<TextSource>,
    /// Token servers that may receive the credentials.
    pub token_realms: Vec<Url>,
}

pub(super) fn read(written: NotaryV1) -> Result<NotarySource, Vec<Problem>> {
    let NotaryV1 { server, ca_bundle, credentials_ref, token_realms, deciding, minimum_root_version, refresh_seconds } = written;
    let mut problems = Vec::new();
    let at = |field: &str| format!("{PATH}.{field}");
    let url = server.and_then(|text| text.parse::<ServerUrl>().map_err(|_| problems.push(Problem::new(at("server"), not_a_server()))).ok());
    let ca_bundle = ca_bundle.and_then(|written| read_ca(written, &at("caBundle")).map_err(|problem| problems.push(problem)).ok());
    problems.extend(credentials_problem(credentials_ref.as_ref(), PATH));
    let token_realms = read_realms(&token_realms, PATH, &mut problems);
    let given = [("caBundle", ca_bundle.is_some()), ("credentialsRef", credentials_ref.is_some())];
    for (field, _) in given.into_iter().filter(|(_, given)| *given) {
        match &url {
            None => problems.push(Problem::new(at(field), Cause::Meaningless("without server"))),
            Some(url) if url.is_plain_http() => {
                problems.push(Problem::new(at(field), Cause::Meaningless("with a server that speaks http")));
            }
            Some(_) => {}
        }
    }
    if credentials_ref.is_none() && !token_realms.is_empty() {
        problems.push(Problem::new(at("tokenRealms"), Cause::Meaningless("without credentialsRef")));
    }
    let minimum_root_version = minimum_root_version.map(|version| NonZeroU64::new(version).ok_or(at("minimumRootVersion")));
    let minimum_root_version = minimum_root_version.transpose().unwrap_or_else(|path| {
        problems.push(Problem::new(path, Cause::NotA("a version: they begin at 1")));
        None
    });
    let refresh = refresh_seconds.unwrap_or(DEFAULT_REFRESH);
    if !(1..=LONGEST_REFRESH).contains(&refresh) {
        problems.push(Problem::new(at("refreshSeconds"), Cause::OutOfRange(3600)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let credentials = credentials_ref.map(|reference| reference.name);
    let server = url.map(|url| ServerSource { url, credentials, ca_bundle, token_realms });
    let deciding = match deciding {
        Deciding::Releases => notary::Deciding::Releases,
        Deciding::ReleasesThenTargets => notary::Deciding::ReleasesThenTargets,
    };
    Ok(NotarySource { server, deciding, minimum_root_version, refresh: Duration::from_secs(refresh.into()) })
}

fn not_a_server() -> Cause {
    Cause::NotA("an https URL (or http, where that is meant) without user information, query and fragment")
}

/// No registry is asked for trust data: its settings must not look as if they did something.
pub(super) fn unused_registry(notary: &NotarySource, pod_pull_secrets: bool, hosts: &[HostSource]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if pod_pull_secrets {
        problems.push(Problem::new("spec.registry.podPullSecrets", Cause::Meaningless("with notaryV1: no registry is asked")));
    }
    for (i, host) in hosts.iter().enumerate() {
        let path = format!("spec.registry.hosts[{i}]");
        if notary.server.is_some() {
            problems.push(Problem::new(path, Cause::Meaningless("with notaryV1.server: no registry is asked")));
        } else if host.credentials.is_some() || host.plain_http {
            let why = "with notaryV1: a server that is not spelled out is asked over https and without credentials";
            problems.push(Problem::new(path, Cause::Meaningless(why)));
        }
    }
    problems
}
