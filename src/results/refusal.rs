//! Why there is no answer, in a status, one word for scripts and a sentence for people.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use warp::reply::{Reply, Response};

use super::document::API_VERSION;
use super::surroundings::{Leader, NoAnswer};
use crate::text;

/// A body that is read as a document must not become a giant through what was asked.
const MOST: usize = 512;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The question cannot be understood.
    BadRequest(String),
    /// No token, or none that the API server knows.
    Unauthorized,
    /// Nothing may be seen.
    Forbidden(String),
    /// Too many questions at the same time, or too many wrong tokens.
    Busy(&'static str),
    /// It cannot be found out, above all whether something may be seen.
    Unavailable(String),
    /// Another replica knows what runs.
    NotLeader(Option<Leader>),
}

impl Refusal {
    /// The answer in place of a document.
    pub(super) fn response(&self) -> Response {
        let (status, reason) = self.status();
        let body = json!({"apiVersion": API_VERSION, "reason": reason, "error": text::shown(&self.words(), MOST), "leader": self.leader()});
        let mut response = warp::reply::with_status(warp::reply::json::<Value>(&body), status).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bonafide\""))),
            Self::Busy(_) | Self::Unavailable(_) | Self::NotLeader(_) => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("5"))),
            Self::BadRequest(_) | Self::Forbidden(_) => {}
        }
        response
    }

    /// Who can answer; null where that is not the question.
    fn leader(&self) -> Value {
        let Self::NotLeader(Some(Leader { identity, reach })) = self else { return Value::Null };
        json!({"identity": text::shown(identity, MOST), "reach": reach.as_deref().map(|reach| text::shown(reach, MOST))})
    }

    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "BadRequest"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Self::NotLeader(_) => (StatusCode::SERVICE_UNAVAILABLE, "NotLeader"),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Unauthorized => "a token that the API server knows is needed: Authorization: Bearer TOKEN".to_owned(),
            Self::BadRequest(words) | Self::Forbidden(words) | Self::Unavailable(words) => words.clone(),
            Self::Busy(words) => (*words).to_owned(),
            Self::NotLeader(None) => "this replica does not know what runs, and there is no leader that does".to_owned(),
            Self::NotLeader(Some(Leader { identity, reach: None })) => format!("the leader knows what runs: {identity}"),
            Self::NotLeader(Some(Leader { identity, reach: Some(reach) })) => format!("the leader knows what runs: {identity}; {reach}"),
        }
    }
}

impl From<NoAnswer> for Refusal {
    fn from(error: NoAnswer) -> Self {
        Self::Unavailable(format!("whether you may see this cannot be found out: {error}"))
    }
}
