#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn read(text: &str) -> Reference {
    text.parse().unwrap()
}

fn normal(text: &str) -> String {
    read(text).to_string()
}

#[test]
fn short_names_are_docker_hub() {
    assert_eq!(normal("redis"), "docker.io/library/redis:latest");
    assert_eq!(normal("redis:7"), "docker.io/library/redis:7");
    assert_eq!(normal("team/app"), "docker.io/team/app:latest");
    assert_eq!(normal("team/sub/app"), "docker.io/team/sub/app:latest");
    assert_eq!(normal("docker.io/redis"), "docker.io/library/redis:latest");
    assert_eq!(normal("index.docker.io/redis"), "docker.io/library/redis:latest");
    assert_eq!(normal("localhost:5000"), "docker.io/library/localhost:5000");
}

#[test]
fn hosts_are_normalised_for_matching() {
    assert_eq!(normal("Registry.Example.com:443/app"), "registry.example.com/app:latest");
    assert_eq!(normal("localhost/app:v1"), "localhost/app:v1");
    assert_eq!(normal("registry:5000/app"), "registry:5000/app:latest");
    assert_eq!(normal("[::1]:5000/app:v1"), "[::1]:5000/app:v1");
}

#[test]
fn a_digest_without_a_tag_has_no_tag() {
    let reference = read(&format!("a.b/c@sha256:{HEX}"));
    assert_eq!(reference.tag(), None);
    assert_eq!(reference.to_string(), format!("a.b/c@sha256:{HEX}"));
    assert_eq!(normal(&format!("redis:7@sha256:{HEX}")), format!("docker.io/library/redis:7@sha256:{HEX}"));
}

#[test]
fn image_id_reference_is_invalid() {
    let other = format!("{HEX}:latest");
    let pinned = format!("{HEX}@sha256:{HEX}");
    for text in [&format!("sha256:{HEX}"), "sha256:abc", HEX, &other, &pinned] {
        assert_eq!(text.parse::<Reference>(), Err(ReferenceError::ImageId), "{text}");
    }
    assert_eq!(normal(&format!("a.b/{HEX}")), format!("a.b/{HEX}:latest"));
}

#[test]
fn no_host_looks_like_the_start_of_an_image_id() {
    for text in ["sha256:98/app", "SHA256:98/app", "Sha256:98/app:v1", "Sha256/app"] {
        assert_eq!(text.parse::<Reference>(), Err(ReferenceError::ImageId), "{text}");
    }
}

#[test]
fn unreadable_parts_are_named() {
    let long = format!("a.b/{}", "c/".repeat(600));
    let cases = [
        ("", ReferenceError::Empty),
        (long.as_str(), ReferenceError::TooLong),
        ("a..b/c", ReferenceError::Host(HostError::Name)),
        ("a.b:0/c", ReferenceError::Host(HostError::Port)),
        ("a.b/", ReferenceError::Path),
        ("Redis", ReferenceError::Path),
        (" redis", ReferenceError::Path),
        ("redis\n", ReferenceError::Path),
        ("https://a.b/c", ReferenceError::Host(HostError::Port)),
        ("redis:", ReferenceError::Tag),
        ("redis:a b", ReferenceError::Tag),
        ("redis@", ReferenceError::Digest(DigestError::Algorithm)),
        ("redis@sha256:00", ReferenceError::Digest(DigestError::Hex)),
        ("redis@sha256:x@sha256:y", ReferenceError::Digest(DigestError::Hex)),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Reference>(), Err(error), "{text:?}");
    }
}

#[test]
fn only_names_without_a_host_are_short() {
    assert!(read("redis").is_short());
    assert!(read("team/app").is_short());
    assert!(!read("docker.io/redis").is_short());
    assert!(!read("localhost/app").is_short());
}

#[test]
fn a_pin_keeps_the_host_as_it_was_written() {
    let digest = Digest::of(b"abc");
    let cases = [
        ("redis", "docker.io/library/redis:latest"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("Registry.example.com:443/app:v1", "Registry.example.com:443/app:v1"),
        ("registry.example.com/app", "registry.example.com/app:latest"),
    ];
    for (text, name) in cases {
        assert_eq!(read(text).pinned(&digest), format!("{name}@{digest}"));
        assert_eq!(read(text).qualified(), name);
    }
}

#[test]
fn a_pin_reads_back_as_the_same_repository_and_the_digest() {
    let digest = Digest::of(b"abc");
    for text in ["redis", "FOO/bar:1", "registry:443/app", "index.docker.io/redis", "[::1]:443/app"] {
        let pinned = read(&read(text).pinned(&digest));
        assert_eq!(pinned.repository(), read(text).repository(), "{text}");
        assert_eq!(pinned.digest(), Some(&digest));
        assert_eq!(pinned.without_digest(), normal(text));
    }
}

#[test]
fn a_written_digest_is_never_replaced() {
    let text = format!("a.b/c@sha256:{HEX}");
    assert_eq!(read(&text).pinned(&Digest::of(b"other")), text);
    assert_eq!(read(&text).pinned(&Digest::of(b"abc")), text);
}

#[test]
fn a_reference_without_its_digest_is_not_taken_for_latest() {
    let reference = read(&format!("a.b/c@sha256:{HEX}"));
    assert_eq!(reference.without_digest(), "a.b/c");
    assert_ne!(reference.without_digest(), normal("a.b/c"));
}

#[test]
fn what_was_written_stays_readable() {
    assert_eq!(read("Registry.example.com:443/app").written(), "Registry.example.com:443/app");
}
