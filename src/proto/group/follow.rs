//! Following another member: reach it, say hello, be caught up and catch it up, then send our lines.
//!
//! The order is what keeps everything: our unplaced lines go out only when the host has all we have of the
//! log, so that it knows which of them already have a place.

use std::time::Duration;

use super::feed::{Feed, Step};
use super::log::Log;
use super::older;
use super::proof::Taken;
use super::{Context, Group, Intent, Phase};
use crate::proto::codec;
use crate::proto::event::Event;
use crate::proto::id::{Epoch, NodeId};
use crate::proto::limits::{CATCH_UP_SIZE, MEMBERS_MAX, RETRY_FIRST, RETRY_LAST, TABLE_INTERVAL};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{DialId, LinkId, Target, Ticket};
use crate::proto::saved::Write;
use crate::proto::time::Mono;
use crate::proto::wire::{Body, Decline, Entry, Lease, Lines, Message, Run, Vector};

/// How long a hello waits for its welcome before it is said again: the host may not know yet that it hosts.
const HELLO_AGAIN: Duration = Duration::from_secs(1);

/// How often a host may decline our join for now before our lines go out all the same: after three seconds.
const DOUBTS_MAX: u32 = 5;

/// Lines that a host may say it has and we lack; more have not been written in a group's life.
const GOAL_SIZE_MAX: usize = 100_000;

/// The session with the member that hosts.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    epoch: Epoch,
    stage: Stage,
    /// What the host lacks of our log.
    pub(super) feed: Feed,
    fetch: Option<Ticket>,
    /// What the host has reported to be on its disk.
    stored: Vector,
    /// What the host has said is kept, and by how many: our lines may come after it, from the host's disk.
    kept: (Vector, u32),
    /// When to say hello again, since something was declined for now.
    doubt: Option<Mono>,
    /// How often that was so.
    doubts: u32,
    /// Whether we caught the host in a lie.
    is_liar: bool,
    /// Whether the host may still tell of a merge: once a welcome.
    may_merge: bool,
    /// When it welcomed us first.
    welcomed: Option<Mono>,
    /// The first block of lines that were named in the welcome.
    base: u64,
    /// Whether the next word of who is here tells of all, since it is the first after a welcome.
    pub(super) is_presence_whole: bool,
    /// Whether its link fell silent or broke, and nothing has come since.
    pub(super) is_missed: bool,
    failures: u32,
}

#[derive(Clone, Debug)]
enum Stage {
    /// There is no link yet.
    Reaching { dial: Option<DialId>, again: Mono },
    /// We have said hello.
    Greeting { link: LinkId, again: Mono },
    /// We are welcome, and lack some of what the host had then.
    Catching {
        link: LinkId,
        goal: Vector,
        /// The first of the older blocks that have not been compared, if any were found to differ.
        older: Option<u64>,
    },
    /// We have all of it, and get what is said as it is placed.
    Live { link: LinkId },
}

impl Follow {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            stage: Stage::Reaching {
                dial: None,
                again: Mono(0),
            },
            feed: Feed::default(),
            fetch: None,
            stored: Vector::new(),
            kept: (Vector::new(), 0),
            doubt: None,
            doubts: 0,
            is_liar: false,
            may_merge: false,
            welcomed: None,
            base: 0,
            is_presence_whole: false,
            is_missed: false,
            failures: 0,
        }
    }

    pub(super) fn host(&self) -> NodeId {
        self.epoch.host
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn link(&self) -> Option<LinkId> {
        match self.stage {
            Stage::Reaching { .. } => None,
            Stage::Greeting { link, .. } | Stage::Catching { link, .. } | Stage::Live { link } => {
                Some(link)
            }
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live { .. })
    }

    /// The link, once we are welcome.
    pub(super) fn greeted(&self) -> Option<LinkId> {
        match self.stage {
            Stage::Reaching { .. } | Stage::Greeting { .. } => None,
            Stage::Catching { link, .. } | Stage::Live { link } => Some(link),
        }
    }

    /// The host reports what is on its disk of what we pushed.
    pub(super) fn stored(&mut self, log: &Log, stored: &Vector) {
        log.note_report(&mut self.stored, stored);
        self.feed.stored(&self.stored);
    }

    /// Whether the host may be about to take the line that brought us in, so that it would refuse ours until then:
    /// as when two networks meet, and it lacks the record of the supernode under which we joined.
    fn may_yet_know(&self, joined: Epoch) -> bool {
        let is_offered = self.doubt.is_some() && self.doubts <= DOUBTS_MAX;
        self.feed.is_under_way(joined) || (is_offered && self.feed.is_declined(joined))
    }

    /// Goes on without the rest of a line.
    pub(super) fn waive(&mut self, now: Mono, epoch: Epoch, why: Decline) {
        if let Stage::Catching { goal, .. } = &mut self.stage {
            goal.remove(&epoch);
        }
        if why == Decline::NoLease && self.doubt.is_none() {
            // Whoever lacks the supernode's record is about to hear of it, mostly: after an exchange of tables at the
            // latest.
            let pause = RETRY_FIRST * 2_u32.pow(self.doubts.min(7));
            self.doubt = Some(now + pause.min(TABLE_INTERVAL));
            self.doubts += 1;
        }
    }

    /// Since when the host has served us, if it does as far as we know.
    pub(super) fn served_since(&self) -> Option<Mono> {
        let is_served = self.greeted().is_some() && !self.is_missed;
        self.welcomed.filter(|_| is_served)
    }

    /// Whether the host is to tell what it has in older blocks that differ.
    pub(super) fn is_comparing(&self, from: LinkId) -> bool {
        matches!(self.stage, Stage::Catching { link, older: Some(_), .. } if link == from)
    }

    /// The host tells what it has in some older blocks, and that all below `upto` are compared; false if that gets
    /// us nowhere.
    pub(super) fn learn_older(
        &mut self,
        log: &Log,
        upto: u64,
        blocks: &[u64],
        has: &Vector,
    ) -> bool {
        let Stage::Catching { goal, older, .. } = &mut self.stage else {
            return false;
        };
        if older.is_none_or(|asked| upto <= asked) || goal.len() + has.len() > GOAL_SIZE_MAX {
            return false;
        }
        *older = Some(upto).filter(|upto| *upto < self.base);
        goal.extend(has.iter().filter(|(epoch, seq)| log.upto(**epoch) < **seq));
        self.feed.open(log, blocks, has);
        true
    }

    pub(super) fn may_merge(&mut self) -> bool {
        std::mem::take(&mut self.may_merge)
    }

    /// Leaves the host alone for a while.
    pub(super) fn distrust(&mut self) {
        self.is_liar = true;
    }

    pub(super) fn due(&self) -> Option<Mono> {
        match self.stage {
            Stage::Reaching { dial: None, again } | Stage::Greeting { again, .. } => Some(again),
            Stage::Reaching { .. } => None,
            Stage::Catching { .. } | Stage::Live { .. } => self.doubt,
        }
    }
}

impl Group {
    /// Takes the next step towards the host, if it is time.
    pub(super) fn pursue(&mut self, cx: &mut Context<'_>) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        match &mut follow.stage {
            Stage::Reaching { dial, again } => {
                if let Some(link) = cx.links.to_peer(&follow.epoch.host) {
                    // It may go over a supernode that one of us needs no longer.
                    if let Some(via) = self.registration.at {
                        cx.act.route(follow.epoch.host, via);
                    }
                    self.hello(cx, link);
                } else if let Some(via) = self
                    .registration
                    .way(cx, follow.failures)
                    .filter(|_| dial.is_none() && cx.now.mono >= *again)
                {
                    *dial = Some(cx.act.dial(Target::Peer {
                        id: follow.epoch.host,
                        via,
                    }));
                }
            }
            Stage::Greeting { link, again } if cx.now.mono >= *again => {
                let link = *link;
                self.hello(cx, link);
            }
            Stage::Catching { link, .. } | Stage::Live { link }
                if follow.doubt.is_some_and(|doubt| cx.now.mono >= doubt) =>
            {
                let link = *link;
                self.hello(cx, link);
            }
            Stage::Greeting { .. } | Stage::Catching { .. } | Stage::Live { .. } => {}
        }
    }

    /// There is a link to `peer`.
    pub(crate) fn linked(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        if matches!(&self.phase, Phase::Following(follow) if follow.host() == peer && follow.link().is_none())
        {
            self.pursue(cx);
        }
    }

    /// A dial came to nothing; if it was ours we pause, the longer the more often.
    pub(crate) fn undialled(&mut self, cx: &mut Context<'_>, failed: DialId) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        if let Stage::Reaching { dial, again } = &mut follow.stage
            && *dial == Some(failed)
        {
            let pause = RETRY_FIRST * 2_u32.pow(follow.failures.min(5));
            let pause = pause.min(RETRY_LAST);
            let jitter = cx.act.jitter(u64::try_from(pause.as_millis()).unwrap_or(1));
            *again = cx.now.mono + pause + std::time::Duration::from_millis(jitter);
            *dial = None;
            follow.failures += 1;
        }
    }

    /// A link is gone; says whether it was the one to our host.
    pub(super) fn unlinked_from_host(&mut self, cx: &mut Context<'_>, link: LinkId) -> bool {
        let Phase::Following(follow) = &mut self.phase else {
            return false;
        };
        if follow.link() != Some(link) {
            return false;
        }
        if let Some(since) = follow.served_since() {
            self.served = Some((follow.epoch, since, cx.now.mono));
        }
        let jitter = cx.act.jitter(50);
        let pause = if follow.is_liar {
            RETRY_LAST
        } else {
            Duration::ZERO
        };
        let again = cx.now.mono + pause + Duration::from_millis(jitter);
        follow.stage = Stage::Reaching { dial: None, again };
        follow.fetch = None;
        follow.is_missed = true;
        let host = follow.host();
        self.miss(cx, cx.now.mono, host);
        self.registration.again = cx.now.mono;
        true
    }

    /// Our packets to the host go over this supernode from here on.
    pub(super) fn reroute(&mut self, cx: &mut Context<'_>, via: LinkId) {
        if let Phase::Following(follow) = &self.phase
            && follow.link().is_some()
        {
            cx.act.route(follow.host(), via);
        }
        self.pursue(cx);
    }

    fn hello(&mut self, cx: &mut Context<'_>, link: LinkId) {
        let served = self.served_before(cx).map(Box::new);
        let charter = self.charter_hash();
        let (Phase::Following(follow), Some(lease)) = (&mut self.phase, &self.lease) else {
            return;
        };
        let lease = lease.clone();
        let lines = self.log.summary(older::base(lease.epoch));
        cx.act.send(
            link,
            Message::Hello {
                lease,
                lines,
                served,
                charter,
            },
        );
        follow.stage = Stage::Greeting {
            link,
            again: cx.now.mono + HELLO_AGAIN,
        };
        follow.failures = 0;
        follow.fetch = None;
        follow.doubt = None;
        if !mutant::is(Mutant::NotSentAgain) {
            self.outbox.rewind();
        }
        if mutant::is(Mutant::PutBeforeWelcome) {
            let (group, entries) = (self.name.clone(), self.outbox.unsent());
            cx.act.send(link, Message::Put { group, entries });
        }
    }

    /// The host lets us in.
    pub(crate) fn welcome(
        &mut self,
        cx: &mut Context<'_>,
        from: LinkId,
        epoch: Epoch,
        theirs: &Lines,
    ) {
        let is_current = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.epoch == epoch);
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        if !is_current || !matches!(follow.stage, Stage::Greeting { link, .. } if link == from) {
            return;
        }
        follow.is_missed = false;
        let has = theirs.vector();
        self.losses.hear(&has, |epoch| self.log.upto(epoch));
        let base = older::base(epoch);
        let differs = self.log.summary(base).older != theirs.older;
        follow.feed = Feed::new(has, base);
        follow.base = base;
        follow.stored = Vector::new();
        follow.kept = (Vector::new(), 0);
        follow.is_presence_whole = true;
        follow.may_merge = true;
        follow.welcomed.get_or_insert(cx.now.mono);
        follow.stage = Stage::Catching {
            link: from,
            goal: theirs.vector(),
            older: differs.then_some(0),
        };
        self.say_out_again(cx);
        self.contrast(cx, from, &theirs.tips);
        if differs {
            self.ask_older(cx, from, 0);
        }
        self.push(cx);
        self.advance(cx);
    }

    /// Somebody who hosts, or did, sends us entries.
    pub(crate) fn delivered(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        leases: &[Lease],
        runs: Vec<Run>,
        report: bool,
    ) {
        if self.is_overtaken(cx, leases) {
            return;
        }
        // What we have already, from another host, comes to no disk again and would never be reported.
        let is_known = |run: &Run| run.first <= self.log.upto(run.epoch);
        if report && (runs.is_empty() || runs.iter().any(is_known)) {
            self.report_all(cx, link, &runs);
        }
        self.is_reporting = report;
        let mut is_gap = false;
        for run in runs {
            match self.take(cx, link, from, run, leases) {
                Taken::Whole | Taken::Declined => {}
                Taken::Gap => is_gap = true,
                Taken::Closed => return,
            }
        }
        self.confirm_kept(cx);
        let Phase::Following(follow) = &self.phase else {
            return;
        };
        if follow.link() != Some(link) {
            if let Some(lease) = self.lease.clone().filter(|lease| lease.epoch.host != from) {
                cx.act.send(link, Message::Not { lease });
            }
        } else if is_gap && follow.greeted().is_some() {
            self.hello(cx, link);
        }
        self.advance(cx);
    }

    /// Reports all that is on our disk of the lines that are not old and of those of `runs`, and what is on its way there as soon as it is.
    fn report_all(&mut self, cx: &mut Context<'_>, link: LinkId, runs: &[Run]) {
        for writing in self.writing.values_mut() {
            writing.is_to_report = true;
        }
        let on_disk = |epoch| {
            if mutant::is(Mutant::ReportedUnflushed) {
                self.log.upto(epoch)
            } else {
                self.log.flushed_upto(epoch)
            }
        };
        let mut vector = if mutant::is(Mutant::ReportedUnflushed) {
            self.log.vector(self.base())
        } else {
            self.log.flushed(self.base())
        };
        vector.extend(runs.iter().map(|run| {
            let Run { epoch, .. } = *run;
            (epoch, on_disk(epoch))
        }));
        let group = self.name.clone();
        cx.act.send(link, Message::Stored { group, vector });
    }

    /// Becomes live once we have all that the host had at its welcome.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        match &follow.stage {
            Stage::Catching {
                link,
                goal,
                older: None,
            } if self.log.covers(goal) => {
                follow.stage = Stage::Live { link: *link };
                self.settle(cx);
                self.push(cx);
            }
            Stage::Live { .. } if self.missed.is_some() || !self.is_told => self.arrive(cx),
            Stage::Reaching { .. }
            | Stage::Greeting { .. }
            | Stage::Catching { .. }
            | Stage::Live { .. } => {}
        }
    }

    /// Makes our own entries follow on what the group has of us, and joins if we are not in: what comes before
    /// the first line to any host.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        for stray in self.outbox.strays(self.log.number(&cx.me)) {
            // Nobody typed a join; and where its number is that of the same join under another nick, it has a place.
            if !matches!(stray.body, Body::Join { .. }) {
                cx.act.tell(Event::Failed {
                    group: self.name.clone(),
                    id: stray.id(),
                    why: "its number was taken; it is sent under another".to_owned(),
                });
            }
            let number = stray.number;
            cx.act.write(vec![Write::OutboxDone {
                group: self.name.clone(),
                number,
            }]);
            self.author(cx, stray.body);
        }
        self.join(cx);
        self.arrive(cx);
    }

    /// Joins if we mean to be in and the log says that we are not. It may come to say so at any time: a host that
    /// missed us wrote it in a line which we did not have.
    pub(super) fn join(&mut self, cx: &mut Context<'_>) {
        let is_in = self
            .outbox
            .brings_in()
            .unwrap_or_else(|| self.roster.contains(&cx.me));
        if self.intent == Intent::Stay && !is_in {
            let nick = cx.nick.clone();
            self.author(cx, Body::Join { nick });
        }
    }

    /// Sends the host what it lacks of our log, and then our lines.
    pub(super) fn push(&mut self, cx: &mut Context<'_>) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        let Some(link) = follow.greeted() else { return };
        loop {
            match follow.feed.step(&self.log) {
                Step::Send { .. } if mutant::is(Mutant::NotPushed) => {}
                Step::Send { leases, runs } => {
                    cx.act.send(
                        link,
                        Message::Push {
                            group: self.name.clone(),
                            leases,
                            runs,
                        },
                    );
                }
                Step::Fetch { after, upto } => {
                    follow.fetch = Some(cx.act.fetch(self.name.clone(), after, upto));
                }
                Step::Wait => break,
                Step::Level => return self.put(cx),
            }
        }
    }

    /// Gives our unplaced lines to the host, if it is ready for them; or places them, if that is us.
    pub(super) fn put(&mut self, cx: &mut Context<'_>) {
        if self.last_word.is_some() {
            return;
        }
        if matches!(self.phase, Phase::Hosting(_)) {
            return self.place_own(cx);
        }
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        let Stage::Live { link } = follow.stage else {
            return;
        };
        // On a quiet link a line would wait out of our hands, for a host that may be no more.
        if follow.is_missed || !follow.feed.is_level(&self.log) {
            return;
        }
        let joined = self.roster.position(&cx.me).map(|place| place.epoch);
        if !mutant::is(Mutant::PutBeforeJoin) && joined.is_some_and(|at| follow.may_yet_know(at)) {
            return;
        }
        for entries in parcels(self.outbox.unsent()) {
            cx.act.send(
                link,
                Message::Put {
                    group: self.name.clone(),
                    entries,
                },
            );
        }
    }

    /// The disk has what a feed asked for.
    pub(crate) fn fetched(&mut self, cx: &mut Context<'_>, ticket: Ticket, runs: Vec<Run>) {
        match &mut self.phase {
            Phase::Hosting(host) => host.fetched(cx, &self.name, &self.log, ticket, runs),
            Phase::Following(follow) if follow.fetch == Some(ticket) => {
                follow.fetch = None;
                let (leases, runs) = follow.feed.fetched(&self.log, runs);
                if let Some(link) = follow.greeted().filter(|_| !runs.is_empty()) {
                    cx.act.send(
                        link,
                        Message::Push {
                            group: self.name.clone(),
                            leases,
                            runs,
                        },
                    );
                }
                self.push(cx);
            }
            Phase::Following(_) | Phase::Finding => {}
        }
    }

    /// The host confirms what is on enough disks.
    pub(crate) fn kept(&mut self, cx: &mut Context<'_>, link: LinkId, kept: &Vector, copies: u32) {
        if let Phase::Following(follow) = &mut self.phase
            && follow.greeted() == Some(link)
        {
            self.log.note_report(&mut follow.kept.0, kept);
            follow.kept.1 = copies;
            self.spread(cx, kept, copies);
            self.confirm_kept(cx);
        }
    }

    fn confirm_kept(&mut self, cx: &mut Context<'_>) {
        if let Phase::Following(follow) = &self.phase
            && !self.unkept.is_empty()
        {
            let (kept, copies) = follow.kept.clone();
            self.confirm(cx, &kept, copies);
        }
    }

    /// The host tells who is here.
    pub(crate) fn presence(&mut self, link: LinkId, here: Vec<NodeId>, away: &[NodeId]) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        if follow.greeted() != Some(link) {
            return;
        }
        if std::mem::take(&mut follow.is_presence_whole) {
            self.here.clear();
            self.out.clear();
        }
        let room = (2 * MEMBERS_MAX).saturating_sub(self.here.len());
        self.here.extend(here.into_iter().take(room));
        for id in away {
            self.out.remove(id);
            self.here.remove(id);
        }
        self.are_members_dirty = true;
    }
}

/// Entries in messages that fit a frame.
fn parcels(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut parcels: Vec<Vec<Entry>> = Vec::new();
    let mut size = 0;
    for entry in entries {
        let more = codec::entry_size(&entry);
        if parcels.is_empty() || size + more > CATCH_UP_SIZE {
            parcels.push(Vec::new());
            size = 0;
        }
        size += more;
        parcels.last_mut().expect("there is one").push(entry);
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declined_for_now_is_offered_again_soon_and_then_less_often() {
        let epoch = Epoch {
            number: 1,
            host: NodeId([1; 32]),
        };
        let mut follow = Follow::new(epoch);
        follow.stage = Stage::Live { link: LinkId(1) };
        let mut now = Mono(0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            follow.waive(now, epoch, Decline::NoLease);
            let due = follow.due().expect("it is said again");
            pauses.push((due - now).as_millis());
            now = due;
            follow.doubt = None;
        }
        assert_eq!(pauses[..3], [100, 200, 400]);
        assert_eq!(pauses[7..], [10_000, 10_000]);
        follow.waive(now, epoch, Decline::TooMany);
        assert_eq!(follow.due(), None);
    }
}
