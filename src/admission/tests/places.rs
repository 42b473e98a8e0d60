//! Where objects hold images.

use super::super::images::{Field, Workload};
use super::super::patch::{Change, PatchError, prove};
use super::super::review::ResourceRef;
use super::*;

fn workload(group: &str, resource: &str) -> Option<Workload> {
    Workload::of(&ResourceRef { group: group.to_owned(), resource: resource.to_owned() })
}

fn pointers(workload: Workload, object: &Value) -> Vec<String> {
    workload.images(&object.to_string()).unwrap().uses.into_iter().map(|image| image.pointer).collect()
}

#[test]
fn every_workload_kind_has_its_place() {
    let pod = main("a");
    let template = json!({"spec": {"template": {"spec": pod}}});
    assert_eq!(pointers(Workload::Pod, &json!({"spec": pod})), ["/spec/containers/0/image"]);
    for (group, resource) in [
        ("", "replicationcontrollers"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("apps", "daemonsets"),
        ("batch", "jobs"),
    ] {
        assert_eq!(pointers(workload(group, resource).unwrap(), &template), ["/spec/template/spec/containers/0/image"]);
    }
    let cron_job = json!({"spec": {"jobTemplate": template}});
    assert_eq!(pointers(workload("batch", "cronjobs").unwrap(), &cron_job), ["/spec/jobTemplate/spec/template/spec/containers/0/image"]);
    assert_eq!(workload("apps", "pods"), None);
    assert_eq!(workload("", "services"), None);
}

#[test]
fn absent_and_null_parts_hold_no_image() {
    for object in [
        json!({}),
        json!({"spec": null}),
        json!({"spec": {"template": null}}),
        json!({"spec": {"template": {"spec": null}}}),
        json!({"spec": {"template": {"spec": {"containers": null, "volumes": [{"name": "v"}]}}}}),
    ] {
        assert_eq!(pointers(Workload::Template, &object), Vec::<String>::new(), "{object}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_no_object_that_is_judged() {
    let twice = r#"{"spec": {"containers": [{"name": "a", "image": "good", "image": "evil"}]}}"#;
    assert!(Workload::Pod.images(twice).is_err());
}

#[test]
fn a_patch_that_would_do_something_else_is_not_sent() {
    let object = json!({"spec": {"containers": [container("a", "x:1"), container("b", "x:1")]}}).to_string();
    let change = |pointer: &str, from: &str| Change { pointer: pointer.to_owned(), from: from.to_owned(), to: "x:1@digest".to_owned() };
    assert!(prove(Workload::Pod, &object, &[]).unwrap().is_none());
    assert!(prove(Workload::Pod, &object, &[change("/spec/containers/0/image", "x:1")]).unwrap().is_some());
    assert_eq!(prove(Workload::Pod, &object, &[change("/spec/containers/0/image", "y:1")]), Err(PatchError::Differs));
    assert_eq!(prove(Workload::Pod, &object, &[change("/spec/containers/0/name", "x:1")]), Err(PatchError::Differs));
    assert_eq!(prove(Workload::Pod, &object, &[change("/spec/containers/7/image", "x:1")]), Err(PatchError::DoesNotApply));
}

#[test]
fn pull_secrets_and_service_account_are_read() {
    let spec = json!({"containers": [], "imagePullSecrets": [{"name": "a"}, {}], "serviceAccountName": "runner"});
    let images = Workload::Pod.images(&json!({"spec": spec}).to_string()).unwrap();
    assert_eq!((images.pull_secrets, images.service_account), (vec!["a".to_owned()], Some("runner".to_owned())));
    assert_eq!(Field::ImageVolume.to_string(), "image volume");
}
