//! Docker Content Trust (Notary v1).

#![forbid(unsafe_code)]

pub mod json;
pub mod limits;
