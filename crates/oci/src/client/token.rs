//! Getting an access token from a realm (the distribution project's token specification).
//!
//! Boundary: the caller has decided that the credential may go to this realm. Invariant: what is asked for is always to
//! pull this one name: neither the challenge's scope nor the query of its realm is passed on, and a token request
//! is never redirected.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::{
    Freshness, Scope, Session,
    auth::{Authorization, basic, secret_header},
    exchange::{Answer, Request, host_of},
    redirect::is_redirect,
    session::check_status,
};
use crate::{Credential, Host, Malformation, RedirectFault, RegistryError};

const MAX_BYTES: usize = 64 * 1024;
const CLIENT_ID: &str = "bonafide";
/// What the specification says when the answer says nothing.
const DEFAULT_LIFETIME: u64 = 60;
/// A token that ends while its request is on the way would be refused.
const SLACK: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Session {
    /// An anonymous token when there is no credential.
    pub(super) async fn token(
        &self,
        scope: &Scope,
        realm: &Url,
        service: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<Authorization, RegistryError> {
        let server = host_of(realm).map_err(|_| RegistryError::Malformed { host: scope.host().clone(), what: Malformation::Challenge })?;
        if realm.scheme() != "https" && !Host::of_url(realm).contains(scope.host()) {
            return Err(RegistryError::PlainHttp { host: server });
        }
        let asked_at = Instant::now();
        let answer = self.request_token(scope, realm, service, credential, &server).await?;
        read(&answer, &server, asked_at)
    }

    async fn request_token(
        &self,
        scope: &Scope,
        realm: &Url,
        service: Option<&str>,
        credential: Option<&Credential>,
        server: &Host,
    ) -> Result<Answer, RegistryError> {
        let scope = scope.text();
        let fields: Vec<(&str, &str)> =
            service.map(|service| ("service", service)).into_iter().chain([("scope", scope.as_str())]).collect();
        let mut url = realm.clone();
        url.set_query(None);
        match credential {
            Some(Credential::IdentityToken { token }) => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT_ID)];
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(grant).extend_pairs(fields).finish();
                self.exchange(&request(Method::POST, &url, None, Some(form))).await
            }
            credential => {
                url.query_pairs_mut().extend_pairs(fields);
                let header = match credential {
                    Some(Credential::Basic { username, password }) => Some(basic(username, password, server)?),
                    _ => None,
                };
                self.exchange(&request(Method::GET, &url, header.as_ref(), None)).await
            }
        }
    }
}

fn request<'a>(method: Method, url: &'a Url, authorization: Option<&'a HeaderValue>, form: Option<String>) -> Request<'a> {
    Request { method, url, accept: Some("application/json"), authorization, form, freshness: Freshness::Any, cap: MAX_BYTES }
}

pub(super) fn read(answer: &Answer, server: &Host, asked_at: Instant) -> Result<Authorization, RegistryError> {
    if is_redirect(answer) {
        return Err(RegistryError::RedirectRefused { host: server.clone(), why: RedirectFault::Token });
    }
    // OAuth 2 answers a bad refresh token with 400.
    if matches!(answer.status, StatusCode::BAD_REQUEST) {
        return Err(RegistryError::Denied { host: server.clone() });
    }
    check_status(answer, server).map_err(|error| match error {
        // "No such manifest" would be about the wrong thing.
        RegistryError::NotFound { host } => RegistryError::Malformed { host, what: Malformation::Status(404) },
        other => other,
    })?;
    let malformed = || RegistryError::Malformed { host: server.clone(), what: Malformation::Token };
    // A derived reader also takes a list for a struct.
    if answer.body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed());
    }
    let parsed: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
    let token = parsed.token.or(parsed.access_token).filter(|token| !token.is_empty()).ok_or_else(malformed)?;
    let header = secret_header(&format!("Bearer {token}"), server).map_err(|_| malformed())?;
    Ok(Authorization { header, until: asked_at + lifetime(parsed.expires_in) })
}

/// Capped before it is used in a sum.
fn lifetime(expires_in: Option<u64>) -> Duration {
    let lifetime = Duration::from_secs(expires_in.unwrap_or(DEFAULT_LIFETIME));
    lifetime.min(super::MAX_AUTHORIZATION_AGE).saturating_sub(SLACK)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_token_comes_from_an_object_and_from_no_list() {
        let token = |body: &'static str| {
            let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
            read(&answer, &"registry.example.com".parse().unwrap(), Instant::now()).map(|read| read.header)
        };
        assert_eq!(token(r#" {"token": "en"}"#).unwrap(), "Bearer en");
        assert!(matches!(token(r#"["en"]"#), Err(RegistryError::Malformed { what: Malformation::Token, .. })));
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        assert_eq!(lifetime(Some(300)), Duration::from_secs(290));
        assert_eq!(lifetime(None), Duration::from_secs(50));
        assert_eq!(lifetime(Some(5)), Duration::ZERO);
        assert_eq!(lifetime(Some(u64::MAX)), Duration::from_secs(3590));
    }
}
