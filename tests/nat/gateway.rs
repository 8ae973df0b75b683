//! A home's router that can be asked to let others in, as many can: PCP (RFC 6887) or NAT-PMP (RFC 6886) on its inner
//! side, and what it grants is so, with rules of nftables(8). One of IPv6 is asked for a hole in its wall.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::inside::inside;
use crate::internet::{ROUTER_V6, Router};

/// What it understands, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Pcp,
    Pmp,
    /// PCP, and it says that its address is another machine's.
    Liar(Ipv4Addr),
    /// PCP, and it says no to everything.
    Unwilling,
}

/// What it was asked for: a port inside, and for how many seconds; 0 to end it.
pub(crate) type Asked = (u16, u32);

pub(crate) struct Gateway {
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
}

/// Ports outside are given out from here on.
const OUTSIDE: u16 = 41_000;
const PCP_SIZE: usize = 60;
const PORT: u16 = 5351;
const NOT_AUTHORIZED: u8 = 2;

impl Gateway {
    /// Lets a router be asked.
    pub(crate) fn on(router: &Router, speech: Speech) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let is_over = Arc::<AtomicBool>::default();
        let (heard, until) = (Arc::clone(&asked), Arc::clone(&is_over));
        let outer: Ipv4Addr = router.address().parse().unwrap();
        // What is let in is what was translated.
        router.obeys("insert rule inet wall forward ct status dnat accept");
        has_holes(router);
        let inner = router.inner();
        let (bound_to, is_bound) = std::sync::mpsc::channel();
        let serving = inside(router.namespace(), move || {
            let socket = bound(inner);
            socket
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            bound_to.send(()).unwrap();
            let mut given = 0;
            while !until.load(Ordering::SeqCst) {
                let mut bytes = [0; 1_100];
                let Ok((size, from)) = socket.recv_from(&mut bytes) else {
                    continue;
                };
                let answer = answer(&bytes[..size], from, speech, outer, &heard, &mut given);
                socket.send_to(&answer, from).unwrap();
            }
        });
        is_bound.recv().unwrap();
        Self {
            asked,
            serving: Some(serving),
            is_over,
        }
    }

    /// Everything it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

fn answer(
    request: &[u8],
    from: SocketAddr,
    speech: Speech,
    outer: Ipv4Addr,
    heard: &Mutex<Vec<Asked>>,
    given: &mut u16,
) -> Vec<u8> {
    let is_pcp = request[0] == 2;
    let is_spoken = is_pcp == (speech != Speech::Pmp);
    if !is_spoken {
        // Unsupported version, in one's own.
        let version = if is_pcp { 0 } else { 2 };
        return [&[version, request[1] | 0x80, 0, 1][..], &[0; 20]].concat();
    }
    if request == [0, 0] {
        return [&[0, 128, 0, 0, 0, 0, 0, 9][..], &outer.octets()].concat();
    }
    let (port_at, lifetime_at) = if is_pcp { (40, 4) } else { (4, 8) };
    let port = u16::from_be_bytes([request[port_at], request[port_at + 1]]);
    let lifetime = u32::from_be_bytes(request[lifetime_at..lifetime_at + 4].try_into().unwrap());
    heard.lock().unwrap().push((port, lifetime));
    let lifetime = if speech == Speech::Unwilling {
        0
    } else {
        lifetime
    };
    let (outside, address) = match from.ip() {
        IpAddr::V4(ip) => {
            *given += 1;
            door(OUTSIDE + *given, (ip, port), lifetime);
            (OUTSIDE + *given, outer.to_ipv6_mapped())
        }
        IpAddr::V6(ip) => {
            hole(ip, port, lifetime);
            (port, ip)
        }
    };
    if !is_pcp {
        let head = [0, 129, 0, 0, 0, 0, 0, 9];
        return [
            &head[..],
            &port.to_be_bytes(),
            &outside.to_be_bytes(),
            &lifetime.to_be_bytes(),
        ]
        .concat();
    }
    let told = match speech {
        Speech::Liar(victim) => victim.to_ipv6_mapped(),
        Speech::Pcp | Speech::Pmp | Speech::Unwilling => address,
    };
    let mut answer = request[..PCP_SIZE].to_vec();
    answer[1] |= 0x80;
    answer[3] = if speech == Speech::Unwilling {
        NOT_AUTHORIZED
    } else {
        0
    };
    answer[8..24].fill(0);
    answer[42..44].copy_from_slice(&outside.to_be_bytes());
    answer[44..60].copy_from_slice(&told.octets());
    answer
}

/// Lets others in to a machine at one port of the router's, or to none.
pub(crate) fn door(outside: u16, to: (Ipv4Addr, u16), lifetime: u32) {
    let (ip, port) = to;
    let opened = format!(
        "table ip door {{ }}
         delete table ip door
         table ip door {{
           chain pre {{
             type nat hook prerouting priority dstnat - 1
             iifname \"wan\" udp dport {outside} dnat to {ip}:{port}
           }}
         }}",
    );
    let closed = "table ip door { }\ndelete table ip door".to_owned();
    obeyed(&if lifetime == 0 { closed } else { opened });
}

/// Lets in what comes to a hole in the wall of IPv6.
pub(crate) fn has_holes(router: &Router) {
    router.obeys("add set inet wall holes { type ipv6_addr . inet_service; }");
    router.obeys("insert rule inet wall forward ip6 daddr . udp dport @holes accept");
}

/// A hole in the wall of IPv6, for one machine and port.
pub(crate) fn hole(to: Ipv6Addr, port: u16, lifetime: u32) {
    let deed = if lifetime == 0 { "delete" } else { "add" };
    obeyed(&format!(
        "{deed} element inet wall holes {{ {to} . {port} }}"
    ));
}

/// By the router whose thread this is.
fn obeyed(rules: &str) {
    let mut nft = std::process::Command::new("nft");
    assert!(nft.arg(rules).status().unwrap().success(), "{rules}");
}

/// Where it is asked: on its inner side, in the family of its network.
fn bound(inner: Option<Ipv4Addr>) -> UdpSocket {
    if inner.is_some() {
        return UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap();
    }
    let ip = ROUTER_V6.parse().unwrap();
    UdpSocket::bind(SocketAddrV6::new(ip, PORT, 0, index_of("lan"))).unwrap()
}

/// The number of an interface of whoever's thread this is.
pub(crate) fn index_of(interface: &str) -> u32 {
    let interfaces = if_addrs::get_if_addrs().unwrap();
    let it = interfaces.iter().find(|it| it.name == interface).unwrap();
    it.index.unwrap()
}
