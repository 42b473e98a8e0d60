//! Trust servers that are asked seldom, fail, or are somebody else's business.

use registry_double::{Kind as Asked, Misbehaviour};

use super::*;
use crate::testing::forge::repo::{GUN, Repo, digest_of};
use crate::testing::{Trust, ask_in};

const PATIENCE: Duration = Duration::from_secs(5);

fn policy(trust: &Trust, on_fault: &str) -> World {
    let settings = json!({"mode": "Enforce", "unmatched": "Deny", "onFault": on_fault});
    trust.world().policy_with("p", &settings, &rules(&json!({"validator": "content-trust"})))
}

fn path(file: &str) -> String {
    format!("/v2/{GUN}/_trust/tuf/{file}")
}

fn go_down(trust: &Trust, evaluator: &Evaluator, failure: &Misbehaviour) {
    evaluator.forget();
    for file in ["root.json", "2.root.json", "timestamp.json"] {
        trust.server.script(&path(file), failure.clone());
    }
}

#[tokio::test]
async fn a_hundred_tags_and_a_thousand_pods_are_one_update_run() {
    let mut repo = Repo::new();
    let tags: Vec<&'static str> = (0..100).map(|number| &*Box::leak(format!("t{number}").into_boxed_str())).collect();
    repo.releases().images.extend(tags.iter().map(|tag| (*tag, *tag)));
    let trust = Trust::of(repo).await;
    let (evaluator, world) = (evaluator(), policy(&trust, "Deny"));
    let images: Vec<String> = (0..1000).map(|number| Trust::image(&format!(":t{}", number % 100))).collect();
    let asked = images.iter().map(|image| testing::ask(&evaluator, &world, image, Duration::from_mins(1)));
    let decisions = futures::future::join_all(asked).await;
    assert!(decisions.iter().all(|decision| !decision.is_refused()));
    assert_eq!(trust.server.count(Asked::TrustData), 5, "root, timestamp, snapshot, targets, releases");
}

#[tokio::test]
async fn an_unchanged_repository_costs_two_requests_and_a_new_tag_is_seen() {
    let mut trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(&trust, "Deny"));
    ask(&evaluator, &world, &Trust::image(":1.0")).await;
    evaluator.forget();
    ask(&evaluator, &world, &Trust::image(":1.0")).await;
    assert_eq!(trust.server.count(Asked::TrustData), 7);
    trust.publish_next(|repo| {
        repo.releases().images.insert("1.0", "moved");
    });
    evaluator.forget();
    assert_eq!(ask(&evaluator, &world, &Trust::image(":1.0")).await.digest(), Some(&digest_of("moved")));
}

#[tokio::test]
async fn trust_data_is_used_for_the_time_that_the_validator_says() {
    let trust = Trust::start().await;
    let world = trust.world().validator("hasty", &trust.settings(&json!({"refreshSeconds": 1})));
    let world = world.policy("p", &rules(&json!({"validator": "hasty"})));
    let evaluator = evaluator();
    let began = std::time::Instant::now();
    while trust.server.count(Asked::TrustData) <= 5 && began.elapsed() < Duration::from_secs(20) {
        assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(trust.server.count(Asked::TrustData), 7);
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_fails_is_a_fault_with_its_own_reason() {
    for (failure, reason) in [
        (Misbehaviour::Status(503, vec![]), Reason::TrustServerUnavailable),
        (Misbehaviour::Status(404, vec![]), Reason::TrustServerUnavailable),
        (Misbehaviour::Status(403, vec![]), Reason::TrustServerUnavailable),
        (Misbehaviour::Status(429, vec![]), Reason::RateLimited),
    ] {
        let trust = Trust::start().await;
        trust.server.script(&path("timestamp.json"), failure);
        let verdict = verdict(&policy(&trust, "Deny"), &Trust::image(":1.0")).await;
        assert!(matches!(verdict, Verdict::Fault(_)), "{verdict:?}");
        assert_eq!(verdict.reason(), reason, "{verdict:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_fault_within_the_deadline() {
    let trust = Trust::start().await;
    trust.server.script(&path("timestamp.json"), Misbehaviour::Stall);
    let decision = testing::ask(&evaluator(), &policy(&trust, "Deny"), &Trust::image(":1.0"), Duration::from_millis(300)).await;
    assert_eq!(decision.results[0].verdict.reason(), Reason::Timeout);
}

#[tokio::test]
async fn a_delegation_that_could_not_be_fetched_is_asked_for_again_at_once() {
    let trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(&trust, "Deny"));
    let releases = trust.repo.publish().served().into_iter().find(|(name, _)| name.starts_with("targets/releases.")).unwrap().0;
    trust.server.script(&path(&releases), Misbehaviour::Status(500, vec![]));
    let first = ask(&evaluator, &world, &Trust::image(":1.0")).await;
    assert_eq!(first.results[0].verdict.reason(), Reason::TrustServerUnavailable);
    trust.server.behave();
    assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn the_last_verdict_stands_while_the_server_is_down_and_only_where_a_policy_lets_it() {
    let trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(&trust, "UseLastVerdict"));
    ask(&evaluator, &world, &Trust::image(":1.0")).await;
    go_down(&trust, &evaluator, &Misbehaviour::Status(503, vec![]));
    for image in [Trust::image(":1.0"), Trust::image(&format!("@{}", digest_of("one")))] {
        let decision = ask(&evaluator, &world, &image).await;
        assert_eq!(decision.digest(), Some(&digest_of("one")), "{image}");
        assert_eq!(decision.results[0].outage.as_ref().map(Fault::reason), Some(Reason::TrustServerUnavailable));
    }
    assert!(ask(&evaluator, &world, &Trust::image(":2.0")).await.is_refused());
    assert!(ask(&evaluator, &policy(&trust, "Deny"), &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn what_the_server_says_is_no_outage() {
    let trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(&trust, "UseLastVerdict"));
    ask(&evaluator, &world, &Trust::image(":1.0")).await;
    for status in [404, 403] {
        go_down(&trust, &evaluator, &Misbehaviour::Status(status, vec![]));
        assert!(ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused(), "{status}");
    }
}

#[tokio::test]
async fn a_last_verdict_ends_with_the_trust_data_that_it_rests_on() {
    let mut repo = Repo::new();
    let end = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    repo.timestamp.expires = end.to_rfc3339();
    let trust = Trust::of(repo).await;
    let (evaluator, world) = (evaluator(), policy(&trust, "UseLastVerdict"));
    assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
    go_down(&trust, &evaluator, &Misbehaviour::Status(503, vec![]));
    assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
    while chrono::Utc::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn a_refusal_ends_the_last_verdict() {
    let mut trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(&trust, "UseLastVerdict"));
    ask(&evaluator, &world, &Trust::image(":1.0")).await;
    trust.publish_next(|repo| {
        repo.releases().images.remove("1.0");
    });
    evaluator.forget();
    assert!(ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
    go_down(&trust, &evaluator, &Misbehaviour::Status(503, vec![]));
    assert!(ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn credentials_of_a_trust_server_are_the_validators_own_and_never_lent() {
    let trust = Trust::start().await;
    // Over TLS: a password is never sent otherwise.
    let server = registry_double::RegistryDouble::start_tls().await;
    server.serve_trust_data(GUN, trust.repo.publish().served());
    server.require(registry_double::Auth::Basic("user".to_owned(), "pass".to_owned()));
    let ca = json!({"configMapKeyRef": {"name": "ca", "key": "ca.crt"}});
    let notary = json!({"server": server.url(""), "caBundle": ca, "credentialsRef": {"name": "login"}});
    let auth = json!({"auths": {(server.address()): {"username": "user", "password": "pass"}}}).to_string();
    let world = trust.world().config_map("ca", "ca.crt", server.ca_pem().unwrap()).secret("login", ".dockerconfigjson", &auth);
    let world = world.validator("private", &json!({"notaryV1": notary, "trustRoots": ["acme"], "shared": true}));
    let ours = world.clone().policy("p", &rules(&json!({"validator": "private"})));
    assert!(!ask(&evaluator(), &ours, &Trust::image(":1.0")).await.is_refused());
    let theirs = world.policy("bank/p", &rules(&json!({"validator": "bonafide-system/private"})));
    let decision = ask_in("bank", &evaluator(), &theirs, &Trust::image(":1.0"), PATIENCE).await;
    assert_eq!(decision.results[0].verdict.reason(), Reason::TrustServerUnavailable);
}
