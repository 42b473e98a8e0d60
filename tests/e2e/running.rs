//! What runs is told: an Event when its verdict changes, and numbers that are true when they are read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Format, Registry, wait};

use crate::Story;
use crate::actions::condition;
use crate::places::debug;
use crate::support::{OPERATOR, Stage, admitted, stage};

pub const STORIES: &[Story] = &[
    Story { name: "distrusted_key_is_told_once_and_so_is_its_return", run: distrusted_key_is_told_once_and_so_is_its_return },
    Story {
        name: "registry_that_is_down_makes_what_runs_unknown_until_it_is_back",
        run: registry_that_is_down_makes_what_runs_unknown_until_it_is_back,
    },
    Story { name: "init_and_ephemeral_containers_are_in_the_report", run: init_and_ephemeral_containers_are_in_the_report },
    Story { name: "numbers_of_what_runs_follow_it", run: numbers_of_what_runs_follow_it },
    Story {
        name: "namespace_that_cannot_end_is_not_written_to_again_and_again",
        run: namespace_that_cannot_end_is_not_written_to_again_and_again,
    },
];

const REPORT: &str = "verificationreports.bonafide.dev";
/// How long a namespace that ends is watched.
const WATCHED: Duration = Duration::from_secs(10);
/// After 0, 1, 3 and 7 seconds, less a quarter, and one to spare.
const MOST_TRIES: usize = 5;

fn says(stage: &Stage<'_>, status: &str) -> Result<Value> {
    stage.namespace.wait_until(&[REPORT, "web"], |report| condition(report, "Verified", status).is_some())
}

/// Reasons of the Events on the pod, with how often each was told.
pub fn told(stage: &Stage<'_>) -> Result<Vec<(String, String, u64)>> {
    let list = stage.namespace.kubectl(&["get", "events.events.k8s.io", "-o", "json"])?;
    let list: Value = serde_json::from_str(&list)?;
    let events = list["items"].as_array().context("a list")?;
    let ours = events.iter().filter(|event| event["reportingController"] == "bonafide" && event["regarding"]["name"] == "web");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told: Vec<_> = ours
        .map(|event| (text(&event["type"]), text(&event["reason"]), event.pointer("/series/count").and_then(Value::as_u64).unwrap_or(1)))
        .collect();
    told.sort();
    Ok(told)
}

fn distrusted_key_is_told_once_and_so_is_its_return(env: &Environment) -> Result<()> {
    stage(env, "told", |stage| {
        stage.trust(&["build", "qa"])?;
        stage.verified_by("build", &json!({}))?;
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        says(stage, "True")?;
        ensure!(told(stage)?.is_empty(), "what was trusted from the start is no news: {:?}", told(stage)?);
        stage.verified_by("qa", &json!({}))?;
        says(stage, "False")?;
        let warning = || ("Warning".to_owned(), "UntrustedSigner".to_owned(), 1);
        wait::until("an Event", || Ok((told(stage)? == [warning()]).then_some(())))?;
        // Looked at again, with the same result.
        stage.policy(
            "other",
            &json!({"mode": "Audit", "unmatched": "Allow"}),
            &json!([{"name": "none", "images": ["registry.example.com/none"], "action": "Deny"}]),
        )?;
        stage.verified_by("build", &json!({}))?;
        says(stage, "True")?;
        let back = ("Normal".to_owned(), "ImagesVerified".to_owned(), 1);
        wait::until("another Event", || Ok((told(stage)? == [back.clone(), warning()]).then_some(())))?;
        let log = std::fs::read_to_string(env.operator.log())?;
        let pod = format!("{}/web", stage.namespace.name());
        let lines = log.lines().filter(|line| line.contains("a verdict has changed") && line.contains(&pod)).count();
        ensure!(lines == 2, "{lines} lines of log");
        Ok(())
    })
}

/// A change of policy has the pod looked at again, long before its verdict is too old.
fn registry_that_is_down_makes_what_runs_unknown_until_it_is_back(env: &Environment) -> Result<()> {
    stage(env, "unanswered", |stage| {
        let registry = Registry::distribution()?;
        let reference = format!("{}/unanswered/web:v1", registry.host());
        let image = env.images.push(&reference, &reference)?;
        env.cosign.sign(&env.key("build")?, &image, Format::Bundle)?;
        stage.trust(&["build", "qa"])?;
        let mut release = stage.release(&["build", "qa"], &json!({}));
        release["spec"]["registry"] = json!({"hosts": [{"host": registry.host(), "plainHTTP": true}]});
        stage.operator().apply(&release.to_string())?;
        stage.verified_by("build", &json!({}))?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        says(stage, "True")?;

        registry.kill();
        stage.verified_by("qa", &json!({}))?;
        let report = says(stage, "Unknown")?;
        ensure!(condition(&report, "Verified", "Unknown").is_some_and(|why| why.starts_with("RegistryUnavailable")), "{report:#}");
        ensure!(report["status"]["images"][0]["containers"] == json!(["main"]), "a container has disappeared: {report:#}");
        ensure!(report.pointer("/status/summary/unknown") == Some(&json!(1)), "{report:#}");
        registry.start_again()?;
        says(stage, "False")?;
        stage.verified_by("build", &json!({}))?;
        says(stage, "True")?;
        let unknown = told(stage)?.into_iter().filter(|(_, reason, _)| reason == "RegistryUnavailable").count();
        ensure!(unknown <= 1, "{:?}", told(stage)?);
        Ok(())
    })
}

fn init_and_ephemeral_containers_are_in_the_report(env: &Environment) -> Result<()> {
    stage(env, "all-places", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        let (web, setup, tool) = (stage.signed("web", &["build"])?, stage.unsigned("setup")?, stage.unsigned("tool")?);
        let spec = json!({"initContainers": [{"name": "setup", "image": setup.by_tag()}], "containers": [{"name": "main", "image": web.by_tag()}]});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec});
        admitted(stage.namespace.try_create(&pod.to_string())?)?;
        holds(stage, &[("init:setup", "Untrusted"), ("main", "Trusted")])?;
        admitted(debug(stage, &tool)?)?;
        holds(stage, &[("ephemeral:debugger", "Untrusted"), ("init:setup", "Untrusted"), ("main", "Trusted")])
    })
}

/// Waits until the report names these containers with these verdicts, and no others.
fn holds(stage: &Stage<'_>, expected: &[(&str, &str)]) -> Result<()> {
    let found = |report: &Value| {
        let images = report.pointer("/status/images").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = images.iter().map(|image| (text(&image["containers"][0]), text(&image["status"]))).collect();
        found.sort();
        found
    };
    let expected: Vec<_> = expected.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect();
    stage.namespace.wait_until(&[REPORT, "web"], |report| found(report) == expected).map(drop)
}

fn numbers_of_what_runs_follow_it(env: &Environment) -> Result<()> {
    stage(env, "counted", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        let namespace = stage.namespace.name();
        let pods = |status: &str| env.operator.metric(&format!("bonafide_pods{{namespace=\"{namespace}\",status=\"{status}\"}}"));
        ensure!(pods("verified")?.is_none() && pods("unverified")?.is_none(), "nothing runs yet");
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        admitted(stage.pod("stranger", &stage.unsigned("stranger")?.by_tag())?)?;
        wait::until("both to be counted", || Ok((pods("verified")? == Some(1.0) && pods("unverified")? == Some(1.0)).then_some(())))?;
        let policy = format!("bonafide-system/{}", stage.object("policy"));
        let of_policy = env.operator.metric(&format!("bonafide_policy_images{{policy=\"{policy}\",status=\"untrusted\"}}"))?;
        ensure!(of_policy == Some(1.0), "{of_policy:?}");
        let untrusted = env.operator.metric("bonafide_images{status=\"untrusted\"}")?.unwrap_or_default();
        ensure!(untrusted >= 1.0, "{untrusted}");
        let age = env.operator.metric("bonafide_oldest_unverified_seconds")?.context("an age")?;
        ensure!(age < Duration::from_hours(1).as_secs_f64(), "{age}");
        stage.namespace.delete(&["pod", "stranger"])?;
        wait::until("the pod that is gone not to be counted", || Ok(pods("unverified")?.is_none().then_some(())))
    })
}

/// Its pods stay, because somebody's finalizer does, and a report that is made there is refused.
fn namespace_that_cannot_end_is_not_written_to_again_and_again(env: &Environment) -> Result<()> {
    stage(env, "ending", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        let image = stage.signed("web", &["build"])?.by_tag();
        let ending = env.namespace("held", &[("story", &stage.name)])?;
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "finalizers": ["example.com/hold"]},
                         "spec": {"containers": [{"name": "main", "image": image}]}});
        ending.apply(&pod.to_string())?;
        ending.wait_until(&[REPORT, "web"], |report| condition(report, "Verified", "True").is_some())?;
        let tries = || -> Result<usize> {
            let (log, report) = (std::fs::read_to_string(env.operator.log())?, format!("{}/web", ending.name()));
            Ok(log.lines().filter(|line| line.contains("a report could not be written") && line.contains(&report)).count())
        };

        let namespace = ["namespace", ending.name()];
        env.control_plane.kubectl().run(&["delete", "namespace", ending.name(), "--wait=false"])?;
        // A report that is there stays as long as the pod, so one that has to be made again is what it takes.
        ending.kubectl(&["delete", REPORT, "web", OPERATOR, "--wait=false"])?;
        wait::until("a report to be refused there", || Ok((tries()? > 0).then_some(())))?;
        let since = Instant::now();
        // Others are served meanwhile.
        admitted(stage.pod("web", &image)?)?;
        says(stage, "True")?;
        // How often in a time cannot be known before it is over.
        std::thread::sleep(WATCHED.saturating_sub(since.elapsed()));
        let tries = tries()?;
        ensure!(tries <= MOST_TRIES, "{tries} tries in {:?}", since.elapsed());

        ending.kubectl(&["patch", "pod", "web", "--type=merge", "-p", &json!({"metadata": {"finalizers": null}}).to_string()])?;
        wait::until("the namespace to end", || Ok(env.control_plane.kubectl().get(&namespace)?.is_none().then_some(())))?;
        let counted = format!("bonafide_pods{{namespace={:?}", ending.name());
        wait::until("its pod not to be counted", || Ok(env.operator.metric(&counted)?.is_none().then_some(())))
    })
}
