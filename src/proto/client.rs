//! The client: a person's part in the protocol. It finds the mesh, knows the table and the ring, and is in
//! groups, each of which it follows or hosts.
//!
//! After every input [`Client::maintain`] looks at what should be and asks for what is missing: a link to each
//! group's responsible supernode, a registration there, a way to each host. Nothing else has to remember to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::actions::Actions;
use super::command::Command;
use super::event::{Event, MeshState};
use super::group::{Context, Group};
use super::id::{GroupName, Nick, NodeId};
use super::limits::{
    GROUPS_MAX, HANDOVER_WAIT, RETRY_FIRST, RETRY_LAST, TEXT_SIZE_MAX, TOPIC_SIZE_MAX, WIRE_VERSION,
};
use super::links::Links;
use super::ring::Point;
use super::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use super::saved::{Saved, Write};
use super::seal::Seal;
use super::table::{Change, Table};
use super::time::{Mono, Now};
use super::wire::{Body, Lease, Listed, Message, Reason};

/// How long the table gathers changes before it is written to disk.
const TABLE_GATHERED: Duration = Duration::from_secs(1);
/// Mesh nodes dialled at once when none is linked: enough to race, few enough to be polite.
const RACED_MAX: usize = 8;

/// A person's client.
#[derive(Debug)]
pub struct Client {
    seal: Arc<dyn Seal>,
    me: NodeId,
    nick: Nick,
    act: Actions,
    table: Table,
    links: Links,
    groups: BTreeMap<GroupName, Group>,
    search: Search,
    /// When the table is written, if it has changed.
    table_due: Option<Mono>,
    /// Whether a mesh node has told us its table since we were last without any.
    has_heard: bool,
    mesh: MeshState,
    end: Option<End>,
    due: Option<Mono>,
}

/// Looking for mesh nodes.
#[derive(Debug, Default)]
struct Search {
    /// Dials under way, to whom.
    dials: BTreeMap<DialId, (SocketAddr, Option<NodeId>)>,
    /// Addresses given to us, to be dialled when no node is linked.
    addresses: BTreeSet<SocketAddr>,
    pauses: BTreeMap<SocketAddr, Pause>,
    /// When to ask for more addresses, if we are still without a node.
    again: Mono,
    asked: u32,
}

/// How long to leave an address alone after it did not answer.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    failures: u32,
    until: Mono,
}

/// Ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Handing over; no longer than until then.
    Leaving(Mono),
    Done,
}

impl Client {
    /// A client that was left as `saved`, going by `nick`; `seed` feeds its jitter.
    #[must_use]
    pub fn new(seal: Arc<dyn Seal>, nick: Nick, saved: Saved, seed: u64) -> Self {
        let me = seal.id();
        let table = Table::restored(saved.table, &*seal);
        let groups = saved.groups.iter();
        let groups =
            groups.map(|(name, group)| (name.clone(), Group::restored(name.clone(), group)));
        Self {
            me,
            nick,
            act: Actions::new(seed),
            table,
            links: Links::default(),
            groups: groups.collect(),
            search: Search::default(),
            table_due: None,
            has_heard: false,
            mesh: MeshState::Searching,
            end: None,
            due: None,
            seal,
        }
    }

    // -- inputs --------------------------------------------------------------------------------------------

    fn start(&mut self, now: Now) {
        self.act.tell(Event::Ready {
            id: self.me,
            nick: self.nick.clone(),
        });
        self.act.tell(Event::Mesh {
            state: MeshState::Searching,
        });
        self.act.write(vec![Write::Nick(self.nick.clone())]);
        for group in self.groups.values().filter(|group| !group.has_left()) {
            let (name, topic) = (group.name.clone(), group.topic().to_owned());
            self.act.tell(Event::Opened {
                group: name,
                topic,
                restored: true,
            });
        }
        self.search.again = now.mono;
    }

    fn command(&mut self, now: Now, command: Command) {
        if self.end.is_some() {
            return;
        }
        match command {
            Command::Join { group } => self.join(now, group),
            Command::Part { group, why } => {
                self.in_group(now, &group, |group, cx| {
                    group.leave(cx, Body::Part { why: clip(why) })
                });
            }
            Command::Say { group, text } => self.say(now, &group, text, |text| Body::Text { text }),
            Command::Act { group, text } => {
                self.say(now, &group, text, |text| Body::Action { text })
            }
            Command::Topic { group, text } => {
                self.in_group(now, &group, |group, cx| {
                    group.author(cx, Body::Topic { text: clip(text) });
                });
            }
            Command::Nick { nick } => self.rename(now, &nick),
            Command::Names { group } => self.in_group(now, &group, |group, _| group.show_again()),
            // Pages come from the store; whoever drives us answers this before it gets here.
            Command::History { .. } => {}
            Command::Quit { why } => {
                let why = clip(why);
                for name in self.names() {
                    let why = why.clone();
                    self.in_group(now, &name, |group, cx| group.leave(cx, Body::Quit { why }));
                }
                self.end = Some(End::Leaving(now.mono + HANDOVER_WAIT * 3 / 2));
            }
        }
    }

    fn join(&mut self, now: Now, name: GroupName) {
        if self
            .groups
            .get(&name)
            .is_some_and(|group| !group.has_left())
        {
            return self.in_group(now, &name, |group, _| {
                group.stay();
                group.show_again();
            });
        }
        if self
            .groups
            .values()
            .filter(|group| !group.has_left())
            .count()
            >= GROUPS_MAX
        {
            return self.act.tell(Event::Error {
                group: Some(name.clone()),
                what: format!("cannot join {name}"),
                why: format!("you are in {GROUPS_MAX} groups"),
                try_: "leave one with /part first".to_owned(),
            });
        }
        let group = self
            .groups
            .entry(name.clone())
            .or_insert_with(|| Group::new(name.clone()));
        group.come_back();
        let topic = group.topic().to_owned();
        let lease = group.lease().cloned();
        self.act.write(vec![Write::Group {
            group: name.clone(),
            joined: true,
            lease,
        }]);
        self.act.tell(Event::Opened {
            group: name,
            topic,
            restored: false,
        });
    }

    fn say(
        &mut self,
        now: Now,
        group: &GroupName,
        text: String,
        body: impl FnOnce(String) -> Body,
    ) {
        if text.len() > TEXT_SIZE_MAX {
            return self.act.tell(Event::Error {
                group: Some(group.clone()),
                what: "cannot send the line".to_owned(),
                why: format!(
                    "it is {} bytes long, and {TEXT_SIZE_MAX} is the most",
                    text.len()
                ),
                try_: "send it in parts".to_owned(),
            });
        }
        self.in_group(now, group, |group, cx| {
            group.author(cx, body(text));
        });
    }

    fn rename(&mut self, now: Now, nick: &Nick) {
        self.nick = nick.clone();
        self.act.write(vec![Write::Nick(nick.clone())]);
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.rename(cx, nick.clone()));
        }
    }

    fn received(&mut self, now: Now, link: LinkId, message: Message) {
        let Some(from) = self.links.get(link) else {
            return;
        };
        if let Message::Open { version, record } = message {
            return self.opened(now, link, version, record);
        }
        if !from.is_open {
            return self.close(now, link, Reason::Unexpected);
        }
        match from.kind {
            Kind::Mesh => self.hear_node(now, link, from.peer, message),
            Kind::Peer => self.hear_peer(now, link, from.peer, message),
        }
    }

    fn opened(
        &mut self,
        now: Now,
        link: LinkId,
        version: u16,
        record: Option<super::wire::Record>,
    ) {
        let Some(from) = self.links.get(link) else {
            return;
        };
        if version != WIRE_VERSION {
            return self.close(now, link, Reason::UnknownVersion);
        }
        self.links.open(link);
        match (from.kind, record) {
            (Kind::Mesh, Some(record)) if record.key == from.peer => {
                let name = record.name.to_string();
                if !record.is_genuine(&*self.seal) {
                    return self.close(now, link, Reason::BadSignature);
                }
                let address = record.addresses.first().copied();
                self.list(
                    now,
                    Listed {
                        record,
                        alive: true,
                    },
                );
                if self.mesh == MeshState::Searching
                    && let Some(address) = address
                {
                    self.mesh = MeshState::Linked { name, address };
                    self.act.tell(Event::Mesh {
                        state: self.mesh.clone(),
                    });
                }
                self.act.send(
                    link,
                    Message::TableWanted {
                        digest: self.table.digest(),
                    },
                );
            }
            (Kind::Mesh, _) => self.close(now, link, Reason::Unexpected),
            (Kind::Peer, _) => {
                for name in self.names() {
                    self.in_group(now, &name, |group, cx| group.linked(cx, from.peer));
                }
            }
        }
    }

    fn hear_node(&mut self, now: Now, link: LinkId, from: NodeId, message: Message) {
        match message {
            Message::Table { listed, more } => {
                if !std::mem::replace(&mut self.has_heard, true) {
                    self.doubt_cache();
                }
                for listed in listed {
                    self.list(now, listed);
                }
                if !more {
                    self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
                }
            }
            Message::HostIs { lease } => self.lease(now, &lease),
            Message::Moved { group, to } => {
                self.table.set_alive(to, true);
                self.in_group(now, &group, |group, cx| {
                    if cx.table.get(&to).is_some() && to != from {
                        group.registration.moved = Some(to);
                    }
                    if group.registration.at == Some(link) {
                        group.registration.at = None;
                    }
                });
                if self.table.get(&to).is_none() {
                    self.act.send(
                        link,
                        Message::TableWanted {
                            digest: self.table.digest(),
                        },
                    );
                }
            }
            // Our address as others see it matters once direct paths are tried.
            Message::Observed { .. } => {}
            Message::Open { .. }
            | Message::TableWanted { .. }
            | Message::Register { .. }
            | Message::Leave { .. }
            | Message::Query { .. }
            | Message::Known { .. }
            | Message::Transfer { .. }
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
            | Message::Unfollow { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    fn hear_peer(&mut self, now: Now, link: LinkId, from: NodeId, message: Message) {
        match message {
            Message::Hello { lease, vector } => {
                let name = lease.group.clone();
                self.in_group(now, &name, |group, cx| {
                    group.greet(cx, link, from, &lease, vector)
                });
            }
            Message::Welcome {
                group,
                epoch,
                vector,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.welcome(cx, link, epoch, vector)
                });
            }
            Message::Deliver { group, runs } => {
                self.in_group(now, &group, |group, cx| {
                    group.delivered(cx, link, from, runs)
                });
            }
            Message::Push { group, runs } => {
                self.in_group(now, &group, |group, cx| group.pushed(cx, link, from, runs));
            }
            Message::Put { group, entries } => {
                self.in_group(now, &group, |group, cx| {
                    group.offered(cx, link, from, entries)
                });
            }
            Message::Stored { group, vector } => {
                self.in_group(now, &group, |group, cx| {
                    group.stored(cx, link, from, &vector)
                });
            }
            Message::Kept {
                group,
                vector,
                copies,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.kept(cx, link, &vector, copies)
                });
            }
            Message::Refused { group, number, why } => {
                self.in_group(now, &group, |group, cx| {
                    group.refused(cx, link, number, why)
                });
            }
            Message::Presence { group, here, away } => {
                self.in_group(now, &group, |group, _| group.presence(link, here, &away));
            }
            Message::Not { lease } => self.lease(now, &lease),
            Message::Unfollow { group } => {
                self.in_group(now, &group, |group, cx| group.unfollow(cx, link, from));
            }
            Message::Open { .. }
            | Message::Observed { .. }
            | Message::TableWanted { .. }
            | Message::Table { .. }
            | Message::Register { .. }
            | Message::Leave { .. }
            | Message::HostIs { .. }
            | Message::Moved { .. }
            | Message::Query { .. }
            | Message::Known { .. }
            | Message::Transfer { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    fn lease(&mut self, now: Now, lease: &Lease) {
        self.in_group(now, &lease.group, |group, cx| group.learn(cx, lease));
    }

    fn linked(&mut self, link: LinkId, dial: Option<DialId>, kind: Kind, peer: NodeId) {
        self.links.add(link, kind, peer);
        if let Some((address, _)) = dial.and_then(|dial| self.search.dials.remove(&dial)) {
            self.search.pauses.remove(&address);
        }
        self.act.send(
            link,
            Message::Open {
                version: WIRE_VERSION,
                record: None,
            },
        );
    }

    fn undialled(&mut self, now: Now, dial: DialId) {
        if let Some((address, id)) = self.search.dials.remove(&dial) {
            let pause = self.search.pauses.entry(address).or_default();
            let wait = (RETRY_FIRST * 2_u32.pow(pause.failures.min(7))).min(RETRY_LAST);
            let jitter = self
                .act
                .jitter(u64::try_from(wait.as_millis() / 4).unwrap_or(1));
            pause.until = now.mono + wait + Duration::from_millis(jitter);
            pause.failures += 1;
            if let Some(id) = id {
                self.missed(now, id);
            }
        }
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.undialled(cx, dial));
        }
    }

    fn lost(&mut self, now: Now, link: LinkId, why: Option<Reason>) {
        let Some(gone) = self.links.remove(link) else {
            return;
        };
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.unlinked(cx, link, gone.peer));
        }
        if gone.kind != Kind::Mesh {
            return;
        }
        if why == Some(Reason::Replaced) {
            self.act.tell(Event::Error {
                group: None,
                what: "cannot stay".to_owned(),
                why: Reason::Replaced.to_string(),
                try_: "end one of the two, or give this one its own --data".to_owned(),
            });
            self.end = Some(End::Leaving(now.mono));
        }
        if self.links.to_node(&gone.peer).is_none() {
            self.missed(now, gone.peer);
        }
        if !self.links.has_node() {
            self.has_heard = false;
            self.search.again = now.mono;
            self.search.asked = 0;
            self.mesh = MeshState::Searching;
            self.act.tell(Event::Mesh {
                state: MeshState::Searching,
            });
        }
    }

    /// Closes a link ourselves; no input will say that it is gone.
    fn close(&mut self, now: Now, link: LinkId, reason: Reason) {
        self.act.close(link, reason);
        self.lost(now, link, None);
    }

    // -- the table -----------------------------------------------------------------------------------------

    fn list(&mut self, now: Now, listed: Listed) {
        let key = listed.record.key;
        let is_linked = self.links.to_node(&key).is_some();
        // Somebody's word that a node is down does not weigh against our own link to it.
        let listed = Listed {
            alive: listed.alive || is_linked,
            ..listed
        };
        // What the table refuses, its teller may keep: nothing here depends on it.
        if let Ok(Change::New | Change::Updated | Change::Alive(_)) =
            self.table.merge(&*self.seal, listed)
        {
            self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
            for group in self.groups.values_mut() {
                group.registration.moved = None;
            }
        }
    }

    /// The cache has done its service once a live node tells its table: what that one does not tell of counts
    /// as down until somebody does.
    fn doubt_cache(&mut self) {
        let unlinked: Vec<_> = self
            .table
            .listed()
            .map(|listed| listed.record.key)
            .collect();
        for key in unlinked {
            if self.links.to_node(&key).is_none() {
                self.table.set_alive(key, false);
            }
        }
    }

    fn missed(&mut self, now: Now, id: NodeId) {
        if self.table.set_alive(id, false) {
            self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
        }
        for group in self.groups.values_mut() {
            if group.registration.moved == Some(id) {
                group.registration.moved = None;
            }
        }
    }

    // -- what should be ------------------------------------------------------------------------------------

    fn maintain(&mut self, now: Now) {
        self.search(now);
        for name in self.names() {
            self.settle(now, &name);
            self.forget(&name);
        }
        if self
            .groups
            .values()
            .all(|group| group.has_left() || group.registration.at.is_some())
        {
            self.prune();
        }
        if self.table_due.is_some_and(|due| now.mono >= due) {
            self.table_due = None;
            self.act
                .write(vec![Write::Table(self.table.listed().cloned().collect())]);
        }
        self.finish(now);
        self.due = self.next_due(now);
    }

    /// Dials whatever may be a mesh node while none is linked, and asks for more.
    fn search(&mut self, now: Now) {
        if self.links.has_node() || self.end == Some(End::Done) {
            return;
        }
        let cached: Vec<_> = self
            .table
            .listed()
            .filter(|listed| listed.alive && !listed.record.tombstone)
            .flat_map(|listed| {
                listed
                    .record
                    .addresses
                    .iter()
                    .map(|a| (*a, Some(listed.record.key)))
            })
            .collect();
        let given: Vec<_> = self
            .search
            .addresses
            .iter()
            .map(|address| (*address, None))
            .collect();
        for (address, id) in given.into_iter().chain(cached) {
            self.dial(now, address, id);
        }
        if now.mono >= self.search.again {
            let pause = (RETRY_FIRST * 2_u32.pow(self.search.asked.min(6))).min(RETRY_LAST);
            self.search.asked += 1;
            self.search.again = now.mono + pause;
            self.act.discover();
        }
    }

    fn dial(&mut self, now: Now, address: SocketAddr, id: Option<NodeId>) {
        let is_dialled = self.search.dials.values().any(|(to, _)| *to == address);
        let is_paused = self
            .search
            .pauses
            .get(&address)
            .is_some_and(|pause| now.mono < pause.until);
        if is_dialled || is_paused || self.search.dials.len() >= RACED_MAX {
            return;
        }
        let dial = self.act.dial(Target::Node { address, id });
        self.search.dials.insert(dial, (address, id));
    }

    /// Sees to it that a group is registered where it belongs, and takes its next step.
    fn settle(&mut self, now: Now, name: &GroupName) {
        let Some(group) = self.groups.get(name) else {
            return;
        };
        if group.has_left() {
            return;
        }
        let ring = self.table.ring();
        let target = group
            .registration
            .moved
            .or_else(|| ring.responsible(Point::of_group(name)));
        let link = target.and_then(|target| self.links.to_node(&target));
        let link = link.filter(|link| self.links.get(*link).is_some_and(|link| link.is_open));
        if link.is_none()
            && let Some(target) = target
        {
            let record = self.table.get(&target).map(|listed| listed.record.clone());
            if self.links.to_node(&target).is_none() {
                for address in record.iter().flat_map(|record| &record.addresses) {
                    self.dial(now, *address, Some(target));
                }
            }
        }
        self.in_group(now, name, |group, cx| {
            if let Some(link) = link {
                group.register(cx, link);
            }
            group.tick(cx);
            group.show(cx);
        });
    }

    /// Notes and tells that we are out of a group.
    fn forget(&mut self, name: &GroupName) {
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        if group.take_left() && self.end.is_none() {
            let lease = group.lease().cloned();
            self.act.write(vec![Write::Group {
                group: name.clone(),
                joined: false,
                lease,
            }]);
            self.act.tell(Event::Left {
                group: name.clone(),
            });
        }
    }

    /// Closes links to mesh nodes that no group needs, but one, which tells us the table.
    fn prune(&mut self) {
        let is_open = |id: &LinkId| self.links.get(*id).is_some_and(|link| link.is_open);
        let used: BTreeSet<_> = self
            .groups
            .values()
            .filter_map(|group| group.registration.at)
            .collect();
        let idle = self
            .links
            .node_links()
            .filter(|id| is_open(id) && !used.contains(id));
        for link in idle.skip(usize::from(used.is_empty())).collect::<Vec<_>>() {
            self.links.remove(link);
            self.act.close(link, Reason::Done);
        }
    }

    /// Ends once every group is left, or the time for that is over.
    fn finish(&mut self, now: Now) {
        let Some(End::Leaving(until)) = self.end else {
            return;
        };
        if now.mono >= until || self.groups.values().all(Group::has_left) {
            self.end = Some(End::Done);
            self.act
                .write(vec![Write::Table(self.table.listed().cloned().collect())]);
            self.act.tell(Event::Bye);
            self.act.finish();
        }
    }

    fn next_due(&self, now: Now) -> Option<Mono> {
        if self.end == Some(End::Done) {
            return None;
        }
        let groups = self
            .groups
            .values()
            .filter(|group| !group.has_left())
            .flat_map(|group| {
                let registration = group.registration.at.map(|_| group.registration.again);
                [group.due(), registration]
            });
        let end = match self.end {
            Some(End::Leaving(until)) => Some(until),
            Some(End::Done) | None => None,
        };
        let search = (!self.links.has_node()).then_some(self.search.again);
        let pauses = self.search.pauses.values().map(|pause| pause.until);
        let dues = groups
            .chain([end, search, self.table_due])
            .flatten()
            .chain(pauses);
        // What is due and could not be done waits for an input that changes something.
        dues.filter(|due| *due > now.mono).min()
    }

    // -- small things --------------------------------------------------------------------------------------

    fn names(&self) -> Vec<GroupName> {
        self.groups.keys().cloned().collect()
    }

    fn in_group(
        &mut self,
        now: Now,
        name: &GroupName,
        with: impl FnOnce(&mut Group, &mut Context<'_>),
    ) {
        let Some(group) = self.groups.get_mut(name).filter(|group| !group.has_left()) else {
            return;
        };
        let mut cx = Context {
            now,
            seal: &*self.seal,
            me: self.me,
            nick: &self.nick,
            act: &mut self.act,
            table: &self.table,
            links: &self.links,
        };
        with(group, &mut cx);
    }
}

impl Role for Client {
    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Start => self.start(now),
            Input::Timeout | Input::Addresses { .. } => {}
            Input::Command(command) => self.command(now, command),
            Input::Linked {
                link,
                dial,
                kind,
                peer,
                address: _,
                rtt_ms: _,
            } => {
                self.linked(link, dial, kind, peer);
            }
            Input::Undialled { dial, why: _ } => self.undialled(now, dial),
            Input::Lost { link, why } => self.lost(now, link, why),
            Input::Received { link, message } => self.received(now, link, message),
            Input::PathIs {
                peer,
                path,
                via,
                rtt_ms,
            } => {
                let name = via
                    .and_then(|via| self.table.get(&via))
                    .map(|l| l.record.name.to_string());
                self.act.tell(Event::Path {
                    peer,
                    path,
                    via: name,
                    rtt_ms,
                });
            }
            Input::Written { ticket, moved } => {
                for name in self.names() {
                    self.in_group(now, &name, |group, cx| group.written(cx, ticket, &moved));
                }
            }
            Input::Unwritten { ticket, why } => {
                for name in self.names() {
                    self.in_group(now, &name, |group, _| group.unwritten(ticket));
                }
                self.act.tell(Event::Error {
                    group: None,
                    what: "cannot write to disk".to_owned(),
                    why,
                    try_: "make room; until then the talk lives in memory only".to_owned(),
                });
            }
            Input::Fetched {
                ticket,
                runs,
                more: _,
            } => {
                for name in self.names() {
                    let runs = runs.clone();
                    self.in_group(now, &name, |group, cx| group.fetched(cx, ticket, runs));
                }
            }
            Input::Found { addresses } => self.search.addresses.extend(addresses),
        }
        self.maintain(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.act.next()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.due
    }
}

/// A reason or topic cut to what is carried, at a character's border.
fn clip(mut text: String) -> String {
    while text.len() > TOPIC_SIZE_MAX {
        text.pop();
    }
    text
}
