//! What share of a node one address, one network and one identity may take, so that none of them takes it from all.
//!
//! An address that is not proven yet (RFC 9000, section 8.1) may be anybody's: whoever only pretends to have it can
//! neither use up the share of its owner nor make us remember much. It is asked for proof sooner, and only who has
//! given it is refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::proto::id::NodeId;
use crate::proto::role::LinkId;
use crate::proto::time::Mono;

/// Links from one address (of IPv6: one /64, which is what one customer has at least): an office behind one NAT.
pub const LINKS_PER_ADDRESS: usize = 256;
/// So many addresses' shares make that of their network: a /24, or a /48, which is what one site has.
const ADDRESSES_PER_NETWORK: usize = 4;
/// The share in new links is the same number, and is earned anew in this time.
const EARNED_IN: Duration = Duration::from_secs(16);
/// Handshakes of an address that has proven nothing; the next one costs it a round trip.
const UNPROVEN_MAX: usize = 32;
/// Links of one identity that it dialled: it races the addresses of a node, and keeps one.
const LINKS_PER_IDENTITY: usize = 16;
/// Addresses and networks remembered; each has a link or has had one within [`EARNED_IN`].
const SOURCES_MAX: usize = 65_536;

/// How often those who are gone are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(4);

/// Who may have how many links, and who has.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// None: everybody as many as there are.
    per_address: Option<usize>,
    sources: BTreeMap<Source, Use>,
    identities: BTreeMap<NodeId, usize>,
    links: BTreeMap<LinkId, (IpAddr, NodeId)>,
    swept: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Address(IpAddr),
    Network(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Use {
    /// Links, and handshakes of proven addresses.
    open: usize,
    unproven: usize,
    /// New links that are used up, in thousandths, as of `at`.
    spent: u64,
    at: Mono,
}

/// What to do with somebody who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    /// Let it prove its address first.
    Prove,
    Refuse,
}

impl Shares {
    pub(super) fn new(per_address: Option<usize>) -> Self {
        Self {
            per_address,
            ..Self::default()
        }
    }

    /// Somebody dials. What is accepted is said again when it is done: [`Self::linked`] or [`Self::failed`].
    pub(super) fn dialled(&mut self, from: IpAddr, is_proven: bool, now: Mono) -> Verdict {
        if self.per_address.is_none() {
            return Verdict::Accept;
        }
        self.sweep(now);
        let has_room = self.has_room(from, now);
        if is_proven {
            if !has_room {
                return Verdict::Refuse;
            }
            self.take(from, now);
            return Verdict::Accept;
        }
        let source = Source::address(from);
        let unproven = self.sources.get(&source).map_or(0, |used| used.unproven);
        if !has_room || unproven >= UNPROVEN_MAX {
            return Verdict::Prove;
        }
        self.used(source, now).unproven += 1;
        Verdict::Accept
    }

    /// A handshake came to nothing.
    pub(super) fn failed(&mut self, from: IpAddr, is_proven: bool, now: Mono) {
        if self.per_address.is_none() {
            return;
        }
        if is_proven {
            self.give_back(from);
        } else {
            self.used(Source::address(from), now).unproven -= 1;
        }
    }

    /// A handshake is done, which proves the address. False if that makes one link too many.
    pub(super) fn linked(
        &mut self,
        link: LinkId,
        peer: NodeId,
        from: IpAddr,
        is_proven: bool,
        now: Mono,
    ) -> bool {
        if self.per_address.is_none() {
            return true;
        }
        let mut has_room = true;
        if !is_proven {
            self.used(Source::address(from), now).unproven -= 1;
            has_room = self.has_room(from, now);
            self.take(from, now);
        }
        self.links.insert(link, (from, peer));
        let of_identity = self.identities.entry(peer).or_default();
        *of_identity += 1;
        has_room && *of_identity <= LINKS_PER_IDENTITY
    }

    /// A link is gone; those that we dialled were never counted.
    pub(super) fn ended(&mut self, link: LinkId) {
        let Some((from, peer)) = self.links.remove(&link) else {
            return;
        };
        self.give_back(from);
        if let Some(of_identity) = self.identities.get_mut(&peer) {
            *of_identity -= 1;
            if *of_identity == 0 {
                self.identities.remove(&peer);
            }
        }
    }

    /// Whether one more link from there is within its shares. Nothing is remembered of who merely asks.
    fn has_room(&self, from: IpAddr, now: Mono) -> bool {
        Source::both(from).into_iter().all(|source| {
            let size = self.size(source);
            match self.sources.get(&source) {
                Some(used) => {
                    let spent = used.earned(size, now).spent;
                    used.open < size && spent + 1000 <= thousandths(size)
                }
                None => size > 0 && self.sources.len() + 2 <= SOURCES_MAX,
            }
        })
    }

    fn take(&mut self, from: IpAddr, now: Mono) {
        for source in Source::both(from) {
            let used = self.used(source, now);
            used.open += 1;
            used.spent += 1000;
        }
    }

    fn give_back(&mut self, from: IpAddr) {
        for source in Source::both(from) {
            if let Some(used) = self.sources.get_mut(&source) {
                used.open -= 1;
            }
        }
    }

    fn size(&self, source: Source) -> usize {
        let per_address = self.per_address.unwrap_or(usize::MAX);
        match source {
            Source::Address(_) => per_address,
            Source::Network(_) => per_address.saturating_mul(ADDRESSES_PER_NETWORK),
        }
    }

    /// The use of a source as it is by now.
    fn used(&mut self, source: Source, now: Mono) -> &mut Use {
        let size = self.size(source);
        let used = self.sources.entry(source).or_insert(Use {
            open: 0,
            unproven: 0,
            spent: 0,
            at: now,
        });
        *used = used.earned(size, now);
        used
    }

    /// Forgets whoever has its whole share again.
    fn sweep(&mut self, now: Mono) {
        if now - self.swept < SWEEP_INTERVAL {
            return;
        }
        self.swept = now;
        let per_address = self.per_address.unwrap_or(usize::MAX);
        self.sources.retain(|source, used| {
            let size = match source {
                Source::Address(_) => per_address,
                Source::Network(_) => per_address.saturating_mul(ADDRESSES_PER_NETWORK),
            };
            *used = used.earned(size, now);
            used.open > 0 || used.unproven > 0 || used.spent > 0
        });
    }
}

impl Use {
    fn earned(mut self, size: usize, now: Mono) -> Self {
        let passed = u64::try_from((now - self.at).as_millis()).unwrap_or(u64::MAX);
        let whole = u64::try_from(EARNED_IN.as_millis()).unwrap_or(u64::MAX);
        let earned = thousandths(size).saturating_mul(passed) / whole;
        if earned > 0 {
            self.spent = self.spent.saturating_sub(earned);
            self.at = now;
        }
        self
    }
}

impl Source {
    fn address(from: IpAddr) -> Self {
        Self::Address(match from {
            IpAddr::V4(_) => from,
            IpAddr::V6(v6) => prefix_v6(v6, 64),
        })
    }

    fn both(from: IpAddr) -> [Self; 2] {
        let network = match from {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Ipv4Addr::new(a, b, c, 0).into()
            }
            IpAddr::V6(v6) => prefix_v6(v6, 48),
        };
        [Self::address(from), Self::Network(network)]
    }
}

fn prefix_v6(address: Ipv6Addr, bits: u32) -> IpAddr {
    let kept = u128::MAX << (128 - bits);
    Ipv6Addr::from_bits(address.to_bits() & kept).into()
}

fn thousandths(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono(1_000_000);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Dials with a proven address, and is linked if it is accepted.
    fn link(shares: &mut Shares, number: u64, from: IpAddr, now: Mono) -> Verdict {
        let verdict = shares.dialled(from, true, now);
        if verdict == Verdict::Accept {
            let peer = NodeId([u8::try_from(number % 250).unwrap(); 32]);
            assert!(shares.linked(LinkId(number), peer, from, true, now));
        }
        verdict
    }

    #[test]
    fn an_address_has_its_share_and_others_have_theirs() {
        let mut shares = Shares::new(Some(2));
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        assert_eq!(link(&mut shares, 1, one, START), Verdict::Accept);
        assert_eq!(link(&mut shares, 2, one, START), Verdict::Accept);
        assert_eq!(link(&mut shares, 3, one, START), Verdict::Refuse);
        assert_eq!(link(&mut shares, 4, other, START), Verdict::Accept);
        shares.ended(LinkId(1));
        // The place is free, but whoever comes and goes earns new links slowly.
        assert_eq!(link(&mut shares, 5, one, START), Verdict::Refuse);
        let later = START + EARNED_IN;
        assert_eq!(link(&mut shares, 6, one, later), Verdict::Accept);
        assert_eq!(link(&mut shares, 7, one, later), Verdict::Refuse);
    }

    #[test]
    fn a_network_has_the_share_of_a_few_addresses() {
        for (network, stranger) in [("192.0.2.", "192.0.3.1"), ("2001:db8:1:", "2001:db8:2::1")] {
            let mut shares = Shares::new(Some(1));
            let of = |last: usize| match network.ends_with('.') {
                true => ip(&format!("{network}{last}")),
                false => ip(&format!("{network}{last}::1")),
            };
            for last in 0..ADDRESSES_PER_NETWORK {
                let number = u64::try_from(last).unwrap();
                assert_eq!(
                    link(&mut shares, number, of(last), START),
                    Verdict::Accept,
                    "{network}"
                );
            }
            let one_more = of(ADDRESSES_PER_NETWORK);
            assert_eq!(link(&mut shares, 90, one_more, START), Verdict::Refuse);
            assert_eq!(link(&mut shares, 91, ip(stranger), START), Verdict::Accept);
        }
    }

    #[test]
    fn one_customer_of_ipv6_is_one_address() {
        let mut shares = Shares::new(Some(1));
        let dial = |shares: &mut Shares, number, at| link(shares, number, ip(at), START);
        assert_eq!(dial(&mut shares, 1, "2001:db8::1"), Verdict::Accept);
        assert_eq!(dial(&mut shares, 2, "2001:db8::2"), Verdict::Refuse);
        assert_eq!(dial(&mut shares, 3, "2001:db8:0:1::1"), Verdict::Accept);
    }

    #[test]
    fn who_only_pretends_to_have_an_address_takes_nothing_from_its_owner() {
        let mut shares = Shares::new(Some(2));
        let victim = ip("192.0.2.1");
        for _ in 0..UNPROVEN_MAX {
            assert_eq!(shares.dialled(victim, false, START), Verdict::Accept);
        }
        assert_eq!(shares.dialled(victim, false, START), Verdict::Prove);
        assert_eq!(link(&mut shares, 1, victim, START), Verdict::Accept);
        assert_eq!(link(&mut shares, 2, victim, START), Verdict::Accept);
        for _ in 0..UNPROVEN_MAX {
            shares.failed(victim, false, START);
        }
        // It has its share; until it has proven that it is there it is not told so.
        assert_eq!(shares.dialled(victim, false, START), Verdict::Prove);
        assert_eq!(shares.dialled(victim, true, START), Verdict::Refuse);
    }

    #[test]
    fn a_handshake_that_proves_its_address_counts_from_then_on() {
        let mut shares = Shares::new(Some(1));
        let from = ip("192.0.2.1");
        assert_eq!(shares.dialled(from, false, START), Verdict::Accept);
        assert_eq!(shares.dialled(from, false, START), Verdict::Accept);
        assert!(shares.linked(LinkId(1), NodeId([1; 32]), from, false, START));
        assert!(!shares.linked(LinkId(2), NodeId([2; 32]), from, false, START));
    }

    #[test]
    fn an_identity_has_few_links_wherever_it_comes_from() {
        let mut shares = Shares::new(Some(100));
        let mut dial = |number: usize| {
            let from = ip(&format!("192.0.{number}.1"));
            assert_eq!(shares.dialled(from, true, START), Verdict::Accept);
            let link = LinkId(u64::try_from(number).unwrap());
            shares.linked(link, NodeId([1; 32]), from, true, START)
        };
        for number in 0..LINKS_PER_IDENTITY {
            assert!(dial(number));
        }
        assert!(!dial(LINKS_PER_IDENTITY));
    }

    #[test]
    fn nothing_is_remembered_of_those_who_are_gone() {
        let mut shares = Shares::new(Some(4));
        for number in 0..1000_u64 {
            let from = ip(&format!("10.{}.{}.1", number / 250, number % 250));
            assert_eq!(link(&mut shares, number, from, START), Verdict::Accept);
            shares.ended(LinkId(number));
        }
        assert!(shares.sources.len() >= 1000);
        let later = START + EARNED_IN;
        assert_eq!(
            shares.dialled(ip("192.0.2.1"), true, later),
            Verdict::Accept
        );
        assert_eq!(shares.sources.len(), 2);
        assert!(shares.identities.is_empty() && shares.links.is_empty());
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let mut shares = Shares::new(None);
        for number in 0..10_000 {
            let verdict = link(&mut shares, number, ip("192.0.2.1"), START);
            assert_eq!(verdict, Verdict::Accept);
        }
        assert!(shares.sources.is_empty() && shares.links.is_empty());
    }
}
