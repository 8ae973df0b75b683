//! One group as one member sees it: its log, its roster, our lines on their way, and our part in keeping it.
//!
//! *Invariant:* the log only grows, and whatever it gains goes through [`Group::gain`]: the one place where
//! entries shape the roster, leave the outbox, are told to the face and go to disk.

mod authority;
mod charter;
mod copies;
mod feed;
mod follow;
mod growth;
mod host;
mod latest;
mod lease;
mod log;
mod loss;
mod merge;
mod older;
mod out;
mod outbox;
mod paced;
mod person;
mod proof;
mod quiet;
mod refused;
mod registration;
mod rights;
mod roster;
mod rule;
mod serve;
mod show;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::charter::Bearing;
use self::charter::Birth;
use self::copies::FewOwn;
use self::follow::Follow;
use self::host::Host;
use self::log::Log;
use self::loss::Losses;
pub(crate) use self::outbox::Outbox;
pub(crate) use self::registration::Registration;
pub(crate) use self::rights::Rights;
use self::roster::Roster;
use self::waiting::Patience;
use super::actions::Actions;
use super::event::{Standing, What};
use super::id::{Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use super::limits::HANDOVER_WAIT;
use super::links::Links;
use super::role::{LinkId, Ticket};
use super::saved::SavedGroup;
use super::seal::Seal;
use super::table::Table;
use super::time::{Mono, Now};
use super::wire::{Body, Entry, Lease};

/// What a group needs of the client around it, for the time of one input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) seal: &'a dyn Seal,
    pub(crate) me: NodeId,
    pub(crate) nick: &'a Nick,
    /// Why our person is away from the screen, if so.
    pub(crate) out: Option<&'a str>,
    pub(crate) act: &'a mut Actions,
    pub(crate) table: &'a Table,
    pub(crate) links: &'a Links,
}

/// A group we are in, are coming into, or are leaving.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: GroupName,
    log: Log,
    roster: Roster,
    outbox: Outbox,
    /// The number we gave last since the process started.
    given: Option<Number>,
    birth: Birth,
    /// The highest lease we know.
    lease: Option<Lease>,
    /// The epoch we may have hosted before the process started; it is never resumed.
    barred: Option<Epoch>,
    /// The lease's way to disk. Until it is there nothing is placed under it: a host that forgot its epoch in a
    /// crash would take it up again, and write its line a second time.
    lease_write: Option<Ticket>,
    phase: Phase,
    intent: Intent,
    /// Whether the group is ours at the next start: we did not part from it.
    is_joined: bool,
    is_leave_told: bool,
    /// The link to the host before this one, while lines that we sent it may still come back placed, and
    /// until when to wait for that.
    last_word: Option<(LinkId, Mono)>,
    /// Members the host has a link to.
    here: BTreeSet<NodeId>,
    /// Others who are away from the screen, and why.
    out: BTreeMap<NodeId, String>,
    /// Own entries with a place that are not confirmed yet.
    unkept: BTreeMap<Number, Place>,
    /// Own entries that were confirmed on fewer disks than there could be.
    few: FewOwn,
    /// What each write under way brings to disk.
    writing: BTreeMap<Ticket, Writing>,
    unsaved: Unsaved,
    /// Whether we know that we are in, so that being put out concerns us; of who comes back it is old news.
    is_member: bool,
    /// Whether the face knows that we are in; until then what comes is history.
    is_told: bool,
    /// The epoch the face was told of last.
    told_epoch: Option<Epoch>,
    /// Whether the host wants to hear when what it is sending us is stored.
    is_reporting: bool,
    /// The host we miss, until we have one.
    missed: Option<Missed>,
    /// Under which epoch we were served or hosted last, from when and until when, since our start.
    served: Option<(Epoch, Mono, Mono)>,
    losses: Losses,
    patience: Patience,
    standing: Option<Standing>,
    are_members_dirty: bool,
    pub(crate) registration: Registration,
}

/// Our part in keeping the group.
#[derive(Clone, Debug)]
enum Phase {
    /// Nobody has told us who hosts.
    Finding,
    /// Another member hosts.
    Following(Follow),
    /// We host.
    Hosting(Host),
}

/// What our person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default)]
struct Writing {
    lines: Vec<(Epoch, Seq)>,
    /// Entries with a number at or below their author's highest: another place of one we have, or one that was
    /// missing. The disk knows which.
    doubtful: Vec<(Place, Entry, bool)>,
    /// Whether the host asked to hear of it.
    is_to_report: bool,
}

/// What the disk did not take, and when to try again.
#[derive(Clone, Debug, Default)]
struct Unsaved {
    doubtful: Vec<(Place, Entry, bool)>,
    is_lease: bool,
    is_outbox: bool,
    again: Option<Mono>,
    /// The second try, until the disk has answered.
    under_way: Option<Ticket>,
}

/// A host that we missed.
#[derive(Clone, Copy, Debug)]
struct Missed {
    since: Mono,
    host: Option<NodeId>,
    /// Whether it has shown a sign of life since.
    is_alive: bool,
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
        roster.found(saved.charter.as_ref().map(|charter| charter.founder));
        for (place, entry) in &saved.shaping {
            roster.apply(*place, entry);
        }
        Self {
            is_member: saved.joined,
            name,
            log: Log::restored(saved),
            roster,
            outbox: Outbox::restored(saved.outbox.clone()),
            given: None,
            birth: Birth::restored(saved.charter.clone()),
            lease: saved.lease.clone(),
            barred: saved.lease.as_ref().map(|lease| lease.epoch),
            lease_write: None,
            phase: Phase::Finding,
            intent: if saved.joined {
                Intent::Stay
            } else {
                Intent::Left
            },
            is_joined: saved.joined,
            is_leave_told: !saved.joined,
            last_word: None,
            here: BTreeSet::new(),
            out: BTreeMap::new(),
            unkept: saved.unkept.clone(),
            few: FewOwn::default(),
            writing: BTreeMap::new(),
            unsaved: Unsaved::default(),
            is_told: false,
            told_epoch: None,
            is_reporting: false,
            missed: None,
            served: None,
            losses: Losses::default(),
            patience: Patience::default(),
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

    /// Whether we know nothing of the group but its name.
    pub(crate) fn is_blank(&self) -> bool {
        self.lease.is_none() && self.charter().is_none() && !self.has_left()
    }

    /// Whether nobody has told us who hosts.
    pub(crate) fn is_finding(&self) -> bool {
        matches!(self.phase, Phase::Finding) && !self.has_left()
    }

    pub(crate) fn has_left(&self) -> bool {
        self.intent == Intent::Left
    }

    /// Whether our person is in the group, or coming in, and not on the way out.
    pub(crate) fn is_staying(&self) -> bool {
        self.intent == Intent::Stay
    }

    /// Who goes by a nick here, or did last.
    pub(crate) fn find(&self, nick: &Nick) -> Option<NodeId> {
        self.roster.find(nick)
    }

    /// What somebody is called here.
    pub(crate) fn nick_of(&self, id: &NodeId) -> Nick {
        self.roster.nick(id)
    }

    /// What somebody called himself here last, who may have left since.
    pub(crate) fn last_nick_of(&self, id: &NodeId) -> Option<Nick> {
        self.roster.last_nick(id).cloned()
    }

    /// Whether somebody is in the group.
    pub(crate) fn is_known(&self, id: &NodeId) -> bool {
        self.roster.contains(id)
    }

    /// Whether the host has a link to somebody, as far as we know.
    pub(crate) fn is_here(&self, id: &NodeId) -> bool {
        self.here.contains(id) || self.followed() == Some(*id)
    }

    /// The member whom we follow; none while we host, or look for one.
    pub(crate) fn followed(&self) -> Option<NodeId> {
        match &self.phase {
            Phase::Following(follow) => Some(follow.host()),
            Phase::Finding | Phase::Hosting(_) => None,
        }
    }

    /// Whether we have left and nobody asked before.
    pub(crate) fn take_left(&mut self) -> bool {
        self.has_left() && !std::mem::replace(&mut self.is_leave_told, true)
    }

    /// Comes into the group, again or for the first time. What we hosted before is not resumed.
    pub(crate) fn come_back(&mut self) {
        self.intent = Intent::Stay;
        self.is_joined = true;
        self.is_leave_told = false;
        self.expect_any();
        self.barred = self.lease.as_ref().map(|lease| lease.epoch);
        self.phase = Phase::Finding;
        self.last_word = None;
        self.here.clear();
        self.is_member = false;
        self.is_told = false;
        self.missed = None;
        self.served = None;
        self.standing = None;
        self.registration = Registration::again(self.lease.is_some());
    }

    /// The members we need a link to: the host we follow, or all who follow us.
    pub(crate) fn peers(&self) -> Vec<NodeId> {
        match &self.phase {
            Phase::Finding => Vec::new(),
            Phase::Following(follow) => vec![follow.host()],
            Phase::Hosting(host) => host.followers().collect(),
        }
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
            Phase::Following(follow) => follow.due().filter(|_| self.registration.at.is_some()),
            Phase::Finding => None,
        };
        let last_word = self.last_word.map(|(_, until)| until);
        [
            leaving,
            phase,
            last_word,
            self.unsaved.again,
            self.patience.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what has become due.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        match &self.phase {
            Phase::Hosting(_) => {
                self.join(cx);
                self.tend(cx);
            }
            Phase::Following(follow) if follow.is_live() => {
                self.join(cx);
                self.pursue(cx);
            }
            Phase::Following(_) => self.pursue(cx),
            Phase::Finding => {}
        }
        if self
            .last_word
            .is_some_and(|(_, until)| cx.now.mono >= until)
        {
            self.last_word = None;
            self.put(cx);
        }
        self.rewrite(cx);
        self.heed(cx);
        self.be_patient(cx);
        self.go(cx);
    }
}

/// What a body says aloud, if it is a line that its author waits to see placed.
pub(crate) fn spoken(body: &Body) -> Option<What> {
    match body {
        Body::Text { text } => Some(What::Text(text.clone())),
        Body::Action { text } => Some(What::Action(text.clone())),
        Body::Join { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Nick { .. }
        | Body::Topic { .. }
        | Body::Ruling(_)
        | Body::Gone { .. }
        | Body::Void => None,
    }
}
