//! Which image a tag is, and required signers.

use notary::{Deciding, Demand, Failure, RequiredSigner, Role, SignerProblem, Unresolved, Wanted};

use crate::client::{Client, first_contact, name};
use crate::forge::key::Key;
use crate::forge::repo::{Repo, digest_of};

fn alice() -> Demand {
    Demand { deciding: Deciding::ReleasesThenTargets, signers: vec![RequiredSigner { role: name("targets/alice"), key: None }] }
}

fn only_releases() -> Demand {
    Demand { deciding: Deciding::Releases, signers: vec![] }
}

fn resolve(repo: &Repo, wanted: &Wanted<'_>, demand: &Demand) -> Result<notary::Resolved, Unresolved> {
    first_contact(repo).unwrap().resolve(wanted, demand)
}

fn problem(repo: &Repo, demand: &Demand) -> SignerProblem {
    match resolve(repo, &Wanted::Tag("1.0"), demand) {
        Err(Unresolved::Signer { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn releases_decide_before_targets_and_targets_only_by_the_rule_of_docker() {
    let repo = Repo::new();
    let of =
        |tag: &str, demand: &Demand| resolve(&repo, &Wanted::Tag(tag), demand).map(|it| (it.digest().clone(), it.decided_by().clone()));
    assert_eq!(of("1.0", &Demand::default()).unwrap(), (digest_of("one"), Role::Delegation(name("targets/releases"))));
    assert_eq!(of("base", &Demand::default()).unwrap(), (digest_of("base"), Role::Targets));
    assert!(matches!(of("base", &only_releases()), Err(Unresolved::NotSigned)));
}

#[test]
fn where_releases_are_not_delegated_targets_decide_and_where_they_are_unpublished_it_depends() {
    let mut repo = Repo::new();
    repo.releases().published = false;
    assert!(resolve(&repo, &Wanted::Tag("base"), &Demand::default()).is_ok());
    assert!(matches!(resolve(&repo, &Wanted::Tag("base"), &only_releases()), Err(Unresolved::ReleasesUnpublished)));
    repo.releases().delegated = false;
    assert!(resolve(&repo, &Wanted::Tag("base"), &only_releases()).is_ok());
}

#[test]
fn a_tag_only_in_a_signers_role_is_not_signed() {
    let mut repo = Repo::new();
    repo.alice().images.insert("9.9", "alone");
    assert!(matches!(resolve(&repo, &Wanted::Tag("9.9"), &alice()), Err(Unresolved::NotSigned)));
}

#[test]
fn a_tag_without_a_usable_digest_is_refused_and_does_not_give_way_to_targets() {
    let hashes = [
        serde_json::json!({}),
        serde_json::json!({"sha512": "AAAA"}),
        serde_json::json!({"sha256": ""}),
        serde_json::json!({"sha256": "AAAA"}),
        serde_json::json!({"sha256": digest_of("one").hex()}),
        serde_json::json!({"sha256": 7}),
    ];
    for hashes in hashes {
        let mut repo = Repo::new();
        repo.edit("targets/releases", move |signed| signed["targets"]["1.0"]["hashes"] = hashes.clone());
        assert!(matches!(resolve(&repo, &Wanted::Tag("1.0"), &Demand::default()), Err(Unresolved::Unusable { .. })));
        assert!(resolve(&repo, &Wanted::Tag("2.0"), &Demand::default()).is_ok());
    }
}

#[test]
fn a_reference_by_digest_is_good_when_the_deciding_role_has_it() {
    let repo = Repo::new();
    let (one, base, hidden, other) = (digest_of("one"), digest_of("base"), digest_of("of targets"), digest_of("other"));
    assert_eq!(resolve(&repo, &Wanted::Digest(&one), &alice()).unwrap().tag(), "1.0");
    assert_eq!(resolve(&repo, &Wanted::Digest(&base), &Demand::default()).unwrap().tag(), "base");
    assert!(matches!(resolve(&repo, &Wanted::Digest(&other), &Demand::default()), Err(Unresolved::NotSigned)));
    let overridden = resolve(&repo, &Wanted::Digest(&hidden), &Demand::default());
    assert!(matches!(overridden, Err(Unresolved::NotSigned)), "in releases this tag is another image");
}

#[test]
fn of_several_tags_with_one_digest_one_that_satisfies_all_signers_is_enough() {
    let mut repo = Repo::new();
    repo.releases().images.insert("0-latest", "one");
    assert_eq!(resolve(&repo, &Wanted::Digest(&digest_of("one")), &alice()).unwrap().tag(), "1.0");
    repo.alice().images.clear();
    assert!(matches!(resolve(&repo, &Wanted::Digest(&digest_of("one")), &alice()), Err(Unresolved::Signer { .. })));
}

#[test]
fn tag_and_digest_must_be_one_image() {
    let repo = Repo::new();
    assert!(resolve(&repo, &Wanted::TagAndDigest("1.0", &digest_of("one")), &alice()).is_ok());
    let error = resolve(&repo, &Wanted::TagAndDigest("1.0", &digest_of("two")), &alice()).unwrap_err();
    assert!(matches!(error, Unresolved::OtherDigest { signed } if signed == digest_of("one")));
}

#[test]
fn a_required_signer_must_have_signed_the_same_digest_under_the_same_tag() {
    let repo = Repo::new();
    assert_eq!(resolve(&repo, &Wanted::Tag("1.0"), &alice()).unwrap().signers(), [name("targets/alice")]);
    let mut silent = repo.clone();
    silent.alice().images.remove("1.0");
    assert!(matches!(problem(&silent, &alice()), SignerProblem::TagNotSigned));
    let mut other = repo.clone();
    other.alice().images.insert("1.0", "another");
    assert!(matches!(problem(&other, &alice()), SignerProblem::OtherDigest { signed } if signed == digest_of("another")));
    let mut narrow = repo.clone();
    narrow.alice().paths = Some(vec!["2."]);
    assert!(matches!(problem(&narrow, &alice()), SignerProblem::OutsidePaths));
}

#[test]
fn a_required_signer_that_is_not_there_is_a_refusal_and_never_ignored() {
    let mut repo = Repo::new();
    repo.alice().published = false;
    assert!(matches!(problem(&repo, &alice()), SignerProblem::Unpublished));
    repo.alice().delegated = false;
    assert!(matches!(problem(&repo, &alice()), SignerProblem::NotDelegated));
    let repo = Repo::new();
    let mut site = repo.publish();
    site.remove("targets/alice");
    let error = Client::of(&repo).update(&site).unwrap().resolve(&Wanted::Tag("1.0"), &alice()).unwrap_err();
    assert_eq!(error.failure(), Failure::Unavailable, "{error}");
}

#[test]
fn a_pinned_key_of_a_signer_must_have_signed_itself() {
    let mut repo = Repo::new();
    let (own, second) = (repo.alice().role.keys[0].clone(), Key::ecdsa());
    repo.alice().role.keys.push(second.clone());
    repo.alice().role.signed_by = Some(vec![own.clone()]);
    let pinned =
        |key: &Key| Demand { signers: vec![RequiredSigner { role: name("targets/alice"), key: Some(key.public_key()) }], ..alice() };
    assert!(resolve(&repo, &Wanted::Tag("1.0"), &pinned(&own)).is_ok());
    assert!(matches!(problem(&repo, &pinned(&second)), SignerProblem::KeyDidNotSign));
    assert!(matches!(problem(&repo, &pinned(&Key::ecdsa())), SignerProblem::KeyDidNotSign));
}

#[test]
fn a_signer_outside_the_scope_of_the_update_is_an_error_and_not_a_pass() {
    let repo = Repo::new();
    let demand = Demand { signers: vec![RequiredSigner { role: name("targets/bob"), key: None }], ..alice() };
    assert!(matches!(resolve(&repo, &Wanted::Tag("1.0"), &demand), Err(Unresolved::OutOfScope { .. })));
    let nested = Demand { signers: vec![RequiredSigner { role: name("targets/alice/sub"), key: None }], ..alice() };
    assert!(matches!(problem(&repo, &nested), SignerProblem::NotDelegated));
}
