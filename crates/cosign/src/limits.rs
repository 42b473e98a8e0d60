//! What one image may cost: sizes and counts beyond which a signature object is skipped and reported.
//!
//! Invariant: per layout, what is held in memory never exceeds [`HELD_BYTES`] plus the objects in flight.

/// Bytes of one signature object (a simple-signing payload or a bundle).
///
/// A bundle with log entry, inclusion proof, certificate and timestamp is below 20 KiB. What is larger than this carries
/// a document (an attestation), which is no image signature; so it is skipped without being fetched.
pub(crate) const OBJECT_BYTES: usize = 128 * 1024;

/// Layers of a signature manifest that are looked at; cosign itself stops there. `oci::Session` stops at the same number of referrers.
pub(crate) const OBJECTS: usize = 1000;

/// Bytes of payloads kept per layout: room for hundreds of real ones, of hostile ones for 16.
pub(crate) const HELD_BYTES: usize = 2 * 1024 * 1024;

/// Signature objects fetched at the same time, per layout.
pub(crate) const CONCURRENT_FETCHES: usize = 8;

/// Bytes of PEM text for one key; RSA 4096 needs 800.
pub(crate) const KEY_PEM_BYTES: usize = 16 * 1024;
