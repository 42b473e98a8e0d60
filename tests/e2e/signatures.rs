//! Signed images run, pinned; all others are refused with a message worth reading.

use anyhow::{Result, ensure};
use testbed::Environment;

use crate::Story;
use crate::support::{admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "signed_tag_runs_pinned", run: signed_tag_runs_pinned },
    Story { name: "unsigned_is_refused_with_the_message", run: unsigned_is_refused_with_the_message },
];

fn signed_tag_runs_pinned(env: &Environment) -> Result<()> {
    stage(env, "signed", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        let images = stage.namespace.pod_images("web")?;
        ensure!(images.values().eq([&image.pinned()]), "{images:?}");
        Ok(())
    })
}

fn unsigned_is_refused_with_the_message(env: &Environment) -> Result<()> {
    stage(env, "unsigned", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?;
        let message = refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "pods.bonafide.dev", "the image may not run"])?;
        let line = format!(
            "container \"main\": {} (policy bonafide-system/unsigned-policy, rule \"all\"): NoSignature: no signature found",
            image.by_tag()
        );
        ensure!(message.contains(&line), "{message}");
        Ok(())
    })
}
