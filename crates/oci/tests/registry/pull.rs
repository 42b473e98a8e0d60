//! Tags, manifests and blobs; what lies about them.

use oci::{Digest, Malformation, ManifestRef, Outage, RegistryError, Unit};
use registry_double::{Kind, Misbehaviour};

use super::*;

const V1: &str = "/v2/app/manifests/v1";

fn by(digest: &Digest) -> ManifestRef {
    ManifestRef::Digest(digest.clone())
}

#[tokio::test]
async fn a_tag_is_resolved_by_one_head_request() {
    let (registry, repository, digest) = with_image().await;
    assert_eq!(session(reach(&[&registry])).resolve(&repository, &tag("v1")).await, Ok(digest));
    let requests = registry.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("HEAD", V1));
    assert!(requests[0].accept.as_deref().unwrap().contains(INDEX));
}

#[tokio::test]
async fn a_manifest_is_hashed_when_the_registry_names_no_usable_digest() {
    for header in [None, Some("sha256:../../x"), Some("sha512:00"), Some("")] {
        let (registry, repository, digest) = with_image().await;
        registry.script(V1, Misbehaviour::ContentDigest(header.map(str::to_owned)));
        assert_eq!(session(reach(&[&registry])).resolve(&repository, &tag("v1")).await, Ok(digest), "{header:?}");
    }
}

#[tokio::test]
async fn a_registry_without_head_requests_is_asked_for_the_manifest() {
    let (registry, repository, digest) = with_image().await;
    registry.script_method("HEAD", V1, Misbehaviour::Status(405, vec![]));
    registry.script_method("HEAD", &format!("/v2/app/manifests/{digest}"), Misbehaviour::Status(405, vec![]));
    let session = session(reach(&[&registry]));
    assert_eq!(session.resolve(&repository, &tag("v1")).await, Ok(digest.clone()));
    assert_eq!(session.exists(&repository, &digest).await, Ok(true));
}

#[tokio::test]
async fn a_manifest_comes_with_its_bytes_digest_and_type() {
    let (registry, repository, digest) = with_image().await;
    let session = session(reach(&[&registry]));
    for asked in [ManifestRef::Tag(tag("v1")), by(&digest)] {
        let manifest = session.manifest(&repository, &asked).await.unwrap();
        assert_eq!((manifest.digest, manifest.media_type, manifest.bytes), (digest.clone(), IMAGE.to_owned(), BODY.into()));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (registry, repository, _) = with_image().await;
    let session = session(reach(&[&registry]));
    let missing = Digest::of(b"missing");
    let not_found = RegistryError::NotFound { host: host(&registry) };
    assert_eq!(session.resolve(&repository, &tag("v2")).await, Err(not_found.clone()));
    assert_eq!(session.manifest(&repository, &by(&missing)).await, Err(not_found.clone()));
    assert_eq!(session.manifest_if_present(&repository, &by(&missing)).await, Ok(None));
    assert_eq!(session.exists(&repository, &missing).await, Ok(false));
    assert_eq!(session.blob(&repository, &descriptor(&missing, 1), 10).await, Err(not_found));
}

#[tokio::test]
async fn another_manifest_than_the_digest_names_is_refused() {
    let (registry, repository, digest) = with_image().await;
    let other = r#"{"schemaVersion":2}"#;
    registry.script(&format!("/v2/app/manifests/{digest}"), Misbehaviour::Body(IMAGE.to_owned(), other.into()));
    let error = session(reach(&[&registry])).manifest(&repository, &by(&digest)).await.unwrap_err();
    let actual = Digest::of(other.as_bytes());
    assert_eq!(error, RegistryError::DigestMismatch { host: host(&registry), expected: digest, actual });
}

#[tokio::test]
async fn a_manifest_that_contradicts_its_digest_header_is_refused() {
    let (registry, repository, digest) = with_image().await;
    let announced = Digest::of(b"other");
    registry.script(V1, Misbehaviour::ContentDigest(Some(announced.to_string())));
    let error = session(reach(&[&registry])).manifest(&repository, &ManifestRef::Tag(tag("v1"))).await.unwrap_err();
    assert_eq!(error, RegistryError::DigestMismatch { host: host(&registry), expected: announced, actual: digest });
}

#[tokio::test]
async fn a_manifest_that_is_image_and_index_is_refused() {
    let registry = RegistryDouble::start().await;
    let digest = registry.push_manifest("app", "v1", IMAGE, r#"{"layers":[],"manifests":[]}"#);
    let error = session(reach(&[&registry])).manifest(&registry.repository("app"), &by(&digest)).await.unwrap_err();
    assert_eq!(error, RegistryError::Malformed { host: host(&registry), what: Malformation::Ambiguous });
}

#[tokio::test]
async fn a_blob_is_what_its_descriptor_says() {
    let (registry, repository, _) = with_image().await;
    let digest = registry.push_blob("app", "payload");
    let session = session(reach(&[&registry]));
    assert_eq!(session.blob(&repository, &descriptor(&digest, 7), 7).await.unwrap(), "payload");
    let size = Err(RegistryError::Malformed { host: host(&registry), what: Malformation::Size });
    assert_eq!(session.blob(&repository, &descriptor(&digest, 8), 10).await, size);
    let large = |limit| Err(RegistryError::TooLarge { host: host(&registry), limit, unit: Unit::Bytes });
    assert_eq!(session.blob(&repository, &descriptor(&digest, 6), 10).await, large(6));
    let asked = registry.count(Kind::Blob);
    assert_eq!(session.blob(&repository, &descriptor(&digest, 7), 6).await, large(6));
    assert_eq!(registry.count(Kind::Blob), asked);
}

#[tokio::test]
async fn a_blob_of_the_right_size_with_other_bytes_is_refused() {
    let (registry, repository, _) = with_image().await;
    let digest = registry.push_blob("app", "payload");
    registry.script(&format!("/v2/app/blobs/{digest}"), Misbehaviour::Body("x/y".to_owned(), "daolyap".into()));
    let error = session(reach(&[&registry])).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
    let actual = Digest::of(b"daolyap");
    assert_eq!(error, RegistryError::DigestMismatch { host: host(&registry), expected: digest, actual });
}

#[tokio::test]
async fn a_failure_on_the_way_is_tried_once_more() {
    for failure in [Misbehaviour::Reset, Misbehaviour::Truncated, Misbehaviour::Status(503, vec![])] {
        let (registry, repository, digest) = with_image().await;
        let path = format!("/v2/app/manifests/{digest}");
        let session = session(reach(&[&registry]));
        registry.script_once(&path, failure.clone());
        assert!(session.manifest(&repository, &by(&digest)).await.is_ok(), "{failure:?}");
        assert_eq!(registry.count(Kind::Manifest), 2);
        registry.script(&path, failure.clone());
        let error = session.manifest(&repository, &by(&digest)).await.unwrap_err();
        let cause = if matches!(failure, Misbehaviour::Status(..)) { Outage::Status(503) } else { Outage::Broken };
        assert_eq!(error, RegistryError::Unavailable { host: host(&registry), cause }, "{failure:?}");
        assert_eq!(registry.count(Kind::Manifest), 4);
    }
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_unavailable() {
    let (registry, repository, digest) = with_image().await;
    let access = reach(&[&registry]);
    let expected = RegistryError::Unavailable { host: host(&registry), cause: Outage::Connect };
    drop(registry);
    // The task that held the socket ends when it is scheduled next.
    tokio::task::yield_now().await;
    assert_eq!(session(access).exists(&repository, &digest).await, Err(expected));
}

#[tokio::test]
async fn statuses_have_their_meaning() {
    let of = |status, header: Option<(&'static str, &'static str)>| async move {
        let (registry, repository, _) = with_image().await;
        let headers = header.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        registry.script(V1, Misbehaviour::Status(status, headers));
        let error = session(reach(&[&registry])).resolve(&repository, &tag("v1")).await.unwrap_err();
        (error.class().as_str(), error, host(&registry))
    };
    let (class, error, host) = of(429, Some(("retry-after", "40"))).await;
    assert_eq!((class, error), ("rate_limited", RegistryError::RateLimited { host, retry_after: Some(Duration::from_secs(40)) }));
    let (class, error, host) = of(503, Some(("retry-after", "40"))).await;
    assert_eq!((class, error), ("unavailable", RegistryError::Unavailable { host, cause: Outage::Status(503) }));
    let (class, error, host) = of(403, None).await;
    assert_eq!((class, error), ("denied", RegistryError::Denied { host }));
    let (class, error, host) = of(500, None).await;
    assert_eq!((class, error), ("unavailable", RegistryError::Unavailable { host, cause: Outage::Status(500) }));
    for status in [204, 206, 304, 418] {
        let (class, error, host) = of(status, None).await;
        assert_eq!((class, error), ("invalid", RegistryError::Malformed { host, what: Malformation::Status(status) }));
    }
}
