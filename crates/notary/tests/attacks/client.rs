//! A client under attack: settings, a clock and the state of earlier runs.

use chrono::{DateTime, Utc};
use futures::executor::block_on;
use notary::{Anchors, DelegationName, Demand, Request, Resolved, Scope, State, Trusted, Unresolved, UpdateError, Wanted, update};

use crate::forge::repo::{GUN, Repo};
use crate::forge::site::Site;

pub(crate) struct Client {
    pub(crate) request: Request,
    pub(crate) state: Option<State>,
}

impl Client {
    /// Pins the root keys of `repo`.
    pub(crate) fn of(repo: &Repo) -> Client {
        Client::with(Anchors::new(repo.root.keys.iter().map(crate::forge::key::Key::public_key).collect(), vec![], None).unwrap())
    }

    pub(crate) fn with(anchors: Anchors) -> Client {
        let request = Request {
            gun: GUN.parse().unwrap(),
            anchors,
            now: moment("2026-11-21T12:00:00Z"),
            scope: Scope::of_policy([name("targets/alice")]),
            min_root_version: None,
            base_root_version: None,
        };
        Client { request, state: None }
    }

    /// Runs an update, and keeps the state when it succeeds.
    pub(crate) fn update(&mut self, site: &Site) -> Result<Trusted, UpdateError> {
        let trusted = block_on(update(site, &self.request, self.state.as_ref()))?;
        self.state = Some(trusted.state().clone());
        Ok(trusted)
    }

    pub(crate) fn refusal(&mut self, site: &Site) -> UpdateError {
        self.update(site).expect_err("a refusal")
    }
}

pub(crate) fn first_contact(repo: &Repo) -> Result<Trusted, UpdateError> {
    Client::of(repo).update(&repo.publish())
}

pub(crate) fn refusal(repo: &Repo) -> UpdateError {
    first_contact(repo).expect_err("a refusal")
}

pub(crate) fn name(name: &str) -> DelegationName {
    name.parse().unwrap()
}

pub(crate) fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn tag(trusted: &Trusted, tag: &str) -> Result<Resolved, Unresolved> {
    trusted.resolve(&Wanted::Tag(tag), &Demand::default())
}
