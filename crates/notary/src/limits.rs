//! What trust data may cost: sizes and counts beyond which a file is refused.
//!
//! The figures are those of the specification (section 3b), or leave room for ten times what real repositories hold.

/// Bytes of a root file. Each rotation adds a certificate of about 1 KiB; the reference client stops at 100 MiB.
pub const ROOT_BYTES: u64 = 512 * 1024;

/// Bytes of a timestamp file; a real one has 500.
pub const TIMESTAMP_BYTES: u64 = 64 * 1024;

/// Bytes of a snapshot, targets or delegation file, whatever length its parent states.
pub const FILE_BYTES: u64 = 5 * 1024 * 1024;

/// Nesting of JSON; real files reach 6.
pub(crate) const JSON_DEPTH: usize = 32;

/// JSON values in one file: an array of empty arrays takes 20 times the memory of its text.
pub(crate) const JSON_VALUES: usize = 200_000;

/// Largest integer: the reference client reads numbers as doubles.
pub(crate) const INTEGER: u64 = 1 << 53;

/// Signatures on one file; each may cost a check.
pub(crate) const SIGNATURES: usize = 64;

/// Keys listed in one file. Root files keep the keys of the past.
pub(crate) const KEYS: usize = 256;

/// Delegations in one file.
pub(crate) const DELEGATIONS: usize = 64;

/// Delegations that are fetched when all are asked for.
pub(crate) const DELEGATIONS_FETCHED: usize = 256;

/// Prefixes of tags that are delegated to one role; `docker trust` writes one.
pub(crate) const PATHS: usize = 256;

/// Tags with one digest that are held against the required signers; beyond them nobody says which is meant.
pub(crate) const TAGS_OF_A_DIGEST: usize = 256;

/// Keys of the root role: each that signed may be held against every authority.
pub(crate) const ROOT_KEYS: usize = 16;

/// Names below `targets` in the name of a delegation.
pub(crate) const DELEGATION_DEPTH: usize = 4;

/// Certificates in the text of one key.
pub(crate) const CERTIFICATES: usize = 8;

/// Bytes of PEM text for one key, with its intermediate certificates.
pub(crate) const KEY_PEM_BYTES: usize = 32 * 1024;

/// Root versions that one run may walk.
pub(crate) const ROOT_STEPS: u64 = 64;
