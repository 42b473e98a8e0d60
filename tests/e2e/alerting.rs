//! Receivers of alerts hear of what is refused, admitted and changed; they hold nothing up, unless the settings say so.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{Alertmanager, Environment, Mood, Receiver, wait};

use crate::Story;
use crate::actions::condition;
use crate::support::{SETTINGS, Stage, admitted, refused, settings, stage};

/// Each has the settings for itself.
pub const ALONE: &[Story] = &[
    Story {
        name: "receiver_hears_of_a_distrusted_pod_once_and_of_its_return",
        run: receiver_hears_of_a_distrusted_pod_once_and_of_its_return,
    },
    Story { name: "alertmanager_holds_a_pod_until_it_is_verified_again", run: alertmanager_holds_a_pod_until_it_is_verified_again },
    Story { name: "nothing_is_admitted_without_a_receiver_that_must_know", run: nothing_is_admitted_without_a_receiver_that_must_know },
    Story { name: "stalled_receiver_slows_no_admission", run: stalled_receiver_slows_no_admission },
];

const REPORT: &str = "verificationreports.bonafide.dev";

/// Runs `body` while these receivers are in force.
fn told<'a>(stage: &Stage<'a>, receivers: &Value, body: impl FnOnce(&Stage<'a>) -> Result<()>) -> Result<()> {
    let text = json!({"alerting": {"cluster": "e2e", "receivers": receivers}}).to_string();
    stage.operator().apply(&settings(&text).to_string())?;
    let series = "bonafide_alerts_total{receiver=\"hook\"";
    let outcome = wait::until("the receiver to be known", || Ok(stage.env.operator.metric(series)?.map(drop))).and_then(|()| body(stage));
    stage.operator().delete(&["configmap", SETTINGS])?;
    wait::until("the receiver to be forgotten", || Ok(stage.env.operator.metric(series)?.is_none().then_some(())))?;
    outcome
}

fn hook(receiver: &Receiver, stage: &Stage<'_>, settings: &Value) -> Value {
    let mut hook = json!({
        "name": "hook", "every": "1s", "namespaces": {"include": [stage.namespace.name()]}, "webhook": {"url": receiver.url()},
    });
    crate::support::merge(&mut hook, settings);
    json!([hook])
}

/// Occasion, kind, name and reason of every alert so far.
fn heard(receiver: &Receiver) -> Vec<[String; 4]> {
    let alerts = receiver.taken().into_iter().flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default());
    let field = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    alerts.map(|alert| ["occasion", "kind", "name", "reason"].map(|name| field(&alert, name))).collect()
}

fn hears(receiver: &Receiver, expected: &[[&str; 4]]) -> Result<()> {
    wait::until(&format!("the alerts {expected:?}"), || {
        let heard = heard(receiver);
        ensure!(heard.len() <= expected.len(), "more than {expected:?}: {heard:?}");
        Ok((heard == expected).then_some(()))
    })
}

fn says(stage: &Stage<'_>, status: &str) -> Result<()> {
    stage.namespace.wait_until(&[REPORT, "web"], |report| condition(report, "Verified", status).is_some()).map(drop)
}

fn receiver_hears_of_a_distrusted_pod_once_and_of_its_return(env: &Environment) -> Result<()> {
    stage(env, "alerted", |stage| {
        let receiver = Receiver::start()?;
        told(stage, &hook(&receiver, stage, &json!({"on": ["Refused", "Changed"]})), |stage| {
            stage.trust(&["build", "qa"])?;
            stage.verified_by("build", &json!({}))?;
            let image = stage.signed("web", &["build"])?;
            admitted(stage.pod("web", &image.by_tag())?)?;
            says(stage, "True")?;
            refused(stage.pod("stranger", &stage.unsigned("stranger")?.by_tag())?, &["NoSignature"])?;
            let stranger = ["Refused", "Pod", "stranger", "NoSignature"];
            hears(&receiver, &[stranger])?;
            stage.verified_by("qa", &json!({}))?;
            says(stage, "False")?;
            let distrusted = ["Changed", "Pod", "web", "UntrustedSigner"];
            hears(&receiver, &[stranger, distrusted])?;
            // Looked at again, with the same result.
            let other = json!([{"name": "none", "images": ["registry.example.com/none"], "action": "Deny"}]);
            stage.policy("other", &json!({"mode": "Audit", "unmatched": "Allow"}), &other)?;
            stage.verified_by("build", &json!({}))?;
            says(stage, "True")?;
            hears(&receiver, &[stranger, distrusted, ["Changed", "Pod", "web", "Trusted"]])?;
            let bodies = receiver.taken();
            let changed = &bodies[1]["alerts"][0];
            ensure!(bodies[1]["cluster"] == "e2e" && changed["namespace"] == stage.namespace.name(), "{changed}");
            let result = &changed["images"][0];
            ensure!(result["status"] == "Untrusted" && result["image"].as_str() == Some(&image.pinned()), "{changed}");
            ensure!(result["policy"] == format!("bonafide-system/{}", stage.object("policy")), "{changed}");
            let sent = env.operator.metric("bonafide_alerts_total{receiver=\"hook\",outcome=\"sent\"}")?;
            ensure!(sent == Some(3.0), "{sent:?}");
            Ok(())
        })
    })
}

/// The real one.
fn alertmanager_holds_a_pod_until_it_is_verified_again(env: &Environment) -> Result<()> {
    stage(env, "paged", |stage| {
        let alertmanager = Alertmanager::start()?;
        let receiver = json!([{
            "name": "hook", "on": ["Refused", "Changed"], "every": "1s", "namespaces": {"include": [stage.namespace.name()]},
            "alertmanager": {"url": alertmanager.url(), "labels": {"team": "shop"}},
        }]);
        let held = |name: &str| alertmanager.alert(name, stage.namespace.name());
        told(stage, &receiver, |stage| {
            stage.trust(&["build", "qa"])?;
            stage.verified_by("build", &json!({}))?;
            admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
            says(stage, "True")?;
            refused(stage.pod("stranger", &stage.unsigned("stranger")?.by_tag())?, &["NoSignature"])?;
            let alert = wait::until("the refusal", || held("BonafideRefused"))?;
            ensure!(alert["labels"]["name"] == "stranger" && alert["annotations"]["reason"] == "NoSignature", "{alert:#}");

            stage.verified_by("qa", &json!({}))?;
            says(stage, "False")?;
            let alert = wait::until("the pod that is not verified", || held("BonafideUnverified"))?;
            let labels = &alert["labels"];
            ensure!(
                labels["cluster"] == "e2e" && labels["kind"] == "Pod" && labels["name"] == "web" && labels["team"] == "shop",
                "{alert:#}"
            );
            ensure!(alert["annotations"]["reason"] == "UntrustedSigner", "{alert:#}");

            stage.verified_by("build", &json!({}))?;
            says(stage, "True")?;
            wait::until("its alert to be resolved", || Ok(held("BonafideUnverified")?.is_none().then_some(())))
        })
    })
}

fn nothing_is_admitted_without_a_receiver_that_must_know(env: &Environment) -> Result<()> {
    stage(env, "awaited", |stage| {
        let receiver = Receiver::start()?;
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        told(stage, &hook(&receiver, stage, &json!({"on": ["Admitted"], "failIfNotSent": true})), |stage| {
            for mood in [Mood::Refuses, Mood::Stalls] {
                receiver.set(mood);
                let text = refused(stage.pod("web", &image)?, &["ServiceUnavailable", "Timeout", "\"hook\"", "failIfNotSent"])?;
                ensure!(!text.contains(receiver.url()), "{text}");
            }
            ensure!(stage.namespace.get(&["pod", "web"])?.is_none(), "it must not be there");
            receiver.set(Mood::Takes);
            admitted(stage.pod("web", &image)?)?;
            hears(&receiver, &[["Admitted", "Pod", "web", "Trusted"]])?;
            let dry = ["run", "asked", "--image", &image, "--dry-run=server"];
            stage.namespace.kubectl(&dry)?;
            ensure!(heard(&receiver).len() == 1, "a dry run tells nobody: {:?}", heard(&receiver));
            Ok(())
        })
    })
}

fn stalled_receiver_slows_no_admission(env: &Environment) -> Result<()> {
    const PODS: usize = 10;
    stage(env, "stalled", |stage| {
        let receiver = Receiver::start()?;
        receiver.set(Mood::Stalls);
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        let pods = |prefix: &str| -> Result<Duration> {
            let start = Instant::now();
            for number in 0..PODS {
                admitted(stage.pod(&format!("{prefix}-{number}"), &image)?)?;
            }
            Ok(start.elapsed())
        };
        let before = pods("before")?;
        told(stage, &hook(&receiver, stage, &json!({"on": ["Admitted", "Refused", "Changed"]})), |_| {
            let meanwhile = pods("meanwhile")?;
            eprintln!("{PODS} pods: {before:?} without a receiver, {meanwhile:?} with one that stalls");
            // A single wait for it would be 3 s at least.
            ensure!(meanwhile < before * 2 + Duration::from_secs(2), "{before:?} became {meanwhile:?}");
            Ok(())
        })
    })
}
