//! What happens in the middle of a change: the API server goes away, or the leader does. Nothing is lost, nothing told twice.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::{Apart, Environment, Format, Image, Namespace, wait};

use crate::Story;
use crate::support::{own_policy, own_trust_root, settings, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "a_restart_of_the_api_server_loses_no_verdict", run: a_restart_of_the_api_server_loses_no_verdict },
    Story { name: "another_leader_loses_nothing_and_tells_nothing_twice", run: another_leader_loses_nothing_and_tells_nothing_twice },
];

const REPORTS: &str = "verificationreports.bonafide.dev";
const PODS: usize = 30;
/// So slow that a change of all pods takes seconds, and there is a middle.
const SLOWLY: &str = "limits: {reportWritesPerSecond: 6}";

fn a_restart_of_the_api_server_loses_no_verdict(env: &Environment) -> Result<()> {
    let apart = Apart::start(env.program())?;
    let alone = apart.alone("restarted", &[], |namespace| running(env, namespace))?;
    let namespace = &alone.namespace;
    all(namespace, "True")?;
    namespace.apply(&own_trust_root(env, "qa")?.to_string())?;
    wait::until("the change to have begun", || Ok((count(namespace, "False")? > 0).then_some(())))?;
    apart.control_plane().stop_api_server();
    apart.control_plane().start_api_server()?;
    ensure!(count(namespace, "True")? > 0, "the change was over before the API server went away: this proves nothing");
    all(namespace, "False")?;
    told_once(namespace)
}

fn another_leader_loses_nothing_and_tells_nothing_twice(env: &Environment) -> Result<()> {
    let apart = Apart::start(env.program())?;
    let alone = apart.alone("led", &[], |namespace| running(env, namespace))?;
    let namespace = &alone.namespace;
    all(namespace, "True")?;
    let second = apart.operator(namespace, &[])?;
    namespace.apply(&own_trust_root(env, "qa")?.to_string())?;
    wait::until("the change to have begun", || Ok((count(namespace, "False")? > 0).then_some(())))?;
    alone.operator.kill();
    ensure!(count(namespace, "True")? > 0, "the change was over before its leader went away: this proves nothing");
    all(namespace, "False")?;
    ensure!(second.metric("bonafide_leader")? == Some(1.0), "who else wrote the reports?");
    told_once(namespace)
}

/// Trust, a policy, and pods of one image that was signed by `build`.
fn running(env: &Environment, namespace: &Namespace) -> Result<()> {
    let reference = format!("{}/{}/web:v1", env.registry.host(), namespace.name());
    let image: Image = env.images.push(&reference, &reference)?;
    env.cosign.sign(&env.key("build")?, &image, Format::Bundle)?;
    let pod = |number| {
        let spec = json!({"containers": [{"name": "main", "image": image.by_tag()}]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("web-{number}")}, "spec": spec})
    };
    namespace.apply(&own_trust_root(env, "build")?.to_string())?;
    let objects = own_policy(env).into_iter().chain([settings(SLOWLY)]).chain((0..PODS).map(pod));
    namespace.apply(&yaml(&objects.collect::<Vec<_>>()))
}

fn all(namespace: &Namespace, verified: &str) -> Result<()> {
    wait::until(&format!("all reports to be {verified}"), || Ok((count(namespace, verified)? == PODS).then_some(())))
}

fn count(namespace: &Namespace, verified: &str) -> Result<usize> {
    let reports = namespace.get(&[REPORTS])?.unwrap_or_default();
    let reports = reports["items"].as_array().cloned().unwrap_or_default();
    Ok(reports.iter().filter(|report| report["status"]["conditions"][0]["status"] == verified).count())
}

/// Each pod has one Event, which was written once.
fn told_once(namespace: &Namespace) -> Result<()> {
    let told = wait::until("every pod to be told of", || {
        let told = told(namespace)?;
        Ok((told.len() == PODS).then_some(told))
    })?;
    ensure!(told.values().all(|times| *times == 1), "told more than once: {told:?}");
    Ok(())
}

fn told(namespace: &Namespace) -> Result<BTreeMap<String, u64>> {
    let events = namespace.get(&["events.events.k8s.io"])?.unwrap_or_default();
    let events = events["items"].as_array().cloned().unwrap_or_default();
    let mut told = BTreeMap::new();
    for event in events.iter().filter(|event| event["reason"] == "UntrustedSigner") {
        let pod = event["regarding"]["name"].as_str().context("a pod")?.to_owned();
        *told.entry(pod).or_default() += event["series"]["count"].as_u64().unwrap_or(1);
    }
    Ok(told)
}
