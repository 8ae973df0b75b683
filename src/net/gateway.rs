//! What is said to a home's router to be let in: the Port Control Protocol (RFC 6887), and the one before it, which
//! many routers still speak (NAT-PMP, RFC 6886). A request is one datagram, and so is its answer. In IPv6 there is
//! nothing to be translated, mostly, and what the first of them asks for is a hole in the router's wall.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
/// What both call a version that is not spoken.
const UNSPOKEN: u16 = 1;

/// Which of the two is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Pcp,
    Pmp,
}

/// What is asked for: that what comes to a port of the router's goes to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// What only the router can have read, so that nobody else answers for it.
    pub(super) nonce: [u8; 12],
    pub(super) from: IpAddr,
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
    pub(super) address: Option<IpAddr>,
    pub(super) lifetime: Duration,
}

/// What came for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted(Granted),
    /// The address of a router that tells it by itself.
    Address(Ipv4Addr),
    /// It speaks, but not this version.
    Unspoken,
    Refused,
}

impl Wish {
    pub(super) fn written(&self, version: Version) -> Vec<u8> {
        let lifetime = self.lifetime.map_or(0, |lifetime| lifetime.as_secs());
        let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX).to_be_bytes();
        // A mapping that is ended has no port outside (RFC 6886, section 3.4).
        let outside = self.lifetime.map_or(0, |_| self.outside).to_be_bytes();
        match version {
            Version::Pmp => {
                let head = [PMP_VERSION, MAP, 0, 0];
                [&head[..], &self.port.to_be_bytes(), &outside, &lifetime].concat()
            }
            Version::Pcp => {
                let any: IpAddr = match self.from {
                    IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                [
                    &[PCP_VERSION, MAP, 0, 0][..],
                    &lifetime,
                    &octets(self.from),
                    &self.nonce,
                    &[UDP, 0, 0, 0],
                    &self.port.to_be_bytes(),
                    &outside,
                    &octets(any),
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
        if *bytes.get(1)? != MAP | ANSWER {
            return None;
        }
        let result = u16::from(*bytes.get(3)?);
        // Who does not know the version does not know what to repeat of the request.
        if result == UNSPOKEN {
            return Some(Answer::Unspoken);
        }
        if bytes.len() < PCP_SIZE {
            return None;
        }
        if bytes.get(24..36)? != self.nonce
            || *bytes.get(36)? != UDP
            || number(bytes, 40)? != self.port
        {
            return None;
        }
        if result != 0 {
            return Some(Answer::Refused);
        }
        let address: [u8; 16] = bytes.get(44..60)?.try_into().ok()?;
        let address = IpAddr::from(Ipv6Addr::from(address)).to_canonical();
        let address = Some(address).filter(|ip| ip.is_ipv4() == self.from.is_ipv4());
        Some(self.granted(number(bytes, 42)?, address, seconds(bytes, 4)?))
    }

    fn read_pmp(&self, bytes: &[u8]) -> Option<Answer> {
        let operation = bytes.get(1)? ^ ANSWER;
        match number(bytes, 2)? {
            0 => {}
            UNSPOKEN => return Some(Answer::Unspoken),
            _ => return Some(Answer::Refused),
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

    fn granted(&self, outside: u16, address: Option<IpAddr>, lifetime: u32) -> Answer {
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

/// As PCP writes both families.
fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn seconds(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WISH: Wish = Wish {
        nonce: *b"twelve bytes",
        from: IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2)),
        port: 0x1234,
        outside: 0x5678,
        lifetime: Some(Duration::from_secs(600)),
    };

    #[test]
    fn requests_are_written_as_the_rfcs_say() {
        let pmp = [0, 1, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x02, 0x58];
        assert_eq!(WISH.written(Version::Pmp), pmp);
        let end = Wish {
            lifetime: None,
            ..WISH
        };
        let ended = [0, 1, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0];
        assert_eq!(end.written(Version::Pmp), ended);
        let pcp = WISH.written(Version::Pcp);
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
        let mut answer = WISH.written(Version::Pcp);
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
        assert_eq!(WISH.read(&pcp_answer()), granted(outside.map(IpAddr::V4)));
        let pmp = [
            0, 129, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 0x9c, 0x40, 0, 0, 0x02, 0x58,
        ];
        assert_eq!(WISH.read(&pmp), granted(None));
        let address = [0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 7];
        assert_eq!(WISH.read(&address), outside.map(Answer::Address));
    }

    #[test]
    fn a_hole_in_a_wall_of_ipv6_is_asked_for_and_granted_in_its_own_family() {
        let ip: Ipv6Addr = "2001:db8:7::2".parse().unwrap();
        let wish = Wish {
            from: ip.into(),
            ..WISH
        };
        let mut answer = wish.written(Version::Pcp);
        assert_eq!(answer[8..24], ip.octets());
        assert_eq!(answer[44..60], [0; 16]);
        answer[1] |= ANSWER;
        answer[42..44].copy_from_slice(&0x1234_u16.to_be_bytes());
        answer[44..60].copy_from_slice(&ip.octets());
        let granted = |address| {
            Some(Answer::Granted(Granted {
                outside: 0x1234,
                address,
                lifetime: LIFETIME,
            }))
        };
        assert_eq!(wish.read(&answer), granted(Some(ip.into())));
        answer[44..60].copy_from_slice(&octets(WISH.from));
        assert_eq!(wish.read(&answer), granted(None));
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
        assert_eq!(WISH.read(&unsupported), Some(Answer::Unspoken));
        let refused = [0, 129, 0, 2, 0, 0, 0, 9];
        assert_eq!(WISH.read(&refused), Some(Answer::Refused));
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
}
