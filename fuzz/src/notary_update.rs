//! A whole update, over a repository of which one file is hostile and yet signed by the right keys.
//!
//! The first byte says which file, the rest is merged into what is signed (RFC 7396), signed anew, and named by its hash in
//! its parents. So what is behind the signatures is reached, too. `R` and `T` put the bytes in place of root and timestamp
//! as they are.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::executor::block_on;
use notary::{Anchors, Demand, Request, Scope, State, Trusted, Wanted, update};
use serde_json::Value;

use crate::forge::key::Key;
use crate::forge::repo::{GUN, Repo};
use crate::forge::site::Site;

const TAGS: [&str; 4] = ["1.0", "2.0", "base", "evil"];
const DECIDING: [&str; 2] = ["targets", "targets/releases"];

/// The honest repository, and what a client knows that has seen it.
struct Honest {
    repo: Repo,
    request: Request,
    state: State,
}

thread_local! {
    static HONEST: LazyCell<Honest> = LazyCell::new(Honest::new);
}

impl Honest {
    fn new() -> Honest {
        let repo = Repo::new();
        let anchors = Anchors::new(repo.root.keys.iter().map(Key::public_key).collect(), vec![], None).expect("a key");
        let request = Request {
            gun: GUN.parse().expect("a name"),
            anchors,
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            scope: Scope::Everything,
            min_root_version: None,
            base_root_version: None,
        };
        let trusted = block_on(update(&repo.publish(), &request, None)).expect("an honest repository");
        let state = trusted.state().clone();
        Honest { repo, request, state }
    }
}

/// Runs the update at first contact, and after the honest files were seen.
pub fn run(bytes: &[u8]) {
    HONEST.with(|honest| {
        let Some(site) = site(&honest.repo, bytes) else { return };
        for state in [None, Some(&honest.state)] {
            if let Ok(trusted) = block_on(update(&site, &honest.request, state)) {
                holds(&site, &trusted, state);
            }
        }
    });
}

fn site(honest: &Repo, bytes: &[u8]) -> Option<Site> {
    let (file, change) = bytes.split_first()?;
    let role = match file {
        b'R' | b'T' => {
            let mut site = honest.publish();
            site.put(if *file == b'R' { "root.json" } else { "timestamp.json" }, change.to_vec());
            return Some(site);
        }
        b'r' => "root",
        b't' => "timestamp",
        b's' => "snapshot",
        b'l' => "targets/releases",
        b'a' => "targets/alice",
        _ => "targets",
    };
    // What the forge signs it must be able to encode; what cannot be is for `notary_json`, and for R and T.
    notary::json::parse(change).ok()?;
    let change: Value = serde_json::from_slice(change).ok()?;
    let mut repo = honest.with_own_signatures();
    repo.next();
    repo.edit(role, move |signed| json_patch::merge(signed, &change));
    Some(repo.publish())
}

fn holds(site: &Site, trusted: &Trusted, before: Option<&State>) {
    let inspection = trusted.inspect();
    assert!(inspection.gun == GUN && !trusted.root_keys().is_empty());
    let state = trusted.state();
    assert_eq!(&State::from_json(&state.to_json()).expect("what was written"), state);
    assert_eq!(state.merge(state).as_ref(), Ok(state));
    assert!(before.is_none_or(|before| before.merge(state).is_ok()), "two files of one version");
    let written: Vec<Value> = DECIDING.iter().filter_map(|role| serde_json::from_slice(&site.bytes_if_there(role)?).ok()).collect();
    for tag in TAGS {
        if let Ok(resolved) = trusted.resolve(&Wanted::Tag(tag), &Demand::default()) {
            let hexes: BTreeSet<String> = written.iter().filter_map(|file| hex_of(file, tag)).collect();
            assert!(hexes.contains(resolved.digest().hex()), "{tag} is an image that is not written there");
        }
    }
}

/// The image of a tag, as every other reader of JSON finds it.
fn hex_of(file: &Value, tag: &str) -> Option<String> {
    let hash = file.get("signed")?.get("targets")?.get(tag)?.get("hashes")?.get("sha256")?.as_str()?;
    let bytes = STANDARD.decode(hash).ok()?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    Some(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}
