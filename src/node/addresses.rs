//! The addresses at which this machine's node can be reached, and the name it goes by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::address::AddressPort;
use crate::proto::id::{NodeId, NodeName};
use crate::proto::limits::NODE_NAME_SIZE_MAX;

/// Somewhere in the Internet, where nobody is (RFC 5737): asked for the way there, a machine tells which of its
/// addresses others know it by.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// What a node listening on `listening` tells others to dial, best first. The first one's IP is its place on the
/// ring, so that one who knows better says so with `advertise`.
pub(crate) fn advertised(listening: SocketAddr, advertise: Option<AddressPort>) -> Vec<SocketAddr> {
    match advertise {
        Some(address) => vec![address.or_port(listening.port())],
        None if listening.ip().is_unspecified() => {
            let mut ips = of_interfaces(listening.is_ipv6());
            let outward = outward();
            ips.sort_by_key(|ip| (Some(*ip) != outward, rank(ip), *ip));
            // One's own loopback means nothing to others; it is told only when there is nothing else.
            if ips.iter().any(|ip| !ip.is_loopback()) {
                ips.retain(|ip| !ip.is_loopback());
            }
            let port = listening.port();
            ips.into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect()
        }
        None => vec![listening],
    }
}

/// Whether this machine has an address that others could reach.
pub(crate) fn has_network() -> bool {
    of_interfaces(true).iter().any(|ip| !ip.is_loopback())
}

/// This machine's addresses.
pub(crate) fn ours() -> Vec<IpAddr> {
    of_interfaces(true)
}

/// The name of a node that was given none: the machine's, and the beginning of the key, since a machine may run
/// several.
pub(crate) fn default_name(key: NodeId) -> NodeName {
    let short = key.short();
    let mut host: String = gethostname::gethostname()
        .to_string_lossy()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    while host.len() + 1 + short.len() > NODE_NAME_SIZE_MAX {
        host.pop();
    }
    NodeName::parse(&format!("{host}-{short}"))
        .or_else(|_| NodeName::parse(&short))
        .expect("base32 is a name")
}

/// Addresses of interfaces that are up; those that need an interface's name to be dialled are left out.
fn of_interfaces(with_v6: bool) -> Vec<IpAddr> {
    let interfaces = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::debug!(%error, "asking for this machine's addresses");
            return vec![IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];
        }
    };
    interfaces
        .iter()
        .filter(|interface| interface.is_oper_up() || interface.is_loopback())
        .map(if_addrs::Interface::ip)
        .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .filter(|ip| with_v6 || ip.is_ipv4())
        .collect()
}

/// The address of the interface that leads outward, if any does. Those of container and machine bridges look like
/// any other, are the same on many machines, and lead nowhere. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ANYWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// IPv4 first, since every peer of a small network has it; the loopback last.
fn rank(ip: &IpAddr) -> u8 {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() => 5,
        IpAddr::V4(v4) if v4.is_link_local() => 4,
        IpAddr::V4(v4) if v4.is_private() => 1,
        IpAddr::V4(_) => 0,
        IpAddr::V6(v6) if *v6 == Ipv6Addr::LOCALHOST => 6,
        IpAddr::V6(v6) if v6.is_unique_local() => 3,
        IpAddr::V6(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_listens_on_one_address_advertises_that_one() {
        let listening = "127.0.0.2:7700".parse().unwrap();
        assert_eq!(advertised(listening, None), [listening]);
        let told = "192.0.2.7".parse().unwrap();
        assert_eq!(
            advertised(listening, Some(told)),
            ["192.0.2.7:7700".parse().unwrap()]
        );
    }

    #[test]
    fn a_node_that_listens_on_all_advertises_what_others_can_dial() {
        let told = advertised("[::]:7700".parse().unwrap(), None);
        assert!(!told.is_empty());
        assert!(told.iter().all(|at| !at.ip().is_unspecified()), "{told:?}");
        let outside = told.iter().filter(|at| !at.ip().is_loopback()).count();
        assert!(outside == 0 || outside == told.len(), "{told:?}");
    }

    #[test]
    fn a_default_name_tells_the_machine_and_the_key() {
        let name = default_name(NodeId([7; 32]));
        assert!(name.as_str().ends_with(&NodeId([7; 32]).short()), "{name}");
    }
}
