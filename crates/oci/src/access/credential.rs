//! Credentials, and the hash under which sets of them are told apart.
//!
//! Boundary: what they are, not where they may go. Invariant: a secret appears in no `Debug` output.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// What proves to a registry or its token server who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user name and password or access token (RFC 7617).
    Basic {
        /// The user.
        username: String,
        /// The secret.
        password: String,
    },
    /// A refresh token that the token server exchanges for access tokens (OAuth 2, RFC 6749 section 6).
    IdentityToken {
        /// The secret.
        token: String,
    },
    /// An access token, sent to the registry as it is.
    RegistryToken {
        /// The secret.
        token: String,
    },
}

impl Credential {
    pub(super) fn hash_into(&self, hasher: &mut Hasher) {
        match self {
            Self::Basic { username, password } => {
                hasher.text("basic");
                hasher.text(username);
                hasher.text(password);
            }
            Self::IdentityToken { token } => {
                hasher.text("identity");
                hasher.text(token);
            }
            Self::RegistryToken { token } => {
                hasher.text("registry");
                hasher.text(token);
            }
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Basic { .. } => "Basic(..)",
            Self::IdentityToken { .. } => "IdentityToken(..)",
            Self::RegistryToken { .. } => "RegistryToken(..)",
        })
    }
}

/// SHA-256 over values that each carry their length, so that no two different lists hash alike.
pub(super) struct Hasher(Context);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, hash: impl FnOnce(&mut Self, T)) {
        self.count(usize::from(value.is_some()));
        if let Some(value) = value {
            hash(self, value);
        }
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        // SHA-256 has exactly 32 bytes, so that the two zip completely.
        out.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}
