//! Where signatures and keys are, what verification costs, and what happens when a registry does not answer.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Algorithm, Directory, Environment, Format, Image, Registry};

use crate::Story;
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "both_layouts_are_found_without_the_referrers_api", run: both_layouts_are_found_without_the_referrers_api },
    Story { name: "both_layouts_are_found_with_the_referrers_api", run: both_layouts_are_found_with_the_referrers_api },
    Story { name: "every_kind_of_key_verifies_in_both_layouts", run: every_kind_of_key_verifies_in_both_layouts },
    Story { name: "key_is_read_from_a_secret_and_from_a_config_map", run: key_is_read_from_a_secret_and_from_a_config_map },
    Story { name: "signatures_are_read_from_the_signature_repository", run: signatures_are_read_from_the_signature_repository },
    Story { name: "eight_containers_of_one_image_cost_one_verification", run: eight_containers_of_one_image_cost_one_verification },
    Story { name: "image_that_is_not_in_the_registry_is_not_found", run: image_that_is_not_in_the_registry_is_not_found },
    Story { name: "registry_that_is_down_is_a_fault", run: registry_that_is_down_is_a_fault },
    Story { name: "refusal_beside_a_fault_is_a_refusal", run: refusal_beside_a_fault_is_a_refusal },
    Story { name: "dry_run_answers_the_same_and_stores_nothing", run: dry_run_answers_the_same_and_stores_nothing },
];

fn both_layouts_are_found_without_the_referrers_api(env: &Environment) -> Result<()> {
    stage(env, "without-api", |stage| {
        let (bundle, legacy) = in_both_layouts(stage, &env.registry)?;
        let tags = env.images.tags(&bundle.repository)?;
        ensure!(tags.contains(&bundle.digest.replace(':', "-")), "the bundle is not behind the fallback tag: {tags:?}");
        ensure!(asked_referrers(&env.registry, &bundle)? == Some(404), "the registry has the referrers API");
        let tags = env.images.tags(&legacy.repository)?;
        ensure!(tags.contains(&format!("{}.sig", legacy.digest.replace(':', "-"))), "{tags:?}");
        Ok(())
    })
}

fn both_layouts_are_found_with_the_referrers_api(env: &Environment) -> Result<()> {
    stage(env, "with-api", |stage| {
        let (bundle, _) = in_both_layouts(stage, &env.referrers_registry)?;
        let tags = env.images.tags(&bundle.repository)?;
        ensure!(tags == ["v1"], "the bundle can be found by tag too: {tags:?}");
        ensure!(asked_referrers(&env.referrers_registry, &bundle)? == Some(200), "the referrers API was not asked");
        Ok(())
    })
}

/// One image per layout is admitted, and one without a signature is not.
fn in_both_layouts(stage: &Stage<'_>, registry: &Registry) -> Result<(Image, Image)> {
    stage.trust(&["build"])?;
    stage.enforce()?;
    let key = stage.env.key("build")?;
    let sign = |name, format| {
        let image = stage.push(registry, name)?;
        stage.env.cosign.sign(&key, &image, format)?;
        admitted(stage.pod(name, &image.by_tag())?)?;
        Ok::<_, anyhow::Error>(image)
    };
    let (bundle, legacy) = (sign("bundle", Format::Bundle)?, sign("legacy", Format::Legacy)?);
    refused(stage.pod("unsigned", &stage.push(registry, "unsigned")?.by_tag())?, &["(Forbidden)", "NoSignature"])?;
    Ok((bundle, legacy))
}

/// The last answer of the referrers API about an image.
fn asked_referrers(registry: &Registry, image: &Image) -> Result<Option<u16>> {
    let needle = format!("/referrers/{}", image.digest);
    Ok(registry.requests()?.iter().rev().find(|request| request.path.contains(&needle)).map(|request| request.status))
}

fn every_kind_of_key_verifies_in_both_layouts(env: &Environment) -> Result<()> {
    const KINDS: [(&str, Algorithm); 4] =
        [("p256", Algorithm::P256), ("p384", Algorithm::P384), ("ed25519", Algorithm::Ed25519), ("rsa", Algorithm::Rsa)];
    stage(env, "key-kinds", |stage| {
        let mut keys = Vec::new();
        for (name, algorithm) in KINDS {
            keys.push((name, env.cosign.key_of(&stage.object(name), algorithm)?));
        }
        let pems: Vec<_> = keys.iter().map(|(name, key)| json!({"name": name, "pem": key.public_pem})).collect();
        stage.operator().apply(&yaml(&[stage.trust_root("keys", &json!(pems)), stage.release(&["keys"], &json!({}))]))?;
        stage.enforce()?;
        for (name, key) in &keys {
            for (layout, format) in [("bundle", Format::Bundle), ("legacy", Format::Legacy)] {
                let name = format!("{name}-{layout}");
                let image = stage.unsigned(&name)?;
                env.cosign.sign(key, &image, format)?;
                admitted(stage.pod(&name, &image.by_tag())?)?;
            }
        }
        Ok(())
    })
}

fn key_is_read_from_a_secret_and_from_a_config_map(env: &Environment) -> Result<()> {
    stage(env, "key-sources", |stage| {
        let data = |signer: &str| Ok::<_, anyhow::Error>(json!({"cosign.pub": env.key(signer)?.public_pem}));
        let reference = json!({"name": stage.object("key"), "key": "cosign.pub"});
        let documents = [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": stage.metadata("key"), "stringData": data("build")?}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": stage.metadata("key"), "data": data("qa")?}),
            stage.trust_root("secret", &json!([{"name": "key", "secretKeyRef": reference}])),
            stage.trust_root("map", &json!([{"name": "key", "configMapKeyRef": reference}])),
            stage.release(&["secret", "map"], &json!({})),
        ];
        stage.operator().apply(&yaml(&documents))?;
        stage.enforce()?;
        // Both must have signed, so neither source can stand in for the other.
        admitted(stage.pod("both", &stage.signed("both", &["build", "qa"])?.by_tag())?)?;
        let half = stage.signed("half", &["build"])?;
        refused(stage.pod("half", &half.by_tag())?, &["ThresholdNotMet", &format!("signed ({})", stage.object("secret"))])?;
        let half = stage.signed("other-half", &["qa"])?;
        refused(stage.pod("other-half", &half.by_tag())?, &["ThresholdNotMet", &format!("signed ({})", stage.object("map"))])?;
        Ok(())
    })
}

fn signatures_are_read_from_the_signature_repository(env: &Environment) -> Result<()> {
    stage(env, "elsewhere", |stage| {
        let signatures = format!("{}/{}/signatures", env.registry.host(), stage.name);
        let signer = SignerElsewhere::new(env, &signatures)?;
        let documents = [
            stage.trust_root("build", &json!([{"name": "key", "pem": signer.public_pem()?}])),
            stage.release(&["build"], &json!({"signatureRepository": signatures})),
        ];
        stage.operator().apply(&yaml(&documents))?;
        stage.enforce()?;
        for (name, format) in [("bundle", Format::Bundle), ("legacy", Format::Legacy)] {
            let image = stage.unsigned(name)?;
            signer.sign(&image, format)?;
            ensure!(env.images.tags(&image.repository)? == ["v1"], "cosign signed beside the image");
            admitted(stage.pod(name, &image.by_tag())?)?;
        }
        let beside = stage.unsigned("beside")?;
        signer.sign_beside(&beside)?;
        refused(stage.pod("beside", &beside.by_tag())?, &["(Forbidden)", "NoSignature"])?;
        Ok(())
    })
}

/// A signer of his own, whose signatures go to another repository than the image's.
struct SignerElsewhere<'a> {
    env: &'a Environment,
    repository: String,
    directory: Directory,
}

impl<'a> SignerElsewhere<'a> {
    fn new(env: &'a Environment, repository: &str) -> Result<Self> {
        let signer = Self { env, repository: repository.to_owned(), directory: Directory::temporary()? };
        let mut command = signer.cosign();
        command.args(["generate-key-pair", "--output-key-prefix"]).arg(signer.directory.path().join("cosign"));
        run(command)?;
        Ok(signer)
    }

    fn public_pem(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.directory.path().join("cosign.pub"))?)
    }

    fn sign(&self, image: &Image, format: Format) -> Result<()> {
        let mut command = self.signing(image, format);
        command.env("COSIGN_REPOSITORY", &self.repository);
        run(command)
    }

    fn sign_beside(&self, image: &Image) -> Result<()> {
        run(self.signing(image, Format::Bundle))
    }

    fn signing(&self, image: &Image, format: Format) -> Command {
        let mut command = self.cosign();
        command.arg("sign").arg("--key").arg(self.directory.path().join("cosign.key"));
        command.args(["--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry=true", "-y"]);
        command.arg(format!("--new-bundle-format={}", format == Format::Bundle)).arg(image.by_digest());
        command
    }

    fn cosign(&self) -> Command {
        let mut command = Command::new(self.env.cosign.program());
        let home = self.directory.path();
        command.env("COSIGN_PASSWORD", "").env("HOME", home).env("DOCKER_CONFIG", home).env("TUF_ROOT", home);
        command
    }
}

fn run(mut command: Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn eight_containers_of_one_image_cost_one_verification(env: &Environment) -> Result<()> {
    stage(env, "eight", |stage| {
        stage.trust(&["build"])?;
        // With settings that no other story has: what those learn about the registry must not change what is counted here.
        let mut release = stage.release(&["build"], &json!({}));
        let hosts = release["spec"]["registry"]["hosts"].as_array_mut().context("hosts")?;
        hosts.push(json!({"host": "eight.example.com", "plainHTTP": true}));
        stage.operator().apply(&release.to_string())?;
        stage.enforce()?;
        let (one, eight) = (stage.signed("one", &["build"])?, stage.signed("eight", &["build"])?);
        let names: Vec<_> = (1..=8).map(|n| format!("c{n}")).collect();
        let tag = eight.by_tag();
        let containers: Vec<_> = names.iter().map(|name| (name.as_str(), tag.as_str())).collect();

        // From then on it is known where this registry has its signatures.
        let before = stage.signed("before", &["build"])?;
        admitted(stage.pod("before", &before.by_tag())?)?;
        let first = cost(env, &one, || admitted(stage.pod("one", &one.by_tag())?))?;
        let all = cost(env, &eight, || admitted(stage.namespace.try_pod("eight", &containers)?))?;
        ensure!((1..=4).contains(&first), "an image whose signatures are where they usually are costs {first} requests");
        ensure!(all == first, "eight containers cost {all} requests, one costs {first}");
        let images = stage.namespace.pod_images("eight")?;
        ensure!(images.len() == 8 && images.values().all(|image| *image == eight.pinned()), "{images:?}");

        let again = cost(env, &eight, || admitted(stage.pod("again", &eight.by_digest())?))?;
        ensure!(again == 0, "an image that is known by digest costs {again} requests");
        Ok(())
    })
}

/// How many requests about an image's repository `act` causes.
fn cost(env: &Environment, image: &Image, act: impl FnOnce() -> Result<String>) -> Result<usize> {
    let repository = image.repository.trim_start_matches(env.registry.host()).trim_start_matches('/');
    let before = env.registry.requests_to(repository)?;
    act()?;
    Ok(env.registry.requests_to(repository)? - before)
}

fn image_that_is_not_in_the_registry_is_not_found(env: &Environment) -> Result<()> {
    stage(env, "not-found", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?;
        let absent = format!("{}:absent", image.repository);
        let line = stage.denial("container \"main\"", &absent, "ImageNotFound: ");
        refused(stage.pod("tag", &absent)?, &["(ServiceUnavailable)", &line])?;
        let nowhere = format!("{}/{}/nowhere:v1", env.registry.host(), stage.name);
        refused(stage.pod("repository", &nowhere)?, &["(ServiceUnavailable)", "ImageNotFound: "])?;
        Ok(())
    })
}

fn registry_that_is_down_is_a_fault(env: &Environment) -> Result<()> {
    stage(env, "registry-down", |stage| {
        let registry = Registry::distribution()?;
        stage.trust(&["build"])?;
        let mut validator = stage.release(&["build"], &json!({}));
        if let Some(hosts) = validator.pointer_mut("/spec/registry/hosts").and_then(Value::as_array_mut) {
            hosts.push(json!({"host": registry.host(), "plainHTTP": true}));
        }
        stage.operator().apply(&yaml(&[validator]))?;
        stage.enforce()?;
        let (first, second) = (stage.push(&registry, "first")?, stage.push(&registry, "second")?);
        for image in [&first, &second] {
            env.cosign.sign(&env.key("build")?, image, Format::Bundle)?;
        }
        admitted(stage.pod("up", &first.by_tag())?)?;
        drop(registry);
        for (name, reference) in [("tag", second.by_tag()), ("digest", second.by_digest())] {
            let line = stage.denial("container \"main\"", &reference, "RegistryUnavailable: ");
            refused(stage.pod(name, &reference)?, &["(ServiceUnavailable)", &line])?;
        }
        Ok(())
    })
}

/// What is known to be untrusted does not become "try again later" because of another image.
fn refusal_beside_a_fault_is_a_refusal(env: &Environment) -> Result<()> {
    stage(env, "refusal-and-fault", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let unsigned = stage.unsigned("web")?.by_tag();
        let absent = format!("{}/{}/nowhere:v1", env.registry.host(), stage.name);
        let lines = [
            stage.denial("container \"absent\"", &absent, "ImageNotFound"),
            stage.denial("container \"unsigned\"", &unsigned, "NoSignature"),
        ];
        let attempt = stage.namespace.try_pod("web", &[("absent", &absent), ("unsigned", &unsigned)])?;
        refused(attempt, &["(Forbidden)", "2 of 2 images may not run:", &lines[0], &lines[1]])?;
        Ok(())
    })
}

fn dry_run_answers_the_same_and_stores_nothing(env: &Environment) -> Result<()> {
    stage(env, "dry-run", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let (signed, unsigned) = (stage.signed("web", &["build"])?, stage.unsigned("unsigned")?);
        let pod = |image: &Image| {
            let containers = json!([{"name": "main", "image": image.by_tag()}]);
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": containers}}).to_string()
        };
        let dry = |image: &Image| stage.namespace.attempt(&["apply", "--dry-run=server", "-f", "-"], &pod(image));
        admitted(dry(&signed)?)?;
        let line = stage.denial("container \"main\"", &unsigned.by_tag(), "NoSignature");
        refused(dry(&unsigned)?, &["(Forbidden)", &line])?;
        ensure!(stage.namespace.get(&["pod", "web"])?.is_none(), "a dry run has stored a pod");
        let answer = env
            .control_plane
            .kubectl()
            .output(&["create", "--dry-run=server", "-o", "json", "-n", stage.namespace.name(), "-f", "-"], &pod(&signed))?;
        let answer: Value = serde_json::from_slice(&answer.stdout)?;
        ensure!(answer.pointer("/spec/containers/0/image") == Some(&json!(signed.pinned())), "{answer}");
        // A report of a real pod comes after whatever the dry runs could have caused.
        admitted(stage.pod("real", &signed.by_tag())?)?;
        stage.namespace.wait_until(&["verificationreports.bonafide.dev", "real"], |_| true)?;
        ensure!(stage.namespace.get(&["verificationreports.bonafide.dev", "web"])?.is_none(), "a dry run has a report");
        Ok(())
    })
}
