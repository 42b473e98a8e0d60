//! The two names that trust data is asked for: a repository, and a role in it.

mod delegation;
mod gun;
mod role;

pub use delegation::{DelegationName, DelegationNameError};
pub use gun::{Gun, GunError};
pub use role::Role;
