//! The glob inside a pattern: `*` stays inside one path component, `**` crosses them.
//!
//! Invariant: matching takes time in the product of the two lengths at most, whatever pattern a tenant writes.

/// A compiled glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// The literal text before the first wildcard, or all of it without one: most mismatches end here.
    prefix: String,
    /// From the first wildcard to the last.
    middle: Vec<Token>,
    /// The literal text after the last wildcard: most others end here, and seldom is anything left to be run over.
    suffix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// Any run of characters but `/`, the empty one too.
    Star,
    /// Any run of characters, the empty one too.
    DoubleStar,
}

impl Glob {
    pub(super) fn everything() -> Self {
        Self { prefix: String::new(), middle: vec![Token::DoubleStar], suffix: String::new() }
    }

    /// A glob over repository paths; the error is the position of the first wrong character.
    pub(super) fn path(text: &str) -> Result<Self, usize> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/');
        if text.starts_with('/') {
            return Err(0);
        }
        if text.ends_with('/') {
            return Err(text.len() - 1);
        }
        if let Some(at) = text.find("//") {
            return Err(at + 1);
        }
        Self::read(text, allowed, 2)
    }

    /// A glob over tags, with the same error.
    pub(super) fn tag(text: &str) -> Result<Self, usize> {
        if text.is_empty() {
            return Err(0);
        }
        Self::read(text, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'), 1)
    }

    fn read(text: &str, allowed: impl Fn(char) -> bool, most_stars: usize) -> Result<Self, usize> {
        let mut tokens = Vec::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            if c != '*' {
                tokens.push(if allowed(c) { Token::Literal(c) } else { return Err(at) });
                continue;
            }
            let mut stars = 1;
            while characters.next_if(|(_, c)| *c == '*').is_some() {
                stars += 1;
            }
            tokens.push(match stars {
                1 => Token::Star,
                2 if most_stars == 2 => Token::DoubleStar,
                _ => return Err(at + most_stars),
            });
        }
        let prefix: String = tokens.iter().map_while(|token| token.literal()).collect();
        let mut middle = tokens.split_off(prefix.chars().count());
        let wild = middle.iter().rposition(|token| token.literal().is_none()).map_or(0, |last| last + 1);
        let suffix = middle.split_off(wild).into_iter().filter_map(Token::literal).collect();
        Ok(Self { prefix, middle, suffix })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        // One after the other: what the prefix took is not there for the suffix.
        let between = text.strip_prefix(&self.prefix).and_then(|rest| rest.strip_suffix(&self.suffix));
        let Some(text) = between else { return false };
        match self.middle.as_slice() {
            [] => text.is_empty(),
            [Token::DoubleStar] => true,
            [Token::Star] => !text.contains('/'),
            middle => run(middle, text.chars(), |token, c| match token {
                Token::Literal(literal) => literal == c,
                Token::Star => c != '/',
                Token::DoubleStar => true,
            }),
        }
    }

    /// Whether everything that `other` matches is surely matched: its wildcards are read as symbols that only wildcards absorb.
    pub(super) fn covers(&self, other: &Self) -> bool {
        // What follows our literal prefix can only be matched where theirs begins with it, too.
        let Some(further) = other.prefix.strip_prefix(&self.prefix) else { return false };
        match self.middle.as_slice() {
            [] => return further.is_empty() && other.middle.is_empty(),
            [Token::DoubleStar] if self.suffix.is_empty() => return true,
            _ => {}
        }
        let mine: Vec<Token> = self.after_prefix().collect();
        run(&mine, further.chars().map(Token::Literal).chain(other.after_prefix()), |mine, theirs| match (mine, theirs) {
            (Token::DoubleStar, _) | (Token::Star, Token::Star) => true,
            (Token::Star, Token::Literal(c)) => c != '/',
            (Token::Literal(a), Token::Literal(b)) => a == b,
            (Token::Star | Token::Literal(_), _) => false,
        })
    }

    fn after_prefix(&self) -> impl Iterator<Item = Token> {
        self.middle.iter().copied().chain(self.suffix.chars().map(Token::Literal))
    }
}

impl Token {
    fn literal(self) -> Option<char> {
        match self {
            Self::Literal(c) => Some(c),
            Self::Star | Self::DoubleStar => None,
        }
    }
}

/// Runs the tokens over the symbols, all positions at once: `at[i]` says whether the first `i` tokens match what was read.
fn run<S: Copy>(tokens: &[Token], symbols: impl Iterator<Item = S>, takes: impl Fn(Token, S) -> bool) -> bool {
    let mut at = vec![false; tokens.len() + 1];
    at.iter_mut().take(1 + tokens.iter().take_while(|token| token.literal().is_none()).count()).for_each(|reached| *reached = true);
    let mut next = vec![false; tokens.len() + 1];
    for symbol in symbols {
        // Nothing is reached before the first token any more.
        let mut before = false;
        for (i, token) in tokens.iter().enumerate() {
            let (here, there) = (at.get(i).copied().unwrap_or(false), at.get(i + 1).copied().unwrap_or(false));
            let reached = match token {
                Token::Literal(_) => here && takes(*token, symbol),
                // Reached by taking this symbol, or by taking nothing more after the token before was reached.
                Token::Star | Token::DoubleStar => ((here || there) && takes(*token, symbol)) || before,
            };
            if let Some(slot) = next.get_mut(i + 1) {
                *slot = reached;
            }
            before = reached;
        }
        std::mem::swap(&mut at, &mut next);
        if let Some(start) = at.first_mut() {
            *start = false;
        }
    }
    at.last().copied().unwrap_or(false)
}
