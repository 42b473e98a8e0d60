//! Who asks: somebody on this machine, somebody with a token, or nobody that we know.
//!
//! Invariant: only the peer of the connection makes a caller local. What the request says of itself can take that away
//! and never gives it.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{AUTHORIZATION, FORWARDED, HOST, HeaderName, VIA};
use http::uri::Authority;

/// Tokens of service accounts have about a thousand bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
const SCHEME: &str = "bearer ";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Reaches the port of this machine, as `kubectl port-forward` does. Nobody asks for its token.
    Local,
    /// Says to be somebody.
    Token(String),
    /// Says nothing that we understand.
    Nobody,
}

impl Caller {
    /// Whoever shows a token is judged by it, wherever the request comes from.
    pub(super) fn of(peer: Option<Peer>, headers: &HeaderMap) -> Self {
        if headers.contains_key(AUTHORIZATION) {
            return token(headers).map_or(Self::Nobody, Self::Token);
        }
        match peer {
            Some(peer) if is_loopback(peer) && names_this_machine(headers) && !was_forwarded(headers) => Self::Local,
            _ => Self::Nobody,
        }
    }
}

fn is_loopback(Peer(address): Peer) -> bool {
    address.to_canonical().is_loopback()
}

/// A page of another site can point its own name at 127.0.0.1 and let a browser ask; such a request bears that name. So
/// does one to a port-forward that listens for a whole network.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = only(headers, &HOST).and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = host.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| is_loopback(Peer(address)))
}

/// A proxy beside us speaks for somebody else.
fn was_forwarded(headers: &HeaderMap) -> bool {
    [FORWARDED, FORWARDED_FOR, VIA].iter().any(|name| headers.contains_key(name))
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = only(headers, &AUTHORIZATION)?;
    let scheme = value.get(..SCHEME.len())?;
    let token = value.get(SCHEME.len()..)?.trim();
    let is_token = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case(SCHEME) && is_token).then(|| token.to_owned())
}

/// A header that is there once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn of(peer: &str, headers: &[(&'static str, &str)]) -> Caller {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        Caller::of(Some(Peer(peer.parse().unwrap())), &headers)
    }

    const HERE: (&str, &str) = ("host", "localhost:8081");

    #[test]
    fn who_reaches_this_machine_by_its_own_names_is_local() {
        for host in ["localhost", "LocalHost:8081", "127.0.0.1:8081", "[::1]:8081", "127.1.2.3"] {
            assert_eq!(of("127.0.0.1", &[("host", host)]), Caller::Local, "{host}");
        }
        assert_eq!(of("::1", &[HERE]), Caller::Local);
        assert_eq!(of("::ffff:127.0.0.1", &[HERE]), Caller::Local);
    }

    #[test]
    fn no_header_makes_a_stranger_local() {
        for header in
            [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("x-real-ip", "127.0.0.1"), ("via", "1.1 localhost")]
        {
            assert_eq!(of("10.0.0.7", &[HERE, header]), Caller::Nobody, "{header:?}");
        }
        assert_eq!(of("::ffff:10.0.0.7", &[HERE]), Caller::Nobody);
        assert_eq!(Caller::of(None, &HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())])), Caller::Nobody);
    }

    #[test]
    fn a_name_that_another_site_pointed_here_is_not_local() {
        for host in ["evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.example.com", "10.0.0.7:8081", "", "a b"] {
            assert_eq!(of("127.0.0.1", &[("host", host)]), Caller::Nobody, "{host:?}");
        }
        assert_eq!(of("127.0.0.1", &[]), Caller::Nobody);
        assert_eq!(of("127.0.0.1", &[HERE, ("host", "evil.example.com")]), Caller::Nobody);
    }

    #[test]
    fn a_proxy_beside_us_is_not_local() {
        for name in ["x-forwarded-for", "forwarded", "via"] {
            assert_eq!(of("127.0.0.1", &[HERE, (name, "x")]), Caller::Nobody, "{name}");
        }
    }

    #[test]
    fn who_shows_a_token_is_judged_by_it_also_from_here() {
        for peer in ["127.0.0.1", "10.0.0.7"] {
            assert_eq!(of(peer, &[HERE, ("authorization", "Bearer abc.d-e_f")]), Caller::Token("abc.d-e_f".to_owned()));
            assert_eq!(of(peer, &[HERE, ("authorization", "bearer  abc ")]), Caller::Token("abc".to_owned()));
        }
    }

    #[test]
    fn what_is_no_token_is_nobody() {
        let long = format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1));
        for value in ["Basic YTpi", "Bearer", "Bearer ", "Bearerabc", "Bearer a b", "Bearer \u{e4}", &long] {
            assert_eq!(of("127.0.0.1", &[HERE, ("authorization", value)]), Caller::Nobody, "{value:?}");
        }
        assert_eq!(of("127.0.0.1", &[HERE, ("authorization", "Bearer a"), ("authorization", "Bearer b")]), Caller::Nobody);
    }
}
