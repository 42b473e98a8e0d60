//! What container runtimes report as the ID of a running image.

use oci::Digest;

/// The manifest digest in an `imageID`: `repo@sha256:...`, with or without `docker-pullable://` in front.
///
/// A bare `sha256:...` (also behind `docker://`) is the digest of the image's config, which no signature is made for;
/// it counts as not reported.
pub(super) fn manifest_digest(image_id: &str) -> Option<Digest> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    if repository.is_empty() { None } else { digest.parse().ok() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_repository_with_a_digest_names_the_manifest() {
        let digest: Digest = DIGEST.parse().unwrap();
        for prefix in ["docker.io/library/redis", "docker-pullable://redis", "registry.example.com:5000/a/b"] {
            assert_eq!(manifest_digest(&format!("{prefix}@{DIGEST}")), Some(digest.clone()), "{prefix}");
        }
    }

    #[test]
    fn a_config_digest_is_not_taken_for_a_manifest() {
        for id in [DIGEST, &format!("docker://{DIGEST}"), &format!("@{DIGEST}")] {
            assert_eq!(manifest_digest(id), None, "{id}");
        }
    }

    #[test]
    fn what_is_no_image_id_reports_nothing() {
        for id in ["", "@", "redis:7", "redis@sha256:short", "redis@sha512:00", "redis@../../x"] {
            assert_eq!(manifest_digest(id), None, "{id}");
        }
    }
}
