//! The router that leads out of here, as the kernel of Linux tells it (proc_net(5)). On other systems the addresses
//! that were set aside for asking it are taken: the nearest router that listens.

use std::net::{IpAddr, SocketAddr};

use super::gateway::PORT;
#[cfg(target_os = "linux")]
use linux::router;
#[cfg(not(target_os = "linux"))]
use other::router;

/// Where to ask whoever leads packets from this address out of here.
pub(super) fn find(from: IpAddr) -> Option<SocketAddr> {
    let mut router = router(from)?;
    router.set_port(PORT);
    Some(router)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{IpAddr, SocketAddr, SocketAddrV6};

    use super::text;

    pub(super) fn router(from: IpAddr) -> Option<SocketAddr> {
        match from {
            IpAddr::V4(_) => {
                let ip = text::default_v4(&std::fs::read_to_string("/proc/net/route").ok()?)?;
                Some(SocketAddr::new(ip.into(), 0))
            }
            IpAddr::V6(_) => {
                let routes = std::fs::read_to_string("/proc/net/ipv6_route").ok()?;
                let (ip, interface) = text::default_v6(&routes)?;
                // Routers of IPv6 go by an address that means something only beside its interface.
                let scope = if ip.is_unicast_link_local() {
                    index_of(&interface)?
                } else {
                    0
                };
                Some(SocketAddrV6::new(ip, 0, 0, scope).into())
            }
        }
    }

    fn index_of(interface: &str) -> Option<u32> {
        let interfaces = if_addrs::get_if_addrs().ok()?;
        let it = interfaces.into_iter().find(|it| it.name == interface)?;
        it.index
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    /// RFC 7723, section 4.1 and 4.2.
    pub(super) fn router(from: IpAddr) -> Option<SocketAddr> {
        let anycast: IpAddr = match from {
            IpAddr::V4(_) => Ipv4Addr::new(192, 0, 0, 9).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1).into(),
        };
        Some(SocketAddr::new(anycast, 0))
    }
}

#[cfg(any(target_os = "linux", test))]
mod text {
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The gateway of the best default route: a line each, of interface, destination, gateway, flags, references, uses,
    /// metric and mask, addresses as they lie in memory.
    pub(super) fn default_v4(routes: &str) -> Option<Ipv4Addr> {
        let defaults = routes.lines().skip(1).filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let destination = fields.next()?;
            let gateway = u32::from_str_radix(fields.next()?, 16).ok()?;
            let metric: u32 = fields.nth(3)?.parse().ok()?;
            let mask = fields.next()?;
            let is_default = destination == "00000000" && mask == "00000000" && gateway != 0;
            is_default.then(|| (metric, Ipv4Addr::from(gateway.to_ne_bytes())))
        });
        Some(defaults.min_by_key(|(metric, _)| *metric)?.1)
    }

    /// The same in IPv6, with its interface: destination and source with the lengths of their prefixes, gateway, metric,
    /// references, uses, flags and interface, all numbers in hexadecimal.
    pub(super) fn default_v6(routes: &str) -> Option<(Ipv6Addr, String)> {
        let defaults = routes.lines().filter_map(|line| {
            let mut fields = line.split_whitespace();
            let destination = u128::from_str_radix(fields.next()?, 16).ok()?;
            let prefix = fields.next()?;
            let gateway = u128::from_str_radix(fields.nth(2)?, 16).ok()?;
            let metric = u32::from_str_radix(fields.next()?, 16).ok()?;
            let interface = fields.nth(3)?.to_owned();
            let is_default = destination == 0 && prefix == "00" && gateway != 0;
            is_default.then(|| (metric, Ipv6Addr::from(gateway), interface))
        });
        let (_, gateway, interface) = defaults.min_by_key(|(metric, ..)| *metric)?;
        Some((gateway, interface))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::text::{default_v4, default_v6};

    #[test]
    fn the_best_default_route_is_found_among_others() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                      eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                      wlan0\t00000000\t0104A8C0\t0003\t0\t0\t20\t00000000\t0\t0\t0\n\
                      eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let expected = if cfg!(target_endian = "little") {
            Ipv4Addr::new(192, 168, 4, 1)
        } else {
            Ipv4Addr::new(1, 4, 168, 192)
        };
        assert_eq!(default_v4(routes), Some(expected));
        assert_eq!(default_v4("Iface\n"), None);
        assert_eq!(default_v4("junk\njunk junk"), None);
    }

    #[test]
    fn the_best_default_route_of_ipv6_is_found_with_its_interface() {
        let (none, rest) = ("0".repeat(32), "00000001 00000000 00000003");
        let routes = format!(
            "20010db8000700000000000000000000 40 {none} 00 {none} 00000100 {rest}     eth0\n\
             {none} 00 {none} 00 fe800000000000000000000000000001 00000400 {rest}     eth0\n\
             {none} 00 {none} 00 fe800000000000000000000000000002 00000258 {rest}    wlan0\n\
             {none} 00 {none} 00 {none} ffffffff {rest}       lo\n"
        );
        let expected = ("fe80::2".parse().unwrap(), "wlan0".to_owned());
        assert_eq!(default_v6(&routes), Some(expected));
        assert_eq!(default_v6("junk\njunk junk"), None);
    }
}
