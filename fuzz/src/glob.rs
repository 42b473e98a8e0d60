//! A second reading of globs, as plain as can be, to hold the operator's against.

/// Whether the glob is the text: `*` stays inside one path component, `**` crosses them. Takes exponential time.
pub(crate) fn is_match(glob: &str, text: &str) -> bool {
    if let Some(rest) = glob.strip_prefix("**") {
        return tails(text).any(|tail| is_match(rest, tail));
    }
    if let Some(rest) = glob.strip_prefix('*') {
        let component = text.find('/').unwrap_or(text.len());
        return tails(text).take(component + 1).any(|tail| is_match(rest, tail));
    }
    match (glob.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(a), Some(b)) if a == b => is_match(glob.get(1..).unwrap_or_default(), text.get(1..).unwrap_or_default()),
        _ => false,
    }
}

/// The text, and what is left of it from every later position on; patterns and paths are ASCII.
fn tails(text: &str) -> impl Iterator<Item = &str> {
    (0..=text.len()).filter_map(|at| text.get(at..))
}
