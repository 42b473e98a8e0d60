//! The custom resources: what users write and what they read back.
//!
//! Boundary: serde, schema and CEL only; no logic. What a field *means* is settled once, in `policy`.
//! Invariant: every list and string is bounded, every field has a description, and every spec object keeps
//! unknown fields so that the parser can refuse them instead of the API server dropping them in silence.

// The schema derive repeats each struct inside a private scope.
#![allow(unreachable_pub)]
// Every printer column is one attribute; the lint takes their parts for repetitions.
#![allow(clippy::duplicated_attributes)]

mod conditions;
mod image_policy;
mod kinds;
mod schema;
mod trust_root;
mod validator;
mod verification_report;

pub use conditions::{Condition, READY, Time, VERIFIED, WARNING};
pub use image_policy::{
    Action, ImagePolicy, ImagePolicySpec, ImagePolicyStatus, LabelExpression, LabelOperator, Mode, NamespaceSelector, OnFault, Pin,
    PolicyRule, Unmatched, VerifyEntry,
};
pub use kinds::{GROUP, VERSION, all};
pub use trust_root::{KeyReference, KeyStatus, TrustAuthority, TrustCertificates, TrustKey, TrustRoot, TrustRootSpec, TrustRootStatus};
pub use validator::{
    CaBundleSource, Cosign, Deciding, NamedReference, NotaryV1, RegistryHost, RegistrySettings, Validator, ValidatorSpec, ValidatorStatus,
};
pub use verification_report::{
    ImageResult, ImageStatus, ReportedPod, ReportedSummary, ReportedWorkload, VerificationReport, VerificationReportSpec,
    VerificationReportStatus, Violation,
};
