//! How an image is named: what runs is what was verified, and names that runtimes read differently are refused.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::Environment;

use crate::Story;
use crate::actions::{until_refused, within};
use crate::support::{Stage, admitted, refused, stage};

/// What a tag meant is remembered for 5 s.
const MOVED: Duration = Duration::from_secs(15);

pub const STORIES: &[Story] = &[
    Story { name: "reference_with_tag_and_digest_is_verified_by_digest", run: reference_with_tag_and_digest_is_verified_by_digest },
    Story { name: "wrong_tag_beside_a_signed_digest_is_irrelevant", run: wrong_tag_beside_a_signed_digest_is_irrelevant },
    Story {
        name: "tag_of_a_signed_image_lends_nothing_to_an_unsigned_digest",
        run: tag_of_a_signed_image_lends_nothing_to_an_unsigned_digest,
    },
    Story { name: "digest_only_reference_is_verified_and_kept", run: digest_only_reference_is_verified_and_kept },
    Story { name: "digest_that_the_registry_lacks_is_not_found", run: digest_that_the_registry_lacks_is_not_found },
    Story { name: "tag_moved_to_an_unsigned_image_is_refused", run: tag_moved_to_an_unsigned_image_is_refused },
    Story { name: "allow_by_tag_ignores_foreign_digest", run: allow_by_tag_ignores_foreign_digest },
    Story { name: "image_id_reference_is_invalid", run: image_id_reference_is_invalid },
    Story { name: "unreadable_reference_is_invalid_and_its_container_named", run: unreadable_reference_is_invalid_and_its_container_named },
    Story { name: "short_name_is_written_fully_qualified", run: short_name_is_written_fully_qualified },
];

fn reference_with_tag_and_digest_is_verified_by_digest(env: &Environment) -> Result<()> {
    stage(env, "tag-and-digest", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        runs_as(stage, "signed", &image.pinned(), &image.pinned())?;
        let unsigned = stage.unsigned("unsigned")?;
        let line = stage.denial("container \"main\"", &unsigned.pinned(), "NoSignature");
        refused(stage.pod("unsigned", &unsigned.pinned())?, &["(Forbidden)", &line])?;
        Ok(())
    })
}

fn wrong_tag_beside_a_signed_digest_is_irrelevant(env: &Environment) -> Result<()> {
    stage(env, "wrong-tag", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        let other = env.images.push(&format!("{}:other", image.repository), "another image")?;
        let absent = format!("{}:absent@{}", image.repository, image.digest);
        runs_as(stage, "absent", &absent, &absent)?;
        let foreign = format!("{}:{}@{}", image.repository, other.tag, image.digest);
        runs_as(stage, "foreign", &foreign, &foreign)
    })
}

fn tag_of_a_signed_image_lends_nothing_to_an_unsigned_digest(env: &Environment) -> Result<()> {
    stage(env, "lent-tag", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        let other = env.images.push(&format!("{}:other", image.repository), "another image")?;
        let reference = format!("{}:{}@{}", image.repository, image.tag, other.digest);
        refused(stage.pod("web", &reference)?, &["(Forbidden)", &stage.denial("container \"main\"", &reference, "NoSignature")])?;
        Ok(())
    })
}

fn digest_only_reference_is_verified_and_kept(env: &Environment) -> Result<()> {
    stage(env, "digest-only", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        runs_as(stage, "signed", &image.by_digest(), &image.by_digest())?;
        let unsigned = stage.unsigned("unsigned")?;
        refused(stage.pod("unsigned", &unsigned.by_digest())?, &["(Forbidden)", "NoSignature"])?;
        Ok(())
    })
}

fn digest_that_the_registry_lacks_is_not_found(env: &Environment) -> Result<()> {
    stage(env, "absent-digest", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        let reference = format!("{}@sha256:{}", image.repository, "0".repeat(64));
        refused(stage.pod("web", &reference)?, &["(ServiceUnavailable)", "ImageNotFound"])?;
        Ok(())
    })
}

fn tag_moved_to_an_unsigned_image_is_refused(env: &Environment) -> Result<()> {
    stage(env, "moved-tag", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        runs_as(stage, "before", &image.by_tag(), &image.pinned())?;
        env.images.push(&image.by_tag(), "an image that nobody has signed")?;
        // What a tag meant is remembered for seconds: until then the verified digest runs, never what nobody has signed.
        let took = until_refused(stage.namespace, &image.by_tag(), "NoSignature", Instant::now())?;
        within("a moved tag until it is refused", took, MOVED)?;
        // What was verified still runs, by its digest.
        runs_as(stage, "again", &image.pinned(), &image.pinned())
    })
}

/// The author of a pod chooses the tag beside a digest: it must not choose an Allow rule.
fn allow_by_tag_ignores_foreign_digest(env: &Environment) -> Result<()> {
    stage(env, "allowed-tag", |stage| {
        stage.trust(&["build"])?;
        let image = stage.unsigned("web")?;
        let allowed = json!({"name": "released", "images": [image.by_tag()], "action": "Allow"});
        let all = stage.verify_all()[0].take();
        stage.policy("policy", &json!({}), &json!([allowed, all]))?;
        runs_as(stage, "tag", &image.by_tag(), &image.by_tag())?;
        let other = env.images.push(&format!("{}:other", image.repository), "another image")?;
        let reference = format!("{}@{}", image.by_tag(), other.digest);
        refused(stage.pod("digest", &reference)?, &["(Forbidden)", &stage.denial("container \"main\"", &reference, "NoSignature")])?;
        Ok(())
    })
}

/// Refused although the policy allows every image: nobody can say what would run.
fn image_id_reference_is_invalid(env: &Environment) -> Result<()> {
    stage(env, "image-id", |stage| {
        allow_all(stage)?;
        let hex = "0123456789abcdef".repeat(4);
        for (name, reference) in [("prefixed", format!("sha256:{hex}")), ("bare", hex.clone())] {
            // What cannot be read is shown quoted.
            let line = format!("container \"main\": {reference:?} (policy bonafide-system/{}): ImageInvalid: ", stage.object("policy"));
            refused(stage.pod(name, &reference)?, &["(Forbidden)", &line, "image ID"])?;
        }
        Ok(())
    })
}

fn unreadable_reference_is_invalid_and_its_container_named(env: &Environment) -> Result<()> {
    stage(env, "unreadable", |stage| {
        allow_all(stage)?;
        let host = env.registry.host();
        for (name, path) in [("upper-case", "Web:v1"), ("digest", "web@sha256:0123"), ("two-digests", "web@sha256@sha256:0123")] {
            let containers = [("good", "registry.k8s.io/pause:3.10"), ("bad", &format!("{host}/{path}"))];
            let message =
                refused(stage.namespace.try_pod(name, &containers)?, &["1 of 2 images", "container \"bad\": ", ": ImageInvalid: "])?;
            ensure!(!message.contains("\"good\""), "a good container is complained of: {message}");
        }
        Ok(())
    })
}

fn short_name_is_written_fully_qualified(env: &Environment) -> Result<()> {
    stage(env, "short-name", |stage| {
        let rules = json!([{"name": "official", "images": ["docker.io/library/*"], "action": "Allow"}]);
        stage.policy("policy", &json!({}), &rules)?;
        runs_as(stage, "bare", "redis", "docker.io/library/redis:latest")?;
        runs_as(stage, "tagged", "redis:7", "docker.io/library/redis:7")?;
        runs_as(stage, "full", "docker.io/library/redis:7", "docker.io/library/redis:7")?;
        refused(stage.pod("nested", "bitnami/redis")?, &["(Forbidden)", "bitnami/redis", "NoMatchingRule"])?;
        Ok(())
    })
}

fn enforced(stage: &Stage<'_>) -> Result<()> {
    stage.trust(&["build"])?;
    stage.enforce()
}

fn allow_all(stage: &Stage<'_>) -> Result<()> {
    stage.policy("policy", &json!({}), &json!([{"name": "all", "images": ["**"], "action": "Allow"}]))
}

/// A pod with this image is admitted and stored with that one.
fn runs_as(stage: &Stage<'_>, pod: &str, image: &str, stored: &str) -> Result<()> {
    admitted(stage.pod(pod, image)?)?;
    let images = stage.namespace.pod_images(pod)?;
    ensure!(images.values().eq([stored]), "{image} is stored as {images:?}, not as {stored}");
    Ok(())
}
