#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap is a failed test")]

mod delivery;
mod hostile;
mod reload;
mod reminders;
mod secrets;
mod stage;
mod templates;

pub(super) use stage::{changed, refused};
