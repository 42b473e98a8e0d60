//! Text from images, signers and servers, made fit for being shown (security rule 28).

use std::fmt::Write as _;

const CUT: char = '…';

/// At most `most` characters of `text`, with everything escaped that a terminal or a page could obey.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut length = 0;
    for character in text.chars() {
        let mut piece = String::new();
        if commands(character) {
            // Writing to a String cannot fail.
            let _ = write!(piece, "{}", character.escape_unicode());
        } else {
            piece.push(character);
        }
        length += piece.chars().count();
        if length > most {
            return cut(shown, most);
        }
        shown.push_str(&piece);
    }
    shown
}

fn cut(mut shown: String, most: usize) -> String {
    while shown.chars().count() >= most.max(1) {
        shown.pop();
    }
    shown.push(CUT);
    shown
}

/// Control characters, line separators, and marks that reverse the direction of what follows.
fn commands(character: char) -> bool {
    character.is_control() || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(shown("1 signature found, by key Ärger", 512), "1 signature found, by key Ärger");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(shown("a\u{1b}[2Jb\nc\u{202e}d", 512), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shown("äöüß", 4), "äöüß");
        assert_eq!(shown("äöüß!", 4), "äöü…");
        assert_eq!(shown(&"ä".repeat(100_000), 512).chars().count(), 512);
    }

    #[test]
    fn an_escape_counts_with_its_full_length() {
        assert_eq!(shown(&"\u{1}".repeat(1_000), 12), "\\u{1}\\u{1}…");
    }
}
