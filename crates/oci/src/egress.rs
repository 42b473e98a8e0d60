//! Which IP addresses may be dialled.
//!
//! Boundary: one question about one address; [`crate::Client`] asks it for every connection on every hop, after name
//! resolution. Invariant: an IPv6 address that carries an IPv4 address is never judged more kindly than that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What no registry needs: this host itself, its link, everybody, and the servers that hand out cloud credentials.
const REFUSED: [&str; 15] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    // Metadata outside the link-local range: Alibaba, Azure, Oracle.
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
    // Metadata again: AWS, Google, Oracle.
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "fd00:c1::a9fe:a9fe/128",
];

/// The guard before every connection: refuses loopback, link-local, metadata, unspecified, multicast and broadcast
/// addresses, and those of the API server, unless they were allowed. Private ranges are fine.
#[derive(Debug, Clone)]
pub struct Egress {
    allowed: Vec<IpNet>,
    refused: Vec<IpNet>,
}

/// Why a list of allowed addresses is unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The entry with this number, from 0, is neither an IP address nor a CIDR range.
    #[error("entry {0} is neither an IP address nor a CIDR range")]
    Entry(usize),
}

impl Egress {
    /// Nothing beside the defaults is allowed.
    pub fn closed() -> Self {
        Self { allowed: Vec::new(), refused: REFUSED.iter().filter_map(|range| parse(range)).collect() }
    }

    /// Allows IP addresses and CIDR ranges; they win over everything that is refused.
    pub fn allowing(entries: &[String]) -> Result<Self, EgressError> {
        let allowed = entries.iter().enumerate().map(|(at, entry)| parse(entry).ok_or(EgressError::Entry(at)));
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()?, ..Self::closed() })
    }

    /// Refuses `addresses` as well: those of the API server.
    #[must_use]
    pub fn refusing(mut self, addresses: &[IpAddr]) -> Self {
        self.refused.extend(addresses.iter().map(|address| IpNet::from(address.to_canonical())));
        self
    }

    /// Whether `address` may be dialled.
    pub fn permits(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        let carried = match canonical {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => carried_ipv4(address).map(IpAddr::V4),
        };
        let faces = [Some(canonical), carried];
        let any_in = |nets: &[IpNet]| faces.iter().flatten().any(|face| nets.iter().any(|net| net.contains(face)));
        any_in(&self.allowed) || !any_in(&self.refused)
    }
}

fn parse(entry: &str) -> Option<IpNet> {
    entry.parse().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The IPv4 address that a translator or tunnel would reach: compatible (RFC 4291, 2.5.5.1), NAT64 (RFC 6052 and 8215),
/// 6to4 (RFC 3056) and Teredo (RFC 4380). Mapped addresses are canonical before.
fn carried_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => Some(pair(high, low)),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] | [0x2002, high, low, ..] => Some(pair(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(pair(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn permits(egress: &Egress, address: &str) -> bool {
        egress.permits(address.parse().unwrap())
    }

    fn allowing(entry: &str) -> Egress {
        Egress::allowing(&[entry.to_owned()]).unwrap()
    }

    #[test]
    fn every_default_range_is_readable() {
        assert_eq!(Egress::closed().refused.len(), REFUSED.len());
    }

    #[test]
    fn public_and_private_addresses_are_fine() {
        for address in ["93.184.216.34", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "2606:4700::1", "fd12::1"] {
            assert!(permits(&Egress::closed(), address), "{address}");
        }
    }

    #[test]
    fn addresses_that_no_registry_has_are_refused() {
        for address in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
        ] {
            assert!(!permits(&Egress::closed(), address), "{address}");
        }
    }

    #[test]
    fn refused_ipv4_addresses_stay_refused_inside_ipv6() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
        ] {
            assert!(!permits(&Egress::closed(), address), "{address}");
        }
        assert!(permits(&Egress::closed(), "64:ff9b::93.184.216.34"));
    }

    #[test]
    fn the_api_server_is_refused_in_every_spelling() {
        let egress = Egress::closed().refusing(&["::ffff:10.96.0.1".parse().unwrap()]);
        assert!(!permits(&egress, "10.96.0.1"));
        assert!(!permits(&egress, "::ffff:10.96.0.1"));
        assert!(!permits(&egress, "64:ff9b::10.96.0.1"));
        assert!(permits(&egress, "10.96.0.2"));
    }

    #[test]
    fn the_operators_own_list_opens_exactly_what_it_names() {
        let egress = allowing("127.0.0.0/8").refusing(&["127.0.0.9".parse().unwrap()]);
        assert!(permits(&egress, "127.0.0.1"));
        assert!(permits(&egress, "127.0.0.9"));
        assert!(permits(&egress, "::ffff:127.0.0.1"));
        assert!(!permits(&egress, "::1"));
        assert!(!permits(&egress, "169.254.169.254"));
        assert!(!permits(&allowing("127.0.0.1"), "127.0.0.2"));
    }

    #[test]
    fn an_unreadable_entry_is_named_by_its_number() {
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.0/8 ", "host:80", "10.0.0"] {
            let entries = ["10.0.0.0/8".to_owned(), entry.to_owned()];
            assert_eq!(Egress::allowing(&entries).unwrap_err(), EgressError::Entry(1), "{entry}");
        }
    }
}
