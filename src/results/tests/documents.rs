//! What an answer tells, and how large it gets.

use serde_json::{Value, json};

use super::{Cluster, look, pod, two_namespaces};
use crate::controllers::verification_report::SeenPod;
use crate::report::Workload;

#[tokio::test]
async fn an_image_is_told_with_its_verdicts_and_where_it_runs() {
    let pods = vec![
        pod("bank", "web", &[("registry.example.com/web:v1", "Trusted")]),
        pod("shop", "web", &[("registry.example.com/web:v1", "Untrusted"), ("registry.example.com/pause:3", "Exempt")]),
    ];
    let document = look(&Cluster::new(&[], pods), "/results").await.json();
    assert_eq!(document["apiVersion"], "results.bonafide.dev/v1");
    assert!(document["generated"].as_str().unwrap().ends_with('Z'));
    assert_eq!(document["matching"], 2);
    let verdict = |status: &str, signers: Value| {
        json!({"policy": "bonafide-system/production", "rule": "all", "validator": "bonafide-system/release", "signers": signers,
               "status": status, "reason": format!("Because{status}"), "message": "why", "pods": 1})
    };
    let run = |namespace: &str, status: &str, verified: &str| {
        json!({"namespace": namespace, "pod": "web", "workload": {"kind": "ReplicaSet", "name": "web-set"}, "containers": ["main"],
               "status": status, "verified": verified, "since": "2026-01-02T03:04:05Z"})
    };
    let expected = json!({
        "status": "Untrusted", "image": "registry.example.com/web:v1", "digest": null, "pods": 2, "reasons": ["BecauseUntrusted"],
        "namespaces": [{"name": "bank", "pods": 1}, {"name": "shop", "pods": 1}],
        "verdicts": [verdict("Trusted", json!(["bonafide-system/release/key"])), verdict("Untrusted", json!([]))],
        "runs": [run("shop", "Untrusted", "False"), run("bank", "Trusted", "True")],
    });
    assert_eq!(document["images"][0], expected);
}

#[tokio::test]
async fn filters_narrow_and_counts_say_what_they_leave_to_choose_from() {
    let cluster = Cluster::new(&[], two_namespaces());
    let images = async |query: &str| {
        let answer = look(&cluster, &format!("/results?{query}")).await;
        (answer.images().join(" ").replace("registry.example.com/", ""), answer.json()["counts"]["images"].clone())
    };
    let all = json!({"Untrusted": 1, "Exempt": 1, "Trusted": 1});
    assert_eq!(images("").await, ("vault:v1 pause:3 web:v1".to_owned(), all.clone()));
    assert_eq!(images("status=Trusted,untrusted").await, ("vault:v1 web:v1".to_owned(), all));
    assert_eq!(images("namespace=shop").await, ("pause:3 web:v1".to_owned(), json!({"Exempt": 1, "Trusted": 1})));
    assert_eq!(images("search=WEB%3A").await.0, "web:v1");
    // By workload, signer, policy, namespace.
    assert_eq!(images("search=vault-set").await.0, "vault:v1");
    assert_eq!(images("search=release/key").await.0, "web:v1");
    assert_eq!(images("search=system/production").await.0, "vault:v1 pause:3 web:v1");
    assert_eq!(images("search=bank").await.0, "vault:v1");
    assert_eq!(images("search=nothing").await, (String::new(), json!({})));
}

#[tokio::test]
async fn what_does_not_fit_into_one_answer_is_behind_it_each_image_once() {
    let names: Vec<String> = (0..7).map(|at| format!("a/b:v{at}")).collect();
    let pods = names.iter().map(|name| pod("shop", &name.replace(['/', ':'], "-"), &[(name, "Trusted")])).collect();
    let cluster = Cluster::new(&[], pods);
    let (mut told, mut next) = (Vec::new(), String::new());
    loop {
        let answer = look(&cluster, &format!("/results?limit=3&continue={next}")).await;
        assert_eq!(answer.json()["matching"], 7);
        told.extend(answer.images());
        match answer.json()["continue"].as_str() {
            Some(token) => next = token.to_owned(),
            None => break,
        }
    }
    assert_eq!(told, names);
}

#[tokio::test]
async fn an_answer_goes_on_behind_an_image_that_is_gone() {
    let names = ["a/b:v0", "a/b:v1", "a/b:v2"];
    let cluster = Cluster::new(&[], names.iter().map(|name| pod("shop", name, &[(name, "Trusted")])).collect());
    let first = look(&cluster, "/results?limit=2").await;
    cluster.pods.lock().unwrap().remove(1);
    let next = first.json()["continue"].as_str().unwrap().to_owned();
    assert_eq!(look(&cluster, &format!("/results?continue={next}")).await.images(), ["a/b:v2"]);
}

#[tokio::test]
async fn an_answer_is_bounded_however_much_runs() {
    let long = "x".repeat(1_000);
    let images: Vec<String> = (0..100).map(|at| format!("registry.example.com/{at}/{long}")).collect();
    let all: Vec<(&str, &str)> = images.iter().map(|image| (image.as_str(), "Untrusted")).collect();
    let pods: Vec<SeenPod> = (0..100).map(|at| pod(&format!("team-{at}"), &long, &all)).collect();
    let cluster = Cluster::new(&[], pods);
    let answer = look(&cluster, "/results?limit=500&pods=1000").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.len() < 6 * 1024 * 1024, "{} bytes", answer.text.len());
    let document = answer.json();
    assert!(document["continue"].is_string(), "the rest is behind it");
    let row = &document["images"][0];
    assert_eq!((row["pods"].as_u64(), row["runs"].as_array().unwrap().len()), (Some(100), 100));
    assert_eq!((row["namespaces"].as_array().unwrap().len(), row["namespacesLeftOut"].as_u64()), (64, Some(36)));
    let few = look(&cluster, "/results?limit=1").await.json();
    assert_eq!(few["images"][0]["runs"].as_array().unwrap().len(), 20);
}

/// Security rule 28.
#[tokio::test]
async fn hostile_names_stay_text() {
    let hostile = "<img src=x onerror=alert(1)>\u{1b}[2J\n\u{202e}</script>";
    let mut seen = pod("shop", "web", &[(hostile, "Untrusted")]);
    seen.workload = Some(Workload { kind: hostile.to_owned(), name: hostile.to_owned() });
    let mut result = seen.results[0].clone();
    for field in [&mut result.policy, &mut result.reason, &mut result.message] {
        hostile.clone_into(field);
    }
    result.signers = vec![hostile.to_owned()];
    result.containers = vec![hostile.to_owned()];
    seen.results = [result].into();
    let cluster = Cluster::new(&[], vec![seen]);
    for path in ["/results", "/results?search=%3Cimg", "/results?%1b%0a%e2%80%ae=x", "/results?namespace=%3Cimg%3E"] {
        let answer = look(&cluster, path).await;
        assert!(answer.text.chars().all(|character| !character.is_control() && character != '\u{202e}'), "{path}: {:?}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
    let document = look(&cluster, "/results").await.json();
    assert!(document["images"][0]["image"].as_str().unwrap().starts_with("<img src=x onerror=alert(1)>\\u{1b}[2J\\u{a}"));
}

#[tokio::test]
async fn a_question_that_is_not_understood_is_not_answered_wider() {
    let cluster = Cluster::new(&[], two_namespaces());
    for query in ["namespaces=shop", "status=Good", "limit=9999", "namespace=a_b"] {
        let answer = look(&cluster, &format!("/results?{query}")).await;
        assert_eq!((answer.status, answer.json()["reason"].as_str()), (400, Some("BadRequest")), "{query}");
    }
}
