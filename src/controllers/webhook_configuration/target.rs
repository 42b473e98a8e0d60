//! Where the API server reaches us.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use rustls::pki_types::ServerName;
use url::Url;

const SERVICE_PORT: i32 = 443;

/// The address in the webhook configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Service, at port 443.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// An operator outside the cluster.
    Url(
        /// The part before the webhook's path.
        Url,
    ),
}

/// Why a URL cannot be called by an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// API servers call by https only.
    #[error("the webhook URL must begin with https://")]
    NotHttps,
    /// API servers refuse these parts.
    #[error("the webhook URL must have no user, query or fragment")]
    Parts,
    /// No certificate can be issued for the host.
    #[error("the webhook URL's host is not a name or address that a certificate can hold")]
    Host,
}

impl Target {
    /// The target behind a base URL.
    pub fn url(base: Url) -> Result<Self, TargetError> {
        if base.scheme() != "https" {
            return Err(TargetError::NotHttps);
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
            return Err(TargetError::Parts);
        }
        host(&base).ok_or(TargetError::Host)?;
        Ok(Self::Url(base))
    }

    /// The names that the certificate must hold.
    pub fn names(&self) -> Vec<ServerName<'static>> {
        match self {
            Self::Service { namespace, name } => ServerName::try_from(format!("{name}.{namespace}.svc")).into_iter().collect(),
            Self::Url(base) => host(base).into_iter().collect(),
        }
    }

    /// How the API server calls a path, which begins with a slash, trusting `ca_pem`.
    pub(super) fn client_config(&self, path: &str, ca_pem: &str) -> WebhookClientConfig {
        let ca_bundle = Some(ByteString(ca_pem.as_bytes().to_vec()));
        match self {
            Self::Service { namespace, name } => {
                let service = ServiceReference {
                    name: name.clone(),
                    namespace: namespace.clone(),
                    path: Some(path.to_owned()),
                    port: Some(SERVICE_PORT),
                };
                WebhookClientConfig { ca_bundle, service: Some(service), url: None }
            }
            Self::Url(base) => {
                let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
                WebhookClientConfig { ca_bundle, service: None, url: Some(url) }
            }
        }
    }
}

fn host(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        url::Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        url::Host::Ipv4(address) => Some(ServerName::IpAddress(std::net::IpAddr::V4(address).into())),
        url::Host::Ipv6(address) => Some(ServerName::IpAddress(std::net::IpAddr::V6(address).into())),
    }
}

#[cfg(test)]
mod tests {
    // Reason: a test that cannot go on should panic where it stands.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn target(url: &str) -> Result<Target, TargetError> {
        Target::url(Url::parse(url).unwrap())
    }

    #[test]
    fn a_path_is_appended_to_the_base() {
        for base in ["https://127.0.0.1:8443", "https://127.0.0.1:8443/"] {
            let config = target(base).unwrap().client_config("/x/mutate", "pem");
            assert_eq!(config.url.as_deref(), Some("https://127.0.0.1:8443/x/mutate"));
            assert_eq!(config.service, None);
        }
    }

    #[test]
    fn a_service_is_called_at_its_port_by_its_name() {
        let target = Target::Service { namespace: "bonafide-system".to_owned(), name: "bonafide-webhook".to_owned() };
        let service = target.client_config("/x/mutate", "pem").service.unwrap();
        assert_eq!((service.name.as_str(), service.port, service.path.as_deref()), ("bonafide-webhook", Some(443), Some("/x/mutate")));
        assert_eq!(target.names(), [ServerName::try_from("bonafide-webhook.bonafide-system.svc").unwrap()]);
    }

    #[test]
    fn the_certificate_names_the_host_of_the_url() {
        assert_eq!(target("https://[::1]:8443").unwrap().names(), [ServerName::try_from("::1").unwrap()]);
        assert_eq!(target("https://example.com").unwrap().names(), [ServerName::try_from("example.com").unwrap()]);
    }

    #[test]
    fn what_an_api_server_would_not_call_is_refused() {
        assert_eq!(target("http://example.com"), Err(TargetError::NotHttps));
        for parts in ["https://me@example.com", "https://example.com/?a", "https://example.com/#a"] {
            assert_eq!(target(parts), Err(TargetError::Parts), "{parts}");
        }
    }
}
