//! The settings of Notary v1.

use std::num::NonZeroU64;
use std::time::Duration;

use notary::ServerUrl;

use super::{HostSource, read_host};
use crate::crd::{Deciding, NotaryV1, RegistryHost};
use crate::policy::{Cause, Problem};

const PATH: &str = "spec.notaryV1";
const DEFAULT_REFRESH: u32 = 30;
const LONGEST_REFRESH: u32 = 3600;

/// How trust data is found and read, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct NotarySource {
    /// The server that is spelled out; absent means the host of the image.
    pub server: Option<Box<ServerSource>>,
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
    /// How it is reached.
    pub settings: HostSource,
}

pub(super) fn read(written: NotaryV1) -> Result<NotarySource, Vec<Problem>> {
    let NotaryV1 { server, ca_bundle, credentials_ref, token_realms, deciding, minimum_root_version, refresh_seconds } = written;
    let mut problems = Vec::new();
    let at = |field: &str| format!("{PATH}.{field}");
    let given =
        [("caBundle", ca_bundle.is_some()), ("credentialsRef", credentials_ref.is_some()), ("tokenRealms", !token_realms.is_empty())];
    let server = match server.map(|text| text.parse::<ServerUrl>()) {
        Some(Err(_)) => {
            problems.push(Problem::new(at("server"), not_a_server()));
            None
        }
        Some(Ok(url)) => {
            let (host, plain_http) = (url.host().to_string(), url.is_plain_http());
            let written = RegistryHost { host, credentials_ref, ca_bundle, token_realms, plain_http };
            let settings = read_host(written, PATH).map_err(|found| problems.extend(found)).ok();
            settings.map(|settings| Box::new(ServerSource { url, settings }))
        }
        None => {
            let set = given.into_iter().filter(|(_, given)| *given);
            problems.extend(set.map(|(field, _)| Problem::new(at(field), Cause::Meaningless("without server"))));
            None
        }
    };
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
