//! Each gate, where only it stands between a caller and what runs.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::{Cluster, Fault, HERE, STRANGER, ask, look, pod, service, two_namespaces};
use crate::results::Leader;

#[tokio::test]
async fn without_a_token_a_stranger_sees_nothing_and_the_api_server_is_not_asked() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    let answer = ask(&cluster, "/results", None).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (401, Some("Unauthorized")));
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"bonafide\"");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(!answer.text.contains("vault"));
    assert_eq!(cluster.users_asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_request_whose_peer_is_not_known_is_a_strangers() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    assert_eq!(service(&cluster)(None, "/results", None).await.status, 401);
}

#[tokio::test]
async fn a_token_that_the_api_server_does_not_know_sees_nothing() {
    // Rights would be there: only the token is wrong.
    let cluster = Cluster::new(&["*"], two_namespaces());
    let answer = ask(&cluster, "/results", Some("bad")).await;
    assert_eq!((answer.status, answer.headers["www-authenticate"].to_str().unwrap()), (401, "Bearer realm=\"bonafide\""));
    assert!(cluster.rights_asked().is_empty());
}

#[tokio::test]
async fn a_token_without_rights_sees_nothing() {
    let cluster = Cluster::new(&[], two_namespaces());
    for path in ["/results", "/results?namespace=shop", "/results?namespace=not-there"] {
        let answer = ask(&cluster, path, Some("good")).await;
        assert_eq!((answer.status, answer.json()["reason"].as_str()), (403, Some("Forbidden")), "{path}");
        assert!(!answer.text.contains("registry.example.com"), "{path}");
    }
}

#[tokio::test]
async fn a_token_with_rights_in_one_namespace_sees_that_one_and_nothing_of_others() {
    let cluster = Cluster::new(&["shop"], two_namespaces());
    for path in ["/results", "/results?namespace=shop"] {
        let answer = ask(&cluster, path, Some("good")).await;
        assert_eq!((answer.status, answer.images().len()), (200, 2), "{path}");
        assert!(!answer.text.contains("vault") && !answer.text.contains("bank"), "{path}: {}", answer.text);
        let document = answer.json();
        assert_eq!(document["namespaces"], json!([{"name": "shop", "pods": 1, "images": {"Exempt": 1, "Trusted": 1}}]));
        assert_eq!(document["counts"], json!({"pods": {"verified": 1}, "images": {"Exempt": 1, "Trusted": 1}}));
        assert_eq!(document["waiting"], json!(null), "how many wait elsewhere is not told");
    }
    assert_eq!(ask(&cluster, "/results?namespace=bank", Some("good")).await.status, 403);
    let searched = ask(&cluster, "/results?search=vault", Some("good")).await;
    assert_eq!((searched.status, searched.json()["matching"].as_u64()), (200, Some(0)));
}

#[tokio::test]
async fn one_image_in_two_namespaces_is_told_as_it_runs_in_the_one_that_may_be_seen() {
    let image = "registry.example.com/web:v1";
    let pods = vec![pod("bank", "secret", &[(image, "Untrusted")]), pod("shop", "web", &[(image, "Trusted")])];
    let cluster = Cluster::new(&["shop"], pods);
    let document = ask(&cluster, "/results", Some("good")).await.json();
    let row = &document["images"][0];
    assert_eq!((&row["status"], &row["pods"], &row["namespaces"]), (&json!("Trusted"), &json!(1), &json!([{"name": "shop", "pods": 1}])));
    assert!(!document.to_string().contains("secret") && !document.to_string().contains("Untrusted"));
}

#[tokio::test]
async fn a_right_in_a_namespace_where_nothing_runs_is_an_empty_answer_and_no_refusal() {
    let cluster = Cluster::new(&["empty"], two_namespaces());
    let answer = ask(&cluster, "/results?namespace=empty", Some("good")).await;
    assert_eq!((answer.status, answer.json()["matching"].as_u64()), (200, Some(0)));
}

#[tokio::test]
async fn an_empty_namespace_does_not_ask_for_all_of_them() {
    let cluster = Cluster::new(&[""], two_namespaces());
    assert_eq!(ask(&cluster, "/results?namespace=", Some("good")).await.status, 403);
    assert_eq!(cluster.rights_asked(), ["*", "bank", "shop"]);
}

#[tokio::test]
async fn a_right_on_the_cluster_sees_everything_by_one_question() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    let answer = ask(&cluster, "/results", Some("good")).await;
    assert_eq!((answer.status, answer.images().len(), answer.json()["waiting"].as_u64()), (200, 3, Some(3)));
    assert_eq!(cluster.rights_asked(), ["*"]);
}

#[tokio::test]
async fn whoever_reaches_this_machine_needs_no_token() {
    let cluster = Cluster::new(&[], two_namespaces());
    let answer = look(&cluster, "/results").await;
    assert_eq!((answer.status, answer.images().len()), (200, 3));
    assert_eq!(cluster.users_asked.load(Ordering::Relaxed), 0);
    // And whoever shows one all the same is judged by it.
    assert_eq!(service(&cluster)(Some(HERE), "/results", Some("good")).await.status, 403);
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_lets_nobody_in() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    cluster.fail(Fault::Refuses);
    let answer = ask(&cluster, "/results", Some("good")).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (503, Some("Unavailable")));
    assert!(answer.headers.contains_key("retry-after") && !answer.text.contains("vault"));
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_about_rights_lets_nobody_in() {
    let cluster = Cluster::new(&[], two_namespaces());
    let asks = service(&cluster);
    // Who it is gets known; then the API server is gone.
    assert_eq!(asks(Some(STRANGER), "/results?namespace=shop", Some("good")).await.status, 403);
    cluster.fail(Fault::Refuses);
    let answer = asks(Some(STRANGER), "/results?namespace=bank", Some("good")).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (503, Some("Unavailable")));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_stalls_is_waited_for_no_longer_than_the_deadline() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    cluster.fail(Fault::Stalls);
    assert_eq!(ask(&cluster, "/results", Some("good")).await.status, 503);
}

#[tokio::test]
async fn answers_are_remembered_also_those_that_say_no() {
    let cluster = Cluster::new(&["shop"], two_namespaces());
    let asks = service(&cluster);
    for _ in 0..3 {
        assert_eq!(asks(Some(STRANGER), "/results?namespace=shop", Some("good")).await.status, 200);
        assert_eq!(asks(Some(STRANGER), "/results?namespace=bank", Some("good")).await.status, 403);
        assert_eq!(asks(Some(STRANGER), "/results", Some("bad")).await.status, 401);
    }
    assert_eq!(cluster.users_asked.load(Ordering::Relaxed), 2);
    assert_eq!(cluster.rights_asked(), ["*", "shop", "bank"]);
}

#[tokio::test]
async fn a_peer_with_many_wrong_tokens_is_told_to_wait_and_others_are_not() {
    let cluster = Cluster::new(&["*"], two_namespaces());
    let asks = service(&cluster);
    for at in 0..20 {
        assert_eq!(asks(Some(STRANGER), "/results", Some(&format!("wrong-{at}"))).await.status, 401);
    }
    assert_eq!(asks(Some(STRANGER), "/results", Some("wrong-again")).await.status, 429);
    assert_eq!(cluster.users_asked.load(Ordering::Relaxed), 20, "the API server is left alone");
    let other = "10.0.0.8".parse().unwrap();
    assert_eq!(asks(Some(other), "/results", Some("good")).await.status, 200);
    // A token that is known by now is as good as before.
    assert_eq!(asks(Some(STRANGER), "/results", Some("good")).await.status, 200);
}

#[tokio::test]
async fn of_many_namespaces_no_more_are_asked_about_than_a_number_and_the_rest_is_counted() {
    let names: Vec<String> = (0..130).map(|at| format!("team-{at:03}")).collect();
    let pods = names.iter().map(|name| pod(name, "web", &[("a/b:v1", "Trusted")])).collect();
    let cluster = Cluster::new(&names.iter().map(String::as_str).collect::<Vec<_>>(), pods);
    let asks = service(&cluster);
    let first = asks(Some(STRANGER), "/results", Some("good")).await.json();
    assert_eq!((first["namespacesNotAsked"].as_u64(), first["counts"]["pods"]["verified"].as_u64()), (Some(30), Some(100)));
    // What was answered is remembered, so that the next question goes on.
    let second = asks(Some(STRANGER), "/results", Some("good")).await.json();
    assert_eq!((second.get("namespacesNotAsked"), second["counts"]["pods"]["verified"].as_u64()), (None, Some(130)));
    assert_eq!(cluster.rights_asked().len(), 131);
}

#[tokio::test]
async fn a_replica_that_does_not_lead_says_who_does() {
    let reach = Some("kubectl port-forward -n bonafide-system pod/bonafide-7 8081".to_owned());
    let leader = Some(Leader { identity: "bonafide-7".to_owned(), reach: reach.clone() });
    let cluster = std::sync::Arc::new(Cluster { leader, ..Cluster::default() });
    let answer = look(&cluster, "/results").await;
    let refusal = answer.json();
    assert_eq!((answer.status, refusal["reason"].as_str()), (503, Some("NotLeader")));
    assert_eq!(refusal["leader"], json!({"identity": "bonafide-7", "reach": reach}));
    // Not to whoever asks.
    assert!(!ask(&cluster, "/results", None).await.text.contains("bonafide-7"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answers_takes_no_places_of_others() {
    let many: Vec<_> =
        (0..1_000).map(|at| pod("shop", &format!("pod-{at}"), &[(&format!("a/{}:v{at}", "b".repeat(900)), "Trusted")])).collect();
    let cluster = Cluster::new(&["*"], many);
    let routes = super::routes(cluster);
    // Every answer that is made and not read holds its place.
    let request =
        || warp::test::request().path("/results?limit=500").header("host", "localhost").extension(super::Peer(HERE)).filter(&routes);
    let mut held = Vec::new();
    for _ in 0..6 {
        let response = request().await.unwrap();
        assert_eq!(response.status(), 200);
        held.push(response);
    }
    assert_eq!(request().await.unwrap().status(), 429);
    held.pop();
    assert_eq!(request().await.unwrap().status(), 200);
}
