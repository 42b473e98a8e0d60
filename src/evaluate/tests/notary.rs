//! Notary v1: which images a rule lets run, and what is said of the others.

use super::*;
use crate::index::Readiness;
use crate::policy::Kind;
use crate::testing::forge::certificate::root_key;
use crate::testing::forge::key::Key;
use crate::testing::forge::repo::{Repo, digest_of};
use crate::testing::{Trust, pem};

fn entry(more: &Value) -> Value {
    let mut entry = json!({"validator": "content-trust"});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rules(&entry)
}

async fn said(world: &World, rest: &str) -> Verdict {
    verdict(world, &Trust::image(rest)).await
}

async fn reason(world: &World, rest: &str) -> Reason {
    said(world, rest).await.reason()
}

#[tokio::test]
async fn a_signed_tag_is_trusted_on_the_digest_that_trust_data_names() {
    let trust = Trust::start().await;
    let verdict = said(&trust.world().policy("p", &entry(&json!({}))), ":1.0").await;
    assert_eq!(trusted(&verdict), (&digest_of("one"), vec!["bonafide-system/acme/targets/releases".to_owned()]));
}

#[tokio::test]
async fn a_digest_is_trusted_when_some_tag_is_signed_as_it_whatever_tag_is_written() {
    let trust = Trust::start().await;
    let world = trust.world().policy("p", &entry(&json!({})));
    for tag in ["", ":1.0", ":2.0", ":never-signed"] {
        let verdict = said(&world, &format!("{tag}@{}", digest_of("two"))).await;
        assert_eq!(trusted(&verdict).0, &digest_of("two"), "{tag}");
    }
    assert_eq!(reason(&world, &format!(":1.0@{}", digest_of("unsigned"))).await, Reason::NoSignature);
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_the_server_is_named() {
    let trust = Trust::start().await;
    let world = trust.world().policy("p", &entry(&json!({})));
    let unsigned = said(&world, ":3.0").await;
    assert_eq!(unsigned.reason(), Reason::NoSignature);
    assert_eq!(unsigned.message(), format!("it is not signed (trust server {})", trust.server.url("").trim_end_matches('/')));
    let elsewhere = verdict(&world, "registry.test/team/other:1.0").await;
    assert_eq!(elsewhere.reason(), Reason::NoTrustData);
    assert!(elsewhere.message().starts_with("the server has no trust data for this repository"), "{}", elsewhere.message());
}

#[tokio::test]
async fn a_root_that_the_trust_root_does_not_name_is_refused() {
    let trust = Trust::start().await;
    let other = json!({"keys": [{"name": "k", "pem": pem(&root_key())}]});
    let world = trust.world().trust_root_with("other", &other);
    let world = world.policy("p", &entry(&json!({"trustRoots": ["other"]})));
    let refused = said(&world, ":1.0").await;
    assert_eq!(refused.reason(), Reason::UntrustedSigner);
    assert!(refused.message().ends_with("it must be signed by other"), "{}", refused.message());
}

#[tokio::test]
async fn a_root_is_pinned_by_the_id_of_its_key_too() {
    let trust = Trust::start().await;
    let by_id = json!({"keys": [{"name": "k", "keyID": trust.repo.root.keys[0].id()}]});
    let world = trust.world().trust_root_with("by-id", &by_id).policy("p", &entry(&json!({"trustRoots": ["by-id"]})));
    assert_eq!(reason(&world, ":1.0").await, Reason::Trusted);
}

#[tokio::test]
async fn a_root_is_pinned_by_the_authority_above_its_certificate() {
    use crate::testing::forge::certificate::{Authority, Spec};
    let authority = Authority::new("the authority");
    let mut repo = Repo::new();
    repo.root.keys = vec![authority.issue(&Spec::default(), &Key::ecdsa(), "")];
    let trust = Trust::of(repo).await;
    let pinned = |pem: &str| json!({"certificates": {"ca": [{"name": "ca", "pem": pem}]}});
    let world = trust.world().trust_root_with("ours", &pinned(&authority.pem));
    let world = world.trust_root_with("theirs", &pinned(&Authority::new("the authority").pem));
    let by = |name: &str| world.clone().policy("p", &entry(&json!({"trustRoots": [name]})));
    assert_eq!(reason(&by("ours"), ":1.0").await, Reason::Trusted);
    assert_eq!(reason(&by("theirs"), ":1.0").await, Reason::UntrustedSigner);
    let [material] = &world.finding(Kind::TrustRoot, "ours").keys[..] else { panic!() };
    assert!(material.algorithm == "certificate authority" && material.expires.is_some(), "{material:?}");
}

#[tokio::test]
async fn as_many_trust_roots_as_are_asked_for_must_have_signed_the_root() {
    let (second, stranger) = (root_key(), root_key());
    let mut repo = Repo::new();
    repo.root.keys.push(second.clone());
    let trust = Trust::of(repo).await;
    let one_key = |key: &Key| json!({"keys": [{"name": "k", "pem": pem(key)}]});
    let world = trust.world().trust_root_with("second", &one_key(&second)).trust_root_with("stranger", &one_key(&stranger));
    let by = |more: Value| world.clone().policy("p", &entry(&more));
    let both = said(&by(json!({"trustRoots": ["acme", "second"]})), ":1.0").await;
    assert_eq!(trusted(&both).1, ["bonafide-system/acme/targets/releases", "bonafide-system/second/targets/releases"]);
    assert_eq!(reason(&by(json!({"trustRoots": ["acme", "stranger"]})), ":1.0").await, Reason::UntrustedSigner);
    assert_eq!(reason(&by(json!({"trustRoots": ["acme", "stranger"], "threshold": 1})), ":1.0").await, Reason::Trusted);
    let required = json!({"trustRoots": ["acme", "second", "stranger"], "threshold": 1, "required": ["stranger"]});
    assert_eq!(reason(&by(required), ":1.0").await, Reason::UntrustedSigner);
}

#[tokio::test]
async fn required_delegations_must_all_have_signed_the_tag_as_one_digest() {
    let mut repo = Repo::new();
    repo.alice().images.insert("2.0", "another");
    repo.alice().images.remove("1.0");
    repo.releases().images.insert("3.0", "three");
    repo.alice().images.insert("3.0", "three");
    let trust = Trust::of(repo).await;
    let world = trust.world().policy("p", &entry(&json!({"delegations": ["alice"]})));
    let signed = said(&world, ":3.0").await;
    let signers = ["bonafide-system/acme/targets/alice", "bonafide-system/acme/targets/releases"].map(str::to_owned).to_vec();
    assert_eq!(trusted(&signed), (&digest_of("three"), signers));
    let missing = said(&world, ":1.0").await;
    assert_eq!(missing.reason(), Reason::RequiredSignerMissing);
    assert!(missing.message().contains("required signer targets/alice does not vouch for it: the role has not signed this tag"));
    assert_eq!(reason(&world, ":2.0").await, Reason::AmbiguousDigest);
    let nobody = trust.world().policy("p", &entry(&json!({"delegations": ["alice", "bob"]})));
    assert_eq!(reason(&nobody, ":3.0").await, Reason::RequiredSignerMissing);
}

#[tokio::test]
async fn a_key_that_is_pinned_for_a_delegation_must_have_signed() {
    let trust = Trust::start().await;
    let pinned = |key: &Key| entry(&json!({"delegations": ["alice"], "delegationKeys": {"alice": pem(key)}}));
    let own = &trust.repo.delegations["targets/alice"].role.keys[0];
    assert_eq!(reason(&trust.world().policy("p", &pinned(own)), ":1.0").await, Reason::Trusted);
    assert_eq!(reason(&trust.world().policy("p", &pinned(&Key::ecdsa())), ":1.0").await, Reason::RequiredSignerMissing);
}

#[tokio::test]
async fn targets_decides_only_where_a_validator_lets_it() {
    let trust = Trust::start().await;
    assert_eq!(reason(&trust.world().policy("p", &entry(&json!({}))), ":base").await, Reason::NoSignature);
    let docker = trust.settings(&json!({"deciding": "ReleasesThenTargets"}));
    let world = trust.world().validator("docker", &docker).policy("p", &rules(&json!({"validator": "docker"})));
    assert_eq!(reason(&world, ":base").await, Reason::Trusted);
}

#[tokio::test]
async fn what_is_out_of_date_is_refused() {
    let mut repo = Repo::new();
    repo.releases().role.expires = "2020-01-01T00:00:00Z".to_owned();
    let trust = Trust::of(repo).await;
    let releases = said(&trust.world().policy("p", &entry(&json!({}))), ":1.0").await;
    assert_eq!(releases.reason(), Reason::Expired);
    assert!(releases.message().contains("targets/releases: expired at 2020-01-01"), "{}", releases.message());
    let mut repo = Repo::new();
    repo.timestamp.expires = "2020-01-01T00:00:00Z".to_owned();
    let trust = Trust::of(repo).await;
    assert_eq!(reason(&trust.world().policy("p", &entry(&json!({}))), ":1.0").await, Reason::Expired);
}

#[tokio::test]
async fn a_root_below_the_minimum_is_refused() {
    let trust = Trust::start().await;
    let world = trust.world().validator("newer", &trust.settings(&json!({"minimumRootVersion": 2})));
    assert_eq!(reason(&world.policy("p", &rules(&json!({"validator": "newer"}))), ":1.0").await, Reason::RolledBack);
}

#[tokio::test]
async fn trust_data_and_a_registry_that_disagree_on_the_digest_refuse() {
    let (trust, images, build) = (Trust::start().await, Images::start().await, Signer::new());
    let mut repo = trust.repo.clone();
    let gun = format!("{}/team/app", images.host());
    repo.root.keys = vec![crate::testing::forge::certificate::Spec::named(&gun).self_signed(&Key::ecdsa())];
    let digest = images.push_signed("team/app", "1.0", &[&build]);
    trust.server.serve_trust_data(&gun, repo.publish().served());
    let acme = json!({"keys": [{"name": "k", "pem": pem(&repo.root.keys[0])}]});
    let world = World::new().trust_root_with("acme", &acme).validator("content-trust", &trust.settings(&json!({})));
    let world = world.trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let both = json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "content-trust"}, {"validator": "release"}]}]);
    let image = images.reference("team/app:1.0");
    let verdict = verdict(&world.policy("p", &both), &image).await;
    assert_ne!(digest, digest_of("one"));
    assert_eq!(verdict.reason(), Reason::AmbiguousDigest);
}

#[tokio::test]
async fn without_a_server_the_host_of_the_image_is_asked_over_https_and_without_credentials() {
    let server = registry_double::RegistryDouble::start_tls().await;
    let gun = format!("{}/team/app", server.address());
    let mut repo = Repo::new();
    repo.root.keys = vec![crate::testing::forge::certificate::Spec::named(&gun).self_signed(&Key::ecdsa())];
    server.serve_trust_data(&gun, repo.publish().served());
    let acme = json!({"keys": [{"name": "k", "pem": pem(&repo.root.keys[0])}]});
    let hosts = json!([{"host": server.address(), "caBundle": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}}]);
    let derived = |more: Value| json!({"notaryV1": {}, "trustRoots": ["acme"], "registry": more});
    let world = World::new().trust_root_with("acme", &acme).config_map("ca", "ca.crt", server.ca_pem().unwrap());
    let world = world.validator("content-trust", &derived(json!({"hosts": hosts}))).policy("p", &entry(&json!({})));
    let verdict = verdict(&world, &format!("{gun}:1.0")).await;
    assert_eq!(trusted(&verdict).0, &digest_of("one"));
    assert!(server.requests().iter().all(|seen| seen.authorization.is_none()));
    // Nothing in the settings of a registry makes it plain, or gives it a password.
    for setting in [json!({"plainHTTP": true}), json!({"credentialsRef": {"name": "c"}})] {
        let mut host = json!({"host": server.address()});
        host.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
        let world = World::new().trust_root_with("acme", &acme).validator("content-trust", &derived(json!({"hosts": [host]})));
        assert!(matches!(world.finding(Kind::Validator, "content-trust").readiness, Readiness::Unready(..)), "{setting}");
    }
}

#[test]
fn settings_that_mean_nothing_for_the_scheme_are_errors() {
    let cosign = json!({"cosign": {}, "trustRoots": ["acme"]});
    let notary = |more: Value| {
        let mut spec = json!({"notaryV1": {"server": "https://notary.test"}, "trustRoots": ["acme"]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let keys = json!({"keys": [{"name": "k", "pem": pem(&root_key())}]});
    let by_id = json!({"keys": [{"name": "k", "keyID": "ab".repeat(32)}]});
    let unready = |validator: &Value, root: &Value, more: Value| {
        let world = World::new().trust_root_with("acme", root).validator("content-trust", validator).policy("p", &entry(&more));
        let of = |kind, name| match world.finding(kind, name).readiness {
            Readiness::Unready(_, problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            Readiness::Ready => vec![],
        };
        [of(Kind::Validator, "content-trust"), of(Kind::ImagePolicy, "p")].concat().join("; ")
    };
    assert_eq!(unready(&notary(json!({})), &keys, json!({})), "");
    assert_eq!(unready(&notary(json!({})), &by_id, json!({})), "");
    for (found, part) in [
        (
            unready(&cosign, &keys, json!({"delegations": ["build"]})),
            "delegations: means nothing with a validator that is not for notaryV1",
        ),
        (unready(&cosign, &by_id, json!({})), "holds the ID of a Notary key, which cosign does not know"),
        (unready(&notary(json!({"registry": {"hosts": [{"host": "r.test"}]}})), &keys, json!({})), "means nothing with notaryV1.server"),
        (unready(&notary(json!({"registry": {"podPullSecrets": true}})), &keys, json!({})), "no registry is asked"),
        (unready(&notary(json!({"notaryV1": {"credentialsRef": {"name": "c"}}})), &keys, json!({})), "means nothing without server"),
        (unready(&notary(json!({"notaryV1": {"server": "notary.test"}})), &keys, json!({})), "spec.notaryV1.server: is not an https URL"),
        (unready(&notary(json!({"notaryV1": {"minimumRootVersion": 0}})), &keys, json!({})), "minimumRootVersion"),
        (unready(&notary(json!({"notaryV1": {"refreshSeconds": 0}})), &keys, json!({})), "refreshSeconds: must be between 1 and 3600"),
        (unready(&notary(json!({})), &keys, json!({"threshold": 2})), "threshold: must be between 1 and 1"),
        (unready(&notary(json!({})), &keys, json!({"delegations": []})), "delegations: must not be empty"),
        (unready(&notary(json!({})), &keys, json!({"delegations": ["a", "a"]})), "\"a\" is there twice"),
        (unready(&notary(json!({})), &keys, json!({"delegations": ["a/b"]})), "the name of a signer"),
        (unready(&notary(json!({})), &keys, json!({"delegationKeys": {"a": pem(&root_key())}})), "without the same name in delegations"),
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn one_key_by_value_and_by_its_id_is_not_two_trust_roots() {
    let key = root_key();
    let canonical = key.public_key().canonical_id().to_string();
    let world = World::new()
        .trust_root_with("value", &json!({"keys": [{"name": "k", "pem": pem(&key)}]}))
        .trust_root_with("id", &json!({"keys": [{"name": "k", "keyID": canonical}]}))
        .validator("content-trust", &json!({"notaryV1": {"server": "https://notary.test"}, "trustRoots": ["value", "id"]}))
        .policy("p", &entry(&json!({})));
    let Readiness::Unready(_, problems) = world.finding(Kind::ImagePolicy, "p").readiness else { panic!() };
    assert!(problems[0].to_string().contains("share the key"), "{problems:?}");
}

#[test]
fn where_not_all_entries_must_pass_keys_must_be_written_out() {
    use crate::testing::forge::certificate::Authority;
    let spec = |roots: &[&str]| json!({"notaryV1": {"server": "https://notary.test"}, "trustRoots": roots});
    let world = World::new()
        .trust_root_with("one", &json!({"keys": [{"name": "k", "pem": pem(&root_key())}]}))
        .trust_root_with("two", &json!({"keys": [{"name": "k", "pem": pem(&root_key())}]}))
        .trust_root_with("id", &json!({"keys": [{"name": "k", "keyID": "ab".repeat(32)}]}))
        .trust_root_with("ca", &json!({"certificates": {"ca": [{"name": "ca", "pem": Authority::new("ca").pem}]}}));
    let world = ["one", "two", "id", "ca"].iter().fold(world, |world, name| world.validator(name, &spec(&[name])));
    let one_of = |names: [&str; 2], at_least: usize| {
        let verify = names.map(|name| json!({"validator": name}));
        let rules = json!([{"name": "apps", "images": ["**"], "verify": verify, "atLeast": at_least}]);
        world.clone().policy("p", &rules).finding(Kind::ImagePolicy, "p").readiness
    };
    assert_eq!(one_of(["one", "two"], 1), Readiness::Ready);
    for other in ["id", "ca"] {
        assert_eq!(one_of(["one", other], 2), Readiness::Ready);
        let Readiness::Unready(_, problems) = one_of(["one", other], 1) else { panic!("{other}") };
        assert!(problems[0].to_string().contains("keys must be written out"), "{problems:?}");
    }
}
