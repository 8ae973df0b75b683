//! Serving followers: letting them in and out, giving their entries places, taking what they push.

use super::copies::FewTold;
use super::feed::Feed;
use super::host::{Follower, NAMES_PER_MESSAGE_MAX, NEWS_GATHERED, Turn};
use super::paced::Paced;
use super::proof::Taken;
use super::{Context, Group, Phase, authority};
use crate::proto::codec;
use crate::proto::id::{Epoch, NodeId, Seq};
use crate::proto::limits::{CATCH_UP_SIZE, HEIRS, PACED_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{Kind, LinkId};
use crate::proto::seal::Hash;
use crate::proto::vector;
use crate::proto::wire::{
    Body, Entry, Lease, Lines, Message, Reason, Refusal, Run, Served, Vector,
};

impl Group {
    /// A member says hello. One that has heard of our lease before we have says it again.
    pub(crate) fn greet(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        lease: &Lease,
        theirs: (&Lines, Option<&Served>),
        charter: Option<Hash>,
    ) {
        if !self.is_of_ours(cx, link, charter) {
            return;
        }
        self.learn(cx, lease, Kind::Peer);
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

    pub(super) fn admit(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        (theirs, served): (&Lines, Option<&Served>),
    ) {
        if self.roster.rights().is_banned(&from, None) {
            return self.say_shut(cx, link, Refusal::Banned);
        }
        self.receive(cx, from, theirs, served);
        let has = theirs.vector();
        let base = self.base();
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let mut owes = self.log.vector(base);
        vector::merge(&mut owes, &has);
        let stored = if mutant::is(Mutant::HelloTakenForStored) {
            has.clone()
        } else {
            Vector::new()
        };
        let follower = Follower {
            link,
            feed: Feed::new(has, base),
            fetch: None,
            stored,
            owes,
            told: Vector::new(),
            few: FewTold::default(),
            is_pushing: false,
            paced: Paced::new(cx.now.mono),
            turn: Turn::First,
        };
        host.followers.insert(from, follower);
        host.owed.insert(from);
        host.absent.remove(&from);
        host.awaited.remove(&from);
        // An heir that comes over another link is asked again: what it reported before is forgotten.
        host.heirs.retain(|id| *id != from);
        host.news.came(from, cx.now.mono);
        let group = self.name.clone();
        cx.act.send(
            link,
            Message::Welcome {
                group: group.clone(),
                epoch: host.lease.epoch,
                lines: self.log.summary(base),
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
        self.tell_out(cx, link);
        self.contrast(cx, link, &theirs.tips);
        self.feed(cx, from);
        self.here.insert(from);
        self.came_or_went(cx);
        self.keep(cx);
    }

    /// Sends a follower what it lacks.
    pub(super) fn feed(&mut self, cx: &mut Context<'_>, id: NodeId) {
        if let Phase::Hosting(host) = &mut self.phase {
            host.feed(cx, &self.name, &self.log, id);
        }
    }

    /// A link is gone, whichever it was.
    pub(crate) fn unlinked(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        if self.registration.at == Some(link) {
            self.registration.at = None;
        }
        self.fell_silent(cx, link);
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
        self.is_away(cx, from);
        self.go(cx);
    }

    /// Sees who the heirs are; those who become so are asked to report all they have stored.
    pub(super) fn appoint(&mut self, cx: &mut Context<'_>) {
        let mut heirs = self.heirs(Some(cx.me));
        if mutant::is(Mutant::NoHeirs) {
            heirs.clear();
        }
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        debug_assert!(heirs.len() <= HEIRS);
        let fresh = heirs.iter().filter(|id| !host.heirs.contains(id));
        let fresh = fresh.filter_map(|id| host.followers.get(id));
        let links = fresh.map(|follower| follower.link).collect();
        let group = self.name.clone();
        cx.act.send_all(
            links,
            Message::Deliver {
                group,
                report: true,
                leases: Vec::new(),
                runs: Vec::new(),
            },
        );
        host.heirs = heirs;
    }

    pub(super) fn came_or_went(&mut self, cx: &mut Context<'_>) {
        self.appoint(cx);
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
            let placed = self.log.number(&from);
            let last = follower.paced.entries.back().map(|entry| entry.number);
            let last = last.unwrap_or(placed);
            let is_next = match follower.turn {
                Turn::Again(number) if number > placed => entry.number == number,
                Turn::First => entry.number > last,
                Turn::Again(_) | Turn::Next => entry.number.follows(last),
            };
            if is_next || mutant::is(Mutant::NumberTwice) {
                follower.turn = Turn::Next;
                follower.paced.entries.push_back(entry);
            }
            if follower.paced.entries.len() > PACED_MAX {
                return cx.act.close(link, Reason::Limit);
            }
        }
        self.serve(cx, from);
    }

    /// Places as many of a follower's entries as it may send by now.
    pub(super) fn serve(&mut self, cx: &mut Context<'_>, from: NodeId) {
        while self.lease_write.is_none() {
            let Phase::Hosting(host) = &mut self.phase else {
                return;
            };
            let lease = host.lease.clone();
            let Some(follower) = host.followers.get_mut(&from) else {
                return;
            };
            follower.paced.refill(cx.now.mono);
            let mut batch = Vec::new();
            let mut size = 0;
            // What shapes the group is judged one by one, since each changes what the next may do.
            let mut is_shaping = false;
            while !is_shaping && size < CATCH_UP_SIZE && follower.paced.may_go() {
                let entry = follower.paced.entries.pop_front().expect("one may go");
                if let Err(why) = authority::judge(&self.roster, &entry, &lease.epoch.host) {
                    follower.paced.entries.clear();
                    follower.turn = Turn::Again(entry.number);
                    let (group, number) = (self.name.clone(), entry.number);
                    cx.act
                        .send(follower.link, Message::Refused { group, number, why });
                    break;
                }
                size += codec::entry_size(&entry);
                is_shaping = !matches!(entry.body, Body::Text { .. } | Body::Action { .. });
                batch.push(entry);
            }
            if !follower.paced.entries.is_empty() {
                host.pacing.insert(from);
            }
            if batch.is_empty() {
                return;
            }
            self.place(cx, &lease, batch);
        }
    }

    /// Places our own entries.
    pub(super) fn place_own(&mut self, cx: &mut Context<'_>) {
        if self.last_word.is_some() || self.lease_write.is_some() {
            return;
        }
        for entry in self.outbox.ready() {
            let Phase::Hosting(host) = &self.phase else {
                return;
            };
            let lease = host.lease.clone();
            if entry.number <= self.log.number(&cx.me) {
                continue;
            }
            match authority::judge(&self.roster, &entry, &cx.me) {
                Ok(()) => self.place(cx, &lease, vec![entry]),
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
        leases: &[Lease],
        runs: Vec<Run>,
    ) {
        if self.is_overtaken(cx, leases) {
            return;
        }
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let own = host.lease.epoch;
        let Some(follower) = host.followers.get_mut(&from).filter(|f| f.link == link) else {
            return;
        };
        follower.is_pushing = true;
        // What we have already is not written again, and has to be reported now.
        let is_known = |run: &&Run| run.first <= self.log.upto(run.epoch);
        let known = runs.iter().filter(is_known);
        let flushed = known.map(|run| (run.epoch, self.log.flushed_upto(run.epoch)));
        let stored: Vector = flushed.collect();
        if !stored.is_empty() {
            let group = self.name.clone();
            let vector = stored;
            cx.act.send(link, Message::Stored { group, vector });
        }
        // Nobody else writes our line.
        for run in runs.into_iter().filter(|run| run.epoch != own) {
            let (epoch, last) = (run.epoch, run.last());
            match self.take(cx, link, from, run, leases) {
                Taken::Whole => self.owe(from, epoch, last),
                Taken::Gap | Taken::Declined => {}
                Taken::Closed => return,
            }
        }
    }

    /// Notes that a follower is to hear once a line is kept up to a place, since entries of its own may be there.
    fn owe(&mut self, id: NodeId, epoch: Epoch, seq: Seq) {
        if let Phase::Hosting(host) = &mut self.phase
            && let Some(follower) = host.followers.get_mut(&id)
        {
            vector::raise(&mut follower.owes, epoch, seq);
            host.owed.insert(id);
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
                let own = host.lease.epoch;
                if vector::upto(stored, own) > self.log.upto(own) {
                    return cx.act.close(link, Reason::FalseReport);
                }
                self.log.note_report(&mut follower.stored, stored);
                follower.feed.stored(&follower.stored);
                self.feed(cx, from);
                self.keep(cx);
            }
            Phase::Following(follow) if follow.greeted() == Some(link) => {
                follow.stored(&self.log, stored);
                self.push(cx);
            }
            Phase::Following(_) | Phase::Finding => {}
        }
    }
}
