//! One report per pod: it comes, changes and goes with it, and nobody else writes it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::{condition, within};
use crate::support::{Attempt, OPERATOR, Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "report_comes_and_goes_with_its_pod", run: report_comes_and_goes_with_its_pod },
    Story { name: "report_changes_with_the_policy", run: report_changes_with_the_policy },
    Story { name: "another_pod_of_the_same_name_gets_a_new_report", run: another_pod_of_the_same_name_gets_a_new_report },
    Story { name: "pods_from_before_the_policy_get_a_report", run: pods_from_before_the_policy_get_a_report },
    Story { name: "report_goes_with_the_policy", run: report_goes_with_the_policy },
    Story { name: "forged_report_is_refused_and_unread", run: forged_report_is_refused_and_unread },
];

/// Every change of a policy has all pods looked at again, so that stories beside it would hide that nobody watches reports.
pub const ALONE: &[Story] =
    &[Story { name: "edited_report_is_put_back_and_a_deleted_one_rebuilt", run: edited_report_is_put_back_and_a_deleted_one_rebuilt }];

const REPORT: &str = "verificationreports.bonafide.dev";

fn report_comes_and_goes_with_its_pod(env: &Environment) -> Result<()> {
    stage(env, "reported", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        stage.namespace.wait_until(&[REPORT, "web"], |_| true)?;
        stage.namespace.wait(&["--for=condition=Verified", "verificationreport/web"])?;

        let report = stage.namespace.get(&[REPORT, "web"])?.context("the report")?;
        let result = report.pointer("/status/images/0").context("a result")?;
        ensure!(result["image"] == image.pinned() && result["digest"] == image.digest && result["status"] == "Trusted", "{result:#}");
        ensure!(result["policy"] == "bonafide-system/reported-policy" && result["rule"] == "all", "{result:#}");
        ensure!(result["validator"] == "bonafide-system/reported-release" && result["containers"] == json!(["main"]), "{result:#}");
        ensure!(result["signers"] == json!(["bonafide-system/reported-build/key"]), "{result:#}");

        let columns = |arguments: &[&str]| -> Result<Vec<String>> {
            let table = stage.namespace.kubectl(arguments)?;
            Ok(table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
        };
        let narrow = columns(&["get", "verificationreports"])?;
        ensure!(narrow.first().is_some_and(|head| head == "NAME VERIFIED IMAGES EXEMPT REASON AGE"), "{narrow:?}");
        ensure!(narrow.get(1).is_some_and(|row| row.starts_with("web True 1/1 0 Trusted ")), "{narrow:?}");
        let wide = columns(&["get", "verificationreports", "-o", "wide"])?;
        ensure!(wide.first().is_some_and(|head| head.ends_with("AGE UNMATCHED WORKLOAD MESSAGE")), "{wide:?}");
        ensure!(wide.get(1).is_some_and(|row| row.ends_with("1 of 1 images is trusted")), "{wide:?}");

        stage.namespace.delete(&["pod", "web"])?;
        stage.namespace.wait_absent(&[REPORT, "web"])
    })
}

fn report_changes_with_the_policy(env: &Environment) -> Result<()> {
    stage(env, "rereported", |stage| {
        stage.trust(&["build", "qa"])?;
        let verify = |root: &str| json!([{"name": root, "images": ["**"], "verify": [{"validator": stage.object("release"), "trustRoots": [stage.object(root)]}]}]);
        stage.policy("policy", &json!({}), &verify("build"))?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        says(stage, "web", "True", "Trusted: 1 of 1 images is trusted")?;
        stage.policy("policy", &json!({}), &verify("qa"))?;
        let report = says(stage, "web", "False", "UntrustedSigner: 1 of 1 images is not trusted: container main")?;
        let result = report.pointer("/status/images/0").context("a result")?;
        let message = result["message"].as_str().unwrap_or_default();
        ensure!(result["status"] == "Untrusted" && result["rule"] == "qa" && message.contains("which is none of"), "{result:#}");
        stage.policy("policy", &json!({}), &json!([{"name": "all", "images": ["**"], "action": "Allow", "reason": "ticket 4711"}]))?;
        let report = says(stage, "web", "True", "Exempt: ")?;
        ensure!(report.pointer("/status/summary/exempt") == Some(&json!(1)), "an exempt image is not called trusted: {report:#}");
        ensure!(report.pointer("/status/summary/trusted") == Some(&json!(0)), "{report:#}");
        Ok(())
    })
}

/// Waits until a pod's report says so, and answers it.
fn says(stage: &Stage<'_>, pod: &str, status: &str, text: &str) -> Result<Value> {
    stage.namespace.wait_until(&[REPORT, pod], |report| condition(report, "Verified", status).is_some_and(|said| said.starts_with(text)))
}

fn another_pod_of_the_same_name_gets_a_new_report(env: &Environment) -> Result<()> {
    stage(env, "renewed", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        admitted(stage.pod("web", &image)?)?;
        let first = says(stage, "web", "True", "Trusted")?;
        stage.namespace.delete(&["pod", "web"])?;
        admitted(stage.pod("web", &image)?)?;
        let pod = stage.namespace.get(&["pod", "web"])?.context("the pod")?;
        let uid = pod.pointer("/metadata/uid").context("its uid")?;
        let second = stage.namespace.wait_until(&[REPORT, "web"], |report| report.pointer("/pod/uid") == Some(uid))?;
        ensure!(second.pointer("/metadata/uid") != first.pointer("/metadata/uid"), "{second:#}");
        ensure!(second.pointer("/metadata/ownerReferences/0/uid") == Some(uid), "{second:#}");
        says(stage, "web", "True", "Trusted").map(|_| ())
    })
}

fn pods_from_before_the_policy_get_a_report(env: &Environment) -> Result<()> {
    stage(env, "from-before", |stage| {
        let (signed, unsigned) = (stage.signed("signed", &["build"])?.by_tag(), stage.unsigned("unsigned")?.by_tag());
        admitted(stage.pod("signed", &signed)?)?;
        admitted(stage.pod("unsigned", &unsigned)?)?;
        ensure!(stage.namespace.get(&[REPORT, "signed"])?.is_none(), "a report without a policy");
        stage.trust(&["build"])?;
        let since = Instant::now();
        stage.enforce()?;
        says(stage, "signed", "True", "Trusted")?;
        says(stage, "unsigned", "False", "NoSignature")?;
        within("reports on pods from before the policy", since.elapsed(), Duration::from_secs(30))
    })
}

fn report_goes_with_the_policy(env: &Environment) -> Result<()> {
    stage(env, "unreported", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        says(stage, "web", "True", "Trusted")?;
        stage.operator().delete(&["imagepolicies.bonafide.dev", &stage.object("policy")])?;
        stage.namespace.wait_absent(&[REPORT, "web"])?;
        ensure!(stage.namespace.get(&["pod", "web"])?.is_some(), "the pod stays");
        Ok(())
    })
}

fn edited_report_is_put_back_and_a_deleted_one_rebuilt(env: &Environment) -> Result<()> {
    stage(env, "tampered-report", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        admitted(stage.pod("web", &stage.unsigned("web")?.by_tag())?)?;
        let before = says(stage, "web", "False", "NoSignature")?;

        let lie = json!([{"op": "replace", "path": "/status/conditions/0/status", "value": "True"}]).to_string();
        stage.namespace.kubectl(&["patch", REPORT, "web", "--type=json", "-p", &lie, OPERATOR])?;
        let back = says(stage, "web", "False", "NoSignature")?;
        ensure!(back["status"] == before["status"], "the times, too: {back:#}");

        stage.namespace.kubectl(&["delete", REPORT, "web", OPERATOR, "--wait=false"])?;
        let uid = before.pointer("/metadata/uid");
        let rebuilt = stage.namespace.wait_until(&[REPORT, "web"], |report| report.pointer("/metadata/uid") != uid)?;
        ensure!(rebuilt["status"] == before["status"], "{rebuilt:#}");
        Ok(())
    })
}

fn forged_report_is_refused_and_unread(env: &Environment) -> Result<()> {
    stage(env, "forged-report", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let signed = stage.signed("signed", &["build"])?;
        admitted(stage.pod("honest", &signed.by_tag())?)?;
        let honest = says(stage, "honest", "True", "Trusted")?;
        let unsigned = stage.unsigned("web")?;
        let forged = forge(&honest, "web", &unsigned.by_digest(), &unsigned.digest).to_string();

        // Not even an administrator, whom RBAC lets do everything.
        let only = "only the Bonafide operator writes VerificationReports";
        refused(stage.namespace.try_create(&forged)?, &["(Forbidden)", only])?;
        refused(attempt(stage, &["label", REPORT, "honest", "a=b"])?, &[only])?;
        refused(attempt(stage, &["delete", REPORT, "honest"])?, &[only])?;
        // RBAC lets no tenant try.
        let binding = ["create", "rolebinding", "tenant", "--clusterrole=admin", "--user=tenant"];
        stage.namespace.kubectl(&binding)?;
        refused(attempt(stage, &["delete", REPORT, "honest", "--as=tenant"])?, &["(Forbidden)", "cannot delete"])?;
        admitted(attempt(stage, &["get", REPORT, "honest", "--as=tenant"])?)?;

        // And if one were there, nobody would believe it.
        admitted(stage.namespace.attempt(&["create", OPERATOR, "-f", "-"], &forged)?)?;
        for reference in [unsigned.by_tag(), unsigned.by_digest()] {
            refused(stage.pod("web", &reference)?, &["(Forbidden)", "NoSignature"])?;
        }
        Ok(())
    })
}

fn attempt(stage: &Stage<'_>, arguments: &[&str]) -> Result<Attempt> {
    stage.namespace.attempt(arguments, "")
}

/// The honest report, told of another pod and image.
fn forge(honest: &Value, pod: &str, image: &str, digest: &str) -> Value {
    let mut forged = honest.clone();
    forged["metadata"] = json!({"name": pod, "labels": honest["metadata"]["labels"]});
    forged["pod"]["name"] = json!(pod);
    forged["status"]["images"][0]["image"] = json!(image);
    forged["status"]["images"][0]["digest"] = json!(digest);
    forged
}
