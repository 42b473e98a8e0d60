//! Doors for the fuzz targets to what is done with a review. No API: they change with the rest of this room.

use super::images::Workload;
use super::patch::{self, Change};
use super::resources;
use super::review::Request;

/// Whether every image of the object can be replaced by `to`, with a patch that is proven on the object.
pub fn pins_every_image(workload: Workload, object: &str, to: &str) -> bool {
    let Ok(images) = workload.images(object) else { return true };
    let changes: Vec<_> =
        images.uses.into_iter().map(|image| Change { pointer: image.pointer, from: image.image, to: to.to_owned() }).collect();
    patch::prove(workload, object, &changes).is_ok_and(|patch| patch.is_some() != changes.is_empty())
}

/// Answers a request about one of our own kinds, as the JSON that the API server gets.
pub fn answer_about_our_kinds(request: &Request<'_>) -> serde_json::Value {
    resources::answer(request, None, "bonafide-system").into_review(&request.uid)
}
