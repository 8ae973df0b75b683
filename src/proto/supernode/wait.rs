//! What a group's supernode waits for, how long, and who would come to host.

use std::collections::BTreeSet;

use super::{Context, Held, Registered};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{ANSWER_WAIT, HEIRS, REHOST_WAIT, REHOST_WAIT_MISSED, WITNESS_WAIT};
use crate::proto::mutant::{self, Mutant};
use crate::proto::time::Mono;
use crate::proto::wire::Message;

/// What a group waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Wait {
    #[default]
    Nothing,
    /// Others may know the group, or know it better.
    Witnesses(Witnesses),
    /// The host, which was linked here, may come back, in any case until `from`. Those next in line were asked at
    /// `since` whether they are there.
    Back { since: Mono, from: Mono },
    /// The host, which was never linked here, may still show itself.
    Host { since: Mono },
}

/// Those who keep a group's record too, and have not said yet what they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witnesses {
    pub(super) asked: BTreeSet<NodeId>,
    /// They live as far as we know, and there is no link to them yet: who has just started is registered with before
    /// it has dialled everybody.
    pub(super) unlinked: BTreeSet<NodeId>,
    pub(super) is_answered: bool,
    until: Mono,
}

impl Witnesses {
    pub(super) fn of(cx: &Context<'_>, group: &GroupName) -> Self {
        let holders = cx.holders(group).into_iter();
        Self {
            asked: BTreeSet::new(),
            unlinked: holders.filter(|holder| *holder != cx.me).collect(),
            is_answered: false,
            until: cx.now + WITNESS_WAIT,
        }
    }

    /// Asks those to whom there is a link by now; says whether there is anybody to wait for.
    pub(super) fn ask(&mut self, cx: &mut Context<'_>, group: &GroupName) -> bool {
        self.unlinked.retain(|witness| cx.is_alive(witness));
        for witness in std::mem::take(&mut self.unlinked) {
            if let Some(link) = cx.links.to_node(&witness) {
                let group = group.clone();
                cx.act.send(link, Message::Query { group });
                self.asked.insert(witness);
            } else {
                self.unlinked.insert(witness);
            }
        }
        cx.now < self.until && !(self.asked.is_empty() && self.unlinked.is_empty())
    }

    /// The link over which a witness was asked is gone, perhaps only because there is a better one; says whether one
    /// was.
    pub(super) fn unlinked(&mut self, witness: NodeId) -> bool {
        let is_asked = self.asked.remove(&witness);
        if is_asked && !mutant::is(Mutant::AskedIsAnswered) {
            self.unlinked.insert(witness);
        }
        is_asked
    }

    fn is_due(&self, cx: &Context<'_>) -> bool {
        let is_clear = |id: &NodeId| cx.links.to_node(id).is_some() || !cx.is_alive(id);
        cx.now >= self.until || self.unlinked.iter().any(is_clear)
    }
}

impl Held {
    pub(super) fn is_due(&self, cx: &Context<'_>) -> bool {
        let now = cx.now;
        match &self.wait {
            Wait::Witnesses(witnesses) => witnesses.is_due(cx),
            Wait::Back { from, .. } => now >= *from,
            Wait::Host { since } => now >= self.host_until(*since),
            Wait::Nothing => false,
        }
    }

    /// When to look again at what is waited for.
    pub(super) fn due(&self, now: Mono) -> Option<Mono> {
        match self.wait {
            Wait::Witnesses(Witnesses { until, .. }) => Some(until),
            Wait::Back { since, from } if now >= from => Some(from.max(since + ANSWER_WAIT)),
            Wait::Back { from, .. } => Some(from),
            Wait::Host { since } => Some(self.host_until(since)),
            Wait::Nothing => None,
        }
    }

    /// Until when the host, which was never linked here, is waited for: less where all who know its epoch miss it.
    pub(super) fn host_until(&self, since: Mono) -> Mono {
        let epoch = self.lease.as_ref().map(|lease| lease.epoch);
        let misses = |member: &Registered| member.is_missing_host && member.epoch == epoch;
        if self.heard().all(|(_, member)| misses(member)) {
            since + REHOST_WAIT_MISSED
        } else {
            since + REHOST_WAIT
        }
    }

    /// The host is missed: asks those next in line whether they are there. None is granted anything before `from`.
    pub(super) fn ask_candidates(&mut self, cx: &mut Context<'_>, group: &GroupName, from: Mono) {
        let host = self.lease.as_ref().map(|lease| lease.epoch.host);
        let candidates = self.candidates(host);
        let links = candidates.iter().map(|(_, member)| member.link);
        let links = links.take(HEIRS + 1).collect();
        let group = group.clone();
        cx.act.send_all(links, Message::Query { group });
        self.wait = Wait::Back {
            since: cx.now,
            from,
        };
    }

    /// The members that could come to host, the next in line first.
    pub(super) fn candidates(&self, but: Option<NodeId>) -> Vec<(NodeId, &Registered)> {
        let is_candidate = |id: &NodeId| Some(*id) != but;
        let mut heard: Vec<_> = self.heard().filter(|(id, _)| is_candidate(id)).collect();
        let line = |id: &NodeId| self.roster.iter().position(|member| member == id);
        heard.sort_by_key(|(id, member)| (line(id).unwrap_or(usize::MAX), member.arrival));
        heard
            .into_iter()
            .map(|(id, member)| (*id, member))
            .collect()
    }
}
