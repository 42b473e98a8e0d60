//! Publishers go on: keys are rotated, tags signed again or taken back, delegations removed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::{Environment, TrustRole};

use crate::Story;
use crate::actions::within;
use crate::content_trust_stage::Publisher;
use crate::support::{admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "key_of_every_role_is_rotated_between_two_admissions", run: key_of_every_role_is_rotated_between_two_admissions },
    Story { name: "lowest_version_of_the_root_holds_on_first_contact_too", run: lowest_version_of_the_root_holds_on_first_contact_too },
    Story { name: "tag_that_was_signed_again_runs_as_its_new_digest", run: tag_that_was_signed_again_runs_as_its_new_digest },
    Story { name: "tag_that_was_taken_back_is_refused", run: tag_that_was_taken_back_is_refused },
    Story { name: "delegation_that_was_removed_vouches_no_more", run: delegation_that_was_removed_vouches_no_more },
];

pub const ALONE: &[Story] =
    &[Story { name: "root_rotated_twice_without_the_operator_is_followed", run: root_rotated_twice_without_the_operator_is_followed }];

/// The refresh interval of one second, and what a loaded machine adds.
const SEEN: Duration = Duration::from_secs(10);

fn key_of_every_role_is_rotated_between_two_admissions(env: &Environment) -> Result<()> {
    stage(env, "nv1-rotated", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        publisher.enforce(&json!({}))?;
        let (first, key) = (publisher.signed("web:v1", &[])?, publisher.client.root_key_id(&repository)?);
        admitted(stage.pod("first", &first.by_tag())?)?;
        for role in [TrustRole::Targets, TrustRole::Snapshot, TrustRole::Timestamp, TrustRole::Root] {
            let name = format!("after-{role:?}").to_lowercase();
            publisher.client.rotate(&repository, role)?;
            let image = publisher.signed(&format!("web:{name}"), &[])?;
            publisher.until_runs(&image.by_tag(), &image).with_context(|| name)?;
        }
        admitted(stage.pod("again", &first.by_tag())?)?;
        // Who comes anew with the pin of the first root gets here through the chain of roots.
        let root = stage.trust_root("root", &json!([{"name": "first", "keyID": key}]));
        stage.operator().apply(&root.to_string())?;
        publisher.enforce(&json!({}))?;
        publisher.until_runs(&first.by_tag(), &first)
    })
}

fn lowest_version_of_the_root_holds_on_first_contact_too(env: &Environment) -> Result<()> {
    stage(env, "nv1-minimum", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.pin(&repository)?;
        // Two roots there are already: the second gave the server the key of snapshots.
        publisher.validate(&json!({"minimumRootVersion": 3}))?;
        publisher.enforce(&json!({}))?;
        let image = publisher.signed("web:v1", &[])?;
        refused(
            stage.pod("web", &image.by_tag())?,
            &["(Forbidden)", "RolledBack: root: version 2 is below 3, the lowest that is accepted"],
        )?;
        publisher.client.rotate(&repository, TrustRole::Targets)?;
        publisher.client.sign(&image, &[])?;
        publisher.until_runs(&image.by_tag(), &image)
    })
}

fn root_rotated_twice_without_the_operator_is_followed(env: &Environment) -> Result<()> {
    stage(env, "nv1-root-twice", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        publisher.enforce(&json!({}))?;
        let first = publisher.signed("web:v1", &[])?;
        admitted(stage.pod("first", &first.by_tag())?)?;
        let key = publisher.client.root_key_id(&repository)?;
        env.operator.stop()?;
        let meanwhile = || {
            publisher.client.rotate(&repository, TrustRole::Root)?;
            publisher.client.rotate(&repository, TrustRole::Root)?;
            publisher.signed("web:v2", &[])
        };
        let second = meanwhile();
        env.operator.start_again()?;
        let second = second?;
        ensure!(publisher.client.root_key_id(&repository)? != key, "the root has the same key");
        publisher.until_runs(&second.by_tag(), &second)?;
        publisher.until_runs(&first.by_tag(), &first)
    })
}

fn tag_that_was_signed_again_runs_as_its_new_digest(env: &Environment) -> Result<()> {
    stage(env, "nv1-again", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        publisher.enforce(&json!({}))?;
        let old = publisher.signed("web:v1", &[])?;
        admitted(stage.pod("old", &old.by_tag())?)?;
        // Whoever only moves the tag in the registry changes nothing.
        let new = publisher.image("web:v1", "the next build")?;
        ensure!(new.digest != old.digest, "one digest");
        admitted(stage.pod("moved", &old.by_tag())?)?;
        ensure!(stage.namespace.pod_images("moved")?.values().eq([&old.pinned()]), "a tag that was moved runs");
        let since = Instant::now();
        publisher.client.sign(&new, &[])?;
        publisher.until_runs(&new.by_tag(), &new)?;
        within("a tag that was signed again", since.elapsed(), SEEN)?;
        // No tag names it any more, so it is signed no more.
        refused(stage.pod("digest", &old.by_digest())?, &["NoSignature"]).map(|_| ())
    })
}

fn tag_that_was_taken_back_is_refused(env: &Environment) -> Result<()> {
    stage(env, "nv1-taken-back", |stage| {
        let publisher = Publisher::new(stage)?;
        let image = publisher.established()?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        let since = Instant::now();
        publisher.client.withdraw(&image, &[])?;
        publisher.until_refused(&image.by_tag(), "NoSignature: it is not signed")?;
        within("a tag that was taken back", since.elapsed(), SEEN)
    })
}

fn delegation_that_was_removed_vouches_no_more(env: &Environment) -> Result<()> {
    stage(env, "nv1-removed", |stage| {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        for name in ["build", "releases"] {
            publisher.delegate(&repository, name)?;
        }
        publisher.enforce(&json!({"delegations": ["build"]}))?;
        let image = publisher.signed("web:v1", &["targets/build", "targets/releases"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        publisher.client.undelegate(&repository, "targets/build")?;
        publisher.until_refused(&image.by_tag(), "RequiredSignerMissing")?;
        // Without releases, targets decides, and that has no tag.
        publisher.enforce(&json!({}))?;
        publisher.until_runs(&image.by_tag(), &image)?;
        publisher.client.undelegate(&repository, "targets/releases")?;
        publisher.until_refused(&image.by_tag(), "NoSignature: it is not signed")
    })
}
