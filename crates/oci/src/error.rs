//! What can go wrong with a registry, in words for the person whose image is concerned.
//!
//! Boundary: a closed list without sources, so that one failure can be shared by everybody who waited for it.
//! Invariant: no text of a server and no secret is ever part of it; hosts are validated names.

use std::{net::IpAddr, time::Duration};

use crate::{Digest, Host};

/// Why a registry did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry says that there is no such thing.
    #[error("registry {host} has no such manifest or blob")]
    NotFound {
        /// The registry that was asked.
        host: Host,
    },
    /// The registry wants credentials, other credentials, or nobody.
    #[error("registry {host} denied access")]
    Denied {
        /// The registry or token server that refused.
        host: Host,
    },
    /// The registry wants fewer requests.
    #[error("registry {host} limits the rate of requests")]
    RateLimited {
        /// The registry that limits.
        host: Host,
        /// How long it asks to wait, at most an hour.
        retry_after: Option<Duration>,
    },
    /// The settings allow so few requests that there was no turn for this one.
    #[error("registry {host} may not be asked often enough for an answer in time: the settings limit the rate of requests to it")]
    OverRate {
        /// The registry that was to be asked.
        host: Host,
    },
    /// The registry could not be reached, or failed.
    #[error("registry {host} is unavailable: {cause}")]
    Unavailable {
        /// The registry, token server or redirect target.
        host: Host,
        /// What happened.
        cause: Outage,
    },
    /// The deadline of the session passed.
    #[error("registry {host} did not answer in time")]
    Timeout {
        /// The registry that was asked.
        host: Host,
    },
    /// The answer is larger than anybody needs.
    #[error("registry {host} sent more than {limit} {unit}")]
    TooLarge {
        /// The registry that was asked.
        host: Host,
        /// The cap that was exceeded.
        limit: u64,
        /// What is counted.
        unit: Unit,
    },
    /// So much is being fetched that there is no memory left for this.
    #[error("registry {host} was sending more than there is room for beside what is fetched at the same time")]
    OverBudget {
        /// The registry that was asked.
        host: Host,
    },
    /// The bytes are not those that were asked for.
    #[error("registry {host} sent content with digest {actual} in place of {expected}")]
    DigestMismatch {
        /// The registry that was asked.
        host: Host,
        /// What was asked for, or announced.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The answer breaks the protocol.
    #[error("registry {host} sent {what}")]
    Malformed {
        /// The server that answered.
        host: Host,
        /// Which part of the answer.
        what: Malformation,
    },
    /// The address is one that the operator does not dial.
    #[error("{host} has an address that must not be dialled{}", shown(*.address))]
    EgressRefused {
        /// The host whose address it is.
        host: Host,
        /// The refused address; one of them when there are several.
        address: Option<IpAddr>,
    },
    /// The registry redirected to where we do not go.
    #[error("registry {host} redirected {why}")]
    RedirectRefused {
        /// The registry that was asked first.
        host: Host,
        /// What is wrong with the redirect.
        why: RedirectFault,
    },
    /// The request would have gone over plain HTTP to a host for which that is not allowed.
    #[error("plain HTTP is not allowed for {host}")]
    PlainHttp {
        /// The host that was to be reached.
        host: Host,
    },
    /// A URL from a server that names no host, or user and password.
    #[error("a server led to an unreadable address")]
    UnreadableUrl,
    /// The HTTP client for this host's certificates could not be built.
    #[error("no TLS client could be set up for {host}")]
    TlsSetup {
        /// The host that was to be reached.
        host: Host,
    },
}

fn shown(address: Option<IpAddr>) -> String {
    address.map(|address| format!(": {address}")).unwrap_or_default()
}

/// Why a server is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// The name has no address.
    #[error("its name cannot be resolved")]
    Name,
    /// No connection was made.
    #[error("no connection")]
    Connect,
    /// The TLS handshake failed, mostly because the certificate is not trusted.
    #[error("its TLS certificate or handshake is not acceptable")]
    Tls,
    /// The connection broke, or the answer was no HTTP.
    #[error("the connection broke")]
    Broken,
    /// An HTTP status that reports a failure of the server.
    #[error("HTTP status {0}")]
    Status(u16),
}

/// What a size cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unit {
    /// Bytes of one body, or of all pages of a list.
    #[error("bytes")]
    Bytes,
    /// Entries of a list.
    #[error("entries")]
    Entries,
    /// Pages of a list.
    #[error("pages")]
    Pages,
}

/// Which part of an answer breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// An HTTP status that means nothing here.
    #[error("the unexpected HTTP status {0}")]
    Status(u16),
    /// A challenge that names no scheme we speak.
    #[error("an unreadable authentication challenge")]
    Challenge,
    /// A token answer without a usable token.
    #[error("an unreadable token")]
    Token,
    /// A manifest that is no JSON object.
    #[error("an unreadable manifest")]
    Manifest,
    /// A manifest that reads as one thing to some programs and as another to others.
    #[error("a manifest that can be read in two ways")]
    Ambiguous,
    /// A list of referrers that is no image index.
    #[error("an unreadable list of referrers")]
    Referrers,
    /// A pagination link that is unreadable or leaves its origin.
    #[error("a pagination link that leads elsewhere")]
    Link,
    /// A blob of another length than its descriptor says.
    #[error("a blob of the wrong size")]
    Size,
}

/// What is wrong with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// More hops than are followed.
    #[error("too often")]
    TooMany,
    /// A target that is no URL of a server.
    #[error("to an unreadable address")]
    Unreadable,
    /// A scheme that is neither `https` nor, where allowed, `http`.
    #[error("to plain HTTP or another scheme")]
    Scheme,
    /// A target where redirects are not followed: tokens.
    #[error("a token request")]
    Token,
}

/// The classes of [`RegistryError`], as metric label and for the decision what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// There is no such thing.
    NotFound,
    /// The registry did not let us.
    Denied,
    /// Asked to slow down, or made to.
    RateLimited,
    /// Unreachable or failing.
    Unavailable,
    /// Too slow.
    Timeout,
    /// Over a cap.
    TooLarge,
    /// Wrong bytes or broken protocol.
    Invalid,
    /// We did not go there.
    Refused,
}

impl ErrorClass {
    /// The label, in the style of metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
        }
    }
}

impl RegistryError {
    /// The class that this error belongs to.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotFound { .. } => ErrorClass::NotFound,
            Self::Denied { .. } => ErrorClass::Denied,
            Self::RateLimited { .. } | Self::OverRate { .. } => ErrorClass::RateLimited,
            Self::Unavailable { .. } => ErrorClass::Unavailable,
            Self::Timeout { .. } => ErrorClass::Timeout,
            Self::TooLarge { .. } | Self::OverBudget { .. } => ErrorClass::TooLarge,
            Self::DigestMismatch { .. } | Self::Malformed { .. } | Self::UnreadableUrl => ErrorClass::Invalid,
            Self::EgressRefused { .. } | Self::RedirectRefused { .. } | Self::PlainHttp { .. } | Self::TlsSetup { .. } => {
                ErrorClass::Refused
            }
        }
    }
}
