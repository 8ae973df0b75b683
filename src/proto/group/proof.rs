//! What is believed of the lines that others send: a line has a lease that a known supernode signed, its runs are
//! signed by its host, its entries by their authors, and its clock readings grow.
//!
//! Supernodes are forgotten, and who comes later has never heard of some. For what was before its own epoch the word
//! of the host that we obey stands in for the supernode's: it could keep all of that from us as well.
//!
//! Two runs that a host signed and that contradict each other are a fork: what came first stays, both are kept as
//! evidence, and our person is told once. Nobody waits for the rest of a line that was declined.

use std::collections::BTreeMap;

use super::log::Fit;
use super::{Context, Group, Phase, Source};
use crate::proto::codec::{self, RUN_SIZE};
use crate::proto::event::Event;
use crate::proto::id::{Epoch, GroupName, NodeId};
use crate::proto::limits::RUN_SIZE_MAX;
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{Kind, LinkId};
use crate::proto::saved::{Fork, Write};
use crate::proto::seal::Hash;
use crate::proto::time::Hlc;
use crate::proto::wire::{Decline, Entry, Lease, Message, Reason, Run, Tip};

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// All of it is here.
    Whole,
    /// It begins behind a gap.
    Gap,
    /// The line is not taken from that node.
    Declined,
    /// It was a lie, and the link is closed.
    Closed,
}

/// Why a run is not believed.
enum Doubt {
    /// Whoever sent it lies, or passes on a lie that it could have seen.
    Lie(Reason),
    /// The sender may be honest.
    Line(Decline),
}

impl Group {
    /// Adds what is next in its line of what `from` sent us, if it is to be believed.
    pub(super) fn take(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        run: Run,
        leases: &[Lease],
    ) -> Taken {
        let known = match self.log.fit(&run) {
            Fit::Next(known) => known,
            Fit::Known => {
                self.compare(cx, link, &run);
                return Taken::Whole;
            }
            // A signed head beyond what we have contradicts nothing.
            Fit::Gap if run.entries.is_empty() => return Taken::Whole,
            Fit::Gap => return Taken::Gap,
        };
        match self.believe(cx, link, &run, known, leases) {
            Ok((lease, head)) => {
                let highest = self.highest(&run);
                let run = self.log.append(run, known, head, &lease);
                self.gain(cx, Source::Sent(from), &run, head, highest);
                Taken::Whole
            }
            Err(Doubt::Lie(reason)) => {
                self.close_liar(cx, link, reason);
                Taken::Closed
            }
            Err(Doubt::Line(why)) => {
                let ours = self.signed_tip(run.epoch).filter(|_| why == Decline::Fork);
                if let Some(ours) = ours {
                    self.keep_evidence(cx, ours, &run);
                }
                self.decline(cx, link, run.epoch, why);
                Taken::Declined
            }
        }
    }

    /// Checks a run of which we have the first `known` entries; returns its line's lease and its last head.
    fn believe(
        &self,
        cx: &Context<'_>,
        link: LinkId,
        run: &Run,
        known: usize,
        leases: &[Lease],
    ) -> Result<(Lease, Hash), Doubt> {
        let size = run.entries.iter().map(|s| codec::entry_size(&s.entry));
        if RUN_SIZE + size.sum::<usize>() > RUN_SIZE_MAX {
            return Err(Doubt::Lie(Reason::Limit));
        }
        let line = self.log.line(run.epoch);
        let lease = match line {
            Some(line) => line.lease.clone(),
            None if self.log.is_crowded(run.epoch) => return Err(Doubt::Line(Decline::TooMany)),
            None => self
                .credible(cx, link, run.epoch, leases)
                .ok_or(Doubt::Line(Decline::NoLease))?,
        };
        let (old, new) = run.entries.split_at(known);
        let mut hlc = line.map_or(Hlc::default(), |line| line.hlc);
        for sequenced in new {
            if !sequenced.hlc.follows(hlc) {
                return Err(Doubt::Lie(Reason::Disorder));
            }
            hlc = sequenced.hlc;
        }
        let joint = old.iter().fold(run.prev, |head, next| next.chain(head));
        let head = new.iter().fold(joint, |head, next| next.chain(head));
        if !run.is_genuine(cx.seal, &self.name, head) {
            return Err(Doubt::Lie(Reason::BadSignature));
        }
        if joint != line.map_or(Hash::default(), |line| line.head) {
            return Err(Doubt::Line(Decline::Fork));
        }
        let is_genuine = |entry: &Entry| entry.is_genuine(cx.seal, &self.name);
        if !new.iter().all(|sequenced| is_genuine(&sequenced.entry)) {
            return Err(Doubt::Lie(Reason::BadSignature));
        }
        Ok((lease, head))
    }

    /// Whether runs came under a lease that is higher than ours: if so it is obeyed, and they are not.
    pub(super) fn is_overtaken(&mut self, cx: &mut Context<'_>, leases: &[Lease]) -> bool {
        let ours = self.lease.as_ref().map(|lease| lease.epoch);
        for lease in leases {
            if lease.group == self.name && Some(lease.epoch) > ours {
                self.learn(cx, lease, Kind::Peer);
            }
        }
        self.lease.as_ref().map(|lease| lease.epoch) != ours
    }

    /// The lease of a line that we have nothing of: the one we obey, or one that was sent along, granted by a
    /// supernode that we know or knew, or vouched for by our host.
    fn credible(
        &self,
        cx: &Context<'_>,
        link: LinkId,
        epoch: Epoch,
        leases: &[Lease],
    ) -> Option<Lease> {
        let obeyed = self.lease.iter().find(|lease| lease.epoch == epoch);
        let sent = || {
            // A line from before the group lost its name has a lease of that name.
            let is_its = |group: &GroupName| self.name.is_or_was(group);
            let is_meant = |lease: &&Lease| {
                lease.epoch == epoch && is_its(&lease.group) && lease.is_of(self.charter())
            };
            let lease = leases.iter().find(is_meant)?;
            let is_granted = cx.table.was_supernode(&lease.by) || self.vouches(link, epoch);
            (is_granted && lease.is_genuine(cx.seal)).then_some(lease)
        };
        obeyed.or_else(sent).cloned()
    }

    /// Whether the other end of a link is the host that we obey, and speaks of what was before it.
    fn vouches(&self, link: LinkId, epoch: Epoch) -> bool {
        let is_before = self.lease.iter().any(|obeyed| epoch < obeyed.epoch);
        match &self.phase {
            Phase::Following(follow) => {
                is_before && follow.link() == Some(link) && !mutant::is(Mutant::PastDoubted)
            }
            Phase::Hosting(_) | Phase::Finding => is_before && mutant::is(Mutant::AnyPastBelieved),
        }
    }

    /// Looks at a run of which we have everything: whether it says the same as ours.
    fn compare(&mut self, cx: &mut Context<'_>, link: LinkId, run: &Run) {
        let Some(ours) = self.log.vouched(run.epoch, run.last()) else {
            return;
        };
        let head = run.head();
        if head != ours.prev && run.is_genuine(cx.seal, &self.name, head) {
            self.keep_evidence(cx, ours, run);
            self.decline(cx, link, run.epoch, Decline::Fork);
        }
    }

    /// Looks at what another node says it has: where a line is as long as ours and differs, it is shown what ours
    /// was signed with. If it can show as much, the line's host told two histories.
    pub(super) fn contrast(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        theirs: &BTreeMap<Epoch, Tip>,
    ) {
        let odd = theirs.iter().filter(|(epoch, tip)| {
            let line = self.log.line(**epoch);
            line.is_some_and(|line| line.seq == tip.seq && line.head != tip.head)
        });
        for epoch in odd.map(|(epoch, _)| *epoch).collect::<Vec<_>>() {
            self.decline(cx, link, epoch, Decline::Fork);
        }
    }

    /// Takes no more of a line from the node at the other end of `link`, and says so.
    fn decline(&mut self, cx: &mut Context<'_>, link: LinkId, epoch: Epoch, why: Decline) {
        let head = match why {
            Decline::Fork => self.signed_tip(epoch),
            Decline::NoLease | Decline::TooMany => None,
        };
        let group = self.name.clone();
        cx.act.send(
            link,
            Message::Declined {
                group,
                epoch,
                why,
                head: head.map(Box::new),
            },
        );
        self.waive(cx, link, epoch, why);
    }

    /// The other end takes no more of a line from us.
    pub(crate) fn declined(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        epoch: Epoch,
        why: Decline,
        head: Option<&Run>,
    ) {
        self.waive(cx, link, epoch, why);
        let head = head.filter(|head| head.epoch == epoch && head.entries.is_empty());
        let Some((head, ours)) =
            head.and_then(|head| Some((head, self.log.vouched(epoch, head.last())?)))
        else {
            return;
        };
        if head.prev != ours.prev && head.is_genuine(cx.seal, &self.name, head.prev) {
            self.keep_evidence(cx, ours, head);
        }
    }

    /// Goes on without the rest of a line, as far as the node at the other end of `link` is concerned.
    fn waive(&mut self, cx: &mut Context<'_>, link: LinkId, epoch: Epoch, why: Decline) {
        match &mut self.phase {
            Phase::Hosting(host) => {
                let is_own = host.lease.epoch == epoch;
                let mut followers = host.followers.values_mut();
                if let Some(follower) = followers.find(|follower| follower.link == link) {
                    follower.feed.except(&self.log, epoch);
                    if is_own {
                        // Who does not take our line does not follow us.
                        cx.act.close(link, Reason::Fork);
                    }
                }
            }
            Phase::Following(follow) if follow.link() == Some(link) => {
                let is_live = self
                    .lease
                    .as_ref()
                    .is_some_and(|lease| lease.epoch == epoch);
                follow.feed.except(&self.log, epoch);
                follow.waive(cx.now.mono, epoch, why);
                if is_live {
                    self.close_liar(cx, link, Reason::Fork);
                }
                self.advance(cx);
                self.push(cx);
            }
            Phase::Following(_) | Phase::Finding => {}
        }
    }

    /// Closes the link to a node that lied; if it is our host, it is left alone for a while.
    pub(super) fn close_liar(&mut self, cx: &mut Context<'_>, link: LinkId, reason: Reason) {
        if let Phase::Following(follow) = &mut self.phase
            && follow.link() == Some(link)
        {
            follow.distrust();
        }
        cx.act.close(link, reason);
    }

    fn signed_tip(&self, epoch: Epoch) -> Option<Run> {
        self.log.vouched(epoch, self.log.upto(epoch))
    }

    /// Keeps what its host signed against our own history of a line, and tells our person, once for each line.
    fn keep_evidence(&mut self, cx: &mut Context<'_>, ours: Run, theirs: &Run) {
        let epoch = ours.epoch;
        if !self.log.fork(epoch) {
            return;
        }
        let theirs = theirs.clone();
        cx.act.write(vec![Write::Evidence {
            group: self.name.clone(),
            fork: Fork { ours, theirs },
        }]);
        let nick = self.roster.nick(&epoch.host);
        cx.act.tell(Event::Notice {
            group: Some(self.name.clone()),
            text: format!(
                "{nick} told two histories of {} (epoch {}); yours stays as it is, and the evidence is kept",
                self.name, epoch.number
            ),
        });
    }
}
