//! The globally unique name of a repository (specification, section 1).
//!
//! Invariant: a [`Gun`] is safe in the path of a URL as it stands, since servers take it unescaped.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

const LONGEST: usize = 512;

/// A repository, fully qualified and without a tag: `docker.io/library/nginx`, `registry.example:5000/a/b`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gun(Arc<str>);

/// Why a text is no GUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GunError {
    /// Empty or longer than 512 bytes.
    #[error("a GUN has 1 to 512 characters")]
    Length,
    /// Something else than letters, digits and `.` `_` `-` `:` `/`.
    #[error("a GUN has only letters, digits and . _ - : /")]
    Character,
    /// An empty segment, `.` or `..`.
    #[error("a segment of a GUN is empty, \".\" or \"..\"")]
    Segment,
}

impl Gun {
    /// The name as it is written in URLs, token scopes and certificates.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Gun {
    type Err = GunError;

    fn from_str(text: &str) -> Result<Gun, GunError> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(GunError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte)) {
            return Err(GunError::Character);
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(GunError::Segment);
        }
        Ok(Gun(text.into()))
    }
}

impl fmt::Display for Gun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gun, GunError};

    #[test]
    fn real_repositories_are_names() {
        for text in ["docker.io/library/nginx", "registry.example:5000/a/b_c", "NAME.azurecr.io/repo"] {
            assert_eq!(text.parse::<Gun>().map(|gun| gun.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_could_leave_its_place_in_a_url_is_no_name() {
        for text in ["a/../b", "..", "/a", "a/", "a//b", "./a"] {
            assert_eq!(text.parse::<Gun>(), Err(GunError::Segment), "{text}");
        }
        for text in ["a?b", "a#b", "a%2e", "a b", "a*", "a\n", "é", "a@b", "a\\b"] {
            assert_eq!(text.parse::<Gun>(), Err(GunError::Character), "{text:?}");
        }
        assert_eq!("".parse::<Gun>(), Err(GunError::Length));
        assert_eq!("a".repeat(513).parse::<Gun>(), Err(GunError::Length));
    }
}
