//! Our own entries that have no place yet, in the order of their numbers.
//!
//! *Invariant:* nobody sees an entry before it is on our disk: a number that others have seen and we forgot in
//! a crash would be given to a second entry.

use std::collections::BTreeMap;

use crate::proto::id::Number;
use crate::proto::role::Ticket;
use crate::proto::wire::{Body, Entry};

/// Entries sent to a host and not yet seen in the log; a host refuses to hold more of one member.
const UNDER_WAY_MAX: usize = crate::proto::limits::PACED_MAX / 2;

/// What waits for a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    entries: BTreeMap<Number, Entry>,
    /// The highest number sent to the host we follow.
    sent: Number,
    /// The highest number that any host may have been sent, in this life or an earlier one.
    exposed: Number,
    /// Entries on their way to disk.
    unflushed: BTreeMap<Ticket, Number>,
}

impl Outbox {
    pub(crate) fn restored(entries: BTreeMap<Number, Entry>) -> Self {
        Self {
            exposed: entries.keys().next_back().copied().unwrap_or_default(),
            entries,
            sent: Number(0),
            unflushed: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether we will be in the group once all of it has its place: what its last join or farewell says, if
    /// there is one. A farewell from before the process started is said all the same, and a join follows it:
    /// its number may have a place that we never heard of, and cannot be given to anything else.
    pub(crate) fn brings_in(&self) -> Option<bool> {
        self.entries
            .values()
            .rev()
            .find_map(|entry| match entry.body {
                Body::Join { .. } => Some(true),
                Body::Part { .. } | Body::Quit { .. } => Some(false),
                Body::Nick { .. }
                | Body::Text { .. }
                | Body::Action { .. }
                | Body::Topic { .. }
                | Body::Ruling(_)
                | Body::Gone { .. }
                | Body::Void => None,
            })
    }

    /// All of it, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What waits under a number.
    pub(crate) fn body(&self, number: Number) -> Option<&Body> {
        self.entries.get(&number).map(|entry| &entry.body)
    }

    /// The lines in it that were said, in order.
    pub(crate) fn spoken(&self) -> Vec<Entry> {
        let is_said =
            |entry: &&Entry| matches!(entry.body, Body::Text { .. } | Body::Action { .. });
        self.entries.values().filter(is_said).cloned().collect()
    }

    /// What others may see of it, in order: up to the first that is not on disk yet.
    pub(crate) fn ready(&self) -> Vec<Entry> {
        self.entries
            .range(..self.ready_below())
            .map(|(_, e)| e.clone())
            .collect()
    }

    /// Notes that an entry is on its way to disk.
    pub(crate) fn writing(&mut self, ticket: Ticket, number: Number) {
        self.unflushed.insert(ticket, number);
    }

    pub(crate) fn is_writing(&self, ticket: Ticket) -> bool {
        self.unflushed.contains_key(&ticket)
    }

    /// An entry is on disk, or will never be; says whether the ticket was one of ours.
    pub(crate) fn written(&mut self, ticket: Ticket) -> bool {
        self.unflushed.remove(&ticket).is_some()
    }

    fn ready_below(&self) -> Number {
        let first = self.unflushed.values().min().copied();
        first.unwrap_or(Number(u64::MAX))
    }

    /// The highest number of ours, if the log's is `placed`.
    pub(crate) fn last(&self, placed: Number) -> Number {
        let waiting = self.entries.keys().next_back().copied().unwrap_or_default();
        waiting.max(placed)
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.insert(entry.number, entry);
    }

    /// Takes out an entry that has a place. One with the same number but another signature stays: it is not
    /// the one that was placed, and gets a new number by [`Outbox::strays`].
    pub(crate) fn remove(&mut self, placed: &Entry) -> bool {
        let is_same = self
            .entries
            .get(&placed.number)
            .is_some_and(|entry| entry.signature == placed.signature);
        if is_same {
            self.entries.remove(&placed.number);
        }
        is_same
    }

    /// Swaps an entry for another of the same number, to be sent again from there on.
    pub(crate) fn replace(&mut self, entry: Entry) -> Option<Entry> {
        if !self.entries.contains_key(&entry.number) {
            return None;
        }
        self.sent = self.sent.min(Number(entry.number.0 - 1));
        self.entries.insert(entry.number, entry)
    }

    /// Empties the outbox if its first number is not above the log's: our disk was older than what the group
    /// remembers of us, so that the numbers are taken.
    pub(crate) fn strays(&mut self, placed: Number) -> Vec<Entry> {
        let is_above = |number: &Number| *number > placed;
        if self.entries.keys().next().is_none_or(is_above) {
            return Vec::new();
        }
        std::mem::take(&mut self.entries).into_values().collect()
    }

    /// What begins with this number has to be sent again: the host has dropped it.
    pub(crate) fn resume_at(&mut self, number: Number) {
        self.sent = self.sent.min(Number(number.0.saturating_sub(1)));
    }

    /// Everything has to be sent again: we follow another host.
    pub(crate) fn rewind(&mut self) {
        self.sent = Number(0);
    }

    /// Whether something was sent that has no place yet, as far as we know.
    pub(crate) fn is_under_way(&self) -> bool {
        self.entries.range(..=self.sent).next().is_some()
    }

    /// Whether an entry waits here that nobody can have been sent.
    pub(crate) fn is_ours_alone(&self, number: Number) -> bool {
        number > self.exposed && self.entries.contains_key(&number)
    }

    /// What to send next; it counts as sent.
    pub(crate) fn unsent(&mut self) -> Vec<Entry> {
        self.unsent_within(UNDER_WAY_MAX)
    }

    /// The same, so that no more than `under_way_max` are on their way.
    pub(crate) fn unsent_within(&mut self, under_way_max: usize) -> Vec<Entry> {
        let under_way = self.entries.range(..=self.sent).count();
        let room = under_way_max.saturating_sub(under_way);
        let next = Number(self.sent.0 + 1);
        let entries: Vec<_> = self
            .entries
            .range(next..self.ready_below().max(next))
            .take(room)
            .map(|(_, e)| e.clone())
            .collect();
        if let Some(last) = entries.last() {
            self.sent = last.number;
            self.exposed = self.exposed.max(last.number);
        }
        entries
    }
}
