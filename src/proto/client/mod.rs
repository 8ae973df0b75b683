//! The client: a person's part in the protocol. It finds the mesh, knows the table and the ring, and is in
//! groups, each of which it follows or hosts.
//!
//! After every input `Client::maintain` looks at what should be and asks for what is missing: a link to each
//! group's responsible supernode, a registration there, a way to each host. Nothing else has to remember to.

mod hearsay;
mod invite;
mod mesh;
mod opinion;
mod persons;
mod private;
mod reach;
mod rivals;
mod shown;
mod talk;
mod verify;
mod whois;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::hearsay::Hearsay;
use self::opinion::Opinions;
use self::persons::Persons;
use self::private::Talk;
use self::reach::Question;
use self::rivals::Doubt;
use self::whois::Curiosity;
use crate::proto::actions::Actions;
use crate::proto::command::{Command, Who};
use crate::proto::event::{Event, MeshState, Trouble};
use crate::proto::group::{Context, Group};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::invite::{Gate, Mark};
use crate::proto::limits::{
    DISK_RETRY, GROUPS_MAX, HANDOVER_WAIT, TEXT_SIZE_MAX, TOPIC_SIZE_MAX, WALL_MAX,
};
use crate::proto::links::Links;
use crate::proto::ring::Point;
use crate::proto::role::{DialId, Input, LinkId, Output, Role};
use crate::proto::ruling::Ruling;
use crate::proto::saved::{Saved, Write};
use crate::proto::seal::Seal;
use crate::proto::table::Table;
use crate::proto::time::{Mono, Now, Wall};
use crate::proto::whois::Reached;
use crate::proto::wire::{Body, Reason};

/// How long the table gathers changes before it is written to disk.
const TABLE_GATHERED: Duration = Duration::from_secs(1);
/// How often end-to-end links that no group needs are looked for; one seen twice in a row is closed.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Supernodes nearest to a group, of which the first that has not lied to us is asked: who crowds a point may have
/// several there.
const NEAR_MAX: usize = 8;

/// A person's client.
#[derive(Clone, Debug)]
pub struct Client {
    seal: Arc<dyn Seal>,
    me: NodeId,
    nick: Nick,
    /// Why our person is away from the screen, if so; and of whom it was told so when he was written to.
    out: Option<String>,
    told_out: BTreeMap<NodeId, String>,
    act: Actions,
    table: Table,
    links: Links,
    groups: BTreeMap<GroupName, Group>,
    search: Search,
    /// Private talks, and those that were, by who the other one is.
    talks: BTreeMap<NodeId, Talk>,
    /// Where people are, and that we say where we are.
    persons: Persons,
    is_listed: bool,
    /// Persons our person wants to hear nothing of.
    ignored: BTreeSet<NodeId>,
    /// Whether people who share no group with us may begin a private talk.
    takes_strangers: bool,
    /// Persons whose keys our person has compared, and what they were called then; and others who go by such names, of
    /// whom we have warned.
    verified: BTreeMap<NodeId, Nick>,
    warned: BTreeSet<NodeId>,
    /// Those at the other ends of links who may not know where we are, as far as we have met.
    hidden_from: BTreeSet<NodeId>,
    /// Persons our person asked about.
    curiosities: VecDeque<Curiosity>,
    /// How packets reach those we have links to.
    paths: BTreeMap<NodeId, Reached>,
    hearsay: Hearsay,
    /// Groups whose name is said to be another's.
    doubts: BTreeMap<GroupName, Doubt>,
    opinions: Opinions,
    /// Questions about paths that wait for an answer.
    questions: VecDeque<Question>,
    /// What our person was told is wrong with the disk.
    trouble: Option<Trouble>,
    /// When the table is written, if it has changed.
    table_due: Option<Mono>,
    /// Whether a mesh node has told us its table since we were last without any.
    has_heard: bool,
    mesh: MeshState,
    end: Option<End>,
    touched: Touched,
    /// End-to-end links that no group needed at the last look, and when the next look is.
    idle: BTreeSet<LinkId>,
    idle_due: Mono,
    due: Option<Mono>,
}

/// Which groups to look after once an input has been taken.
#[derive(Clone, Debug)]
enum Touched {
    These(BTreeSet<GroupName>),
    All,
}

/// Looking for mesh nodes.
#[derive(Clone, Debug, Default)]
struct Search {
    /// Dials under way.
    dials: BTreeMap<DialId, Dialled>,
    /// Addresses given to us, to be dialled in this order when no node is linked.
    addresses: Vec<SocketAddr>,
    pauses: BTreeMap<SocketAddr, Pause>,
    /// Nodes that invitations name, and the groups they lead to; and where another one was found in their place.
    gates: Vec<(GroupName, Gate)>,
    shunned: BTreeSet<SocketAddr>,
    /// Nodes of this machine that were asked to meet one of them.
    introduced: BTreeSet<(LinkId, SocketAddr)>,
    /// Those that have led us to a group, as they are on disk.
    kept: Vec<SocketAddr>,
    /// The addresses at which we dialled the links we have.
    reached: BTreeMap<LinkId, SocketAddr>,
    /// Why a node would not have us, as told to our person; until one has.
    refused: Option<Reason>,
    /// When to ask for more addresses, if we are still without a node.
    again: Mono,
    asked: u32,
}

/// A node that is dialled.
#[derive(Clone, Copy, Debug)]
struct Dialled {
    address: SocketAddr,
    id: Option<NodeId>,
    at: Mono,
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
        let talks = Self::talks_of(&me, &saved.groups);
        let groups = saved.groups.iter();
        let groups = groups.filter(|(name, _)| name.person().is_none());
        let groups =
            groups.map(|(name, group)| (name.clone(), Group::restored(name.clone(), group)));
        Self {
            me,
            nick,
            out: None,
            told_out: BTreeMap::new(),
            act: Actions::new(seed),
            table,
            links: Links::default(),
            groups: groups.collect(),
            search: Search {
                kept: saved.gates,
                ..Search::default()
            },
            talks,
            persons: Persons::default(),
            is_listed: true,
            ignored: BTreeSet::new(),
            takes_strangers: true,
            verified: saved.verified,
            warned: BTreeSet::new(),
            hidden_from: BTreeSet::new(),
            curiosities: VecDeque::new(),
            paths: BTreeMap::new(),
            hearsay: Hearsay::default(),
            doubts: BTreeMap::new(),
            opinions: Opinions::default(),
            questions: VecDeque::new(),
            trouble: None,
            table_due: None,
            has_heard: false,
            mesh: MeshState::Searching,
            end: None,
            touched: Touched::All,
            idle: BTreeSet::new(),
            idle_due: Mono::default(),
            due: None,
            seal,
        }
    }

    /// The same client, which tells no supernode where it is, so that nobody finds it who shares no group with it: for
    /// worlds so small that every order of things is tried in them.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        self.is_listed = false;
        self
    }

    fn start(&mut self, now: Now) {
        self.act.tell(Event::Ready {
            id: self.me,
            nick: self.nick.clone(),
        });
        self.act.write(vec![Write::Nick(self.nick.clone())]);
        for group in self.groups.values().filter(|group| !group.has_left()) {
            let (name, topic) = (group.name.clone(), group.topic().to_owned());
            self.act.tell(Event::Opened {
                group: name,
                topic,
                restored: true,
            });
            group.show_outbox(&mut self.act);
        }
        self.start_verified();
        self.start_talks(now);
        self.act.tell(Event::Mesh {
            state: MeshState::Searching,
        });
        self.search.again = now.mono;
    }

    fn command(&mut self, now: Now, command: Command) {
        if self.end.is_some() {
            return;
        }
        let Some(command) = self.in_private(now, command) else {
            return;
        };
        match command {
            Command::Join { group } => self.join_if(now, group, None),
            Command::Accept { invite } => self.accept(now, *invite),
            Command::Invite { group, who, drawn } => self.invite(now, &group, who, drawn),
            Command::Part { group, why } => {
                self.in_group(now, &group, |group, cx| {
                    group.leave(cx, Body::Part { why: clip(why) })
                });
            }
            Command::Say { group, text } => self.say(now, &group, text, |text| Body::Text { text }),
            Command::Act { group, text } => {
                self.say(now, &group, text, |text| Body::Action { text })
            }
            Command::Drop { group, id } => {
                self.in_group(now, &group, |group, cx| group.take_back(cx, id));
            }
            Command::Topic { group, text } => {
                self.write(now, &group, Body::Topic { text: clip(text) });
            }
            Command::Rule { group, ruling } => self.rule(now, &group, ruling),
            Command::Rules { group, matter } => {
                self.in_group(now, &group, |group, cx| group.show_rules(cx, matter));
            }
            Command::Nick { nick } => self.rename(now, &nick),
            Command::Away { why } => {
                self.out = why.map(clip);
                for name in self.names() {
                    self.in_group(now, &name, |group, cx| group.say_out(cx));
                }
            }
            Command::Reach { group, who, asking } => self.ask_reach(group, who, asking),
            Command::Names { group } => self.in_group(now, &group, |group, _| group.show_again()),
            Command::Chart { chart } => {
                let table = Box::new(self.table.clone());
                self.act.tell(Event::Chart { chart, table });
            }
            // Pages come from the store; whoever drives us answers this before it gets here.
            Command::History { .. } | Command::Past(_) => {}
            // These are done already.
            Command::Query { .. }
            | Command::Whois { .. }
            | Command::Verify { .. }
            | Command::Ignore { .. } => {}
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

    /// Comes into a group; if we were invited, into none but that with the `invited` charter.
    fn join_if(&mut self, now: Now, name: GroupName, invited: Option<Mark>) {
        if self
            .groups
            .get(&name)
            .is_some_and(|group| !group.has_left())
        {
            return self.in_group(now, &name, |group, cx| {
                if let Some(mark) = invited {
                    group.expect(mark);
                }
                group.stay(cx);
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
        self.join_tagged(now, &name);
        let group = self
            .groups
            .entry(name.clone())
            .or_insert_with(|| Group::new(name.clone()));
        group.come_back();
        let topic = group.topic().to_owned();
        let lease = group.lease().cloned();
        match invited {
            // It is ours at the next start once it has proved to be the one: its first lease says so.
            Some(mark) => group.expect(mark),
            None => {
                self.act.write(vec![Write::Group {
                    group: name.clone(),
                    joined: true,
                    lease,
                }]);
            }
        }
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
        self.write(now, group, body(text));
    }

    fn write(&mut self, now: Now, name: &GroupName, body: Body) {
        if self.is_staying(name) {
            self.in_group(now, name, |group, cx| {
                group.author(cx, body);
            });
        }
    }

    fn rule(&mut self, now: Now, name: &GroupName, ruling: Ruling<Who>) {
        let ruling = match ruling {
            Ruling::Kick { member, why } => Ruling::Kick {
                member,
                why: clip(why),
            },
            other @ (Ruling::Op { .. }
            | Ruling::Deop { .. }
            | Ruling::Ban { .. }
            | Ruling::Unban { .. }
            | Ruling::Mode { .. }) => other,
        };
        if self.is_staying(name) {
            self.in_group(now, name, |group, cx| group.rule(cx, ruling));
        }
    }

    /// Whether our person is in a group; if not, it is told.
    fn is_staying(&mut self, name: &GroupName) -> bool {
        let is_staying = self.groups.get(name).is_some_and(Group::is_staying);
        if !is_staying {
            self.act.tell(Event::Error {
                group: Some(name.clone()),
                what: format!("cannot write to {name}"),
                why: "you are not in it".to_owned(),
                try_: format!("/join {name} first"),
            });
        }
        is_staying
    }

    /// Tells when trouble with the disk begins and ends. What comes after the first is mostly its consequence: the
    /// piece that follows one which was not written.
    fn disk_is(&mut self, trouble: Option<Trouble>) {
        if self.trouble.is_some() != trouble.is_some() {
            self.trouble.clone_from(&trouble);
            self.act.tell(Event::Disk { trouble });
        }
    }

    fn rename(&mut self, now: Now, nick: &Nick) {
        self.nick = nick.clone();
        self.act.write(vec![Write::Nick(nick.clone())]);
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.rename(cx, nick.clone()));
        }
    }

    fn maintain(&mut self, now: Now) {
        self.drop_closed(now);
        if matches!(self.end, Some(End::Leaving(until)) if now.mono >= until) {
            // Nothing is begun any more: a dial of one whose identity runs elsewhere would throw that one out.
            return self.finish(now);
        }
        self.search(now);
        let is_all = matches!(self.touched, Touched::All);
        let touched = match std::mem::replace(&mut self.touched, Touched::These(BTreeSet::new())) {
            Touched::All => self.names(),
            Touched::These(names) => names.into_iter().collect(),
        };
        for name in touched {
            self.settle(now, &name);
            self.forget(&name);
        }
        self.touched = Touched::These(BTreeSet::new());
        if is_all || self.is_looking_for_somebody() {
            self.keep_found(now);
        }
        self.settle_talks(now);
        self.ask_others(now);
        self.ask_around(now);
        if !self.is_adrift() {
            self.prune();
        }
        if now.mono >= self.idle_due {
            self.idle_due = now.mono + IDLE_INTERVAL;
            self.prune_peers(now);
            self.show_to_met();
        }
        if self.table_due.is_some_and(|due| now.mono >= due) {
            self.write_table();
        }
        self.finish(now);
        self.due = self.next_due(now);
    }

    fn write_table(&mut self) {
        self.table_due = None;
        self.act
            .write(vec![Write::Table(self.table.listed().cloned().collect())]);
    }

    /// Sees to it that a group is registered where it belongs, and takes its next step.
    fn settle(&mut self, now: Now, name: &GroupName) {
        let Some(group) = self.groups.get(name) else {
            return;
        };
        if group.has_left() {
            return;
        }
        let moved = group.registration.moved;
        let near = self.table.ring().around(Point::of_group(name), NEAR_MAX);
        let mut near: Vec<_> = near.filter(|id| !self.is_liar(now.mono, id)).collect();
        if near.is_empty() {
            near = self.near_by_hearsay(Point::of_group(name));
        }
        let target = moved
            .filter(|to| self.links.to_node(to).is_some() && !self.is_liar(now.mono, to))
            .or_else(|| near.first().copied());
        let standby = near.into_iter().find(|id| Some(*id) != target);
        let link = target.and_then(|target| self.links.to_node(&target));
        let link = link.filter(|link| self.links.get(*link).is_some_and(|link| link.is_open));
        if link.is_none()
            && let Some(target) = target
            && self.links.to_node(&target).is_none()
        {
            self.dial_node(now, target);
        }
        self.stand_by(now, name, standby);
        self.be_wary(name);
        // The dial is under way meanwhile.
        let is_blank = self.groups.get(name).is_some_and(Group::is_blank);
        let link = link.filter(|_| !is_blank || self.has_heard_enough(now, Point::of_group(name)));
        self.in_group(now, name, |group, cx| {
            if let Some(link) = link {
                group.register(cx, link);
            }
            group.tick(cx);
            group.show(cx);
        });
        let group = self.groups.get(name);
        if group.is_some_and(|group| group.registration.is_silent(now.mono)) {
            self.forsake(name);
        }
    }

    /// Dials a mesh node that another one says is alive, though it may not have answered us lately.
    fn dial_again(&mut self, now: Now, id: NodeId) {
        let addresses = self.table.get(&id).map(|listed| &listed.record.addresses);
        for address in addresses.into_iter().flatten() {
            if let Some(pause) = self.search.pauses.get_mut(address) {
                pause.until = pause.until.min(now.mono);
            }
        }
        self.dial_node(now, id);
    }

    /// Dials a mesh node at all its addresses.
    fn dial_node(&mut self, now: Now, id: NodeId) {
        let record = self.table.get(&id).map(|listed| listed.record.clone());
        for address in record.iter().flat_map(|record| &record.addresses) {
            self.dial(now, *address, Some(id));
        }
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

    /// Ends once every group is left, or the time for that is over.
    fn finish(&mut self, now: Now) {
        let Some(End::Leaving(until)) = self.end else {
            return;
        };
        if now.mono >= until || self.groups.values().all(Group::has_left) {
            self.end = Some(End::Done);
            self.write_table();
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
                let registration = group.registration.at.map(|_| group.registration.due());
                [group.due(), registration, group.registration.silent_from()]
            });
        let end = match self.end {
            Some(End::Leaving(until)) => Some(until),
            Some(End::Done) | None => None,
        };
        let is_searching = !self.links.has_node() || self.is_adrift();
        let search = is_searching.then_some(self.search.again);
        let pauses = self.search.pauses.values().map(|pause| pause.until);
        let raced = self.search.raced_until(!self.links.has_node());
        let idle = self.links.peer_links().next().map(|_| self.idle_due);
        let dues = groups
            .chain([end, search, self.table_due, idle, self.doubts_due()])
            .flatten()
            .chain(self.finding_due())
            .chain(self.talks_due(now))
            .chain(self.curious_until())
            .chain(self.opinions_due())
            .chain(self.hearsay.due())
            .chain(raced)
            .chain(pauses);
        // What is due and could not be done waits for an input that changes something.
        dues.filter(|due| *due > now.mono).min()
    }

    fn names(&self) -> Vec<GroupName> {
        self.groups.keys().cloned().collect()
    }

    fn in_group(
        &mut self,
        now: Now,
        name: &GroupName,
        with: impl FnOnce(&mut Group, &mut Context<'_>),
    ) {
        if self.groups.get(name).is_some_and(|group| !group.has_left()) {
            self.in_any_group(now, name, with);
        }
    }

    /// As [`Client::in_group`], and also in a group we have left: its disk goes on answering.
    fn in_any_group(
        &mut self,
        now: Now,
        name: &GroupName,
        with: impl FnOnce(&mut Group, &mut Context<'_>),
    ) {
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        if let Touched::These(names) = &mut self.touched
            && !names.contains(name)
        {
            names.insert(name.clone());
        }
        let mut cx = Context {
            now,
            seal: &*self.seal,
            me: self.me,
            nick: &self.nick,
            out: self.out.as_deref(),
            act: &mut self.act,
            table: &self.table,
            links: &self.links,
        };
        with(group, &mut cx);
    }
}

impl Role for Client {
    fn handle(&mut self, mut now: Now, input: Input) {
        // What is dated later than dates are written would be refused by everybody.
        now.wall = now.wall.min(Wall(WALL_MAX));
        let version = self.table.version();
        let is_talk = matches!(input, Input::Received { .. } | Input::Written { .. });
        // What has become due meanwhile is done now: nothing would wake us up for it again.
        let is_due = self.due.is_some_and(|due| now.mono >= due);
        if !is_talk || is_due {
            self.touched = Touched::All;
        }
        match input {
            Input::Start => self.start(now),
            Input::Timeout | Input::Addresses { .. } | Input::Admission(_) => {}
            Input::Command(command) => {
                self.command(now, command);
                self.show_to_met();
            }
            Input::Linked {
                link,
                dial,
                kind,
                peer,
                address: _,
                rtt_ms,
            } => {
                self.linked(now, link, dial, kind, peer);
                self.links.measured(link, rtt_ms);
            }
            Input::Undialled {
                dial,
                why: _,
                reason,
            } => self.undialled(now, dial, reason),
            Input::Quiet { link, since } => self.quiet(now, link, since),
            Input::Heard { link } => self.heard(now, link),
            Input::Lost { link, why } => self.lost(now, link, why),
            Input::Received { link, message } => self.received(now, link, message),
            Input::Reached(report) => self.reached(&report),
            Input::PathIs {
                peer,
                path,
                via,
                rtt_ms,
            } => {
                let name = via
                    .and_then(|via| self.table.get(&via))
                    .map(|l| l.record.name.to_string());
                self.path_is(peer, path, name.clone(), rtt_ms);
                self.act.tell(Event::Path {
                    peer,
                    path,
                    via: name,
                    rtt_ms,
                });
            }
            Input::Written { ticket, moved } => {
                let waiting = self.groups.values().find(|group| group.is_writing(ticket));
                if let Some(name) = waiting.map(|group| group.name.clone()) {
                    self.in_any_group(now, &name, |group, cx| group.written(cx, ticket, &moved));
                } else {
                    self.talk_written(now, ticket);
                }
                let is_unsaved = self.groups.values().any(Group::is_unsaved);
                if !is_unsaved && !self.talks.values().any(Talk::is_unsaved) {
                    self.disk_is(None);
                }
            }
            Input::Unwritten { ticket, why } => {
                for name in self.names() {
                    self.in_any_group(now, &name, |group, cx| group.unwritten(cx, ticket));
                }
                self.talk_unwritten(now, ticket);
                self.table_due.get_or_insert(now.mono + DISK_RETRY);
                let try_ = "free some space, or mend the disk".to_owned();
                self.disk_is(Some(Trouble { why, try_ }));
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
            Input::Found { addresses } => {
                self.search.addresses = addresses;
            }
        }
        if self.table.version() != version {
            self.touched = Touched::All;
        }
        self.maintain(now);
    }

    fn poll(&mut self) -> Option<Output> {
        let output = self.act.next()?;
        if let Output::Tell(event) = &output {
            self.beware(event);
        }
        Some(output)
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
