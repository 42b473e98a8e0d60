//! Which rows there are, in which order, and what the exit code makes of them.

use serde_json::json;

use super::super::exit_code;
use super::{digest, found, report, running, said};
use crate::crd::ImageStatus;
use crate::report::{self, order};

#[test]
fn pods_with_one_image_are_one_row_and_another_digest_is_another() {
    let (first, second) = (digest("first"), digest("second"));
    let found = found([
        report("shop", "a", &[said("web:v1", Some(&first), "Trusted")]),
        report("shop", "b", &[said("web:v1", Some(&first), "Trusted")]),
        report("bank", "a", &[said("web:v1", Some(&first), "Untrusted")]),
        report("bank", "b", &[said("web:v1", Some(&second), "Trusted"), said("db:v1", None, "Unknown")]),
    ]);
    let rows = found.inventory.rows(&[]);
    let told: Vec<_> =
        rows.iter().map(|(image, runs)| (image.reference.as_str(), image.digest.as_deref(), runs.status, runs.pods())).collect();
    let expected = [
        ("web:v1", Some(first.as_str()), ImageStatus::Untrusted, 3),
        ("db:v1", None, ImageStatus::Unknown, 1),
        ("web:v1", Some(second.as_str()), ImageStatus::Trusted, 1),
    ];
    assert_eq!(told, expected);
    let (_, runs) = rows.first().unwrap();
    assert_eq!(runs.namespaces, [("bank".to_owned(), 1), ("shop".to_owned(), 2)].into());
    assert_eq!(runs.reasons(), ["BecauseUntrusted"]);
}

#[test]
fn the_worst_status_comes_first_and_names_decide_among_equals() {
    let images: Vec<_> =
        order::WORST_FIRST.iter().rev().flat_map(|status| ["b", "a"].map(|name| said(name, None, report::name(*status)))).collect();
    let each: Vec<_> = images
        .iter()
        .map(|image| {
            let mut image = image.clone();
            image["image"] = json!(format!("{}-{}", image["image"].as_str().unwrap(), image["status"].as_str().unwrap().to_lowercase()));
            image
        })
        .collect();
    let found = running(&each);
    let told: Vec<_> =
        found.inventory.rows(&[]).iter().map(|(image, runs)| (runs.status, image.reference.chars().next().unwrap())).collect();
    let expected: Vec<_> = order::WORST_FIRST.iter().flat_map(|status| [(*status, 'a'), (*status, 'b')]).collect();
    assert_eq!(told, expected);
}

#[test]
fn several_policies_on_one_image_of_a_pod_are_one_pod_with_the_status_that_counts() {
    let mut other = said("web:v1", None, "Exempt");
    other["policy"] = json!("shop/own");
    let one = found([report("shop", "a", &[said("web:v1", None, "Trusted"), other])]);
    let rows = one.inventory.rows(&[]);
    let (_, runs) = rows.first().unwrap();
    assert_eq!((rows.len(), runs.status, runs.pods(), runs.verdicts.len()), (1, ImageStatus::Trusted, 1, 2));
}

#[test]
fn a_pinned_tag_and_the_tag_are_one_image_while_a_digest_alone_is_another() {
    let (runs, index) = (digest("runs"), digest("index"));
    let found = running(&[
        said("web:v1", Some(&runs), "Trusted"),
        said(&format!("web:v1@{runs}"), Some(&runs), "Trusted"),
        said(&format!("web@{runs}"), Some(&runs), "Trusted"),
        said(&format!("web:v1@{index}"), Some(&runs), "Trusted"),
    ]);
    let told: Vec<_> = found.inventory.rows(&[]).iter().map(|(image, runs)| (image.reference.clone(), runs.pods())).collect();
    assert_eq!(told, [("web:v1".to_owned(), 2), (format!("web:v1@{index}"), 1), (format!("web@{runs}"), 1)]);
}

#[test]
fn pods_that_are_said_to_run_one_image_by_two_names_count_once_each() {
    let runs = digest("runs");
    let both = [said("web:v1", Some(&runs), "Trusted"), said(&format!("web:v1@{runs}"), Some(&runs), "Trusted")];
    let found = found([report("shop", "a", &both)]);
    let rows = found.inventory.rows(&[]);
    let (_, runs) = rows.first().unwrap();
    assert_eq!((rows.len(), runs.pods(), runs.verdicts.values().sum::<usize>()), (1, 1, 1));
}

#[test]
fn what_was_found_apart_is_told_together() {
    let mut one = found([report("a", "a", &[said("web:v1", None, "Trusted")])]);
    one.append(found([report("b", "a", &[said("web:v1", None, "Revoked")]), report("b", "b", &[])]));
    let rows = one.inventory.rows(&[]);
    let (_, runs) = rows.first().unwrap();
    assert_eq!((one.reports, rows.len(), runs.status, runs.pods()), (3, 1, ImageStatus::Revoked, 2));
}

#[test]
fn only_the_statuses_that_are_asked_for_are_shown() {
    let found = running(&[said("a", None, "Trusted"), said("b", None, "Untrusted"), said("c", None, "Unknown")]);
    let names = |only: &[ImageStatus]| found.inventory.rows(only).iter().map(|(image, _)| image.reference.clone()).collect::<String>();
    assert_eq!(names(&[ImageStatus::Trusted, ImageStatus::Untrusted]), "ba");
    assert_eq!(names(&[ImageStatus::Exempt]), "");
    assert_eq!(names(&[]), "bca");
}

#[test]
fn the_exit_code_counts_an_objection_before_what_is_not_known() {
    let code = |statuses: &[&str]| {
        let found = running(&statuses.iter().map(|status| said(&status.to_lowercase(), None, status)).collect::<Vec<_>>());
        exit_code(&found.inventory.rows(&[]), found.silent)
    };
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&["Trusted", "Exempt", "Unmatched"]), 0);
    assert_eq!(code(&["Trusted", "Unknown"]), 2);
    for objection in ["Untrusted", "Revoked", "Unsupported"] {
        assert_eq!(code(&["Trusted", "Unknown", objection]), 1, "{objection}");
    }
}

#[test]
fn a_report_that_says_nothing_yet_is_not_taken_for_a_good_one() {
    let mut silent = report("shop", "a", &[]);
    silent.status = None;
    let found = found([silent, report("shop", "b", &[said("a", None, "Trusted")])]);
    assert_eq!(exit_code(&found.inventory.rows(&[]), found.silent), 2);
}

#[test]
fn a_report_on_a_workload_counts_its_pods() {
    let runs = digest("runs");
    let of = |status: &str, policy: &str, pods: usize| {
        let mut result = said("web:v1", Some(&runs), status);
        result["policy"] = json!(policy);
        result["pods"] = json!(pods);
        result
    };
    let mut on_workload = report("shop", "replicaset-web", &[of("Trusted", "a/p", 3), of("Untrusted", "a/p", 2), of("Exempt", "a/q", 5)]);
    on_workload.spec.pod = None;
    let found = found([on_workload, report("shop", "bare", &[said("web:v1", Some(&runs), "Trusted")])]);
    let rows = found.inventory.rows(&[]);
    let (_, runs) = rows.first().unwrap();
    assert_eq!((rows.len(), runs.pods(), runs.status), (1, 6, ImageStatus::Untrusted));
}
