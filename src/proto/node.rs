//! A mesh node: a directory, a supernode, or both. It keeps the table of all nodes and tells it to whoever is
//! linked; as a supernode it also holds groups.
//!
//! At this stage every node keeps a link to every other, so that its own links are its opinion of who is
//! alive, and tables are exchanged whole, then by what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::actions::Actions;
use super::admission::Admission;
use super::command::Command;
use super::event::Event;
use super::figures::Figures;
use super::id::{NodeId, NodeName};
use super::limits::{
    ADDRESSES_MAX, RECORDS_PER_MESSAGE_MAX, RESPONSIBLE_INTERVAL, RETRY_FIRST, RETRY_LAST,
    TABLE_INTERVAL, WIRE_VERSION,
};
use super::links::Links;
use super::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use super::saved::{Saved, Write};
use super::seal::{Seal, Signature};
use super::supernode::{Context, Registration, Supernode};
use super::table::{Change, Table};
use super::time::{Mono, Now};
use super::wire::{Listed, Message, Reason, Record, Roles};

/// How long changes of the table are gathered before they are told: a restart is one message, not two.
const NEWS_GATHERED: Duration = Duration::from_millis(50);
/// How long the table gathers changes before it is written to disk.
const TABLE_GATHERED: Duration = Duration::from_secs(1);
/// How long a node waits to be dialled by a node with a lower key before it dials that one itself.
const DIAL_TURN: Duration = Duration::from_millis(1_500);
/// How long one address of a node may take to answer before the next is dialled too (RFC 8305, section 5).
const DIAL_STAGGER: Duration = Duration::from_millis(250);

/// How far apart two links between the same nodes may come up and still be two dials that crossed.
const CROSSING: Duration = Duration::from_secs(3);

/// A node of the mesh.
#[derive(Clone, Debug)]
pub struct MeshNode {
    seal: Arc<dyn Seal>,
    record: Record,
    admission: Admission,
    act: Actions,
    table: Table,
    links: Links,
    supernode: Supernode,
    /// Links that asked for the table and are told what changes.
    told: BTreeSet<LinkId>,
    /// Records that have changed since they were told last.
    news: BTreeSet<NodeId>,
    news_due: Option<Mono>,
    /// Addresses given to us, and who was found there.
    given: BTreeMap<SocketAddr, Option<NodeId>>,
    dials: BTreeMap<DialId, Dialled>,
    births: BTreeMap<LinkId, Birth>,
    pauses: BTreeMap<SocketAddr, Pause>,
    table_due: Option<Mono>,
    exchange_due: Mono,
    check_due: Mono,
    /// Whose turn it is in the round of exchanges.
    exchanged: Option<NodeId>,
    is_ending: bool,
    due: Option<Mono>,
}

#[derive(Clone, Copy, Debug)]
struct Dialled {
    address: SocketAddr,
    id: Option<NodeId>,
}

/// How a link came to be.
#[derive(Clone, Copy, Debug)]
struct Birth {
    at: Mono,
    is_ours: bool,
}

/// How long to leave an address alone.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    failures: u32,
    until: Mono,
}

impl MeshNode {
    /// A node that was left as `saved`. Its addresses come as [`Input::Addresses`], those of other nodes to
    /// start from as [`Input::Found`]; `seed` feeds its jitter.
    #[must_use]
    pub fn new(seal: Arc<dyn Seal>, name: NodeName, roles: Roles, saved: Saved, seed: u64) -> Self {
        let table = Table::restored(saved.table, &*seal);
        let known = table.known_clock(&seal.id()).unwrap_or_default();
        let record = Record {
            name,
            key: seal.id(),
            clock: saved.clock.max(known),
            addresses: Vec::new(),
            roles,
            tombstone: false,
            signature: Signature([0; 64]),
        };
        Self {
            record,
            admission: Admission::default(),
            act: Actions::new(seed),
            table,
            links: Links::default(),
            supernode: Supernode::restored(saved.records),
            told: BTreeSet::new(),
            news: BTreeSet::new(),
            news_due: None,
            given: BTreeMap::new(),
            dials: BTreeMap::new(),
            births: BTreeMap::new(),
            pauses: BTreeMap::new(),
            table_due: None,
            exchange_due: Mono::default(),
            check_due: Mono::default(),
            exchanged: None,
            is_ending: false,
            due: None,
            seal,
        }
    }

    /// The same node, open to these alone until it is told otherwise.
    #[must_use]
    pub fn admitting(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self.unlist_strangers();
        self
    }

    /// The table as it is known here.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    // -- our own record ------------------------------------------------------------------------------------

    /// Signs our record anew, above `clock` and above every clock we used before.
    fn sign(&mut self, now: Now, clock: u64) {
        self.record.clock = self.record.clock.max(clock) + 1;
        self.record = self.record.clone().signed(&*self.seal);
        self.act.write(vec![Write::Clock(self.record.clock)]);
        let listed = Listed {
            record: self.record.clone(),
            alive: true,
        };
        self.list(now, listed);
    }

    fn addresses(&mut self, now: Now, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(ADDRESSES_MAX);
        if addresses != self.record.addresses {
            self.record.addresses = addresses;
            self.sign(now, 0);
            for link in self.links.node_links().collect::<Vec<_>>() {
                self.greet(link);
            }
        }
    }

    // -- links ---------------------------------------------------------------------------------------------

    fn linked(
        &mut self,
        now: Now,
        link: LinkId,
        dial: Option<DialId>,
        kind: Kind,
        peer: NodeId,
        at: Option<SocketAddr>,
    ) {
        if kind != Kind::Mesh || self.is_ending {
            return self.act.close(link, Reason::Unexpected);
        }
        let dialled = dial.and_then(|dial| self.dials.remove(&dial));
        if let Some(dialled) = dialled {
            self.pauses.remove(&dialled.address);
            if let Some(found) = self.given.get_mut(&dialled.address) {
                *found = Some(peer);
            }
        }
        if !self.admission.admits(&peer) {
            return self.act.close(link, Reason::NotAdmitted);
        }
        if peer == self.record.key || self.is_spare(now, dialled.is_some(), peer) {
            return self.act.close(link, Reason::Done);
        }
        let birth = Birth {
            at: now.mono,
            is_ours: dialled.is_some(),
        };
        self.births.insert(link, birth);
        self.links.add(link, kind, peer);
        self.greet(link);
        if let Some(address) = at {
            self.act.send(link, Message::Observed { address });
        }
    }

    /// Takes the addresses at which nodes may be found by now. One that belongs to a node we have a link to is not
    /// dialled for a second one.
    fn found(&mut self, addresses: &[SocketAddr]) {
        let before = std::mem::take(&mut self.given);
        for address in addresses {
            let has = |id: &NodeId| {
                let listed = self.table.get(id);
                listed.is_some_and(|listed| listed.record.addresses.contains(address))
            };
            let linked = || self.links.nodes().find(has);
            let found = before.get(address).copied().flatten().or_else(linked);
            self.given.insert(*address, found);
        }
    }

    /// Whether a new link to a mesh node is one too many; if the one we have is, that is closed.
    ///
    /// Two nodes that dial each other at once both keep the link that the lower key dialled. Apart from that a
    /// link we dialled is spare if there is one, and one that the other end dialled is not: it has lost its own.
    fn is_spare(&mut self, now: Now, is_ours: bool, peer: NodeId) -> bool {
        let Some(known) = self
            .links
            .to_node(&peer)
            .filter(|_| self.table.get(&peer).is_some())
        else {
            return false;
        };
        let Some(birth) = self.births.get(&known).copied() else {
            return false;
        };
        let is_crossing = now.mono - birth.at < CROSSING && birth.is_ours != is_ours;
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

    /// The mesh is open to these from here on; whoever is here and is none of them has to go.
    fn admit(&mut self, now: Now, admission: Admission) {
        self.admission = admission;
        let is_stranger = |peer: &NodeId| match self.table.get(peer) {
            Some(_) => !self.admission.admits_node(peer),
            None => !self.admission.admits_client(peer),
        };
        let strangers = self.links.all().filter(|(_, peer)| is_stranger(peer));
        for (link, _) in strangers.collect::<Vec<_>>() {
            self.close(now, link, Reason::NotAdmitted);
        }
        self.unlist_strangers();
        self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
    }

    fn unlist_strangers(&mut self) {
        let (admission, me) = (&self.admission, self.record.key);
        self.table
            .retain(|id| *id == me || admission.admits_node(id));
    }

    fn greet(&mut self, link: LinkId) {
        let record = (!self.record.addresses.is_empty()).then(|| self.record.clone());
        self.act.send(
            link,
            Message::Open {
                version: WIRE_VERSION,
                record,
            },
        );
    }

    fn undialled(&mut self, now: Now, dial: DialId) {
        let Some(Dialled { address, id }) = self.dials.remove(&dial) else {
            return;
        };
        let pause = self.pauses.entry(address).or_default();
        let wait = (RETRY_FIRST * 2_u32.pow(pause.failures.min(7))).min(RETRY_LAST);
        let jitter = self
            .act
            .jitter(u64::try_from(wait.as_millis() / 4).unwrap_or(1));
        pause.until = now.mono + wait + Duration::from_millis(jitter);
        pause.failures += 1;
        if let Some(found) = self.given.get_mut(&address) {
            *found = None;
        }
        // A node has several addresses, and is missed only if none of them leads to it.
        let is_dialled = |id| self.dials.values().any(|dialled| dialled.id == Some(id));
        if let Some(id) = id.filter(|id| self.links.to_node(id).is_none() && !is_dialled(*id)) {
            self.alive(now, id, false);
        }
    }

    fn lost(&mut self, now: Now, link: LinkId) {
        let Some(gone) = self.links.remove(link) else {
            return;
        };
        self.births.remove(&link);
        self.told.remove(&link);
        self.in_supernode(now, |supernode, cx| supernode.unlinked(cx, link, gone.peer));
        if self.links.to_node(&gone.peer).is_none() {
            self.alive(now, gone.peer, false);
        }
    }

    /// A link has fallen quiet, or come to itself.
    fn hushed(&mut self, now: Now, link: LinkId, is_quiet: bool) {
        let Some(hushed) = self.links.hush(link, is_quiet) else {
            return;
        };
        self.in_supernode(now, |supernode, cx| {
            if is_quiet {
                supernode.fell_quiet(cx, link, hushed.peer);
            } else {
                supernode.heard_again(cx, link, hushed.peer);
            }
        });
        let alive = self.links.to_node(&hushed.peer).is_some();
        self.alive(now, hushed.peer, alive);
    }

    /// Closes a link ourselves; no input will say that it is gone.
    fn close(&mut self, now: Now, link: LinkId, reason: Reason) {
        self.act.close(link, reason);
        self.drop_closed(now);
    }

    /// Forgets the links that were closed on our side, here or for a group.
    fn drop_closed(&mut self, now: Now) {
        for link in self.act.take_closed() {
            self.lost(now, link);
        }
    }

    fn received(&mut self, now: Now, link: LinkId, message: Message) {
        let Some(from) = self.links.get(link) else {
            return;
        };
        match message {
            Message::Open { version, record } => self.opened(now, link, from.peer, version, record),
            _ if !from.is_open => self.close(now, link, Reason::Unexpected),
            Message::Observed { .. } => {}
            Message::TableWanted { digest } => {
                self.told.insert(link);
                let is_news = digest != self.table.digest();
                let listed: Vec<_> = self.table.listed().filter(|_| is_news).cloned().collect();
                self.tell_table(&[link], &listed);
            }
            Message::Table { listed, more: _ } => {
                for listed in listed {
                    self.heard(now, listed);
                }
            }
            Message::Register {
                group,
                lease,
                hosting,
                missed,
                roster,
                charter,
            } => {
                let registration = Registration {
                    group,
                    lease,
                    hosting,
                    missed,
                    roster,
                    charter: charter.map(|charter| *charter),
                };
                self.in_supernode(now, |supernode, cx| {
                    supernode.register(cx, link, from.peer, registration);
                });
            }
            Message::Leave { group } => {
                self.in_supernode(now, |supernode, cx| {
                    supernode.leave(cx, link, from.peer, &group)
                });
            }
            Message::Query { group } => {
                self.in_supernode(now, |supernode, cx| supernode.query(cx, link, group));
            }
            Message::Known { group, record } if self.table.is_supernode(&from.peer) => {
                self.in_supernode(now, |supernode, cx| {
                    supernode.known(cx, from.peer, &group, record.as_deref());
                });
            }
            Message::Transfer { record } if self.table.is_supernode(&from.peer) => {
                self.in_supernode(now, |supernode, cx| {
                    supernode.transferred(cx, from.peer, &record);
                });
            }
            Message::Transfer { .. }
            | Message::Known { .. }
            | Message::Founded { .. }
            | Message::HostIs { .. }
            | Message::Moved { .. }
            | Message::Hello { .. }
            | Message::Welcome { .. }
            | Message::Deliver { .. }
            | Message::Push { .. }
            | Message::Put { .. }
            | Message::Stored { .. }
            | Message::Kept { .. }
            | Message::Refused { .. }
            | Message::Presence { .. }
            | Message::Not { .. }
            | Message::Unfollow { .. }
            | Message::Declined { .. }
            | Message::Blocks { .. }
            | Message::Older { .. }
            | Message::Merged { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    fn opened(
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
        if let Some(record) = record {
            self.list(
                now,
                Listed {
                    record,
                    alive: true,
                },
            );
            self.told.insert(link);
            self.act.send(
                link,
                Message::TableWanted {
                    digest: self.table.digest(),
                },
            );
        }
    }

    // -- the table -----------------------------------------------------------------------------------------

    /// Somebody tells of a node.
    fn heard(&mut self, now: Now, listed: Listed) {
        let key = listed.record.key;
        if key == self.record.key {
            // Our own past: a disk was lost, or somebody runs with our key. We go on above it.
            let is_later = listed.record.clock >= self.record.clock && listed.record != self.record;
            if is_later && listed.record.is_genuine(&*self.seal) {
                self.sign(now, listed.record.clock);
            }
            return;
        }
        if !self.admission.admits_node(&key) {
            return;
        }
        let is_linked = self.links.to_node(&key).is_some();
        let addresses = &listed.record.addresses;
        let has_failed = |at| {
            self.pauses
                .get(at)
                .is_some_and(|pause: &Pause| pause.failures > 0)
        };
        let has_failed = addresses.iter().any(has_failed);
        let is_newer = self
            .table
            .known_clock(&key)
            .is_none_or(|known| listed.record.clock > known);
        let alive = is_linked || listed.alive && (is_newer || !has_failed);
        self.list(now, Listed { alive, ..listed });
    }

    fn list(&mut self, now: Now, listed: Listed) {
        let record = listed.record.clone();
        match self.table.merge(&*self.seal, listed) {
            Ok(Change::New) => {
                // The lower key dials; the other only if it has not been dialled for a while.
                if record.key < self.record.key {
                    for address in record.addresses {
                        self.pauses.entry(address).or_default().until = now.mono + DIAL_TURN;
                    }
                }
                self.changed(now, record.key);
            }
            Ok(Change::Updated | Change::Alive(_)) => self.changed(now, record.key),
            // What the table refuses, its teller may keep.
            Ok(Change::Nothing) | Err(_) => {}
        }
    }

    fn alive(&mut self, now: Now, key: NodeId, alive: bool) {
        if self.table.set_alive(key, alive) {
            self.changed(now, key);
        }
    }

    fn changed(&mut self, now: Now, key: NodeId) {
        self.news.insert(key);
        self.news_due.get_or_insert(now.mono + NEWS_GATHERED);
        self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
        self.check_due = self.check_due.min(now.mono + NEWS_GATHERED);
    }

    fn tell_table(&mut self, links: &[LinkId], listed: &[Listed]) {
        let parts = listed
            .chunks(RECORDS_PER_MESSAGE_MAX)
            .map(<[Listed]>::to_vec)
            .collect::<Vec<_>>();
        let parts = if parts.is_empty() {
            vec![Vec::new()]
        } else {
            parts
        };
        let last = parts.len() - 1;
        for (index, listed) in parts.into_iter().enumerate() {
            self.act.send_all(
                links.to_vec(),
                Message::Table {
                    listed,
                    more: index < last,
                },
            );
        }
    }

    // -- what should be ------------------------------------------------------------------------------------

    fn maintain(&mut self, now: Now) {
        self.drop_closed(now);
        if self.is_ending {
            self.due = None;
            return;
        }
        if self.news_due.is_some_and(|due| now.mono >= due) {
            self.news_due = None;
            let news = std::mem::take(&mut self.news);
            let listed: Vec<_> = news
                .iter()
                .filter_map(|key| self.table.get(key))
                .cloned()
                .collect();
            let told: Vec<_> = self.told.iter().copied().collect();
            self.tell_table(&told, &listed);
        }
        if self.table_due.is_some_and(|due| now.mono >= due) {
            self.table_due = None;
            self.act
                .write(vec![Write::Table(self.table.listed().cloned().collect())]);
        }
        if now.mono >= self.exchange_due {
            self.exchange_due = now.mono + TABLE_INTERVAL;
            self.act.discover();
            self.exchange();
        }
        if now.mono >= self.check_due {
            self.check_due = now.mono + RESPONSIBLE_INTERVAL;
            self.in_supernode(now, Supernode::check);
        }
        self.in_supernode(now, Supernode::tick);
        self.dial_all(now);
        let fixed = [
            Some(self.exchange_due),
            Some(self.check_due),
            self.news_due,
            self.table_due,
        ];
        let pauses = self.pauses.values().map(|pause| pause.until);
        let dues = fixed
            .into_iter()
            .chain([self.supernode.due(now.mono)])
            .flatten()
            .chain(pauses);
        // What is due and could not be done waits for an input that changes something.
        self.due = dues.filter(|due| *due > now.mono).min();
    }

    /// Compares tables with the next mesh node in turn, so that whatever was missed heals.
    fn exchange(&mut self) {
        let is_node = |id: &NodeId| self.table.get(id).is_some();
        let nodes: Vec<_> = self.links.nodes().filter(is_node).collect();
        let next = nodes
            .iter()
            .find(|id| self.exchanged.is_none_or(|last| **id > last))
            .or(nodes.first());
        self.exchanged = next.copied();
        if let Some(link) = self.exchanged.and_then(|id| self.links.to_node(&id)) {
            self.act.send(
                link,
                Message::TableWanted {
                    digest: self.table.digest(),
                },
            );
        }
    }

    /// Dials every node that should be linked and is not, at one of its addresses after the other.
    fn dial_all(&mut self, now: Now) {
        let known = self.table.listed().filter(|listed| {
            let record = &listed.record;
            record.key != self.record.key
                && !record.tombstone
                && self.links.to_node(&record.key).is_none()
        });
        let known = known.map(|l| (Some(l.record.key), l.record.addresses.clone()));
        let given = self.given.iter().filter(|(_, found)| match found {
            None => true,
            Some(id) => *id != self.record.key && self.links.to_node(id).is_none(),
        });
        let given = given.map(|(address, _)| (None, vec![*address]));
        for (id, addresses) in known.chain(given).collect::<Vec<_>>() {
            let is_next = |address: &SocketAddr| {
                let pause = self.pauses.get(address);
                pause.is_none_or(|pause| now.mono >= pause.until)
                    && !self
                        .dials
                        .values()
                        .any(|dialled| dialled.address == *address)
                    && !self.record.addresses.contains(address)
            };
            let Some(address) = addresses.iter().copied().find(is_next) else {
                continue;
            };
            let dial = self.act.dial(Target::Node { address, id });
            self.dials.insert(dial, Dialled { address, id });
            for other in addresses.into_iter().filter(|other| *other != address) {
                let pause = self.pauses.entry(other).or_default();
                pause.until = pause.until.max(now.mono + DIAL_STAGGER);
            }
        }
    }

    /// Hands every group to who is responsible without us, and ends.
    fn end(&mut self, now: Now) {
        self.table.set_alive(self.record.key, false);
        self.in_supernode(now, Supernode::check);
        self.is_ending = true;
        self.act
            .write(vec![Write::Table(self.table.listed().cloned().collect())]);
        self.act.tell(Event::Bye);
        self.act.finish();
    }

    fn in_supernode(&mut self, now: Now, with: impl FnOnce(&mut Supernode, &mut Context<'_>)) {
        if !self.record.roles.supernode || self.is_ending {
            return;
        }
        let mut cx = Context {
            now: now.mono,
            wall: now.wall,
            seal: &*self.seal,
            me: self.record.key,
            act: &mut self.act,
            table: &self.table,
            links: &self.links,
        };
        with(&mut self.supernode, &mut cx);
    }
}

impl Role for MeshNode {
    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Start => {
                self.exchange_due = now.mono;
                self.check_due = now.mono + RESPONSIBLE_INTERVAL;
            }
            Input::Command(Command::Quit { .. }) => self.end(now),
            Input::Linked {
                link,
                dial,
                kind,
                peer,
                address,
                rtt_ms: _,
            } => {
                self.linked(now, link, dial, kind, peer, address);
            }
            Input::Undialled { dial, .. } => self.undialled(now, dial),
            Input::Quiet { link, since: _ } => self.hushed(now, link, true),
            Input::Heard { link } => self.hushed(now, link, false),
            Input::Lost { link, why: _ } => self.lost(now, link),
            Input::Received { link, message } => self.received(now, link, message),
            Input::Found { addresses } => self.found(&addresses),
            Input::Addresses { addresses } => self.addresses(now, addresses),
            Input::Admission(admission) => self.admit(now, admission),
            Input::Timeout
            | Input::Command(_)
            | Input::PathIs { .. }
            | Input::Written { .. }
            | Input::Unwritten { .. }
            | Input::Fetched { .. } => {}
        }
        self.maintain(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.act.next()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.due
    }

    fn figures(&self) -> Figures {
        Figures {
            groups: self.supernode.figures(),
            nodes: self.table.figures(),
        }
    }
}
