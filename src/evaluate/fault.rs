//! Faults: we could not find out.

use oci::{ErrorClass, RegistryError};
use tokio::time::Instant;

use super::StateFault;
use crate::policy::{ObjectName, Reason};

/// Why nothing could be found out about an image. Never cached for long, never a verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The registry does not have the image.
    #[error("the image is not in the registry")]
    ImageNotFound,
    /// The registry gave no usable answer.
    #[error("{0}")]
    Registry(RegistryError),
    /// The trust server gave no usable answer.
    #[error("{why}")]
    TrustServer {
        /// What kind of failure it was; absent when the server does not have a file that it should have.
        class: Option<ErrorClass>,
        /// What happened, and which server it was.
        why: String,
    },
    /// What was seen of trust data before is not known, or cannot be kept.
    #[error("{0}")]
    TrustState(StateFault),
    /// The deadline passed.
    #[error("no answer within the deadline")]
    Timeout,
    /// A pull secret of the pod, or its service account, may not be read.
    #[error("the operator may not read {secret}, which the pod pulls with: apply the ClusterRole {role} and bind it")]
    Forbidden {
        /// The Secret or service account.
        secret: ObjectName,
        /// The role that would permit it.
        role: &'static str,
    },
    /// What the policy names was not read yet.
    #[error("what the policy names was not read yet")]
    NotYetRead,
    /// The namespace of the object is unknown, so nobody can say which policies hold for it.
    #[error("nothing is known about the namespace yet")]
    NamespaceUnknown,
    /// The API server did not answer when it was asked for something.
    #[error("the API server did not answer")]
    ApiServer,
    /// A defect of ours.
    #[error("an internal error")]
    Internal,
}

impl Fault {
    /// Whether it is an outage of somebody else's, during which a last verdict may stand (security rule 5). Everything
    /// else denies, whatever a policy says.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Timeout => true,
            // A server that breaks the protocol is not down: its owner chooses what it says.
            Self::Registry(error) => is_outage(error.class()),
            Self::TrustServer { class, .. } => class.is_some_and(is_outage),
            _ => false,
        }
    }

    /// Whether it came of a deadline that was not ours but somebody's whose flight was joined: ours, `deadline`, has not
    /// passed yet.
    pub(super) fn is_of_anothers_deadline(&self, deadline: Instant) -> bool {
        self.reason() == Reason::Timeout && Instant::now() < deadline
    }

    /// The reason in the closed list.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ImageNotFound => Reason::ImageNotFound,
            Self::Registry(RegistryError::DigestMismatch { .. }) => Reason::DigestMismatch,
            Self::Registry(error) => match error.class() {
                ErrorClass::NotFound => Reason::ImageNotFound,
                ErrorClass::Denied => Reason::RegistryDenied,
                ErrorClass::RateLimited => Reason::RateLimited,
                ErrorClass::Timeout => Reason::Timeout,
                ErrorClass::Unavailable | ErrorClass::Invalid => Reason::RegistryUnavailable,
                ErrorClass::TooLarge => Reason::TooLarge,
                ErrorClass::Refused => Reason::Forbidden,
            },
            Self::TrustServer { class: Some(ErrorClass::RateLimited), .. } => Reason::RateLimited,
            Self::TrustServer { class: Some(ErrorClass::Timeout), .. } | Self::Timeout => Reason::Timeout,
            Self::TrustServer { .. } => Reason::TrustServerUnavailable,
            Self::TrustState(StateFault::QuotaExceeded | StateFault::NoRoom) => Reason::TooLarge,
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::TrustState(_) | Self::NotYetRead | Self::NamespaceUnknown | Self::ApiServer | Self::Internal => Reason::Internal,
        }
    }
}

fn is_outage(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Unavailable | ErrorClass::RateLimited | ErrorClass::Timeout)
}

impl From<StateFault> for Fault {
    fn from(fault: StateFault) -> Self {
        Self::TrustState(fault)
    }
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}
