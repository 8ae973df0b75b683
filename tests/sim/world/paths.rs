//! Who reaches whom in a world, straight or over a supernode, and how long it takes.

use fireside::proto::event::Path;
use fireside::proto::id::NodeId;
use fireside::proto::role::{Input, Kind, LinkId};

use super::World;
use super::time::What;
use crate::link::{Link, LinkNo, NodeIx, Side, State};
use crate::rng::Rng;

impl World {
    pub(super) fn route(&mut self, ix: NodeIx, peer: NodeId, via: LinkId) {
        let (no, side) = LinkNo::of(via);
        let Some(via) = self.links.get(&no).map(|link| link.end(side.other()).node) else {
            return;
        };
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            let other = link.end(side.other()).node;
            if link.kind == Kind::Peer && self.nodes[other].id == peer {
                link.end_mut(side).via = Some(via);
            }
        }
        self.look_at_paths();
    }

    /// Stalls links, each way for itself, whose path is gone, and lets those go on that have one again.
    pub(super) fn look_at_paths(&mut self) {
        let all: Vec<LinkNo> = self.links.keys().copied().collect();
        for no in all {
            self.disown_at(no);
            for side in [Side::Dialler, Side::Dialled] {
                let Some(link) = self.links.get(&no) else {
                    break;
                };
                let both_there = [side, side.other()]
                    .iter()
                    .all(|side| link.end(*side).state != State::Gone);
                if !both_there || link.broken {
                    break;
                }
                let (from, to) = (link.end(side.other()).node, link.end(side).node);
                let open = match link.kind {
                    Kind::Mesh => self.is_heard(from, to),
                    Kind::Peer => {
                        self.nodes[from].frozen.is_none() && self.open_via(link, side).is_some()
                    }
                };
                match (open, link.end(side).is_deaf) {
                    (true, true) => self.flow(no, side),
                    (false, false) => self.stall(no, side),
                    (true, false) | (false, true) => {}
                }
            }
        }
    }

    /// An end of a link hears nothing more.
    fn stall(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        link.end_mut(side).is_deaf = true;
        let kind = link.kind;
        self.miss(no, side);
        if kind == Kind::Peer {
            self.tell_path(no, side);
        }
    }

    fn flow(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let kind = link.kind;
        let end = link.end_mut(side);
        end.is_deaf = false;
        end.stalls += 1;
        let (stall, waiting) = (end.stalls, std::mem::take(&mut end.waiting));
        if end.is_quiet {
            let at = self.arrival(no, side);
            self.schedule(at, What::Heard(no, side, stall));
        }
        for frame in waiting {
            self.carry(no, side, frame);
        }
        if kind == Kind::Peer {
            self.tell_path(no, side);
        }
    }

    pub(super) fn tell_path(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self
            .links
            .get(&no)
            .filter(|l| l.end(side).state == State::Up)
        else {
            return;
        };
        let (ix, other) = (link.end(side).node, link.end(side.other()).node);
        let via = self
            .open_via(link, side)
            .filter(|_| !link.end(side).is_deaf);
        let input = Input::PathIs {
            peer: self.nodes[other].id,
            path: if via.is_some() {
                Path::Relayed
            } else {
                Path::Lost
            },
            via: via.map(|via| self.nodes[via].id),
            rtt_ms: via.map(|via| self.rtt(ix, other, Some(via))),
        };
        self.give_later(ix, 0, input);
    }

    /// The supernode over which one end of a peer link hears the other.
    pub(super) fn open_via(&self, link: &Link, side: Side) -> Option<NodeIx> {
        let (from, to) = (link.end(side.other()), link.end(side));
        let (one, two) = (link.end(Side::Dialler), link.end(Side::Dialled));
        [one.via, two.via]
            .into_iter()
            .flatten()
            .find(|via| self.is_relayed(from.node, *via, to.node))
    }

    /// Whether packets get from one to the other over a supernode.
    pub(super) fn is_relayed(&self, from: NodeIx, via: NodeIx, to: NodeIx) -> bool {
        let linked = self.is_linked(from, via) && self.is_linked(to, via);
        linked && self.is_running(via) && self.is_open(from, via) && self.is_heard(via, to)
    }

    /// Whether a node has a link to a mesh node that is up at its own end.
    pub fn is_linked(&self, ix: NodeIx, to: NodeIx) -> bool {
        self.nodes[ix].links.iter().any(|no| {
            self.links.get(no).is_some_and(|link| {
                let side = link.side_of(ix);
                link.kind == Kind::Mesh
                    && link.end(side.other()).node == to
                    && link.end(side).state == State::Up
                    && link.end(side.other()).state == State::Up
            })
        })
    }

    /// Whether the network carries packets from one to the other.
    fn is_open(&self, from: NodeIx, to: NodeIx) -> bool {
        let side = |ix| self.sides.get(&ix).copied().unwrap_or_default();
        side(from) == side(to) && !self.unheard.contains(&(from, to))
    }

    /// Whether one that speaks is heard by the other.
    pub(super) fn is_heard(&self, from: NodeIx, to: NodeIx) -> bool {
        self.nodes[from].frozen.is_none() && self.is_open(from, to)
    }

    pub(super) fn rtt(&self, a: NodeIx, b: NodeIx, via: Option<NodeIx>) -> u64 {
        match via {
            None => self.delay(a, b) + self.delay(b, a),
            Some(v) => self.delay(a, v) + self.delay(v, b) + self.delay(b, v) + self.delay(v, a),
        }
    }

    /// One-way delay, drawn for each direction of each pair.
    pub(super) fn delay(&self, from: NodeIx, to: NodeIx) -> u64 {
        let (least, most) = self.weather.distance_ms;
        Rng::of(self.seed, 1 << 40 | (from as u64) << 20 | to as u64).range(least, most)
    }
}
