#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

use chrono::{DateTime, TimeZone, Utc};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use k8s_openapi::jiff::Timestamp;

use super::super::{Location, Outcome, Owner, Place, Subject, Workload};
use super::*;
use crate::crd::{
    Condition, ImageStatus, ReportedPod, ReportedSummary, ReportedWorkload, VerificationReport, VerificationReportSpec,
    VerificationReportStatus,
};
use crate::evaluate::{Evidence, Fault, Signer};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn content(images: &[JudgedImage]) -> VerificationReport {
    let workload = Workload { kind: "Job".to_owned(), name: "job-1".to_owned() };
    let subject = Subject::Pod { name: "job-1-abcde", uid: "u1", workload: Some(&workload) };
    super::super::content(("shop", "job-1-abcde"), subject, &Outcome::of(images), at(100), &[])
}

fn at(seconds: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(seconds, 987_654_321).unwrap()
}

fn time(seconds: i64) -> Time {
    Time(Timestamp::from_second(seconds).unwrap())
}

/// An image that one container uses.
fn image(container: &str, verdicts: Vec<Verdict>) -> JudgedImage {
    let locations = vec![Location { place: Place::Container, name: container.to_owned() }];
    let group = ImageGroup { image: format!("a.io/{container}:1"), reported: manifest(A), locations };
    JudgedImage { group, judgements: verdicts.into_iter().map(judgement).collect() }
}

fn manifest(digest: &str) -> Reported {
    Reported::Manifest { repository: None, digest: digest.parse().unwrap() }
}

fn judgement(verdict: Verdict) -> Judgement {
    Judgement {
        policy: ObjectName::new("bonafide-system", "production"),
        rule: Some("apps".to_owned()),
        verifies: true,
        validators: vec![ObjectName::new("bonafide-system", "release")],
        verdict,
    }
}

fn trusted(digest: &str) -> Verdict {
    let signer = Signer { root: ObjectName::new("bonafide-system", "build"), key: "k1".to_owned() };
    let validators = vec![ObjectName::new("bonafide-system", "release")];
    Verdict::Trusted(Evidence { digest: digest.parse().unwrap(), validators, signers: vec![signer], expires: None })
}

fn unsigned() -> Verdict {
    Verdict::Refused(Refusal::NoSignature { skipped: 0, attestations: 0 })
}

fn exempt() -> Verdict {
    Verdict::Exempt { reason: None }
}

fn report(images: &[JudgedImage]) -> VerificationReportStatus {
    content(images).status.unwrap()
}

/// Status, reason and message of the condition, and the ratio.
fn answer(images: &[JudgedImage]) -> (String, String, String, String) {
    let VerificationReportStatus { conditions, summary, .. } = report(images);
    let Condition { status, reason, message, .. } = conditions[0].clone();
    (status, reason, message, summary.ratio)
}

fn expected(status: &str, reason: &str, message: &str, ratio: &str) -> (String, String, String, String) {
    (status.to_owned(), reason.to_owned(), message.to_owned(), ratio.to_owned())
}

#[test]
fn a_report_says_what_runs_and_whether_it_may() {
    let report = content(&[image("main", vec![unsigned()])]);
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: "job-1-abcde".to_owned(),
        uid: "u1".to_owned(),
        controller: Some(false),
        block_owner_deletion: None,
    };
    let expected = VerificationReport {
        metadata: ObjectMeta {
            name: Some("job-1-abcde".to_owned()),
            namespace: Some("shop".to_owned()),
            labels: Some([("app.kubernetes.io/managed-by".to_owned(), "bonafide".to_owned())].into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: VerificationReportSpec {
            pod: Some(ReportedPod { name: "job-1-abcde".to_owned(), uid: "u1".to_owned() }),
            workload: Some(ReportedWorkload { kind: "Job".to_owned(), name: "job-1".to_owned() }),
        },
        status: Some(VerificationReportStatus {
            conditions: vec![Condition {
                type_: "Verified".to_owned(),
                status: "False".to_owned(),
                reason: "NoSignature".to_owned(),
                message: "1 of 1 images is not trusted: container main".to_owned(),
                last_transition_time: time(100),
                observed_generation: None,
            }],
            summary: ReportedSummary { ratio: "0/1".to_owned(), untrusted: 1, ..ReportedSummary::default() },
            images: vec![ImageResult {
                image: "a.io/main:1".to_owned(),
                digest: Some(A.to_owned()),
                containers: vec!["main".to_owned()],
                status: ImageStatus::Untrusted,
                policy: "bonafide-system/production".to_owned(),
                rule: Some("apps".to_owned()),
                validator: Some("bonafide-system/release".to_owned()),
                signers: vec![],
                reason: "NoSignature".to_owned(),
                pods: None,
                message: "no signature found".to_owned(),
            }],
            violations: vec![],
        }),
    };
    assert_eq!(report, expected);
}

#[test]
fn a_report_on_one_container_is_small_and_reads_back_as_itself() {
    let report = content(&[image("main", vec![trusted(A)])]);
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.len() < 1_700, "{}", json.len());
    assert_eq!(serde_json::from_str::<VerificationReport>(&json).unwrap(), report);
}

#[test]
fn every_image_that_must_be_verified_counts() {
    let cases = [
        (vec![image("a", vec![trusted(A)])], expected("True", "Trusted", "1 of 1 images is trusted", "1/1")),
        (
            vec![image("a", vec![trusted(A)]), image("b", vec![exempt()]), image("c", vec![Verdict::Unmatched])],
            expected("True", "Trusted", "1 of 1 images is trusted, 1 exempt by a rule, 1 allowed without a rule", "1/1"),
        ),
        (
            vec![image("a", vec![trusted(A)]), image("b", vec![unsigned()]), image("c", vec![Verdict::Fault(Fault::Timeout)])],
            expected(
                "False",
                "NoSignature",
                "1 of 3 images is not trusted: container b; 1 of 3 images could not be determined: container c",
                "1/3",
            ),
        ),
        (
            vec![image("a", vec![trusted(A)]), image("b", vec![Verdict::Fault(Fault::Timeout)])],
            expected("Unknown", "Timeout", "1 of 2 images could not be determined: container b", "1/2"),
        ),
    ];
    for (images, expected) in cases {
        assert_eq!(answer(&images), expected);
    }
}

#[test]
fn an_unverified_image_is_never_called_trusted() {
    let images = [image("a", vec![exempt()]), image("b", vec![Verdict::Unmatched])];
    let message = "no image has to be verified, 1 exempt by a rule, 1 allowed without a rule";
    assert_eq!(answer(&images), expected("True", "Exempt", message, "0/0"));
    let unmatched = [image("b", vec![Verdict::Unmatched])];
    assert_eq!(answer(&unmatched), expected("True", "Unmatched", "no image has to be verified, 1 allowed without a rule", "0/0"));
    let summary = ReportedSummary { ratio: "0/0".to_owned(), exempt: 1, unmatched: 1, ..ReportedSummary::default() };
    assert_eq!(report(&images).summary, summary);
}

#[test]
fn an_image_counts_once_by_its_worst_verdict() {
    let worst = |verdicts: Vec<Verdict>| report(&[image("a", verdicts)]).summary;
    let none = || ReportedSummary { ratio: "0/1".to_owned(), ..ReportedSummary::default() };
    let fault = || Verdict::Fault(Fault::Timeout);
    assert_eq!(worst(vec![trusted(A), unsigned(), fault(), exempt()]), ReportedSummary { untrusted: 1, ..none() });
    assert_eq!(worst(vec![exempt(), fault(), trusted(A)]), ReportedSummary { unknown: 1, ..none() });
    let trusted_once = ReportedSummary { ratio: "1/1".to_owned(), trusted: 1, ..none() };
    assert_eq!(worst(vec![Verdict::Unmatched, trusted(A), exempt()]), trusted_once);
}

#[test]
fn refusals_of_policies_and_rules_are_untrusted_and_the_most_telling_reason_is_shown() {
    let images = [
        image("a", vec![unsigned()]),
        image("b", vec![Verdict::Refused(Refusal::DeniedByRule { message: None })]),
        image("c", vec![Verdict::Refused(Refusal::NoMatchingRule), unsigned()]),
    ];
    let message = "3 of 3 images are not trusted: container a, container b, container c";
    assert_eq!(answer(&images), expected("False", "NoMatchingRule", message, "0/3"));
    assert!(report(&images).images.iter().all(|result| result.status == ImageStatus::Untrusted));
}

fn owner() -> Owner {
    let pod = serde_json::json!({"metadata": {"name": "web-1", "ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "w1", "controller": true}]}});
    Owner::of(&serde_json::from_value::<Pod>(pod).unwrap()).unwrap()
}

#[test]
fn a_report_on_a_workload_is_owned_by_it_and_says_of_how_many_pods_what_is_true() {
    let (good, bad) =
        (Outcome::of(&[image("main", vec![trusted(A)]), image("side", vec![exempt()])]), Outcome::of(&[image("main", vec![unsigned()])]));
    let together = Outcome::together([(&good, 2), (&bad, 1)]);
    let owner = owner();
    let report = super::super::content(("shop", "replicaset-web-1"), Subject::Workload(&owner), &together, at(100), &[]);
    let owners = report.metadata.owner_references.unwrap();
    assert_eq!(
        (owners.len(), owners[0].kind.as_str(), owners[0].uid.as_str(), owners[0].block_owner_deletion),
        (1, "ReplicaSet", "w1", None)
    );
    assert_eq!((report.spec.pod, report.spec.workload.map(|workload| workload.name)), (None, Some("web".to_owned())));
    let status = report.status.unwrap();
    // The image has one name and one digest, so it is one image, by its worst verdict.
    assert_eq!(status.summary, ReportedSummary { ratio: "0/1".to_owned(), untrusted: 1, exempt: 1, ..ReportedSummary::default() });
    assert_eq!(status.conditions[0].message, "1 of 1 images is not trusted: container main");
    let results: Vec<_> = status.images.iter().map(|result| (result.status, result.pods)).collect();
    assert_eq!(results, [(ImageStatus::Trusted, Some(2)), (ImageStatus::Exempt, Some(2)), (ImageStatus::Untrusted, Some(1))]);
}

#[test]
fn what_pods_have_in_common_is_listed_once_with_their_number() {
    let one = Outcome::of(&[image("main", vec![trusted(A)])]);
    let more = Outcome::of(&[image("main", vec![trusted(A)]), image("debug", vec![Verdict::Fault(Fault::Timeout)])]);
    let together = Outcome::together([(&one, 3), (&more, 1)]);
    let pods: Vec<_> = together.results.iter().map(|result| result.pods).collect();
    assert_eq!((pods, together.verified(), together.is_unknown()), (vec![Some(4), Some(1)], "Unknown", true));
}

#[test]
fn a_tag_shows_the_digest_that_runs_and_before_that_the_one_that_was_verified() {
    let digest = |reported: Option<&str>, image: &str, verdict: Verdict| {
        let group = ImageGroup { image: image.to_owned(), reported: reported.map(manifest).unwrap_or_default(), locations: vec![] };
        report(&[JudgedImage { group, judgements: vec![judgement(verdict)] }]).images[0].digest.clone()
    };
    let pinned = format!("a.io/x:1@{B}");
    assert_eq!(digest(Some(A), &pinned, trusted(B)), Some(A.to_owned()));
    assert_eq!(digest(None, &pinned, unsigned()), Some(B.to_owned()));
    assert_eq!(digest(None, "a.io/x:1", trusted(B)), Some(B.to_owned()));
    assert_eq!(digest(None, "a.io/x:1", unsigned()), None);
}

#[test]
fn another_digest_than_the_specified_one_is_said() {
    let mut judged = image("main", vec![trusted(B), unsigned(), exempt(), Verdict::Unmatched]);
    judged.group.image = format!("a.io/main:1@{B}");
    judged.judgements[2].verifies = false;
    judged.judgements[3].verifies = false;
    let messages =
        |judged: &JudgedImage| report(std::slice::from_ref(judged)).images.into_iter().map(|result| result.message).collect::<Vec<_>>();
    let expected = |runs: &str| {
        [
            format!("the kubelet reports {runs}, which agrees with the verified {B}"),
            format!("the verdict is on the specified digest {B}; the kubelet reports another one, {runs}; no signature found"),
            format!("the rule exempts the specified {B}; the kubelet reports {runs}, which was not compared"),
            String::new(),
        ]
    };
    assert_eq!(messages(&judged), expected(A));
    judged.group.reported = Reported::Config(A.parse().unwrap());
    assert_eq!(messages(&judged), expected(&format!("the config {A}")));
    judged.group.reported = manifest(B);
    assert_eq!(messages(&judged), ["", "no signature found", "", ""]);
}

#[test]
fn a_mismatch_names_the_container_and_both_digests() {
    let refusal = Refusal::RunsAnother { verified: B.parse().unwrap(), reported: manifest(A) };
    let mut judged = image("main", vec![Verdict::Refused(refusal)]);
    judged.group.image = format!("a.io/main:1@{B}");
    let (status, reason, message, _) = answer(std::slice::from_ref(&judged));
    assert_eq!(
        (status.as_str(), reason.as_str(), message.as_str()),
        ("False", "DigestMismatch", "1 of 1 images is not trusted: container main")
    );
    let result = report(&[judged]).images.remove(0);
    assert_eq!((result.status, result.digest), (ImageStatus::Untrusted, Some(A.to_owned())));
    let expected =
        format!("container main: the kubelet reports {A}, which is neither the verified {B} nor a part of it nor the same by its config");
    assert_eq!(result.message, expected);
}

#[test]
fn hostile_text_stays_text() {
    let message = format!("\u{1b}[31m{}", "ä".repeat(10_000));
    let mut judged = image("main", vec![Verdict::Refused(Refusal::DeniedByRule { message: Some(message) })]);
    judged.group.image = format!("a.io/\n\u{202e}{}", "x".repeat(10_000));
    let result = report(&[judged]).images.remove(0);
    assert!(result.message.starts_with("\\u{1b}[31mää") && result.message.chars().count() == 512);
    assert!(result.image.starts_with("a.io/\\u{a}\\u{202e}xx") && result.image.chars().count() == 1_024);
}

#[test]
fn of_too_many_results_the_worst_stay_and_all_are_counted() {
    let mut images: Vec<_> = (0..200).map(|n| image(&format!("c{n}"), vec![trusted(A)])).collect();
    images.push(image("last", vec![unsigned()]));
    let report = report(&images);
    assert_eq!(report.images.len(), 128);
    assert_eq!(report.images[127].containers, ["last"]);
    assert_eq!(report.images[0].containers, ["c0"]);
    assert_eq!((report.summary.trusted, report.summary.untrusted), (200, 1));
    assert_eq!(report.conditions[0].message, "1 of 201 images is not trusted: container last; 73 more results are not listed");
}

#[test]
fn a_report_stays_far_below_what_the_api_server_takes() {
    let long = |n: usize| Location { place: Place::Container, name: format!("{n}-{}", "x".repeat(10_000)) };
    let mut images: Vec<_> = (0..200).map(|n| image(&format!("c{n}"), vec![unsigned()])).collect();
    for image in &mut images {
        image.group.locations = (0..200).map(long).collect();
    }
    let report = content(&images);
    assert!(serde_json::to_vec(&report).unwrap().len() < 700 * 1024);
    assert!(report.status.unwrap().images.len() > 20);
}
