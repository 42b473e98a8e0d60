//! Registry hosts, in the one spelling under which they are compared.
//!
//! Boundary: text only; nothing here resolves or dials. Invariant: a [`Host`] read back from its own text is the same
//! host, also as the first part of a reference, and a URL parser reads its name as the same name.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use url::Url;

/// Docker Hub, as people write it.
const DOCKER_HUB: &str = "docker.io";
/// Docker Hub's other names.
const DOCKER_HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
/// Where Docker Hub serves its API.
const DOCKER_HUB_API: &str = "registry-1.docker.io";
/// RFC 1035, section 2.3.4.
const MAX_NAME_LENGTH: usize = 253;
const DEFAULT_PORT: u16 = 443;

/// A registry's `host[:port]`, lower-case and without `:443`; Docker Hub's aliases are `docker.io`.
///
/// A name without a dot keeps its port, `:443` too: without it, the name would read as a Docker Hub namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// Why a text is no literal host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The name is neither a DNS name nor an IP address, or is one that programs read differently.
    #[error("not a host name or IP address")]
    Name,
    /// The port is no number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
}

impl Host {
    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is Docker Hub, whose API and token server live under names of their own.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }

    /// The authority that serves the registry API of this host.
    pub(crate) fn api_authority(&self) -> &str {
        if self.is_docker_hub() { DOCKER_HUB_API } else { &self.0 }
    }

    /// The names under which the host of `url` can have been configured, best first.
    ///
    /// There are two for plain HTTP on port 80, which may be written out or not.
    pub fn of_url(url: &Url) -> Vec<Self> {
        let Some(name) = url.host_str() else { return Vec::new() };
        let with = |port: u16| format!("{name}:{port}");
        let texts = match (url.port(), url.scheme()) {
            (Some(port), _) => vec![with(port)],
            (None, "http") => vec![with(80), name.to_owned()],
            (None, _) => vec![name.to_owned()],
        };
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, port) = split_port(text)?;
        let name = normalised_name(name)?;
        let keeps_port = !name.contains(['.', ':']) && name != "localhost";
        let host = match port {
            None if keeps_port => format!("{name}:{DEFAULT_PORT}"),
            Some(port) if port != DEFAULT_PORT || keeps_port => format!("{name}:{port}"),
            _ => name,
        };
        let is_hub = DOCKER_HUB_ALIASES.contains(&host.as_str());
        Ok(Self(if is_hub { DOCKER_HUB.to_owned() } else { host }))
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), HostError> {
    let colon = text.rfind(':').filter(|_| !text.ends_with(']'));
    let Some((name, port)) = colon.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) else {
        return Ok((text, None));
    };
    // Without leading zeros or a sign: each port has one spelling.
    match port.parse::<u16>() {
        Ok(number) if number != 0 && number.to_string() == port => Ok((name, Some(number))),
        _ => Err(HostError::Port),
    }
}

fn normalised_name(name: &str) -> Result<String, HostError> {
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| HostError::Name)?;
        return Ok(format!("[{address}]"));
    }
    let name = name.to_ascii_lowercase();
    if name.len() > MAX_NAME_LENGTH || !name.split('.').all(is_label) {
        return Err(HostError::Name);
    }
    // `127.1` and `0x7f000001` are addresses to a URL parser, and names to others.
    match url::Host::parse(&name) {
        Ok(parsed) if parsed.to_string() == name => Ok(name),
        _ => Err(HostError::Name),
    }
}

/// RFC 1123, section 2.1, without the upper-case letters.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn host(text: &str) -> String {
        text.parse::<Host>().unwrap().to_string()
    }

    #[test]
    fn hosts_are_lower_case_and_drop_the_default_port() {
        assert_eq!(host("Registry.Example.COM"), "registry.example.com");
        assert_eq!(host("registry.example.com:443"), "registry.example.com");
        assert_eq!(host("registry.example.com:5000"), "registry.example.com:5000");
        assert_eq!(host("localhost:443"), "localhost");
        assert_eq!(host("[2001:DB8:0::1]:443"), "[2001:db8::1]");
        assert_eq!(host("[::1]:5000"), "[::1]:5000");
    }

    #[test]
    fn docker_hub_has_one_name() {
        for text in ["docker.io", "index.docker.io", "registry-1.docker.io", "Index.Docker.IO:443"] {
            assert_eq!(host(text), "docker.io");
        }
        assert_eq!("docker.io".parse::<Host>().unwrap().api_authority(), "registry-1.docker.io");
        assert_eq!(host("docker.io:5000"), "docker.io:5000");
    }

    #[test]
    fn a_name_without_a_dot_keeps_its_port() {
        assert_eq!(host("registry"), "registry:443");
        assert_eq!(host("registry:443"), "registry:443");
    }

    #[test]
    fn every_host_reads_back_as_itself() {
        for text in ["a.b", "registry", "[::1]", "10.0.0.1:80", "localhost", "index.docker.io"] {
            assert_eq!(host(&host(text)), host(text));
        }
    }

    #[test]
    fn names_that_are_read_differently_elsewhere_are_refused() {
        for text in [
            "127.1",
            "0x7f000001",
            "2130706433.1",
            "010.0.0.1",
            "a..b",
            "a.b.",
            "-a.b",
            "a_b.c",
            "ä.de",
            "",
            "user@host.com",
            "host.com/path",
            "*.example.com",
            "::1",
            "[::1",
            "[::1%eth0]",
            "[::1]x",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_has_one_spelling() {
        for text in ["a.b:", "a.b:0", "a.b:0443", "a.b:+443", "a.b:65536", "a.b:x", "[::1]:"] {
            assert_eq!(text.parse::<Host>(), Err(HostError::Port), "{text}");
        }
    }

    #[test]
    fn port_80_of_plain_http_may_be_written_or_not() {
        let url = Url::parse("http://registry.example.com/v2/").unwrap();
        let names: Vec<String> = Host::of_url(&url).iter().map(Host::to_string).collect();
        assert_eq!(names, ["registry.example.com:80", "registry.example.com"]);
    }
}
