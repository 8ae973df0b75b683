//! Addresses at which a peer may be, and which of them are worth a probe.

use std::net::{IpAddr, SocketAddr};

/// The first port that is not kept for services of the system. Name and time servers below it answer strangers at
/// length; no router gives such a port to a client (RFC 4787, section 4.2.2).
const FIRST_PORT: u16 = 1024;

/// Whether an address that a peer gives is probed at all: one that could be that of a machine on a network we share
/// with it. What is left out would reach ourselves, everybody at once, or nobody.
#[must_use]
pub fn is_probed(address: SocketAddr) -> bool {
    let is_somebody = match address.ip() {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            !(first == 0 || first >= 224 || ip.is_loopback() || ip.is_link_local())
        }
        IpAddr::V6(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || ip.to_ipv4().is_some())
        }
    };
    is_somebody && address.port() >= FIRST_PORT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_single_other_machines_are_probed() {
        for (address, expected) in [
            ("203.0.113.7:40112", true),
            ("192.168.1.2:7700", true),
            ("100.64.3.4:50000", true),
            ("[2001:db8::7]:40112", true),
            ("[fd00::7]:40112", true),
            ("127.0.0.1:7700", false),
            ("127.200.0.1:7700", false),
            ("0.0.0.0:7700", false),
            ("0.1.2.3:7700", false),
            ("224.0.0.251:5353", false),
            ("255.255.255.255:7700", false),
            ("240.0.0.1:7700", false),
            ("169.254.169.254:7700", false),
            ("203.0.113.7:53", false),
            ("203.0.113.7:0", false),
            ("[::]:7700", false),
            ("[::1]:7700", false),
            ("[::ffff:127.0.0.1]:7700", false),
            ("[::ffff:203.0.113.7]:7700", false),
            ("[ff02::fb]:5353", false),
            ("[fe80::1]:7700", false),
        ] {
            assert_eq!(is_probed(address.parse().unwrap()), expected, "{address}");
        }
    }
}
