//! One state as it is stored: whose it is and what was seen, as JSON in gzip.
//!
//! Roots are certificates in base64 in base64: gzip halves them, and `base64 -d | gunzip` shows an entry.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use notary::{State, StateError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::place::hex;
use crate::evaluate::StateKey;

/// Of one entry, deflated. A state with twenty rotated roots has a fifth of it.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// The same, inflated: two roots of the largest size, escaped, and the rest.
const MOST_INFLATED: u64 = 4 * 1024 * 1024;

/// A stored state, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The operator namespace, or that of a tenant.
    pub(super) owner: String,
    /// The server.
    pub(super) server: String,
    /// The repository.
    pub(super) gun: String,
    /// The hash over the anchors, in hexadecimal digits.
    pub(super) anchors: String,
    /// What was seen.
    pub(super) state: State,
}

/// Why an entry cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    /// Not gzip, or too much of it.
    #[error("the entry cannot be unpacked")]
    Packed(#[source] std::io::Error),
    /// Not the JSON that was written.
    #[error("the entry is not readable")]
    Syntax(#[source] serde_json::Error),
    /// The state in it is none.
    #[error("the state of {gun} is not readable")]
    State {
        /// The repository.
        gun: String,
        /// What is wrong.
        #[source]
        source: StateError,
    },
    /// It lies where the state of another key belongs.
    #[error("the entry is that of another repository, {gun}")]
    Misplaced {
        /// Whose it is.
        gun: String,
    },
    /// More than one state may take.
    #[error("the state would take {0} bytes, more than {MOST_BYTES}")]
    TooLarge(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    owner: String,
    server: String,
    gun: String,
    anchors: String,
    state: Box<RawValue>,
}

/// The same state of the same key gives the same bytes.
pub(super) fn pack(key: &StateKey, state: &State) -> Result<Vec<u8>, EntryError> {
    let state = RawValue::from_string(state.to_json()).map_err(EntryError::Syntax)?;
    let (owner, server) = (key.owner.clone(), key.server.clone());
    let document = Document { owner, server, gun: key.gun.to_string(), anchors: hex(&key.anchors), state };
    let json = serde_json::to_vec(&document).map_err(EntryError::Syntax)?;
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(&json).map_err(EntryError::Packed)?;
    let packed = writer.finish().map_err(EntryError::Packed)?;
    if packed.len() > MOST_BYTES { Err(EntryError::TooLarge(packed.len())) } else { Ok(packed) }
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(packed: &[u8]) -> Result<Entry, EntryError> {
    let mut json = Vec::new();
    GzDecoder::new(packed).take(MOST_INFLATED).read_to_end(&mut json).map_err(EntryError::Packed)?;
    let document: Document = serde_json::from_slice(&json).map_err(EntryError::Syntax)?;
    let Document { owner, server, gun, anchors, state } = document;
    match State::from_json(state.get()) {
        Ok(state) => Ok(Entry { owner, server, gun, anchors, state }),
        Err(source) => Err(EntryError::State { gun, source }),
    }
}

/// Reads the state of `key`, and of no other.
pub(super) fn unpack_of(key: &StateKey, packed: &[u8]) -> Result<State, EntryError> {
    let entry = unpack(packed)?;
    let of_repository = entry.owner == key.owner && entry.server == key.server && entry.gun == key.gun.to_string();
    if of_repository && entry.anchors == hex(&key.anchors) { Ok(entry.state) } else { Err(EntryError::Misplaced { gun: entry.gun }) }
}
