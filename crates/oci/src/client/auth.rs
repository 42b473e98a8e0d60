//! Meeting a registry's challenge.
//!
//! Boundary: decides which credential is tried and to whom it may go; `token` talks to token servers. Invariant: a
//! credential is sent over https only, to the registry it was given for, to Docker Hub's own token server in the case of
//! Docker Hub, or to a realm that the settings of that registry list; everybody else is asked anonymously.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::{
    Scope, Session,
    challenge::{self, Challenge},
    exchange::Answer,
    redirect::Question,
};
use crate::{Access, Credential, Host, Malformation, RegistryError};

/// More would be guessing passwords.
const MAX_ATTEMPTS: usize = 4;
/// Docker Hub's built-in pair: this realm serves `docker.io`.
const DOCKER_HUB_REALM: &str = "auth.docker.io";

/// A header that a registry accepted.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    pub(super) until: Instant,
}

impl Session {
    /// Asks a server, with credentials if it wants some.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Answer, RegistryError> {
        let key = (question.scope.clone(), self.grants.fingerprint);
        let known = self.shared().authorizations.get(&key).filter(|known| Instant::now() < known.until);
        let first = self.follow(question, known.as_ref().map(|known| &known.header)).await?;
        if first.answer.status != StatusCode::UNAUTHORIZED || !first.from_origin {
            return Ok(first.answer);
        }
        self.shared().authorizations.invalidate(&key);
        self.meet(question, &first.answer).await
    }

    async fn meet(&self, question: Question<'_>, refusal: &Answer) -> Result<Answer, RegistryError> {
        let (scope, host) = (question.scope, question.scope.host());
        let challenge = challenge::read(&refusal.headers)
            .ok_or_else(|| RegistryError::Malformed { host: host.clone(), what: Malformation::Challenge })?;
        for attempt in attempts(self.access(), scope, question.url, &challenge) {
            let authorization = match self.authorization(scope, &challenge, attempt).await {
                Err(RegistryError::Denied { .. }) => continue,
                other => other?,
            };
            let answer = self.follow(question, Some(&authorization.header)).await?.answer;
            if !matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                self.shared().authorizations.insert((scope.clone(), self.grants.fingerprint), authorization);
                return Ok(answer);
            }
        }
        Err(RegistryError::Denied { host: host.clone() })
    }

    async fn authorization(
        &self,
        scope: &Scope,
        challenge: &Challenge,
        credential: Option<&Credential>,
    ) -> Result<Authorization, RegistryError> {
        let forever = Instant::now() + super::MAX_AUTHORIZATION_AGE;
        match (challenge, credential) {
            (Challenge::Basic, Some(Credential::Basic { username, password })) => {
                Ok(Authorization { header: basic(username, password, scope.host())?, until: forever })
            }
            (Challenge::Bearer { .. }, Some(Credential::RegistryToken { token })) => {
                Ok(Authorization { header: secret_header(&format!("Bearer {token}"), scope.host())?, until: forever })
            }
            (Challenge::Bearer { realm, service }, credential) => self.token(scope, realm, service.as_deref(), credential).await,
            (Challenge::Basic, _) => Err(RegistryError::Denied { host: scope.host().clone() }),
        }
    }
}

/// What to try in turn: the credentials that may be used here, or once without.
fn attempts<'a>(access: &'a Access, scope: &Scope, url: &Url, challenge: &Challenge) -> Vec<Option<&'a Credential>> {
    let usable = |credential: &&Credential| match (challenge, credential) {
        (Challenge::Basic, Credential::Basic { .. }) | (Challenge::Bearer { .. }, Credential::RegistryToken { .. }) => true,
        (Challenge::Basic, _) => false,
        (Challenge::Bearer { realm, .. }, _) => may_receive(access, scope.host(), url, realm),
    };
    let mut attempts: Vec<_> =
        access.credentials(scope.host(), scope.name()).into_iter().filter(usable).take(MAX_ATTEMPTS).map(Some).collect();
    if attempts.is_empty() {
        attempts.push(None);
    }
    attempts
}

/// Whether the credentials of `host`, whose API is at `url`, may be sent to `realm`.
fn may_receive(access: &Access, host: &Host, url: &Url, realm: &Url) -> bool {
    if realm.scheme() != "https" {
        return false;
    }
    let listed = access.settings(host).into_iter().flat_map(|settings| &settings.token_realms);
    let is_hub_pair = host.is_docker_hub() && realm.host_str() == Some(DOCKER_HUB_REALM) && realm.port().is_none();
    realm.origin() == url.origin()
        || is_hub_pair
        || listed.into_iter().any(|own| own.origin() == realm.origin() && own.path() == realm.path())
}

/// RFC 7617.
pub(super) fn basic(username: &str, password: &str, host: &Host) -> Result<HeaderValue, RegistryError> {
    secret_header(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))), host)
}

/// A header that is left out of logs; a secret that fits into no header counts as one that was refused.
pub(super) fn secret_header(text: &str, host: &Host) -> Result<HeaderValue, RegistryError> {
    let mut header = HeaderValue::from_str(text).map_err(|_| RegistryError::Denied { host: host.clone() })?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::HostSettings;

    fn may(host: &str, api: &str, listed: &[&str], realm: &str) -> bool {
        let host: Host = host.parse().unwrap();
        let token_realms = listed.iter().map(|url| Url::parse(url).unwrap()).collect();
        let settings = HostSettings { token_realms, ..HostSettings::default() };
        let access = Access { hosts: [(host.clone(), settings)].into(), ..Access::default() };
        may_receive(&access, &host, &Url::parse(api).unwrap(), &Url::parse(realm).unwrap())
    }

    #[test]
    fn the_registry_itself_may_receive_its_credentials() {
        assert!(may("a.io", "https://a.io/v2/x", &[], "https://a.io/token"));
        for other in
            ["https://a.io:8443/token", "http://a.io/token", "https://a.io.evil.dev/", "https://b.io/", "https://auth.docker.io/token"]
        {
            assert!(!may("a.io", "https://a.io/v2/x", &[], other), "{other}");
        }
    }

    #[test]
    fn docker_hubs_own_token_server_may_receive_its_credentials() {
        let api = "https://registry-1.docker.io/v2/x";
        assert!(may("docker.io", api, &[], "https://auth.docker.io/token"));
        for other in ["http://auth.docker.io/token", "https://auth.docker.io:8443/token", "https://auth.docker.io.evil.dev/token"] {
            assert!(!may("docker.io", api, &[], other), "{other}");
        }
    }

    #[test]
    fn a_listed_realm_is_that_origin_and_path() {
        let listed = ["https://auth.io/token"];
        assert!(may("a.io", "https://a.io/v2/x", &listed, "https://auth.io/token?x=y"));
        for other in ["https://auth.io/other", "https://auth.io:8443/token", "http://auth.io/token"] {
            assert!(!may("a.io", "https://a.io/v2/x", &listed, other), "{other}");
        }
    }
}
