//! Doors for the fuzz targets to the readers of what registries send. No API: they change with the readers.
//!
//! Boundary: bytes in, what was read out; nothing is asked and nothing is decided here.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;
use url::Url;

use super::{
    challenge::{self, Challenge},
    exchange::Answer,
    link, redirect,
    referrers::List,
    session::{check_status, read_manifest},
    token,
};
use crate::{Descriptor, Host, Manifest, ManifestRef, RegistryError, Tag};

/// The realm and service of the best challenge among the lines of a `WWW-Authenticate` header; no realm means `Basic`.
pub fn challenge<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<(Option<Url>, Option<String>)> {
    Some(match challenge::read(&headers(&header::WWW_AUTHENTICATE, lines))? {
        Challenge::Bearer { realm, service } => (Some(realm), service),
        Challenge::Basic => (None, None),
    })
}

/// The page after `page` by the lines of a `Link` header; `Err` is a link that is not followed.
pub fn next_page<'a>(lines: impl IntoIterator<Item = &'a [u8]>, page: &Url) -> Result<Option<Url>, Unfollowed> {
    link::next(&headers(&header::LINK, lines), page).map_err(|_| Unfollowed)
}

/// A link that is not followed.
#[derive(Debug)]
pub struct Unfollowed;

/// Where a `Location` header leads from `page`.
pub fn redirected(location: &[u8], page: &Url) -> Option<Url> {
    redirect::target(page, &answer(StatusCode::FOUND, headers(&header::LOCATION, [location]), &[]))
}

/// A manifest that was asked for by tag.
pub fn manifest(content_type: &str, body: &[u8], host: &Host) -> Result<Manifest, RegistryError> {
    let headers = headers(&header::CONTENT_TYPE, [content_type.as_bytes()]);
    read_manifest(&answer(StatusCode::OK, headers, body), &ManifestRef::Tag(Tag::latest()), host)
}

/// The readable entries of a list of referrers with these pages.
pub fn referrers<'a>(pages: impl IntoIterator<Item = &'a [u8]>, host: &Host) -> Result<Vec<Descriptor>, RegistryError> {
    let mut list = List::default();
    pages.into_iter().try_for_each(|page| list.add(page, host))?;
    Ok(list.entries)
}

/// The `Authorization` header that the answer of a token server leads to, and for how long it is used.
pub fn token(body: &[u8], host: &Host) -> Result<(HeaderValue, Duration), RegistryError> {
    let now = Instant::now();
    let read = token::read(&answer(StatusCode::OK, HeaderMap::new(), body), host, now)?;
    Ok((read.header, read.until.saturating_duration_since(now)))
}

/// What a failure with this `Retry-After` header is told as.
pub fn rate_limited(retry_after: &[u8], host: &Host) -> Result<(), RegistryError> {
    check_status(&answer(StatusCode::TOO_MANY_REQUESTS, headers(&header::RETRY_AFTER, [retry_after]), &[]), host)
}

fn answer(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Answer {
    Answer { status, headers, body: Bytes::copy_from_slice(body) }
}

/// Lines that no HTTP library would let through are left out.
fn headers<'a>(name: &HeaderName, lines: impl IntoIterator<Item = &'a [u8]>) -> HeaderMap {
    lines.into_iter().filter_map(|line| HeaderValue::from_bytes(line).ok()).map(|value| (name.clone(), value)).collect()
}
