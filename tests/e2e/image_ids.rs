//! What kubelets report that runs, against what was admitted.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Image};

use crate::Story;
use crate::actions::condition;
use crate::running::told;
use crate::support::{Stage, admitted, stage};

pub const STORIES: &[Story] = &[
    Story { name: "reported_image_that_was_not_admitted_is_told", run: reported_image_that_was_not_admitted_is_told },
    Story { name: "reported_part_of_an_admitted_index_agrees", run: reported_part_of_an_admitted_index_agrees },
    Story { name: "reported_copy_of_the_same_config_agrees", run: reported_copy_of_the_same_config_agrees },
];

const REPORT: &str = "verificationreports.bonafide.dev";

/// Makes the pod `web`, which is admitted and trusted while nothing runs.
fn runs(stage: &Stage<'_>, image: &Image) -> Result<()> {
    admitted(stage.pod("web", &image.by_tag())?)?;
    says(stage, "True", &image.digest).map(drop)
}

/// The kubelet reports this image ID.
fn reports(stage: &Stage<'_>, image: &Image, id: &str) -> Result<()> {
    stage.namespace.report_running("web", &[("main", &image.by_tag(), id)])
}

/// Waits until the report says so and its message names `text`; the result on the image.
fn says(stage: &Stage<'_>, status: &str, text: &str) -> Result<Value> {
    let result = "/status/images/0";
    let names = |result: &Value| ["message", "digest"].iter().any(|key| result[key].as_str().is_some_and(|found| found.contains(text)));
    let holds = |report: &Value| condition(report, "Verified", status).is_some() && report.pointer(result).is_some_and(names);
    let report = stage.namespace.wait_until(&[REPORT, "web"], holds)?;
    report.pointer(result).cloned().context("a result")
}

fn reported_image_that_was_not_admitted_is_told(env: &Environment) -> Result<()> {
    stage(env, "image-ids", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        let other = env.images.push(&format!("{}:other", image.repository), "another one")?;
        runs(stage, &image)?;
        reports(stage, &image, &other.by_digest())?;
        let result = says(stage, "False", &image.digest)?;
        ensure!(result["reason"] == "DigestMismatch" && result["digest"] == json!(other.digest), "{result:#}");
        let message = result["message"].as_str().unwrap_or_default();
        ensure!(message.contains("container main") && message.contains(&other.digest), "{message}");
        let told_is = |expected: (&str, &str)| {
            let told = told(stage)?;
            Ok(told.iter().any(|(kind, reason, _)| (kind.as_str(), reason.as_str()) == expected).then_some(()))
        };
        testbed::wait::until("an Event", || told_is(("Warning", "DigestMismatch")))?;
        // By another name, but what was admitted; and what means nothing reports nothing.
        for id in [format!("evil.example.com/x@{}", image.digest), "unheard-of".to_owned(), String::new()] {
            reports(stage, &image, &other.by_digest())?;
            says(stage, "False", &other.digest)?;
            reports(stage, &image, &id)?;
            says(stage, "True", &image.digest)?;
        }
        Ok(())
    })
}

fn reported_part_of_an_admitted_index_agrees(env: &Environment) -> Result<()> {
    stage(env, "image-id-parts", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let reference = format!("{}/{}/web:v1", env.registry.host(), stage.name);
        let index = env.images.push_index(&reference, &["linux/amd64", "linux/arm64"])?;
        env.cosign.sign(&env.key("build")?, &index, testbed::Format::Bundle)?;
        runs(stage, &index)?;
        let part = env.images.digest(&format!("{reference}-linux-arm64"))?;
        reports(stage, &index, &format!("docker-pullable://{}@{part}", index.repository))?;
        let result = says(stage, "True", &part)?;
        ensure!(result["status"] == "Trusted" && result["digest"] == json!(part), "{result:#}");
        Ok(())
    })
}

fn reported_copy_of_the_same_config_agrees(env: &Environment) -> Result<()> {
    stage(env, "image-id-configs", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        let copy = env.images.rewrapped(&image, "copy")?;
        let config = env.images.config_digest(&image)?;
        ensure!(copy.digest != image.digest && env.images.config_digest(&copy)? == config, "{image:?} {copy:?}");
        runs(stage, &image)?;
        reports(stage, &image, &copy.by_digest())?;
        says(stage, "True", &copy.digest)?;
        reports(stage, &image, &config)?;
        let result = says(stage, "True", &config)?;
        ensure!(result["status"] == "Trusted" && result["digest"] == json!(image.digest), "{result:#}");
        // The config of another image.
        let other = env.images.push(&format!("{}:other", image.repository), "another one")?;
        let config = env.images.config_digest(&other)?;
        reports(stage, &image, &format!("docker://{config}"))?;
        let result = says(stage, "False", &config)?;
        ensure!(result["reason"] == "DigestMismatch", "{result:#}");
        Ok(())
    })
}
