//! One HTTP request and its whole answer.
//!
//! Boundary: one hop; redirects and challenges are answers like others. Invariant: nothing is sent before scheme,
//! user info and IP literal were checked; no body grows beyond its cap, no exchange outlives the session's deadline,
//! and no slot of a host is held between two exchanges (so that waiting for one never blocks another).

use std::net::IpAddr;

use bytes::Bytes;
use fair::{Share, Shares};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Freshness, Party, RequestOutcome, Session, held::Held, leave, outage::explain};
use crate::{Host, HostSettings, Outage, RegistryError};

/// What of a failure's body is read, so that the connection can be used again.
const MAX_FAILURE_BYTES: usize = 16 * 1024;

pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) accept: Option<&'static str>,
    pub(super) freshness: Freshness,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// An URL-encoded form, for POST.
    pub(super) form: Option<String>,
    /// The most bytes that a successful answer may have.
    pub(super) cap: usize,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty unless the status is a success.
    pub(super) body: Bytes,
}

impl Session {
    /// Sends a request: once more where a GET or HEAD failed on the way, and again after the time that a server wants
    /// to be left alone, as long as the deadline allows.
    pub(super) async fn exchange(&self, request: &Request<'_>) -> Result<Answer, RegistryError> {
        let host = host_of(request.url)?;
        self.check_scheme(request.url, &host)?;
        self.check_literal(request.url, &host)?;
        let mut may_fail_once = request.method != Method::POST;
        let mut patience = leave::MOST_RETRIES;
        loop {
            let place = self.place(&host).await?;
            let result = self.exchange_once(request, &host).await;
            drop(place);
            let limited = result.as_ref().ok().and_then(leave::wish);
            self.heed(&host, &result, limited);
            if limited.is_some() {
                if patience == 0 || !self.leave_in_time(&host) {
                    return result;
                }
                patience -= 1;
            } else if may_fail_once && worth_a_retry(&result) {
                may_fail_once = false;
            } else {
                return result;
            }
        }
    }

    /// A place at a host that may be asked now.
    async fn place(&self, host: &Host) -> Result<Share<Party>, RegistryError> {
        let slots = self.slots(host);
        loop {
            self.wait_for_leave(host).await?;
            self.turn(host).await?;
            let place = if let Some(place) = slots.grab(&self.party, 1) {
                place
            } else {
                let waiting = timeout_at(self.deadline, slots.take(&self.party)).await;
                let place = waiting.map_err(|_| RegistryError::Timeout { host: host.clone() })?;
                // That turn has passed meanwhile, so there has to be another one.
                self.turn(host).await?;
                place
            };
            if !self.is_left_alone(host) {
                return Ok(place);
            }
        }
    }

    async fn exchange_once(&self, request: &Request<'_>, host: &Host) -> Result<Answer, RegistryError> {
        let timeout = || RegistryError::Timeout { host: host.clone() };
        // A timer alone would let a request begin that is late already.
        if self.deadline <= Instant::now() {
            return Err(timeout());
        }
        let result = timeout_at(self.deadline, self.perform(request, host)).await.unwrap_or_else(|_| Err(timeout()));
        if let Some(on_request) = &self.shared().on_request {
            on_request(host, outcome(&result));
        }
        result
    }

    fn check_scheme(&self, url: &Url, host: &Host) -> Result<(), RegistryError> {
        let settings = self.access().settings_for(url);
        match url.scheme() {
            "https" => Ok(()),
            "http" if settings.is_some_and(|settings| settings.plain_http) => Ok(()),
            _ => Err(RegistryError::PlainHttp { host: host.clone() }),
        }
    }

    /// The resolver checks names only.
    fn check_literal(&self, url: &Url, host: &Host) -> Result<(), RegistryError> {
        let address: IpAddr = match url.host() {
            Some(url::Host::Ipv4(address)) => address.into(),
            Some(url::Host::Ipv6(address)) => address.into(),
            _ => return Ok(()),
        };
        if self.shared().egress.permits(address) {
            return Ok(());
        }
        Err(RegistryError::EgressRefused { host: host.clone(), address: Some(address) })
    }

    async fn perform(&self, request: &Request<'_>, host: &Host) -> Result<Answer, RegistryError> {
        let mut response = self.build(request, host)?.send().await.map_err(|error| explain(&error, host))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = if request.method == Method::HEAD {
            Bytes::new()
        } else if status.is_success() {
            self.read(&mut response, request.cap, host).await?
        } else {
            // Whatever this gives, the status has said enough.
            let _ = self.read(&mut response, MAX_FAILURE_BYTES, host).await;
            Bytes::new()
        };
        Ok(Answer { status, headers, body })
    }

    fn build(&self, request: &Request<'_>, host: &Host) -> Result<reqwest::RequestBuilder, RegistryError> {
        let bundle = self.access().settings_for(request.url).and_then(|settings: &HostSettings| settings.ca_bundle.as_ref());
        let client = self.shared().transports.for_bundle(bundle).map_err(|error| {
            tracing::error!(%host, error = &error as &dyn std::error::Error, "no TLS client");
            RegistryError::TlsSetup { host: host.clone() }
        })?;
        let mut builder = client.request(request.method.clone(), request.url.clone());
        if let Some(accept) = request.accept {
            builder = builder.header(header::ACCEPT, accept);
        }
        if request.freshness == Freshness::Now {
            builder = builder.header(header::CACHE_CONTROL, "no-cache");
        }
        if let Some(authorization) = request.authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        if let Some(form) = &request.form {
            builder = builder.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
        }
        Ok(builder)
    }

    fn slots(&self, host: &Host) -> Shares<Party> {
        let most = self.shared().max_concurrent_per_host.get();
        self.shared().slots.get_with(self.host_key(host), || Shares::new(most, most))
    }

    /// Counts what arrives; `Content-Length` is only a claim.
    async fn read(&self, response: &mut reqwest::Response, cap: usize, host: &Host) -> Result<Bytes, RegistryError> {
        let mut body = Held::new(&self.shared().bytes, &self.party, cap);
        while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error, host))? {
            body.add(&chunk, host)?;
        }
        Ok(body.freeze())
    }
}

/// The host of a URL that is fit to be requested: readable, and without the user info that would become a header.
pub(super) fn host_of(url: &Url) -> Result<Host, RegistryError> {
    let host = Host::of_url(url).pop();
    host.filter(|_| url.username().is_empty() && url.password().is_none()).ok_or(RegistryError::UnreadableUrl)
}

fn worth_a_retry(result: &Result<Answer, RegistryError>) -> bool {
    match result {
        Ok(answer) => matches!(answer.status.as_u16(), 500 | 502 | 503 | 504),
        Err(RegistryError::Unavailable { cause, .. }) => matches!(cause, Outage::Connect | Outage::Broken),
        Err(_) => false,
    }
}

fn outcome(result: &Result<Answer, RegistryError>) -> RequestOutcome {
    let Ok(answer) = result else { return RequestOutcome::Failed };
    match answer.status.as_u16() {
        200..=299 => RequestOutcome::Success,
        300..=399 => RequestOutcome::Redirect,
        401 => RequestOutcome::Unauthorized,
        404 => RequestOutcome::NotFound,
        429 => RequestOutcome::RateLimited,
        400..=499 => RequestOutcome::ClientError,
        _ => RequestOutcome::ServerError,
    }
}
