//! What is said to a home's router to be let in: the Port Control Protocol (RFC 6887), and the one before it, which
//! many routers still speak (NAT-PMP, RFC 6886). A request is one datagram, and so is its answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Where routers listen for either.
pub(super) const PORT: u16 = 5351;
/// How long we ask to be let in. Half of it is how long a router that has forgotten us keeps others out.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// No router's word is taken for longer, and none for less.
const LIFETIMES: std::ops::RangeInclusive<u32> = 10..=3_600;

const UDP: u8 = 17;
const PCP_VERSION: u8 = 2;
const PMP_VERSION: u8 = 0;
const MAP: u8 = 1;
const ADDRESS: u8 = 0;
/// The bit of an answer.
const ANSWER: u8 = 0x80;
const PCP_SIZE: usize = 60;

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Pcp,
    Pmp,
}

/// What is asked for: that what comes to a port of the router's goes to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// What only the router can have read, so that nobody else answers for it.
    pub(super) nonce: [u8; 12],
    pub(super) from: Ipv4Addr,
    pub(super) port: u16,
    /// The port outside that would be best: the one we have had.
    pub(super) outside: u16,
    /// None to have it ended.
    pub(super) lifetime: Option<Duration>,
}

/// What a router grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) outside: u16,
    /// The address it says it has. Another router may be in front of it.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) lifetime: Duration,
}

/// What came for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted(Granted),
    /// The address of a router that tells it by itself.
    Address(Ipv4Addr),
    /// It does not speak this version, or does not want to.
    Refused,
}

impl Wish {
    pub(super) fn written(&self, speech: Speech) -> Vec<u8> {
        let lifetime = self.lifetime.map_or(0, |lifetime| lifetime.as_secs());
        let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX).to_be_bytes();
        // A mapping that is ended has no port outside (RFC 6886, section 3.4).
        let outside = self.lifetime.map_or(0, |_| self.outside).to_be_bytes();
        match speech {
            Speech::Pmp => {
                let head = [PMP_VERSION, MAP, 0, 0];
                [&head[..], &self.port.to_be_bytes(), &outside, &lifetime].concat()
            }
            Speech::Pcp => {
                let any = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets();
                [
                    &[PCP_VERSION, MAP, 0, 0][..],
                    &lifetime,
                    &self.from.to_ipv6_mapped().octets(),
                    &self.nonce,
                    &[UDP, 0, 0, 0],
                    &self.port.to_be_bytes(),
                    &outside,
                    &any,
                ]
                .concat()
            }
        }
    }

    /// What a router says to this wish; none for what is no answer to it.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Answer> {
        match *bytes.first()? {
            PCP_VERSION => self.read_pcp(bytes),
            PMP_VERSION => self.read_pmp(bytes),
            _ => None,
        }
    }

    fn read_pcp(&self, bytes: &[u8]) -> Option<Answer> {
        if *bytes.get(1)? != MAP | ANSWER || bytes.len() < PCP_SIZE {
            return None;
        }
        if bytes.get(24..36)? != self.nonce
            || *bytes.get(36)? != UDP
            || number(bytes, 40)? != self.port
        {
            return None;
        }
        if *bytes.get(3)? != 0 {
            return Some(Answer::Refused);
        }
        let address: [u8; 16] = bytes.get(44..60)?.try_into().ok()?;
        let address = match IpAddr::from(Ipv6Addr::from(address)).to_canonical() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        Some(self.granted(number(bytes, 42)?, address, seconds(bytes, 4)?))
    }

    fn read_pmp(&self, bytes: &[u8]) -> Option<Answer> {
        let operation = bytes.get(1)? ^ ANSWER;
        if number(bytes, 2)? != 0 {
            return Some(Answer::Refused);
        }
        match operation {
            ADDRESS => {
                let address: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
                Some(Answer::Address(address.into()))
            }
            MAP if number(bytes, 8)? == self.port => {
                Some(self.granted(number(bytes, 10)?, None, seconds(bytes, 12)?))
            }
            _ => None,
        }
    }

    fn granted(&self, outside: u16, address: Option<Ipv4Addr>, lifetime: u32) -> Answer {
        if outside == 0 || lifetime == 0 {
            return Answer::Refused;
        }
        let lifetime = lifetime.clamp(*LIFETIMES.start(), *LIFETIMES.end());
        Answer::Granted(Granted {
            outside,
            address,
            lifetime: Duration::from_secs(lifetime.into()),
        })
    }
}

/// What asks a router that speaks NAT-PMP for its address.
pub(super) const ADDRESS_WANTED: [u8; 2] = [PMP_VERSION, ADDRESS];

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn seconds(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// The router that leads out of here.
pub(super) fn find() -> Option<SocketAddr> {
    let ip = default_route()?;
    Some(SocketAddr::new(ip.into(), PORT))
}

#[cfg(target_os = "linux")]
fn default_route() -> Option<Ipv4Addr> {
    default_of(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// Elsewhere the address that was set aside for it: the nearest that listens (RFC 7723, section 4.1).
#[cfg(not(target_os = "linux"))]
fn default_route() -> Option<Ipv4Addr> {
    Some(Ipv4Addr::new(192, 0, 0, 9))
}

/// The gateway of the best default route in what the kernel of Linux tells (proc_net(5)): a line each, of interface,
/// destination, gateway, flags, references, uses, metric and mask, addresses as they lie in memory.
#[cfg(any(target_os = "linux", test))]
fn default_of(routes: &str) -> Option<Ipv4Addr> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WISH: Wish = Wish {
        nonce: *b"twelve bytes",
        from: Ipv4Addr::new(192, 168, 1, 2),
        port: 0x1234,
        outside: 0x5678,
        lifetime: Some(Duration::from_secs(600)),
    };

    #[test]
    fn requests_are_written_as_the_rfcs_say() {
        let pmp = [0, 1, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x02, 0x58];
        assert_eq!(WISH.written(Speech::Pmp), pmp);
        let end = Wish {
            lifetime: None,
            ..WISH
        };
        let ended = [0, 1, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0];
        assert_eq!(end.written(Speech::Pmp), ended);
        let pcp = WISH.written(Speech::Pcp);
        assert_eq!(pcp.len(), PCP_SIZE);
        assert_eq!(pcp[..8], [2, 1, 0, 0, 0, 0, 0x02, 0x58]);
        assert_eq!(
            pcp[8..24],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 2]
        );
        assert_eq!(pcp[24..36], WISH.nonce);
        assert_eq!(pcp[36..44], [17, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
    }

    fn pcp_answer() -> Vec<u8> {
        let mut answer = WISH.written(Speech::Pcp);
        answer[1] |= ANSWER;
        answer[42..44].copy_from_slice(&40_000_u16.to_be_bytes());
        answer[56..].copy_from_slice(&[203, 0, 113, 7]);
        answer
    }

    #[test]
    fn a_grant_is_read_from_either() {
        let granted = |address| {
            Some(Answer::Granted(Granted {
                outside: 40_000,
                address,
                lifetime: LIFETIME,
            }))
        };
        let outside = Some(Ipv4Addr::new(203, 0, 113, 7));
        assert_eq!(WISH.read(&pcp_answer()), granted(outside));
        let pmp = [
            0, 129, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 0x9c, 0x40, 0, 0, 0x02, 0x58,
        ];
        assert_eq!(WISH.read(&pmp), granted(None));
        let address = [0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 7];
        assert_eq!(WISH.read(&address), outside.map(Answer::Address));
    }

    #[test]
    fn what_is_no_answer_to_us_is_none() {
        for (at, to, expected) in [
            (0, 1, None),
            (1, MAP, None),
            (3, 2, Some(Answer::Refused)),
            (24, b'x', None),
            (36, 6, None),
            (41, 0, None),
        ] {
            let mut answer = pcp_answer();
            answer[at] = to;
            assert_eq!(WISH.read(&answer), expected, "byte {at}");
        }
        // A router that knows only the older one says so to the newer (RFC 6887, appendix A).
        let unsupported = [0, 129, 0, 1, 0, 0, 0, 9];
        assert_eq!(WISH.read(&unsupported), Some(Answer::Refused));
        let mut nowhere = pcp_answer();
        nowhere[42..44].fill(0);
        assert_eq!(WISH.read(&nowhere), Some(Answer::Refused));
    }

    proptest! {
        #[test]
        fn junk_is_read_without_harm(mut bytes: Vec<u8>, version in 0_u8..3) {
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            if let Some(Answer::Granted(granted)) = WISH.read(&bytes) {
                prop_assert!(granted.lifetime >= Duration::from_secs(10));
            }
        }
    }

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
        assert_eq!(default_of(routes), Some(expected));
        assert_eq!(default_of("Iface\n"), None);
        assert_eq!(default_of("junk\njunk junk"), None);
    }
}
