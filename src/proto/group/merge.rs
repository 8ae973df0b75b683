//! Two sides of a partition become one: noticing it, counting what each side had that the other lacked, and
//! telling everybody once.
//!
//! Whoever says hello tells when another host served it last. If the new host hosted then, or was served by a third,
//! two hosts served at once, and the guest comes from another side; who was merely away gets history, and no merge
//! is told. The host counts, so that all of a side are told the same.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Context, Group, Phase, Source};
use crate::proto::event::Event;
use crate::proto::id::NodeId;
use crate::proto::role::LinkId;
use crate::proto::time::Mono;
use crate::proto::vector;
use crate::proto::wire::{Lines, Message, Run, Served, Vector};

/// For how long two hosts have to serve at once: at a handover the old one serves until it hears of the new one, and
/// one that is dead is not missed at once.
const APART: Duration = Duration::from_secs(3);
/// How long those who come from another side are gathered, so that one word tells of all of them.
const GATHERED: Duration = Duration::from_secs(2);
/// How long what they say they have is waited for.
const AWAITED: Duration = Duration::from_secs(10);

/// A merge as its host sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Merge {
    under_way: Option<UnderWay>,
    /// What came from other sides in merges that have been told.
    from_them: u64,
    is_told: bool,
}

#[derive(Clone, Debug)]
struct UnderWay {
    since: Mono,
    guests: BTreeSet<NodeId>,
    /// How many of our entries none of them had.
    lacked: u64,
    /// How far their lines go, where that is beyond ours.
    awaited: Vector,
    /// Entries that came from them.
    gained: u64,
}

impl Merge {
    pub(super) fn due(&self) -> Option<Mono> {
        let under_way = self.under_way.as_ref()?;
        Some(
            under_way.since
                + if under_way.awaited.is_empty() {
                    GATHERED
                } else {
                    AWAITED
                },
        )
    }
}

impl Group {
    /// Notes until when we host, or our host serves us, if that is so.
    pub(super) fn was_served(&mut self, until: Mono) {
        let served = match &self.phase {
            Phase::Hosting(host) => Some((host.lease.epoch, host.since)),
            Phase::Following(follow) => follow.served_since().map(|since| (follow.epoch(), since)),
            Phase::Finding => None,
        };
        if let Some((epoch, since)) = served {
            self.served = Some((epoch, since, until));
        }
    }

    /// Under which other epoch than the present one we were served or hosted last.
    pub(super) fn served_before(&self, cx: &Context<'_>) -> Option<Served> {
        let (epoch, began, ended) = self.served?;
        let ago = |then| u64::try_from((cx.now.mono - then).as_millis()).unwrap_or(u64::MAX);
        let is_other = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.epoch != epoch);
        is_other.then(|| Served {
            epoch,
            began_ms: ago(began),
            ended_ms: ago(ended),
        })
    }

    /// Whether somebody was served by one host while we hosted, or another served us.
    fn is_from_elsewhere(&self, now: Mono, theirs: &Served) -> bool {
        let Phase::Hosting(host) = &self.phase else {
            return false;
        };
        let (began, ended) = (
            now.0.saturating_sub(theirs.began_ms),
            now.0.saturating_sub(theirs.ended_ms),
        );
        let ours = [Some((host.lease.epoch, host.since, now)), self.served];
        ours.into_iter().flatten().any(|(epoch, since, until)| {
            let together = Mono(ended.min(until.0)) - Mono(began.max(since.0));
            epoch != theirs.epoch && together >= APART
        })
    }

    /// A member says hello to us as the host; it may come from another side of a partition.
    pub(super) fn receive(
        &mut self,
        cx: &Context<'_>,
        from: NodeId,
        theirs: &Lines,
        served: Option<&Served>,
    ) {
        if !served.is_some_and(|served| self.is_from_elsewhere(cx.now.mono, served)) {
            return;
        }
        let base = self.base();
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let has = theirs.vector();
        let lacked = self.log.ends(base).map(|(epoch, seq)| {
            let theirs = vector::upto(&has, epoch);
            seq.0.saturating_sub(theirs.0)
        });
        let lacked = lacked.sum();
        let under_way = host.merge.under_way.get_or_insert_with(|| UnderWay {
            since: cx.now.mono,
            guests: BTreeSet::new(),
            lacked,
            awaited: Vector::new(),
            gained: 0,
        });
        under_way.guests.insert(from);
        under_way.lacked = lacked.min(under_way.lacked);
        self.log.note_report(&mut under_way.awaited, &has);
        under_way
            .awaited
            .retain(|epoch, seq| self.log.upto(*epoch) < *seq);
    }

    /// The log has grown; it may be by what another side had.
    pub(super) fn count_merged(&mut self, source: Source, run: &Run) {
        if let Phase::Hosting(host) = &mut self.phase
            && let Some(under_way) = &mut host.merge.under_way
            && let Source::Sent(from) = source
            && under_way.guests.contains(&from)
        {
            under_way.gained += run.entries.len() as u64;
            under_way
                .awaited
                .retain(|epoch, seq| self.log.upto(*epoch) < *seq);
        }
    }

    /// Tells both sides, once what was expected is here or has been waited for.
    pub(super) fn tell_merge(&mut self, cx: &mut Context<'_>) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        if host.merge.due().is_none_or(|due| cx.now.mono < due) {
            return;
        }
        let Some(merge) = host.merge.under_way.take() else {
            return;
        };
        let (from_us, gained) = (merge.lacked, merge.gained);
        host.merge.from_them += gained;
        // Those who are late hear of it, and their side has been told already.
        let is_news = !std::mem::replace(&mut host.merge.is_told, true);
        let group = self.name.clone();
        for (id, follower) in &host.followers {
            let (from_us, from_them) = match merge.guests.contains(id) {
                true => (host.merge.from_them, from_us),
                false if is_news => (from_us, gained),
                false => continue,
            };
            let merged = Message::Merged {
                group: group.clone(),
                from_us,
                from_them,
            };
            cx.act.send(follower.link, merged);
        }
        if is_news && from_us + gained > 0 {
            cx.act.tell(Event::Merge {
                group,
                from_us,
                from_them: gained,
            });
        }
    }

    /// Our host says that two sides are one again.
    pub(crate) fn merged(&mut self, cx: &mut Context<'_>, link: LinkId, us: u64, them: u64) {
        let Phase::Following(follow) = &mut self.phase else {
            return;
        };
        if follow.greeted() == Some(link) && us.saturating_add(them) > 0 && follow.may_merge() {
            cx.act.tell(Event::Merge {
                group: self.name.clone(),
                from_us: us,
                from_them: them,
            });
        }
    }
}
