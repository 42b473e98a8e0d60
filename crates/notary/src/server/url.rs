//! Where a trust server is.
//!
//! Invariant: a [`ServerUrl`] is an http or https URL of a host, without user information, query and fragment; equal
//! servers have equal text.

use std::fmt;
use std::str::FromStr;

use oci::Host;
use url::Url;

use crate::fetch::FileName;
use crate::name::Gun;

/// The base of a server's API: `https://notary.example.com:4443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUrl {
    url: Url,
    host: Host,
}

/// The text is no address of a trust server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trust server is an http or https URL without user information, query and fragment")]
pub struct ServerUrlError;

impl ServerUrl {
    /// Where the trust data of this registry's repositories is when nobody says otherwise, as `docker` has it.
    pub fn of_registry(registry: &Host) -> Result<ServerUrl, ServerUrlError> {
        let host = if registry.is_docker_hub() { "notary.docker.io" } else { registry.as_str() };
        format!("https://{host}").parse()
    }

    /// The host whose settings hold for the server.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it is spoken to without TLS.
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// A GUN and the name of a file hold no character that means anything in a URL.
    pub(super) fn file(&self, gun: &Gun, file: &FileName) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/v2/{gun}/_trust/tuf/{file}", self.path()));
        url
    }

    fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<ServerUrl, ServerUrlError> {
        let mut url = Url::parse(text).map_err(|_| ServerUrlError)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(ServerUrlError);
        }
        let name = url.host_str().ok_or(ServerUrlError)?;
        let authority = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let host = authority.parse().map_err(|_| ServerUrlError)?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(ServerUrl { url, host })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::{ServerUrl, ServerUrlError};
    use crate::fetch::{At, FileName};
    use crate::name::Role;

    fn parse(text: &str) -> Result<ServerUrl, ServerUrlError> {
        text.parse()
    }

    #[test]
    fn one_server_has_one_text() {
        for text in ["https://Notary.example.com", "https://notary.example.com:443/", "https://notary.example.com//"] {
            assert_eq!(parse(text).unwrap().to_string(), "https://notary.example.com", "{text}");
        }
        assert_eq!(parse("https://a.io/trust/").unwrap().to_string(), "https://a.io/trust");
    }

    #[test]
    fn what_could_carry_a_secret_or_lead_elsewhere_is_no_server() {
        for text in
            ["", "notary.example.com", "ftp://a.io", "https://u:p@a.io", "https://u@a.io", "https://a.io?x", "https://a.io#x", "https://"]
        {
            assert_eq!(parse(text), Err(ServerUrlError), "{text}");
        }
    }

    #[test]
    fn a_registry_has_its_trust_data_on_its_own_host_and_docker_hub_elsewhere() {
        let of = |host: &str| ServerUrl::of_registry(&host.parse().unwrap()).unwrap().to_string();
        assert_eq!(of("reg.example.com:5000"), "https://reg.example.com:5000");
        assert_eq!(of("index.docker.io"), "https://notary.docker.io");
    }

    #[test]
    fn a_file_is_below_the_path_of_the_server() {
        let file = FileName::new(Role::Root, At::Newest);
        let url = parse("https://a.io/trust").unwrap().file(&"reg.example:5000/a/b".parse().unwrap(), &file);
        assert_eq!(url.as_str(), "https://a.io/trust/v2/reg.example:5000/a/b/_trust/tuf/root.json");
    }
}
