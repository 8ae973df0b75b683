//! What befalls a world: crashes, partitions, frozen processes, networks that change and wrong clocks.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use fireside::proto::role::Input;

use super::World;
use super::time::{Happening, What};
use crate::judge::Ending;
use crate::link::{Death, NodeIx, State};

impl World {
    /// The process dies: what was not flushed is lost, and others learn of it when they miss it.
    pub fn crash(&mut self, ix: NodeIx) {
        self.say(ix, "crashes");
        self.end(ix);
        self.judged.ended(self.nodes[ix].id, Ending::Killed);
        let death = if self.rng.chance(1, 2) {
            Death::Refused
        } else {
            Death::Silent
        };
        for no in std::mem::take(&mut self.nodes[ix].links) {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            link.end_mut(side).state = State::Gone;
            self.die(no, side.other(), death);
        }
        self.look_at_paths();
    }

    /// Cuts the network: nodes on different sides do not reach each other. Nodes not named are on side 0.
    pub fn partition(&mut self, sides: BTreeMap<NodeIx, u8>) {
        self.say_all("the network parts");
        self.sides = sides;
        self.look_at_paths();
    }

    pub fn heal(&mut self) {
        self.say_all("the network is whole");
        self.sides.clear();
        self.unheard.clear();
        self.look_at_paths();
    }

    /// What these say does not reach those, whatever comes the other way.
    pub fn mute(&mut self, from: &[NodeIx], to: &[NodeIx]) {
        let names = |of: &[NodeIx]| of.iter().map(|ix| self.nodes[*ix].name.clone()).collect();
        let (speakers, hearers): (Vec<_>, Vec<_>) = (names(from), names(to));
        self.say_all(&format!("{hearers:?} hear nothing of {speakers:?}"));
        let pairs = from.iter().flat_map(|a| to.iter().map(|b| (*a, *b)));
        self.unheard.extend(pairs);
        self.look_at_paths();
    }

    /// They hear them again.
    pub fn unmute(&mut self, from: &[NodeIx], to: &[NodeIx]) {
        self.unheard
            .retain(|(a, b)| !(from.contains(a) && to.contains(b)));
        self.look_at_paths();
    }

    /// Stops a process: it does nothing and notices nothing until it goes on, and then everything at once.
    pub fn freeze(&mut self, ix: NodeIx) {
        if self.is_running(ix) && self.nodes[ix].frozen.is_none() {
            self.say(ix, "is stopped");
            self.nodes[ix].frozen = Some((self.now, Vec::new()));
            self.look_at_paths();
        }
    }

    /// It goes on. Its monotonic clock has stood meanwhile, and it has missed nobody.
    pub fn thaw(&mut self, ix: NodeIx) {
        let Some((since, waiting)) = self.nodes[ix].frozen.take() else {
            return;
        };
        self.say(ix, "goes on");
        // In the order in which it came, and before whatever comes now.
        for happening in waiting {
            if !matches!(happening.what, What::Timer(..)) {
                let at = self.now;
                self.queue.push(Reverse(Happening { at, ..happening }));
            }
        }
        self.nodes[ix].mono_stood += self.now - since;
        self.nodes[ix].timer = None;
        let role = self.nodes[ix].role.as_ref();
        let wanted = role.and_then(|role| role.poll_timeout());
        self.set_timer(ix, wanted);
        self.look_at_paths();
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            if link.end(side).is_deaf || link.end(side).death.is_some() {
                self.miss(no, side);
            }
        }
    }

    /// Breaks every link of a node at once, as a change of network does; both ends notice.
    pub fn cut(&mut self, ix: NodeIx) {
        self.say(ix, "is cut off for a moment");
        for no in self.nodes[ix].links.clone() {
            self.break_link(no);
        }
    }

    /// Breaks the links between two nodes.
    pub fn cut_between(&mut self, one: NodeIx, two: NodeIx) {
        for no in self.nodes[one].links.clone() {
            let link = &self.links[&no];
            if link.end(link.side_of(one).other()).node == two {
                self.break_link(no);
            }
        }
    }

    /// A node is reached somewhere else from here on.
    pub fn move_to(&mut self, ix: NodeIx, address: SocketAddr) {
        self.nodes[ix].address = address;
        if self.is_running(ix) {
            let addresses = vec![address];
            self.give_later(ix, 0, Input::Addresses { addresses });
        }
        self.cut(ix);
    }

    /// Sets how far a node's wall clock is off, from here on.
    pub fn set_clock(&mut self, ix: NodeIx, off_ms: i64) {
        self.nodes[ix].wall_off = off_ms;
    }

    /// Gives a node another interface, whose address it tells first and nobody else reaches.
    pub fn add_inward(&mut self, ix: NodeIx, address: SocketAddr) {
        self.nodes[ix].inward = Some(address);
    }

    /// Has a node hear of these addresses now, and whenever it looks for others.
    pub fn tell_of(&mut self, ix: NodeIx, addresses: Vec<SocketAddr>) {
        self.nodes[ix].bootstrap.clone_from(&addresses);
        if self.is_running(ix) {
            self.give_later(ix, 0, Input::Found { addresses });
        }
    }

    /// Has a node hear of tables so much later than of all else.
    pub fn keep_tables_from(&mut self, ix: NodeIx, ms: u64) {
        self.nodes[ix].tables_at = self.now + ms;
    }

    /// The same, of all tables but this one's.
    pub fn keep_tables_but_of(&mut self, ix: NodeIx, ms: u64, teller: NodeIx) {
        self.keep_tables_from(ix, ms);
        self.nodes[ix].tables_but_of = Some(teller);
    }
}
