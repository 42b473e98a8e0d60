//! What one set of settings grants: plain HTTP, CA bundles and credentials, each to the host it was given for.
//!
//! Boundary: plain data, compiled by the caller; nothing is read from the environment or from disk. Invariant: no
//! grant reaches a host or repository beside the one that was named, and no `Debug` output shows a secret.

mod ca_bundle;
mod credential;
mod docker_config;
mod keyring;

use std::collections::BTreeMap;

use url::Url;

use self::credential::Hasher;
pub use self::{
    ca_bundle::{CaBundle, CaBundleError},
    credential::Credential,
    docker_config::DockerConfigError,
    keyring::Keyring,
};
use crate::Host;

/// Everything that a session may use beyond public HTTPS.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Settings per literal host.
    pub hosts: BTreeMap<Host, HostSettings>,
    /// Credentials found in pull secrets.
    pub keyring: Keyring,
}

/// The settings of one host; they hold for every connection to it, as registry, token server or redirect target.
#[derive(Debug, Clone, Default)]
pub struct HostSettings {
    /// Speak HTTP without TLS; credentials are then never sent.
    pub plain_http: bool,
    /// Replaces the public roots for this host.
    pub ca_bundle: Option<CaBundle>,
    /// Token endpoints on other hosts that may receive this host's credentials: same origin and path.
    pub token_realms: Vec<Url>,
    /// Tried before those of the keyring.
    pub credential: Option<Credential>,
}

impl Access {
    /// A hash over everything, secrets included: two sets with one fingerprint grant the same.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Hasher::new();
        hasher.count(self.hosts.len());
        for (host, settings) in &self.hosts {
            hasher.text(host.as_str());
            settings.hash_into(&mut hasher);
        }
        self.keyring.hash_into(&mut hasher);
        hasher.finish()
    }

    /// The settings of a host, if any were given.
    pub(crate) fn settings(&self, host: &Host) -> Option<&HostSettings> {
        self.hosts.get(host)
    }

    /// The settings that hold for the host of `url`.
    pub(crate) fn settings_for(&self, url: &Url) -> Option<&HostSettings> {
        Host::of_url(url).iter().find_map(|host| self.settings(host))
    }

    /// Whether this host is to be reached over plain HTTP.
    pub(crate) fn plain_http(&self, host: &Host) -> bool {
        self.settings(host).is_some_and(|settings| settings.plain_http)
    }

    /// The credentials for a name on a host in the order in which to try them; none at all over plain HTTP.
    pub(crate) fn credentials(&self, host: &Host, path: &str) -> Vec<&Credential> {
        if self.plain_http(host) {
            return Vec::new();
        }
        let own = self.settings(host).and_then(|settings| settings.credential.as_ref());
        own.into_iter().chain(self.keyring.serving(host, path)).collect()
    }
}

impl HostSettings {
    // Without `..`, so that a new field cannot be forgotten.
    fn hash_into(&self, hasher: &mut Hasher) {
        let Self { plain_http, ca_bundle, token_realms, credential } = self;
        hasher.count(usize::from(*plain_http));
        hasher.optional(ca_bundle.as_ref(), |hasher, bundle| hasher.bytes(&bundle.fingerprint()));
        hasher.count(token_realms.len());
        for realm in token_realms {
            hasher.text(realm.as_str());
        }
        hasher.optional(credential.as_ref(), |hasher, credential| credential.hash_into(hasher));
    }
}

#[cfg(test)]
mod tests;
