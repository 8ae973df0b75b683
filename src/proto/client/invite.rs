//! Invitations: making one to a group we are in, and coming into a group by one.
//!
//! An invitation says which group is meant, so that whoever has the name by now is not taken for it; and where the
//! mesh is that knows the group, so that who comes needs nothing else.

use std::net::SocketAddr;

use super::Client;
use crate::proto::command::{Command, Who};
use crate::proto::event::Event;
use crate::proto::group::Group;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::invite::{Gate, Invite, Mark, Reach};
use crate::proto::limits::{GATES_MAX, GROUPS_MAX};
use crate::proto::role::LinkId;
use crate::proto::saved::Write;
use crate::proto::time::Now;
use crate::proto::wire::{Body, Charter, Listed, Liveness, Message, Reason};

/// Gates that are kept for the next start: of the last few groups that we were invited to.
const GATES_KEPT_MAX: usize = 8;

impl Client {
    // -- inviting others -----------------------------------------------------------------------------------

    /// Makes an invitation, tells it, and sends it to somebody.
    pub(super) fn invite(&mut self, now: Now, name: &GroupName, who: Option<Who>, drawn: bool) {
        let group = self.groups.get(name).filter(|group| group.is_staying());
        let (why, try_) = match group.map(Group::charter) {
            Some(Some(charter)) => {
                let invite = Invite {
                    group: name.clone(),
                    charter: Mark::of_charter(charter),
                    gates: self.gates(),
                };
                return self.invite_to(now, invite, who, drawn);
            }
            Some(None) => (
                "it is not known yet who keeps it".to_owned(),
                "try again once you are in".to_owned(),
            ),
            None => (
                "you are not in it".to_owned(),
                format!("/join {name} first"),
            ),
        };
        self.act.tell(Event::Error {
            group: Some(name.clone()),
            what: format!("cannot invite to {name}"),
            why,
            try_,
        });
    }

    fn invite_to(&mut self, now: Now, invite: Invite, who: Option<Who>, drawn: bool) {
        let invite = Box::new(invite);
        let Some(who) = who else {
            let to = None;
            return self.act.tell(Event::Invited { invite, to, drawn });
        };
        let near = invite.group.clone();
        match self.who_is(&who, Some(&near)) {
            Ok(person) => {
                let to = Some(self.name_for(&person));
                let text = format!("come to {near}: {invite}");
                self.act.tell(Event::Invited { invite, to, drawn });
                let query = Command::Query {
                    who: Who::Key(person),
                    near: None,
                    text: Some(text),
                    is_front: false,
                };
                self.command(now, query);
            }
            Err((why, try_)) => self.act.tell(Event::Error {
                group: Some(near),
                what: format!("cannot invite {who}"),
                why,
                try_,
            }),
        }
    }

    /// Mesh nodes for somebody who knows none: those that can be reached from farthest away; of them first those that
    /// we are linked to, and directories, which stay.
    fn gates(&self) -> Vec<Gate> {
        let is_up =
            |listed: &&Listed| listed.liveness == Liveness::Alive && !listed.record.tombstone;
        let best = |listed: &Listed| {
            let addresses = listed.record.addresses.iter().copied();
            let address = addresses.min_by_key(|address| Reach::of(address.ip()))?;
            let is_linked = self.links.to_node(&listed.record.key).is_some();
            let is_directory = listed.record.roles.directory;
            let rank = (Reach::of(address.ip()), !is_linked, !is_directory);
            let key = Mark::of_key(&listed.record.key);
            Some((rank, Gate { address, key }))
        };
        let mut all: Vec<_> = self.table.listed().filter(is_up).filter_map(best).collect();
        all.sort_by_key(|(rank, gate)| (*rank, gate.key));
        let reach = all.first().map(|((reach, ..), _)| *reach);
        let reached = all.iter().filter(|((from, ..), _)| Some(*from) == reach);
        reached.map(|(_, gate)| *gate).take(GATES_MAX).collect()
    }

    // -- coming by an invitation ---------------------------------------------------------------------------

    /// Comes into the group of an invitation. A name is not enough: who has it by now may be another group.
    pub(super) fn accept(&mut self, now: Now, invite: Invite) {
        let tagged = invite.charter.tag(&invite.group);
        let has_tag =
            |name: &GroupName| *name == tagged && self.proves(name, &invite) == Some(true);
        let name = match self.groups.keys().find(|name| has_tag(name)) {
            Some(known) => known.clone(),
            None => invite.group.clone(),
        };
        if self.proves(&name, &invite) == Some(false) {
            return self.act.tell(Event::Error {
                group: None,
                what: format!("cannot come into {name} by this link"),
                why: "you know another group of that name".to_owned(),
                try_: format!("/join {tagged} is the one you were invited to, if it lives on"),
            });
        }
        let is_in = self
            .groups
            .get(&name)
            .is_some_and(|group| !group.has_left());
        let is_proven = self.proves(&name, &invite).is_some();
        self.join_if(now, name.clone(), (!is_proven).then_some(invite.charter));
        let is_blocked = self.groups.get(&name).is_none_or(Group::has_left);
        if is_blocked || is_in && is_proven {
            return;
        }
        self.search.gates.retain(|(group, _)| *group != name);
        let gates = invite.gates.into_iter().map(|gate| (name.clone(), gate));
        let before = std::mem::take(&mut self.search.gates);
        self.search.gates = gates.chain(before).take(GROUPS_MAX).collect();
    }

    /// Whether the group that we know under a name is that of an invitation, if we know one.
    fn proves(&self, name: &GroupName, invite: &Invite) -> Option<bool> {
        let charter = self.groups.get(name)?.charter()?;
        Some(Mark::of_charter(charter) == invite.charter)
    }

    /// Dials the nodes that an invitation names, for as long as nobody has told us of its group, whatever other nodes
    /// we know.
    pub(super) fn knock_at_gates(&mut self, now: Now) {
        let wanted =
            |(name, _): &&(GroupName, Gate)| self.groups.get(name).is_some_and(Group::is_finding);
        let reached = |(_, gate): &&(GroupName, Gate)| {
            self.search.reached.values().any(|at| *at == gate.address)
        };
        let gates = self.search.gates.iter().filter(wanted);
        let gates: Vec<_> = gates.filter(|gate| !reached(gate)).cloned().collect();
        for (_, gate) in gates {
            self.dial(now, gate.address, None);
            self.introduce(gate.address);
        }
    }

    /// Asks a node of this machine, if we use one, to make its network and that of an invitation one: alone it would
    /// wait for a group that nobody founds here.
    fn introduce(&mut self, gate: SocketAddr) {
        let reached = self.search.reached.iter();
        let here = reached.filter(|(_, at)| at.ip().is_loopback() && **at != gate);
        let fresh: Vec<_> = here
            .map(|(link, _)| (*link, gate))
            .filter(|told| !self.search.introduced.contains(told))
            .collect();
        for (link, address) in fresh {
            if self.links.get(link).is_some_and(|link| link.is_open) {
                self.search.introduced.insert((link, address));
                self.act.send(link, Message::Introduce { address });
            }
        }
    }

    /// Whether who answers at an address is the node that an invitation says is there. On this machine nobody stands
    /// between, and the node of the day has the port.
    pub(super) fn is_false_gate(&self, address: SocketAddr, peer: &NodeId) -> bool {
        let mut gates = self.search.gates.iter().map(|(_, gate)| gate);
        let gate = gates.find(|gate| gate.address == address);
        let is_other = |gate: &Gate| gate.key != Mark::of_key(peer);
        gate.is_some_and(is_other) && !address.ip().is_loopback()
    }

    /// Somebody else than the node that an invitation names is at its address.
    pub(super) fn shun(&mut self, link: LinkId, address: SocketAddr) {
        self.act.close(link, Reason::WrongIdentity);
        self.search.shunned.insert(address);
        self.act.tell(Event::Error {
            group: None,
            what: format!("cannot use the node at {address}"),
            why: "it is not the one that the link names".to_owned(),
            try_: "ask for another link".to_owned(),
        });
    }

    /// A supernode has told a group's charter: if we were invited to the group, sees whether it is the one.
    pub(super) fn prove(&mut self, now: Now, name: &GroupName, charter: &Charter) {
        let Some(group) = self.groups.get(name).filter(|group| !group.has_left()) else {
            return;
        };
        if group.is_unproven() && group.is_another(charter) {
            return self.turn_away(now, name);
        }
        let is_gate = |(group, _): &(GroupName, Gate)| group == name;
        if group.charter().is_some() && self.search.gates.iter().any(is_gate) {
            self.keep_gates();
        }
    }

    fn turn_away(&mut self, now: Now, name: &GroupName) {
        self.act.tell(Event::Error {
            group: None,
            what: format!("cannot come into {name} by this link"),
            why: "the group of that name is another than the one you were invited to".to_owned(),
            try_: format!("ask for another link, or /join {name} to come into this one"),
        });
        self.in_group(now, name, |group, cx| {
            let why = String::new();
            group.leave(cx, Body::Part { why });
        });
    }

    /// Keeps the nodes that have led us to a group for the next start; those that are found from everywhere.
    fn keep_gates(&mut self) {
        let gates = self.search.gates.iter().map(|(_, gate)| gate.address);
        let gates = gates.filter(|address| Reach::of(address.ip()) == Reach::Anywhere);
        let mut kept: Vec<SocketAddr> = Vec::new();
        for address in gates.chain(self.search.kept.iter().copied()) {
            if !kept.contains(&address) && kept.len() < GATES_KEPT_MAX {
                kept.push(address);
            }
        }
        if kept != self.search.kept {
            self.search.kept.clone_from(&kept);
            self.act.write(vec![Write::Gates(kept)]);
        }
    }
}
