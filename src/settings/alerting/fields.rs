//! What single values of receivers may be.

use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use url::{Host, Url};

use super::KeyRef;

const MOST_NAME: usize = 253;
const MOST_HEADER: usize = 4096;
const MOST_LABEL: usize = 256;
/// Labels that say what an alert is about.
const OUR_LABELS: [&str; 6] = ["alertname", "cluster", "namespace", "kind", "name", "uid"];

/// A DNS label, short enough for being a metric label.
pub(super) fn is_receiver(name: &str) -> bool {
    name.len() <= 63 && is_subdomain(name) && !name.contains('.')
}

/// A URL that can be posted to; the answer is what is wrong with the text.
pub(super) fn url(text: &str, plain_http: bool) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "is no URL")?;
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("is no URL of a host without user and fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if plain_http || is_loopback(&url) => Ok(url),
        "http" => Err("is plain HTTP, which needs plainHTTP: true"),
        _ => Err("is neither https nor http"),
    }
}

/// Nothing leaves this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// A name and a key that an API server could have stored.
pub(super) fn is_key(key: &KeyRef) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    is_subdomain(&key.name) && !key.key.is_empty() && key.key.len() <= MOST_NAME && key.key.chars().all(allowed)
}

/// RFC 1123.
pub(super) fn is_subdomain(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let label = |label: &str| !label.is_empty() && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-');
    name.len() <= MOST_NAME && name.split('.').all(label)
}

/// A header that is not ours and not HTTP's.
pub(super) fn is_header(name: &str) -> bool {
    let reserved = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::USER_AGENT,
    ];
    HeaderName::try_from(name).is_ok_and(|name| !reserved.contains(&name))
}

/// A header that is a secret by its nature.
pub(super) fn is_secret(name: &str) -> bool {
    HeaderName::try_from(name)
        .is_ok_and(|name| name == header::AUTHORIZATION || name == header::PROXY_AUTHORIZATION || name == header::COOKIE)
}

/// A value that a header can have.
pub(super) fn is_value(value: &str) -> bool {
    value.len() <= MOST_HEADER && HeaderValue::try_from(value).is_ok()
}

/// A label of an alert that is not ours.
pub(super) fn is_label(name: &str, value: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    first && rest && name.len() <= MOST_LABEL && !OUR_LABELS.contains(&name) && !value.is_empty() && value.len() <= MOST_LABEL
}
