//! The common name of a root certificate is the only place where trust data names its repository.

use crate::name::Gun;

/// How a common name relates to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// It is the repository, or a prefix of it followed by `*`.
    Names,
    /// It is `*` and says nothing.
    Anything,
    /// It is another repository.
    Another,
}

/// Compares exactly; a `*` is a wildcard only at the end (specification, section 3a, root validation b).
pub(super) fn naming(common_name: &str, gun: &Gun) -> Naming {
    match common_name.strip_suffix('*') {
        Some("") => Naming::Anything,
        Some(prefix) if gun.as_str().starts_with(prefix) => Naming::Names,
        None if common_name == gun.as_str() => Naming::Names,
        _ => Naming::Another,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::{Naming, naming};

    #[test]
    fn only_the_repository_or_a_prefix_with_a_star_names_it() {
        let gun = "registry.test/team/app".parse().unwrap();
        for name in ["registry.test/team/app", "registry.test/team/*", "registry.test/team/app*", "reg*"] {
            assert_eq!(naming(name, &gun), Naming::Names, "{name}");
        }
        for name in ["", "registry.test/team/ap", "registry.test/team/app2", "registry.test/team/", "*app", "r*p", "Registry.test/team/app"]
        {
            assert_eq!(naming(name, &gun), Naming::Another, "{name}");
        }
        assert_eq!(naming("*", &gun), Naming::Anything);
    }
}
