//! The links of a world: how they come, what they carry, and how they end.

use bytes::Bytes;
use fireside::proto::codec;
use fireside::proto::role::{DialId, Input, Kind, LinkId, Target};
use fireside::proto::wire::{Message, Reason};

use super::time::What;
use super::{Fault, World};
use crate::link::{Death, Link, LinkNo, NodeIx, Side, State};
use crate::moment::Moment;
use crate::weather::SPIKE_MS;

/// How long a dial without an answer is waited for.
const DIAL_TIMEOUT_MS: u64 = 5_000;

/// Whom a dial reaches, and over what.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    Node(NodeIx),
    Peer { to: NodeIx, via: NodeIx },
}

impl World {
    pub(super) fn dial(&mut self, ix: NodeIx, dial: DialId, to: &Target) {
        let reach = match to {
            Target::Node { address, id } => {
                self.nodes[ix].dials += 1;
                let target = self
                    .nodes
                    .iter()
                    .position(|n| n.listens && n.address == *address);
                match target.filter(|to| *to != ix) {
                    Some(to) if id.is_none_or(|id| id == self.nodes[to].id) => Reach::Node(to),
                    Some(_) | None => return self.undial(ix, dial, 1, "nobody is there"),
                }
            }
            Target::Peer { id, via } => {
                let (no, side) = LinkNo::of(*via);
                let up = |link: &&Link| link.end(side).state == State::Up;
                let Some(link) = self.links.get(&no).filter(up) else {
                    return self.undial(ix, dial, 0, "no link to that supernode");
                };
                let via = link.end(side.other()).node;
                match self.nodes.iter().position(|n| n.id == *id) {
                    Some(to) if to != ix => Reach::Peer { to, via },
                    Some(_) | None => return self.undial(ix, dial, 1, "nobody of that name"),
                }
            }
        };
        let after = match reach {
            Reach::Node(to) => self.delay(ix, to),
            Reach::Peer { to, via } => self.delay(ix, via) + self.delay(via, to),
        };
        let run = self.nodes[ix].run;
        self.schedule(self.now + after, What::Dialled(ix, run, dial, reach));
    }

    fn undial(&mut self, ix: NodeIx, dial: DialId, after: u64, why: &str) {
        let why = why.to_owned();
        self.give_later(
            ix,
            after,
            Input::Undialled {
                dial,
                why,
                reason: None,
            },
        );
    }

    pub(super) fn dialled(&mut self, ix: NodeIx, dial: DialId, reach: Reach) {
        let (kind, to, via) = match reach {
            Reach::Node(to) => (Kind::Mesh, to, None),
            Reach::Peer { to, via } => (Kind::Peer, to, Some(via)),
        };
        let (there, back) = match via {
            None => (self.delay(ix, to), self.delay(to, ix)),
            Some(via) => (
                self.delay(ix, via) + self.delay(via, to),
                self.delay(to, via) + self.delay(via, ix),
            ),
        };
        let reached = match via {
            None => self.is_heard(ix, to) && self.is_heard(to, ix),
            Some(via) => self.is_relayed(ix, via, to) && self.is_relayed(to, via, ix),
        };
        if !reached {
            let known_at_once = via.is_some_and(|via| !self.is_linked(to, via));
            let after = if known_at_once { back } else { DIAL_TIMEOUT_MS };
            return self.undial(ix, dial, after, "no answer");
        }
        if !self.is_running(to) {
            // The machine is there and the process is not: sometimes one is told so.
            let after = if self.rng.chance(1, 2) {
                back
            } else {
                DIAL_TIMEOUT_MS
            };
            return self.undial(ix, dial, after, "refused");
        }
        self.links_made += 1;
        let no = LinkNo(self.links_made);
        let mut link = Link::new(kind, dial, ix, to);
        for (side, at) in [(Side::Dialler, back), (Side::Dialled, back + there)] {
            let end = link.end_mut(side);
            end.via = via;
            end.floor = self.now + at;
            self.nodes[link.end(side).node].links.insert(no);
        }
        self.links.insert(no, link);
        self.schedule(self.now + back, What::Up(no, Side::Dialler));
        self.schedule(self.now + back + there, What::Up(no, Side::Dialled));
    }

    pub(super) fn up(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        if link.end(side).state != State::Pending {
            return;
        }
        link.end_mut(side).state = State::Up;
        let (ix, other) = (link.end(side).node, link.end(side.other()).node);
        let (kind, dial, via) = (link.kind, link.dial, link.end(side).via);
        let rtt_ms = self.rtt(ix, other, via);
        self.give(
            ix,
            Input::Linked {
                link: no.id(side),
                dial: (side == Side::Dialler).then_some(dial),
                kind,
                peer: self.nodes[other].id,
                address: (kind == Kind::Mesh).then_some(self.nodes[other].address),
                rtt_ms,
            },
        );
        if self
            .links
            .get(&no)
            .is_some_and(|link| link.end(side).death.is_some())
        {
            self.miss(no, side);
        }
        match kind {
            Kind::Peer => self.tell_path(no, side),
            Kind::Mesh => {
                self.replace(no, side);
                // What was waiting for a supernode both are linked to may go on.
                self.look_at_paths();
            }
        }
    }

    /// What the network sees to, and not a role: the links of a client's earlier run end with its next one, and those
    /// of the same run that are quiet.
    fn replace(&mut self, by: LinkNo, side: Side) {
        let Some(link) = self.links.get(&by) else {
            return;
        };
        let (ix, client) = (link.end(side).node, link.end(side.other()).node);
        if side == Side::Dialler || self.nodes[client].listens {
            return;
        }
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get(&no).filter(|_| no < by) else {
                continue;
            };
            let at = link.side_of(ix);
            let is_old = at == Side::Dialled && link.end(at.other()).node == client;
            if !is_old || link.end(at).state != State::Up {
                continue;
            }
            let reason = if link.end(at.other()).state == State::Gone {
                Reason::Replaced
            } else if link.end(at).is_quiet {
                Reason::Done
            } else {
                continue;
            };
            let (link, why) = (no.id(at), Some(reason));
            self.close(link, reason);
            self.give(ix, Input::Lost { link, why });
        }
    }

    pub(super) fn send(&mut self, ix: NodeIx, to: &[LinkId], message: &Message) {
        let frame = codec::encode(message);
        let is_awaited = self.ambush.is_some() && Moment::of(message) == self.ambush;
        for id in to {
            let (no, side) = LinkNo::of(*id);
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            if link.end(side).state != State::Up || link.end(side).node != ix {
                continue;
            }
            self.happened.frames += 1;
            self.happened.bytes += frame.len() as u64;
            if link.broken {
                continue;
            }
            let far = side.other();
            if is_awaited {
                self.ambush = None;
                self.sprung = Some((ix, link.end(far).node));
            }
            if link.end(far).is_deaf {
                link.end_mut(far).waiting.push_back(frame.clone());
            } else {
                self.carry(no, far, frame.clone());
            }
        }
    }

    /// Puts a frame on its way to one end of a link that has a path.
    pub(super) fn carry(&mut self, no: LinkNo, to: Side, frame: Bytes) {
        let broken = self.rng.chance(self.weather.breaks_per_million, 1_000_000);
        let is_peer = self.links.get(&no).map(|link| link.kind) == Some(Kind::Peer);
        if self.fault == Some(Fault::SilentLoss) && is_peer && self.rng.chance(1, 200) {
            return;
        }
        let at = self.arrival(no, to);
        self.schedule(at, What::Arrive(no, to, frame));
        // What is lost again and again is the end of a link.
        if broken || at > self.now + self.weather.idle_ms.1 + SPIKE_MS {
            self.break_link(no);
        }
    }

    /// When what is sent to this end arrives there: after all that was sent before.
    pub(super) fn arrival(&mut self, no: LinkNo, to: Side) -> u64 {
        let link = &self.links[&no];
        let (from, here) = (link.end(to.other()), link.end(to));
        let (a, b) = (from.node, here.node);
        let way = match self.open_via(link, to) {
            None => self.delay(a, b),
            Some(via) => self.delay(a, via) + self.delay(via, b),
        };
        let mut late = self.rng.range(0, self.weather.jitter_ms);
        while self.rng.chance(self.weather.loss_permille, 1_000) {
            late += way + 200;
        }
        if self.rng.chance(self.weather.spikes_permille, 1_000) {
            late += self.rng.range(100, SPIKE_MS);
        }
        let at = self.now + way + late;
        let Some(link) = self.links.get_mut(&no) else {
            return at;
        };
        let end = link.end_mut(to);
        end.floor = end.floor.max(at);
        end.floor
    }

    pub(super) fn arrive(&mut self, no: LinkNo, side: Side, frame: &Bytes) {
        let alive = |l: &&Link| l.end(side).state == State::Up && !l.broken;
        let Some(link) = self.links.get(&no).filter(alive) else {
            return;
        };
        let (ix, teller) = (link.end(side).node, link.end(side.other()).node);
        self.hush(no, side, false);
        let link = no.id(side);
        match codec::decode(&frame[codec::LENGTH_SIZE..]) {
            Ok(Message::Table { .. })
                if self.now < self.nodes[ix].tables_at
                    && self.nodes[ix].tables_but_of != Some(teller) =>
            {
                let at = self.nodes[ix].tables_at;
                self.schedule(at, What::Arrive(no, side, frame.clone()));
            }
            Ok(message) => self.give(ix, Input::Received { link, message }),
            Err(error) => {
                let what = format!(
                    "{} was sent what it cannot read: {error}",
                    self.nodes[ix].name
                );
                self.checker.blame(what);
                self.close(link, error.reason());
            }
        }
    }

    /// One end closes its link; the other learns of it after all that was sent.
    pub(super) fn close(&mut self, id: LinkId, reason: Reason) {
        let (no, side) = LinkNo::of(id);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        if link.end(side).state == State::Gone {
            return;
        }
        link.end_mut(side).state = State::Gone;
        let far = side.other();
        let (ix, is_silent) = (link.end(side).node, link.end(far).is_deaf || link.broken);
        self.nodes[ix].links.remove(&no);
        if is_silent {
            self.die(no, far, Death::Silent);
        } else {
            let at = self.arrival(no, far);
            self.lose(no, far, at, Some(reason));
        }
        self.look_at_paths();
    }

    /// An end will learn at this time that its link is gone.
    pub(super) fn lose(&mut self, no: LinkNo, side: Side, at: u64, why: Option<Reason>) {
        self.schedule(at, What::Lost(no, side, why));
    }

    pub(super) fn lost(&mut self, no: LinkNo, side: Side, why: Option<Reason>) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let (before, ix, dial) = (link.end(side).state, link.end(side).node, link.dial);
        link.end_mut(side).state = State::Gone;
        let all_gone = link.is_gone();
        if all_gone {
            self.links.remove(&no);
        }
        self.nodes[ix].links.remove(&no);
        match before {
            State::Up => {
                let link = no.id(side);
                self.give(ix, Input::Lost { link, why });
                self.look_at_paths();
            }
            State::Pending if side == Side::Dialler => self.undial(ix, dial, 0, "lost"),
            State::Pending | State::Gone => {}
        }
    }

    /// Both ends lose a link, each when it misses the other, and nothing more passes.
    pub(super) fn break_link(&mut self, no: LinkNo) {
        for side in [Side::Dialler, Side::Dialled] {
            let after = self.rng.range(0, 500);
            self.lose(no, side, self.now + after, None);
        }
        if let Some(link) = self.links.get_mut(&no) {
            link.broken = true;
        }
    }
}
