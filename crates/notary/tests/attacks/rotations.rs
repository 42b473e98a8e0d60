//! Keys, certificates and roles that change while somebody remembers the old ones.

use notary::{Anchor, Anchors, Authorities, Demand, RequiredSigner, Role, UpdateError, Wanted};

use crate::client::{Client, moment, name, tag};
use crate::forge::certificate::{Authority, Spec, root_key};
use crate::forge::key::Key;
use crate::forge::repo::{Repo, digest_of};
use crate::forge::site::Site;

/// Runs and keeps as replicas do, with one memory: until nothing is learned any more, which is soon.
fn settles(client: &mut Client, site: &Site) {
    for _ in 0..2 {
        let before = client.state.clone();
        let after = client.update(site).unwrap().state().clone();
        let kept = before.as_ref().map_or(after.clone(), |before| before.merge(&after).unwrap());
        client.state = Some(kept.clone());
        if before.as_ref() == Some(&kept) || kept == after {
            return;
        }
    }
    panic!("what is kept is never what was found");
}

#[test]
fn whatever_is_rotated_what_is_remembered_comes_to_rest() {
    let changes: [fn(&mut Repo); 5] = [
        |repo| repo.targets.role.keys = vec![Key::ecdsa()],
        |repo| repo.snapshot.keys = vec![Key::ed25519()],
        |repo| repo.timestamp.keys = vec![Key::ed25519()],
        |repo| repo.root.keys = vec![Spec::default().self_signed(&repo.root.keys[0])],
        |repo| repo.root.keys = vec![root_key()],
    ];
    for change in changes {
        let mut repo = Repo::new();
        let mut client = Client::of(&repo);
        settles(&mut client, &repo.publish());
        repo.rotate(change);
        for _ in 0..3 {
            settles(&mut client, &repo.publish());
        }
    }
}

#[test]
fn a_delegation_that_was_removed_and_made_again_is_not_missed_before_it_has_published() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    settles(&mut client, &repo.publish());
    repo.next();
    repo.alice().delegated = false;
    repo.alice().published = false;
    for _ in 0..3 {
        settles(&mut client, &repo.publish());
    }
    repo.next();
    repo.alice().delegated = true;
    settles(&mut client, &repo.publish());
    repo.next();
    repo.alice().published = true;
    settles(&mut client, &repo.publish());
    repo.next();
    repo.alice().published = false;
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::DelegationDropped { .. }));
}

#[test]
fn no_party_alone_rotates_the_root_away_from_the_others() {
    let (one, other) = (root_key(), root_key());
    let anchor = |key: &Key| Anchor::new(vec![key.public_key()], vec![], None).unwrap();
    let mut repo = Repo::new();
    repo.root.keys = vec![one.clone(), other.clone()];
    for (threshold, required) in [(2, vec![]), (1, vec![1])] {
        let anchors = Anchors::quorum(vec![anchor(&one), anchor(&other)], threshold, required).unwrap();
        let mut repo = repo.clone();
        let mut client = Client::with(anchors.clone());
        client.update(&repo.publish()).unwrap();
        repo.rotate(|repo| repo.root.keys = vec![one.clone()]);
        repo.root.signed_by = Some(vec![one.clone()]);
        assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootNotAnchored));
        assert!(matches!(Client::with(anchors).refusal(&repo.publish()), UpdateError::RootNotAnchored));
    }
}

/// A repository whose root key has a certificate of an authority, and a client that pins the authority.
fn certified(until: i32) -> (Repo, Authority, Client) {
    let authority = Authority::new("the authority");
    let mut repo = Repo::new();
    repo.root.keys = vec![authority.issue(&Spec { until, ..Spec::default() }, &Key::ecdsa(), "")];
    let client = Client::with(Anchors::new(vec![], vec![], Some(Authorities::from_pem(&authority.pem).unwrap())).unwrap());
    (repo, authority, client)
}

#[test]
fn a_certificate_that_expired_while_nobody_looked_does_not_end_the_chain_to_its_successor() {
    let (mut repo, authority, mut client) = certified(2027);
    client.update(&repo.publish()).unwrap();
    client.request.now = moment("2028-01-01T00:00:00Z");
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootCertificateExpired));
    repo.rotate(|repo| repo.root.keys = vec![authority.issue(&Spec::default(), &Key::ecdsa(), "")]);
    client.update(&repo.publish()).unwrap();
    client.update(&repo.publish()).unwrap();
}

#[test]
fn on_first_contact_an_expired_certificate_begins_no_chain_and_is_told_from_a_stranger() {
    let (mut repo, _, mut client) = certified(2027);
    client.request.now = moment("2028-01-01T00:00:00Z");
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootCertificateExpired));
    // Whoever has stolen the key meanwhile could go on from it with certificates of his own.
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootNotAnchored));
}

#[test]
fn nothing_holds_longer_than_the_certificate_of_the_root() {
    let (repo, _, mut client) = certified(2030);
    let trusted = client.update(&repo.publish()).unwrap();
    assert_eq!(trusted.expires(), moment("2030-01-01T00:00:00Z"));
    assert_eq!(tag(&trusted, "1.0").unwrap().expires(), moment("2030-01-01T00:00:00Z"));
}

#[test]
fn a_repository_that_was_made_anew_or_forgotten_is_told_from_a_broken_one() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    let mut anew = Repo::new();
    anew.root.keys.clone_from(&repo.root.keys);
    let refusal = client.refusal(&anew.publish());
    assert!(matches!(refusal, UpdateError::SameVersionOtherContent { role: Role::Root, version: 1 }), "{refusal:?}");
    repo.rotate(|repo| repo.targets.role.keys = vec![Key::ecdsa()]);
    client.update(&repo.publish()).unwrap();
    let refusal = client.refusal(&anew.publish());
    assert!(matches!(refusal, UpdateError::Rollback { role: Role::Root, stored: 2, offered: 1 }), "{refusal:?}");
    assert!(matches!(client.refusal(&Site::default()), UpdateError::NoTrustData));
}

#[test]
fn an_image_under_more_tags_than_are_looked_at_is_refused_and_one_under_fewer_is_not() {
    for (count, found) in [(256, false), (257, true)] {
        let mut repo = Repo::new();
        let tags = (0..count).map(|number| &*Box::leak(format!("t{number}").into_boxed_str()));
        repo.releases().images.extend(tags.map(|tag| (tag, "many")));
        let trusted = Client::of(&repo).update(&repo.publish()).unwrap();
        let signers = vec![RequiredSigner { role: name("targets/alice"), key: None }];
        let refusal = trusted.resolve(&Wanted::Digest(&digest_of("many")), &Demand { signers, ..Demand::default() }).unwrap_err();
        assert_eq!(matches!(refusal, notary::Unresolved::TooManyTags { .. }), found, "{count} {refusal:?}");
    }
}

#[test]
fn more_paths_or_root_keys_than_anybody_has_are_refused() {
    let mut repo = Repo::new();
    repo.releases().paths = Some(vec!["a"; 257]);
    assert!(matches!(crate::client::refusal(&repo), UpdateError::Structure { role: Role::Targets, .. }));
    let mut repo = Repo::new();
    repo.root.keys.extend((0..16).map(|_| root_key()));
    assert!(matches!(crate::client::refusal(&repo), UpdateError::Structure { role: Role::Root, .. }));
}

#[test]
fn data_of_which_a_delegation_could_not_be_fetched_says_so() {
    let repo = Repo::new();
    let mut site = repo.publish();
    assert!(Client::of(&repo).update(&site).unwrap().is_complete());
    site.fail("targets/alice");
    assert!(!Client::of(&repo).update(&site).unwrap().is_complete());
}
