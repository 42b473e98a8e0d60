//! What was seen of trust data, on the real API server and with the operator's own permissions.
//!
//! The store is what replicas use, and linked here: no other way makes several of them write at one moment.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bonafide::controllers::notary_state::ConfigMapStateStore;
use bonafide::evaluate::{StateFault, StateKey, StateStore};
use notary::{Sha256, State};
use prometheus_client::metrics::counter::Counter;
use serde_json::json;
use testbed::{Environment, Namespace, OPERATOR_NAMESPACE, SERVICE_ACCOUNT};

use crate::Story;

pub const STORIES: &[Story] = &[
    Story {
        name: "replicas_that_write_at_one_moment_keep_what_all_have_seen",
        run: replicas_that_write_at_one_moment_keep_what_all_have_seen,
    },
    Story {
        name: "a_state_is_forgotten_on_purpose_only_and_it_is_told_who_did_it",
        run: a_state_is_forgotten_on_purpose_only_and_it_is_told_who_did_it,
    },
];

const GUN: &str = "registry.test/team/app";
const ROOT: &str = include_str!("../../crates/notary/tests/vectors/ed25519-docker-library-demo/root.json");
const REPLICAS: u64 = 8;

fn replicas_that_write_at_one_moment_keep_what_all_have_seen(env: &Environment) -> Result<()> {
    env.story("notary-races", &[], |namespace| {
        let stores = Stores::of(env)?;
        let key = key(namespace.name(), GUN);
        stores.runtime.block_on(async {
            let writers = (1..=REPLICAS).map(|number| {
                let (store, key) = (stores.store(), key.clone());
                tokio::spawn(async move { store.keep(&key, &seen(number)).await })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.await??;
            }
            let known = stores.store().load(&key).await?.context("nothing was kept")?;
            ensure!(*known == seen(REPLICAS), "{:?}", known.versions().collect::<Vec<_>>());
            let older = stores.store().keep(&key, &seen(1)).await?;
            ensure!(*older == seen(REPLICAS), "an older state has replaced a newer one");
            Ok(())
        })?;
        let kept = config_maps(env, namespace)?;
        ensure!(kept.len() == 1 && kept[0].starts_with(&format!("bonafide-notary-state.{}.", namespace.name())), "{kept:?}");
        let operator = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{SERVICE_ACCOUNT}");
        let may = |verb: &str, namespace: &str| {
            let asked =
                env.control_plane.kubectl().output(&["auth", "can-i", verb, "configmaps", "--as", &operator, "-n", namespace], "")?;
            anyhow::Ok(asked.status.success())
        };
        ensure!(may("update", OPERATOR_NAMESPACE)? && !may("delete", OPERATOR_NAMESPACE)? && !may("update", namespace.name())?);
        Ok(())
    })
}

fn a_state_is_forgotten_on_purpose_only_and_it_is_told_who_did_it(env: &Environment) -> Result<()> {
    env.story("notary-reset", &[], |namespace| {
        let stores = Stores::of(env)?;
        let key = key(namespace.name(), GUN);
        let load = || stores.runtime.block_on(stores.store().load(&key));
        stores.runtime.block_on(stores.store().keep(&key, &seen(7)))?;
        let text = exits(&reset(env, namespace, &["registry.test/team/other"])?, 1)?;
        ensure!(text.is_empty() && load()?.is_some(), "{text}");
        let text = exits(&reset(env, namespace, &[GUN])?, 0)?;
        ensure!(text.contains(&format!("forgotten: {GUN} on https://notary.test")) && text.contains("timestamp 7"), "{text}");
        ensure!(load()?.is_none(), "it is still known");
        exits(&reset(env, namespace, &[GUN])?, 1)?;
        let name = config_maps(env, namespace)?.pop().context("the ConfigMap is gone")?;
        let operator = env.operator_namespace();
        let kept = operator.get(&["configmap", &name])?.context("the ConfigMap is gone")?;
        let note = kept["metadata"]["annotations"]["bonafide.dev/notary-last-reset"].as_str().context("no note")?;
        ensure!(note.contains("\"by\":\"") && !note.contains("\"by\":\"unknown\""), "{note}");
        // By hand it is missing, not new.
        stores.runtime.block_on(stores.store().keep(&key, &seen(8)))?;
        operator.kubectl(&["patch", "configmap", &name, "--type=json", "-p", r#"[{"op":"remove","path":"/binaryData"}]"#])?;
        ensure!(load() == Err(StateFault::Unreadable));
        let text = exits(&reset(env, namespace, &["--unreadable"])?, 0)?;
        ensure!(text.contains("1 states that were taken out by hand"), "{text}");
        ensure!(load()?.is_none());
        Ok(())
    })
}

/// Each store is a replica that knows nothing yet.
struct Stores {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

impl Stores {
    fn of(env: &Environment) -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let path = env.control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        let client = runtime.block_on(async {
            let kubeconfig = kube::config::Kubeconfig::read_from(path)?;
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
            anyhow::Ok(kube::Client::try_from(config)?)
        })?;
        Ok(Self { runtime, client })
    }

    fn store(&self) -> Arc<ConfigMapStateStore> {
        Arc::new(ConfigMapStateStore::new(self.client.clone(), OPERATOR_NAMESPACE, OPERATOR_NAMESPACE, 10, Counter::default()))
    }
}

fn key(owner: &str, gun: &str) -> StateKey {
    StateKey { owner: owner.to_owned(), server: "https://notary.test".to_owned(), gun: gun.parse().expect("a GUN"), anchors: [3; 32] }
}

fn seen(version: u64) -> State {
    let entry = json!({"version": version, "sha256": Sha256::of(&version.to_be_bytes()).to_string()});
    let document = json!({"format": 1, "root": ROOT, "recoveredAt": 0, "seen": {"timestamp": entry}, "published": []});
    State::from_json(&document.to_string()).expect("a state")
}

fn config_maps(env: &Environment, namespace: &Namespace) -> Result<Vec<String>> {
    let selector = format!("bonafide.dev/notary-state={}", namespace.name());
    let names = env.operator_namespace().kubectl(&["get", "configmaps", "-l", &selector, "-o", "name"])?;
    Ok(names.lines().map(|name| name.trim_start_matches("configmap/").to_owned()).collect())
}

fn reset(env: &Environment, namespace: &Namespace, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_bonafide")));
    command.args(["notary", "reset", "--yes", "--namespace", namespace.name()]).args(arguments);
    Ok(command.env("KUBECONFIG", env.control_plane.kubectl().kubeconfig()).output()?)
}

fn exits(output: &Output, code: i32) -> Result<String> {
    ensure!(output.status.code() == Some(code), "not exit code {code}: {output:?}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
