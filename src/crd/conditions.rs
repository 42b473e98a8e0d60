//! The condition types that our kinds carry. The type itself is Kubernetes' own.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The object compiled and is in force (policies: the webhook that covers it was read back).
pub const READY: &str = "Ready";
/// Something works, but not as its author may think.
pub const WARNING: &str = "Warning";
/// On reports: every image of the pod that must be verified is trusted.
pub const VERIFIED: &str = "Verified";
