//! Names of delegations (specification, section 2).
//!
//! Invariant: a [`DelegationName`] starts with `targets/`, is clean as a path, and is at most four names deep.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::DELEGATION_DEPTH;

const BASE: &str = "targets";
const LONGEST: usize = 255;

/// A role below `targets`, such as `targets/releases` or `targets/alice/sub`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DelegationName(Arc<str>);

/// Why a text is no name of a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationNameError {
    /// Not below `targets/`.
    #[error("the name of a delegation starts with \"targets/\"")]
    Base,
    /// Longer than 255 bytes.
    #[error("the name of a delegation has at most 255 characters")]
    Length,
    /// Something else than lower-case letters, digits, `-` and `_`.
    #[error("the name of a delegation has only lower-case letters, digits, - and _")]
    Character,
    /// An empty segment.
    #[error("a segment of the name is empty")]
    Segment,
    /// More than four names below `targets`.
    #[error("the delegation is nested too deeply")]
    Depth,
}

impl DelegationName {
    /// `targets/releases`, the role that `docker trust` publishes tags in.
    pub fn releases() -> DelegationName {
        DelegationName("targets/releases".into())
    }

    /// The role of a signer: `alice` means `targets/alice`, as `docker trust signer add` names it.
    pub fn of_signer(signer: &str) -> Result<DelegationName, DelegationNameError> {
        format!("{BASE}/{signer}").parse()
    }

    /// The name as it is written in metadata and URLs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The delegation that delegates this one; `None` when `targets` does.
    pub fn parent(&self) -> Option<DelegationName> {
        let (parent, _) = self.0.rsplit_once('/')?;
        (parent != BASE).then(|| DelegationName(parent.into()))
    }

    /// How many names stand below `targets`; 1 for a role that `targets` delegates itself.
    pub fn depth(&self) -> usize {
        self.0.split('/').skip(1).count()
    }
}

impl FromStr for DelegationName {
    type Err = DelegationNameError;

    fn from_str(text: &str) -> Result<DelegationName, DelegationNameError> {
        let below = text.strip_prefix("targets/").ok_or(DelegationNameError::Base)?;
        if text.len() > LONGEST {
            return Err(DelegationNameError::Length);
        }
        if !below.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'/')) {
            return Err(DelegationNameError::Character);
        }
        if below.split('/').any(str::is_empty) {
            return Err(DelegationNameError::Segment);
        }
        let name = DelegationName(text.into());
        if name.depth() > DELEGATION_DEPTH {
            return Err(DelegationNameError::Depth);
        }
        Ok(name)
    }
}

impl TryFrom<String> for DelegationName {
    type Error = DelegationNameError;

    fn try_from(text: String) -> Result<DelegationName, DelegationNameError> {
        text.parse()
    }
}

impl From<DelegationName> for String {
    fn from(name: DelegationName) -> String {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for DelegationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::{DelegationName, DelegationNameError};

    fn parse(text: &str) -> Result<DelegationName, DelegationNameError> {
        text.parse()
    }

    #[test]
    fn a_name_knows_its_parent_and_its_depth() {
        let nested = parse("targets/alice/sub").unwrap();
        assert_eq!(nested.parent(), Some(parse("targets/alice").unwrap()));
        assert_eq!(nested.parent().unwrap().parent(), None);
        assert_eq!((nested.depth(), DelegationName::releases().depth()), (2, 1));
        assert_eq!(DelegationName::of_signer("releases").unwrap(), DelegationName::releases());
    }

    #[test]
    fn names_that_are_not_clean_paths_below_targets_are_refused() {
        for text in ["targets", "releases", "target/a", "Targets/a", "/targets/a", ""] {
            assert_eq!(parse(text), Err(DelegationNameError::Base), "{text}");
        }
        for text in ["targets/A", "targets/a.b", "targets/..", "targets/é", "targets/a b", "targets/a%2f"] {
            assert_eq!(parse(text), Err(DelegationNameError::Character), "{text}");
        }
        for text in ["targets/", "targets//a", "targets/a/"] {
            assert_eq!(parse(text), Err(DelegationNameError::Segment), "{text}");
        }
        assert_eq!(parse("targets/a/b/c/d/e"), Err(DelegationNameError::Depth));
        assert_eq!(parse(&format!("targets/{}", "a".repeat(248))), Err(DelegationNameError::Length));
    }
}
