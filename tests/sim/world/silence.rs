//! Links whose other end is not heard: when that is noticed, and what is left of them.

use fireside::proto::role::{Input, Kind, LinkId};
use fireside::proto::time::Mono;
use fireside::proto::wire::Reason;

use super::World;
use super::time::What;
use crate::link::{Death, Link, LinkNo, NodeIx, Side, State};

impl World {
    /// The other end of a link dies, and can say so no more.
    pub(super) fn die(&mut self, no: LinkNo, side: Side, death: Death) {
        if let Some(link) = self.links.get_mut(&no) {
            link.end_mut(side).death = Some(death);
            self.miss(no, side);
        }
    }

    /// What is left of an earlier run is told so by the next: nobody there knows those links.
    pub(super) fn disown(&mut self, ix: NodeIx) {
        let mut left = Vec::new();
        for (no, link) in &self.links {
            for side in [Side::Dialler, Side::Dialled] {
                if link.end(side.other()).node == ix && link.end(side).death.is_some() {
                    left.push((*no, side));
                }
            }
        }
        for (no, side) in left {
            let after = self.rng.range(50, 1_500);
            self.lose(no, side, self.now + after, None);
        }
    }

    /// An end whose other end has given the link up is told so as soon as it is heard: nobody there knows the link.
    pub(super) fn disown_at(&mut self, no: LinkNo) {
        let left = [Side::Dialler, Side::Dialled].into_iter().find(|side| {
            let Some(link) = self.links.get(&no) else {
                return false;
            };
            let (here, there) = (link.end(*side), link.end(side.other()));
            let is_left = here.state == State::Up && here.death.is_some();
            is_left && there.state == State::Gone && self.is_answered(link, *side)
        });
        if let Some(side) = left
            && let Some(link) = self.links.get_mut(&no)
        {
            link.end_mut(side).death = None;
            let after = self.rng.range(50, 1_500);
            self.lose(no, side, self.now + after, None);
        }
    }

    /// Whether what one end of a link sends reaches the other's process, and an answer comes back.
    fn is_answered(&self, link: &Link, side: Side) -> bool {
        let (here, there) = (link.end(side).node, link.end(side.other()).node);
        let is_awake = |ix: NodeIx| self.is_running(ix) && self.nodes[ix].frozen.is_none();
        let is_reached = match link.end(side).via {
            None => self.is_heard(here, there) && self.is_heard(there, here),
            Some(via) => self.is_relayed(here, via, there) && self.is_relayed(there, via, here),
        };
        is_reached && is_awake(here) && is_awake(there)
    }

    /// From here on an end of a link counts the time in which it hears nothing.
    pub(super) fn miss(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let kind = link.kind;
        let end = link.end_mut(side);
        end.stalls += 1;
        end.silent_since = self.now;
        let stall = end.stalls;
        let (from, to) = match (end.death, kind) {
            (Some(Death::Refused), Kind::Mesh) => self.weather.refused_ms,
            (Some(Death::Refused | Death::Silent) | None, _) => self.weather.quiet_ms,
        };
        let (idle_from, idle_to) = self.weather.idle_ms;
        let quiet = self.rng.range(from, to);
        let idle = self.rng.range(idle_from, idle_to);
        self.schedule(self.now + quiet, What::Quiet(no, side, stall));
        self.schedule(self.now + idle, What::GiveUp(no, side, stall));
    }

    /// An end of a link between mesh nodes wants to know soon that it hears nothing, or need not.
    pub(super) fn heed(&mut self, ix: NodeIx, id: LinkId, closely: bool) {
        let (no, side) = LinkNo::of(id);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let other = link.end(side.other()).node;
        let end = link.end_mut(side);
        let was_heeded = std::mem::replace(&mut end.is_heeded, closely);
        let misses = end.is_deaf || end.death.is_some();
        assert!(
            self.nodes[ix].listens && self.nodes[other].listens,
            "a person is heeded always"
        );
        if closely && !was_heeded && misses {
            self.miss(no, side);
        }
    }

    pub(super) fn is_still(&self, no: LinkNo, side: Side, stall: u32) -> bool {
        let link = self.links.get(&no);
        link.is_some_and(|link| link.end(side).stalls == stall && !link.broken)
    }

    /// Tells a role that a link is quiet, or heard again.
    pub(super) fn hush(&mut self, no: LinkNo, side: Side, is_quiet: bool) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let end = link.end_mut(side);
        let ix = end.node;
        if end.state == State::Up && std::mem::replace(&mut end.is_quiet, is_quiet) != is_quiet {
            if is_quiet && self.is_outlived(no, side) {
                let (link, why) = (no.id(side), Some(Reason::Done));
                self.close(link, Reason::Done);
                return self.give(ix, Input::Lost { link, why });
            }
            let Some(link) = self.links.get(&no) else {
                return;
            };
            let end = link.end(side);
            let (link, for_ms) = (no.id(side), self.now - end.silent_since);
            let since = Mono(self.clocks(ix).mono.0 - for_ms);
            let input = if is_quiet {
                Input::Quiet { link, since }
            } else {
                Input::Heard { link }
            };
            self.give(ix, input);
        }
    }

    /// Whether a client's link has fallen quiet at a node that hears that client over another one.
    fn is_outlived(&self, no: LinkNo, side: Side) -> bool {
        let Some(link) = self.links.get(&no) else {
            return false;
        };
        let (ix, client) = (link.end(side).node, link.end(side.other()).node);
        let is_other = |other: &LinkNo| {
            let link = self.links.get(other).filter(|_| *other != no);
            link.is_some_and(|link| {
                let at = link.side_of(ix);
                let here = link.end(at);
                let is_theirs = at == Side::Dialled && link.end(at.other()).node == client;
                is_theirs && here.state == State::Up && !here.is_quiet
            })
        };
        let is_client =
            link.kind == Kind::Mesh && side == Side::Dialled && !self.nodes[client].listens;
        is_client && self.nodes[ix].links.iter().any(is_other)
    }

    /// An end that has heard nothing for too long gives its link up, without a word; the other then hears
    /// nothing of it.
    pub(super) fn give_up(&mut self, no: LinkNo, side: Side) {
        self.lose(no, side, self.now, None);
        self.die(no, side.other(), Death::Silent);
    }
}
