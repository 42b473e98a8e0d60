//! Checked types: what the custom resources mean, settled once by their parsers.
//!
//! Boundary: reads `crd` types, no client, no clock, no I/O. Invariant: a value of a type in this room is meaningful;
//! what is not comes out as [`Problem`]s with the path of the field. The webhook for our own kinds and the index call
//! the same parsers, so what was admitted is what is enforced.

mod image_policy;
mod name;
mod observed;
mod pattern;
mod problem;
mod reason;
mod requirement;
mod selector;
mod trust_root;
mod validator;

pub use image_policy::{Body, ParsedPolicy, Policy, Rule, VerifyEntry};
pub use name::{NameError, ObjectName};
pub use observed::{Kind, Observed};
pub use pattern::{Pattern, PatternError, TagUse};
pub use problem::{Cause, Problem};
pub use reason::Reason;
pub use requirement::{
    CosignRequirement, NamedKey, NotaryRequirement, NotaryRoot, NotaryRoots, RegistryAccess, Requirement, RequirementId, Scheme, SignerRoot,
};
pub use selector::{Labels, Selector};
pub use trust_root::{AuthoritySource, CertificateSource, KeySource, TextSource, TrustRootSource, TrustedKeySource};
pub use validator::{HostSource, NotarySource, SchemeSource, ServerSource, ValidatorSource};

pub(crate) use image_policy::{parse as parse_image_policy, read_mode};
pub(crate) use trust_root::parse as parse_trust_root;
pub(crate) use validator::parse as parse_validator;
