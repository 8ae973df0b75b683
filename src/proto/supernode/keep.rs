//! Keeping the records of groups: at three supernodes, on disk, for thirty days after the last member was there.
//!
//! A record's age is counted by the clock that only goes forward; the wall clock tells only how long a supernode was
//! not running, and of that no more than [`RECORD_GAP_MAX`] counts. So a wall clock that jumps while we run changes
//! nothing, and one that is wrong at a start takes no record that has lately been in use.

use std::collections::BTreeSet;

use super::{Context, Held, Supernode};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{RECORD_GAP_MAX, RECORD_KEPT, RECORD_NOTED, RECORDS_PER_CHECK_MAX};
use crate::proto::saved::Write;
use crate::proto::time::{Mono, Wall};
use crate::proto::wire::{GroupRecord, Message};

/// Records looked at in one check, which few of them need.
const RECORDS_LOOKED_AT_MAX: usize = 5_000;

/// How a record is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Keep {
    /// For how long nobody had been registered at `at`.
    quiet_ms: u64,
    /// None until the first look after a start.
    at: Option<Mono>,
    /// What the wall clock said when it was written.
    noted_wall: Wall,
    noted: Option<Mono>,
    /// The other holders that have it as it is.
    has_it: BTreeSet<NodeId>,
}

impl Keep {
    pub(super) fn restored(quiet_ms: u64, noted_wall: Wall) -> Self {
        Self {
            quiet_ms,
            noted_wall,
            ..Self::default()
        }
    }

    /// The record is no longer what the others have.
    pub(super) fn changed(&mut self) {
        self.has_it.clear();
        self.noted = None;
    }

    /// Nobody is registered any more, as those who keep the record too have to hear.
    pub(super) fn emptied(&mut self, now: Mono) {
        self.quiet_ms = 0;
        self.at = Some(now);
        self.changed();
    }

    /// The record has just been heard from another who keeps it.
    pub(super) fn learned(&mut self, quiet_ms: u64, now: Mono) {
        self.quiet_ms = quiet_ms;
        self.at = Some(now);
    }

    pub(super) fn forget_holder(&mut self, id: &NodeId) {
        self.has_it.remove(id);
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Held {
    /// Brings the count of quiet time up to now.
    pub(super) fn grow_older(&mut self, now: Mono, wall: Wall) {
        let keep = &mut self.keep;
        keep.quiet_ms = if !self.registered.is_empty() {
            0
        } else {
            let passed = match keep.at {
                Some(at) => millis(now - at),
                None if keep.noted_wall == Wall::default() => 0,
                None => (wall.0.saturating_sub(keep.noted_wall.0)).min(millis(RECORD_GAP_MAX)),
            };
            keep.quiet_ms.saturating_add(passed)
        };
        keep.at = Some(now);
    }

    fn record(&self) -> Option<GroupRecord> {
        Some(GroupRecord {
            lease: self.lease.clone()?,
            roster: self.roster.clone(),
            charter: self.birth.charter.clone(),
            quiet_ms: self.keep.quiet_ms,
        })
    }
}

impl GroupRecord {
    /// Whether it was kept for long enough.
    pub(crate) fn is_outdated(&self) -> bool {
        self.quiet_ms >= millis(RECORD_KEPT)
    }
}

impl Supernode {
    /// What we hold of a group, as of now.
    pub(super) fn record(&mut self, cx: &Context<'_>, group: &GroupName) -> Option<GroupRecord> {
        let held = self.held.tend(group)?;
        held.grow_older(cx.now, cx.wall);
        held.record()
    }

    /// Puts a group's record on disk.
    pub(super) fn write_record(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        if let Some(record) = self.record(cx, group) {
            if let Some(held) = self.held.tend(group) {
                held.keep.noted = Some(cx.now);
            }
            let noted = cx.wall;
            cx.act.write(vec![Write::Record { record, noted }]);
        }
    }

    /// Tells the record to those of the three that do not have it as it is; says to how many.
    pub(super) fn push_record(&mut self, cx: &mut Context<'_>, group: &GroupName) -> usize {
        let Some(record) = self.record(cx, group) else {
            return 0;
        };
        let Some(held) = self.held.tend(group) else {
            return 0;
        };
        let mut told = 0;
        for holder in cx.holders(group) {
            if holder == cx.me || held.keep.has_it.contains(&holder) {
                continue;
            }
            if let Some(link) = cx.links.to_node(&holder) {
                let record = Box::new(record.clone());
                cx.act.send(link, Message::Transfer { record });
                held.keep.has_it.insert(holder);
                told += 1;
            }
        }
        told
    }

    /// Another supernode has this record; if it is ours, there is no need to tell it.
    pub(super) fn is_kept_by(&mut self, cx: &Context<'_>, from: NodeId, record: &GroupRecord) {
        let Some(held) = self.held.tend(&record.lease.group) else {
            return;
        };
        held.grow_older(cx.now, cx.wall);
        held.keep.quiet_ms = held.keep.quiet_ms.min(record.quiet_ms);
        let is_same = held.lease.as_ref().map(|lease| lease.epoch) == Some(record.lease.epoch)
            && held.birth.charter == record.charter;
        if is_same {
            held.keep.has_it.insert(from);
        }
    }

    /// Goes through the records: lets those go that are old enough, tells and writes what others or the disk lack.
    /// One look at so many of them; the next goes on where this one ends.
    pub(super) fn keep(&mut self, cx: &mut Context<'_>) {
        let mut room = RECORDS_PER_CHECK_MAX;
        let mut old = Vec::new();
        let names = match self.kept_upto.take() {
            Some(start) => self.held.range(start..),
            None => self.held.range::<GroupName, _>(..),
        };
        let names = names.take(RECORDS_LOOKED_AT_MAX + 1);
        let names: Vec<_> = names.map(|(group, _)| group.clone()).collect();
        for (count, group) in names.into_iter().enumerate() {
            if room == 0 || count == RECORDS_LOOKED_AT_MAX {
                self.kept_upto = Some(group);
                break;
            }
            let Some(held) = self.held.tend(&group) else {
                continue;
            };
            held.grow_older(cx.now, cx.wall);
            if held.lease.is_none() {
                // Somebody asked, or told what was not to be believed.
                if held.registered.is_empty() && !held.birth.is_open() {
                    self.held.remove(&group);
                }
                continue;
            }
            if held.keep.quiet_ms >= millis(RECORD_KEPT) {
                old.push(group);
                room -= 1;
                continue;
            }
            let is_stale = |at: Mono| cx.now - at >= RECORD_NOTED;
            if held.keep.noted.is_none_or(is_stale) {
                // Whoever keeps it too must hear that it is still in use.
                if held.keep.noted.is_some() && !held.registered.is_empty() {
                    held.keep.has_it.clear();
                }
                self.write_record(cx, &group);
                room -= 1;
            }
            room = room.saturating_sub(self.push_record(cx, &group));
        }
        for group in old {
            self.held.remove(&group);
            cx.act.write(vec![Write::RecordGone { group }]);
        }
    }
}
