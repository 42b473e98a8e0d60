//! Root takeover and rotation.

use std::num::NonZeroU64;

use notary::{Failure, UpdateError};

use crate::client::{Client, first_contact, moment, refusal, tag};
use crate::forge::certificate::{Spec, root_key};
use crate::forge::key::Key;
use crate::forge::repo::{Repo, digest_of};

#[test]
fn an_honest_repository_is_trusted() {
    let trusted = first_contact(&Repo::new()).unwrap();
    assert_eq!(*tag(&trusted, "1.0").unwrap().digest(), digest_of("one"));
    assert_eq!(*tag(&trusted, "base").unwrap().digest(), digest_of("base"));
}

#[test]
fn no_root_is_no_trust_data_and_a_failing_server_is_an_outage() {
    let repo = Repo::new();
    let mut site = repo.publish();
    site.remove("root");
    let error = Client::of(&repo).refusal(&site);
    assert!(matches!(error, UpdateError::NoTrustData), "{error}");
    let mut site = repo.publish();
    site.fail("root");
    let error = Client::of(&repo).refusal(&site);
    assert_eq!(error.failure(), Failure::Unavailable, "{error}");
}

#[test]
fn a_server_replaced_by_an_empty_one_is_no_reason_to_start_anew() {
    let repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    let error = client.refusal(&crate::forge::site::Site::default());
    assert_eq!(error.failure(), Failure::NoTrustData, "{error}");
}

#[test]
fn two_rotations_while_the_client_was_down_are_followed() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    client.update(&repo.publish()).unwrap();
    repo.rotate(|repo| repo.targets.role.keys = vec![Key::ecdsa()]);
    client.update(&repo.publish()).unwrap();
}

#[test]
fn an_old_pin_leads_to_the_newest_root_only_through_the_whole_chain() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    client.update(&repo.publish()).unwrap();
    for missing in [1, 2] {
        let mut broken = repo.clone();
        broken.old_roots.remove(&missing);
        client.state = None;
        client.refusal(&broken.publish());
    }
}

#[test]
fn a_base_version_starts_the_walk_later() {
    let mut repo = Repo::new();
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    let mut client = Client::of(&repo);
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    repo.old_roots.remove(&1);
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootNotAnchored));
    client.request.base_root_version = NonZeroU64::new(2);
    client.update(&repo.publish()).unwrap();
}

#[test]
fn a_new_root_that_the_old_keys_did_not_sign_is_refused() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    repo.root.signed_by = Some(repo.root.keys.clone());
    let error = client.refusal(&repo.publish());
    assert!(matches!(error, UpdateError::RootNotSignedByPredecessor { version: 2, needed: 1, valid: 0 }), "{error}");
}

#[test]
fn a_root_under_the_name_of_another_version_is_refused() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.rotate(|_| ());
    for offered in [1, 3, 7] {
        let mut lying = repo.clone();
        lying.root.version = offered;
        let file = lying.root_file();
        let mut site = repo.publish();
        site.put("2.root.json", file);
        let error = client.refusal(&site);
        assert!(matches!(error, UpdateError::RootVersion { wanted: 2, offered: other } if other == offered), "{error}");
    }
}

#[test]
fn a_minimum_keeps_out_an_old_root_after_the_state_was_lost() {
    let repo = Repo::new();
    let mut client = Client::of(&repo);
    client.request.min_root_version = NonZeroU64::new(2);
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootBelowMinimum { minimum: 2, offered: 1 }));
}

#[test]
fn an_expired_root_in_the_middle_of_the_chain_is_passed_and_at_its_end_refused() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    repo.rotate(|repo| "2025-01-01T00:00:00Z".clone_into(&mut repo.root.expires));
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::Expired { .. }));
    repo.rotate(|repo| "2040-01-01T00:00:00Z".clone_into(&mut repo.root.expires));
    client.update(&repo.publish()).unwrap();
}

#[test]
fn the_certificate_of_an_old_root_may_expire_and_that_of_the_newest_not() {
    let mut repo = Repo::new();
    repo.root.keys = vec![Spec { until: 2026, ..Spec::default() }.self_signed(&Key::ecdsa())];
    let mut client = Client::of(&repo);
    client.request.now = moment("2025-06-01T00:00:00Z");
    client.update(&repo.publish()).unwrap();
    client.request.now = moment("2026-11-21T12:00:00Z");
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootCertificateExpired));
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    client.update(&repo.publish()).unwrap();
}

#[test]
fn a_certificate_may_be_a_day_ahead_of_the_clock_and_no_more() {
    let mut repo = Repo::new();
    repo.root.keys = vec![Spec { from: 2027, ..Spec::default() }.self_signed(&Key::ecdsa())];
    let mut client = Client::of(&repo);
    client.request.now = moment("2026-12-31T12:00:00Z");
    client.update(&repo.publish()).unwrap();
    client.request.now = moment("2026-12-30T12:00:00Z");
    client.state = None;
    assert!(matches!(client.refusal(&repo.publish()), UpdateError::RootCertificateExpired));
}

#[test]
fn a_root_key_must_stand_in_a_certificate_for_this_repository() {
    let key = Key::ecdsa();
    let authority = Spec { authority: true, ..Spec::default() };
    let others = [key.clone(), Spec::named("registry.test/team/other").self_signed(&key), authority.self_signed(&key), Key::ed25519()];
    for other in others {
        let mut repo = Repo::new();
        repo.root.keys = vec![other];
        let error = refusal(&repo);
        assert!(matches!(error, UpdateError::Signatures { valid: 0, .. }), "{error}");
    }
    let mut repo = Repo::new();
    repo.root.keys = vec![Spec::named("registry.test/team/*").self_signed(&key)];
    first_contact(&repo).unwrap();
}

#[test]
fn more_than_64_new_roots_are_not_walked_in_one_run() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    client.update(&repo.publish()).unwrap();
    for _ in 0..64 {
        repo.rotate(|_| ());
    }
    let mut longer = repo.clone();
    longer.rotate(|_| ());
    assert!(matches!(client.refusal(&longer.publish()), UpdateError::TooManyRoots { steps: 64 }));
    client.update(&repo.publish()).unwrap();
}
