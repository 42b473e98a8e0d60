//! The state between runs: written, read, shared by two replicas, and races with a publish.

use bytes::Bytes;
use futures::executor::block_on;
use notary::{Fetch, FetchError, FileName, MergeConflict, Role, State, StateError, UpdateError, update};

use crate::client::{Client, tag};
use crate::forge::certificate::root_key;
use crate::forge::key::Key;
use crate::forge::repo::Repo;
use crate::forge::site::Site;

fn state_after(client: &mut Client, repo: &Repo) -> State {
    client.update(&repo.publish()).unwrap().state().clone()
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let mut repo = Repo::new();
    let mut client = Client::of(&repo);
    repo.rotate(|repo| repo.root.keys = vec![root_key()]);
    let state = state_after(&mut client, &repo);
    let read = State::from_json(&state.to_json()).unwrap();
    assert_eq!(read, state);
    assert_eq!(read.to_json(), state.to_json());
    client.state = Some(read);
    client.update(&repo.publish()).unwrap();
}

#[test]
fn a_state_that_cannot_be_read_is_a_fault() {
    let repo = Repo::new();
    let json = state_after(&mut Client::of(&repo), &repo).to_json();
    let fault = |text: &str| State::from_json(text).unwrap_err();
    assert!(matches!(fault(""), StateError::Syntax(_)));
    assert!(matches!(fault("{}"), StateError::Syntax(_)));
    assert!(matches!(fault(&json[..json.len() / 2]), StateError::Syntax(_)));
    assert!(matches!(fault(&json.replace("\"format\":1", "\"format\":2")), StateError::Format(2)));
    assert!(matches!(fault(&json.replace("Root", "Tree")), StateError::Root(_)));
    assert!(matches!(fault(&json.replace("\"snapshot\":{\"version\"", "\"Snap\":{\"version\"")), StateError::Role(_)));
}

#[test]
fn a_restarted_client_notices_a_rollback_and_one_that_lost_its_state_does_not() {
    let old = Repo::new();
    let mut new = old.clone();
    new.next();
    let mut client = Client::of(&old);
    let json = state_after(&mut client, &new).to_json();
    client.state = Some(State::from_json(&json).unwrap());
    assert!(matches!(client.refusal(&old.publish()), UpdateError::Rollback { .. }));
    client.state = None;
    client.update(&old.publish()).unwrap();
}

#[test]
fn two_replicas_together_know_the_newest_of_every_role() {
    let old = Repo::new();
    let mut new = old.clone();
    new.rotate(|repo| repo.root.keys = vec![root_key()]);
    let client = || Client::of(&old);
    let (before, after) = (state_after(&mut client(), &old), state_after(&mut client(), &new));
    let mut merged = client();
    merged.state = Some(before.merge(&after).unwrap());
    assert_eq!(after.merge(&before).unwrap(), before.merge(&after).unwrap());
    assert_eq!(after.merge(&after).unwrap(), after);
    assert!(merged.update(&old.publish()).is_err());
    merged.update(&new.publish()).unwrap();
}

#[test]
fn two_replicas_that_were_shown_different_files_of_one_version_notice_it() {
    let repo = Repo::new();
    let mut forked = repo.clone();
    forked.targets.images.insert("evil", "evil");
    let (one, other) = (state_after(&mut Client::of(&repo), &repo), state_after(&mut Client::of(&repo), &forked));
    assert!(matches!(one.merge(&other), Err(MergeConflict { role: Role::Timestamp | Role::Snapshot | Role::Targets, version: 1 })));
}

#[test]
fn a_merge_does_not_bring_back_versions_that_a_new_key_freed_everybody_from() {
    let mut repo = Repo::new();
    let mut forwarded = repo.clone();
    (forwarded.timestamp.version, forwarded.snapshot.version) = (1_000, 1_000);
    let before = state_after(&mut Client::of(&repo), &forwarded);
    let mut client = Client::of(&repo);
    client.state = Some(before.clone());
    repo.rotate(|repo| {
        repo.timestamp.keys = vec![Key::ed25519()];
        repo.snapshot.keys = vec![Key::ed25519()];
    });
    let after = state_after(&mut client, &repo);
    assert_eq!(before.merge(&after).unwrap(), after);
    client.state = Some(after.merge(&before).unwrap());
    client.update(&repo.publish()).unwrap();
}

#[test]
fn a_merge_never_goes_back_below_what_was_seen_under_the_newest_keys() {
    let mut repo = Repo::new();
    let mut walked = Client::of(&repo);
    repo.rotate(|repo| {
        repo.root.keys = vec![root_key()];
        repo.timestamp.keys = vec![Key::ed25519()];
    });
    let mut direct = Client::of(&repo);
    let behind = state_after(&mut walked, &repo);
    repo.next();
    let ahead = state_after(&mut direct, &repo);
    let merged = behind.merge(&ahead).unwrap();
    walked.state = Some(merged);
    repo.timestamp.version -= 1;
    assert!(matches!(walked.refusal(&repo.publish()), UpdateError::Rollback { role: Role::Timestamp, .. }));
}

/// A server whose answers for the root are of the state before until it was asked `late` times.
struct Publishing {
    before: Site,
    after: Site,
    late: std::sync::atomic::AtomicUsize,
}

impl Fetch for Publishing {
    async fn fetch(&self, file: &FileName, limit: u64) -> Result<Bytes, FetchError> {
        use std::sync::atomic::Ordering::SeqCst;
        let is_late = *file.role() == Role::Root && self.late.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_late { self.before.fetch(file, limit).await } else { self.after.fetch(file, limit).await }
    }
}

#[test]
fn a_publish_between_two_requests_is_tried_once_more_and_not_for_ever() {
    let mut repo = Repo::new();
    let client = Client::of(&repo);
    let before = repo.clone();
    repo.rotate(|repo| repo.timestamp.keys = vec![Key::ed25519()]);
    for (late, works) in [(0, true), (1, true), (2, false)] {
        let server = Publishing { before: before.publish(), after: repo.publish(), late: late.into() };
        let outcome = block_on(update(&server, &client.request, None));
        assert_eq!(outcome.is_ok(), works, "{late}");
        assert!(outcome.is_err() || tag(&outcome.unwrap(), "1.0").is_ok());
    }
}
