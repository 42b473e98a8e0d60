//! Which tags a delegation may speak for (specification, section 3a, "Delegation lookup").

/// Plain string prefixes; no prefix at all means no tag at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths(Vec<String>);

impl Paths {
    /// What `targets` itself may speak for.
    pub(crate) fn everything() -> Paths {
        Paths(vec![String::new()])
    }

    pub(crate) fn new(prefixes: Vec<String>) -> Paths {
        Paths(prefixes)
    }

    /// What is left of a child's paths below a parent that may speak for `self`: a child gets nothing that its parent
    /// does not have, and a child's prefix that is broader than its parent's is dropped, not narrowed.
    pub(crate) fn narrowed_to(&self, child: &Paths) -> Paths {
        Paths(child.0.iter().filter(|prefix| self.allow(prefix)).cloned().collect())
    }

    pub(crate) fn allow(&self, tag: &str) -> bool {
        self.0.iter().any(|prefix| tag.starts_with(prefix.as_str()))
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Paths;

    fn paths(prefixes: &[&str]) -> Paths {
        Paths::new(prefixes.iter().map(|prefix| (*prefix).to_owned()).collect())
    }

    #[test]
    fn a_child_keeps_only_paths_inside_those_of_its_parent() {
        let parent = Paths::everything().narrowed_to(&paths(&["2.", "3.1"]));
        assert_eq!(parent.narrowed_to(&paths(&["2.5", "3.", "4.", ""])), paths(&["2.5"]));
        assert_eq!(parent.narrowed_to(&paths(&[])), paths(&[]));
    }

    #[test]
    fn the_empty_prefix_allows_all_and_no_prefix_allows_nothing() {
        assert!(Paths::everything().allow("1.0"));
        assert!(!paths(&[]).allow("1.0"));
        assert!(paths(&["1"]).allow("10") && !paths(&["1."]).allow("10"));
    }
}
