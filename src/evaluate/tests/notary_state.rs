//! What was seen of trust data binds those who saw it, and nobody else (security rule 26).

use super::*;
use crate::evaluate::{MemoryStateStore, StateFault};
use crate::testing::forge::repo::{GUN, digest_of};
use crate::testing::{FailingStates, Trust, ask_in, evaluator_with};

const PATIENCE: Duration = Duration::from_secs(5);

fn policy(world: World) -> World {
    world.policy("p", &rules(&json!({"validator": "content-trust"})))
}

/// Publishes, asks, and then puts the server back to its backup.
async fn gone_back(evaluator: &Evaluator) -> (Trust, World) {
    let mut trust = Trust::start().await;
    let backup = trust.repo.publish().served();
    trust.publish_next(|repo| {
        repo.releases().images.insert("1.0", "moved");
    });
    let world = policy(trust.world());
    assert_eq!(ask(evaluator, &world, &Trust::image(":1.0")).await.digest(), Some(&digest_of("moved")));
    trust.server.serve_trust_data(GUN, backup);
    (trust, world)
}

#[tokio::test]
async fn a_server_that_went_back_is_refused_by_every_replica_and_after_a_restart() {
    let states = Arc::new(MemoryStateStore::default());
    let replica = || evaluator_with(client(), states.clone());
    let first = replica();
    let (_trust, world) = gone_back(&first).await;
    first.forget();
    for replica in [first, replica()] {
        let verdict = ask(&replica, &world, &Trust::image(":1.0")).await.results[0].verdict.clone();
        assert_eq!(verdict.reason(), Reason::RolledBack);
        assert!(verdict.message().contains("version 1 is older than version 2, which was seen before"), "{}", verdict.message());
    }
    // Only the memory stood between the old data and a pod.
    assert!(!ask(&evaluator(), &world, &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn tenant_state_never_seeds_cluster_state() {
    let states: Arc<MemoryStateStore> = Arc::default();
    let replica = || evaluator_with(client(), states.clone());
    let mut trust = Trust::start().await;
    let backup = trust.repo.publish().served();
    trust.publish_next(|repo| {
        repo.releases().images.insert("1.0", "moved");
    });
    let mut shared = trust.settings(&json!({}));
    shared["shared"] = true.into();
    let world = trust.world().validator("shared", &shared);
    let theirs = world.clone().policy("bank/p", &rules(&json!({"validator": "bonafide-system/shared"})));
    let ours = world.policy("p", &rules(&json!({"validator": "shared"})));
    assert!(!ask_in("bank", &replica(), &theirs, &Trust::image(":1.0"), PATIENCE).await.is_refused());
    trust.server.serve_trust_data(GUN, backup);
    assert!(!ask(&replica(), &ours, &Trust::image(":1.0")).await.is_refused(), "the cluster has seen nothing yet");
    assert!(ask_in("bank", &replica(), &theirs, &Trust::image(":1.0"), PATIENCE).await.is_refused(), "the tenant has");
}

#[tokio::test]
async fn what_was_seen_through_other_anchors_binds_nobody() {
    let states: Arc<MemoryStateStore> = Arc::default();
    let first = evaluator_with(client(), states.clone());
    let (trust, world) = gone_back(&first).await;
    let by_id = json!({"keys": [{"name": "k", "keyID": trust.repo.root.keys[0].id()}]});
    let other = world.trust_root_with("by-id", &by_id);
    let other = other.policy("q", &rules(&json!({"validator": "content-trust", "trustRoots": ["by-id"]})));
    let decision = ask(&evaluator_with(client(), states), &other, &Trust::image(":1.0")).await;
    let reasons: Vec<_> = decision.results.iter().map(|result| result.verdict.reason()).collect();
    assert_eq!(reasons, [Reason::RolledBack, Reason::Trusted]);
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_or_written_denies_and_is_no_outage() {
    for (fault, reason) in [
        (StateFault::Unreadable, Reason::Internal),
        (StateFault::Unavailable, Reason::Internal),
        (StateFault::QuotaExceeded, Reason::TooLarge),
        (StateFault::NoRoom, Reason::TooLarge),
    ] {
        let (trust, states) = (Trust::start().await, Arc::new(FailingStates::default()));
        let evaluator = evaluator_with(client(), states.clone());
        let settings = json!({"mode": "Enforce", "unmatched": "Deny", "onFault": "UseLastVerdict"});
        let world = trust.world().policy_with("p", &settings, &rules(&json!({"validator": "content-trust"})));
        assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
        states.fail(fault.clone());
        evaluator.forget();
        let decision = ask(&evaluator, &world, &Trust::image(":1.0")).await;
        assert_eq!((decision.is_refused(), decision.results[0].verdict.reason()), (true, reason), "{fault:?}");
    }
}

#[tokio::test]
async fn replicas_that_see_different_files_of_one_version_refuse() {
    let states: Arc<MemoryStateStore> = Arc::default();
    let mut trust = Trust::start().await;
    let world = policy(trust.world());
    assert!(!ask(&evaluator_with(client(), states.clone()), &world, &Trust::image(":1.0")).await.is_refused());
    trust.repo.releases().images.insert("1.0", "another");
    trust.publish();
    let verdict = ask(&evaluator_with(client(), states), &world, &Trust::image(":1.0")).await.results[0].verdict.clone();
    assert_eq!(verdict.reason(), Reason::RolledBack);
}

#[tokio::test]
async fn the_pinned_root_key_may_be_rotated_away_while_nobody_looks() {
    let mut trust = Trust::start().await;
    let world = policy(trust.world());
    for _ in 0..2 {
        trust.repo.rotate(|repo| repo.root.keys = vec![crate::testing::forge::certificate::root_key()]);
    }
    trust.publish();
    let evaluator = evaluator();
    assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
    evaluator.forget();
    assert!(!ask(&evaluator, &world, &Trust::image(":1.0")).await.is_refused());
}

#[tokio::test]
async fn whatever_changes_images_are_trusted_at_every_look_afterwards() {
    use crate::testing::forge::key::Key;
    let mut trust = Trust::start().await;
    let (evaluator, world) = (evaluator(), policy(trust.world()));
    let changes: [fn(&mut crate::testing::forge::repo::Repo); 3] = [
        |repo| repo.rotate(|repo| repo.targets.role.keys = vec![Key::ecdsa()]),
        |repo| repo.alice().delegated = false,
        |repo| repo.alice().delegated = true,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        trust.publish_next(change);
        for look in 0..3 {
            evaluator.forget();
            let verdict = ask(&evaluator, &world, &Trust::image(":1.0")).await.results[0].verdict.clone();
            assert_eq!(verdict.reason(), Reason::Trusted, "change {number}, look {look}: {}", verdict.message());
        }
    }
}

#[test]
fn what_was_seen_stays_when_trust_roots_are_written_in_another_order_and_not_when_they_differ() {
    use crate::index::Demand;
    use crate::policy::Scheme;
    use crate::testing::forge::certificate::root_key;
    let key = || json!({"name": "k", "pem": crate::testing::pem(&root_key())});
    let named = |name: &str, key: &Value| json!({"name": name, "pem": key["pem"]});
    let hash = |a: &[&Value], b: &[&Value], order: [&str; 2], threshold: usize| {
        let keys =
            |keys: &[&Value]| json!({"keys": keys.iter().enumerate().map(|(i, key)| named(&i.to_string(), key)).collect::<Vec<_>>()});
        let validator = json!({"notaryV1": {"server": "https://notary.test"}, "trustRoots": order});
        let world = World::new().trust_root_with("a", &keys(a)).trust_root_with("b", &keys(b)).validator("content-trust", &validator);
        let snapshot = world.policy("p", &rules(&json!({"validator": "content-trust", "threshold": threshold}))).snapshot();
        let Ok(rules) = &snapshot.cluster[0].rules else { panic!() };
        let Demand::Verify { requirements, .. } = &rules[0].demand else { panic!("{rules:?}") };
        let Scheme::NotaryV1(notary) = &requirements[0].scheme else { panic!() };
        notary.roots.hash()
    };
    let (one, two, three) = (&key(), &key(), &key());
    let before = hash(&[one, two], &[three], ["a", "b"], 1);
    assert_eq!(hash(&[two, one], &[three], ["b", "a"], 1), before);
    assert_eq!(hash(&[three], &[one, two], ["a", "b"], 1), before);
    assert_ne!(hash(&[one], &[three], ["a", "b"], 1), before);
    assert_ne!(hash(&[one], &[two, three], ["a", "b"], 1), before);
    assert_ne!(hash(&[one, two], &[three], ["a", "b"], 2), before);
}
