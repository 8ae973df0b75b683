//! What a handover costs this member: lines it was told of and does not get, and own lines that came to nothing.
//!
//! A log only grows, and whoever follows a new host pushes what that one lacks; so what we have seen in its place
//! is safe. What can be missing is what the host before had said that it has and had not sent us yet.

use super::{Context, Group, Missed, Phase, spoken};
use crate::proto::event::{Before, Event, Loss, Tenure};
use crate::proto::id::{EntryId, Epoch, NodeId, Seq};
use crate::proto::limits::VECTOR_SIZE_MAX;
use crate::proto::time::Mono;
use crate::proto::vector;
use crate::proto::wire::{Entry, Vector};

/// What to answer for at the next handover.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// How far lines go by the word of those who hosted, where that is farther than we have them.
    heard: Vector,
    /// Own lines that came to nothing since the host was missed.
    failed: Vec<EntryId>,
    /// What was told to be missing, until we have it after all.
    missing: Vector,
}

impl Losses {
    /// The host says how far it has each line; `ours` is how far we have it.
    pub(super) fn hear(&mut self, theirs: &Vector, ours: impl Fn(Epoch) -> Seq) {
        for (epoch, seq) in theirs {
            let is_known = self.heard.contains_key(epoch);
            if is_known || self.heard.len() < VECTOR_SIZE_MAX {
                vector::raise(&mut self.heard, *epoch, *seq);
            }
        }
        self.heard.retain(|epoch, seq| ours(*epoch) < *seq);
    }

    pub(super) fn fail(&mut self, id: EntryId) {
        self.failed.push(id);
    }

    /// From here on what fails belongs to the next handover.
    pub(super) fn begin(&mut self) {
        self.failed.clear();
    }

    /// Draws the line under a handover: own lines that failed, and how many lines are heard of and not here.
    fn reckon(&mut self, ours: impl Fn(Epoch) -> Seq) -> (Vec<EntryId>, u64) {
        let mut missing = std::mem::take(&mut self.heard);
        missing.retain(|epoch, seq| ours(*epoch) < *seq);
        let lacking = missing.iter().map(|(epoch, seq)| seq.0 - ours(*epoch).0);
        let unseen = lacking.fold(0, u64::saturating_add);
        self.missing = missing;
        (std::mem::take(&mut self.failed), unseen)
    }

    /// Whether what was told to be missing has just become whole.
    pub(super) fn is_made_good(&mut self, ours: impl Fn(Epoch) -> Seq) -> bool {
        let mut lines = self.missing.iter();
        if self.missing.is_empty() || !lines.all(|(epoch, seq)| ours(*epoch) >= *seq) {
            return false;
        }
        self.missing.clear();
        true
    }
}

impl Group {
    /// What the handover that ends now cost.
    pub(super) fn reckon(&mut self) -> Loss {
        let (own, unseen) = self.losses.reckon(|epoch| self.log.upto(epoch));
        let waiting = self.spoken_in_outbox().collect();
        Loss {
            own,
            waiting,
            unseen,
        }
    }

    /// Own lines without a place.
    pub(super) fn spoken_in_outbox(&self) -> impl Iterator<Item = EntryId> {
        let spoken = |entry: &&Entry| spoken(&entry.body).is_some();
        self.outbox.all().filter(spoken).map(Entry::id)
    }

    /// Who hosted before, and how it came to an end.
    pub(super) fn before(&self, missed: &Missed) -> Option<Before> {
        let id = missed.host?;
        let has_left = !self.roster.contains(&id) && !self.roster.was_missed(&id);
        // Who was here under the last host says nothing of now.
        let is_here_known = match &self.phase {
            Phase::Following(follow) => !follow.is_presence_whole,
            Phase::Hosting(_) => true,
            Phase::Finding => false,
        };
        let is_alive = missed.is_alive || is_here_known && self.here.contains(&id);
        let end = match (has_left, is_alive) {
            (true, _) => Tenure::Left,
            (false, false) => Tenure::Missed,
            (false, true) => Tenure::Replaced,
        };
        let nick = self.roster.nick(&id);
        Some(Before { id, nick, end })
    }

    /// Notes since when and whom we miss, once per handover.
    pub(super) fn miss(&mut self, cx: &mut Context<'_>, since: Mono, host: NodeId) {
        if self.missed.is_some() {
            return;
        }
        self.missed = Some(Missed {
            since,
            host: Some(host),
            is_alive: host == cx.me,
        });
        self.losses.begin();
        if self.is_told {
            let (group, is_held) = (self.name.clone(), false);
            cx.act.tell(Event::Contact {
                group,
                host,
                is_held,
            });
        }
    }

    /// The host we miss says itself that another hosts.
    pub(crate) fn gives_way(&mut self, host: NodeId) {
        if let Some(missed) = &mut self.missed {
            missed.is_alive |= missed.host == Some(host);
        }
    }

    /// Says that what a handover left missing is here after all.
    pub(super) fn make_good(&mut self, cx: &mut Context<'_>) {
        if self.losses.is_made_good(|epoch| self.log.upto(epoch)) {
            cx.act.tell(Event::Notice {
                group: Some(self.name.clone()),
                text: "the lines that were missing are here".to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upto(lines: &[(u64, u64)]) -> Vector {
        let host = NodeId([1; 32]);
        let line = |(number, seq): &(u64, u64)| {
            let epoch = Epoch {
                number: *number,
                host,
            };
            (epoch, Seq(*seq))
        };
        lines.iter().map(line).collect()
    }

    fn ours(lines: &[(u64, u64)]) -> impl Fn(Epoch) -> Seq {
        let lines = upto(lines);
        move |epoch| vector::upto(&lines, epoch)
    }

    #[test]
    fn only_what_was_heard_of_and_is_not_here_counts_as_missing() {
        let mut losses = Losses::default();
        losses.hear(&upto(&[(1, 10), (2, 7)]), ours(&[(1, 10), (2, 3)]));
        assert_eq!(losses.reckon(ours(&[(1, 10), (2, 5)])), (Vec::new(), 2));
        assert_eq!(
            losses.reckon(ours(&[(1, 10)])),
            (Vec::new(), 0),
            "told once"
        );
    }

    #[test]
    fn what_comes_after_all_is_said_once() {
        let mut losses = Losses::default();
        losses.hear(&upto(&[(2, 7)]), ours(&[]));
        losses.reckon(ours(&[(2, 3)]));
        assert!(!losses.is_made_good(ours(&[(2, 6)])));
        assert!(losses.is_made_good(ours(&[(2, 7)])));
        assert!(!losses.is_made_good(ours(&[(2, 7)])));
    }

    #[test]
    fn a_host_that_claims_the_moon_is_counted_without_overflow() {
        let mut losses = Losses::default();
        losses.hear(&upto(&[(1, u64::MAX), (2, u64::MAX)]), ours(&[]));
        assert_eq!(losses.reckon(ours(&[])), (Vec::new(), u64::MAX));
    }
}
