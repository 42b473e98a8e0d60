//! What a refusal does: it refuses, it warns, or it is recorded.

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::Environment;

use crate::Story;
use crate::actions::condition;
use crate::support::{Stage, admitted, stage};

pub const STORIES: &[Story] = &[
    Story { name: "warn_admits_and_kubectl_prints_the_warning", run: warn_admits_and_kubectl_prints_the_warning },
    Story { name: "audit_admits_silently_and_the_report_tells", run: audit_admits_silently_and_the_report_tells },
    Story { name: "only_enforce_changes_what_runs", run: only_enforce_changes_what_runs },
];

fn warn_admits_and_kubectl_prints_the_warning(env: &Environment) -> Result<()> {
    stage(env, "warns", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Warn"}), &stage.verify_all())?;
        let image = stage.unsigned("web")?.by_tag();
        let warnings = admitted(stage.pod("web", &image)?)?;
        let line = format!(
            "Warning: container \"main\": {image} (policy bonafide-system/warns-policy, rule \"all\"): NoSignature: no signature found"
        );
        ensure!(warnings.contains(&line), "{line}\nis not in\n{warnings}");
        let signed = stage.signed("signed", &["build"])?;
        let warnings = admitted(stage.pod("signed", &signed.by_tag())?)?;
        ensure!(warnings.is_empty(), "{warnings}");
        report_says(stage, "web", "False", "NoSignature")
    })
}

fn audit_admits_silently_and_the_report_tells(env: &Environment) -> Result<()> {
    stage(env, "audits", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        let image = stage.unsigned("web")?.by_tag();
        let warnings = admitted(stage.pod("web", &image)?)?;
        ensure!(warnings.is_empty(), "{warnings}");
        report_says(stage, "web", "False", "NoSignature")
    })
}

fn only_enforce_changes_what_runs(env: &Environment) -> Result<()> {
    stage(env, "unpinned", |stage| {
        stage.trust(&["build"])?;
        let image = stage.signed("web", &["build"])?;
        for mode in ["Audit", "Warn"] {
            stage.policy("policy", &json!({"mode": mode, "pin": "All"}), &stage.verify_all())?;
            let name = mode.to_lowercase();
            admitted(stage.pod(&name, &image.by_tag())?)?;
            let images = stage.namespace.pod_images(&name)?;
            ensure!(images.values().eq([&image.by_tag()]), "{mode}: {images:?}");
        }
        Ok(())
    })
}

fn report_says(stage: &Stage<'_>, pod: &str, status: &str, reason: &str) -> Result<()> {
    let holds = |report: &_| condition(report, "Verified", status).is_some_and(|said| said.starts_with(reason));
    stage.namespace.wait_until(&["verificationreports.bonafide.dev", pod], holds).map(|_| ())
}
