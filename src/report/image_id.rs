//! What container runtimes report as the ID of a running image.
//!
//! Boundary: text to closed type. Invariant: what is not known to mean something reports nothing.

use oci::Digest;

use crate::evaluate::Reported;

/// In front of what Docker reports.
const SCHEMES: [&str; 2] = ["docker-pullable://", "docker://"];

/// Reads an `imageID`: `repo@sha256:...` names a manifest, and a bare `sha256:...` the config of an image, each with or
/// without Docker's scheme in front.
pub(super) fn read(image_id: &str) -> Reported {
    let id = SCHEMES.iter().find_map(|scheme| image_id.strip_prefix(scheme)).unwrap_or(image_id);
    match id.rsplit_once('@') {
        Some(("", _)) => Reported::Nothing,
        Some((repository, digest)) => {
            let manifest = |digest| Reported::Manifest { repository: repository.parse().ok(), digest };
            digest.parse().map(manifest).unwrap_or_default()
        }
        None => id.parse::<Digest>().map(Reported::Config).unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_repository_with_a_digest_names_the_manifest() {
        let digest: Digest = DIGEST.parse().unwrap();
        for repository in ["docker.io/library/redis", "registry.example.com:5000/a/b"] {
            let expected = Reported::Manifest { repository: Some(repository.parse().unwrap()), digest: digest.clone() };
            assert_eq!(read(&format!("{repository}@{DIGEST}")), expected);
            assert_eq!(read(&format!("docker-pullable://{repository}@{DIGEST}")), expected);
        }
        let nameless = Reported::Manifest { repository: None, digest };
        assert_eq!(read(&format!("<none>@{DIGEST}")), nameless);
    }

    #[test]
    fn a_bare_digest_is_the_config_and_not_taken_for_a_manifest() {
        for id in [DIGEST, &format!("docker://{DIGEST}")] {
            assert_eq!(read(id), Reported::Config(DIGEST.parse().unwrap()), "{id}");
            assert_eq!(read(id).manifest(), None);
        }
    }

    #[test]
    fn what_is_no_image_id_reports_nothing() {
        let hex = DIGEST.strip_prefix("sha256:").unwrap();
        for id in ["", "@", "redis:7", "redis@sha256:short", "redis@sha512:00", "redis@../../x", hex, "sha256:", "containerd://x"] {
            assert_eq!(read(id), Reported::Nothing, "{id}");
        }
        assert_eq!(read(&format!("@{DIGEST}")), Reported::Nothing);
        assert_eq!(read(&format!("docker-pullable://@{DIGEST}")), Reported::Nothing);
    }
}
