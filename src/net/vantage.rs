//! Where we are, as others could see it: the addresses of this machine, and those that supernodes see us at.
//!
//! A supernode tells its clients on a stream of its own, again whenever it sees them elsewhere. The machine's own
//! addresses are looked at when the system says that its network has changed, and when somebody falls silent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn::{Connection, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::link::Event;
use super::mapping::{self, State};
use super::socket::unmapped;
use crate::proto::limits::CANDIDATES_MAX;
use crate::proto::path::candidate::is_probed;
use crate::proto::path::door::{Door, Family};
use crate::proto::role::LinkId;

/// Somewhere in the Internet, where nobody is (RFC 5737 and RFC 3849).
const ANYWHERE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
const ANYWHERE_V6: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    9,
);
/// Address and port, IPv4 in IPv6 clothes.
const SIZE: usize = 18;
/// Least pause between two words of a supernode on where it sees us.
const PAUSE: Duration = Duration::from_millis(50);

/// This machine's addresses at some moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    local: BTreeSet<IpAddr>,
    /// The addresses from which packets to the world set out, in both families.
    outward: [Option<IpAddr>; 2],
}

impl Surroundings {
    /// As the system tells them to somebody who is bound there. It may take its time: everybody waits
    /// while somebody changes the network.
    pub(super) fn of(bound: SocketAddr) -> Self {
        let local = if bound.ip().is_unspecified() {
            of_interfaces(bound.is_ipv6())
        } else {
            BTreeSet::from([bound.ip()])
        };
        Self {
            local,
            outward: [ANYWHERE_V4, ANYWHERE_V6].map(outward),
        }
    }
}

/// Where peers may find us, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) addresses: Vec<SocketAddr>,
    /// Those of them at which a router lets others in because we have asked it to.
    pub(super) doors: Vec<SocketAddr>,
}

/// What we know of our own whereabouts.
#[derive(Debug)]
pub(super) struct Vantage {
    bound: SocketAddr,
    surroundings: Surroundings,
    observed: BTreeMap<LinkId, SocketAddr>,
    /// What our routers do for us.
    doors: BTreeMap<Family, State>,
    /// From where we speak to the world, while a door of the router in between would be of use.
    behind: BTreeMap<Family, watch::Sender<Option<IpAddr>>>,
    /// Whether somebody is looking at this machine's addresses.
    is_looking: bool,
    /// Whether they may have changed since.
    is_stale: bool,
    told: watch::Sender<Places>,
}

impl Vantage {
    /// Of a socket bound there.
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self {
            bound,
            surroundings: Surroundings::default(),
            observed: BTreeMap::new(),
            doors: BTreeMap::new(),
            behind: Family::ALL
                .map(|family| (family, watch::Sender::default()))
                .into(),
            is_looking: false,
            is_stale: false,
            told: watch::Sender::default(),
        }
    }

    /// Where peers may find us; changes as it does.
    pub(super) fn places(&self) -> watch::Receiver<Places> {
        self.told.subscribe()
    }

    pub(super) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// The port that is ours.
    pub(super) fn port(&self) -> u16 {
        self.bound.port()
    }

    /// From which address of ours packets set out to a router that may be asked for a door.
    pub(super) fn behind(&self, family: Family) -> watch::Receiver<Option<IpAddr>> {
        self.behind[&family].subscribe()
    }

    /// What has become of asking it.
    pub(super) fn is_mapped(&mut self, family: Family, state: State) {
        self.doors.insert(family, state);
        self.tell();
    }

    /// The same for a person.
    pub(super) fn doors(&self) -> Vec<(Family, Door)> {
        let doors = self.doors.iter();
        doors
            .map(|(family, state)| (*family, state.outcome()))
            .collect()
    }

    /// All doors are to be closed.
    pub(super) fn closes_doors(&mut self) {
        self.behind.clear();
    }

    /// What each supernode sees.
    pub(super) fn observed(&self) -> impl Iterator<Item = SocketAddr> {
        self.observed.values().copied()
    }

    /// This machine's addresses may have changed.
    pub(super) fn is_stale(&mut self) {
        self.is_stale = true;
    }

    /// Whether it is time to look at this machine's addresses: a look that is to end in [`Vantage::looked`].
    pub(super) fn begins_to_look(&mut self) -> bool {
        let begins = !self.is_looking && self.is_stale;
        if begins {
            self.is_looking = true;
            self.is_stale = false;
        }
        begins
    }

    /// What somebody saw who looked; true if it is another than before.
    pub(super) fn looked(&mut self, seen: Surroundings) -> bool {
        self.is_looking = false;
        let is_change = self.surroundings != seen;
        self.surroundings = seen;
        self.tell();
        is_change
    }

    /// A supernode sees us there; true if it has seen us elsewhere before.
    pub(super) fn is_seen(&mut self, by: LinkId, at: SocketAddr) -> bool {
        let before = self.observed.insert(by, at);
        self.tell();
        before.is_some_and(|before| before != at)
    }

    /// A link is gone, and what was seen at its other end does not hold any more.
    pub(super) fn forget(&mut self, link: LinkId) {
        if self.observed.remove(&link).is_some() {
            self.tell();
        }
    }

    fn tell(&self) {
        let port = self.bound.port();
        let local = self
            .surroundings
            .local
            .iter()
            .map(|ip| SocketAddr::new(*ip, port));
        let mut addresses = Vec::new();
        let doors = self.doors.iter();
        let doors = doors.map(|(family, state)| (*family, state.mapped()));
        let doors = doors.flat_map(|(family, it)| mapping::candidates(family, it, self.observed()));
        let doors: Vec<_> = doors.collect();
        for address in self.observed().chain(doors.iter().copied()).chain(local) {
            if is_probed(address) && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(CANDIDATES_MAX);
        self.tell_router();
        let doors = addresses.iter().copied().filter(|at| doors.contains(at));
        let places = Places {
            doors: doors.collect(),
            addresses,
        };
        self.told.send_if_modified(|told| {
            let is_change = *told != places;
            *told = places;
            is_change
        });
    }
}

impl Vantage {
    fn tell_router(&self) {
        for (family, behind) in &self.behind {
            let from = match family {
                Family::V4 => self.behind_translation(),
                Family::V6 => self.behind_wall(),
            };
            behind.send_if_modified(|known| std::mem::replace(known, from) != from);
        }
    }

    /// Packets are seen to come from another address than they set out from.
    fn behind_translation(&self) -> Option<IpAddr> {
        let is_translated =
            |at: SocketAddr| at.is_ipv4() && !self.surroundings.local.contains(&at.ip());
        let outward = self.surroundings.outward[0].filter(|ip| !ip.is_loopback());
        outward.filter(|_| self.observed().any(is_translated))
    }

    /// A wall that lets nobody in changes no address, and nobody can see it: whoever has an address of the Internet in
    /// IPv6, and is in use, may be behind one.
    fn behind_wall(&self) -> Option<IpAddr> {
        let outward = self.surroundings.outward[1].filter(|_| self.bound.is_ipv6());
        outward.filter(|ip| is_of_internet(*ip) && !self.observed.is_empty())
    }
}

/// Whether an address may mean something everywhere (RFC 4291, section 2.4).
fn is_of_internet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

/// Tells a client where we see it, until its link ends.
pub(super) async fn tell(connection: Connection, mut seen: watch::Receiver<SocketAddr>) {
    let Ok(mut stream) = connection.open_uni().await else {
        return;
    };
    loop {
        let at = *seen.borrow_and_update();
        if write(&mut stream, at).await.is_none() || seen.changed().await.is_err() {
            return;
        }
    }
}

/// Hears where the supernode at the other end of `link` sees us, until the link ends.
pub(super) async fn hear(connection: Connection, link: LinkId, events: mpsc::Sender<Event>) {
    let Ok(mut stream) = connection.accept_uni().await else {
        return;
    };
    let mut bytes = [0; SIZE];
    while stream.read_exact(&mut bytes).await.is_ok() {
        let (ip, port) = bytes.split_at(SIZE - 2);
        let (Ok(ip), Ok(port)) = (<[u8; 16]>::try_from(ip), port.try_into()) else {
            return;
        };
        let at = SocketAddr::new(Ipv6Addr::from(ip).into(), u16::from_be_bytes(port));
        let address = unmapped(at);
        // Without a driver there is nobody left to care.
        let _ = events.send(Event::Seen { link, address }).await;
        sleep(PAUSE).await;
    }
}

async fn write(stream: &mut SendStream, at: SocketAddr) -> Option<()> {
    let ip = match at.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; SIZE];
    bytes[..SIZE - 2].copy_from_slice(&ip.octets());
    bytes[SIZE - 2..].copy_from_slice(&at.port().to_be_bytes());
    stream.write_all(&bytes).await.ok()
}

/// The address that packets to somewhere set out from, if there is a way. Nothing is sent.
fn outward(anywhere: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match anywhere {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(anywhere).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn of_interfaces(with_v6: bool) -> BTreeSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::debug!(%error, "asking for this machine's addresses");
        Vec::new()
    });
    interfaces
        .iter()
        .filter(|interface| interface.is_oper_up())
        .map(if_addrs::Interface::ip)
        .filter(|ip| with_v6 || ip.is_ipv4())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::mapping::Mapped;
    use super::*;
    use crate::proto::path::door::Speech;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn what_supernodes_see_is_offered_once_and_before_our_own() {
        let mut vantage = Vantage::new(at("192.168.1.2:4000"));
        assert!(vantage.looked(Surroundings::of(vantage.bound())));
        assert!(!vantage.begins_to_look(), "it has just been done");
        vantage.is_stale();
        assert!(vantage.begins_to_look() && !vantage.begins_to_look());
        vantage.is_stale();
        assert!(!vantage.begins_to_look(), "somebody still looks");
        assert!(!vantage.looked(Surroundings::of(vantage.bound())));
        assert!(vantage.begins_to_look());
        assert!(!vantage.is_seen(LinkId(1), at("203.0.113.7:40001")));
        assert!(!vantage.is_seen(LinkId(2), at("203.0.113.7:40001")));
        assert!(!vantage.is_seen(LinkId(3), at("127.0.0.1:4000")));
        let offered = vantage.places();
        let expected = ["203.0.113.7:40001", "192.168.1.2:4000"].map(at);
        assert_eq!(offered.borrow().addresses, expected);
        assert!(vantage.is_seen(LinkId(1), at("203.0.113.7:40002")));
        vantage.forget(LinkId(2));
        let expected = ["203.0.113.7:40002", "192.168.1.2:4000"].map(at);
        assert_eq!(offered.borrow().addresses, expected);
    }

    #[test]
    fn a_router_is_asked_once_somebody_sees_us_and_only_where_it_could_help() {
        let mut vantage = Vantage::new(at("[::]:4000"));
        let [four, six] = Family::ALL.map(|family| vantage.behind(family));
        let [home, office] = ["192.168.1.2", "2001:db8:7::2"].map(|ip| ip.parse().unwrap());
        vantage.looked(Surroundings {
            local: BTreeSet::from([home, office]),
            outward: [Some(home), Some(office)],
        });
        assert_eq!([*four.borrow(), *six.borrow()], [None, None]);
        vantage.is_seen(LinkId(1), at("[2001:db8:7::2]:4000"));
        assert_eq!([*four.borrow(), *six.borrow()], [None, Some(office)]);
        vantage.is_seen(LinkId(2), at("203.0.113.7:40001"));
        assert_eq!([*four.borrow(), *six.borrow()], [Some(home), Some(office)]);
        let private = "fd00::2".parse().unwrap();
        vantage.looked(Surroundings {
            local: BTreeSet::from([home, private]),
            outward: [Some(home), Some(private)],
        });
        assert_eq!([*four.borrow(), *six.borrow()], [Some(home), None]);
    }

    #[test]
    fn a_door_is_one_more_place_and_is_told_apart() {
        let mut vantage = Vantage::new(at("[::]:4000"));
        vantage.is_seen(LinkId(1), at("203.0.113.7:40001"));
        let places = vantage.places();
        let open = |port, address: Option<&str>| {
            State::Open(Mapped {
                speech: Speech::Pcp,
                port,
                address: address.map(|ip| ip.parse().unwrap()),
            })
        };
        vantage.is_mapped(Family::V4, open(41_000, Some("198.51.100.9")));
        vantage.is_mapped(Family::V6, open(4_000, Some("2001:db8:7::2")));
        let doors = [
            "198.51.100.9:41000",
            "203.0.113.7:41000",
            "[2001:db8:7::2]:4000",
        ]
        .map(at);
        assert_eq!(places.borrow().doors, doors);
        assert_eq!(places.borrow().addresses[1..], doors);
        // A hole in a wall of which nobody says where it is is none.
        vantage.is_mapped(Family::V6, open(4_000, None));
        assert_eq!(places.borrow().doors, doors[..2]);
        vantage.is_mapped(Family::V4, State::Unknown);
        assert_eq!(places.borrow().doors, []);
    }
}
