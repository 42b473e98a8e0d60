//! Credentials that the registry asks for, and its token server.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Response, StatusCode, header};
use serde_json::json;
use url::form_urlencoded;

use crate::{
    body::{Body, empty, full},
    seen::Seen,
};

/// What the registry asks for.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Nothing.
    #[default]
    Open,
    /// User name and password.
    Basic(String, String),
    /// A token.
    Bearer(BearerAuth),
}

/// The challenge, and what the token server on this same registry asks for.
#[derive(Debug, Clone, Default)]
pub struct BearerAuth {
    /// The realm of the challenge; `/token` of this server if absent.
    pub realm: Option<String>,
    /// The scope of the challenge; to pull the repository if absent.
    pub challenge_scope: Option<String>,
    /// User name and password that the token server wants; anonymous requests are fine if absent.
    pub login: Option<(String, String)>,
    /// The refresh token that the token server takes in place of a login.
    pub identity_token: Option<String>,
    /// The lifetime that tokens claim, in seconds; not stated if absent.
    pub expires_in: Option<u64>,
    /// Tokens of other generations are worthless.
    pub generation: u32,
}

impl Auth {
    /// Tokens for anybody.
    pub fn anonymous_bearer() -> Self {
        Self::Bearer(BearerAuth::default())
    }

    /// Tokens for who logs in.
    pub fn bearer(username: &str, password: &str) -> Self {
        Self::Bearer(BearerAuth { login: Some((username.to_owned(), password.to_owned())), ..BearerAuth::default() })
    }

    pub(crate) fn revoke(&mut self) {
        if let Self::Bearer(bearer) = self {
            bearer.generation += 1;
        }
    }

    /// The refusal, unless the request may read the repository.
    pub(crate) fn refusal(&self, seen: &Seen, repository: &str, own_realm: &str) -> Option<Response<Body>> {
        let authorization = seen.authorization.as_deref();
        match self {
            Self::Open => None,
            Self::Basic(username, password) => {
                let welcome = authorization == Some(basic(username, password).as_str());
                (!welcome).then(|| challenge("Basic realm=\"double\""))
            }
            Self::Bearer(bearer) => {
                let token = format!("Bearer {}", bearer.token(&pull(repository)));
                let realm = bearer.realm.as_deref().unwrap_or(own_realm);
                let scope = bearer.challenge_scope.clone().unwrap_or_else(|| pull(repository));
                let text = format!("Bearer realm=\"{realm}\",service=\"double\",scope=\"{scope}\"");
                (authorization != Some(token.as_str())).then(|| challenge(&text))
            }
        }
    }

    /// The token server's answer.
    pub(crate) fn issue(&self, seen: &Seen) -> Response<Body> {
        let bearer = match self {
            Self::Bearer(bearer) => bearer.clone(),
            _ => BearerAuth::default(),
        };
        if !bearer.admits(seen) {
            return status(StatusCode::UNAUTHORIZED);
        }
        let fields = if seen.method == "POST" { &seen.body } else { &seen.query };
        let scope = form_urlencoded::parse(fields.as_bytes()).find(|(name, _)| name == "scope");
        let token = bearer.token(&scope.map(|(_, value)| value.into_owned()).unwrap_or_default());
        let member = if seen.method == "POST" { "access_token" } else { "token" };
        let mut answer = json!({member: token});
        if let (Some(expires_in), Some(members)) = (bearer.expires_in, answer.as_object_mut()) {
            members.insert("expires_in".to_owned(), expires_in.into());
        }
        Response::builder().header(header::CONTENT_TYPE, "application/json").body(full(answer.to_string())).expect("a response")
    }
}

impl BearerAuth {
    /// Derived from the scope alone, so that one server can accept what another issued.
    fn token(&self, scope: &str) -> String {
        format!("t{}.{}", self.generation, scope.replace(':', "~"))
    }

    fn admits(&self, seen: &Seen) -> bool {
        if seen.method == "POST" {
            let mut fields = form_urlencoded::parse(seen.body.as_bytes());
            let refresh = fields.find(|(name, _)| name == "refresh_token").map(|(_, value)| value.into_owned());
            return refresh.is_some() && refresh == self.identity_token;
        }
        match &self.login {
            Some((username, password)) => seen.authorization == Some(basic(username, password)),
            None => true,
        }
    }
}

fn pull(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn challenge(text: &str) -> Response<Body> {
    let mut response = status(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, text.parse().expect("a header"));
    response
}

pub(crate) fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(empty()).expect("a response")
}
