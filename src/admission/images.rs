//! The images of an object: which, where, and under which JSON pointer.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use super::review::{Request, ResourceRef};

/// The kinds of object whose images are judged, by where their pod spec is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Pod, also through its `ephemeralcontainers`.
    Pod,
    /// A kind with a pod template.
    Template,
    /// A `CronJob`.
    CronJob,
}

/// A list of a pod spec that holds images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `containers`.
    Container,
    /// `initContainers`.
    InitContainer,
    /// `ephemeralContainers`.
    EphemeralContainer,
    /// `volumes[].image`.
    ImageVolume,
}

/// One place where an object names an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageUse {
    /// Which list.
    pub field: Field,
    /// The container's or volume's name.
    pub name: String,
    /// The image as it is written.
    pub image: String,
    /// Where it is written (RFC 6901).
    pub pointer: String,
}

/// What an object says about its images and how they are pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodImages {
    /// Every image, in the order of the object.
    pub uses: Vec<ImageUse>,
    /// Names of pull secrets.
    pub pull_secrets: Vec<String>,
    /// The service account.
    pub service_account: Option<String>,
}

/// The part of an object's metadata that a judged request is followed by; the API server sets it before it validates.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    uid: Option<String>,
    generate_name: Option<String>,
}

fn metadata(object: &str) -> Metadata {
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        metadata: Metadata,
    }
    serde_json::from_str::<Object>(object).map(|object| object.metadata).unwrap_or_default()
}

/// The object's uid; nothing where it has none yet.
pub(super) fn uid(object: &str) -> Option<String> {
    metadata(object).uid.filter(|uid| !uid.is_empty())
}

/// What the API server will make the object's name of; nothing where it is named already.
pub(super) fn generate_name(object: &str) -> Option<String> {
    metadata(object).generate_name.filter(|name| !name.is_empty())
}

impl Workload {
    /// The workload that a resource is, if it is one.
    pub fn of(resource: &ResourceRef) -> Option<Self> {
        match (resource.group.as_str(), resource.resource.as_str()) {
            ("", "pods") => Some(Self::Pod),
            ("", "replicationcontrollers")
            | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets")
            | ("batch", "jobs") => Some(Self::Template),
            ("batch", "cronjobs") => Some(Self::CronJob),
            _ => None,
        }
    }

    fn pointer(self) -> &'static str {
        match self {
            Self::Pod => "/spec",
            Self::Template => "/spec/template/spec",
            Self::CronJob => "/spec/jobTemplate/spec/template/spec",
        }
    }

    /// Reads the images of an object of this kind. An object without a pod spec has none.
    pub fn images(self, object: &str) -> Result<PodImages, serde_json::Error> {
        let spec = match self {
            Self::Pod => serde_json::from_str::<Object<Option<PodSpec>>>(object)?.spec.flatten(),
            Self::Template => serde_json::from_str::<Object<TemplateSpec>>(object)?.spec.and_then(TemplateSpec::pod),
            Self::CronJob => {
                let spec = serde_json::from_str::<Object<CronJobSpec>>(object)?.spec;
                spec.and_then(|spec| spec.job_template?.spec?.pod())
            }
        };
        Ok(spec.map(|spec| spec.collect(self.pointer())).unwrap_or_default())
    }
}

/// The images that the stored object of an update has, as (list, name, reference).
pub(super) fn stored(workload: Workload, request: &Request<'_>) -> Result<BTreeSet<(Field, String, String)>, serde_json::Error> {
    let Some(old) = request.old_object else { return Ok(BTreeSet::new()) };
    let images = workload.images(old.get())?;
    Ok(images.uses.into_iter().map(|image| (image.field, image.name, image.image)).collect())
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Container => "containers",
            Self::InitContainer => "initContainers",
            Self::EphemeralContainer => "ephemeralContainers",
            Self::ImageVolume => "volumes",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::InitContainer => "init container",
            Self::EphemeralContainer => "ephemeral container",
            Self::ImageVolume => "image volume",
        })
    }
}

#[derive(Deserialize)]
struct Object<S> {
    #[serde(default = "none")]
    spec: Option<S>,
}

fn none<S>() -> Option<S> {
    None
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJobSpec {
    job_template: Option<Object<TemplateSpec>>,
}

#[derive(Deserialize)]
struct TemplateSpec {
    template: Option<Object<PodSpec>>,
}

impl TemplateSpec {
    fn pod(self) -> Option<PodSpec> {
        self.template?.spec
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    image_pull_secrets: Option<Vec<Named>>,
    service_account_name: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    name: String,
    image: Option<String>,
}

#[derive(Deserialize)]
struct Volume {
    #[serde(default)]
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Deserialize)]
struct ImageVolume {
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

impl PodSpec {
    fn collect(self, base: &str) -> PodImages {
        let mut images = PodImages {
            uses: vec![],
            pull_secrets: self.image_pull_secrets.into_iter().flatten().filter_map(|secret| secret.name).collect(),
            service_account: self.service_account_name,
        };
        let lists = [
            (Field::Container, self.containers),
            (Field::InitContainer, self.init_containers),
            (Field::EphemeralContainer, self.ephemeral_containers),
        ];
        for (field, containers) in lists {
            for (i, container) in containers.into_iter().flatten().enumerate() {
                images.add(field, container.name, container.image, format!("{base}/{}/{i}/image", field.name()));
            }
        }
        for (i, volume) in self.volumes.into_iter().flatten().enumerate() {
            let reference = volume.image.and_then(|image| image.reference);
            images.add(Field::ImageVolume, volume.name, reference, format!("{base}/volumes/{i}/image/reference"));
        }
        images
    }
}

impl PodImages {
    /// An absent or empty image runs nothing: the API server refuses it in a Pod.
    fn add(&mut self, field: Field, name: String, image: Option<String>, pointer: String) {
        if let Some(image) = image.filter(|image| !image.is_empty()) {
            self.uses.push(ImageUse { field, name, image, pointer });
        }
    }
}
