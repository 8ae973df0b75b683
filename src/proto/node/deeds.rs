//! What an operator asks of a running node: to meet another mesh, and to take a node out of service for good.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::MeshNode;
use super::door::TOLD_AGAIN;
use crate::proto::event::Event;
use crate::proto::id::NodeId;
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::saved::Write;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Burial, Edition, Listed, Liveness, Message, Outcome, Reason};

/// Introductions under way.
const INTRODUCTIONS_MAX: usize = 16;

/// What is being done for operators.
#[derive(Clone, Debug, Default)]
pub(super) struct Deeds {
    /// Where somebody should be, and who wants to know.
    introductions: BTreeMap<SocketAddr, LinkId>,
    /// When our operator was told last that we are buried.
    mourned: Option<Mono>,
}

impl Deeds {
    pub(super) fn places(&self) -> impl Iterator<Item = SocketAddr> {
        self.introductions.keys().copied()
    }

    pub(super) fn unlinked(&mut self, link: LinkId) {
        self.introductions.retain(|_, asker| *asker != link);
    }
}

impl MeshNode {
    /// Somebody wants us to meet whoever is at `address`. An operator may, and who sits at this machine.
    pub(super) fn introduce(&mut self, link: LinkId, from: NodeId, address: SocketAddr) {
        let at = self.dials.birth(link).and_then(|birth| birth.from);
        let is_here = at.is_some_and(|at| at.ip().to_canonical().is_loopback());
        if !is_here && !self.operators.contains(&from) {
            let outcome = Outcome::NotAllowed;
            return self.act.send(link, Message::Outcome(outcome));
        }
        let knows = |id: &NodeId| {
            let listed = self.table.get(id);
            listed.is_some_and(|listed| listed.record.addresses.contains(&address))
        };
        let is_ours = self.record.addresses.contains(&address);
        if is_ours || self.links.nodes().any(|id| knows(&id)) {
            return self.act.send(link, Message::Outcome(Outcome::Done));
        }
        if self.deeds.introductions.len() < INTRODUCTIONS_MAX {
            self.deeds.introductions.insert(address, link);
            self.dials.is_stale = true;
        }
    }

    /// What came of the dial to an address.
    pub(super) fn introduced(&mut self, address: Option<SocketAddr>, is_there: bool) {
        let asker = address.and_then(|at| self.deeds.introductions.remove(&at));
        if let Some(link) = asker {
            let outcome = if is_there {
                Outcome::Done
            } else {
                Outcome::NoAnswer
            };
            self.act.send(link, Message::Outcome(outcome));
        }
    }

    /// Looks for a node that is not there.
    pub(super) fn look_for(&mut self, now: Now, lost: Edition) {
        if self.links.to_node(&lost.key).is_some() {
            return self.heard_from(now, lost.key);
        }
        self.call(now, lost);
    }

    /// Nodes are out of service for good, if somebody says so whom we obey: an operator we know, or a directory that
    /// we were given, which knows its own.
    pub(super) fn told_of_burials(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        burials: Vec<Burial>,
    ) {
        let is_directory = |id| {
            let listed = self.table.get(id);
            listed.is_some_and(|listed| listed.record.roles.directory)
        };
        let given = self.dials.given.values().flatten();
        let is_from_ours = given.clone().any(|id| *id == from) && is_directory(&from);
        let is_operator = !self.nodes.contains(&link);
        let mut outcome = Outcome::NotAllowed;
        for burial in burials {
            let is_obeyed = is_from_ours
                || self.operators.contains(&burial.by)
                || mutant::is(Mutant::AnybodyBuries);
            if is_obeyed && burial.is_genuine(&*self.seal) {
                outcome = Outcome::Done;
                self.bury(now, burial);
            }
        }
        if is_operator {
            self.act.send(link, Message::Outcome(outcome));
        }
    }

    fn bury(&mut self, now: Now, burial: Burial) {
        let (key, name) = (burial.key, burial.name.clone());
        let is_over = |at: Mono| now.mono - at > TOLD_AGAIN;
        if key == self.record.key && self.deeds.mourned.is_none_or(is_over) {
            self.deeds.mourned = Some(now.mono);
            self.act.tell(Event::Error {
                group: None,
                what: format!("{name} is out of service"),
                why: format!("the operator {} has buried it", burial.by.short()),
                try_: "stop it; to serve again, start with a new --data".to_owned(),
            });
        }
        let record = self.table.get(&key).map(|listed| listed.record.clone());
        if !self.table.bury(burial.clone()) {
            return;
        }
        self.act.write(vec![Write::Burial(burial.clone())]);
        self.changed(now, key);
        self.unwatch(now, &key);
        if let Some(record) = record {
            let dead = Listed {
                record,
                liveness: Liveness::Dead,
                since: now.wall,
            };
            let told: Vec<_> = self.told.iter().copied().collect();
            self.tell_table(&told, vec![dead]);
        }
        let burials = vec![burial];
        for link in self.nodes.clone() {
            let burials = burials.clone();
            self.act.send(link, Message::Buried { burials });
        }
        // It may not know yet, and has been told so just now.
        let of_it = self.links.all_to_node(&key).into_iter();
        for link in of_it
            .filter(|link| self.nodes.contains(link))
            .collect::<Vec<_>>()
        {
            self.close(now, link, Reason::Done);
        }
    }
}
