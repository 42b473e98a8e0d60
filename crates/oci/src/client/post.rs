//! Bodies for servers that are no registries, such as those that take alerts.
//!
//! Boundary: one request, no second try; what a status means is the caller's business. Invariant: what holds for every
//! hop to a registry holds here: scheme, user info and address are checked before anything is sent, redirects are not
//! followed, and nothing outlives its deadline.

use std::{net::IpAddr, sync::Arc, time::Duration, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::{ClientError, exchange::host_of, leave, outage::explain, transport::Transports};
use crate::{CaBundle, Egress, Host, Outage, RegistryError};

/// What of an answer is read, so that the connection can be used again: so much, in so much time.
const MAX_ANSWER: usize = 16 * 1024;
const ANSWER_PATIENCE: Duration = Duration::from_millis(250);

/// Sends bodies through the egress guard.
pub struct Poster {
    egress: Arc<Egress>,
    transports: Transports,
}

/// A body and where it goes.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a Url,
    /// All headers beside those of HTTP itself.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
    /// Whether it may go over plain HTTP.
    pub plain_http: bool,
    /// The authorities to trust, in place of the public ones.
    pub ca_bundle: Option<&'a CaBundle>,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The status, redirects and failures included.
    pub status: StatusCode,
    /// How long the server asks to be left alone, at most an hour.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. No part of a URL is in it: URLs can be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// A URL without a host, or with user and password.
    #[error("the URL names no host, or a user")]
    UnreadableUrl,
    /// It would have gone over plain HTTP where that is not allowed.
    #[error("plain HTTP is not allowed")]
    PlainHttp,
    /// The address is one that the operator does not dial.
    #[error("its address must not be dialled{}", .0.map(|address| format!(": {address}")).unwrap_or_default())]
    EgressRefused(Option<IpAddr>),
    /// The HTTP client for these authorities could not be built.
    #[error("no TLS client could be set up")]
    TlsSetup,
    /// The deadline passed.
    #[error("no answer in time")]
    Timeout,
    /// It could not be reached, or failed.
    #[error("it is unavailable: {0}")]
    Unavailable(Outage),
}

impl Poster {
    /// Sets up the client; nothing is dialled yet.
    pub fn new(egress: Egress, user_agent: String) -> Result<Self, ClientError> {
        let egress = Arc::new(egress);
        Ok(Self { transports: Transports::new(Arc::clone(&egress), user_agent)?, egress })
    }

    /// Sends one body. The answer counts when its head is there: whoever goes on to send for ever delays nobody.
    pub async fn post(&self, post: Post<'_>) -> Result<Posted, PostError> {
        let host = host_of(post.url).map_err(|_| PostError::UnreadableUrl)?;
        self.check(&post)?;
        if post.deadline <= Instant::now() {
            return Err(PostError::Timeout);
        }
        timeout_at(post.deadline, self.perform(&post, &host)).await.unwrap_or(Err(PostError::Timeout))
    }

    /// The resolver checks names only, so that literals are checked here.
    fn check(&self, post: &Post<'_>) -> Result<(), PostError> {
        match post.url.scheme() {
            "https" => {}
            "http" if post.plain_http => {}
            _ => return Err(PostError::PlainHttp),
        }
        let address: IpAddr = match post.url.host() {
            Some(url::Host::Ipv4(address)) => address.into(),
            Some(url::Host::Ipv6(address)) => address.into(),
            _ => return Ok(()),
        };
        if self.egress.permits(address) { Ok(()) } else { Err(PostError::EgressRefused(Some(address))) }
    }

    async fn perform(&self, post: &Post<'_>, host: &Host) -> Result<Posted, PostError> {
        let client = self.transports.for_bundle(post.ca_bundle).map_err(|_| PostError::TlsSetup)?;
        let request = client.post(post.url.clone()).headers(post.headers.clone()).body(post.body.clone());
        let mut response = request.send().await.map_err(|error| unreached(&explain(&error, host)))?;
        let posted = Posted { status: response.status(), retry_after: leave::retry_after(response.headers(), SystemTime::now()) };
        // Whatever this gives, the status has said enough.
        let _ = timeout(ANSWER_PATIENCE, drain(&mut response)).await;
        Ok(posted)
    }
}

async fn drain(response: &mut reqwest::Response) {
    let mut length = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        length += chunk.len();
        if length > MAX_ANSWER {
            return;
        }
    }
}

fn unreached(error: &RegistryError) -> PostError {
    match error {
        RegistryError::EgressRefused { address, .. } => PostError::EgressRefused(*address),
        RegistryError::Unavailable { cause, .. } => PostError::Unavailable(*cause),
        _ => PostError::Unavailable(Outage::Broken),
    }
}
