//! Docker Content Trust in every place of a pod, and in workloads whose images are signed in different ways.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Image};

use crate::Story;
use crate::content_trust_stage::Publisher;
use crate::support::{Attempt, Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "init_container_needs_trust_data_too", run: init_container_needs_trust_data_too },
    Story { name: "debugging_container_needs_trust_data_too", run: debugging_container_needs_trust_data_too },
    Story { name: "deployment_runs_when_every_image_is_signed_in_its_way", run: deployment_runs_when_every_image_is_signed_in_its_way },
    Story {
        name: "deployment_with_an_unsigned_image_of_either_way_is_refused",
        run: deployment_with_an_unsigned_image_of_either_way_is_refused,
    },
];

fn init_container_needs_trust_data_too(env: &Environment) -> Result<()> {
    stage(env, "nv1-init", |stage| {
        let crew = Crew::new(stage)?;
        admitted(crew.pod("good", &[&crew.signed], Some(&crew.signed))?)?;
        let pod = stage.namespace.get(&["pod", "good"])?.unwrap_or_default();
        for place in ["/spec/initContainers/0/image", "/spec/containers/0/image"] {
            ensure!(pod.pointer(place) == Some(&json!(crew.signed.pinned())), "{pod:#}");
        }
        let line = stage.denial("init container \"setup\"", &crew.unsigned.by_tag(), "NoSignature: it is not signed");
        let message = refused(crew.pod("bad", &[&crew.signed], Some(&crew.unsigned))?, &["1 of 2 images may not run:", &line])?;
        ensure!(!message.contains(&crew.signed.by_tag()), "a good image is complained of: {message}");
        Ok(())
    })
}

fn debugging_container_needs_trust_data_too(env: &Environment) -> Result<()> {
    stage(env, "nv1-debug", |stage| {
        let crew = Crew::new(stage)?;
        admitted(stage.pod("web", &crew.signed.by_tag())?)?;
        let debug = |name: &str, image: &str| {
            let (image, name) = (format!("--image={image}"), format!("--container={name}"));
            stage.namespace.attempt(&["debug", "web", &image, &name, "--profile=general"], "")
        };
        let line = stage.denial("ephemeral container \"stranger\"", &crew.unsigned.by_tag(), "NoSignature: it is not signed");
        refused(debug("stranger", &crew.unsigned.by_tag())?, &["the image may not run:", &line])?;
        admitted(debug("tool", &crew.signed.by_digest())?).map(|_| ())
    })
}

fn deployment_runs_when_every_image_is_signed_in_its_way(env: &Environment) -> Result<()> {
    stage(env, "nv1-deployments", |stage| {
        let crew = Crew::new(stage)?;
        let cases: [(&str, Vec<&Image>, Option<&Image>); 4] = [
            ("one", vec![&crew.signed], None),
            ("two", vec![&crew.signed, &crew.cosigned], None),
            ("both-ways", vec![&crew.cosigned, &crew.signed], Some(&crew.signed)),
            ("init-by-cosign", vec![&crew.signed, &crew.signed], Some(&crew.cosigned)),
        ];
        for (name, images, init) in &cases {
            admitted(crew.deployment(name, images, *init)?)?;
            let selector = format!("--selector=app={name}");
            let pods = stage.namespace.wait_until(&["pods", &selector], |pods| pods.pointer("/items/0").is_some())?;
            for image in images {
                ensure!(pods.to_string().contains(&image.pinned()), "{name}: {pods:#}");
            }
        }
        Ok(())
    })
}

fn deployment_with_an_unsigned_image_of_either_way_is_refused(env: &Environment) -> Result<()> {
    stage(env, "nv1-refused", |stage| {
        let crew = Crew::new(stage)?;
        let notary = "NoSignature: it is not signed (trust server";
        let cosign = "NoSignature: no signature found";
        let missing = crew.absent();
        let cases: [(Vec<&Image>, Option<&Image>, &[&str]); 6] = [
            (vec![&crew.unsigned], None, &["the image may not run", notary]),
            (vec![&missing], None, &["ImageNotFound"]),
            (vec![&crew.signed, &crew.unsigned], None, &["1 of 2 images may not run", notary]),
            (vec![&crew.not_cosigned, &crew.signed], None, &["1 of 2 images may not run", cosign]),
            (vec![&crew.unsigned, &crew.not_cosigned], None, &["2 of 2 images may not run", notary, cosign]),
            (vec![&crew.signed, &crew.cosigned], Some(&crew.unsigned), &["1 of 3 images may not run", "init container \"setup\"", notary]),
        ];
        for (images, init, texts) in &cases {
            refused(crew.deployment("refused", images, *init)?, texts)?;
            ensure!(stage.namespace.get(&["deployment", "refused"])?.is_none(), "a refused Deployment is stored");
        }
        Ok(())
    })
}

/// A namespace in which `co-*` must be signed with cosign and everything else by trust data, and images of every sort.
struct Crew<'a> {
    stage: &'a Stage<'a>,
    signed: Image,
    unsigned: Image,
    cosigned: Image,
    not_cosigned: Image,
}

impl<'a> Crew<'a> {
    fn new(stage: &'a Stage<'a>) -> Result<Self> {
        let publisher = Publisher::new(stage)?;
        let repository = publisher.begin("web")?;
        publisher.trust(&repository)?;
        let (signed, unsigned) = (publisher.signed("web:v1", &[])?, publisher.image("web:v2", "unsigned")?);
        let pem = stage.env.key("build")?.public_pem;
        let cosign = json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": stage.metadata("cosign"),
            "spec": {"trustRoots": [stage.object("build")], "shared": true, "registry": stage.registries(), "cosign": {}}
        });
        let root = stage.trust_root("build", &json!([{"name": "key", "pem": pem}]));
        stage.operator().apply(&yaml(&[root, cosign]))?;
        let of_cosign = format!("{}*", publisher.repository("co-"));
        let rules = json!([
            {"name": "cosign", "images": [of_cosign], "verify": [{"validator": stage.object("cosign")}]},
            {"name": "all", "images": ["**"], "verify": [{"validator": stage.object("release")}]},
        ]);
        stage.policy("policy", &json!({}), &rules)?;
        let (cosigned, not_cosigned) = (stage.signed("co-signed", &["build"])?, stage.unsigned("co-unsigned")?);
        Ok(Self { stage, signed, unsigned, cosigned, not_cosigned })
    }

    /// What nobody has pushed, of those that cosign must have signed: only then the registry is asked.
    fn absent(&self) -> Image {
        Image { repository: self.cosigned.repository.clone(), tag: "absent".to_owned(), digest: String::new() }
    }

    fn pod(&self, name: &str, images: &[&Image], init: Option<&Image>) -> Result<Attempt> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec(images, init)});
        self.stage.namespace.try_create(&pod.to_string())
    }

    fn deployment(&self, name: &str, images: &[&Image], init: Option<&Image>) -> Result<Attempt> {
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": spec(images, init)});
        let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec});
        self.stage.namespace.try_create(&deployment.to_string())
    }
}

fn spec(images: &[&Image], init: Option<&Image>) -> Value {
    let container = |(number, image): (usize, &&Image)| json!({"name": format!("main-{number}"), "image": image.by_tag()});
    let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
    let init: Vec<Value> = init.iter().map(|image| json!({"name": "setup", "image": image.by_tag()})).collect();
    json!({"containers": containers, "initContainers": init})
}
