//! Rollback, freeze, fast-forward, mix and match.

use notary::{Failure, Role, UpdateError};

use crate::client::{Client, moment, refusal, tag};
use crate::forge::key::Key;
use crate::forge::repo::{Repo, digest_of};

/// A client that has seen version 2 of everything.
fn at_version_two() -> (Repo, Client) {
    let mut repo = Repo::new();
    repo.next();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.next();
    (repo, client)
}

#[test]
fn the_same_files_again_change_nothing() {
    let repo = Repo::new();
    let mut client = Client::of(&repo);
    let site = repo.publish();
    client.update(&site).unwrap();
    let before = client.state.clone();
    client.update(&site).unwrap();
    assert_eq!(client.state, before);
}

#[test]
fn one_role_alone_cannot_go_back_below_newer_parents() {
    let (repo, mut client) = at_version_two();
    let mut back = repo.clone();
    back.snapshot.version = 1;
    assert!(matches!(client.refusal(&back.publish()), UpdateError::Rollback { role: Role::Snapshot, stored: 2, offered: 1 }));
    let mut back = repo.clone();
    back.targets.role.version = 1;
    assert!(matches!(client.refusal(&back.publish()), UpdateError::Rollback { role: Role::Targets, .. }));
    let mut back = repo.clone();
    back.releases().role.version = 1;
    let trusted = client.update(&back.publish()).unwrap();
    assert!(tag(&trusted, "1.0").is_err(), "releases decides and went back");
    assert!(tag(&trusted, "base").is_err(), "no falling back to targets");
}

#[test]
fn a_role_that_went_back_is_remembered_as_it_was() {
    let (repo, mut client) = at_version_two();
    let mut back = repo.clone();
    back.releases().role.version = 1;
    client.update(&back.publish()).unwrap();
    back.next();
    back.releases().role.version = 1;
    assert!(tag(&client.update(&back.publish()).unwrap(), "1.0").is_err());
}

#[test]
fn one_version_is_one_file_for_every_role() {
    let (mut repo, mut client) = at_version_two();
    client.update(&repo.publish()).unwrap();
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let mut other = repo.clone();
        other.next();
        match role {
            Role::Timestamp => other.timestamp.version = 3,
            Role::Snapshot => other.snapshot.version = 3,
            _ => {
                other.targets.role.version = 3;
                other.targets.images.insert("new", "new");
            }
        }
        let error = client.refusal(&other.publish());
        assert!(matches!(&error, UpdateError::SameVersionOtherContent { role: found, version: 3 } if *found == role), "{error}");
    }
    repo.next();
    client.update(&repo.publish()).unwrap();
}

#[test]
fn every_file_expires() {
    type Expires = fn(&mut Repo) -> &mut String;
    let expired = "2026-11-21T12:00:00Z";
    let cases: [(Role, Expires); 4] = [
        (Role::Root, |repo| &mut repo.root.expires),
        (Role::Timestamp, |repo| &mut repo.timestamp.expires),
        (Role::Snapshot, |repo| &mut repo.snapshot.expires),
        (Role::Targets, |repo| &mut repo.targets.role.expires),
    ];
    for (wanted, expires) in cases {
        let mut repo = Repo::new();
        expired.clone_into(expires(&mut repo));
        assert!(matches!(refusal(&repo), UpdateError::Expired { role, .. } if role == wanted), "{wanted}");
    }
    let mut repo = Repo::new();
    expired.clone_into(&mut repo.releases().role.expires);
    assert!(tag(&Client::of(&repo).update(&repo.publish()).unwrap(), "base").is_err());
}

#[test]
fn an_expiry_with_an_offset_is_the_moment_that_it_names() {
    let mut repo = Repo::new();
    "2026-11-21T13:00:00.000000001+01:00".clone_into(&mut repo.timestamp.expires);
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    client.request.now = moment("2026-11-21T12:00:00.000000001Z");
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Expired { role: Role::Timestamp, .. }));
}

#[test]
fn a_server_that_stops_answering_is_an_outage_at_every_step() {
    for role in ["timestamp", "snapshot", "targets"] {
        for gone in [true, false] {
            let (repo, mut client) = at_version_two();
            let mut site = repo.publish();
            if gone {
                site.remove(role);
            } else {
                site.fail(role);
            }
            let error = client.refusal(&site);
            assert_eq!(error.failure(), Failure::Unavailable, "{role}: {error}");
        }
    }
}

#[test]
fn after_a_fast_forward_new_keys_for_timestamp_or_snapshot_set_the_versions_free() {
    let (mut repo, mut client) = at_version_two();
    let honest = repo.clone();
    (repo.timestamp.version, repo.snapshot.version) = (9_007_199_254_740_992, 9_007_199_254_740_992);
    client.update(&repo.publish()).unwrap();
    let mut repo = honest;
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Rollback { role: Role::Timestamp, .. }));
    repo.rotate(|repo| repo.timestamp.keys.push(Key::ed25519()));
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Rollback { .. }), "one of the old keys is still there");
    repo.rotate(|repo| {
        repo.timestamp.keys = vec![Key::ed25519()];
        repo.snapshot.keys = vec![Key::ed25519()];
    });
    client.update(&repo.publish()).unwrap();
    repo.timestamp.version = 1;
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Rollback { .. }), "only once");
}

#[test]
fn a_fast_forward_of_targets_is_not_undone_by_other_keys() {
    let (mut repo, mut client) = at_version_two();
    let honest = repo.clone();
    repo.targets.role.version = 1_000;
    client.update(&repo.publish()).unwrap();
    let mut repo = honest;
    repo.rotate(|repo| {
        repo.timestamp.keys = vec![Key::ed25519()];
        repo.snapshot.keys = vec![Key::ed25519()];
    });
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Rollback { role: Role::Targets, .. }));
}

#[test]
fn a_snapshot_for_another_root_is_refused() {
    let mut repo = Repo::new();
    repo.edit("snapshot", |signed| signed["meta"]["root"] = crate::forge::repo::meta_of(b"another root"));
    assert!(matches!(refusal(&repo), UpdateError::RootNotInSnapshot));
}

#[test]
fn files_of_two_states_do_not_mix() {
    let (repo, mut client) = at_version_two();
    let mut newer = repo.clone();
    newer.next();
    newer.targets.images.insert("new", "new");
    for role in ["snapshot", "targets"] {
        let mut site = repo.publish();
        site.replace(role, newer.publish().bytes_of(role));
        let error = client.refusal(&site);
        assert!(matches!(error, UpdateError::WrongLength { .. } | UpdateError::WrongHash { .. }), "{error}");
    }
}

#[test]
fn a_tag_signed_anew_is_the_new_image() {
    let (mut repo, mut client) = at_version_two();
    repo.releases().images.insert("1.0", "another");
    let trusted = client.update(&repo.publish()).unwrap();
    assert_eq!(*tag(&trusted, "1.0").unwrap().digest(), digest_of("another"));
}

#[test]
fn what_is_resolved_holds_until_the_first_file_under_it_expires() {
    let mut repo = Repo::new();
    "2027-01-01T00:00:00Z".clone_into(&mut repo.timestamp.expires);
    let trusted = Client::of(&repo).update(&repo.publish()).unwrap();
    assert_eq!(tag(&trusted, "1.0").unwrap().expires(), moment("2027-01-01T00:00:00Z"));
    "2026-12-01T00:00:00Z".clone_into(&mut repo.releases().role.expires);
    let trusted = Client::of(&repo).update(&repo.publish()).unwrap();
    assert_eq!(tag(&trusted, "1.0").unwrap().expires(), moment("2026-12-01T00:00:00Z"));
}
