//! Hosting: giving entries their places, passing them on, and confirming what is on enough disks.
//!
//! The host is a member that a lease names. It holds no state that another member could not rebuild: the log
//! is everybody's, and who is here is whoever says hello.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::copies::FewTold;
use super::feed::{Feed, Step};
use super::log::Log;
use super::merge::Merge;
use super::paced::Paced;
use super::{Context, Group, Phase, Source};
use crate::proto::id::{Epoch, GroupName, NodeId, Number, Seq};
use crate::proto::limits::{HEIRS, HEIRS_WAIT, ROSTER_GRACE};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{LinkId, Ticket};
use crate::proto::time::Mono;
use crate::proto::vector;
use crate::proto::wire::{Body, Lease, Message, Run, Vector};

/// How long news of who came and went is gathered before it is told, so that a crowd coming in at once does
/// not tell everybody of everybody one by one.
pub(super) const NEWS_GATHERED: Duration = Duration::from_millis(50);
/// The same of who is away from the screen and who is back, which is less urgent, and which one member could say
/// again and again.
pub(super) const OUT_GATHERED: Duration = Duration::from_secs(1);
/// Members named in one message of presence: they fit a frame.
pub(super) const NAMES_PER_MESSAGE_MAX: usize = 1_000;

/// What only the host knows.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) lease: Lease,
    pub(super) followers: BTreeMap<NodeId, Follower>,
    /// Followers with entries that are not confirmed.
    pub(super) owed: BTreeSet<NodeId>,
    /// Followers who were told of entries that few disks have.
    pub(super) few_told: BTreeSet<NodeId>,
    /// Members in the roster that do not follow, since when.
    pub(super) absent: BTreeMap<NodeId, Mono>,
    /// Who must have stored an entry before it is confirmed; they are asked to report.
    pub(super) heirs: Vec<NodeId>,
    /// Who was here under the last host and has not come to us yet.
    pub(super) awaited: BTreeSet<NodeId>,
    /// Followers whose entries wait for their turn.
    pub(super) pacing: BTreeSet<NodeId>,
    pub(super) news: News,
    pub(super) since: Mono,
    pub(super) merge: Merge,
}

/// One member that follows us.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub(super) link: LinkId,
    /// What it lacks of our log.
    pub(super) feed: Feed,
    pub(super) fetch: Option<Ticket>,
    /// What it has reported to be on its disk.
    pub(super) stored: Vector,
    /// Places of its own entries, or lines that may hold some, that it has not been told are kept.
    pub(super) owes: Vector,
    /// What it has been told is kept.
    pub(super) told: Vector,
    pub(super) few: FewTold,
    /// Whether it has pushed to us, and so waits to hear what we stored.
    pub(super) is_pushing: bool,
    pub(super) paced: Paced,
    pub(super) turn: Turn,
}

/// Which of a follower's numbers may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It begins with the first that it has no place for, and what is missing below is lost to it.
    First,
    /// What follows on the one before. A higher one comes again once the gap is filled.
    Next,
    /// The one that was refused: those behind it come again too.
    Again(Number),
}

/// Who came and went since it was told last.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) here: BTreeSet<NodeId>,
    pub(super) away: BTreeSet<NodeId>,
    /// Those who have left their screen, or are back.
    pub(super) out: BTreeSet<NodeId>,
    pub(super) at: Option<Mono>,
}

impl News {
    pub(super) fn came(&mut self, id: NodeId, now: Mono) {
        self.away.remove(&id);
        self.here.insert(id);
        self.tell_by(now + NEWS_GATHERED);
    }

    pub(super) fn stepped(&mut self, id: NodeId, now: Mono) {
        self.out.insert(id);
        let is_at_once = mutant::is(Mutant::OutToldAtOnce);
        self.tell_by(if is_at_once { now } else { now + OUT_GATHERED });
    }

    fn tell_by(&mut self, due: Mono) {
        self.at = Some(self.at.map_or(due, |at| at.min(due)));
    }

    pub(super) fn went(&mut self, id: NodeId, now: Mono) {
        self.here.remove(&id);
        self.away.insert(id);
        self.tell_by(now + NEWS_GATHERED);
    }
}

impl Follower {
    /// It is sent these, to be reported; entries of its own may be among them.
    fn deliver(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        leases: Vec<Lease>,
        runs: Vec<Run>,
    ) {
        for run in &runs {
            vector::raise(&mut self.owes, run.epoch, run.last());
        }
        let (group, report) = (group.clone(), true);
        cx.act.send(
            self.link,
            Message::Deliver {
                group,
                report,
                leases,
                runs,
            },
        );
    }
}

impl Host {
    pub(super) fn is_alone(&self) -> bool {
        self.followers.is_empty()
    }

    pub(super) fn followers(&self) -> impl Iterator<Item = NodeId> {
        self.followers.keys().copied()
    }

    pub(super) fn due(&self) -> Option<Mono> {
        let gone = self
            .absent
            .values()
            .min()
            .map(|since| *since + ROSTER_GRACE);
        let paced = self.pacing.iter().filter_map(|id| self.followers.get(id));
        let paced = paced.filter_map(|follower| follower.paced.due()).min();
        let awaited = (!self.awaited.is_empty()).then_some(self.since + HEIRS_WAIT);
        let dues = [gone, paced, self.news.at, self.merge.due(), awaited];
        dues.into_iter().flatten().min()
    }

    /// Whether heirs are on their way: until they are here, a line would be confirmed on fewer disks than it could be.
    fn awaits_heirs(&self) -> bool {
        let is_short = self.heirs.len() < HEIRS && !self.awaited.is_empty();
        is_short && !mutant::is(Mutant::HeirsUnawaited)
    }

    /// Tells everybody of the higher lease; from here on they follow another.
    pub(super) fn step_down(&self, cx: &mut Context<'_>, lease: &Lease) {
        cx.act.send_all(
            self.links(),
            Message::Not {
                lease: lease.clone(),
            },
        );
    }

    /// Passes on a run that the log has just gained.
    pub(super) fn pass_on(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        log: &Log,
        run: &Run,
        leases: &[Lease],
        source: Source,
    ) {
        for (place, sequenced) in run.places() {
            let author = sequenced.entry.author;
            if let Some(follower) = self.followers.get_mut(&author) {
                vector::raise(&mut follower.owes, place.epoch, place.seq);
                self.owed.insert(author);
            }
        }
        let mut heirs = Vec::new();
        let mut at_once = Vec::new();
        let mut behind = Vec::new();
        for (id, follower) in &mut self.followers {
            if source == Source::Sent(*id) {
                follower.feed.has(run);
            } else if follower.feed.offer(run) {
                let is_heir = self.heirs.contains(id);
                if is_heir {
                    heirs.push(follower.link)
                } else {
                    at_once.push(follower.link)
                }
            } else {
                behind.push(*id);
            }
        }
        for (links, report) in [(heirs, true), (at_once, false)] {
            if !links.is_empty() {
                let (group, runs, leases) = (group.clone(), vec![run.clone()], leases.to_vec());
                cx.act.send_all(
                    links,
                    Message::Deliver {
                        group,
                        report,
                        leases,
                        runs,
                    },
                );
            }
        }
        for id in behind {
            self.feed(cx, group, log, id);
        }
    }

    /// Sends a follower what it lacks, as far as there is room for it on the way.
    pub(super) fn feed(&mut self, cx: &mut Context<'_>, group: &GroupName, log: &Log, id: NodeId) {
        let Some(follower) = self.followers.get_mut(&id) else {
            return;
        };
        loop {
            match follower.feed.step(log) {
                Step::Send { leases, runs } => {
                    follower.deliver(cx, group, leases, runs);
                    self.owed.insert(id);
                }
                Step::Fetch { after, upto } => {
                    follower.fetch = Some(cx.act.fetch(group.clone(), after, upto));
                }
                Step::Wait | Step::Level => break,
            }
        }
    }

    /// The disk has what a follower's feed asked for.
    pub(super) fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        log: &Log,
        ticket: Ticket,
        runs: Vec<Run>,
    ) {
        let asked = self
            .followers
            .iter_mut()
            .find(|(_, f)| f.fetch == Some(ticket));
        let Some((id, follower)) = asked.map(|(id, follower)| (*id, follower)) else {
            return;
        };
        follower.fetch = None;
        let (leases, runs) = follower.feed.fetched(log, runs);
        if !runs.is_empty() {
            follower.deliver(cx, group, leases, runs);
            self.owed.insert(id);
        }
        self.feed(cx, group, log, id);
    }

    /// Something is on our disk: those who pushed to us may send more.
    pub(super) fn report(&mut self, cx: &mut Context<'_>, group: &GroupName, stored: &Vector) {
        let own = self.lease.epoch;
        let stored: Vector = stored
            .iter()
            .filter(|(e, _)| **e != own)
            .map(|(e, s)| (*e, *s))
            .collect();
        let pushing = self
            .followers
            .values()
            .filter(|follower| follower.is_pushing);
        let links = pushing.map(|follower| follower.link).collect();
        cx.act.send_all(
            links,
            Message::Stored {
                group: group.clone(),
                vector: stored,
            },
        );
        for follower in self.followers.values_mut() {
            follower.feed.written();
        }
    }

    pub(super) fn links(&self) -> Vec<LinkId> {
        self.followers
            .values()
            .map(|follower| follower.link)
            .collect()
    }

    /// How much of an epoch's line is on our disk and on every heir's.
    fn kept(&self, log: &Log, heirs: &[NodeId], epoch: Epoch) -> Seq {
        let heirs = if mutant::is(Mutant::ConfirmedUnstored) {
            &[]
        } else {
            heirs
        };
        let stored = heirs
            .iter()
            .filter_map(|id| self.followers.get(id))
            .map(|heir| &heir.stored);
        let stored = stored.map(|disk| vector::upto(disk, epoch));
        let disks = stored.chain([log.flushed_upto(epoch)]);
        disks.min().unwrap_or_default()
    }

    /// What each follower can be told is kept on `copies` disks: entries that are not confirmed, and those of which it
    /// was told that fewer have them. Noted as told.
    fn settle(&mut self, log: &Log, heirs: &[NodeId], copies: u32) -> Vec<(LinkId, Vector)> {
        let mut news = self.spread(log, heirs, copies);
        for id in std::mem::take(&mut self.owed) {
            let follower = self.followers.get(&id);
            let Some(owes) = follower.map(|follower| follower.owes.clone()) else {
                continue;
            };
            let kept: BTreeMap<_, _> = owes
                .keys()
                .map(|epoch| (*epoch, self.kept(log, heirs, *epoch)))
                .collect();
            let Some(follower) = self.followers.get_mut(&id) else {
                continue;
            };
            let mut told = Vector::new();
            for (epoch, seq) in owes {
                let seq_kept = kept[&epoch].min(seq);
                if seq_kept > vector::upto(&follower.told, epoch) {
                    told.insert(epoch, seq_kept);
                }
                if seq_kept == seq {
                    follower.owes.remove(&epoch);
                }
            }
            if !follower.owes.is_empty() {
                self.owed.insert(id);
            }
            vector::merge(&mut follower.told, &told);
            news.extend(self.note_told(id, told, copies));
        }
        news
    }

    /// What each follower who was told of few disks can be told is on more of them; noted as told.
    fn spread(&mut self, log: &Log, heirs: &[NodeId], copies: u32) -> Vec<(LinkId, Vector)> {
        let mut news = Vec::new();
        for id in std::mem::take(&mut self.few_told) {
            let Some(follower) = self.followers.get(&id) else {
                continue;
            };
            let kept = |epoch| self.kept(log, heirs, epoch);
            let grown = follower.few.grown(copies, kept);
            news.extend(self.note_told(id, grown, copies));
        }
        news
    }

    /// A follower is told that these are on `copies` disks: over which link, if there is anything to tell.
    fn note_told(&mut self, id: NodeId, told: Vector, copies: u32) -> Option<(LinkId, Vector)> {
        let follower = self.followers.get_mut(&id)?;
        follower.few.note(&told, copies);
        if !follower.few.is_empty() {
            self.few_told.insert(id);
        }
        (!told.is_empty()).then_some((follower.link, told))
    }
}

impl Group {
    /// Begins to host under a lease that names us.
    pub(super) fn host(&mut self, cx: &mut Context<'_>, lease: Lease) {
        let others = self.roster.members().filter(|id| *id != cx.me);
        let absent = others.map(|id| (id, cx.now.mono)).collect();
        let missed = self.missed.and_then(|missed| missed.host);
        let before = self.followed().or(missed);
        let is_awaited = |id: &NodeId| {
            *id != cx.me && Some(*id) != before && Some(*id) != missed && self.roster.contains(id)
        };
        let awaited = self.here.iter().copied().filter(is_awaited).collect();
        self.here.clear();
        self.out.clear();
        self.phase = Phase::Hosting(Host {
            lease,
            followers: BTreeMap::new(),
            owed: BTreeSet::new(),
            few_told: BTreeSet::new(),
            absent,
            heirs: Vec::new(),
            awaited,
            pacing: BTreeSet::new(),
            news: News::default(),
            since: cx.now.mono,
            merge: Merge::default(),
        });
        if mutant::is(Mutant::OutboxForgotten) {
            drop(self.outbox.strays(Number(u64::MAX)));
        }
        self.settle(cx);
        self.place_own(cx);
        self.keep(cx);
    }

    /// Confirms whatever is on enough disks by now.
    pub(super) fn keep(&mut self, cx: &mut Context<'_>) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        if host.awaits_heirs() {
            return;
        }
        let heirs = host.heirs.clone();
        let copies = 1 + u32::try_from(heirs.len()).unwrap_or(0);
        for (link, vector) in host.settle(&self.log, &heirs, copies) {
            let group = self.name.clone();
            cx.act.send(
                link,
                Message::Kept {
                    group,
                    vector,
                    copies,
                },
            );
        }
        let mut own = Vector::new();
        for place in self.unkept.values().chain(self.few.below(copies)) {
            if let std::collections::btree_map::Entry::Vacant(vacant) = own.entry(place.epoch) {
                vacant.insert(host.kept(&self.log, &heirs, place.epoch));
            }
        }
        if !own.is_empty() {
            self.spread(cx, &own, copies);
            self.confirm(cx, &own, copies);
        }
    }

    /// What a host does when time has passed.
    pub(super) fn tend(&mut self, cx: &mut Context<'_>) {
        self.tell_merge(cx);
        let now = cx.now.mono;
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        if host.news.at.take_if(|at| now >= *at).is_some() {
            let (here, away) = (&mut host.news.here, &mut host.news.away);
            if !here.is_empty() || !away.is_empty() {
                let message = Message::Presence {
                    group: self.name.clone(),
                    here: std::mem::take(here).into_iter().collect(),
                    away: std::mem::take(away).into_iter().collect(),
                };
                cx.act.send_all(host.links(), message);
            }
            self.tell_news_of_out(cx);
        }
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let paced = std::mem::take(&mut host.pacing);
        let is_gone = |since: &Mono| now - *since >= ROSTER_GRACE;
        let gone: Vec<_> = host
            .absent
            .iter()
            .filter(|(_, since)| is_gone(since))
            .map(|(id, _)| *id)
            .collect();
        host.absent.retain(|_, since| !is_gone(since));
        let has_waited = now - host.since >= HEIRS_WAIT && !host.awaited.is_empty();
        if has_waited {
            host.awaited.clear();
        }
        for id in paced {
            self.serve(cx, id);
        }
        if has_waited {
            self.keep(cx);
        }
        for member in gone {
            if self.roster.contains(&member) {
                self.author(cx, Body::Gone { member });
            }
        }
    }
}
