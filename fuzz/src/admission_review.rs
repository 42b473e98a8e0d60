//! AdmissionReviews, and the images of the objects inside.

use bonafide::admission::{Request, Workload, fuzzing};
use serde_json::Value;

/// The texts are only compared: any will do, if no object has it.
const PINNED: &str = "registry.example.com/app@sha256:9809ac042b091a8da6897ed084a22e1eb7b3caa6a5863e2472206704fdeb4155";

/// Reads the bytes as a review and its objects as every workload.
pub fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        images(text);
    }
    let Ok(request) = Request::parse(bytes) else { return };
    assert!(!request.uid.is_empty());
    for object in [request.object, request.old_object].into_iter().flatten() {
        images(object.get());
    }
    let answer = fuzzing::answer_about_our_kinds(&request);
    assert_eq!(answer.pointer("/response/uid").and_then(Value::as_str), Some(request.uid.as_str()));
    let _ = Workload::of(&request.resource);
}

/// Every image is where its pointer says, for every reader of JSON, and can be replaced there.
fn images(object: &str) {
    let Ok(value) = serde_json::from_str::<Value>(object) else { return };
    for workload in [Workload::Pod, Workload::Template, Workload::CronJob] {
        let Ok(images) = workload.images(object) else { continue };
        for image in &images.uses {
            let written = value.pointer(&image.pointer).and_then(Value::as_str);
            assert_eq!(written, Some(image.image.as_str()), "{}", image.pointer);
        }
        let texts = texts(workload, &value);
        assert_eq!(images.uses.len(), texts, "images that were not found");
        assert!(fuzzing::pins_every_image(workload, object, PINNED), "a patch that is not proven");
    }
}

/// How many images there are, counted without a schema.
fn texts(workload: Workload, object: &Value) -> usize {
    let spec = object.pointer(match workload {
        Workload::Pod => "/spec",
        Workload::Template => "/spec/template/spec",
        Workload::CronJob => "/spec/jobTemplate/spec/template/spec",
    });
    let lists =
        [("containers", "/image"), ("initContainers", "/image"), ("ephemeralContainers", "/image"), ("volumes", "/image/reference")];
    let count = |(list, image): (&str, &str)| {
        let entries = spec.and_then(|spec| spec.get(list)).and_then(Value::as_array).into_iter().flatten();
        entries.filter(|entry| entry.pointer(image).and_then(Value::as_str).is_some_and(|image| !image.is_empty())).count()
    };
    lists.into_iter().map(count).sum()
}
