//! Who may see what: the API server is asked, and its answers are remembered for some seconds.
//!
//! Invariant: nobody sees a namespace for which the API server did not say yes; no answer is no yes. A token is kept in
//! no place: answers are found by its hash.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use futures::{StreamExt, TryStreamExt, stream};
use moka::future::Cache;

use super::caller::{Caller, Peer};
use super::refusal::Refusal;
use super::surroundings::{NoAnswer, Surroundings, User};

/// Long enough for a page that refreshes itself, short enough for a right that is taken away.
const REMEMBERED: Duration = Duration::from_secs(15);
const MOST_REMEMBERED: u64 = 10_000;
/// A caller without rights on the cluster is asked about so many namespaces in one request.
const MOST_REVIEWS: usize = 100;
const REVIEWS_AT_ONCE: usize = 8;
/// Wrong tokens of one peer within a while, after which the API server is not asked about further ones.
const MOST_WRONG: u32 = 20;
const WRONG_FOR: Duration = Duration::from_secs(10);

type Hash = [u8; 32];

/// Asks the API server, and remembers.
pub(super) struct Access {
    surroundings: Arc<dyn Surroundings>,
    users: Cache<Hash, Option<Arc<User>>>,
    rights: Cache<(Hash, Option<Arc<str>>), bool>,
    wrong: moka::sync::Cache<Option<IpAddr>, Arc<AtomicU32>>,
}

/// What a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Every namespace.
    Everything,
    /// These, and of so many others it was not asked.
    Only { namespaces: BTreeSet<String>, not_asked: usize },
}

/// Somebody whom the API server knows, or somebody on this machine.
pub(super) struct Known(Option<(Hash, Arc<User>)>);

impl Access {
    pub(super) fn new(surroundings: Arc<dyn Surroundings>) -> Self {
        Self {
            surroundings,
            users: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            rights: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            wrong: moka::sync::Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(WRONG_FOR).build(),
        }
    }

    /// Lets in whoever is local, or has a token that the API server knows.
    pub(super) async fn known(&self, peer: Option<Peer>, caller: Caller) -> Result<Known, Refusal> {
        let token = match caller {
            Caller::Local => return Ok(Known(None)),
            Caller::Nobody => return Err(Refusal::Unauthorized),
            Caller::Token(token) => token,
        };
        let hash = hash(&token);
        let wrong = self.wrong.get_with(peer.map(|Peer(address)| address), Arc::default);
        if wrong.load(Ordering::Relaxed) >= MOST_WRONG && !self.users.contains_key(&hash) {
            return Err(Refusal::Busy("too many wrong tokens came from your address: wait a little"));
        }
        let Some(user) = self.users.try_get_with(hash, async { self.surroundings.user(&token).await }).await.map_err(unwrapped)? else {
            wrong.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Unauthorized);
        };
        Ok(Known(Some((hash, user))))
    }

    /// What somebody may see, of one namespace or of all those where something runs.
    pub(super) async fn sight(
        &self,
        known: &Known,
        namespace: Option<&str>,
        running: impl FnOnce() -> BTreeSet<String>,
    ) -> Result<Sight, Refusal> {
        let Some((hash, user)) = &known.0 else { return Ok(Sight::Everything) };
        if self.may_list(*hash, user, None).await? {
            return Ok(Sight::Everything);
        }
        let (namespaces, not_asked) = match namespace {
            Some(namespace) => (self.of_these(*hash, user, vec![namespace.to_owned()]).await?, 0),
            None => self.of_running(*hash, user, running()).await?,
        };
        if namespaces.is_empty() {
            return Err(Refusal::Forbidden(forbidden(namespace)));
        }
        Ok(Sight::Only { namespaces, not_asked })
    }

    /// Those that are remembered, and of the others no more than a number.
    async fn of_running(&self, hash: Hash, user: &User, running: BTreeSet<String>) -> Result<(BTreeSet<String>, usize), Refusal> {
        let (mut allowed, mut unknown) = (BTreeSet::new(), Vec::new());
        for namespace in running {
            match self.rights.get(&(hash, Some(namespace.as_str().into()))).await {
                Some(true) => drop(allowed.insert(namespace)),
                Some(false) => {}
                None => unknown.push(namespace),
            }
        }
        let not_asked = unknown.len().saturating_sub(MOST_REVIEWS);
        unknown.truncate(MOST_REVIEWS);
        allowed.extend(self.of_these(hash, user, unknown).await?);
        Ok((allowed, not_asked))
    }

    async fn of_these(&self, hash: Hash, user: &User, namespaces: Vec<String>) -> Result<BTreeSet<String>, Refusal> {
        let answers = stream::iter(namespaces).map(|namespace| async move {
            let allowed = self.may_list(hash, user, Some(&namespace)).await?;
            Ok::<_, Refusal>(allowed.then_some(namespace))
        });
        let answers: Vec<Option<String>> = answers.buffered(REVIEWS_AT_ONCE).try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn may_list(&self, hash: Hash, user: &User, namespace: Option<&str>) -> Result<bool, Refusal> {
        let key = (hash, namespace.map(Arc::from));
        self.rights.try_get_with(key, async { self.surroundings.may_list(user, namespace).await }).await.map_err(unwrapped)
    }
}

impl Sight {
    /// Whether something of this namespace may be told.
    pub(super) fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only { namespaces, .. } => namespaces.contains(namespace),
        }
    }
}

fn forbidden(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("you may not list VerificationReports in namespace {namespace}"),
        None => "you may list VerificationReports neither in all namespaces nor in one where something is judged; \
                 name a namespace with ?namespace=NAME"
            .to_owned(),
    }
}

fn unwrapped(error: Arc<NoAnswer>) -> Refusal {
    Refusal::from(Arc::unwrap_or_clone(error))
}

fn hash(token: &str) -> Hash {
    let mut hash = Hash::default();
    // Both have the length of SHA-256.
    hash.iter_mut().zip(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}
