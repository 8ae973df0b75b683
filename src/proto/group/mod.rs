//! One group as one member sees it: its log, its roster, our lines on their way, and our part in keeping it.
//!
//! *Invariant:* the log only grows, and whatever it gains goes through [`Group::gain`]: the one place where
//! entries shape the roster, leave the outbox, are told to the face and go to disk.

mod authority;
mod feed;
mod follow;
mod host;
mod log;
mod outbox;
mod roster;

use std::collections::{BTreeMap, BTreeSet};

use self::follow::Follow;
use self::host::Host;
use self::log::{Appended, Log};
use self::outbox::Outbox;
use self::roster::Roster;
use super::actions::Actions;
use super::event::{Event, Line, Member, Standing, What};
use super::id::{EntryId, Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use super::limits::{HANDOVER_WAIT, HEIRS, OUTBOX_MAX};
use super::links::Links;
use super::role::{LinkId, Moved, Ticket};
use super::saved::{SavedGroup, Write};
use super::seal::Seal;
use super::table::Table;
use super::time::{Mono, Now};
use super::wire::{Body, Entry, Lease, Message, Reason, Run, Vector};
use super::{limits, vector};

/// Members named in a registration: as many as could come to host before the next one is sent.
const SUCCESSION_MAX: usize = 16;

/// What a group needs of the client around it, for the time of one input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) seal: &'a dyn Seal,
    pub(crate) me: NodeId,
    pub(crate) nick: &'a Nick,
    pub(crate) act: &'a mut Actions,
    pub(crate) table: &'a Table,
    pub(crate) links: &'a Links,
}

/// A group we are in, are coming into, or are leaving.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: GroupName,
    log: Log,
    roster: Roster,
    outbox: Outbox,
    /// The highest lease we know.
    lease: Option<Lease>,
    /// The epoch we may have hosted before the process started; it is never resumed.
    barred: Option<Epoch>,
    phase: Phase,
    intent: Intent,
    is_leave_told: bool,
    /// Members the host has a link to.
    here: BTreeSet<NodeId>,
    /// Own entries with a place that are not confirmed yet.
    unkept: BTreeMap<Number, Place>,
    /// What each write under way brings to disk.
    writing: BTreeMap<Ticket, Writing>,
    /// Whether the face knows that we are in; until then what comes is history.
    is_told: bool,
    /// When the host was missed, for telling how long a handover took.
    missed: Option<(Mono, Option<NodeId>)>,
    standing: Option<Standing>,
    are_members_dirty: bool,
    pub(crate) registration: Registration,
}

/// Our part in keeping the group.
#[derive(Debug)]
enum Phase {
    /// Nobody has told us who hosts.
    Finding,
    /// Another member hosts.
    Following(Follow),
    /// We host.
    Hosting(Host),
}

/// What our person wants.
#[derive(Debug, PartialEq, Eq)]
enum Intent {
    Stay,
    /// Our farewell is entry `farewell`; since when, and whether the supernode was told.
    Leave {
        farewell: Option<Number>,
        since: Mono,
        is_supernode_told: bool,
    },
    /// Nothing is left to do here.
    Left,
}

/// What a write under way holds.
#[derive(Debug, Default)]
struct Writing {
    lines: Vec<(Epoch, Seq)>,
    /// Entries with a number at or below their author's highest: another place of one we have, or one that was
    /// missing. The disk knows which.
    doubtful: Vec<(Place, Entry, bool)>,
}

/// Where a group is registered, and when to say it again.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// The supernode that another one sent us to, until the table changes.
    pub(crate) moved: Option<NodeId>,
    pub(crate) at: Option<LinkId>,
    pub(crate) again: Mono,
}

/// Where a run came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// We placed it.
    Own,
    /// This node sent it.
    Sent(NodeId),
}

impl Group {
    pub(crate) fn new(name: GroupName) -> Self {
        Self::restored(name, &SavedGroup::default())
    }

    /// The group as it was left; one that we are not in keeps its log and does nothing until
    /// [`Group::come_back`].
    pub(crate) fn restored(name: GroupName, saved: &SavedGroup) -> Self {
        let mut roster = Roster::default();
        for (place, entry) in &saved.shaping {
            roster.apply(*place, entry);
        }
        Self {
            name,
            log: Log::restored(saved),
            roster,
            outbox: Outbox::restored(saved.outbox.clone()),
            lease: saved.lease.clone(),
            barred: saved.lease.as_ref().map(|lease| lease.epoch),
            phase: Phase::Finding,
            intent: if saved.joined {
                Intent::Stay
            } else {
                Intent::Left
            },
            is_leave_told: !saved.joined,
            here: BTreeSet::new(),
            unkept: BTreeMap::new(),
            writing: BTreeMap::new(),
            is_told: false,
            missed: None,
            standing: None,
            are_members_dirty: false,
            registration: Registration::default(),
        }
    }

    pub(crate) fn topic(&self) -> &str {
        self.roster.topic()
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    pub(crate) fn has_left(&self) -> bool {
        self.intent == Intent::Left
    }

    /// Whether we have left and nobody asked before.
    pub(crate) fn take_left(&mut self) -> bool {
        self.has_left() && !std::mem::replace(&mut self.is_leave_told, true)
    }

    /// Comes into the group, again or for the first time. What we hosted before is not resumed.
    pub(crate) fn come_back(&mut self) {
        self.intent = Intent::Stay;
        self.is_leave_told = false;
        self.barred = self.lease.as_ref().map(|lease| lease.epoch);
        self.phase = Phase::Finding;
        self.here.clear();
        self.is_told = false;
        self.missed = None;
        self.standing = None;
        self.registration = Registration::default();
    }

    // -- what our person does ------------------------------------------------------------------------------

    /// Writes an entry of ours: places it if we host, else sends it on its way.
    pub(crate) fn author(&mut self, cx: &mut Context<'_>, body: Body) -> Option<Number> {
        if self.outbox.len() >= OUTBOX_MAX {
            cx.act.tell(Event::Error {
                group: Some(self.name.clone()),
                what: "cannot take another line".to_owned(),
                why: format!("{OUTBOX_MAX} lines wait for the group's host"),
                try_: "wait until the group is reached again".to_owned(),
            });
            return None;
        }
        let may_speak = self.roster.contains(&cx.me) || self.roster.was_missed(&cx.me);
        if !matches!(body, Body::Join { .. }) && !may_speak && !self.outbox.has_join() {
            let nick = cx.nick.clone();
            self.author(cx, Body::Join { nick });
        }
        let number = self.outbox.next(self.log.number(&cx.me));
        let entry = Entry::signed(cx.seal, &self.name, number, cx.now.wall, body);
        if let Some(what) = spoken(&entry.body) {
            let id = entry.id();
            cx.act.tell(Event::Sent {
                group: self.name.clone(),
                id,
                at: entry.time,
                what,
            });
        }
        cx.act.write(vec![Write::Outbox {
            group: self.name.clone(),
            entry: entry.clone(),
        }]);
        self.outbox.push(entry);
        self.put(cx);
        Some(number)
    }

    /// Sets out to leave, with these last words.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>, body: Body) {
        if self.intent != Intent::Stay {
            return;
        }
        let farewell = if self.roster.contains(&cx.me) {
            self.author(cx, body)
        } else {
            None
        };
        self.intent = Intent::Leave {
            farewell,
            since: cx.now.mono,
            is_supernode_told: false,
        };
        self.go(cx);
    }

    /// Takes back a leave that is not done yet.
    pub(crate) fn stay(&mut self) {
        self.intent = Intent::Stay;
    }

    /// Goes by another nick.
    pub(crate) fn rename(&mut self, cx: &mut Context<'_>, nick: Nick) {
        if self.roster.contains(&cx.me) || self.outbox.has_join() {
            self.author(cx, Body::Nick { nick });
        }
    }

    /// One look at how far a leave has come; called until [`Group::has_left`].
    fn go(&mut self, cx: &mut Context<'_>) {
        let Intent::Leave {
            farewell,
            since,
            is_supernode_told,
        } = self.intent
        else {
            return;
        };
        let is_late = cx.now.mono - since >= HANDOVER_WAIT / 2;
        let is_said = farewell.is_none_or(|number| self.log.number(&cx.me) >= number);
        match &self.phase {
            Phase::Hosting(host) => {
                let is_kept = is_said && self.unkept.is_empty();
                let is_alone = host.is_alone();
                if !is_supernode_told && (is_alone || is_kept || is_late) {
                    self.tell_leave(cx);
                    self.intent = Intent::Leave {
                        farewell,
                        since,
                        is_supernode_told: true,
                    };
                }
                let is_overdue = cx.now.mono - since >= HANDOVER_WAIT;
                if (is_alone && (is_kept || is_late)) || is_overdue {
                    self.intent = Intent::Left;
                }
            }
            Phase::Following(_) if !is_said && !is_late => {}
            Phase::Following(follow) => {
                if let Some(link) = follow.link() {
                    cx.act.send(
                        link,
                        Message::Unfollow {
                            group: self.name.clone(),
                        },
                    );
                }
                if !is_supernode_told {
                    self.tell_leave(cx);
                }
                self.intent = Intent::Left;
            }
            Phase::Finding => {
                self.tell_leave(cx);
                self.intent = Intent::Left;
            }
        }
    }

    fn tell_leave(&self, cx: &mut Context<'_>) {
        if let Some(link) = self.registration.at {
            cx.act.send(
                link,
                Message::Leave {
                    group: self.name.clone(),
                },
            );
        }
    }

    // -- leases --------------------------------------------------------------------------------------------

    /// Takes a lease somebody showed us: obeys it if it is the highest we have seen, hosts if it names us.
    /// A lease that no known supernode signed is passed over.
    pub(crate) fn learn(&mut self, cx: &mut Context<'_>, lease: &Lease) {
        let is_news = self
            .lease
            .as_ref()
            .is_none_or(|known| lease.epoch > known.epoch);
        let is_known = self
            .lease
            .as_ref()
            .is_some_and(|known| known.epoch == lease.epoch);
        let is_to_start = is_known
            && matches!(self.phase, Phase::Finding)
            && self
                .barred
                .is_none_or(|barred| lease.epoch > barred || lease.epoch.host != cx.me);
        if !(is_news || is_to_start)
            || !cx.table.is_supernode(&lease.by)
            || !lease.is_genuine(cx.seal)
        {
            return;
        }
        if is_news {
            self.lease = Some(lease.clone());
            cx.act.write(vec![Write::Group {
                group: self.name.clone(),
                joined: self.intent == Intent::Stay,
                lease: Some(lease.clone()),
            }]);
        }
        self.obey(cx, lease);
    }

    fn obey(&mut self, cx: &mut Context<'_>, lease: &Lease) {
        match std::mem::replace(&mut self.phase, Phase::Finding) {
            Phase::Hosting(host) => {
                host.step_down(cx, lease);
                self.miss(cx, Some(cx.me));
            }
            Phase::Following(follow) => {
                let host = follow.host();
                if let Some(link) = follow.link().filter(|_| host != lease.epoch.host) {
                    cx.act.send(
                        link,
                        Message::Unfollow {
                            group: self.name.clone(),
                        },
                    );
                }
                self.miss(cx, Some(host));
            }
            Phase::Finding => {}
        }
        self.registration.again = cx.now.mono;
        if matches!(
            self.intent,
            Intent::Leave {
                is_supernode_told: true,
                ..
            }
        ) {
            self.intent = Intent::Left;
        } else if lease.epoch.host == cx.me {
            self.host(cx, lease.clone());
        } else {
            self.phase = Phase::Following(Follow::new(lease.epoch.host));
            self.pursue(cx);
        }
        self.are_members_dirty = true;
    }

    /// Notes when and whom we missed, once per handover.
    fn miss(&mut self, cx: &Context<'_>, host: Option<NodeId>) {
        if self.missed.is_none() {
            self.missed = Some((cx.now.mono, host));
        }
    }

    /// Says that we are in, or that the handover is over.
    fn arrive(&mut self, cx: &mut Context<'_>) {
        let Some(epoch) = self.lease.as_ref().map(|lease| lease.epoch) else {
            return;
        };
        if !self.roster.contains(&cx.me) {
            return;
        }
        let group = self.name.clone();
        let missed = self.missed.take();
        if !self.is_told {
            self.is_told = true;
            let members = self.members(cx);
            cx.act.tell(Event::Joined {
                group,
                host: epoch.host,
                epoch,
                members,
            });
        } else if let Some((since, before)) =
            missed.filter(|(_, before)| *before != Some(epoch.host))
        {
            let took = cx.now.mono - since;
            cx.act.tell(Event::Host {
                group,
                host: epoch.host,
                nick: Some(self.roster.nick(&epoch.host)),
                epoch,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                before: before.map(|id| self.roster.nick(&id)),
            });
        }
        self.are_members_dirty = true;
    }

    // -- the log -------------------------------------------------------------------------------------------

    /// Adds what is next in its line of what `from` sent us; false if there was a gap. A forged entry closes
    /// the link and ends the run.
    fn take(&mut self, cx: &mut Context<'_>, link: LinkId, from: NodeId, run: Run) -> bool {
        let known = vector::upto(self.log.vector(), run.epoch);
        let is_forged = |(place, sequenced): (Place, &super::wire::Sequenced)| {
            place.seq > known && !sequenced.entry.is_genuine(cx.seal, &self.name)
        };
        if run.places().any(is_forged) {
            cx.act.close(link, Reason::BadSignature);
            return true;
        }
        let highest = self.highest(&run);
        match self.log.append(run) {
            Appended::Grew { run, head } => {
                self.gain(cx, Source::Sent(from), &run, head, highest);
                true
            }
            Appended::Known => true,
            Appended::Gap => false,
        }
    }

    /// Places entries as the host and passes them on.
    fn place(&mut self, cx: &mut Context<'_>, epoch: Epoch, entries: Vec<Entry>) {
        let highest = entries
            .iter()
            .map(|entry| (entry.author, self.log.number(&entry.author)))
            .collect();
        let (run, head) = self.log.place(epoch, cx.now.wall, entries);
        self.gain(cx, Source::Own, &run, head, highest);
    }

    /// The highest numbers of a run's authors before it is added.
    fn highest(&self, run: &Run) -> BTreeMap<NodeId, Number> {
        let authors = run.entries.iter().map(|sequenced| sequenced.entry.author);
        authors
            .map(|author| (author, self.log.number(&author)))
            .collect()
    }

    /// What follows from the log having grown by `run`.
    fn gain(
        &mut self,
        cx: &mut Context<'_>,
        source: Source,
        run: &Run,
        head: super::seal::Hash,
        mut highest: BTreeMap<NodeId, Number>,
    ) {
        let mut writes = vec![Write::Run {
            group: self.name.clone(),
            run: run.clone(),
            head,
        }];
        let mut writing = Writing {
            lines: vec![(run.epoch, run.last())],
            doubtful: Vec::new(),
        };
        for (place, sequenced) in run.places() {
            let entry = &sequenced.entry;
            let before = self.roster.nick(&entry.author);
            self.are_members_dirty |= self.roster.apply(place, entry);
            if entry.author == cx.me {
                if self.outbox.remove(entry) {
                    let number = entry.number;
                    writes.push(Write::OutboxDone {
                        group: self.name.clone(),
                        number,
                    });
                }
                self.unkept.insert(entry.number, place);
            }
            let is_history = self.is_history(cx, place);
            let known = highest.entry(entry.author).or_default();
            if entry.number > *known {
                *known = entry.number;
                self.tell(cx, place, entry, before, is_history);
            } else {
                writing.doubtful.push((place, entry.clone(), is_history));
            }
        }
        let ticket = cx.act.write(writes);
        self.writing.insert(ticket, writing);
        match &mut self.phase {
            Phase::Hosting(host) => {
                host.pass_on(cx, &self.name, &self.log, run, source);
            }
            Phase::Following(follow) => {
                if source == Source::Sent(follow.host()) {
                    follow.feed.has(run);
                }
            }
            Phase::Finding => {}
        }
        self.push(cx);
    }

    /// Whether what stands at `place` happened before we joined, or while we were away.
    fn is_history(&self, cx: &Context<'_>, place: Place) -> bool {
        let is_caught_up = match &self.phase {
            Phase::Finding => false,
            Phase::Following(follow) => follow.is_live(),
            Phase::Hosting(_) => true,
        };
        !(self.is_told || is_caught_up)
            || self
                .roster
                .position(&cx.me)
                .is_some_and(|joined| place < joined)
    }

    /// Tells the face of an entry at its place.
    fn tell(&self, cx: &mut Context<'_>, place: Place, entry: &Entry, before: Nick, history: bool) {
        let what = match &entry.body {
            Body::Text { text } => What::Text(text.clone()),
            Body::Action { text } => What::Action(text.clone()),
            Body::Topic { text } => What::Topic(text.clone()),
            Body::Join { .. } => What::Join,
            Body::Part { why } => What::Part(why.clone()),
            Body::Quit { why } => What::Quit(why.clone()),
            Body::Nick { nick } => What::Nick(nick.clone()),
            Body::Gone { member } => What::Gone {
                member: *member,
                nick: self.roster.nick(member),
            },
            Body::Void => return,
        };
        let from = if let Body::Join { nick } = &entry.body {
            nick.clone()
        } else {
            before
        };
        cx.act.tell(Event::Entry(Line {
            group: self.name.clone(),
            id: entry.id(),
            from,
            place,
            at: entry.time,
            what,
            own: entry.author == cx.me,
            history,
        }));
    }

    // -- the disk ------------------------------------------------------------------------------------------

    /// A write of ours is on disk.
    pub(crate) fn written(&mut self, cx: &mut Context<'_>, ticket: Ticket, moved: &[Moved]) {
        let Some(writing) = self.writing.remove(&ticket) else {
            return;
        };
        for (epoch, seq) in &writing.lines {
            self.log.flush(*epoch, *seq);
        }
        for (place, entry, history) in writing.doubtful {
            let found = moved.iter().find(|moved| moved.id == entry.id());
            if found.is_none_or(|moved| moved.is_new && moved.place == place) {
                let nick = self.roster.nick(&entry.author);
                self.tell(cx, place, &entry, nick, history);
            }
        }
        let stored: Vector = writing.lines.into_iter().collect();
        match &mut self.phase {
            Phase::Hosting(host) => {
                host.report(cx, &self.name, &stored);
                self.keep(cx);
            }
            Phase::Following(follow) => {
                follow.feed.written();
                if let Some(link) = follow.greeted() {
                    let group = self.name.clone();
                    cx.act.send(
                        link,
                        Message::Stored {
                            group,
                            vector: stored,
                        },
                    );
                }
            }
            Phase::Finding => {}
        }
        self.push(cx);
        self.go(cx);
    }

    /// A write failed: its lines live in memory only, and nobody is told that they are stored.
    pub(crate) fn unwritten(&mut self, ticket: Ticket) {
        self.writing.remove(&ticket);
    }

    /// Confirms those of our entries that `kept` covers.
    fn confirm(&mut self, cx: &mut Context<'_>, kept: &Vector, copies: u32) {
        let is_kept = |place: &Place| vector::upto(kept, place.epoch) >= place.seq;
        let confirmed: Vec<_> = self
            .unkept
            .iter()
            .filter(|(_, place)| is_kept(place))
            .collect();
        let confirmed: Vec<_> = confirmed
            .into_iter()
            .map(|(number, at)| (*number, *at))
            .collect();
        for (number, place) in confirmed {
            self.unkept.remove(&number);
            cx.act.tell(Event::Confirmed {
                group: self.name.clone(),
                id: EntryId {
                    author: cx.me,
                    number,
                },
                epoch: place.epoch,
                seq: place.seq.0,
                copies,
            });
        }
        self.go(cx);
    }

    // -- registration --------------------------------------------------------------------------------------

    /// Registers at the supernode at the other end of `link`, if that is news to it or it is time again.
    pub(crate) fn register(&mut self, cx: &mut Context<'_>, link: LinkId) {
        if self.registration.at != Some(link) {
            self.registration.at = Some(link);
            self.registration.again = cx.now.mono;
            self.reroute(cx, link);
        }
        let is_leaving = matches!(
            self.intent,
            Intent::Leave {
                is_supernode_told: true,
                ..
            } | Intent::Left
        );
        if is_leaving || cx.now.mono < self.registration.again {
            return;
        }
        self.registration.again = cx.now.mono + limits::REGISTER_INTERVAL;
        let is_here = |id: &NodeId| *id == cx.me || self.here.contains(id);
        let roster = self
            .roster
            .members()
            .filter(is_here)
            .take(SUCCESSION_MAX)
            .collect();
        cx.act.send(
            link,
            Message::Register {
                group: self.name.clone(),
                lease: self.lease.clone(),
                hosting: matches!(self.phase, Phase::Hosting(_)),
                roster,
            },
        );
    }

    /// When something is due here.
    pub(crate) fn due(&self) -> Option<Mono> {
        let leaving = match self.intent {
            Intent::Leave {
                since,
                is_supernode_told: false,
                ..
            } => Some(since + HANDOVER_WAIT / 2),
            Intent::Leave { since, .. } => Some(since + HANDOVER_WAIT),
            Intent::Stay | Intent::Left => None,
        };
        let phase = match &self.phase {
            Phase::Hosting(host) => host.due(),
            Phase::Following(follow) => follow.due(),
            Phase::Finding => None,
        };
        [leaving, phase].into_iter().flatten().min()
    }

    /// Does what has become due.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Hosting(_) => self.tend(cx),
            Phase::Following(_) => self.pursue(cx),
            Phase::Finding => {}
        }
        self.go(cx);
    }

    // -- what the face is shown ----------------------------------------------------------------------------

    /// Tells the members and our standing, if they have changed.
    pub(crate) fn show(&mut self, cx: &mut Context<'_>) {
        if !std::mem::take(&mut self.are_members_dirty) || !self.is_told {
            return;
        }
        let members = self.members(cx);
        let standing = members
            .iter()
            .find(|member| member.id == cx.me)
            .map(|me| me.standing);
        if let Some(role) = standing.filter(|_| standing != self.standing) {
            cx.act.tell(Event::Role {
                group: self.name.clone(),
                role,
            });
        }
        self.standing = standing;
        cx.act.tell(Event::Members {
            group: self.name.clone(),
            members,
        });
    }

    pub(crate) fn show_again(&mut self) {
        self.are_members_dirty = true;
    }

    fn members(&self, cx: &Context<'_>) -> Vec<Member> {
        let host = self.lease.as_ref().map(|lease| lease.epoch.host);
        let heirs = self.heirs(host);
        self.roster
            .members()
            .map(|id| Member {
                id,
                nick: self.roster.nick(&id),
                standing: if Some(id) == host {
                    Standing::Host
                } else if heirs.contains(&id) {
                    Standing::Heir
                } else {
                    Standing::Member
                },
                present: id == cx.me || Some(id) == host || self.here.contains(&id),
            })
            .collect()
    }

    /// The first present members after the host, in join order.
    fn heirs(&self, host: Option<NodeId>) -> Vec<NodeId> {
        let is_candidate = |id: &NodeId| Some(*id) != host && self.here.contains(id);
        self.roster
            .members()
            .filter(is_candidate)
            .take(HEIRS)
            .collect()
    }
}

/// What a body says aloud, if it is a line that its author waits to see placed.
fn spoken(body: &Body) -> Option<What> {
    match body {
        Body::Text { text } => Some(What::Text(text.clone())),
        Body::Action { text } => Some(What::Action(text.clone())),
        Body::Join { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Nick { .. }
        | Body::Topic { .. }
        | Body::Gone { .. }
        | Body::Void => None,
    }
}
