//! The links a mesh node should have, and the dials that make them.
//!
//! In a small mesh that is one to every other node. In a larger one a node keeps links to its neighbours on the ring,
//! here and at 180 degrees: with them it shares groups, and one of them takes over when another dies; and to those that
//! it watches ([`super::ward`]). To all others links are made when there is something to say, and let go when there has
//! been nothing for a while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::MeshNode;
use crate::proto::actions::Actions;
use crate::proto::id::NodeId;
use crate::proto::limits::{
    FULL_MESH_MAX, NEIGHBOURS, NODE_LINK_IDLE, NODE_LINKS_MAX, NODE_WORDS_MAX, RETRY_FIRST,
    RETRY_LAST,
};
use crate::proto::mutant::{self, Mutant};
use crate::proto::ring::Point;
use crate::proto::role::{DialId, LinkId, Target};
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Message, Reason};

/// How long a node waits to be dialled by a node with a lower key before it dials that one itself.
const DIAL_TURN: Duration = Duration::from_millis(1_500);
/// How long one address of a node may take to answer before the next is dialled too (RFC 8305, section 5).
const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// How far apart two links between the same nodes may come up and still be two dials that crossed.
const CROSSING: Duration = Duration::from_secs(3);
/// How long a link lasts that is one: who ends it sooner, again and again, does not want us.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a word that waits for a link is of use: who waits for its answer has asked others by then.
const WORD_USEFUL: Duration = Duration::from_secs(2);

/// Dials under way, and what came of earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Dials {
    /// Addresses given to us, and who was found there.
    pub(super) given: BTreeMap<SocketAddr, Option<NodeId>>,
    under_way: BTreeMap<DialId, Dialled>,
    births: BTreeMap<LinkId, Birth>,
    pauses: BTreeMap<SocketAddr, Pause>,
    /// When pauses are over; where one was changed since, nothing is found to do.
    ends: BTreeSet<Mono>,
    /// What is to be said to nodes as soon as there is a link.
    words: BTreeMap<NodeId, VecDeque<(Mono, Message)>>,
    /// Whether something has changed that may want a dial.
    pub(super) is_stale: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Dialled {
    pub(super) address: SocketAddr,
    pub(super) id: Option<NodeId>,
}

/// How a link came to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    at: Mono,
    /// Where we dialled, if we did.
    pub(super) dialled: Option<SocketAddr>,
    /// The other end's address.
    pub(super) from: Option<SocketAddr>,
    /// When something was said on it last, by a mesh node or to one.
    used: Mono,
    /// Whether it is heeded closely, as the driver knows it.
    is_heeded: bool,
}

/// How long to leave an address alone.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    /// Dials in a row that led nowhere.
    failures: u32,
    /// Links in a row that we dialled and that did not last.
    rebuffs: u32,
    until: Mono,
}

impl Pause {
    /// Leaves the address alone, the longer the more often that has come to nothing `before`.
    fn put_off(&mut self, now: Mono, before: u32, act: &mut Actions) {
        let wait = (RETRY_FIRST * 2_u32.pow(before.min(7))).min(RETRY_LAST);
        let jitter = act.jitter(u64::try_from(wait.as_millis() / 4).unwrap_or(1));
        self.until = now + wait + Duration::from_millis(jitter);
    }
}

impl Dials {
    /// A dial has led to `peer`; where it was dialled.
    pub(super) fn answered(&mut self, dial: DialId, peer: NodeId) -> Option<SocketAddr> {
        let Dialled { address, .. } = self.under_way.remove(&dial)?;
        if let Some(pause) = self.pauses.get_mut(&address) {
            pause.failures = 0;
            if pause.rebuffs == 0 {
                self.pauses.remove(&address);
            }
        }
        if let Some(found) = self.given.get_mut(&address) {
            *found = Some(peer);
        }
        Some(address)
    }

    /// A dial has come to nothing; the address is left alone for a while.
    pub(super) fn failed(&mut self, now: Mono, dial: DialId, act: &mut Actions) -> Option<Dialled> {
        let dialled = self.under_way.remove(&dial)?;
        let pause = self.pauses.entry(dialled.address).or_default();
        pause.put_off(now, pause.failures, act);
        pause.failures += 1;
        self.ends.insert(pause.until);
        if let Some(found) = self.given.get_mut(&dialled.address) {
            *found = None;
        }
        self.is_stale = true;
        Some(dialled)
    }

    pub(super) fn born(
        &mut self,
        at: Mono,
        link: LinkId,
        dialled: Option<SocketAddr>,
        from: Option<SocketAddr>,
    ) {
        let birth = Birth {
            at,
            dialled,
            from,
            used: at,
            is_heeded: true,
        };
        self.births.insert(link, birth);
    }

    pub(super) fn birth(&self, link: LinkId) -> Option<Birth> {
        self.births.get(&link).copied()
    }

    pub(super) fn used(&mut self, now: Mono, link: LinkId) {
        if let Some(birth) = self.births.get_mut(&link) {
            birth.used = now;
        }
    }

    /// A link is gone. A client's leads to no dial; where one that we dialled was our last to a node and did not last
    /// itself, the next one waits.
    pub(super) fn forget(
        &mut self,
        now: Mono,
        link: LinkId,
        is_client: bool,
        is_last: bool,
        act: &mut Actions,
    ) {
        let birth = self.births.remove(&link);
        let dialled = birth.and_then(|birth| Some((birth.dialled?, now - birth.at < SETTLED)));
        match dialled {
            Some((address, true)) if is_last => self.rebuffed(now, address, act),
            Some((address, false)) => {
                if let Some(pause) = self.pauses.get_mut(&address) {
                    pause.rebuffs = 0;
                }
            }
            Some((_, true)) | None => {}
        }
        self.is_stale |= !is_client || dialled.is_some();
    }

    /// We and whoever is at an address do not stay together. Once may be chance: a node that is about to end lets go of
    /// its links too.
    pub(super) fn rebuffed(&mut self, now: Mono, address: SocketAddr, act: &mut Actions) {
        let pause = self.pauses.entry(address).or_default();
        if let Some(before) = pause.rebuffs.checked_sub(1)
            && !mutant::is(Mutant::RebuffsForgotten)
        {
            pause.put_off(now, before, act);
            self.ends.insert(pause.until);
        }
        pause.rebuffs += 1;
    }

    pub(super) fn is_dialled(&self, id: &NodeId) -> bool {
        self.under_way
            .values()
            .any(|dialled| dialled.id == Some(*id))
    }

    pub(super) fn has_failed(&self, address: &SocketAddr) -> bool {
        let pause = self.pauses.get(address);
        pause.is_some_and(|pause| pause.failures > 0)
    }

    /// Leaves it to another node to dial us first.
    pub(super) fn give_turn(&mut self, now: Mono, addresses: Vec<SocketAddr>) {
        self.ends.insert(now + DIAL_TURN);
        for address in addresses {
            self.pauses.entry(address).or_default().until = now + DIAL_TURN;
        }
    }

    /// What waited for a link to `peer`, as far as it is still of use.
    pub(super) fn words_for(&mut self, now: Mono, peer: &NodeId) -> Vec<Message> {
        let words = self.words.remove(peer).unwrap_or_default();
        let useful = words
            .into_iter()
            .filter(|(said, _)| now - *said < WORD_USEFUL);
        useful.map(|(_, word)| word).collect()
    }

    /// When the next pause is over.
    pub(super) fn due(&mut self, now: Mono) -> Option<Mono> {
        while self.ends.first().is_some_and(|end| *end <= now) {
            self.ends.pop_first();
        }
        self.ends.first().copied()
    }

    fn is_free(&self, now: Mono, address: &SocketAddr) -> bool {
        let pause = self.pauses.get(address);
        let mut dialled = self.under_way.values();
        pause.is_none_or(|pause| now >= pause.until)
            && !dialled.any(|dialled| dialled.address == *address)
    }

    fn wait_for_word(&mut self, now: Mono, to: NodeId, word: Message) {
        if self.words.len() >= NODE_LINKS_MAX && !self.words.contains_key(&to) {
            return;
        }
        let words = self.words.entry(to).or_default();
        if words.len() >= NODE_WORDS_MAX {
            words.pop_front();
        }
        words.push_back((now, word));
        self.is_stale = true;
    }
}

impl MeshNode {
    /// Says something to a node, over a link that is made for it if need be.
    pub(super) fn say(&mut self, now: Now, to: NodeId, word: Message) {
        if let Some(link) = self.links.to_node(&to) {
            if !matches!(word, Message::Gossip(_)) {
                self.dials.used(now.mono, link);
            }
            return self.act.send(link, word);
        }
        self.dials.wait_for_word(now.mono, to, word);
    }

    /// Takes the addresses at which nodes may be found by now. One that belongs to a node we have a link to is not
    /// dialled for a second one.
    pub(super) fn found(&mut self, addresses: &[SocketAddr]) {
        let before = std::mem::take(&mut self.dials.given);
        for address in addresses {
            let has = |id: &NodeId| {
                let listed = self.table.get(id);
                listed.is_some_and(|listed| listed.record.addresses.contains(address))
            };
            let linked = || self.links.nodes().find(has);
            let found = before.get(address).copied().flatten().or_else(linked);
            self.dials.given.insert(*address, found);
        }
        self.dials.is_stale = true;
    }

    /// Whether a new link to a mesh node is one too many; if the one we have is, that is closed.
    ///
    /// Two nodes that dial each other at once both keep the link that the lower key dialled. Apart from that a
    /// link we dialled is spare if there is one, and one that the other end dialled is not: it has lost its own.
    pub(super) fn is_spare(&mut self, now: Now, is_ours: bool, peer: NodeId) -> bool {
        let known = self.links.to_node(&peer);
        let Some((known, birth)) = known.and_then(|k| Some((k, self.dials.birth(k)?))) else {
            return false;
        };
        let is_crossing = now.mono - birth.at < CROSSING && birth.dialled.is_some() != is_ours;
        let is_spare = if is_crossing {
            is_ours != (self.record.key < peer)
        } else {
            is_ours
        };
        if !is_spare {
            self.act.close(known, Reason::Done);
        }
        is_spare
    }

    /// Dials every node that should be linked and is not, at one of its addresses after the other.
    pub(super) fn dial_all(&mut self, now: Now) {
        if !std::mem::take(&mut self.dials.is_stale) {
            return;
        }
        self.heed();
        let wanted = self.wanted();
        // In a large mesh who was found there is a node as any other, and all others are given the same few.
        let is_lonely = self.is_small() || self.nodes.is_empty();
        let given = self.dials.given.iter().filter(|(_, found)| match found {
            None => true,
            Some(id) => is_lonely && *id != self.record.key && self.links.to_node(id).is_none(),
        });
        let given = given.map(|(address, _)| (None, vec![*address]));
        let introduced = self.deeds.places().map(|address| (None, vec![address]));
        let candidates = self.door.places();
        let all: Vec<_> = wanted
            .into_iter()
            .chain(given)
            .chain(introduced)
            .chain(candidates)
            .collect();
        let under_way = self.dials.under_way.values();
        let strangers = under_way.filter(|dialled| self.is_stranger(dialled.id));
        let mut strangers = strangers.count();
        for (id, addresses) in all {
            let is_next = |address: &SocketAddr| {
                self.dials.is_free(now.mono, address) && !self.record.addresses.contains(address)
            };
            let Some(address) = addresses.iter().copied().find(is_next) else {
                continue;
            };
            let is_stranger = self.is_stranger(id);
            if is_stranger && strangers >= FULL_MESH_MAX {
                continue;
            }
            strangers += usize::from(is_stranger);
            let dial = self.act.dial(Target::Node { address, id });
            self.dials.under_way.insert(dial, Dialled { address, id });
            for other in addresses.into_iter().filter(|other| *other != address) {
                let pause = self.dials.pauses.entry(other).or_default();
                pause.until = pause.until.max(now.mono + DIAL_STAGGER);
                self.dials.ends.insert(pause.until);
            }
        }
    }

    /// The nodes that should be linked and are not.
    fn wanted(&self) -> Vec<(Option<NodeId>, Vec<SocketAddr>)> {
        let keys: BTreeSet<NodeId> = if self.is_small() {
            let all = self.table.listed();
            all.map(|listed| listed.record.key).collect()
        } else {
            let called = self.dials.words.keys().copied();
            self.ward.kept().iter().copied().chain(called).collect()
        };
        let unlinked = keys.iter().filter_map(|key| {
            let listed = self.table.get(key)?;
            let record = &listed.record;
            let is_wanted =
                *key != self.record.key && !record.tombstone && self.links.to_node(key).is_none();
            // First those that we know to be there, then those that others hold for up.
            let turn = (!self.watch.has_heard(key), !listed.liveness.is_up());
            is_wanted.then(|| (turn, (Some(*key), record.addresses.clone())))
        });
        let mut unlinked: Vec<_> = unlinked.collect();
        unlinked.sort_by_key(|(turn, _)| *turn);
        unlinked.into_iter().map(|(_, node)| node).collect()
    }

    /// Whether we have never heard a node of the table. Of those there may be any number, and nobody at any of them, so
    /// that few are dialled at a time.
    fn is_stranger(&self, id: Option<NodeId>) -> bool {
        id.is_some_and(|id| !self.watch.has_heard(&id) && self.table.get(&id).is_some())
    }

    /// Heeds the links closely to those with whom we take over each other's groups, and no others: the probes find out
    /// who is dead, and a group that has lost its supernode must not wait for them.
    pub(super) fn heed(&mut self) {
        if self.watch.is_by_links() {
            return;
        }
        let ours = self.record.ring_address();
        let ours = ours.filter(|_| self.record.roles.supernode);
        let beside = ours.map(|at| self.table.ring().beside(Point::of_ip(at.ip())));
        let beside = beside.unwrap_or_default();
        for link in &self.nodes {
            let peer = self.links.get(*link).map(|link| link.peer);
            // Who is not listed yet is watched by nobody else.
            let closely = peer.is_none_or(|p| beside.contains(&p) || self.table.get(&p).is_none());
            if let Some(birth) = self.dials.births.get_mut(link)
                && std::mem::replace(&mut birth.is_heeded, closely) != closely
            {
                self.act.heed(*link, closely);
            }
        }
    }

    /// Whether everybody is linked to everybody. Records are cheap, and somebody may tell of any number of nodes that are
    /// not there: a mesh is large when we have heard so many of it ourselves.
    pub(super) fn is_small(&self) -> bool {
        self.table.len() <= FULL_MESH_MAX
            || self.watch.hears_few() && !mutant::is(Mutant::PhantomsCounted)
    }

    /// Those with whom we share groups, now or when one of them fails.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = NodeId> {
        let ours = self.record.ring_address();
        let ours = ours.filter(|_| self.record.roles.supernode);
        let ring = self.table.ring();
        ours.into_iter().flat_map(move |address| {
            let point = Point::of_ip(address.ip());
            [point, point.opposite()]
                .into_iter()
                .flat_map(move |point| ring.around(point, 2 * NEIGHBOURS))
        })
    }

    /// Lets go of what is of no use any more: words nobody came for, pauses long over, links of a larger mesh on
    /// which nothing is said.
    pub(super) fn tidy(&mut self, now: Now) {
        let is_useful = |words: &VecDeque<(Mono, Message)>| {
            let last = words.back();
            last.is_some_and(|(said, _)| now.mono - *said < WORD_USEFUL)
        };
        self.dials.words.retain(|_, words| is_useful(words));
        self.dials
            .pauses
            .retain(|_, pause| now.mono - pause.until < 3 * RETRY_LAST);
        if self.is_small() {
            return;
        }
        let kept = self.ward.kept();
        let births = self.nodes.iter().filter_map(|link| {
            let peer = self.links.get(*link)?.peer;
            let birth = self.dials.birth(*link)?;
            (!kept.contains(&peer)).then_some((birth.used, *link, birth.dialled.is_some()))
        });
        let mut idle: Vec<_> = births.collect();
        idle.sort_unstable();
        let surplus = self.nodes.len().saturating_sub(NODE_LINKS_MAX);
        for (index, (used, link, is_ours)) in idle.into_iter().enumerate() {
            // Whoever dialled it knows whether it is of use.
            if index < surplus || is_ours && now.mono - used > NODE_LINK_IDLE {
                self.close(now, link, Reason::Done);
            }
        }
    }
}
