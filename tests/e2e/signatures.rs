//! Signed images run, pinned; all others are refused with a message worth reading.
//!
//! Each refusal here is of an image that carries something: only the check that the story names stands in the way.

use anyhow::{Result, ensure};
use testbed::{Environment, Format, Image};

use crate::Story;
use crate::support::{Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "signed_tag_runs_pinned", run: signed_tag_runs_pinned },
    Story { name: "unsigned_is_refused_with_the_message", run: unsigned_is_refused_with_the_message },
    Story { name: "signed_by_another_key_is_refused", run: signed_by_another_key_is_refused },
    Story { name: "good_signature_beside_foreign_ones_admits", run: good_signature_beside_foreign_ones_admits },
    Story { name: "signature_of_another_image_is_refused", run: signature_of_another_image_is_refused },
    Story { name: "bundle_of_another_image_is_refused", run: bundle_of_another_image_is_refused },
    Story { name: "attestation_is_no_signature", run: attestation_is_no_signature },
    Story { name: "attestation_moved_to_the_signature_tag_is_no_signature", run: attestation_moved_to_the_signature_tag_is_no_signature },
    Story { name: "signature_on_an_index_does_not_cover_its_children", run: signature_on_an_index_does_not_cover_its_children },
];

fn signed_tag_runs_pinned(env: &Environment) -> Result<()> {
    stage(env, "signed", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        let images = stage.namespace.pod_images("web")?;
        ensure!(images.values().eq([&image.pinned()]), "{images:?}");
        Ok(())
    })
}

fn unsigned_is_refused_with_the_message(env: &Environment) -> Result<()> {
    stage(env, "unsigned", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        let line = stage.denial("container \"main\"", &image.by_tag(), "NoSignature: no signature found");
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "pods.bonafide.dev", "the image may not run", &line])?;
        Ok(())
    })
}

fn signed_by_another_key_is_refused(env: &Environment) -> Result<()> {
    stage(env, "another-key", |stage| {
        enforced(stage)?;
        let trusted = stage.object("build");
        for (repository, format) in [("bundle", Format::Bundle), ("legacy", Format::Legacy)] {
            let image = stage.unsigned(repository)?;
            env.cosign.sign(&env.key("stranger")?, &image, format)?;
            let message = refused(stage.pod(repository, &image.by_tag())?, &["(Forbidden)", "UntrustedSigner: 1 signature found, by "])?;
            ensure!(message.contains(&format!("which is none of {trusted}")), "{message}");
        }
        Ok(())
    })
}

fn good_signature_beside_foreign_ones_admits(env: &Environment) -> Result<()> {
    stage(env, "beside", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        env.cosign.sign(&env.key("stranger")?, &image, Format::Legacy)?;
        env.cosign.sign(&env.key("stranger")?, &image, Format::Bundle)?;
        env.cosign.attest(&env.key("build")?, &image, Format::Bundle, "custom", "{}")?;
        env.cosign.sign(&env.key("build")?, &image, Format::Bundle)?;
        admitted(stage.pod("web", &image.by_tag())?).map(|_| ())
    })
}

/// The signature object of image A, by a trusted key, is copied to where that of image B belongs.
fn signature_of_another_image_is_refused(env: &Environment) -> Result<()> {
    stage(env, "copied", |stage| {
        enforced(stage)?;
        let (signed, other) = pair(stage)?;
        env.cosign.sign(&env.key("build")?, &signed, Format::Legacy)?;
        env.images.copy(&beside(&signed, ".sig"), &beside(&other, ".sig"))?;
        let why = format!("DigestMismatch: a trusted key signed another image, {}, and that signature", signed.digest);
        refused(stage.pod("web", &other.by_tag())?, &["(Forbidden)", &why])?;
        admitted(stage.pod("web", &signed.by_tag())?).map(|_| ())
    })
}

/// As above with a bundle: the index that lists what refers to image A is offered as that of image B.
fn bundle_of_another_image_is_refused(env: &Environment) -> Result<()> {
    stage(env, "copied-bundle", |stage| {
        enforced(stage)?;
        let (signed, other) = pair(stage)?;
        env.cosign.sign(&env.key("build")?, &signed, Format::Bundle)?;
        env.images.copy(&beside(&signed, ""), &beside(&other, ""))?;
        refused(stage.pod("web", &other.by_tag())?, &["(Forbidden)", "NoSignature: no signature found (1 other object"])?;
        admitted(stage.pod("web", &signed.by_tag())?).map(|_| ())
    })
}

fn attestation_is_no_signature(env: &Environment) -> Result<()> {
    stage(env, "attested", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        env.cosign.attest(&env.key("build")?, &image, Format::Bundle, "custom", r#"{"tests": "passed"}"#)?;
        let why = "NoSignature: no signature found (1 attestation was found, which is no image signature)";
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", &stage.denial("container \"main\"", &image.by_tag(), why)])?;
        Ok(())
    })
}

/// Whoever may push can put a trusted party's attestation where signatures are looked for.
fn attestation_moved_to_the_signature_tag_is_no_signature(env: &Environment) -> Result<()> {
    stage(env, "moved-attestation", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        env.cosign.attest(&env.key("build")?, &image, Format::Legacy, "custom", "{}")?;
        env.images.copy(&beside(&image, ".att"), &beside(&image, ".sig"))?;
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "NoSignature: no signature found ("])?;
        Ok(())
    })
}

fn signature_on_an_index_does_not_cover_its_children(env: &Environment) -> Result<()> {
    stage(env, "index", |stage| {
        enforced(stage)?;
        let reference = format!("{}/{}/web:v1", env.registry.host(), stage.name);
        let index = env.images.push_index(&reference, &["linux/amd64", "linux/arm64"])?;
        env.cosign.sign(&env.key("build")?, &index, Format::Bundle)?;
        admitted(stage.pod("index", &index.by_tag())?)?;
        let images = stage.namespace.pod_images("index")?;
        ensure!(images.values().eq([&index.pinned()]), "{images:?}");
        let child = format!("{}@{}", index.repository, env.images.digest(&format!("{reference}-linux-amd64"))?);
        refused(stage.pod("child", &child)?, &["(Forbidden)", "NoSignature"])?;
        Ok(())
    })
}

/// Trusts `build` and enforces its signature.
fn enforced(stage: &Stage<'_>) -> Result<()> {
    stage.trust(&["build"])?;
    stage.enforce()
}

/// Two images in one repository.
fn pair(stage: &Stage<'_>) -> Result<(Image, Image)> {
    let first = stage.unsigned("web")?;
    let reference = format!("{}:v2", first.repository);
    Ok((first, stage.env.images.push(&reference, &reference)?))
}

/// The tag under which cosign keeps what belongs to an image.
fn beside(image: &Image, suffix: &str) -> String {
    format!("{}:{}{suffix}", image.repository, image.digest.replace(':', "-"))
}
