//! The facts about a pod that a report rests on.
//!
//! Boundary: reads the pod alone; labels and annotations take no part (security rule 13).

use std::fmt;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use oci::{Digest, Reference};

use super::image_id;
use crate::evaluate::Reported;

/// What a report says about a pod comes from here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The controller that made it, if one did.
    pub workload: Option<Workload>,
    /// Its images in the order of the spec: containers, init containers, ephemeral containers, image volumes.
    pub images: Vec<PodImage>,
}

/// The controller that made a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// One image at one place of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodImage {
    /// Where it is used.
    pub location: Location,
    /// The reference as it is specified.
    pub image: String,
    /// What the kubelet reports that runs: nothing before it does, and for image volumes.
    pub reported: Reported,
}

/// A container or an image volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Which of them.
    pub place: Place,
    /// Its name.
    pub name: String,
}

/// The places of a pod that name images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// `spec.containers`.
    Container,
    /// `spec.initContainers`.
    InitContainer,
    /// `spec.ephemeralContainers`.
    EphemeralContainer,
    /// `spec.volumes[].image`.
    ImageVolume,
}

/// The places of a pod that run the same image: the same reference, and the same thing as far as one is reported.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageGroup {
    /// The reference as it is specified.
    pub image: String,
    /// What the kubelet reports that runs.
    pub reported: Reported,
    /// Where it is used.
    pub locations: Vec<Location>,
}

impl PodFacts {
    /// Reads a pod that the API server has stored; nothing else has a uid.
    pub fn of(pod: &Pod) -> Option<Self> {
        let metadata = &pod.metadata;
        Some(Self {
            namespace: metadata.namespace.clone()?,
            name: metadata.name.clone()?,
            uid: metadata.uid.clone()?,
            workload: metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true)).map(Workload::of),
            images: images(pod),
        })
    }

    /// The distinct images, in the order in which they first appear.
    pub fn groups(&self) -> Vec<ImageGroup> {
        Self::groups_of(&self.images)
    }

    /// The distinct ones of these images.
    pub fn groups_of(images: &[PodImage]) -> Vec<ImageGroup> {
        let mut groups: Vec<ImageGroup> = Vec::new();
        for PodImage { location, image, reported } in images {
            match groups.iter_mut().find(|group| group.image == *image && group.reported == *reported) {
                Some(group) => group.locations.push(location.clone()),
                None => groups.push(ImageGroup { image: image.clone(), reported: reported.clone(), locations: vec![location.clone()] }),
            }
        }
        groups
    }
}

impl ImageGroup {
    /// The digest that is held against the policies: the specified one, else the reported one, else that of the tag.
    pub fn digest(&self) -> Option<Digest> {
        self.specified().or_else(|| self.reported.manifest().cloned())
    }

    /// The digest that the reference carries.
    pub(super) fn specified(&self) -> Option<Digest> {
        self.image.parse::<Reference>().ok().and_then(|reference| reference.digest().cloned())
    }
}

impl Workload {
    fn of(owner: &OwnerReference) -> Self {
        Self { kind: owner.kind.clone(), name: owner.name.clone() }
    }
}

fn images(pod: &Pod) -> Vec<PodImage> {
    let Some(spec) = &pod.spec else { return vec![] };
    let status = pod.status.as_ref();
    let of_containers = statuses(status.and_then(|status| status.container_statuses.as_ref()));
    let of_init = statuses(status.and_then(|status| status.init_container_statuses.as_ref()));
    let of_ephemeral = statuses(status.and_then(|status| status.ephemeral_container_statuses.as_ref()));
    let containers = spec.containers.iter().map(|c| image(Place::Container, &c.name, c.image.as_deref(), of_containers));
    let init = spec.init_containers.iter().flatten().map(|c| image(Place::InitContainer, &c.name, c.image.as_deref(), of_init));
    let ephemeral =
        spec.ephemeral_containers.iter().flatten().map(|c| image(Place::EphemeralContainer, &c.name, c.image.as_deref(), of_ephemeral));
    let volumes = spec.volumes.iter().flatten().filter_map(|volume| {
        let source = volume.image.as_ref()?;
        Some(image(Place::ImageVolume, &volume.name, source.reference.as_deref(), &[]))
    });
    containers.chain(init).chain(ephemeral).chain(volumes).collect()
}

fn statuses(list: Option<&Vec<ContainerStatus>>) -> &[ContainerStatus] {
    list.map_or(&[], Vec::as_slice)
}

/// A missing reference stays as an empty one, which every policy refuses.
fn image(place: Place, name: &str, image: Option<&str>, statuses: &[ContainerStatus]) -> PodImage {
    let status = statuses.iter().find(|status| status.name == name);
    let reported = status.map(|status| image_id::read(&status.image_id)).unwrap_or_default();
    PodImage { location: Location { place, name: name.to_owned() }, image: image.unwrap_or_default().to_owned(), reported }
}

impl Location {
    /// The place in words, such as `init container setup`.
    pub(super) fn in_words(&self) -> String {
        let place = match self.place {
            Place::Container => "container",
            Place::InitContainer => "init container",
            Place::EphemeralContainer => "ephemeral container",
            Place::ImageVolume => "image volume",
        };
        format!("{place} {}", self.name)
    }
}

/// As reports list it: the bare name for containers, `init:NAME`, `ephemeral:NAME` and `volume:NAME` for the others.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.place {
            Place::Container => "",
            Place::InitContainer => "init:",
            Place::EphemeralContainer => "ephemeral:",
            Place::ImageVolume => "volume:",
        };
        write!(f, "{prefix}{}", self.name)
    }
}

#[cfg(test)]
mod tests;
