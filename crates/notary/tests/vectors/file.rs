//! The form of the vector files.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use notary::{Anchors, PublicKey};
use serde::Deserialize;
use serde_json::Value;

/// What both kinds of file share.
#[derive(Deserialize)]
pub(crate) struct VectorFile {
    pub(crate) gun: String,
    pub(crate) verify_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) image_labels: BTreeMap<String, String>,
    pub(crate) blobs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(crate) struct Adversarial {
    #[serde(flatten)]
    pub(crate) file: VectorFile,
    keys: BTreeMap<String, KeyEntry>,
    pub(crate) scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct KeyEntry {
    id: String,
}

#[derive(Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    steps: Vec<Step>,
    pub(crate) wanted: String,
    pub(crate) wanted_tags_docker_rule: Option<BTreeMap<String, Option<String>>>,
}

/// What the server answers during one run.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Step {
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) versioned_roots: BTreeMap<String, String>,
    pub(crate) http_status: Option<u16>,
    /// Bytes of spaces behind the timestamp.
    #[serde(skip)]
    pub(crate) timestamp_padding: usize,
}

#[derive(Deserialize)]
pub(crate) struct RealStates {
    #[serde(flatten)]
    pub(crate) file: VectorFile,
    pub(crate) states: Vec<RealState>,
}

#[derive(Deserialize)]
pub(crate) struct RealState {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) step: Step,
}

impl Adversarial {
    /// Every tag that some scenario has an opinion on.
    pub(crate) fn tags(&self) -> BTreeSet<String> {
        let wanted = self.scenarios.iter().flat_map(|scenario| &scenario.wanted_tags_docker_rule);
        wanted.flat_map(BTreeMap::keys).cloned().collect()
    }
}

impl Scenario {
    /// The public key of the good root, so that a certificate made anew around the same key stays pinned; where a
    /// scenario has another root key from the start, that one.
    pub(crate) fn anchors(&self, all: &Adversarial) -> Anchors {
        let first = self.steps_to_run(all);
        let root = first.iter().find_map(|step| step.files.get("root")).map(|hash| json(&all.file.blobs[hash]));
        let good = &all.keys["root"].id;
        let listed = root.as_ref().is_none_or(|root| root.pointer(&format!("/signed/keys/{good}")).is_some());
        let ids = if listed { vec![good.clone()] } else { root_key_ids(&root.unwrap()) };
        anchors(&all.file, &ids)
    }

    /// Whether it must be refused when the root key is not pinned.
    pub(crate) fn needs_pin(&self) -> bool {
        self.wanted.contains("only if that root key is pinned")
    }

    /// A scenario without files is the first one with a padded timestamp (`timestamp-over-1MiB`).
    pub(crate) fn steps_to_run(&self, all: &Adversarial) -> Vec<Step> {
        if self.steps.iter().any(|step| !step.files.is_empty()) {
            return self.steps.clone();
        }
        let mut step = all.scenarios[0].steps[0].clone();
        step.timestamp_padding = 1024 * 1024;
        vec![step]
    }
}

impl RealStates {
    pub(crate) fn tags() -> BTreeSet<String> {
        ["1.0", "1.1", "2.0", "4.1", "9.9"].map(str::to_owned).into()
    }

    /// The root key of the first state.
    pub(crate) fn anchors(&self) -> Anchors {
        let root = json(&self.file.blobs[&self.states[0].step.files["root"]]);
        anchors(&self.file, &root_key_ids(&root))
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn root_key_ids(root: &Value) -> Vec<String> {
    let ids = root.pointer("/signed/roles/root/keyids").and_then(Value::as_array).unwrap();
    ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The public keys that some root of the file lists under `ids`; keys that are none are pinned by their ID.
fn anchors(file: &VectorFile, ids: &[String]) -> Anchors {
    let keys = ids.iter().filter_map(|id| public_key(file, id)).collect();
    Anchors::new(keys, ids.iter().map(|id| id.parse().unwrap()).collect(), None).unwrap()
}

fn public_key(file: &VectorFile, id: &str) -> Option<PublicKey> {
    let pointer = format!("/signed/keys/{id}/keyval/public");
    let pem = file.blobs.values().find_map(|text| {
        let root: Value = serde_json::from_str(text).ok()?;
        String::from_utf8(STANDARD.decode(root.pointer(&pointer)?.as_str()?).ok()?).ok()
    });
    PublicKey::from_pem(&pem?).ok()
}
