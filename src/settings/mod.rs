//! The settings that can change while the operator runs: one YAML text, checked as a whole.
//!
//! Boundary: text in, checked values out; no client, no clock. Invariant: a text with any mistake gives no settings at
//! all, so that what runs is always something that somebody has written, or the defaults.

pub mod alerting;
mod checked;
mod mistake;
mod raw;
mod selection;

pub use alerting::{Address, Alerting, Endpoint, KeyRef, Occasion, Priority, Proof, Receiver, Service, Text};
pub use checked::{Limits, Metrics, RegistryRates, Reports, Scope, Settings, Verification};
pub use mistake::{Mistake, SettingsError};
pub use raw::RawSettings;
pub use selection::Selection;
