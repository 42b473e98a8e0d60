//! What an HTTP library's error means for the registry that it happened with.
//!
//! Boundary: reads error chains by type, never by text; no text of it goes any further.

use std::{error::Error, io};

use super::transport::NoPermittedAddress;
use crate::{Host, Outage, RegistryError};

pub(super) fn explain(error: &reqwest::Error, host: &Host) -> RegistryError {
    if let Some(refused) = find(error, |cause| cause.downcast_ref::<NoPermittedAddress>()) {
        return RegistryError::EgressRefused { host: host.clone(), address: Some(refused.0) };
    }
    let cause = match () {
        () if find(error, |cause| cause.downcast_ref::<rustls::Error>()).is_some() => Outage::Tls,
        () if error.is_dns() => Outage::Name,
        () if error.is_connect() => Outage::Connect,
        () => Outage::Broken,
    };
    RegistryError::Unavailable { host: host.clone(), cause }
}

/// The first hit along the chain of sources.
fn find<'a, T>(error: &'a reqwest::Error, hit: impl Fn(&'a (dyn Error + 'static)) -> Option<&'a T>) -> Option<&'a T> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(found) = hit(cause) {
            return Some(found);
        }
        next = below(cause);
    }
    None
}

/// An I/O error's source is that of what it wraps, so what it wraps has to be asked for.
fn below<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => cause.source(),
    }
}
