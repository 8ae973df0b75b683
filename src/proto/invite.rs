//! An invitation as one link: which group, what tells it from all others of that name, and where its network begins.
//!
//! `fireside://hearth/` and then base32 (RFC 4648, no padding): a version, the beginning of the hash of the group's
//! charter, up to [`GATES_MAX`] mesh nodes with their addresses and the beginnings of their keys, and a check over all
//! of it, so that a link that lost its end is known for what it is. The check is the same in every version. Either
//! case is read, and each invitation has one way to be written; in capitals it is the smallest QR code.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::id::{GroupName, NameError, NodeId};
use super::limits::{GATES_MAX, INVITE_SIZE_MAX};
use super::seal::Hash;
use super::wire::Charter;

/// What every link begins with.
pub const SCHEME: &str = "fireside://";
/// The only version there is.
const VERSION: u8 = 1;
/// Bytes of a hash or a key that stand for it: nobody finds another one with the same first 128 bits.
const MARK_SIZE: usize = 16;
/// Bytes of the check: one damaged link in four thousand million looks sound.
const CHECK_SIZE: usize = 4;
/// The word that the check begins with.
const DOMAIN: &[u8] = b"fireside invite\0";
/// What an address begins with.
const V4: u8 = 4;
const V6: u8 = 6;

const BASE32: data_encoding::Encoding = data_encoding::BASE32_NOPAD_NOCASE;

/// A way into a group, for whoever is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub group: GroupName,
    /// Of the charter's hash.
    pub charter: Mark,
    /// Where to find the mesh that knows the group, best first.
    pub gates: Vec<Gate>,
}

/// The beginning of a hash or a key, which nothing else shares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark([u8; MARK_SIZE]);

/// A mesh node to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    pub address: SocketAddr,
    /// Of its key.
    pub key: Mark,
}

/// Why a link is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    #[error("an invite link begins with {SCHEME}")]
    NoScheme,
    #[error("it is longer than any invite link")]
    TooLong,
    #[error("a part of it is missing or mistyped")]
    Damaged,
    #[error("it is of a later version of fireside")]
    Newer,
    #[error("it names no group: {0}")]
    Name(NameError),
    #[error("it names an address at which nobody can be")]
    Nowhere,
}

/// From where the gates of an invitation are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Anywhere,
    /// The local network of whoever made it.
    LocalNetwork,
    ThisMachine,
}

impl Mark {
    #[must_use]
    pub fn of_charter(charter: &Charter) -> Self {
        Self::begin(&charter.hash().0)
    }

    #[must_use]
    pub fn of_key(key: &NodeId) -> Self {
        Self::begin(&key.0)
    }

    /// What a group with this charter goes by once it has lost its name.
    #[must_use]
    pub fn tag(&self, name: &GroupName) -> GroupName {
        let mut hash = Hash::default();
        hash.0[..MARK_SIZE].copy_from_slice(&self.0);
        name.tagged(&hash)
    }

    fn begin(whole: &[u8; 32]) -> Self {
        let mut mark = [0; MARK_SIZE];
        mark.copy_from_slice(&whole[..MARK_SIZE]);
        Self(mark)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", data_encoding::HEXLOWER.encode(&self.0[..6]))
    }
}

impl Reach {
    /// From where an address is reached.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        let is_local = match ip {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        match is_local {
            _ if ip.is_loopback() => Self::ThisMachine,
            true => Self::LocalNetwork,
            false => Self::Anywhere,
        }
    }

    /// What somebody who passes an invitation on should know.
    #[must_use]
    pub fn caution(self) -> Option<&'static str> {
        match self {
            Self::Anywhere => None,
            Self::LocalNetwork => Some("it leads here from your local network alone"),
            Self::ThisMachine => Some("it leads here from this machine alone"),
        }
    }
}

impl Invite {
    /// Reads a link.
    ///
    /// # Errors
    /// For anything but what [`Invite`] is displayed as, in small letters or capitals.
    pub fn parse(link: &str) -> Result<Self, InviteError> {
        if link.len() > INVITE_SIZE_MAX {
            return Err(InviteError::TooLong);
        }
        let link = link.to_ascii_lowercase();
        let rest = link.strip_prefix(SCHEME).ok_or(InviteError::NoScheme)?;
        let (name, payload) = rest.split_once('/').ok_or(InviteError::Damaged)?;
        let name = decoded(name).ok_or(InviteError::Damaged)?;
        let bytes = BASE32
            .decode(payload.as_bytes())
            .map_err(|_| InviteError::Damaged)?;
        let split = bytes.len().checked_sub(CHECK_SIZE);
        let (bytes, found) = bytes.split_at(split.ok_or(InviteError::Damaged)?);
        if found != check(&name, bytes) {
            return Err(InviteError::Damaged);
        }
        let invite = Self::read(&name, bytes)?;
        // One invitation, one link: whoever compares two of them by eye is not led astray.
        if invite.to_string() == link {
            Ok(invite)
        } else {
            Err(InviteError::Damaged)
        }
    }

    fn read(name: &str, bytes: &[u8]) -> Result<Self, InviteError> {
        let mut bytes = Bytes(bytes);
        let [version] = bytes.take()?;
        if version != VERSION {
            return Err(InviteError::Newer);
        }
        let group = GroupName::parse(&format!("#{name}")).map_err(InviteError::Name)?;
        let charter = Mark(bytes.take()?);
        let mut gates = Vec::new();
        while !bytes.0.is_empty() {
            if gates.len() == GATES_MAX {
                return Err(InviteError::TooLong);
            }
            gates.push(bytes.gate()?);
        }
        Ok(Self {
            group,
            charter,
            gates,
        })
    }

    /// The same with no more than so many gates.
    #[must_use]
    pub fn short(&self, gates: usize) -> Self {
        let mut short = self.clone();
        short.gates.truncate(gates);
        short
    }

    /// What somebody who passes it on should know.
    #[must_use]
    pub fn caution(&self) -> Option<&'static str> {
        let reach = self.gates.iter().map(|gate| Reach::of(gate.address.ip()));
        reach.min().unwrap_or(Reach::ThisMachine).caution()
    }

    /// As a QR code holds it: in capitals, which take five and a half bits each and not eight.
    #[must_use]
    pub fn capitals(&self) -> String {
        self.to_string().to_ascii_uppercase()
    }

    /// The first link in a text that is an invitation.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'));
        words.find_map(|word| {
            let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
            Self::parse(word).ok()
        })
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.group.as_str().trim_start_matches('#');
        let mut bytes = vec![VERSION];
        bytes.extend(self.charter.0);
        for Gate { address, key } in &self.gates {
            match address.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(V4);
                    bytes.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(V6);
                    bytes.extend(ip.octets());
                }
            }
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(key.0);
        }
        bytes.extend(check(name, &bytes));
        let payload = BASE32.encode(&bytes).to_ascii_lowercase();
        write!(f, "{SCHEME}{}/{payload}", encoded(name))
    }
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], InviteError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(InviteError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn gate(&mut self) -> Result<Gate, InviteError> {
        let [family] = self.take()?;
        let ip = match family {
            V4 => IpAddr::V4(Ipv4Addr::from(self.take::<4>()?)),
            V6 => IpAddr::V6(Ipv6Addr::from(self.take::<16>()?)),
            _ => return Err(InviteError::Damaged),
        };
        let port = u16::from_be_bytes(self.take()?);
        let key = Mark(self.take()?);
        let is_broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        if ip.is_unspecified() || ip.is_multicast() || is_broadcast || port == 0 {
            return Err(InviteError::Nowhere);
        }
        let address = SocketAddr::new(ip, port);
        Ok(Gate { address, key })
    }
}

fn check(name: &str, bytes: &[u8]) -> [u8; CHECK_SIZE] {
    let hash = Hash::of(&[DOMAIN, name.as_bytes(), b"\0", bytes]);
    let (check, _) = hash.0.split_first_chunk().expect("a hash is longer");
    *check
}

/// A name as a link has it: what QR codes have no capital for is written by its number.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    };
    name.bytes().map(one).collect()
}

fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let value = data_encoding::HEXLOWER.decode(&digits).ok()?;
                *value.first()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gate(address: &str, key: u8) -> Gate {
        Gate {
            address: address.parse().unwrap(),
            key: Mark::of_key(&NodeId([key; 32])),
        }
    }

    fn invite(group: &str, gates: Vec<Gate>) -> Invite {
        Invite {
            group: GroupName::parse(group).unwrap(),
            charter: Mark([0xa5; MARK_SIZE]),
            gates,
        }
    }

    /// A link around a payload that says what the test wants, with a check that is right.
    fn forged(name: &str, bytes: &[u8]) -> String {
        let mut whole = bytes.to_vec();
        whole.extend(check(name, bytes));
        let payload = BASE32.encode(&whole).to_ascii_lowercase();
        format!("{SCHEME}{}/{payload}", encoded(name))
    }

    fn payload(rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend([0xa5; MARK_SIZE]);
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn a_link_is_written_like_this_for_ever() {
        let plain = invite("#hearth", vec![gate("192.0.2.7:7700", 1)]);
        let golden = "fireside://hearth/ags2ljnfuws2ljnfuws2ljnfuwsqjqaaaidr4fabaeaqcaibaeaqcaibaeaqcaibq37n5jy";
        let fancy = invite(
            "#tee-stube_ä~abcd",
            vec![gate("[2001:db8::1]:443", 2), gate("192.0.2.7:7700", 1)],
        );
        let other = "fireside://tee-stube%5f%c3%a4%7eabcd/";
        for (invite, begin) in [(plain, golden), (fancy, other)] {
            let link = invite.to_string();
            assert!(link.starts_with(begin), "{link}");
            assert_eq!(Invite::parse(&link).as_ref(), Ok(&invite));
            assert_eq!(Invite::parse(&invite.capitals()).as_ref(), Ok(&invite));
            let said = format!("come (<{link}>)! or \"{link}\".");
            assert_eq!(Invite::find(&said), Some(invite));
        }
        assert_eq!(Invite::find("fireside://x/y https://a.org"), None);
    }

    #[test]
    fn what_is_wrong_with_a_link_is_said() {
        let sound = invite("#hearth", vec![gate("192.0.2.7:7700", 1)]).to_string();
        let v4 = |ip: [u8; 4], port: u16| {
            let mut rest = vec![V4];
            rest.extend(ip);
            rest.extend(port.to_be_bytes());
            rest.extend([1; MARK_SIZE]);
            rest
        };
        let many = v4([192, 0, 2, 7], 7700).repeat(GATES_MAX + 1);
        let newer = [&[2][..], &[0; 40]].concat();
        for (link, why) in [
            ("https://example.org".to_owned(), InviteError::NoScheme),
            ("#hearth".to_owned(), InviteError::NoScheme),
            ("fireside://".to_owned(), InviteError::Damaged),
            ("fireside://hearth".to_owned(), InviteError::Damaged),
            ("fireside://hearth/".to_owned(), InviteError::Damaged),
            (sound[..sound.len() - 1].to_owned(), InviteError::Damaged),
            (sound.replace("hearth", "heart"), InviteError::Damaged),
            (sound.replace("hearth", "h%65arth"), InviteError::Damaged),
            (format!("{sound}/"), InviteError::Damaged),
            (format!(" {sound}"), InviteError::NoScheme),
            (forged("hearth", &newer), InviteError::Newer),
            (forged("hearth", &payload(&[5; 23])), InviteError::Damaged),
            (forged("hearth", &payload(&[V4])), InviteError::Damaged),
            (forged("hearth", &payload(&many)), InviteError::TooLong),
            (
                forged("hearth", &payload(&v4([0, 0, 0, 0], 7700))),
                InviteError::Nowhere,
            ),
            (
                forged("hearth", &payload(&v4([224, 0, 0, 1], 7700))),
                InviteError::Nowhere,
            ),
            (
                forged("hearth", &payload(&v4([192, 0, 2, 7], 0))),
                InviteError::Nowhere,
            ),
            (
                forged("", &payload(&[])),
                InviteError::Name(NameError::Empty),
            ),
            (
                forged("a b", &payload(&[])),
                InviteError::Name(NameError::BadCharacter(' ')),
            ),
            (
                forged("\u{1b}[2J", &payload(&[])),
                InviteError::Name(NameError::BadCharacter('\u{1b}')),
            ),
            (
                format!("{SCHEME}{}", "a".repeat(INVITE_SIZE_MAX)),
                InviteError::TooLong,
            ),
        ] {
            assert_eq!(Invite::parse(&link), Err(why), "{link}");
        }
        // A name has one case.
        assert!(Invite::parse(&forged("Hearth", &payload(&[]))).is_err());
    }

    #[test]
    fn the_longest_link_is_within_the_bound() {
        let name = format!("#{}", "ä".repeat(31));
        let gates = vec![gate("[2001:db8::1]:65535", 3); GATES_MAX];
        let link = invite(&format!("{name}~abcd"), gates).to_string();
        assert!(link.len() <= INVITE_SIZE_MAX, "{}", link.len());
        assert!(Invite::parse(&link).is_ok());
    }

    #[test]
    fn it_is_told_from_where_a_gate_is_reached() {
        for (ip, reach) in [
            ("127.0.0.1", Reach::ThisMachine),
            ("::1", Reach::ThisMachine),
            ("192.168.1.2", Reach::LocalNetwork),
            ("fd00::1", Reach::LocalNetwork),
            ("203.0.113.5", Reach::Anywhere),
            ("2001:db8::1", Reach::Anywhere),
        ] {
            assert_eq!(Reach::of(ip.parse().unwrap()), reach, "{ip}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_invited_to_is_read_back(
            name in "[a-z0-9ä火._-]{1,12}",
            charter in any::<[u8; MARK_SIZE]>(),
            gates in prop::collection::vec((any::<bool>(), 1..=u16::MAX, any::<[u8; 32]>()), 0..=GATES_MAX),
        ) {
            let gates = gates.into_iter().map(|(is_v4, port, key)| {
                let ip = match is_v4 {
                    true => IpAddr::from([192, 0, 2, key[0]]),
                    false => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, key[0].into())),
                };
                Gate { address: SocketAddr::new(ip, port), key: Mark::of_key(&NodeId(key)) }
            });
            let invite = Invite {
                group: GroupName::parse(&format!("#{name}")).unwrap(),
                charter: Mark(charter),
                gates: gates.collect(),
            };
            let link = invite.to_string();
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(Invite::parse(&link), Ok(invite.clone()));
            prop_assert_eq!(Invite::parse(&invite.capitals()), Ok(invite));
        }

        #[test]
        fn junk_is_no_invitation_and_harms_nobody(text in ".{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Invite::parse(&text).is_err());
            let link = format!("{SCHEME}{text}");
            prop_assert!(Invite::parse(&link).is_err());
            // With a right check whatever is read is written the same way again.
            let link = forged("hearth", &bytes);
            if let Ok(invite) = Invite::parse(&link) {
                prop_assert_eq!(invite.to_string(), link);
            }
        }

        #[test]
        fn one_wrong_letter_is_noticed(at in 0..88_usize, letter in "[a-z2-7]") {
            let sound = invite("#hearth", vec![gate("192.0.2.7:7700", 1)]).to_string();
            let mut wrong = sound.clone();
            wrong.replace_range(at..=at, &letter);
            prop_assert_eq!(Invite::parse(&wrong).is_ok(), wrong == sound);
        }
    }
}
