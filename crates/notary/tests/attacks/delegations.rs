//! Delegations: overreach, removal, downgrade to a weaker role.

use notary::{DelegationStatus, Failure, Role, Scope, StructureError, Unresolved, UpdateError};

use crate::client::{Client, first_contact, name, refusal, tag};
use crate::forge::key::Key;
use crate::forge::repo::{Repo, Tags, digest_of};

#[test]
fn a_removed_delegation_is_not_believed_though_the_snapshot_lists_it_and_the_server_serves_it() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    assert_eq!(*tag(&client.update(&repo.publish()).unwrap(), "1.0").unwrap().digest(), digest_of("one"));
    repo.releases().delegated = false;
    repo.next();
    let trusted = client.update(&repo.publish()).unwrap();
    assert_eq!(*tag(&trusted, "1.0").unwrap().digest(), digest_of("of targets"));
    assert!(matches!(tag(&trusted, "2.0"), Err(Unresolved::NotSigned)));
}

#[test]
fn a_delegation_that_was_published_before_must_not_disappear_while_it_is_delegated() {
    let mut repo = Repo::new();
    repo.alice().published = false;
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.next();
    client.update(&repo.publish()).unwrap();
    repo.next();
    repo.alice().published = true;
    client.update(&repo.publish()).unwrap();
    repo.next();
    repo.alice().published = false;
    let error = client.refusal(&repo.publish());
    assert!(matches!(&error, UpdateError::DelegationDropped { role } if *role == name("targets/alice")), "{error}");
    repo.alice().delegated = false;
    client.update(&repo.publish()).unwrap();
}

#[test]
fn it_is_noticed_too_when_nobody_asks_for_that_delegation() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.request.scope = Scope::of_policy([]);
    client.update(&repo.publish()).unwrap();
    repo.next();
    repo.alice().published = false;
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::DelegationDropped { .. }));
}

#[test]
fn names_that_only_the_snapshot_lists_are_not_remembered() {
    let mut repo = Repo::new();
    repo.alice().delegated = false;
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.next();
    repo.alice().published = false;
    client.update(&repo.publish()).unwrap();
}

#[test]
fn releases_that_cannot_be_fetched_are_an_outage_and_never_give_way_to_targets() {
    for gone in [true, false] {
        let repo = Repo::new();
        let mut site = repo.publish();
        if gone {
            site.remove("targets/releases");
        } else {
            site.fail("targets/releases");
        }
        let trusted = Client::of(&repo).update(&site).unwrap();
        for asked in ["1.0", "base", "unknown"] {
            let error = tag(&trusted, asked).unwrap_err();
            assert_eq!(error.failure(), Failure::Unavailable, "{asked}: {error}");
        }
    }
}

#[test]
fn a_broken_signer_does_not_harm_who_does_not_need_him() {
    let mut repo = Repo::new();
    repo.alice().role.signed_by = Some(vec![Key::ecdsa()]);
    let trusted = first_contact(&repo).unwrap();
    assert!(tag(&trusted, "1.0").is_ok());
    let alice = &trusted.inspect().delegations[&name("targets/alice")].status;
    assert!(matches!(alice, DelegationStatus::Broken(_)));
}

#[test]
fn tags_outside_the_delegated_paths_do_not_exist() {
    for paths in [Some(vec!["2."]), Some(vec![]), None] {
        let mut repo = Repo::new();
        let has_two = paths.as_ref().is_some_and(|paths| !paths.is_empty());
        repo.releases().paths = paths;
        let trusted = first_contact(&repo).unwrap();
        assert_eq!(*tag(&trusted, "1.0").unwrap().digest(), digest_of("of targets"));
        assert_eq!(tag(&trusted, "2.0").is_ok(), has_two);
    }
}

#[test]
fn a_nested_delegation_is_verified_below_its_parent_and_decides_nothing() {
    let mut repo = Repo::new();
    repo.alice().paths = Some(vec!["4."]);
    repo.delegations.insert("targets/alice/sub", Tags::new(Key::ecdsa(), &[("4.1", "sub"), ("5.0", "sub")]));
    let mut client = Client::of(&repo);
    client.request.scope = Scope::of_policy([name("targets/alice/sub")]);
    let trusted = client.update(&repo.publish()).unwrap();
    let status = |name_of: &str, trusted: &notary::Trusted| trusted.inspect().delegations[&name(name_of)].status.clone();
    assert!(matches!(status("targets/alice/sub", &trusted), DelegationStatus::Verified { .. }));
    assert!(matches!(tag(&trusted, "4.1"), Err(Unresolved::NotSigned)));
    repo.next();
    repo.alice().role.signed_by = Some(vec![Key::ecdsa()]);
    let trusted = client.update(&repo.publish()).unwrap();
    assert_eq!(status("targets/alice/sub", &trusted), DelegationStatus::NotDelegated, "its parent is not believed");
}

#[test]
fn a_file_that_delegates_to_a_role_which_is_not_its_child_is_refused() {
    for stray in ["targets/alice/sub", "targets"] {
        let mut repo = Repo::new();
        repo.edit("targets", move |signed| signed["delegations"]["roles"][0]["name"] = stray.into());
        assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Targets, .. }), "{stray}");
    }
    let mut repo = Repo::new();
    repo.edit("targets/releases", |signed| {
        signed["delegations"]["roles"] = serde_json::json!([{"name": "targets/alice", "keyids": [], "threshold": 1, "paths": [""]}]);
    });
    assert!(matches!(tag(&first_contact(&repo).unwrap(), "1.0"), Err(Unresolved::ReleasesBroken(UpdateError::Structure { .. }))));
}

#[test]
fn more_than_64_delegations_in_one_file_are_refused() {
    let mut repo = Repo::new();
    repo.edit("targets", |signed| {
        let many = (0..65).map(|number| serde_json::json!({"name": format!("targets/r{number}"), "keyids": [], "threshold": 1}));
        signed["delegations"]["roles"] = many.collect();
    });
    assert!(matches!(refusal(&repo), UpdateError::Structure { source: StructureError::TooMany("delegations"), .. }));
}

#[test]
fn a_signers_file_served_for_a_role_with_another_key_is_refused() {
    let repo = Repo::new();
    let mut forged = repo.clone();
    let alice = forged.alice().role.keys.clone();
    forged.releases().role.signed_by = Some(alice);
    assert!(matches!(tag(&first_contact(&forged).unwrap(), "1.0"), Err(Unresolved::ReleasesBroken(_))));
}

#[test]
fn everything_that_is_published_is_seen_when_everything_is_asked_for() {
    let mut repo = Repo::new();
    repo.delegations.insert("targets/alice/sub", Tags::new(Key::ecdsa(), &[]));
    let mut client = Client::of(&repo);
    client.request.scope = Scope::Everything;
    let inspection = client.update(&repo.publish()).unwrap().inspect();
    let names: Vec<&str> = inspection.delegations.keys().map(notary::DelegationName::as_str).collect();
    assert_eq!(names, ["targets/alice", "targets/alice/sub", "targets/releases"]);
    assert!(inspection.root.keys.iter().all(|key| key.signed && key.kind == "ECDSA P-256"));
}
