//! Anchors: what is pinned, and attempts to get around it.

use notary::{Anchor, Anchors, Authorities, AuthoritiesError, KeyError, NoAnchors, PublicKey, UpdateError};
use rcgen::ExtendedKeyUsagePurpose;

use crate::client::{Client, refusal};
use crate::forge::certificate::{Authority, Spec, root_key};
use crate::forge::key::Key;
use crate::forge::repo::Repo;

fn authorities(pem: &str) -> Anchors {
    Anchors::new(vec![], vec![], Some(Authorities::from_pem(pem).unwrap())).unwrap()
}

fn with_root(key: Key) -> Repo {
    let mut repo = Repo::new();
    repo.root.keys = vec![key];
    repo
}

fn is_trusted(repo: &Repo, anchors: Anchors) -> bool {
    match Client::with(anchors).update(&repo.publish()) {
        Ok(_) => true,
        Err(UpdateError::RootNotAnchored) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn nothing_pinned_is_no_anchor() {
    assert_eq!(Anchors::new(vec![], vec![], None).err(), Some(NoAnchors));
}

#[test]
fn a_root_key_is_pinned_by_value_by_its_id_or_by_its_canonical_id() {
    let plain = Key::ecdsa();
    let repo = with_root(Spec::default().self_signed(&plain));
    let by_id = |id| Anchors::new(vec![], vec![id], None).unwrap();
    assert!(is_trusted(&repo, by_id(repo.root.keys[0].key_id())));
    assert!(is_trusted(&repo, by_id(plain.key_id())), "the ID that command lines show");
    assert!(is_trusted(&repo, Anchors::new(vec![plain.public_key()], vec![], None).unwrap()));
    assert!(!is_trusted(&repo, by_id(Key::ecdsa().key_id())));
    assert!(!is_trusted(&repo, Anchors::new(vec![Key::ecdsa().public_key()], vec![], None).unwrap()));
}

#[test]
fn an_rsa_root_key_is_as_good_as_another() {
    let repo = with_root(Spec::default().self_signed(&Key::rsa()));
    Client::of(&repo).update(&repo.publish()).unwrap();
}

#[test]
fn a_pinned_key_that_is_listed_but_did_not_sign_anchors_nothing() {
    let (pinned, extra) = (root_key(), root_key());
    let mut repo = with_root(pinned.clone());
    repo.root.keys.push(extra.clone());
    repo.root.signed_by = Some(vec![extra]);
    let pin = Anchors::new(vec![pinned.public_key()], vec![], None).unwrap();
    assert!(!is_trusted(&repo, pin.clone()));
    repo.root.signed_by = Some(vec![pinned]);
    assert!(is_trusted(&repo, pin));
}

#[test]
fn only_anchored_keys_count_towards_the_threshold_of_the_root() {
    let (one, other) = (root_key(), root_key());
    let mut repo = with_root(one.clone());
    repo.root.keys.push(other.clone());
    repo.root.threshold = 2;
    assert!(!is_trusted(&repo, Anchors::new(vec![one.public_key()], vec![], None).unwrap()));
    assert!(is_trusted(&repo, Anchors::new(vec![one.public_key(), other.public_key()], vec![], None).unwrap()));
}

fn parties(keys: &[&Key], threshold: usize, required: &[usize]) -> Result<Anchors, NoAnchors> {
    let anchors = keys.iter().map(|key| Anchor::new(vec![key.public_key()], vec![], None).unwrap()).collect();
    Anchors::quorum(anchors, threshold, required.to_vec())
}

#[test]
fn as_many_parties_as_are_asked_for_must_have_signed_the_root() {
    let (one, other, stranger) = (root_key(), root_key(), root_key());
    let mut repo = with_root(one.clone());
    repo.root.keys.push(other.clone());
    assert!(is_trusted(&repo, parties(&[&one, &other], 2, &[]).unwrap()));
    assert!(is_trusted(&repo, parties(&[&one, &stranger], 1, &[]).unwrap()));
    assert!(!is_trusted(&repo, parties(&[&one, &stranger], 2, &[]).unwrap()));
    assert!(!is_trusted(&repo, parties(&[&one, &other, &stranger], 2, &[2]).unwrap()), "a required party is missing");
    repo.root.signed_by = Some(vec![one.clone()]);
    assert!(!is_trusted(&repo, parties(&[&one, &other], 2, &[]).unwrap()), "listed is not signed");
}

#[test]
fn a_key_that_two_parties_name_counts_for_the_first_only() {
    let key = root_key();
    let repo = with_root(key.clone());
    assert!(is_trusted(&repo, parties(&[&key, &key], 1, &[]).unwrap()));
    assert!(!is_trusted(&repo, parties(&[&key, &key], 2, &[]).unwrap()));
}

#[test]
fn more_parties_than_there_are_or_none_are_no_anchors() {
    let key = root_key();
    for (threshold, required) in [(0, vec![]), (2, vec![]), (1, vec![1])] {
        assert_eq!(parties(&[&key], threshold, &required).err(), Some(NoAnchors), "{threshold} {required:?}");
    }
    assert_eq!(parties(&[], 0, &[]).err(), Some(NoAnchors));
}

#[test]
fn an_authority_vouches_for_the_keys_in_its_certificates() {
    let authority = Authority::new("the authority");
    let repo = with_root(authority.issue(&Spec::default(), &Key::ecdsa(), ""));
    assert!(is_trusted(&repo, authorities(&authority.pem)));
    assert!(!is_trusted(&repo, authorities(&Authority::new("the authority").pem)), "another of the same name");
    assert!(!is_trusted(&with_root(root_key()), authorities(&authority.pem)), "self-signed");
}

#[test]
fn a_chain_needs_its_intermediate_certificates() {
    let authority = Authority::new("the authority");
    let below = authority.intermediate("below the authority");
    let key = Key::ecdsa();
    assert!(is_trusted(&with_root(below.issue(&Spec::default(), &key, &below.pem)), authorities(&authority.pem)));
    assert!(!is_trusted(&with_root(below.issue(&Spec::default(), &key, "")), authorities(&authority.pem)));
}

#[test]
fn a_certificate_for_signing_for_servers_for_anything_or_without_purpose_is_good_and_one_for_clients_is_not() {
    let authority = Authority::new("the authority");
    let issued = |purposes| with_root(authority.issue(&Spec { purposes, ..Spec::default() }, &Key::ecdsa(), ""));
    for purpose in [ExtendedKeyUsagePurpose::CodeSigning, ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any] {
        assert!(is_trusted(&issued(vec![purpose]), authorities(&authority.pem)));
    }
    assert!(is_trusted(&issued(vec![]), authorities(&authority.pem)));
    assert!(!is_trusted(&issued(vec![ExtendedKeyUsagePurpose::ClientAuth]), authorities(&authority.pem)));
}

#[test]
fn an_authority_does_not_vouch_for_another_repository_of_its_own() {
    let authority = Authority::new("the authority");
    let repo = with_root(authority.issue(&Spec::named("registry.test/team/other"), &Key::ecdsa(), ""));
    let error = Client::with(authorities(&authority.pem)).refusal(&repo.publish());
    assert!(matches!(error, UpdateError::Signatures { .. }), "{error}");
}

#[test]
fn a_certificate_for_every_repository_counts_only_when_its_key_is_pinned() {
    let authority = Authority::new("the authority");
    let repo = with_root(authority.issue(&Spec::named("*"), &Key::ecdsa(), ""));
    Client::of(&repo).update(&repo.publish()).unwrap();
    for anchors in [authorities(&authority.pem), Anchors::trust_on_first_use()] {
        assert!(matches!(Client::with(anchors).refusal(&repo.publish()), UpdateError::Signatures { .. }));
    }
}

#[test]
fn the_first_root_is_believed_only_on_request_and_then_binds() {
    let repo = Repo::new();
    let mut client = Client::with(Anchors::trust_on_first_use());
    client.update(&repo.publish()).unwrap();
    let mut other = Repo::new();
    other.next();
    assert!(client.update(&other.publish()).is_err());
    other.root.version = 2;
    assert!(matches!(client.refusal(&other.publish()), UpdateError::RootNotSignedByPredecessor { .. }));
}

#[test]
fn anchors_are_checked_again_when_there_is_a_state() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    let good = std::mem::replace(&mut client.request.anchors, Client::of(&Repo::new()).request.anchors);
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootNotAnchored));
    client.request.anchors = good;
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    client.update(&repo.publish()).unwrap();
    client.update(&repo.publish()).unwrap();
}

#[test]
fn pem_texts_that_are_no_public_key_are_refused() {
    let pem = |text: &str| PublicKey::from_pem(text).unwrap_err();
    assert_eq!(pem(""), KeyError::Pem);
    assert_eq!(pem("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"), KeyError::PrivateKey);
    assert_eq!(pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), KeyError::Certificate);
    assert_eq!(pem(&"x".repeat(40_000)), KeyError::TooLarge);
    assert!(matches!(pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), KeyError::Spki(_)));
    assert_eq!(Authorities::from_pem("").err(), Some(AuthoritiesError::Empty));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(Authorities::from_pem(broken).err(), Some(AuthoritiesError::Certificate(1)));
}

#[test]
fn a_role_of_another_repository_with_the_same_root_key_is_refused_by_its_certificate() {
    let key = Key::ecdsa();
    let other = with_root(Spec::named("registry.test/team/other").self_signed(&key));
    assert!(matches!(refusal(&other), UpdateError::Signatures { .. }));
}
