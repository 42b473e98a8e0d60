//! What can go wrong with a trust server, in words for people.

use std::fmt;

use oci::{ErrorClass, RegistryError};

/// Why a trust server did not give a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError(pub RegistryError);

impl ServerError {
    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        self.0.class()
    }
}

/// The words of the registry client would call the server a registry.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RegistryError::Denied { host } => write!(f, "trust server {host} denied access"),
            RegistryError::RateLimited { host, .. } => write!(f, "trust server {host} limits the rate of requests"),
            RegistryError::OverRate { host } => {
                write!(
                    f,
                    "trust server {host} may not be asked often enough for an answer in time: the settings limit the rate of requests to it"
                )
            }
            RegistryError::Unavailable { host, cause } => write!(f, "trust server {host} is unavailable: {cause}"),
            RegistryError::Timeout { host } => write!(f, "trust server {host} did not answer in time"),
            RegistryError::OverBudget { host } => write!(f, "trust server {host} was sending more than there is room for"),
            RegistryError::Malformed { host, what } => write!(f, "trust server {host} sent {what}"),
            RegistryError::RedirectRefused { host, why } => write!(f, "trust server {host} redirected {why}"),
            // These name no registry.
            other => other.fmt(f),
        }
    }
}

impl std::error::Error for ServerError {}
