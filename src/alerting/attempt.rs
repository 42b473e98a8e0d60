//! One message to one receiver, once.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use oci::{CaBundle, CaBundleError, Post, PostError, Poster};
use tokio::time::Instant;
use url::Url;

use super::line::Destination;
use super::queue::Load;
use super::{Absent, Material, template};
use crate::settings::{Address, Endpoint, KeyRef, Proof, Text};

/// Why a message was not taken. No secret and no text of the receiver is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Something that the settings name is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The value of a Secret is no URL that can be posted to.
    #[error("key {key} of Secret {name} is no https URL")]
    NoUrl { name: String, key: String },
    /// The value of a Secret cannot be sent in a header.
    #[error("a value for a header has bytes that no header can have")]
    NoHeader,
    /// The authorities cannot be read.
    #[error(transparent)]
    CaBundle(#[from] CaBundleError),
    /// There was no answer.
    #[error(transparent)]
    Unanswered(#[from] PostError),
    /// The answer was no success.
    #[error("HTTP status {status}")]
    Status { status: u16, retry_after: Option<Duration> },
}

/// Sends messages; cheap to clone.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) poster: Arc<Poster>,
    pub(super) material: Arc<dyn Material>,
}

impl Failure {
    /// Whether another try can help, without anybody changing something.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            // Watches may just have begun, and people put Secrets right.
            Self::Absent(_) => true,
            Self::NoUrl { .. } | Self::NoHeader | Self::CaBundle(_) => false,
            Self::Unanswered(error) => matches!(error, PostError::Timeout | PostError::Unavailable(_)),
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
        }
    }

    /// How long the receiver wants to be left alone.
    pub(super) fn wish(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Sender {
    /// Sends a message; until `deadline` at the latest.
    pub(super) async fn attempt(&self, to: &Destination, load: &Load, deadline: Instant) -> Result<(), Failure> {
        let endpoint = &to.receiver.endpoint;
        let posting = template::posting(&to.receiver.service, to.cluster.as_deref(), load);
        let url = appended(self.url(endpoint)?, &posting.path);
        let headers = self.headers(endpoint)?;
        let ca_bundle = self.ca_bundle(endpoint)?;
        let body = Bytes::from(posting.body.to_string());
        let post =
            Post { url: &url, headers: &headers, body: &body, plain_http: endpoint.plain_http, ca_bundle: ca_bundle.as_ref(), deadline };
        let posted = self.poster.post(post).await?;
        if posted.status.is_success() {
            return Ok(());
        }
        Err(Failure::Status { status: posted.status.as_u16(), retry_after: posted.retry_after })
    }

    fn url(&self, endpoint: &Endpoint) -> Result<Url, Failure> {
        let KeyRef { name, key } = match &endpoint.address {
            Address::Url(url) => return Ok(url.clone()),
            Address::Secret(reference) => reference,
        };
        let value = self.material.secret(name, key)?;
        let url = std::str::from_utf8(&value).ok().and_then(|text| text.trim().parse::<Url>().ok());
        url.filter(|url| url.scheme() == "https").ok_or_else(|| Failure::NoUrl { name: name.clone(), key: key.clone() })
    }

    fn headers(&self, endpoint: &Endpoint) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &endpoint.headers {
            let value = match value {
                Text::Literal(value) => value.clone().into_bytes(),
                Text::Secret(reference) => self.secret(reference)?,
            };
            headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| Failure::NoHeader)?, hidden(&value)?);
        }
        let proof = match &endpoint.proof {
            None => return Ok(headers),
            Some(Proof::Bearer(reference)) => [b"Bearer ".to_vec(), self.secret(reference)?].concat(),
            Some(Proof::GenieKey(reference)) => [b"GenieKey ".to_vec(), self.secret(reference)?].concat(),
            Some(Proof::Basic(name)) => {
                let (user, password) = (self.material.secret(name, "username")?, self.material.secret(name, "password")?);
                format!("Basic {}", STANDARD.encode([user, b":".to_vec(), password].concat())).into_bytes()
            }
        };
        headers.insert(AUTHORIZATION, hidden(&proof)?);
        Ok(headers)
    }

    /// Without the line break that editors leave at the end.
    fn secret(&self, KeyRef { name, key }: &KeyRef) -> Result<Vec<u8>, Failure> {
        Ok(self.material.secret(name, key)?.trim_ascii().to_vec())
    }

    fn ca_bundle(&self, endpoint: &Endpoint) -> Result<Option<CaBundle>, Failure> {
        let Some(KeyRef { name, key }) = &endpoint.ca_bundle else { return Ok(None) };
        let pem = self.material.config_map(name, key)?;
        let pem = std::str::from_utf8(&pem).map_err(|_| CaBundleError::Pem)?;
        Ok(Some(CaBundle::from_pem(pem)?))
    }
}

/// A value that no log of a library shows.
fn hidden(value: &[u8]) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| Failure::NoHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `path` below what the URL names; its query stays.
fn appended(mut url: Url, path: &str) -> Url {
    if let Some((path, query)) = path.split_once('?') {
        url = appended(url, path);
        url.set_query(Some(query));
    } else if !path.is_empty() {
        let whole = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&whole);
    }
    url
}
