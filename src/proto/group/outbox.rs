//! Our own entries that have no place yet, in the order of their numbers.
//!
//! *Invariant:* nobody sees an entry before it, or another one of the same block of numbers, is on our disk: a number
//! that others have seen and we forgot in a crash would be given to a second entry. A process begins its row above
//! every block of which its disk has a number ([`Number::of_run`]), so that one is enough for all of the block. What
//! the group has of us comes back from it.

use std::collections::BTreeMap;

use crate::proto::id::Number;
use crate::proto::mutant::{self, Mutant};
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
    unflushed: BTreeMap<Ticket, (Number, Needs)>,
    /// The highest block of numbers of which one is on disk.
    secured: Option<u64>,
}

/// What has to be on disk before others may see an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A number of its block: it is the first that is given its own.
    Number,
    /// The entry: the disk may have another one under its number, or nobody else keeps it.
    Entry,
}

impl Outbox {
    pub(crate) fn restored(entries: BTreeMap<Number, Entry>) -> Self {
        Self {
            exposed: entries.keys().next_back().copied().unwrap_or_default(),
            entries,
            sent: Number(0),
            unflushed: BTreeMap::new(),
            secured: None,
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

    /// What others may see of it, in order: up to the first that has to be on disk before.
    pub(crate) fn ready(&self) -> Vec<Entry> {
        self.entries
            .range(..self.ready_below())
            .map(|(_, e)| e.clone())
            .collect()
    }

    /// Notes that an entry is on its way to disk.
    pub(crate) fn writing(&mut self, ticket: Ticket, number: Number, needs: Needs) {
        self.unflushed.insert(ticket, (number, needs));
    }

    pub(crate) fn is_writing(&self, ticket: Ticket) -> bool {
        self.unflushed.contains_key(&ticket)
    }

    /// An entry is on disk; says whether the ticket was one of ours.
    pub(crate) fn written(&mut self, ticket: Ticket) -> bool {
        let written = self.unflushed.remove(&ticket);
        let block = written.map(|(number, _)| number.block());
        self.secured = self.secured.max(block);
        written.is_some()
    }

    /// An entry will not be on disk for now; says whether the ticket was one of ours.
    pub(crate) fn unwritten(&mut self, ticket: Ticket) -> bool {
        self.unflushed.remove(&ticket).is_some()
    }

    fn ready_below(&self) -> Number {
        let is_awaited = |(number, needs): &&(Number, Needs)| {
            let is_secured = self.secured.is_some_and(|upto| number.block() <= upto)
                || mutant::is(Mutant::NumbersUnsecured);
            *needs == Needs::Entry || !is_secured
        };
        let awaited = self.unflushed.values().filter(is_awaited);
        let first = awaited.map(|(number, _)| *number).min();
        first.unwrap_or(Number(u64::MAX))
    }

    /// Whether there is something that others may see, and have not been sent.
    pub(crate) fn has_unsent(&self) -> bool {
        let next = Number(self.sent.0 + 1);
        let unsent = next..self.ready_below().max(next);
        !self.entries.is_empty() && self.entries.range(unsent).next().is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::NodeId;
    use crate::proto::seal::Signature;
    use crate::proto::time::Wall;

    const FIRST: Number = Number(7 << 8 | 1);

    fn entry(number: Number) -> Entry {
        Entry {
            author: NodeId([1; 32]),
            number,
            time: Wall(0),
            body: Body::Void,
            signature: Signature([0; 64]),
        }
    }

    /// Puts an entry in, and says which can go.
    fn write(outbox: &mut Outbox, ticket: u64, number: Number, needs: Needs) -> Vec<u64> {
        outbox.push(entry(number));
        outbox.writing(Ticket(ticket), number, needs);
        outbox.unsent().iter().map(|entry| entry.number.0).collect()
    }

    #[test]
    fn a_line_waits_for_the_disk_only_if_it_is_the_first_of_its_block_of_numbers() {
        let mut outbox = Outbox::default();
        let number = |more| Number(FIRST.0 + more);
        assert!(write(&mut outbox, 1, FIRST, Needs::Number).is_empty());
        assert!(write(&mut outbox, 2, number(1), Needs::Number).is_empty());
        assert!(outbox.written(Ticket(1)));
        assert!(outbox.has_unsent());
        assert_eq!(outbox.unsent().len(), 2);
        assert_eq!(
            write(&mut outbox, 3, number(2), Needs::Number),
            [number(2).0]
        );
        let next = number(256);
        assert!(write(&mut outbox, 4, next, Needs::Number).is_empty());
        // What the disk refuses goes out all the same, and makes nothing safe that comes behind it.
        assert!(outbox.unwritten(Ticket(4)));
        assert_eq!(outbox.unsent().len(), 1);
        assert!(write(&mut outbox, 5, number(257), Needs::Number).is_empty());
    }

    #[test]
    fn what_takes_the_place_of_another_waits_until_it_is_on_disk_itself() {
        let mut outbox = Outbox::default();
        write(&mut outbox, 1, FIRST, Needs::Number);
        outbox.written(Ticket(1));
        outbox.unsent();
        assert!(outbox.replace(entry(FIRST)).is_some());
        outbox.writing(Ticket(2), FIRST, Needs::Entry);
        assert!(!outbox.has_unsent());
        outbox.written(Ticket(2));
        assert_eq!(outbox.unsent().len(), 1);
    }
}
