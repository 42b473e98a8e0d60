//! The operator is away: what runs goes on, nothing new comes in, and its return needs no hand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Image, wait};

use crate::Story;
use crate::actions::{condition, deployment, until_admitted, until_refused, within, would_run};
use crate::support::{Stage, admitted, refused, stage};

/// Each of these stops the operator, or the API server.
pub const ALONE: &[Story] = &[
    Story {
        name: "jobs_complete_and_updates_go_through_without_the_operator",
        run: jobs_complete_and_updates_go_through_without_the_operator,
    },
    Story { name: "new_pods_wait_for_the_operator", run: new_pods_wait_for_the_operator },
    Story { name: "operator_is_ready_soon_after_a_crash", run: operator_is_ready_soon_after_a_crash },
    Story { name: "misspelt_field_that_was_stored_refuses_and_says_why", run: misspelt_field_that_was_stored_refuses_and_says_why },
    Story { name: "operator_killed_at_any_moment_lets_nothing_unsigned_in", run: operator_killed_at_any_moment_lets_nothing_unsigned_in },
    Story { name: "watches_that_were_cut_are_followed_again", run: watches_that_were_cut_are_followed_again },
    Story { name: "api_server_that_was_away_is_followed_again", run: api_server_that_was_away_is_followed_again },
];

const READY: Duration = Duration::from_secs(5);
/// Watches start again with a back-off.
const FOLLOWED: Duration = Duration::from_secs(10);

/// Runs `body` while the operator is down, and starts it again whatever comes of it; prints how long that took.
fn without_operator(env: &Environment, body: impl FnOnce() -> Result<()>) -> Result<()> {
    let outcome = env.operator.stop().and_then(|()| body());
    let since = Instant::now();
    env.operator.start_again()?;
    outcome?;
    within("the operator's start until it is ready", since.elapsed(), READY)
}

fn enforced(stage: &Stage<'_>) -> Result<Image> {
    stage.trust(&["build"])?;
    stage.enforce()?;
    stage.signed("web", &["build"])
}

fn jobs_complete_and_updates_go_through_without_the_operator(env: &Environment) -> Result<()> {
    stage(env, "down", |stage| {
        let unsigned = stage.unsigned("old")?.by_tag();
        admitted(stage.pod("old", &unsigned)?)?;
        let image = enforced(stage)?;
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image.by_tag()}]}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}});
        stage.namespace.apply(&job.to_string())?;
        let pods = ["pods", "--selector=job-name=job"];
        let pods = stage.namespace.wait_until(&pods, |pods| pods.pointer("/items/0").is_some())?;
        let pod = pods.pointer("/items/0/metadata/name").and_then(Value::as_str).context("the Job's pod")?.to_owned();

        without_operator(env, || {
            let done = json!({"status": {"phase": "Succeeded"}}).to_string();
            stage.namespace.kubectl(&["patch", "pod", &pod, "--subresource=status", "--type=merge", "-p", &done])?;
            stage.namespace.wait(&["--for=condition=Complete", "job/job"])?;
            let finished = stage.namespace.get(&["pod", &pod])?.context("the Job's pod")?;
            ensure!(finished.pointer("/metadata/finalizers").is_none(), "the Job's finalizer: {finished:#}");

            stage.namespace.kubectl(&["label", "pod", "old", "looked-at=yes"])?;
            let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}}).to_string();
            stage.namespace.kubectl(&["patch", "pod", "old", "--type=merge", "-p", &hold(json!(["example.com/hold"]))])?;
            stage.namespace.kubectl(&["delete", "pod", "old", "--now", "--wait=false"])?;
            stage.namespace.kubectl(&["patch", "pod", "old", "--type=merge", "-p", &hold(Value::Null)])?;
            stage.namespace.wait_absent(&["pod", "old"])?;
            stage.namespace.delete(&["job", "job"])
        })
    })
}

fn new_pods_wait_for_the_operator(env: &Environment) -> Result<()> {
    stage(env, "waits", |stage| {
        let image = enforced(stage)?;
        stage.namespace.apply(&deployment("web", &image.by_tag(), 1).to_string())?;
        let running = |count: usize| move |pods: &Value| pods["items"].as_array().is_some_and(|pods| pods.len() == count);
        stage.namespace.wait_until(&["pods"], running(1))?;
        without_operator(env, || {
            refused(would_run(stage.namespace, &image.by_digest())?, &["failed calling webhook \"pods.bonafide.dev\""])?;
            // Scaling is not held up; its pods are.
            stage.namespace.kubectl(&["scale", "deployment/web", "--replicas=2"])?;
            let holds = |set: &Value| set.to_string().contains("failed calling webhook");
            stage.namespace.wait_until(&["replicasets"], holds)?;
            // Who cannot ask cannot know whether a policy selects the namespace.
            let other = env.namespace("unselected", &[])?;
            refused(would_run(&other, &image.by_tag())?, &["failed calling webhook"])?;
            // Exempt by name: a cluster must be able to repair itself.
            let system = testbed::Namespace::existing(env.control_plane.kubectl(), "kube-system");
            admitted(would_run(&system, &image.by_tag())?).map(|_| ())
        })?;
        stage.namespace.wait_until(&["pods"], running(2))?;
        let pods = stage.namespace.get(&["pods"])?.context("the pods")?;
        let pinned = pods["items"].as_array().is_some_and(|pods| pods.iter().all(|pod| pod.to_string().contains(&image.pinned())));
        ensure!(pinned, "{pods:#}");
        Ok(())
    })
}

fn operator_is_ready_soon_after_a_crash(env: &Environment) -> Result<()> {
    stage(env, "crashed", |stage| {
        let image = enforced(stage)?;
        let unsigned = stage.unsigned("unsigned")?.by_tag();
        env.operator.kill();
        let since = Instant::now();
        env.operator.start_again()?;
        within("the operator's start after a crash", since.elapsed(), READY)?;
        admitted(would_run(stage.namespace, &image.by_tag())?)?;
        refused(would_run(stage.namespace, &unsigned)?, &["NoSignature"])?;
        // It leads again, too: a new policy gets its condition.
        stage.policy("second", &json!({"mode": "Warn"}), &stage.verify_all())
    })
}

/// Pods are asked for all the while, and the operator is killed after another number of answers each time.
fn operator_killed_at_any_moment_lets_nothing_unsigned_in(env: &Environment) -> Result<()> {
    const KILLS: usize = 5;
    stage(env, "killed", |stage| {
        let image = enforced(stage)?;
        let unsigned = stage.unsigned("unsigned")?.by_tag();
        let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let ask = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = asked.fetch_add(1, Ordering::Relaxed);
                    let (kind, image) = if number % 2 == 0 { ("unsigned", &unsigned) } else { ("signed", &image.by_tag()) };
                    // Refused or not answered: what counts is what there is in the end.
                    let _ = stage.pod(&format!("{kind}-{number}"), image)?;
                }
                Ok::<_, anyhow::Error>(())
            });
            let kill = || {
                for kill in 1..=KILLS {
                    let next = asked.load(Ordering::Relaxed) + kill;
                    wait::until("more pods to be asked for", || Ok((asked.load(Ordering::Relaxed) >= next).then_some(())))?;
                    env.operator.kill();
                    let since = Instant::now();
                    env.operator.start_again()?;
                    within("the operator's start after a kill in the middle of admission", since.elapsed(), READY)?;
                }
                Ok::<_, anyhow::Error>(())
            };
            let killed = kill();
            over.store(true, Ordering::Relaxed);
            killed.and(ask.join().map_err(|_| anyhow::anyhow!("asking for pods panicked"))?)
        })?;
        let since = Instant::now();
        let took = until_admitted(stage.namespace, &image.by_tag(), since)?;
        println!(
            "{} pods asked for during {KILLS} kills; a signed one ran {} ms after the last start",
            asked.into_inner(),
            took.as_millis()
        );
        let pods = stage.namespace.get(&["pods"])?.context("the pods")?;
        let pods = pods["items"].as_array().context("a list")?;
        ensure!(!pods.is_empty(), "no pod was admitted between the kills");
        ensure!(pods.iter().all(|pod| pod.pointer("/spec/containers/0/image") == Some(&json!(image.pinned()))), "{pods:#?}");
        Ok(())
    })
}

fn watches_that_were_cut_are_followed_again(env: &Environment) -> Result<()> {
    stage(env, "cut", |stage| {
        let image = enforced(stage)?.by_tag();
        admitted(would_run(stage.namespace, &image)?)?;
        let (cut, since) = (env.relay.cut(), Instant::now());
        ensure!(cut > 0, "the operator had no connection to cut");
        let everything = json!([{"name": "all", "images": ["**"], "action": "Deny"}]);
        stage.policy("deny", &json!({}), &everything)?;
        let took = until_refused(stage.namespace, &image, "DeniedByRule", since)?;
        within(&format!("a policy after {cut} connections were cut"), took, FOLLOWED)
    })
}

fn misspelt_field_that_was_stored_refuses_and_says_why(env: &Environment) -> Result<()> {
    stage(env, "stored", |stage| {
        let image = enforced(stage)?.by_tag();
        let rules = json!([{"name": "all", "images": ["**"], "verify": [{"validator": stage.object("release"), "treshold": 1}]}]);
        let edit = json!({"spec": {"rules": rules}}).to_string();
        let policy = stage.object("policy");
        let patch = ["patch", "imagepolicies.bonafide.dev", &policy, "--type=merge", "-p", &edit];
        refused(stage.operator().attempt(&patch, "")?, &["resources.bonafide.dev", "treshold"])?;
        admitted(would_run(stage.namespace, &image)?).context("what was refused has changed nothing")?;

        without_operator(env, || admitted(stage.operator().attempt(&patch, "")?).map(|_| ()))?;
        until_refused(stage.namespace, &image, "PolicyInvalid", Instant::now())?;
        let holds = |policy: &Value| {
            condition(policy, "Ready", "False").is_some_and(|said| said.contains("spec.rules[0]") && said.contains("treshold"))
        };
        stage.operator().wait_until(&["imagepolicies.bonafide.dev", &policy], holds)?;
        // Repaired.
        stage.enforce()?;
        until_admitted(stage.namespace, &image, Instant::now()).map(|_| ())
    })
}

fn api_server_that_was_away_is_followed_again(env: &Environment) -> Result<()> {
    stage(env, "api-away", |stage| {
        let image = enforced(stage)?.by_tag();
        env.control_plane.stop_api_server();
        env.control_plane.start_api_server()?;
        until_admitted(stage.namespace, &image, Instant::now())?;
        let everything = json!([{"name": "all", "images": ["**"], "action": "Deny"}]);
        let since = Instant::now();
        stage.policy("deny", &json!({}), &everything)?;
        let took = until_refused(stage.namespace, &image, "DeniedByRule", since)?;
        println!("a policy after the API server's return: {} ms", took.as_millis());
        Ok(())
    })
}
