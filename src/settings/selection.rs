//! Namespaces by name, with `*` for any run of characters.

use super::mistake::Mistake;
use super::raw::RawSelection;

const MOST: usize = 256;
const MOST_NAME: usize = 63;

/// Which namespaces: the included ones without the excluded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Selection {
    pub(super) fn parse(raw: RawSelection, path: &str, mistakes: &mut Vec<Mistake>) -> Self {
        for (list, names) in [("include", &raw.include), ("exclude", &raw.exclude)] {
            if names.len() > MOST {
                mistakes.push(Mistake::new(format!("{path}.{list}"), format!("has more than {MOST} entries")));
            }
            let unusable = names.iter().enumerate().filter(|(_, name)| !is_pattern(name));
            mistakes.extend(unusable.map(|(at, _)| Mistake::new(format!("{path}.{list}[{at}]"), "is no name of a namespace")));
        }
        Self { include: raw.include, exclude: raw.exclude }
    }

    /// Whether the namespace is one of them.
    pub fn contains(&self, namespace: &str) -> bool {
        let among = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, namespace));
        (self.include.is_empty() || among(&self.include)) && !among(&self.exclude)
    }
}

fn is_pattern(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
    !text.is_empty() && text.len() <= MOST_NAME && text.chars().all(allowed)
}

/// The pieces between the stars must follow each other; the first begins the name, the last ends it.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, others)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces = others.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Selection { include: own(include), exclude: own(exclude) }
    }

    #[test]
    fn without_a_word_it_is_every_namespace() {
        assert!(selection(&[], &[]).contains("shop"));
    }

    #[test]
    fn what_is_excluded_is_out_even_when_it_is_included() {
        let some = selection(&["team-*", "shop"], &["*-sandbox"]);
        assert!(some.contains("team-a") && some.contains("shop"));
        assert!(!some.contains("team-a-sandbox") && !some.contains("bank"));
    }

    #[test]
    fn a_star_is_any_run_of_characters_and_a_pattern_is_anchored() {
        for (pattern, name) in [("*", "a"), ("a*", "a"), ("*a", "ba"), ("a*c", "abbc"), ("a*b*c", "a-b-b-c"), ("a**b", "ab")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("b*", "ab"), ("*a", "ab"), ("a*b*c", "acb"), ("ab*ba", "aba")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
