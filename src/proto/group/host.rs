//! Hosting: giving entries their places, passing them on, and confirming what is on enough disks.
//!
//! The host is a member that a lease names. It holds no state that another member could not rebuild: the log
//! is everybody's, and who is here is whoever says hello.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::authority;
use super::feed::{Feed, Step};
use super::log::Log;
use super::{Context, Group, Phase, Source};
use crate::proto::id::{Epoch, GroupName, NodeId, Number, Seq};
use crate::proto::limits::{HEIRS, LINE_BURST, LINE_INTERVAL, PACED_MAX, ROSTER_GRACE};
use crate::proto::role::{LinkId, Ticket};
use crate::proto::time::Mono;
use crate::proto::vector;
use crate::proto::wire::{Body, Entry, Lease, Message, Reason, Run, Vector};

/// How long news of who came and went is gathered before it is told, so that a crowd coming in at once does
/// not tell everybody of everybody one by one.
const NEWS_GATHERED: Duration = Duration::from_millis(50);
/// Members named in one message of presence: they fit a frame.
const NAMES_PER_MESSAGE_MAX: usize = 1_000;

/// What only the host knows.
#[derive(Debug)]
pub(super) struct Host {
    lease: Lease,
    followers: BTreeMap<NodeId, Follower>,
    /// Followers with entries that are not confirmed.
    owed: BTreeSet<NodeId>,
    /// Members in the roster that do not follow, since when.
    absent: BTreeMap<NodeId, Mono>,
    news: News,
}

/// One member that follows us.
#[derive(Debug)]
struct Follower {
    link: LinkId,
    /// What it lacks of our log.
    feed: Feed,
    fetch: Option<Ticket>,
    /// What it has reported to be on its disk.
    stored: Vector,
    /// Places of its own entries, or lines that may hold some, that it has not been told are kept.
    owes: Vector,
    /// What it has been told is kept.
    told: Vector,
    /// Whether it has pushed to us, and so waits to hear what we stored.
    is_pushing: bool,
    paced: Paced,
}

/// A member's entries that wait for their turn: a token bucket (RFC 2697 has the idea, IRC calls it fakelag).
#[derive(Debug)]
struct Paced {
    entries: VecDeque<Entry>,
    tokens: u32,
    since: Mono,
}

/// Who came and went since it was told last.
#[derive(Debug, Default)]
struct News {
    here: BTreeSet<NodeId>,
    away: BTreeSet<NodeId>,
    at: Option<Mono>,
}

impl Paced {
    fn new(now: Mono) -> Self {
        Self {
            entries: VecDeque::new(),
            tokens: LINE_BURST,
            since: now,
        }
    }

    fn refill(&mut self, now: Mono) {
        let interval = LINE_INTERVAL.as_millis();
        let earned = u32::try_from((now - self.since).as_millis() / interval).unwrap_or(LINE_BURST);
        self.since = self.since + LINE_INTERVAL * earned;
        self.tokens = self.tokens.saturating_add(earned).min(LINE_BURST);
        if self.tokens == LINE_BURST {
            self.since = now;
        }
    }

    /// Whether the first entry may go now; what it costs is taken.
    fn may_go(&mut self) -> bool {
        match self.entries.front().map(|entry| &entry.body) {
            None => false,
            Some(
                Body::Text { .. } | Body::Action { .. } | Body::Topic { .. } | Body::Nick { .. },
            ) if self.tokens == 0 => false,
            Some(
                Body::Text { .. } | Body::Action { .. } | Body::Topic { .. } | Body::Nick { .. },
            ) => {
                self.tokens -= 1;
                true
            }
            Some(
                Body::Join { .. }
                | Body::Part { .. }
                | Body::Quit { .. }
                | Body::Gone { .. }
                | Body::Void,
            ) => true,
        }
    }

    fn due(&self) -> Option<Mono> {
        (!self.entries.is_empty()).then(|| self.since + LINE_INTERVAL)
    }
}

impl News {
    fn came(&mut self, id: NodeId, now: Mono) {
        self.away.remove(&id);
        self.here.insert(id);
        self.at.get_or_insert(now + NEWS_GATHERED);
    }

    fn went(&mut self, id: NodeId, now: Mono) {
        self.here.remove(&id);
        self.away.insert(id);
        self.at.get_or_insert(now + NEWS_GATHERED);
    }
}

impl Host {
    pub(super) fn is_alone(&self) -> bool {
        self.followers.is_empty()
    }

    pub(super) fn due(&self) -> Option<Mono> {
        let gone = self
            .absent
            .values()
            .min()
            .map(|since| *since + ROSTER_GRACE);
        let paced = self
            .followers
            .values()
            .filter_map(|follower| follower.paced.due())
            .min();
        [gone, paced, self.news.at].into_iter().flatten().min()
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
        source: Source,
    ) {
        for (place, sequenced) in run.places() {
            let author = sequenced.entry.author;
            if let Some(follower) = self.followers.get_mut(&author) {
                vector::raise(&mut follower.owes, place.epoch, place.seq);
                self.owed.insert(author);
            }
        }
        let mut at_once = Vec::new();
        let mut behind = Vec::new();
        for (id, follower) in &mut self.followers {
            if source == Source::Sent(*id) {
                follower.feed.has(run);
            } else if follower.feed.offer(run) {
                at_once.push(follower.link);
            } else {
                behind.push(*id);
            }
        }
        let runs = vec![run.clone()];
        cx.act.send_all(
            at_once,
            Message::Deliver {
                group: group.clone(),
                runs,
            },
        );
        for id in behind {
            self.feed(cx, group, log, id);
        }
    }

    /// Sends a follower what it lacks, as far as there is room for it on the way.
    fn feed(&mut self, cx: &mut Context<'_>, group: &GroupName, log: &Log, id: NodeId) {
        let Some(follower) = self.followers.get_mut(&id) else {
            return;
        };
        loop {
            match follower.feed.step(log) {
                Step::Send(runs) => {
                    cx.act.send(
                        follower.link,
                        Message::Deliver {
                            group: group.clone(),
                            runs,
                        },
                    );
                }
                Step::Fetch(after) => {
                    let upto = log.vector().clone();
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
        let runs = follower.feed.fetched(runs);
        if !runs.is_empty() {
            cx.act.send(
                follower.link,
                Message::Deliver {
                    group: group.clone(),
                    runs,
                },
            );
        }
        self.feed(cx, group, log, id);
    }

    /// Something is on our disk: those who pushed to us may send more.
    pub(super) fn report(&mut self, cx: &mut Context<'_>, group: &GroupName, stored: &Vector) {
        let pushing = self
            .followers
            .values()
            .filter(|follower| follower.is_pushing);
        let links = pushing.map(|follower| follower.link).collect();
        cx.act.send_all(
            links,
            Message::Stored {
                group: group.clone(),
                vector: stored.clone(),
            },
        );
        for follower in self.followers.values_mut() {
            follower.feed.written();
        }
    }

    fn links(&self) -> Vec<LinkId> {
        self.followers
            .values()
            .map(|follower| follower.link)
            .collect()
    }

    /// How much of an epoch's line is on our disk and on every heir's.
    fn kept(&self, log: &Log, heirs: &[NodeId], epoch: Epoch) -> Seq {
        let stored = heirs
            .iter()
            .filter_map(|id| self.followers.get(id))
            .map(|heir| &heir.stored);
        let disks = stored.chain([log.flushed()]);
        disks
            .map(|disk| vector::upto(disk, epoch))
            .min()
            .unwrap_or_default()
    }

    /// What each follower with unconfirmed entries can be told is kept; noted as told.
    fn settle(&mut self, log: &Log, heirs: &[NodeId]) -> Vec<(LinkId, Vector)> {
        let mut news = Vec::new();
        for id in std::mem::take(&mut self.owed) {
            let Some(owes) = self
                .followers
                .get(&id)
                .map(|follower| follower.owes.clone())
            else {
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
            if !told.is_empty() {
                news.push((follower.link, told));
            }
        }
        news
    }
}

impl Group {
    /// Begins to host under a lease that names us.
    pub(super) fn host(&mut self, cx: &mut Context<'_>, lease: Lease) {
        let others = self.roster.members().filter(|id| *id != cx.me);
        let absent = others.map(|id| (id, cx.now.mono)).collect();
        self.here.clear();
        self.phase = Phase::Hosting(Host {
            lease,
            followers: BTreeMap::new(),
            owed: BTreeSet::new(),
            absent,
            news: News::default(),
        });
        self.settle(cx);
        self.place_own(cx);
    }

    /// A member says hello. Its lease may be the first we hear of our own.
    pub(crate) fn greet(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        lease: &Lease,
        theirs: Vector,
    ) {
        self.learn(cx, lease);
        match (&self.phase, &self.lease) {
            (Phase::Hosting(host), _) if host.lease.epoch == lease.epoch => {
                self.admit(cx, link, from, theirs);
            }
            (_, Some(ours)) if ours.epoch > lease.epoch => {
                cx.act.send(
                    link,
                    Message::Not {
                        lease: ours.clone(),
                    },
                );
            }
            (Phase::Hosting(_) | Phase::Following(_) | Phase::Finding, _) => {}
        }
    }

    fn admit(&mut self, cx: &mut Context<'_>, link: LinkId, from: NodeId, theirs: Vector) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let mut owes = self.log.vector().clone();
        vector::merge(&mut owes, &theirs);
        let follower = Follower {
            link,
            feed: Feed::new(theirs),
            fetch: None,
            stored: Vector::new(),
            owes,
            told: Vector::new(),
            is_pushing: false,
            paced: Paced::new(cx.now.mono),
        };
        host.followers.insert(from, follower);
        host.owed.insert(from);
        host.absent.remove(&from);
        host.news.came(from, cx.now.mono);
        let group = self.name.clone();
        let vector = self.log.vector().clone();
        cx.act.send(
            link,
            Message::Welcome {
                group: group.clone(),
                epoch: host.lease.epoch,
                vector,
            },
        );
        let here: Vec<_> = [cx.me]
            .into_iter()
            .chain(host.followers.keys().copied())
            .collect();
        for here in here.chunks(NAMES_PER_MESSAGE_MAX) {
            let (here, away) = (here.to_vec(), Vec::new());
            cx.act.send(
                link,
                Message::Presence {
                    group: group.clone(),
                    here,
                    away,
                },
            );
        }
        host.feed(cx, &group, &self.log, from);
        self.here.insert(from);
        self.came_or_went(cx);
    }

    /// A link is gone, whichever it was.
    pub(crate) fn unlinked(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        if self.registration.at == Some(link) {
            self.registration.at = None;
        }
        self.unlinked_from_host(cx, link);
        self.unfollow(cx, link, peer);
    }

    /// A follower goes, by its own word or because its link broke.
    pub(crate) fn unfollow(&mut self, cx: &mut Context<'_>, link: LinkId, from: NodeId) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        if host
            .followers
            .get(&from)
            .is_none_or(|follower| follower.link != link)
        {
            return;
        }
        host.followers.remove(&from);
        host.owed.remove(&from);
        host.news.went(from, cx.now.mono);
        if self.roster.contains(&from) {
            host.absent.insert(from, cx.now.mono);
        }
        self.here.remove(&from);
        self.came_or_went(cx);
        self.keep(cx);
        self.go(cx);
    }

    fn came_or_went(&mut self, cx: &Context<'_>) {
        self.are_members_dirty = true;
        let soon = cx.now.mono + NEWS_GATHERED;
        self.registration.again = self.registration.again.min(soon);
    }

    /// A follower sends entries for a place.
    pub(crate) fn offered(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        entries: Vec<Entry>,
    ) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let Some(follower) = host.followers.get_mut(&from).filter(|f| f.link == link) else {
            return;
        };
        for entry in entries {
            if entry.author != from {
                return cx.act.close(link, Reason::Unexpected);
            }
            if !entry.is_genuine(cx.seal, &self.name) {
                return cx.act.close(link, Reason::BadSignature);
            }
            let last = follower.paced.entries.back().map(|entry| entry.number);
            let expected = last.unwrap_or_else(|| self.log.number(&from)).0 + 1;
            // A lower number has its place already; a higher one comes again once the gap is filled.
            if entry.number == Number(expected) {
                follower.paced.entries.push_back(entry);
            }
            if follower.paced.entries.len() > PACED_MAX {
                return cx.act.close(link, Reason::Limit);
            }
        }
        self.serve(cx, from);
    }

    /// Places as many of a follower's entries as it may send by now.
    fn serve(&mut self, cx: &mut Context<'_>, from: NodeId) {
        loop {
            let Phase::Hosting(host) = &mut self.phase else {
                return;
            };
            let epoch = host.lease.epoch;
            let Some(follower) = host.followers.get_mut(&from) else {
                return;
            };
            follower.paced.refill(cx.now.mono);
            let mut batch = Vec::new();
            let mut size = 0;
            // What shapes the group is judged one by one, since each changes what the next may do.
            let mut is_shaping = false;
            while !is_shaping
                && size < crate::proto::limits::CATCH_UP_SIZE
                && follower.paced.may_go()
            {
                let entry = follower.paced.entries.pop_front().expect("one may go");
                if let Err(why) = authority::judge(&self.roster, &entry, &epoch.host) {
                    follower.paced.entries.clear();
                    let (group, number) = (self.name.clone(), entry.number);
                    cx.act
                        .send(follower.link, Message::Refused { group, number, why });
                    break;
                }
                size += crate::proto::codec::entry_size(&entry);
                is_shaping = !matches!(entry.body, Body::Text { .. } | Body::Action { .. });
                batch.push(entry);
            }
            if batch.is_empty() {
                return;
            }
            self.place(cx, epoch, batch);
        }
    }

    /// Places our own entries.
    pub(super) fn place_own(&mut self, cx: &mut Context<'_>) {
        for entry in self.outbox.all() {
            let Phase::Hosting(host) = &self.phase else {
                return;
            };
            let epoch = host.lease.epoch;
            if entry.number.0 != self.log.number(&cx.me).0 + 1 {
                continue;
            }
            match authority::judge(&self.roster, &entry, &cx.me) {
                Ok(()) => self.place(cx, epoch, vec![entry]),
                Err(why) => {
                    self.give_up(cx, entry.number, why);
                    return self.place_own(cx);
                }
            }
        }
        if matches!(self.phase, Phase::Hosting(_)) && (!self.is_told || self.missed.is_some()) {
            self.arrive(cx);
        }
    }

    /// A follower pushes entries that we lack.
    pub(crate) fn pushed(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        runs: Vec<Run>,
    ) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let own = host.lease.epoch;
        let Some(follower) = host.followers.get_mut(&from).filter(|f| f.link == link) else {
            return;
        };
        follower.is_pushing = true;
        // Nobody else writes our line.
        for run in runs.into_iter().filter(|run| run.epoch != own) {
            for (place, _) in run.places() {
                if let Phase::Hosting(host) = &mut self.phase
                    && let Some(follower) = host.followers.get_mut(&from)
                {
                    vector::raise(&mut follower.owes, place.epoch, place.seq);
                }
            }
            self.take(cx, link, from, run);
        }
    }

    /// The other end reports what is on its disk.
    pub(crate) fn stored(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        stored: &Vector,
    ) {
        match &mut self.phase {
            Phase::Hosting(host) => {
                let Some(follower) = host.followers.get_mut(&from).filter(|f| f.link == link)
                else {
                    return;
                };
                vector::merge(&mut follower.stored, stored);
                follower.feed.stored(&follower.stored);
                let group = self.name.clone();
                host.feed(cx, &group, &self.log, from);
                self.keep(cx);
            }
            Phase::Following(follow) if follow.greeted() == Some(link) => {
                follow.stored(stored);
                self.push(cx);
            }
            Phase::Following(_) | Phase::Finding => {}
        }
    }

    /// Confirms whatever is on enough disks by now.
    pub(super) fn keep(&mut self, cx: &mut Context<'_>) {
        let heirs = self.heirs(Some(cx.me));
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        debug_assert!(heirs.len() <= HEIRS);
        let copies = 1 + u32::try_from(heirs.len()).unwrap_or(0);
        for (link, vector) in host.settle(&self.log, &heirs) {
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
        for place in self.unkept.values() {
            if let std::collections::btree_map::Entry::Vacant(vacant) = own.entry(place.epoch) {
                vacant.insert(host.kept(&self.log, &heirs, place.epoch));
            }
        }
        if !own.is_empty() {
            self.confirm(cx, &own, copies);
        }
    }

    /// What a host does when time has passed.
    pub(super) fn tend(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        if host.news.at.is_some_and(|at| now >= at) {
            let news = std::mem::take(&mut host.news);
            let message = Message::Presence {
                group: self.name.clone(),
                here: news.here.into_iter().collect(),
                away: news.away.into_iter().collect(),
            };
            cx.act.send_all(host.links(), message);
        }
        let paced = host
            .followers
            .iter()
            .filter(|(_, follower)| follower.paced.due().is_some());
        let paced: Vec<_> = paced.map(|(id, _)| *id).collect();
        let is_gone = |since: &Mono| now - *since >= ROSTER_GRACE;
        let gone: Vec<_> = host
            .absent
            .iter()
            .filter(|(_, since)| is_gone(since))
            .map(|(id, _)| *id)
            .collect();
        host.absent.retain(|_, since| !is_gone(since));
        for id in paced {
            self.serve(cx, id);
        }
        for member in gone {
            if self.roster.contains(&member) {
                self.author(cx, Body::Gone { member });
            }
        }
    }
}
