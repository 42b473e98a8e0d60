//! `Link`, `Location` and `Retry-After` headers: where a registry sends its reader, and when.

use std::time::Duration;

use oci::{RegistryError, fuzzing};
use url::Url;

use crate::some_host;

/// Reads the lines as each of the headers.
pub fn run(bytes: &[u8]) {
    let page = Url::parse("https://registry.example.com/v2/app/referrers/x?artifactType=y").expect("an URL");
    if let Ok(Some(next)) = fuzzing::next_page(bytes.split(|byte| *byte == b'\n'), &page) {
        assert_eq!(next.origin(), page.origin(), "a page on another origin");
        assert!(next.username().is_empty() && next.password().is_none(), "a page with somebody's credentials");
    }
    if let Some(target) = fuzzing::redirected(bytes, &page) {
        assert!(target.has_host());
    }
    match fuzzing::rate_limited(bytes, &some_host()) {
        Err(RegistryError::RateLimited { retry_after, .. }) => assert!(retry_after.is_none_or(|wait| wait <= Duration::from_hours(1))),
        other => panic!("{other:?}"),
    }
}
