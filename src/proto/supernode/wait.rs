//! What a group's supernode waits for, how long, and who would come to host.

use std::collections::BTreeSet;

use super::{Context, Held, Registered};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{ANSWER_WAIT, HEIRS, REHOST_WAIT, REHOST_WAIT_MISSED};
use crate::proto::time::Mono;
use crate::proto::wire::Message;

/// What a group waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Wait {
    #[default]
    Nothing,
    /// Nobody has said that the group exists; these have been asked.
    Witnesses {
        asked: BTreeSet<NodeId>,
        is_answered: bool,
        until: Mono,
    },
    /// The host, which was linked here, may come back, in any case until `from`. Those next in line were asked at
    /// `since` whether they are there.
    Back { since: Mono, from: Mono },
    /// The host, which was never linked here, may still show itself.
    Host { since: Mono },
}

impl Held {
    pub(super) fn is_due(&self, now: Mono) -> bool {
        match self.wait {
            Wait::Witnesses { until, .. } => now >= until,
            Wait::Back { from, .. } => now >= from,
            Wait::Host { since } => now >= self.host_until(since),
            Wait::Nothing => false,
        }
    }

    /// When to look again at what is waited for.
    pub(super) fn due(&self, now: Mono) -> Option<Mono> {
        match self.wait {
            Wait::Witnesses { until, .. } => Some(until),
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
