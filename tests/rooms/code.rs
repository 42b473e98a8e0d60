//! Rust source without its comments and literals: enough for looking at paths, without a parser.

/// The code alone; each literal becomes `""`, each comment a space.
pub(crate) fn only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let word_before = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (skipped, shown) = match next {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), " "),
            '/' if rest.starts_with("/*") => (block_comment(rest), " "),
            '"' => (string(rest), "\"\""),
            'r' | 'b' if !word_before && raw_string(rest).is_some() => (raw_string(rest).unwrap_or(1), "\"\""),
            '\'' if character(rest).is_some() => (character(rest).unwrap_or(1), "\"\""),
            _ => (next.len_utf8(), ""),
        };
        let (taken, after) = rest.split_at(skipped.min(rest.len()));
        code.push_str(if shown.is_empty() { taken } else { shown });
        rest = after;
    }
    code
}

/// Comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        match rest.get(..2) {
            Some("/*") => (depth, at) = (depth + 1, at + 2),
            Some("*/") if depth == 1 => return at + 2,
            Some("*/") => (depth, at) = (depth - 1, at + 2),
            None if rest.len() < 2 => break,
            _ => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"..."`, `br#"..."#` and so on; `None` for a word that begins alike.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = if text.starts_with("br") { 2 } else { usize::from(text.starts_with('r')) };
    let hashes = text.get(prefix..)?.chars().take_while(|c| *c == '#').count();
    let body = text.get(prefix + hashes..)?.strip_prefix('"')?;
    if prefix == 0 {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(prefix + hashes + 1 + body.find(&end)? + end.len())
}

/// A character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        return characters.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}
