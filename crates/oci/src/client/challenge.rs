//! `WWW-Authenticate` (RFC 9110, section 11.6.1), of which registries speak `Bearer` and `Basic`.
//!
//! Boundary: reads; who may be believed is decided in `auth`. Invariant: the `scope` that a server asks for is not even
//! kept, and a parameter given twice makes its challenge unreadable.

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use url::Url;

/// How a registry wants to be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With a token from this realm for this service.
    Bearer { realm: Url, service: Option<String> },
    /// With user name and password.
    Basic,
}

/// The best readable challenge: `Bearer` before `Basic`.
pub(super) fn read(headers: &HeaderMap) -> Option<Challenge> {
    let lines = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let challenges: Vec<RawChallenge> = lines.flat_map(split).collect();
    let bearer = challenges.iter().find_map(RawChallenge::bearer);
    bearer.or_else(|| challenges.iter().any(|raw| raw.is("basic")).then_some(Challenge::Basic))
}

struct RawChallenge<'a> {
    scheme: &'a str,
    parameters: BTreeMap<String, String>,
    ambiguous: bool,
}

impl RawChallenge<'_> {
    fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    fn bearer(&self) -> Option<Challenge> {
        if !self.is("bearer") || self.ambiguous {
            return None;
        }
        let realm = Url::parse(self.parameters.get("realm")?).ok()?;
        Some(Challenge::Bearer { realm, service: self.parameters.get("service").cloned() })
    }
}

/// A word followed by `=` is a parameter of the challenge before it, any other word starts a challenge.
fn split(line: &str) -> Vec<RawChallenge<'_>> {
    let mut challenges: Vec<RawChallenge<'_>> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match (value.map(take_value), challenges.last_mut()) {
            (Some((value, after)), Some(challenge)) => {
                let before = challenge.parameters.insert(word.to_ascii_lowercase(), value);
                challenge.ambiguous |= before.is_some();
                rest = after;
            }
            (None, _) if !word.is_empty() => {
                challenges.push(RawChallenge { scheme: word, parameters: BTreeMap::new(), ambiguous: false });
                rest = after;
            }
            // The end, or a parameter of nothing.
            _ => return challenges,
        }
    }
}

/// A token or quoted string, and what follows it. A quote that is never closed ends with the line.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find([' ', '\t', ',']).unwrap_or(text.len()));
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::WWW_AUTHENTICATE, line.parse().unwrap());
        }
        read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        let realm = Url::parse(realm).ok()?;
        Some(Challenge::Bearer { realm, service: service.map(str::to_owned) })
    }

    #[test]
    fn a_bearer_challenge_names_realm_and_service() {
        let expected = bearer("https://auth.io/token", Some("reg, the \"best\""));
        for line in [
            r#"Bearer realm="https://auth.io/token",service="reg, the \"best\"",scope="repository:x:pull,push""#,
            r#"bearer  Realm = "https://auth.io/token" ,SERVICE="reg, the \"best\"""#,
            r#"Negotiate, Basic realm="x", Bearer service="reg, the \"best\"",realm="https://auth.io/token""#,
        ] {
            assert_eq!(of(&[line]), expected, "{line}");
        }
        assert_eq!(of(&["Bearer realm=https://auth.io/token"]), bearer("https://auth.io/token", None));
    }

    #[test]
    fn bearer_wins_over_basic_wherever_it_stands() {
        let lines = ["Basic realm=\"x\"", "Bearer realm=\"https://auth.io/\""];
        assert_eq!(of(&lines), bearer("https://auth.io/", None));
        assert_eq!(of(&["Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(of(&["BASIC"]), Some(Challenge::Basic));
    }

    #[test]
    fn unreadable_challenges_are_none() {
        for line in [
            "",
            "Bearer",
            "Bearer realm=\"\"",
            "Bearer realm=\"/relative\"",
            "realm=\"https://auth.io\"",
            "=",
            "Negotiate abc==",
            "Bearer realm=\"https://a.io\",realm=\"https://b.io\"",
            ",,,",
        ] {
            assert_eq!(of(&[line]), None, "{line}");
        }
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_with_the_line() {
        assert_eq!(of(&["Bearer realm=\"https://auth.io/x"]), bearer("https://auth.io/x", None));
        assert_eq!(of(&["Bearer realm=\"https://auth.io/x\\"]), bearer("https://auth.io/x", None));
    }
}
