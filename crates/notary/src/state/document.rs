//! The state as text, for whoever stores it.
//!
//! Root files are kept as the text they were served as, because their signatures are looked at again. A document that
//! cannot be read is a fault; it is never taken for first contact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Seen, State};
use crate::error::UpdateError;
use crate::hash::Sha256;
use crate::name::{DelegationName, DelegationNameError, Role};
use crate::trust::SignedRoot;

const FORMAT: u32 = 1;

/// Why a stored state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not the JSON that was written.
    #[error("the state is not readable")]
    Syntax(#[source] serde_json::Error),
    /// Written by a version that knows more.
    #[error("the state has format {0}, this version reads format 1")]
    Format(u32),
    /// A root in it is no root.
    #[error("a root in the state is not readable")]
    Root(#[source] Box<UpdateError>),
    /// A role in it cannot be one.
    #[error("a role in the state has an impossible name")]
    Role(#[source] DelegationNameError),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    format: u32,
    root: String,
    /// Absent when the root is anchored itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchored: Option<String>,
    recovered_at: u64,
    seen: BTreeMap<String, Entry>,
    published: BTreeSet<DelegationName>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u64,
    sha256: Sha256,
}

impl State {
    /// The state as JSON, always the same text for the same state.
    pub fn to_json(&self) -> String {
        let anchored = (self.anchored != self.root).then(|| text(&self.anchored));
        let seen = self.seen.iter().map(|(role, seen)| (role.to_string(), Entry { version: seen.version, sha256: seen.sha256 }));
        let document = Document {
            format: FORMAT,
            root: text(&self.root),
            anchored,
            recovered_at: self.recovered_at,
            seen: seen.collect(),
            published: self.published.clone(),
        };
        // Text, numbers and maps with text for keys: nothing in it can fail to be written.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Reads what [`State::to_json`] wrote. The text is trusted as whoever may write it is trusted.
    pub fn from_json(json: &str) -> Result<State, StateError> {
        let document: Document = serde_json::from_str(json).map_err(StateError::Syntax)?;
        if document.format != FORMAT {
            return Err(StateError::Format(document.format));
        }
        let root = Arc::new(read(&document.root)?);
        let anchored = match document.anchored {
            Some(anchored) => Arc::new(read(&anchored)?),
            None => root.clone(),
        };
        let seen = document.seen.into_iter().map(|(role, entry)| {
            let role: Role = role.parse().map_err(StateError::Role)?;
            Ok((role, Seen { version: entry.version, sha256: entry.sha256 }))
        });
        let seen = seen.collect::<Result<_, StateError>>()?;
        Ok(State { root, anchored, recovered_at: document.recovered_at, seen, published: document.published })
    }
}

/// A root was parsed from these bytes, so they are UTF-8.
fn text(root: &SignedRoot) -> String {
    String::from_utf8_lossy(&root.bytes).into_owned()
}

fn read(root: &str) -> Result<SignedRoot, StateError> {
    SignedRoot::read(root.as_bytes()).map_err(|error| StateError::Root(Box::new(error)))
}
