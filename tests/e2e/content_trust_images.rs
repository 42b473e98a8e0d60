//! Tags that trust data names run, pinned; all others are refused, and the message says what is missing.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::{Authority, Directory, Environment, NotaryServer};

use crate::Story;
use crate::content_trust_stage::Publisher;
use crate::support::{Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "tag_in_trust_data_runs_pinned_and_no_registry_is_asked", run: tag_in_trust_data_runs_pinned_and_no_registry_is_asked },
    Story { name: "tag_that_trust_data_lacks_is_refused_with_the_message", run: tag_that_trust_data_lacks_is_refused_with_the_message },
    Story { name: "tag_signed_under_another_root_key_is_refused", run: tag_signed_under_another_root_key_is_refused },
    Story { name: "root_is_pinned_by_the_id_that_notary_gives_its_key", run: root_is_pinned_by_the_id_that_notary_gives_its_key },
    Story { name: "root_is_pinned_by_the_authority_of_its_certificate", run: root_is_pinned_by_the_authority_of_its_certificate },
    Story { name: "required_delegation_must_have_signed_the_tag", run: required_delegation_must_have_signed_the_tag },
    Story { name: "required_delegations_must_name_one_digest", run: required_delegations_must_name_one_digest },
    Story { name: "delegation_must_have_signed_with_the_pinned_key", run: delegation_must_have_signed_with_the_pinned_key },
    Story { name: "releases_decide_where_they_are_delegated", run: releases_decide_where_they_are_delegated },
    Story { name: "digest_beside_a_tag_must_be_signed", run: digest_beside_a_tag_must_be_signed },
    Story { name: "server_of_another_authority_is_not_believed", run: server_of_another_authority_is_not_believed },
];

/// A publisher whose repository `web` is trusted and demanded, and the name of the repository.
fn trusted<'a>(stage: &'a Stage<'a>) -> Result<(Publisher<'a>, String)> {
    let publisher = Publisher::new(stage)?;
    let repository = publisher.begin("web")?;
    publisher.trust(&repository)?;
    publisher.enforce(&json!({}))?;
    Ok((publisher, repository))
}

fn tag_in_trust_data_runs_pinned_and_no_registry_is_asked(env: &Environment) -> Result<()> {
    stage(env, "nv1-signed", |stage| {
        let (publisher, _) = trusted(stage)?;
        let image = publisher.signed("web:v1", &[])?;
        let path = format!("{}/web", stage.name);
        let before = env.registry.requests_to(&path)?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        let images = stage.namespace.pod_images("web")?;
        ensure!(images.values().eq([&image.pinned()]), "{images:?}");
        ensure!(env.registry.requests_to(&path)? == before, "the registry was asked");
        Ok(())
    })
}

fn tag_that_trust_data_lacks_is_refused_with_the_message(env: &Environment) -> Result<()> {
    stage(env, "nv1-unsigned", |stage| {
        let (publisher, _) = trusted(stage)?;
        publisher.signed("web:v1", &[])?;
        let image = publisher.image("web:v2", "unsigned")?.by_tag();
        let why = format!("NoSignature: it is not signed (trust server {})", publisher.endpoint.url);
        let line = stage.denial("container \"main\"", &image, &why);
        refused(stage.pod("web", &image)?, &["(Forbidden)", "pods.bonafide.dev", "the image may not run", &line])?;
        let other = publisher.image("other:v1", "of a repository without trust data")?.by_tag();
        refused(stage.pod("other", &other)?, &["NoTrustData: the server has no trust data for this repository"])?;
        Ok(())
    })
}

fn tag_signed_under_another_root_key_is_refused(env: &Environment) -> Result<()> {
    stage(env, "nv1-other-root", |stage| {
        let (publisher, _) = trusted(stage)?;
        let stranger = Publisher::new(stage)?;
        stranger.begin("theirs")?;
        let theirs = stranger.signed("theirs:v1", &[])?;
        refused(stage.pod("theirs", &theirs.by_tag())?, &["(Forbidden)", "UntrustedSigner"])?;
        // What was missing is the key alone.
        publisher.begin("ours")?;
        admitted(stage.pod("ours", &publisher.signed("ours:v1", &[])?.by_tag())?).map(|_| ())
    })
}

fn root_is_pinned_by_the_id_that_notary_gives_its_key(env: &Environment) -> Result<()> {
    stage(env, "nv1-key-id", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        let image = publisher.signed("web:v1", &[])?;
        let pin = |id: &str| stage.operator().apply(&stage.trust_root("root", &json!([{"name": "root", "keyID": id}])).to_string());
        pin(&publisher.client.root_key_id(&repository)?)?;
        publisher.validate(&json!({}))?;
        publisher.enforce(&json!({}))?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        pin(&"ab".repeat(32))?;
        publisher.until_refused(&image.by_tag(), "UntrustedSigner")
    })
}

fn root_is_pinned_by_the_authority_of_its_certificate(env: &Environment) -> Result<()> {
    stage(env, "nv1-authorities", |stage| {
        let publisher = Publisher::new(stage)?;
        let folders = (Directory::temporary()?, Directory::temporary()?);
        let (ours, theirs) = (Authority::new(folders.0.path())?, Authority::new(folders.1.path())?);
        publisher.client.init_under(&ours, &publisher.repository("web"))?;
        let image = publisher.signed("web:v1", &[])?;
        let pin = |authority: &Authority| {
            let ca = json!([{"name": "authority", "pem": std::fs::read_to_string(authority.certificate())?}]);
            let mut root = stage.trust_root("root", &json!(null));
            root["spec"] = json!({"certificates": {"ca": ca}});
            stage.operator().apply(&root.to_string())
        };
        pin(&ours)?;
        publisher.validate(&json!({}))?;
        publisher.enforce(&json!({}))?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        pin(&theirs)?;
        publisher.until_refused(&image.by_tag(), "UntrustedSigner")
    })
}

fn required_delegation_must_have_signed_the_tag(env: &Environment) -> Result<()> {
    stage(env, "nv1-required", |stage| {
        let (publisher, repository) = trusted(stage)?;
        publisher.delegate(&repository, "build")?;
        publisher.enforce(&json!({"delegations": ["build"]}))?;
        let both = publisher.signed("web:v1", &["targets", "targets/build"])?;
        admitted(stage.pod("both", &both.by_tag())?)?;
        let images = stage.namespace.pod_images("both")?;
        ensure!(images.values().eq([&both.pinned()]), "{images:?}");
        let half = publisher.signed("web:v2", &["targets"])?.by_tag();
        publisher.until_refused(&half, "RequiredSignerMissing")?;
        let why = "RequiredSignerMissing: required signer targets/build does not vouch for it: the role has not signed this tag";
        refused(stage.pod("half", &half)?, &[&stage.denial("container \"main\"", &half, why)])?;
        Ok(())
    })
}

fn required_delegations_must_name_one_digest(env: &Environment) -> Result<()> {
    stage(env, "nv1-two-digests", |stage| {
        let (publisher, repository) = trusted(stage)?;
        for name in ["build", "qa"] {
            publisher.delegate(&repository, name)?;
        }
        publisher.enforce(&json!({"delegations": ["build", "qa"]}))?;
        let other = publisher.image("web:v1", "what was built first")?;
        publisher.client.sign(&other, &["targets/qa"])?;
        let image = publisher.signed("web:v1", &["targets", "targets/build"])?;
        ensure!(other.digest != image.digest, "one digest");
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "AmbiguousDigest", "targets/qa"])?;
        publisher.client.sign(&image, &["targets/qa"])?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn delegation_must_have_signed_with_the_pinned_key(env: &Environment) -> Result<()> {
    stage(env, "nv1-pinned-key", |stage| {
        let (publisher, repository) = trusted(stage)?;
        let first = publisher.delegate(&repository, "build")?;
        publisher.enforce(&json!({"delegations": ["build"], "delegationKeys": {"build": first.public_pem}}))?;
        let image = publisher.signed("web:v1", &["targets", "targets/build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        // The publisher hands the role to somebody else, by way of both.
        publisher.delegate(&repository, "build")?;
        let image = publisher.signed("web:v2", &["targets", "targets/build"])?;
        publisher.until_runs(&image.by_tag(), &image)?;
        publisher.client.undelegate_key(&repository, "targets/build", &first.id)?;
        let image = publisher.signed("web:v3", &["targets", "targets/build"])?;
        publisher.until_refused(&image.by_tag(), "RequiredSignerMissing")?;
        publisher.enforce(&json!({"delegations": ["build"]}))?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn releases_decide_where_they_are_delegated(env: &Environment) -> Result<()> {
    stage(env, "nv1-releases", |stage| {
        let (publisher, repository) = trusted(stage)?;
        publisher.delegate(&repository, "releases")?;
        let base = publisher.signed("web:base", &["targets"])?;
        let release = publisher.signed("web:v1", &["targets/releases"])?;
        admitted(stage.pod("release", &release.by_tag())?)?;
        refused(stage.pod("base", &base.by_tag())?, &["NoSignature: it is not signed"])?;
        // The rule of `docker pull`.
        publisher.validate(&json!({"deciding": "ReleasesThenTargets"}))?;
        publisher.until_runs(&base.by_tag(), &base)
    })
}

fn digest_beside_a_tag_must_be_signed(env: &Environment) -> Result<()> {
    stage(env, "nv1-digest", |stage| {
        let (publisher, _) = trusted(stage)?;
        let signed = publisher.signed("web:v1", &[])?;
        let unsigned = publisher.image("web:v2", "unsigned")?;
        for (name, reference) in [("pinned", signed.pinned()), ("digest", signed.by_digest())] {
            admitted(stage.pod(name, &reference)?)?;
            let stored = stage.namespace.pod_images(name)?;
            ensure!(stored.get("main") == Some(&reference), "{stored:?}");
        }
        for (name, reference) in [("no-tag", unsigned.by_digest()), ("good-tag", format!("{}@{}", signed.by_tag(), unsigned.digest))] {
            refused(stage.pod(name, &reference)?, &["(Forbidden)", "NoSignature"]).with_context(|| reference.clone())?;
        }
        Ok(())
    })
}

fn server_of_another_authority_is_not_believed(env: &Environment) -> Result<()> {
    stage(env, "nv1-authority", |stage| {
        // The real server, with nothing before it.
        let mut publisher = Publisher::at(stage, env.notary.endpoint())?;
        let image = publisher.established()?;
        publisher.until_runs(&image.by_tag(), &image)?;
        // The public authorities do not know it.
        publisher.validate(&json!({"caBundle": null}))?;
        publisher.until_refused(&image.by_tag(), "TrustServerUnavailable")?;
        let elsewhere = NotaryServer::start()?;
        let ours = std::mem::replace(&mut publisher.endpoint.authority, elsewhere.endpoint().authority);
        publisher.validate(&json!({}))?;
        // Both refuse with the same words, so the change is known to have arrived when the policy is ready again.
        publisher.enforce(&json!({"trustRoots": [stage.object("root")]}))?;
        publisher.until_refused(&image.by_tag(), "TrustServerUnavailable")?;
        publisher.endpoint.authority = ours;
        publisher.validate(&json!({}))?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}
