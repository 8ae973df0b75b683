//! A mesh node: a directory, a supernode, or both. It keeps the table of all nodes and tells it to whoever is
//! linked; as a supernode it also holds groups.
//!
//! Who exists is said by the records that nodes sign about themselves; who is alive is found out by `watch`, and
//! holes in either heal by `exchange`. In a small mesh every node keeps a link to every other; in a larger one, to
//! its neighbours on the ring, and others are made when there is something to say (`dials`).

mod deeds;
mod dials;
mod door;
mod exchange;
mod ward;
mod watch;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::deeds::Deeds;
use self::dials::Dials;
use self::door::Door;
use self::ward::Ward;
use self::watch::Watch;
use super::actions::Actions;
use super::admission::Admission;
use super::command::Command;
use super::event::Event;
use super::figures::Figures;
use super::id::{NodeId, NodeName};
use super::limits::{
    ADDRESSES_MAX, COUNT_MAX, RECORDS_PER_MESSAGE_MAX, RESPONSIBLE_INTERVAL, TABLE_INTERVAL,
    WIRE_VERSION,
};
use super::links::Links;
use super::role::{DialId, Input, Kind, LinkId, Output, Role};
use super::saved::{Saved, Write};
use super::seal::{Seal, Signature};
use super::supernode::{Context, Registration, Supernode};
use super::table::{Change, Table};
use super::time::{Mono, Now};
use super::wire::{Listed, Liveness, Message, Reason, Record, Roles, Unlisted};

/// How long changes of the table are gathered before they are told: a restart is one message, not two.
const NEWS_GATHERED: Duration = Duration::from_millis(50);
/// How long the table gathers changes before it is written to disk.
const TABLE_GATHERED: Duration = Duration::from_secs(1);

/// A node of the mesh.
#[derive(Clone, Debug)]
pub struct MeshNode {
    seal: Arc<dyn Seal>,
    record: Record,
    admission: Admission,
    /// Whose burials and introductions we obey; and what a directory tells that we were given, which knows its own.
    operators: BTreeSet<NodeId>,
    act: Actions,
    table: Table,
    links: Links,
    supernode: Supernode,
    /// Links to other mesh nodes: they opened with a record.
    nodes: BTreeSet<LinkId>,
    /// Links that asked for the table and are told what changes.
    told: BTreeSet<LinkId>,
    /// Records that have changed since they were told last.
    news: BTreeSet<NodeId>,
    news_due: Option<Mono>,
    watch: Watch,
    ward: Ward,
    door: Door,
    dials: Dials,
    deeds: Deeds,
    table_due: Option<Mono>,
    exchange_due: Mono,
    check_due: Mono,
    is_ending: bool,
    due: Option<Mono>,
}

impl MeshNode {
    /// A node that was left as `saved`. Its addresses come as [`Input::Addresses`], those of other nodes to
    /// start from as [`Input::Found`]; `seed` feeds its jitter.
    #[must_use]
    pub fn new(seal: Arc<dyn Seal>, name: NodeName, roles: Roles, saved: Saved, seed: u64) -> Self {
        let table = Table::recalled(saved.table, saved.burials, &*seal);
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
            watch: Watch::new(record.edition(), seed),
            ward: Ward::default(),
            record,
            admission: Admission::default(),
            operators: BTreeSet::new(),
            act: Actions::new(seed),
            table,
            links: Links::default(),
            supernode: Supernode::restored(saved.records),
            nodes: BTreeSet::new(),
            told: BTreeSet::new(),
            news: BTreeSet::new(),
            news_due: None,
            door: Door::default(),
            dials: Dials::default(),
            deeds: Deeds::default(),
            table_due: None,
            exchange_due: Mono::default(),
            check_due: Mono::default(),
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

    /// The same node, which obeys these operators.
    #[must_use]
    pub fn obeying(mut self, operators: BTreeSet<NodeId>) -> Self {
        self.operators = operators;
        self
    }

    /// The same node, which takes its own links for all there is to know of who is alive: for worlds so small that
    /// every order of things is tried in them.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.watch = Watch::by_links();
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
        // Nobody reads a higher one than that.
        self.record.clock = (self.record.clock.max(clock) + 1).min(COUNT_MAX);
        self.record = self.record.clone().signed(&*self.seal);
        self.act.write(vec![Write::Clock(self.record.clock)]);
        self.watch.renewed(now.mono, self.record.clock);
        // It says so itself if it is refused here: then it is buried.
        let _refused = self.list(now, self.record.clone(), Liveness::Alive);
        for link in self.links.node_links().collect::<Vec<_>>() {
            self.greet(link);
        }
    }

    fn addresses(&mut self, now: Now, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(ADDRESSES_MAX);
        if addresses != self.record.addresses {
            self.record.addresses = addresses;
            self.sign(now, 0);
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
        let dialled = dial.and_then(|dial| self.dials.answered(dial, peer));
        if !self.admission.admits(&peer) {
            if let Some(address) = dialled {
                self.dials.rebuffed(now.mono, address, &mut self.act);
            }
            return self.act.close(link, Reason::NotAdmitted);
        }
        if let Some(address) = dialled {
            self.answers_at(now, peer, address);
        }
        let is_known = self.table.get(&peer).is_some();
        if peer == self.record.key || is_known && self.is_spare(now, dialled.is_some(), peer) {
            self.introduced(dialled, true);
            return self.act.close(link, Reason::Done);
        }
        self.dials.born(now.mono, link, dialled, at);
        self.links.add(link, kind, peer);
        self.greet(link);
        if let Some(address) = at {
            self.act.send(link, Message::Observed { address });
        }
        for word in self.dials.words_for(now.mono, &peer) {
            self.act.send(link, word);
        }
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

    fn undialled(&mut self, now: Now, dial: DialId, reason: Option<Reason>) {
        self.ended_by_it(now, reason);
        let Some(failed) = self.dials.failed(now.mono, dial, &mut self.act) else {
            return;
        };
        self.introduced(Some(failed.address), false);
        // A node has several addresses, and is missed only if none of them leads to it.
        let Some(id) = failed.id.filter(|id| !self.dials.is_dialled(id)) else {
            return;
        };
        self.unanswered(id);
        if self.links.to_node(&id).is_none() {
            self.missed(now, id);
        }
    }

    fn lost(&mut self, now: Now, link: LinkId, why: Option<Reason>) {
        let Some(gone) = self.links.remove(link) else {
            return;
        };
        let is_client = !self.nodes.remove(&link) && self.table.get(&gone.peer).is_none();
        let is_last = self.links.to_node(&gone.peer).is_none();
        let act = &mut self.act;
        self.dials.forget(now.mono, link, is_client, is_last, act);
        self.told.remove(&link);
        self.door.unlinked(link);
        self.deeds.unlinked(link);
        self.in_supernode(now, |supernode, cx| supernode.unlinked(cx, link, gone.peer));
        // One that was of no use any more is not missed.
        if !is_last {
            return;
        }
        if why == Some(Reason::Done) {
            self.ward.is_left = true;
        } else {
            self.missed(now, gone.peer);
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
        if self.links.to_node(&hushed.peer).is_none() {
            self.missed(now, hushed.peer);
        } else if !is_quiet {
            self.heard_from(now, hushed.peer);
        }
    }

    /// Closes a link ourselves; no input will say that it is gone.
    fn close(&mut self, now: Now, link: LinkId, reason: Reason) {
        self.act.close(link, reason);
        self.drop_closed(now);
    }

    /// Forgets the links that were closed on our side, here or for a group.
    fn drop_closed(&mut self, now: Now) {
        for link in self.act.take_closed() {
            self.lost(now, link, Some(Reason::Done));
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
                // Mesh nodes tell each other in their own way, as long as they watch.
                if !self.nodes.contains(&link) || self.watch.is_by_links() {
                    self.told.insert(link);
                }
                let listed = if digest == self.table.digest() {
                    Vec::new()
                } else {
                    self.table.listed().cloned().collect()
                };
                self.tell_table(&[link], listed);
            }
            Message::Introduce { address } => self.introduce(link, from.peer, address),
            Message::Buried { burials } => self.told_of_burials(now, link, from.peer, burials),
            Message::Outcome(_) => {}
            Message::Table { .. }
            | Message::Gossip(_)
            | Message::TableDigest { .. }
            | Message::TableBlocks { .. }
            | Message::TableClocks { .. }
            | Message::RecordsWanted { .. }
            | Message::Unlisted { .. } => self.heard_node(now, link, from.peer, message),
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
                self.in_supernode(now, |supernode, cx| {
                    supernode.query(cx, link, from.peer, group)
                });
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
            Message::Here { whereabouts } => {
                self.in_supernode(now, |supernode, cx| {
                    supernode.person_here(cx, link, from.peer, *whereabouts);
                });
            }
            Message::Seek { person } => {
                self.in_supernode(now, |supernode, cx| supernode.seek(cx, link, person));
            }
            // Whoever is not listed here yet has no say.
            Message::Transfer { .. } | Message::Known { .. } if self.nodes.contains(&link) => {}
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
            | Message::Merged { .. }
            | Message::Sought { .. }
            | Message::Whisper { .. }
            | Message::Out { .. }
            | Message::Heard { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    /// What only mesh nodes say to each other.
    fn heard_node(&mut self, now: Now, link: LinkId, from: NodeId, message: Message) {
        if !self.nodes.contains(&link) {
            return self.close(now, link, Reason::Unexpected);
        }
        // Whoever is watched over a link that was made for something else is not to keep it up by that.
        if !matches!(message, Message::Gossip(_)) {
            self.dials.used(now.mono, link);
        }
        let is_listed = self.table.get(&from).is_some();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the caller has picked out what mesh nodes say to each other"
        )]
        match message {
            Message::TableDigest { digest } => self.compare(link, digest),
            Message::TableBlocks { digests } => self.compare_blocks(link, &digests),
            Message::RecordsWanted { keys } => self.tell_records(link, &keys),
            Message::Unlisted { why } => self.refused(now, why),
            // Whoever is not listed here yet has no say.
            _ if !is_listed => {}
            Message::Table { listed, more: _ } => {
                for listed in listed {
                    self.heard(now, listed);
                }
            }
            Message::TableClocks { blocks, standings } => {
                self.compare_standings(now, link, &blocks, &standings);
            }
            Message::Gossip(gossip) => self.gossiped(now, link, from, *gossip),
            _ => {}
        }
    }

    // -- the table -----------------------------------------------------------------------------------------

    /// Takes a record into the table, with our own opinion of how its node is.
    fn list(&mut self, now: Now, record: Record, liveness: Liveness) -> Result<Change, Unlisted> {
        let since = now.wall;
        self.list_since(
            now,
            Listed {
                record,
                liveness,
                since,
            },
        )
    }

    fn list_since(&mut self, now: Now, listed: Listed) -> Result<Change, Unlisted> {
        let key = listed.record.key;
        if !self.admission.admits_node(&key) && key != self.record.key {
            return Err(Unlisted::Closed);
        }
        let addresses = listed.record.addresses.clone();
        let (edition, is_up) = (listed.record.edition(), listed.liveness.is_up());
        let change = self.table.merge(&*self.seal, listed)?;
        let is_word = self.links.to_node(&key).is_some() || self.ward.was_awaited(&key);
        if is_word && is_up && matches!(change, Change::New | Change::Updated) {
            self.pass_on(now, edition, Liveness::Alive);
        }
        match change {
            Change::New => {
                if key < self.record.key {
                    self.dials.give_turn(now.mono, addresses);
                }
                self.changed(now, key);
            }
            Change::Updated | Change::Liveness(_) => self.changed(now, key),
            Change::Nothing => {}
        }
        Ok(change)
    }

    fn set_liveness(&mut self, now: Now, key: NodeId, liveness: Liveness) {
        if self.table.set_liveness(key, liveness, now.wall) {
            self.changed(now, key);
        }
    }

    fn changed(&mut self, now: Now, key: NodeId) {
        self.news.insert(key);
        self.news_due.get_or_insert(now.mono + NEWS_GATHERED);
        self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
        self.check_due = self.check_due.min(now.mono + NEWS_GATHERED);
        self.dials.is_stale = true;
    }

    /// Tells all of this, in as many messages as it takes; one says that there is nothing.
    fn tell_table(&mut self, links: &[LinkId], listed: Vec<Listed>) {
        let mut rest = listed.into_iter();
        loop {
            let listed: Vec<_> = rest.by_ref().take(RECORDS_PER_MESSAGE_MAX).collect();
            let more = rest.len() > 0;
            self.act
                .send_all(links.to_vec(), Message::Table { listed, more });
            if !more {
                return;
            }
        }
    }

    // -- what should be ------------------------------------------------------------------------------------

    fn maintain(&mut self, now: Now) {
        self.drop_closed(now);
        if self.is_ending {
            self.due = None;
            return;
        }
        self.watch_ward(now);
        self.watched(now);
        if self.news_due.is_some_and(|due| now.mono >= due) {
            self.news_due = None;
            let news = std::mem::take(&mut self.news);
            let listed: Vec<_> = news
                .iter()
                .filter_map(|key| self.table.get(key))
                .cloned()
                .collect();
            let told: Vec<_> = self.told.iter().copied().collect();
            if !listed.is_empty() {
                self.tell_table(&told, listed);
            }
        }
        if self.table_due.is_some_and(|due| now.mono >= due) {
            self.table_due = None;
            self.act
                .write(vec![Write::Table(self.table.listed().cloned().collect())]);
        }
        if now.mono >= self.exchange_due {
            self.exchange_due = now.mono + TABLE_INTERVAL;
            self.act.discover();
            self.tidy(now);
            self.exchange(now);
        }
        if now.mono >= self.check_due {
            self.check_due = now.mono + RESPONSIBLE_INTERVAL;
            self.in_supernode(now, Supernode::check);
        }
        self.in_supernode(now, Supernode::tick);
        self.choose_ward(now);
        self.say_word(now);
        self.dial_all(now);
        let fixed = [
            Some(self.exchange_due),
            Some(self.check_due),
            self.news_due,
            self.table_due,
            self.ward.due,
            self.watch.due(),
            self.supernode.due(now.mono),
        ];
        let dues = fixed.into_iter().flatten().chain(self.dials.due(now.mono));
        // What is due and could not be done waits for an input that changes something.
        self.due = dues.filter(|due| *due > now.mono).min();
    }

    /// Hands every group to who is responsible without us, and ends.
    fn end(&mut self, now: Now) {
        self.set_liveness(now, self.record.key, Liveness::Dead);
        self.in_supernode(now, Supernode::hand_all_over);
        self.in_supernode(now, Supernode::check);
        self.leave(now);
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
                self.remember(now);
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
            Input::Undialled { dial, reason, .. } => self.undialled(now, dial, reason),
            Input::Quiet { link, since: _ } => self.hushed(now, link, true),
            Input::Heard { link } => self.hushed(now, link, false),
            Input::Lost { link, why } => {
                if self
                    .dials
                    .birth(link)
                    .is_some_and(|birth| birth.dialled.is_some())
                {
                    self.ended_by_it(now, why);
                }
                self.lost(now, link, why);
            }
            Input::Received { link, message } => self.received(now, link, message),
            Input::Found { addresses } => self.found(&addresses),
            Input::Addresses { addresses } => self.addresses(now, addresses),
            Input::Admission(admission) => self.admitting_from_here(now, admission),
            Input::Timeout => self.dials.is_stale = true,
            Input::Command(_)
            | Input::PathIs { .. }
            | Input::Reached(_)
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
            persons: self.supernode.persons_figures(&self.links),
            nodes: self.table.figures(),
        }
    }
}
