//! Whether what the kubelet reports is what was verified (security rule 24).
//!
//! Boundary: compares content by digests; signatures are not looked at. Everything is fetched from the repository that the
//! reference names, whatever the image ID names. Invariant: each byte that counts has the digest that it was asked for by,
//! so an answer that agrees holds for ever; one set of credentials never learns what another was told (rule 1).

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use oci::{Digest, Malformation, Manifest, ManifestRef, RegistryError, Repository, Session, Unit};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::flights::by;
use super::{Evaluator, Fault, Question, Reported};

/// Content does not change; who runs it may.
const AGREED_FOR: Duration = Duration::from_hours(1);
/// What the repository lacks may be pushed.
const DIFFERS_FOR: Duration = Duration::from_secs(30);
const MOST: u64 = 20_000;
/// Platforms of an index whose configs are looked at.
const MOST_PARTS: usize = 64;
/// Of all manifests that one comparison reads.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// A config that says something about an image. Artifacts have others, and many share the empty one.
const CONFIGS: [&str; 2] = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
const EMPTY: &[u8] = b"{}";

/// Two digests of one repository, as one set of credentials sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) repository: Repository,
    pub(super) verified: Digest,
    pub(super) runs: Runs,
    pub(super) credentials: [u8; 32],
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Runs {
    Manifest(Digest),
    Config(Digest),
}

/// Comparisons that were made, each once for all who ask at the same time.
#[derive(Clone)]
pub(super) struct Agreements(Cache<Pair, bool>);

struct Lifetimes;

impl Expiry<Pair, bool> for Lifetimes {
    fn expire_after_create(&self, _: &Pair, agrees: &bool, _: Instant) -> Option<Duration> {
        Some(if *agrees { AGREED_FOR } else { DIFFERS_FOR })
    }
}

impl Default for Agreements {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).expire_after(Lifetimes).build())
    }
}

impl Agreements {
    /// Whether what runs is what was verified; a digest agrees with itself without any question.
    pub(super) async fn hold(
        &self,
        evaluator: &Evaluator,
        question: &Question<'_>,
        pair: &Pair,
        session: impl Fn() -> Session,
    ) -> Result<bool, Fault> {
        if pair.runs == Runs::Manifest(pair.verified.clone()) {
            return Ok(true);
        }
        let ask = || async {
            if let Some(known) = self.0.get(pair).await {
                return (Ok(known), ());
            }
            let _place = evaluator.place(question.namespace).await;
            let compared = async { Comparison { session: session(), repository: &pair.repository, bytes: 0 }.compare(pair).await };
            (self.0.try_get_with(pair.clone(), compared).await.map_err(|fault| (*fault).clone()), ())
        };
        by(question.deadline, (), ask).await.0
    }

    /// Forgets everything, as time would.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

impl Runs {
    /// What a report says that runs, if it says something.
    pub(super) fn of(reported: &Reported) -> Option<Self> {
        match reported {
            Reported::Nothing => None,
            Reported::Manifest { digest, .. } => Some(Self::Manifest(digest.clone())),
            Reported::Config(digest) => Some(Self::Config(digest.clone())),
        }
    }
}

/// One comparison under way.
struct Comparison<'a> {
    session: Session,
    repository: &'a Repository,
    bytes: usize,
}

impl Comparison<'_> {
    async fn compare(mut self, pair: &Pair) -> Result<bool, Fault> {
        let verified = self.fetch(&pair.verified).await?;
        let config = match &pair.runs {
            Runs::Config(config) => config.clone(),
            Runs::Manifest(digest) if verified.lists(digest) => return Ok(true),
            // What is no image has no config: that an index holds what was verified says nothing about its other parts.
            Runs::Manifest(digest) => match self.fetch_if_readable(digest).await? {
                Some(Content::Image(config)) => config,
                _ => return Ok(false),
            },
        };
        match verified {
            Content::Image(verified) => Ok(verified == config),
            Content::Index(parts) => self.is_of_a_part(&parts, &config).await,
            Content::Other => Ok(false),
        }
    }

    async fn is_of_a_part(&mut self, parts: &[Digest], config: &Digest) -> Result<bool, Fault> {
        for part in parts.iter().take(MOST_PARTS) {
            if self.fetch_if_readable(part).await? == Some(Content::Image(config.clone())) {
                return Ok(true);
            }
        }
        if parts.len() > MOST_PARTS { Err(self.too_large(MOST_PARTS, Unit::Entries)) } else { Ok(false) }
    }

    async fn fetch(&mut self, digest: &Digest) -> Result<Content, Fault> {
        let manifest = self.session.manifest(self.repository, &ManifestRef::Digest(digest.clone())).await?;
        self.weigh(&manifest)
    }

    /// Nothing for what is not there or no manifest: whoever may push decides about that, and gains nothing by it.
    async fn fetch_if_readable(&mut self, digest: &Digest) -> Result<Option<Content>, Fault> {
        match self.session.manifest(self.repository, &ManifestRef::Digest(digest.clone())).await {
            Ok(manifest) => self.weigh(&manifest).map(Some),
            Err(error) if is_no_manifest(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn weigh(&mut self, manifest: &Manifest) -> Result<Content, Fault> {
        self.bytes += manifest.bytes.len();
        if self.bytes > MOST_BYTES { Err(self.too_large(MOST_BYTES, Unit::Bytes)) } else { Ok(Content::of(manifest)) }
    }

    fn too_large(&self, limit: usize, unit: Unit) -> Fault {
        Fault::Registry(RegistryError::TooLarge { host: self.repository.host().clone(), limit: limit as u64, unit })
    }
}

fn is_no_manifest(error: &RegistryError) -> bool {
    use Malformation::{Ambiguous, Manifest};
    use RegistryError::{Malformed, NotFound, TooLarge};
    matches!(error, NotFound { .. } | TooLarge { .. } | Malformed { what: Manifest | Ambiguous, .. })
}

/// What of a manifest matters here.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// An image with this config.
    Image(Digest),
    /// An index of these.
    Index(Vec<Digest>),
    /// Neither, or an artifact.
    Other,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    manifests: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    media_type: String,
    digest: Digest,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
}

impl Content {
    fn of(manifest: &Manifest) -> Self {
        let Ok(shape) = serde_json::from_slice::<Shape<'_>>(&manifest.bytes) else { return Self::Other };
        match (shape.manifests, shape.config) {
            (Some(entries), None) => {
                let entries = entries.into_iter().filter_map(|entry| serde_json::from_str::<Entry>(entry.get()).ok());
                Self::Index(entries.map(|entry| entry.digest).collect())
            }
            (None, Some(config)) if CONFIGS.contains(&config.media_type.as_str()) && !config.digest.verify(EMPTY) => {
                Self::Image(config.digest)
            }
            _ => Self::Other,
        }
    }

    fn lists(&self, digest: &Digest) -> bool {
        matches!(self, Self::Index(parts) if parts.contains(digest))
    }
}
