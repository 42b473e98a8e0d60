//! Following redirects by hand.
//!
//! Boundary: GET and HEAD; token requests are never redirected. Invariant: the `Authorization` header goes to the
//! origin (scheme, host and port) of the first URL only, and never again once another origin was visited.

use http::{HeaderValue, Method, header};
use url::Url;

use super::{
    Freshness, Scope, Session,
    exchange::{Answer, Request},
};
use crate::{RedirectFault, RegistryError};

const MAX_HOPS: usize = 5;
const MAX_LOCATION_BYTES: usize = 8 * 1024;

/// A question to a server, to be asked at its origin.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) scope: &'a Scope,
    pub(super) url: &'a Url,
    pub(super) head: bool,
    pub(super) accept: Option<&'static str>,
    pub(super) freshness: Freshness,
    pub(super) cap: usize,
}

/// The answer that is no redirect any more.
pub(super) struct Final {
    pub(super) answer: Answer,
    /// Whether it comes from the origin that was asked: only then is a challenge ours to meet.
    pub(super) from_origin: bool,
}

impl Session {
    pub(super) async fn follow(&self, question: Question<'_>, authorization: Option<&HeaderValue>) -> Result<Final, RegistryError> {
        let refused = |why| RegistryError::RedirectRefused { host: question.scope.host().clone(), why };
        let mut url = question.url.clone();
        let mut from_origin = true;
        for hop in 0..=MAX_HOPS {
            let request = Request {
                method: if question.head { Method::HEAD } else { Method::GET },
                url: &url,
                accept: question.accept,
                freshness: question.freshness,
                authorization: authorization.filter(|_| from_origin),
                form: None,
                cap: question.cap,
            };
            let answer = self.exchange(&request).await.map_err(|error| match error {
                RegistryError::PlainHttp { .. } if hop > 0 => refused(RedirectFault::Scheme),
                RegistryError::UnreadableUrl => refused(RedirectFault::Unreadable),
                other => other,
            })?;
            if !is_redirect(&answer) {
                return Ok(Final { answer, from_origin });
            }
            url = target(&url, &answer).ok_or_else(|| refused(RedirectFault::Unreadable))?;
            from_origin &= url.origin() == question.url.origin();
        }
        Err(refused(RedirectFault::TooMany))
    }
}

pub(super) fn is_redirect(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

pub(super) fn target(url: &Url, answer: &Answer) -> Option<Url> {
    let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    if location.len() > MAX_LOCATION_BYTES {
        return None;
    }
    url.join(location).ok().filter(Url::has_host)
}
