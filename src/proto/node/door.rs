//! Letting nodes in. Who shows its record on a link is listed only when somebody with its key answers at the address
//! by which the ring would place it: else an address could be chosen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::Asked;
use super::{MeshNode, TABLE_GATHERED};
use crate::proto::admission::Admission;
use crate::proto::event::Event;
use crate::proto::id::NodeId;
use crate::proto::limits::{NEWCOMERS_MAX, NEWCOMERS_PER_ADDRESS_MAX, WIRE_VERSION};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{self, Liveness, Message, Reason, Record, Unlisted};

/// How often a person is told the same reason why their node is not listed, or out of service.
pub(super) const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// Who wants to be let in, and how it is with us.
#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    candidates: BTreeMap<NodeId, Candidate>,
    pub(super) asked: Asked,
    /// Why others would not have us, and when our operator was told so last.
    refused: BTreeMap<String, Mono>,
}

/// A node that is dialled back.
#[derive(Clone, Debug)]
struct Candidate {
    record: Record,
    link: LinkId,
    /// Where it says it is, in an order in which the place that counts is first.
    addresses: Vec<SocketAddr>,
    from: Option<SocketAddr>,
    was_told: bool,
}

impl Door {
    pub(super) fn unlinked(&mut self, link: LinkId) {
        self.candidates.retain(|_, c| c.link != link);
    }

    /// Where to dial back.
    pub(super) fn places(&self) -> Vec<(Option<NodeId>, Vec<SocketAddr>)> {
        let places = self.candidates.values();
        places
            .map(|c| (Some(c.record.key), c.addresses.clone()))
            .collect()
    }

    fn is_full(&self, from: Option<SocketAddr>) -> bool {
        let whose = |at: SocketAddr| wire::owner_of(at.ip());
        let beside = self.candidates.values();
        let beside = beside.filter(|c| c.from.map(whose) == from.map(whose));
        let is_local = from.is_none_or(|from| wire::is_local(from.ip()));
        self.candidates.len() >= NEWCOMERS_MAX
            || !is_local && beside.count() >= NEWCOMERS_PER_ADDRESS_MAX
    }
}

/// Whether a node that answers at `address` is where the ring places it. An address of a local network says nothing of
/// where the others dial it; there any will do.
fn proves(record: &Record, address: SocketAddr) -> bool {
    let place = record.ring_address();
    let is_local = place.is_some_and(|place| wire::is_local(place.ip()));
    Some(address) == place || is_local && wire::is_local(address.ip())
}

impl MeshNode {
    pub(super) fn opened(
        &mut self,
        now: Now,
        link: LinkId,
        peer: NodeId,
        version: u16,
        record: Option<Record>,
    ) {
        if version != WIRE_VERSION {
            return self.close(now, link, Reason::UnknownVersion);
        }
        if let Some(record) = &record
            && (record.key != peer || !record.is_genuine(&*self.seal))
        {
            return self.close(now, link, Reason::BadSignature);
        }
        let is_admitted = match &record {
            Some(_) => self.admission.admits_node(&peer),
            None => self.admission.admits_client(&peer),
        };
        if !is_admitted {
            return self.close(now, link, Reason::NotAdmitted);
        }
        self.links.open(link);
        let Some(record) = record else {
            return;
        };
        self.nodes.insert(link);
        self.dials.used(now.mono, link);
        if let Some(burial) = self.table.burial(&peer).cloned() {
            let burials = vec![burial];
            self.act.send(link, Message::Buried { burials });
            return self.turn_away(now, link, Unlisted::Buried);
        }
        if self.is_outdated(&record) {
            // It has lost its disk: it goes on above what we saw of it last.
            self.tell_records(link, &[peer]);
        } else if self.is_proven(link, &record) || mutant::is(Mutant::NotDialledBack) {
            self.let_in(now, link, record);
        } else {
            self.dial_back(link, record);
        }
        if self.table.len() <= 1 || self.watch.is_by_links() {
            let digest = self.table.digest();
            self.act.send(link, Message::TableWanted { digest });
        } else {
            let digest = self.node_digest();
            self.act.send(link, Message::TableDigest { digest });
        }
    }

    /// The mesh is open to these from here on; whoever is here and is none of them has to go.
    pub(super) fn admitting_from_here(&mut self, now: Now, admission: Admission) {
        self.admission = admission;
        let is_stranger = |peer: &NodeId| match self.table.get(peer) {
            Some(_) => !self.admission.admits_node(peer),
            None => !self.admission.admits_client(peer),
        };
        let strangers = self.links.all().filter(|(_, peer)| is_stranger(peer));
        for (link, _) in strangers.collect::<Vec<_>>() {
            self.close(now, link, Reason::NotAdmitted);
        }
        for key in self.unlist_strangers() {
            self.unwatch(now, &key);
        }
        self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
    }

    pub(super) fn unlist_strangers(&mut self) -> Vec<NodeId> {
        let (admission, me) = (&self.admission, self.record.key);
        self.table
            .retain(|id| *id == me || admission.admits_node(id))
    }

    fn is_outdated(&self, record: &Record) -> bool {
        let known = self.table.get(&record.key).map(|listed| &listed.record);
        known.is_some_and(|known| {
            known.clock > record.clock || known.clock == record.clock && known != record
        })
    }

    /// Whether a node is known to be where its record says: it was listed there before, or we have dialled it there.
    fn is_proven(&self, link: LinkId, record: &Record) -> bool {
        if self.watch.is_by_links() {
            return true;
        }
        let known = self.table.get(&record.key).map(|listed| &listed.record);
        if known.is_some_and(|known| known.ring_address() == record.ring_address()) {
            return true;
        }
        let dialled = self.dials.birth(link).and_then(|birth| birth.dialled);
        dialled.is_some_and(|dialled| proves(record, dialled))
    }

    /// Somebody with this key has answered at this address.
    pub(super) fn answers_at(&mut self, now: Now, key: NodeId, address: SocketAddr) {
        let candidate = self.door.candidates.get(&key);
        let proven = candidate.filter(|candidate| proves(&candidate.record, address));
        if let Some((record, link)) = proven.map(|c| (c.record.clone(), c.link)) {
            self.let_in(now, link, record);
        }
    }

    fn let_in(&mut self, now: Now, link: LinkId, record: Record) {
        let (key, edition) = (record.key, record.edition());
        self.door.candidates.remove(&key);
        match self.list(now, record, Liveness::Alive) {
            Ok(_) => {
                self.met(now, edition);
                self.heard_from(now, key);
                let dialled = self.dials.birth(link).and_then(|birth| birth.dialled);
                self.introduced(dialled, true);
            }
            Err(why) => self.turn_away(now, link, why),
        }
    }

    fn dial_back(&mut self, link: LinkId, record: Record) {
        let from = self.dials.birth(link).and_then(|birth| birth.from);
        let key = record.key;
        if !self.door.candidates.contains_key(&key) && self.door.is_full(from) {
            return self.act.close(link, Reason::Limit);
        }
        let place = record.ring_address();
        let is_local = place.is_some_and(|place| wire::is_local(place.ip()));
        let others = record.addresses.iter().copied();
        let others = others.filter(|at| is_local && Some(*at) != place);
        let addresses = place.into_iter().chain(others).collect();
        self.dials.is_stale = true;
        let candidate = Candidate {
            record,
            link,
            addresses,
            from,
            was_told: false,
        };
        self.door.candidates.insert(key, candidate);
    }

    /// A node that was dialled back does not answer.
    pub(super) fn unanswered(&mut self, key: NodeId) {
        if let Some(candidate) = self.door.candidates.get_mut(&key)
            && !std::mem::replace(&mut candidate.was_told, true)
        {
            let why = Unlisted::Unreachable;
            let link = candidate.link;
            self.act.send(link, Message::Unlisted { why });
        }
    }

    fn turn_away(&mut self, now: Now, link: LinkId, why: Unlisted) {
        self.act.send(link, Message::Unlisted { why });
        self.close(now, link, Reason::Done);
    }

    /// Somebody does not list us. A liar can say so as well, so that we go on; but whoever runs us should know.
    pub(super) fn refused(&mut self, now: Now, why: Unlisted) {
        let try_ = match why {
            Unlisted::Closed => {
                format!("ask the mesh's operator to allow {}", self.record.key)
            }
            Unlisted::Buried => "to serve again, start with a new --data".to_owned(),
            Unlisted::Unreachable => {
                "open the UDP port, or name a reachable address with --advertise".to_owned()
            }
            Unlisted::NameTaken => "choose another --name, or have the old node buried".to_owned(),
            Unlisted::NetworkFull | Unlisted::AddressFull => "use another network".to_owned(),
            Unlisted::TableFull => "try again later".to_owned(),
            Unlisted::BadSignature | Unlisted::TooManyAddresses | Unlisted::Forked => {
                "see that nobody else runs with this node's key".to_owned()
            }
        };
        self.tell_refused(now, why.to_string(), try_);
    }

    /// A node that we dialled has ended the link with this reason.
    pub(super) fn ended_by_it(&mut self, now: Now, why: Option<Reason>) {
        match why {
            Some(Reason::NotAdmitted) => self.refused(now, Unlisted::Closed),
            Some(why @ Reason::UnknownVersion) => {
                let try_ = "use the fireside that the mesh's operator uses".to_owned();
                self.tell_refused(now, why.to_string(), try_);
            }
            Some(
                Reason::Done
                | Reason::BadFrame
                | Reason::TooLong
                | Reason::BadSignature
                | Reason::Unexpected
                | Reason::TooSlow
                | Reason::Limit
                | Reason::Replaced
                | Reason::Shutdown
                | Reason::WrongIdentity
                | Reason::Fork
                | Reason::FalseReport
                | Reason::Disorder
                | Reason::Unwelcome,
            )
            | None => {}
        }
    }

    fn tell_refused(&mut self, now: Now, why: String, try_: String) {
        let told = self.door.refused.get(&why);
        if told.is_some_and(|at| now.mono - *at <= TOLD_AGAIN) {
            return;
        }
        self.door.refused.insert(why.clone(), now.mono);
        self.act.tell(Event::Error {
            group: None,
            what: format!("the mesh does not list {}", self.record.name),
            why,
            try_,
        });
    }
}
