//! Who is believed: anchors that the caller gives, and signatures that reach a threshold.

mod anchors;
mod authorities;
mod common_name;
mod root_rule;
mod signed_root;
mod signers;

pub use anchors::{Anchor, Anchors, NoAnchors};
pub use authorities::{Authorities, AuthoritiesError};

pub(crate) use root_rule::RootRule;
pub(crate) use signed_root::{Expired, SignedRoot};
pub(crate) use signers::{Signer, signers};
