//! The log of a private talk as this machine keeps it: both persons' lines in the order in which they arrived.
//!
//! Each of the two keeps a diary of his own, under an epoch of his own: nobody else ever sees it, so that there is
//! nothing to agree on.

use std::collections::{BTreeMap, VecDeque};

use super::talk::nick_in;
use crate::proto::group::Context;
use crate::proto::id::{Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use crate::proto::limits::DISK_RETRY;
use crate::proto::role::Ticket;
use crate::proto::saved::{SavedGroup, Write};
use crate::proto::seal::{Hash, Signature};
use crate::proto::time::{Hlc, Mono};
use crate::proto::wire::{Entry, Lease, Run, Sequenced};

/// What has been said, and how much of it is on disk.
#[derive(Clone, Debug)]
pub(super) struct Diary {
    name: GroupName,
    /// The epoch of our one line, and our own lease for it; none before the first entry.
    line: Option<(Epoch, Lease)>,
    hlc: Hlc,
    /// The end of the line on disk.
    stored: Seq,
    stored_head: Hash,
    /// What comes after that, and the head of the line behind it.
    unstored: VecDeque<Sequenced>,
    head: Hash,
    /// Up to where each write under way goes.
    tickets: BTreeMap<Ticket, Seq>,
    /// When to write again what the disk did not take.
    again: Option<Mono>,
    /// The highest number of each author, and of those on disk.
    numbers: BTreeMap<NodeId, Number>,
    stored_numbers: BTreeMap<NodeId, Number>,
    nicks: BTreeMap<NodeId, Nick>,
}

impl Diary {
    pub(super) fn restored(name: GroupName, saved: &SavedGroup) -> Self {
        let last = saved.lines.iter().next_back();
        let line = last.map(|(epoch, line)| (*epoch, line.lease.clone()));
        let (stored, head) = last.map_or_else(Default::default, |(_, line)| (line.seq, line.head));
        let mut diary = Self {
            name,
            line,
            hlc: saved.hlc,
            stored,
            stored_head: head,
            unstored: VecDeque::new(),
            head,
            tickets: BTreeMap::new(),
            again: None,
            numbers: saved.authors.clone(),
            stored_numbers: saved.authors.clone(),
            nicks: BTreeMap::new(),
        };
        for (_, entry) in &saved.shaping {
            diary.note_nick(entry);
        }
        diary
    }

    /// The highest number of somebody's that is in it, on disk or not.
    pub(super) fn number(&self, author: &NodeId) -> Number {
        self.numbers.get(author).copied().unwrap_or_default()
    }

    /// The same of what is on disk.
    pub(super) fn stored_number(&self, author: &NodeId) -> Number {
        self.stored_numbers.get(author).copied().unwrap_or_default()
    }

    pub(super) fn nick(&self, person: &NodeId) -> Option<&Nick> {
        self.nicks.get(person)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether the disk takes what is written.
    pub(super) fn is_sound(&self) -> bool {
        self.again.is_none()
    }

    pub(super) fn due(&self) -> Option<Mono> {
        self.again
    }

    /// Puts an entry behind all others, and what has become of it in the outbox if it is ours.
    pub(super) fn append(&mut self, cx: &mut Context<'_>, entry: Entry) -> Place {
        let name = &self.name;
        let (epoch, _) = self.line.get_or_insert_with(|| {
            // A number that a line on a damaged disk does not have already.
            let number = cx.now.wall.0;
            let epoch = Epoch {
                number,
                host: cx.me,
            };
            (epoch, Lease::granted(cx.seal, name.clone(), epoch, None))
        });
        let epoch = *epoch;
        self.hlc = Hlc::after(self.hlc, cx.now.wall);
        let number = self.numbers.entry(entry.author).or_default();
        *number = entry.number.max(*number);
        self.note_nick(&entry);
        let sequenced = Sequenced {
            hlc: self.hlc,
            entry,
        };
        let (prev, first) = (self.head, self.unstored.len());
        self.head = sequenced.chain(self.head);
        self.unstored.push_back(sequenced);
        if self.again.is_none() {
            self.write(cx, first, prev);
        }
        Place {
            hlc: self.hlc,
            epoch,
            seq: self.last(),
        }
    }

    fn last(&self) -> Seq {
        Seq(self.stored.0 + self.unstored.len() as u64)
    }

    /// Writes what is not stored from the `first` on, before which the head is `prev`.
    fn write(&mut self, cx: &mut Context<'_>, first: usize, prev: Hash) {
        let Some((epoch, lease)) = self.line.clone() else {
            return;
        };
        let entries: Vec<_> = self.unstored.iter().skip(first).cloned().collect();
        let ours = entries.iter().map(|sequenced| &sequenced.entry);
        let ours = ours.filter(|entry| entry.author == cx.me);
        let done: Vec<_> = ours
            .map(|entry| Write::OutboxDone {
                group: self.name.clone(),
                number: entry.number,
            })
            .collect();
        let run = Run {
            epoch,
            first: Seq(self.stored.0 + first as u64 + 1),
            prev,
            entries,
            signature: Signature([0; 64]),
        };
        let run = run.signed(cx.seal, &self.name, self.head);
        let mut writes = vec![Write::Run {
            group: self.name.clone(),
            run,
            head: self.head,
            lease,
        }];
        writes.extend(done);
        let ticket = cx.act.write(writes);
        self.tickets.insert(ticket, self.last());
    }

    /// A write is on disk; whether it was one of ours.
    pub(super) fn written(&mut self, ticket: Ticket) -> bool {
        let Some(upto) = self.tickets.remove(&ticket) else {
            return false;
        };
        while self.stored < upto
            && let Some(sequenced) = self.unstored.pop_front()
        {
            self.stored = Seq(self.stored.0 + 1);
            self.stored_head = sequenced.chain(self.stored_head);
            let entry = sequenced.entry;
            let number = self.stored_numbers.entry(entry.author).or_default();
            *number = entry.number.max(*number);
        }
        true
    }

    /// A write failed; whether it was one of ours.
    pub(super) fn unwritten(&mut self, now: Mono, ticket: Ticket) -> bool {
        let is_ours = self.tickets.remove(&ticket).is_some();
        if is_ours {
            self.again = Some(now + DISK_RETRY);
        }
        is_ours
    }

    /// Writes again what the disk did not take, if it is time.
    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        if self.again.is_some_and(|again| cx.now.mono >= again) && self.tickets.is_empty() {
            self.again = None;
            if !self.unstored.is_empty() {
                self.write(cx, 0, self.stored_head);
            }
        }
    }

    fn note_nick(&mut self, entry: &Entry) {
        if let Some(nick) = nick_in(&entry.body) {
            self.nicks.insert(entry.author, nick.clone());
        }
    }
}
