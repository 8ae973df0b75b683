//! A home's router that can be asked to let others in, as many can: PCP (RFC 6887) or NAT-PMP (RFC 6886) on its inner
//! side, and what it grants is so, with rules of nftables(8).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::inside::inside;
use crate::internet::Router;

/// What it understands, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Pcp,
    Pmp,
    /// PCP, and it says that its address is another machine's.
    Liar(Ipv4Addr),
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

impl Gateway {
    /// Lets a router be asked.
    pub(crate) fn on(router: &Router, speech: Speech) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let is_over = Arc::<AtomicBool>::default();
        let (heard, until) = (Arc::clone(&asked), Arc::clone(&is_over));
        let outer: Ipv4Addr = router.address().parse().unwrap();
        // What is let in is what was translated.
        router.obeys("insert rule inet wall forward ct status dnat accept");
        let (bound_to, bound) = std::sync::mpsc::channel();
        let serving = inside(router.namespace(), move || {
            let socket = UdpSocket::bind("0.0.0.0:5351").unwrap();
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
        bound.recv().unwrap();
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
    *given += 1;
    let outside = OUTSIDE + *given;
    let opened = format!(
        "table ip door {{ }}
         delete table ip door
         table ip door {{
           chain pre {{
             type nat hook prerouting priority dstnat - 1
             iifname \"wan\" udp dport {outside} dnat to {}:{port}
           }}
         }}",
        from.ip()
    );
    let closed = "table ip door { }\ndelete table ip door".to_owned();
    let rules = if lifetime == 0 { closed } else { opened };
    let mut nft = std::process::Command::new("nft");
    assert!(nft.arg(&rules).status().unwrap().success(), "{rules}");
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
        Speech::Liar(victim) => victim,
        Speech::Pcp | Speech::Pmp => outer,
    };
    let mut answer = request[..PCP_SIZE].to_vec();
    answer[1] |= 0x80;
    answer[3] = 0;
    answer[8..24].fill(0);
    answer[42..44].copy_from_slice(&outside.to_be_bytes());
    answer[44..60].copy_from_slice(&told.to_ipv6_mapped().octets());
    answer
}
