//! Names of our objects, as their authors write them and as we hold them.

use std::fmt;

use serde::{Serialize, Serializer};

/// An object's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name within it.
    pub name: String,
}

/// Why a text names no object that its author may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a name that Kubernetes would accept.
    #[error("not an object name (lower-case letters, digits, '-' and '.')")]
    Malformed,
    /// A namespace other than the operator's was named.
    #[error("only objects of the same namespace (NAME) or of the operator namespace (OPERATOR-NAMESPACE/NAME) can be named")]
    ForeignNamespace,
}

impl ObjectName {
    /// A name from its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Reads a name as an object in `namespace` writes it: bare, or with the operator namespace in front.
    pub fn resolve(text: &str, namespace: &str, operator_namespace: &str) -> Result<Self, NameError> {
        let (space, name) = match text.split_once('/') {
            None => (namespace, text),
            Some((space, _)) if !is_dns_name(space) => return Err(NameError::Malformed),
            Some((space, name)) if space == operator_namespace => (space, name),
            Some(_) => return Err(NameError::ForeignNamespace),
        };
        if is_dns_name(name) { Ok(Self::new(space, name)) } else { Err(NameError::Malformed) }
    }
}

/// RFC 1123 subdomain, as Kubernetes demands of object names.
pub(super) fn is_dns_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 253 && text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_of_the_authors_namespace() {
        assert_eq!(ObjectName::resolve("release", "shop", "bonafide-system"), Ok(ObjectName::new("shop", "release")));
    }

    #[test]
    fn the_operator_namespace_can_be_named_from_anywhere() {
        assert_eq!(
            ObjectName::resolve("bonafide-system/release", "shop", "bonafide-system"),
            Ok(ObjectName::new("bonafide-system", "release"))
        );
    }

    #[test]
    fn no_other_namespace_can_be_named() {
        assert_eq!(ObjectName::resolve("bank/release", "shop", "bonafide-system"), Err(NameError::ForeignNamespace));
        assert_eq!(ObjectName::resolve("shop/release", "shop", "bonafide-system"), Err(NameError::ForeignNamespace));
    }

    #[test]
    fn what_kubernetes_would_not_accept_is_no_name() {
        for text in ["", "/", "bonafide-system/", "/a", "A", "-a", "a_b", "bonafide-system/a/b", "bonafide-system/../x"] {
            assert_eq!(ObjectName::resolve(text, "shop", "bonafide-system"), Err(NameError::Malformed), "{text}");
        }
    }
}
