//! Image references and their parts, as pods and registries write them.

use std::str::FromStr;

use bonafide::report::fuzzing::manifest_digest;
use oci::{Digest, Host, Reference, Repository, Tag};
use url::Url;

/// Reads the text as a reference, each part of one, and an `imageID`.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        reads_back(text, &reference);
        short_names_are_of_docker_hub(text, &reference);
    }
    reads_back_as_itself::<Host>(text);
    reads_back_as_itself::<Tag>(text);
    reads_back_as_itself::<Digest>(text);
    if let Some(repository) = reads_back_as_itself::<Repository>(text) {
        stays_in_its_place_in_an_url(&repository);
    }
    if let Some(digest) = manifest_digest(text) {
        assert!(text.ends_with(&format!("@{digest}")), "the reported digest is another than the written one");
    }
}

fn reads_back_as_itself<T: FromStr + ToString + PartialEq>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert!(value.to_string().parse().is_ok_and(|again: T| again == value), "{} reads back as something else", value.to_string());
    Some(value)
}

/// Every spelling that is written back into an object must run the same image.
fn reads_back(text: &str, reference: &Reference) {
    assert_eq!(reference.written(), text);
    for spelling in [reference.to_string(), reference.qualified()] {
        let again = read(&spelling);
        assert_eq!(parts(&again), parts(reference), "{spelling}");
        assert!(!again.is_short(), "{spelling} is short");
    }
    let other = Digest::of(b"what a registry answered");
    let pinned = read(&reference.pinned(&other));
    let expected = reference.digest().unwrap_or(&other);
    assert_eq!(parts(&pinned), (reference.repository(), reference.tag(), Some(expected)));
    assert_eq!(read(&reference.without_digest()).repository(), reference.repository());
}

fn read(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn parts(reference: &Reference) -> (&Repository, Option<&Tag>, Option<&Digest>) {
    (reference.repository(), reference.tag(), reference.digest())
}

/// Without a host the text is neither an image ID nor a name on another host than Docker Hub.
fn short_names_are_of_docker_hub(text: &str, reference: &Reference) {
    if !reference.is_short() {
        return;
    }
    let name = text.split(['@', ':']).next().unwrap_or_default();
    let is_hex = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    assert!(!is_hex && !text.starts_with("sha256:"), "an image ID was taken for a name");
    assert!(reference.repository().host().is_docker_hub(), "a short name on {}", reference.repository().host());
}

/// The host is the authority and the path the path, whoever reads the URL.
fn stays_in_its_place_in_an_url(repository: &Repository) {
    let url = Url::parse(&format!("https://{}/v2/{}/manifests/x", repository.host(), repository.path())).expect("an URL");
    assert_eq!(url.path(), format!("/v2/{}/manifests/x", repository.path()));
    let authority = url.port().map_or(url.authority().to_owned(), |port| format!("{}:{port}", url.host_str().unwrap_or_default()));
    let host = repository.host().as_str();
    assert!(authority == host || format!("{authority}:443") == host, "{host} is {authority} in an URL");
    assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
}
