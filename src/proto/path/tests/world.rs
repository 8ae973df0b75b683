//! Two finders in a world of routers, distances and losses, without a byte or a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::proto::path::{Act, Finder, Way};
use crate::proto::time::Mono;

/// What stands before a machine (the words are those of RFC 4787).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    /// Public addresses, and only what was asked for comes in.
    Firewall,
    /// One outer port for each inner one, and only what was asked for comes in.
    Home,
    /// Another outer port for everybody who is talked to.
    Symmetric,
}

struct Router {
    kind: Kind,
    ip: IpAddr,
    ports: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    asked: BTreeSet<(u16, SocketAddr)>,
}

struct Machine {
    finder: Finder,
    router: usize,
    inner: SocketAddr,
    /// When a packet of the stream arrived last, and the longest that took.
    last: Mono,
    gap_ms: u64,
    numbers: BTreeSet<u64>,
    /// Packets that were sent to addresses other than those of the two.
    astray: usize,
}

#[derive(Clone, Copy)]
enum Payload {
    Probe(u64),
    Answer(u64),
    Data(u64),
    Relayed(u64),
    Offer,
}

struct Packet {
    from: Option<SocketAddr>,
    to: usize,
    payload: Payload,
    offer: Vec<SocketAddr>,
}

pub(super) struct World {
    pub(super) now: Mono,
    pub(super) delay_ms: u64,
    /// To the other end over a supernode.
    pub(super) relay_ms: u64,
    pub(super) loss_percent: u64,
    /// Whether direct packets get lost, and whether the supernode is gone.
    pub(super) is_black: bool,
    pub(super) is_alone: bool,
    routers: Vec<Router>,
    machines: Vec<Machine>,
    flying: BTreeMap<(Mono, u64), Packet>,
    count: u64,
    said: u64,
    chance: u64,
}

/// Where supernodes are, as routers see them.
const SUPERNODE: &str = "198.51.100.1:7700";

impl World {
    /// Two people, each behind a router of their own.
    pub(super) fn of(first: Kind, second: Kind, delay_ms: u64) -> Self {
        let mut world = Self {
            now: Mono(1_000),
            delay_ms,
            relay_ms: 2 * delay_ms + 1,
            loss_percent: 0,
            is_black: false,
            is_alone: false,
            routers: Vec::new(),
            machines: Vec::new(),
            flying: BTreeMap::new(),
            count: 0,
            said: 0,
            chance: 1,
        };
        for kind in [first, second] {
            let router = world.router(kind);
            world.settles(router);
        }
        world.offer(0);
        world.offer(1);
        world
    }

    /// Both in one home.
    pub(super) fn one_home() -> Self {
        let mut world = Self::of(Kind::Home, Kind::Home, 10);
        world.move_to(1, 0);
        world
    }

    pub(super) fn router(&mut self, kind: Kind) -> usize {
        let number = self.routers.len() + 1;
        self.routers.push(Router {
            kind,
            ip: format!("203.0.113.{number}").parse().unwrap(),
            ports: BTreeMap::new(),
            asked: BTreeSet::new(),
        });
        number - 1
    }

    fn settles(&mut self, router: usize) {
        let inner = self.inner(self.machines.len(), router);
        self.machines.push(Machine {
            finder: Finder::default(),
            router,
            inner,
            last: self.now,
            gap_ms: 0,
            numbers: BTreeSet::new(),
            astray: 0,
        });
    }

    fn inner(&self, machine: usize, router: usize) -> SocketAddr {
        match self.routers[router].kind {
            Kind::Open | Kind::Firewall => SocketAddr::new(self.routers[router].ip, 4_000),
            Kind::Home | Kind::Symmetric => {
                format!("192.168.1.{}:4000", machine + 2).parse().unwrap()
            }
        }
    }

    /// The machine is behind another router from here on; the supernode is reached at once.
    pub(super) fn move_to(&mut self, machine: usize, router: usize) {
        self.slips_to(machine, router);
        let now = self.now;
        self.machines[machine].finder.moved(now);
        self.offer(machine);
        self.acts(machine);
    }

    /// The same, without its knowing.
    pub(super) fn slips_to(&mut self, machine: usize, router: usize) {
        self.machines[machine].router = router;
        self.machines[machine].inner = self.inner(machine, router);
    }

    /// Tells the other what our addresses are: ours, and what a supernode sees.
    pub(super) fn offer(&mut self, machine: usize) {
        let inner = self.machines[machine].inner;
        let supernode = SUPERNODE.parse().unwrap();
        let outer = self.leaves(machine, supernode);
        self.fly(
            self.relay_ms,
            None,
            1 - machine,
            Payload::Offer,
            vec![inner, outer],
        );
    }

    pub(super) fn way(&self, machine: usize) -> Way {
        self.machines[machine].finder.way()
    }

    pub(super) fn is_direct(&self) -> bool {
        (0..2).all(|machine| matches!(self.way(machine), Way::Direct(_)))
    }

    pub(super) fn finder(&mut self, machine: usize) -> &mut Finder {
        &mut self.machines[machine].finder
    }

    pub(super) fn astray(&self) -> usize {
        self.machines.iter().map(|machine| machine.astray).sum()
    }

    /// The longest that either has waited for a packet of the stream since this was asked.
    pub(super) fn gap_ms(&mut self) -> u64 {
        let machines = self.machines.iter_mut();
        let gaps = machines.map(|machine| std::mem::take(&mut machine.gap_ms));
        gaps.max().unwrap()
    }

    /// Until both are direct; when that was, in milliseconds from here, if it was within ten seconds.
    pub(super) fn until_direct(&mut self) -> Option<u64> {
        let began = self.now;
        while !self.is_direct() {
            if self.now > Mono(began.0 + 10_000) {
                return None;
            }
            self.step();
        }
        Some(self.now.0 - began.0)
    }

    pub(super) fn run(&mut self, ms: u64) {
        let until = Mono(self.now.0 + ms);
        while self.now < until {
            self.step();
        }
    }

    /// One millisecond, in every tenth of which both send a packet of a stream.
    fn step(&mut self) {
        self.now = Mono(self.now.0 + 1);
        let later = self.flying.split_off(&(self.now, u64::MAX));
        let due = std::mem::replace(&mut self.flying, later);
        for packet in due.into_values() {
            self.arrives(&packet);
        }
        for machine in 0..2 {
            let now = self.now;
            let finder = &mut self.machines[machine].finder;
            if finder.poll_timeout().is_some_and(|due| due <= now) {
                finder.timeout(now);
                assert!(
                    finder.poll_timeout().is_none_or(|due| due > now),
                    "it would turn for ever"
                );
            }
            if self.now.0.is_multiple_of(10) {
                self.said += 1;
                self.says(machine, self.said);
            }
            self.acts(machine);
        }
    }

    fn says(&mut self, machine: usize, number: u64) {
        let now = self.now;
        let way = self.way(machine);
        if let Some(to) = way.address() {
            self.send(machine, to, Payload::Data(number));
        }
        if !matches!(way, Way::Direct(_)) && !self.is_alone {
            self.fly(
                self.relay_ms,
                None,
                1 - machine,
                Payload::Relayed(number),
                Vec::new(),
            );
        }
        self.machines[machine].finder.sent(now);
    }

    fn acts(&mut self, machine: usize) {
        while let Some(act) = self.machines[machine].finder.poll() {
            match act {
                Act::Probe { to, number } => self.send(machine, to, Payload::Probe(number)),
                Act::Answer { to, number, .. } => self.send(machine, to, Payload::Answer(number)),
                Act::ProbeRelay { .. } | Act::AnswerRelay { .. } | Act::Kick => {}
            }
        }
    }

    fn arrives(&mut self, packet: &Packet) {
        let now = self.now;
        let machine = &mut self.machines[packet.to];
        let finder = &mut machine.finder;
        match (packet.payload, packet.from) {
            (Payload::Offer, _) => finder.offered(now, &packet.offer),
            (Payload::Probe(number), Some(from)) => {
                finder.probed(now, from, number, [0; 8]);
            }
            (Payload::Answer(number), Some(from)) => {
                finder.answered(now, from, number);
            }
            (Payload::Data(number), Some(from)) => {
                // What comes from an address that has shown no key is nobody's.
                if finder
                    .tried()
                    .any(|(address, tried)| address == from && tried.seen.is_some())
                {
                    finder.heard(now, from);
                    machine.hears(now, number);
                }
            }
            (Payload::Relayed(number), _) => {
                finder.heard_relayed(now);
                machine.hears(now, number);
            }
            (Payload::Probe(_) | Payload::Answer(_) | Payload::Data(_), None) => {}
        }
        self.acts(packet.to);
    }

    fn send(&mut self, machine: usize, to: SocketAddr, payload: Payload) {
        let other = 1 - machine;
        let (us, them) = (&self.machines[machine], &self.machines[other]);
        let (ours, theirs) = (us.router, them.router);
        if ours == theirs && to == them.inner {
            let from = us.inner;
            return self.fly(1, Some(from), other, payload, Vec::new());
        }
        if to.ip() != self.routers[theirs].ip {
            self.machines[machine].astray += 1;
            return;
        }
        let from = self.leaves(machine, to);
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let is_lost = (self.chance >> 33) % 100 < self.loss_percent;
        if !self.is_black && !is_lost && self.enters(other, from, to) {
            self.fly(self.delay_ms, Some(from), other, payload, Vec::new());
        }
    }

    /// Out through the machine's router: where it seems to come from.
    fn leaves(&mut self, machine: usize, to: SocketAddr) -> SocketAddr {
        let inner = self.machines[machine].inner;
        let router = &mut self.routers[self.machines[machine].router];
        let key = match router.kind {
            Kind::Open | Kind::Firewall => {
                router.asked.insert((inner.port(), to));
                return inner;
            }
            Kind::Home => (inner, None),
            Kind::Symmetric => (inner, Some(to)),
        };
        let next = 40_000 + u16::try_from(router.ports.len()).unwrap();
        let port = *router.ports.entry(key).or_insert(next);
        router.asked.insert((port, to));
        SocketAddr::new(router.ip, port)
    }

    /// In through the machine's router, if that lets it.
    fn enters(&self, machine: usize, from: SocketAddr, to: SocketAddr) -> bool {
        let router = &self.routers[self.machines[machine].router];
        let is_asked = router.asked.contains(&(to.port(), from));
        match router.kind {
            Kind::Open => true,
            Kind::Firewall | Kind::Home | Kind::Symmetric => is_asked,
        }
    }

    fn fly(
        &mut self,
        ms: u64,
        from: Option<SocketAddr>,
        to: usize,
        payload: Payload,
        offer: Vec<SocketAddr>,
    ) {
        self.count += 1;
        let packet = Packet {
            from,
            to,
            payload,
            offer,
        };
        self.flying
            .insert((Mono(self.now.0 + ms), self.count), packet);
    }
}

impl Machine {
    fn hears(&mut self, now: Mono, number: u64) {
        if self.numbers.insert(number) {
            self.gap_ms = self.gap_ms.max(now.0 - self.last.0);
            self.last = now;
        }
    }
}
