//! Endless data, wrong lengths, and how much is asked of a server.

use notary::{JsonError, Role, StructureError, UpdateError, limits};
use proptest::prelude::*;

use crate::client::{Client, refusal, tag};
use crate::forge::repo::{Repo, digest_of};

#[test]
fn endless_files_are_cut_off_at_the_cap_of_their_role() {
    let repo = Repo::new();
    for (role, limit) in [("root", limits::ROOT_BYTES), ("timestamp", limits::TIMESTAMP_BYTES)] {
        let mut site = repo.publish();
        site.endless(role);
        let error = Client::of(&repo).refusal(&site);
        assert!(matches!(error, UpdateError::TooLong { limit: found, .. } if found == limit), "{error}");
    }
    for role in ["snapshot", "targets"] {
        let mut site = repo.publish();
        site.endless(role);
        assert!(matches!(Client::of(&repo).refusal(&site), UpdateError::WrongLength { .. }), "{role}");
    }
    let mut site = repo.publish();
    site.endless("targets/releases");
    assert!(tag(&Client::of(&repo).update(&site).unwrap(), "1.0").is_err());
}

#[test]
fn a_length_beyond_the_cap_is_refused_before_anything_is_fetched() {
    let mut repo = Repo::new();
    repo.edit("timestamp", |signed| signed["meta"]["snapshot"]["length"] = (limits::FILE_BYTES + 1).into());
    let site = repo.publish();
    assert!(matches!(Client::of(&repo).refusal(&site), UpdateError::TooLong { role: Role::Snapshot, .. }));
    assert_eq!(site.asked(), ["root.json", "timestamp.json"]);
}

#[test]
fn a_second_hash_that_does_not_fit_is_a_refusal() {
    let mut repo = Repo::new();
    repo.edit("snapshot", |signed| signed["meta"]["targets"]["hashes"]["sha512"] = format!("{}==", "A".repeat(86)).into());
    assert!(matches!(refusal(&repo), UpdateError::WrongHash { role: Role::Targets }));
    let mut repo = Repo::new();
    repo.edit("snapshot", |signed| drop(signed["meta"]["targets"]["hashes"].as_object_mut().unwrap().remove("sha256")));
    assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Snapshot, source: StructureError::Hash }));
}

#[test]
fn members_that_occur_twice_are_refused_in_every_file() {
    let repo = Repo::new();
    for role in ["root", "timestamp"] {
        let mut site = repo.publish();
        let text = String::from_utf8(site.bytes_of(role)).unwrap();
        site.replace(role, text.replacen(r#""signed":{"#, r#""signed":{"version":1,"#, 1).into_bytes());
        let error = Client::of(&repo).refusal(&site);
        assert!(matches!(error, UpdateError::Json { source: JsonError::DuplicateMember, .. }), "{role}: {error}");
    }
}

#[test]
fn more_signatures_than_anybody_makes_are_refused() {
    let mut repo = Repo::new();
    repo.timestamp.signed_by = Some(vec![repo.timestamp.keys[0].clone(); 65]);
    let error = refusal(&repo);
    assert!(matches!(error, UpdateError::Structure { role: Role::Timestamp, source: StructureError::TooMany("signatures") }), "{error}");
}

#[test]
fn versions_and_types_of_the_wrong_kind_are_refused() {
    let values = [serde_json::json!(0), serde_json::json!(-1), serde_json::json!("2"), serde_json::json!(null)];
    for value in values {
        let mut repo = Repo::new();
        repo.edit("snapshot", move |signed| signed["version"] = value.clone());
        assert!(matches!(refusal(&repo), UpdateError::Structure { role: Role::Snapshot, .. }));
    }
    for kind in ["snapshot", "Timestamp", "SNAPSHOT", ""] {
        let mut repo = Repo::new();
        repo.edit("snapshot", move |signed| signed["_type"] = kind.into());
        assert!(matches!(refusal(&repo), UpdateError::Structure { source: StructureError::Type { .. }, .. }), "{kind}");
    }
    for expires in ["", "tomorrow", "2040-01-01", "2040-13-01T00:00:00Z"] {
        let mut repo = Repo::new();
        expires.clone_into(&mut repo.snapshot.expires);
        assert!(matches!(refusal(&repo), UpdateError::Structure { source: StructureError::Expires, .. }), "{expires}");
    }
}

#[test]
fn first_contact_costs_six_requests_with_a_required_signer_and_five_without() {
    let repo = Repo::new();
    let site = repo.publish();
    let mut client = Client::of(&repo);
    client.request.scope = notary::Scope::of_policy([]);
    client.update(&site).unwrap();
    assert_eq!(site.asked().len(), 5);
    client.request.scope = notary::Scope::of_policy([crate::client::name("targets/alice")]);
    client.state = None;
    client.update(&site).unwrap();
    assert_eq!(site.asked().len(), 6);
}

#[test]
fn a_refresh_asks_for_the_next_root_and_the_timestamp_and_then_only_for_what_a_cache_may_hold() {
    let repo = Repo::new();
    let site = repo.publish();
    let mut client = Client::of(&repo);
    client.update(&site).unwrap();
    site.asked();
    client.update(&site).unwrap();
    let asked = site.asked();
    let (fresh, by_hash) = asked.split_at(2);
    assert_eq!(fresh, ["2.root.json", "timestamp.json"]);
    assert!(by_hash.iter().all(|name| name.len() > 64), "{by_hash:?}");
}

#[test]
fn an_update_can_run_on_any_thread() {
    fn assert_send<T: Send>(_: &T) {}
    let repo = Repo::new();
    let (site, client) = (repo.publish(), Client::of(&repo));
    assert_send(&notary::update(&site, &client.request, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whoever holds the wire, and no key, can only withhold.
    #[test]
    fn a_changed_byte_in_any_file_never_changes_a_digest(role in 0..ROLES.len(), at in any::<usize>(), bit in 0_u32..8) {
        let mut site = REPO.with(Repo::publish);
        let mut bytes = site.bytes_of(ROLES[role]);
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        site.replace(ROLES[role], bytes);
        let trusted = REPO.with(|repo| Client::of(repo).update(&site));
        let resolved = trusted.ok().and_then(|trusted| tag(&trusted, "1.0").ok());
        prop_assert!(resolved.is_none_or(|resolved| *resolved.digest() == digest_of("one")));
    }
}

const ROLES: [&str; 6] = ["root", "timestamp", "snapshot", "targets", "targets/releases", "targets/alice"];

thread_local! {
    static REPO: Repo = Repo::new();
}
