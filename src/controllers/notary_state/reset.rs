//! Forgetting on purpose: for administrators, through `bonafide notary reset`; the operator never does it.
//!
//! Invariant: what is taken away is exactly what was chosen, and the ConfigMap says who did it and when.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};

use super::place::shards_of;
use super::shard::Shard;
use crate::chain;

/// After each conflict the ConfigMap is read again.
const MOST_TRIES: usize = 10;

/// What is kept for one namespace.
pub struct Forgetting {
    client: Client,
    config_maps: Api<ConfigMap>,
}

/// One thing that can be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The ConfigMap.
    pub config_map: String,
    /// The entry; nothing for what is missing.
    entry: Option<String>,
    /// What it is.
    pub what: What,
}

/// What lies in a place for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A state.
    State {
        /// The repository.
        gun: String,
        /// The server.
        server: String,
        /// The hash over the anchors.
        anchors: String,
        /// The newest version of each role, the root's first.
        versions: Vec<(String, u64)>,
    },
    /// An entry that cannot be read, and why.
    Unreadable(String),
    /// States that were taken out by hand; how many.
    Missing(u64),
}

impl Forgetting {
    /// What lies in the operator namespace.
    pub fn new(client: Client, operator_namespace: &str) -> Self {
        Self { config_maps: Api::namespaced(client.clone(), operator_namespace), client }
    }

    /// Everything that is kept for `owner`.
    pub async fn find(&self, owner: &str) -> kube::Result<Vec<Kept>> {
        let stored = self.config_maps.list(&shards_of(owner)).await?;
        Ok(stored.items.into_iter().flat_map(|config_map| kept(&config_map.name_any(), &Shard::new(config_map))).collect())
    }

    /// Forgets these. `at` is written down beside who asks.
    pub async fn forget(&self, chosen: &[Kept], at: &str) -> kube::Result<()> {
        let who = self.who().await;
        let mut names: Vec<&str> = chosen.iter().map(|kept| kept.config_map.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let entries: Vec<&str> =
                chosen.iter().filter(|kept| kept.config_map == name).filter_map(|kept| kept.entry.as_deref()).collect();
            let give_up = chosen.iter().any(|kept| kept.config_map == name && kept.entry.is_none());
            let note = serde_json::json!({"at": at, "by": who, "entries": entries.len()}).to_string();
            self.forget_in(name, &entries, give_up, &note).await?;
        }
        Ok(())
    }

    async fn forget_in(&self, name: &str, entries: &[&str], give_up: bool, note: &str) -> kube::Result<()> {
        let mut tries = 0;
        loop {
            let Some(stored) = self.config_maps.get_opt(name).await? else { return Ok(()) };
            let next = Shard::new(stored).without(entries, give_up, note);
            match self.config_maps.replace(name, &PostParams::default(), next.config_map()).await {
                Err(kube::Error::Api(status)) if status.is_conflict() && tries < MOST_TRIES => tries += 1,
                outcome => return outcome.map(|_| ()),
            }
        }
    }

    /// The name under which the API server knows whoever asks.
    async fn who(&self) -> String {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let name = review.map(|review| review.status.and_then(|status| status.user_info).and_then(|user| user.username));
        name.unwrap_or_default().unwrap_or_else(|| "unknown".to_owned())
    }
}

fn kept(name: &str, shard: &Shard) -> Vec<Kept> {
    let missing = Some(shard.missing()).filter(|missing| *missing > 0);
    let missing = missing.map(|missing| Kept { config_map: name.to_owned(), entry: None, what: What::Missing(missing) });
    let entries = shard.read().map(|(entry, read)| {
        let what = read.map_or_else(
            |error| What::Unreadable(chain(&error).to_string()),
            |read| {
                let root = [("root".to_owned(), read.state.root_version())];
                let others = read.state.versions().map(|(role, version)| (role.to_string(), version));
                What::State {
                    versions: root.into_iter().chain(others).collect(),
                    gun: read.gun,
                    server: read.server,
                    anchors: read.anchors,
                }
            },
        );
        Kept { config_map: name.to_owned(), entry: Some(entry.to_owned()), what }
    });
    entries.chain(missing).collect()
}
