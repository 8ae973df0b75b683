//! What one node has of a group's log: how far each epoch's line goes, and the recent entries themselves.
//!
//! The whole log is on disk; in memory are the ends of its lines, each author's highest number, and the entries
//! that came last, which is what most of those who catch up lack.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::older;
use crate::proto::codec::{self, RUN_SIZE};
use crate::proto::id::{Epoch, NodeId, Number, Place, Seq};
use crate::proto::limits::{BLOCK_LINES_MAX, CATCH_UP_SIZE, TIPS_MAX, VECTOR_SIZE_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::saved::{SavedGroup, SavedLine};
use crate::proto::seal::{Hash, Seal, Signature};
use crate::proto::time::{Hlc, Wall};
use crate::proto::vector;
use crate::proto::wire::{Entry, Lease, Lines, Run, Sequenced, Tip, Vector};

/// Entries kept in memory for those who lack only the last few.
const RECENT_MAX: usize = 512;
/// Most that entries take in memory while the disk does not take them.
const UNFLUSHED_SIZE_MAX: usize = 64 * 1024 * 1024;

/// The state of a group's log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    lines: BTreeMap<Epoch, Line>,
    hlc: Hlc,
    authors: BTreeMap<NodeId, Number>,
    recent: BTreeMap<(Epoch, Seq), Recent>,
    recent_order: VecDeque<(Epoch, Seq)>,
    recent_size: usize,
    /// Of each block of lines, its digest, once it was asked for since they grew.
    digests: BTreeMap<u64, Option<Hash>>,
}

/// One epoch's line, as far as we have it. It always ends where its host signed.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) seq: Seq,
    /// How much of it is known to be on disk.
    flushed: Seq,
    /// The head of its hash chain, and its host's signature over that.
    pub(crate) head: Hash,
    pub(crate) signature: Signature,
    /// The last clock reading.
    pub(crate) hlc: Hlc,
    pub(crate) lease: Lease,
    /// Whether its host told two histories of it; this is the one we heard first.
    is_forked: bool,
}

/// An entry in memory.
#[derive(Clone, Debug)]
struct Recent {
    sequenced: Sequenced,
    /// The head before it.
    prev: Hash,
    /// The host's signature over the head after it, if a run ended there.
    signature: Option<Signature>,
}

/// How a run fits what we have of its line, by its numbers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Some of it is next: all but this many of its entries.
    Next(usize),
    /// All of it is there already.
    Known,
    /// It begins behind a gap.
    Gap,
}

impl Log {
    pub(crate) fn restored(saved: &SavedGroup) -> Self {
        let line = |line: &SavedLine| Line {
            seq: line.seq,
            flushed: line.seq,
            head: line.head,
            signature: line.signature,
            hlc: line.hlc,
            lease: line.lease.clone(),
            is_forked: line.is_forked,
        };
        let lines = saved.lines.iter();
        Self {
            lines: lines
                .clone()
                .map(|(epoch, saved)| (*epoch, line(saved)))
                .collect(),
            hlc: saved.hlc,
            authors: saved.authors.clone(),
            recent: BTreeMap::new(),
            recent_order: VecDeque::new(),
            recent_size: 0,
            digests: lines
                .map(|(epoch, _)| (older::block(*epoch), None))
                .collect(),
        }
    }

    /// What is here of the line, if it has begun.
    pub(crate) fn line(&self, epoch: Epoch) -> Option<&Line> {
        self.lines.get(&epoch)
    }

    /// How far a line goes here.
    pub(crate) fn upto(&self, epoch: Epoch) -> Seq {
        self.lines
            .get(&epoch)
            .map(|line| line.seq)
            .unwrap_or_default()
    }

    /// How far a line is known to be on disk.
    pub(crate) fn flushed_upto(&self, epoch: Epoch) -> Seq {
        self.lines
            .get(&epoch)
            .map(|line| line.flushed)
            .unwrap_or_default()
    }

    /// Whether all of this is here.
    pub(crate) fn covers(&self, goal: &Vector) -> bool {
        goal.iter().all(|(epoch, seq)| self.upto(*epoch) >= *seq)
    }

    /// Whether there are as many lines beside this one as there may be.
    pub(crate) fn is_crowded(&self, epoch: Epoch) -> bool {
        let block = older::block(epoch);
        self.tips(block..block + 1).count() >= BLOCK_LINES_MAX
    }

    /// How far the lines go whose blocks begin with `base`.
    pub(crate) fn vector(&self, base: u64) -> Vector {
        self.ends(base).collect()
    }

    /// How far they are on disk.
    pub(crate) fn flushed(&self, base: u64) -> Vector {
        let lines = self.lines.range(older::start(base)..);
        lines.map(|(epoch, line)| (*epoch, line.flushed)).collect()
    }

    /// Their ends.
    pub(crate) fn ends(&self, base: u64) -> impl Iterator<Item = (Epoch, Seq)> {
        let lines = self.lines.range(older::start(base)..);
        lines.map(|(epoch, line)| (*epoch, line.seq))
    }

    /// The ends of the lines in some blocks, with their heads.
    pub(crate) fn tips(&self, blocks: Range<u64>) -> impl Iterator<Item = (Epoch, Tip)> {
        let lines = self
            .lines
            .range(older::start(blocks.start)..older::start(blocks.end));
        lines.map(|(epoch, line)| {
            let Line { seq, head, .. } = *line;
            (*epoch, Tip { seq, head })
        })
    }

    /// What we tell another node of what we have: the ends of the lines from the block `base` on, and one digest of
    /// all that are older.
    pub(crate) fn summary(&mut self, base: u64) -> Lines {
        let mut said = Vec::new();
        for (block, digest) in self.digests(0..base) {
            said.extend_from_slice(&block.to_be_bytes());
            said.extend_from_slice(&digest.0);
        }
        let older = if said.is_empty() {
            Hash::default()
        } else {
            Hash::of(&[&said])
        };
        let tips = self.tips(base..u64::MAX).take(TIPS_MAX).collect();
        Lines { tips, older }
    }

    /// A digest of each block that has lines; the same for two nodes that have the same of them.
    pub(crate) fn digests(&mut self, blocks: Range<u64>) -> impl Iterator<Item = (u64, Hash)> {
        let lines = &self.lines;
        // A range that ends before it begins is one that holds nothing.
        let blocks = blocks.start..blocks.end.max(blocks.start);
        self.digests.range_mut(blocks).map(move |(block, digest)| {
            let lines = || lines.range(older::start(*block)..older::start(block + 1));
            (*block, *digest.get_or_insert_with(|| digest_of(lines())))
        })
    }

    /// Adds to what another node has reported to have. Of lines that are not here it is told little: it may speak
    /// of some before they come, and cannot fill our memory with what there is not.
    pub(crate) fn note_report(&self, known: &mut Vector, report: &Vector) {
        for (epoch, seq) in report {
            let is_known = self.lines.contains_key(epoch) || known.contains_key(epoch);
            if is_known || known.len() < VECTOR_SIZE_MAX {
                vector::raise(known, *epoch, *seq);
            }
        }
    }

    /// What our history says the head of a line is behind `seq`, as its host signed it: a run without entries if it
    /// signed there, else one that follows; if memory has it.
    pub(crate) fn vouched(&self, epoch: Epoch, seq: Seq) -> Option<Run> {
        let line = self.lines.get(&epoch)?;
        let signed = if seq == line.seq {
            Some((line.head, line.signature))
        } else {
            let recent = self.recent.get(&(epoch, seq));
            recent.and_then(|recent| Some((recent.sequenced.chain(recent.prev), recent.signature?)))
        };
        let Some((prev, signature)) = signed else {
            return self.piece(epoch, seq, 0, true).map(|(run, _)| run);
        };
        Some(Run {
            epoch,
            first: Seq(seq.0 + 1),
            prev,
            entries: Vec::new(),
            signature,
        })
    }

    /// Notes that a line has a second history; says whether that is news.
    pub(crate) fn fork(&mut self, epoch: Epoch) -> bool {
        let line = self.lines.get_mut(&epoch);
        line.is_some_and(|line| !std::mem::replace(&mut line.is_forked, true))
    }

    /// The highest number among an author's entries here; zero if there is none.
    pub(crate) fn number(&self, author: &NodeId) -> Number {
        self.authors.get(author).copied().unwrap_or_default()
    }

    /// Gives entries the next places in the lease's line, as its host, who is whom `seal` belongs to.
    pub(crate) fn place(
        &mut self,
        seal: &dyn Seal,
        lease: &Lease,
        wall: Wall,
        entries: Vec<Entry>,
    ) -> (Run, Hash) {
        let epoch = lease.epoch;
        let line = self.lines.get(&epoch);
        let mut hlc = self.hlc;
        let entries = entries.into_iter().map(|entry| {
            if mutant::is(Mutant::ClockNotRaised) {
                hlc = Hlc::default();
            }
            hlc = Hlc::after(hlc, wall);
            Sequenced { hlc, entry }
        });
        let run = Run {
            epoch,
            first: Seq(self.upto(epoch).0 + 1),
            prev: line.map(|line| line.head).unwrap_or_default(),
            entries: entries.collect(),
            signature: Signature([0; 64]),
        };
        let head = run.head();
        let run = run.signed(seal, &lease.group, head);
        self.add(&run, head, lease);
        (run, head)
    }

    pub(crate) fn fit(&self, run: &Run) -> Fit {
        let next = Seq(self.upto(run.epoch).0 + 1);
        if run.first > next {
            Fit::Gap
        } else if run.last() < next {
            Fit::Known
        } else {
            let known = next.0 - run.first.0;
            Fit::Next(usize::try_from(known).expect("fewer than the entries of a frame"))
        }
    }

    /// Adds the part of `run` that is next in its line, all but the first `known` entries, and returns it. `head` is
    /// the last; all that a run and its lease have to be true of is the caller's to check.
    pub(crate) fn append(&mut self, mut run: Run, known: usize, head: Hash, lease: &Lease) -> Run {
        if known > 0 {
            run.entries.drain(..known);
            run.first = Seq(run.first.0 + known as u64);
            run.prev = self
                .lines
                .get(&run.epoch)
                .map(|line| line.head)
                .unwrap_or_default();
        }
        self.add(&run, head, lease);
        run
    }

    /// Notes that a line is on disk up to `seq`.
    pub(crate) fn flush(&mut self, epoch: Epoch, seq: Seq) {
        if let Some(line) = self.lines.get_mut(&epoch) {
            line.flushed = line.flushed.max(seq).min(line.seq);
        }
    }

    /// Everything that is not known to be on disk, with the heads after it and the leases of its lines, one run for
    /// each signature, so that the disk has them all; `None` if memory has lost some of it.
    pub(crate) fn unflushed(&self) -> Option<Vec<(Run, Hash, Lease)>> {
        let mut runs = Vec::new();
        for (epoch, line) in self
            .lines
            .iter()
            .filter(|(_, line)| line.flushed < line.seq)
        {
            let mut behind = line.flushed;
            while behind < line.seq {
                let (run, _) = self.piece(*epoch, behind, 0, true)?;
                behind = run.last();
                let head = run.head();
                runs.push((run, head, line.lease.clone()));
            }
        }
        Some(runs)
    }

    /// What is lacked behind these places, if memory holds all that comes next; at most about [`CATCH_UP_SIZE`] bytes
    /// of it.
    pub(crate) fn recent_after(&self, lacked: &Vector) -> Option<Vec<Run>> {
        let mut runs = Vec::new();
        let mut room = CATCH_UP_SIZE;
        for (epoch, behind) in lacked {
            // What memory has of later lines could go first, but disk has to be asked anyway.
            let Some((run, size)) = self.piece(*epoch, *behind, room, runs.is_empty()) else {
                break;
            };
            let is_cut = run.last() < self.upto(*epoch);
            room = room.saturating_sub(size);
            runs.push(run);
            if is_cut {
                break;
            }
        }
        (!runs.is_empty()).then_some(runs)
    }

    /// The run in memory that comes right after `behind` in a line and takes at most `room` bytes, and what it takes.
    /// It ends where the host signed, and takes more room for that if it `must` be.
    fn piece(&self, epoch: Epoch, behind: Seq, room: usize, must: bool) -> Option<(Run, usize)> {
        let first = Seq(behind.0 + 1);
        let mut entries = Vec::new();
        let (mut prev, mut signed, mut size) = (None, None, RUN_SIZE);
        let recent = self.recent.range((epoch, first)..=(epoch, Seq(u64::MAX)));
        for (expected, ((_, seq), recent)) in (first.0..).zip(recent) {
            size += codec::entry_size(&recent.sequenced.entry);
            let is_full = size > room && (signed.is_some() || !must);
            if seq.0 != expected || is_full {
                break;
            }
            prev.get_or_insert(recent.prev);
            entries.push(recent.sequenced.clone());
            if let Some(signature) = recent.signature {
                signed = Some((entries.len(), signature, size));
            }
        }
        let (length, signature, size) = signed?;
        entries.truncate(length);
        let run = Run {
            epoch,
            first,
            prev: prev?,
            entries,
            signature,
        };
        Some((run, size))
    }

    fn add(&mut self, run: &Run, head: Hash, lease: &Lease) {
        let mut prev = run.prev;
        let last = run.last();
        for (place, sequenced) in run.places() {
            let signature = (place.seq == last).then_some(run.signature);
            self.note(place, sequenced, prev, signature);
            prev = sequenced.chain(prev);
        }
        self.digests.insert(older::block(run.epoch), None);
        let known = self.lines.remove(&run.epoch);
        let line = Line {
            seq: last,
            flushed: known.as_ref().map(|line| line.flushed).unwrap_or_default(),
            head,
            signature: run.signature,
            hlc: run.entries.last().map(|last| last.hlc).unwrap_or_default(),
            is_forked: known.as_ref().is_some_and(|line| line.is_forked),
            lease: known.map_or_else(|| lease.clone(), |line| line.lease),
        };
        self.lines.insert(run.epoch, line);
    }

    fn note(
        &mut self,
        place: Place,
        sequenced: &Sequenced,
        prev: Hash,
        signature: Option<Signature>,
    ) {
        self.hlc = self.hlc.max(place.hlc);
        let highest = self.authors.entry(sequenced.entry.author).or_default();
        *highest = (*highest).max(sequenced.entry.number);
        let key = (place.epoch, place.seq);
        let recent = Recent {
            sequenced: sequenced.clone(),
            prev,
            signature,
        };
        self.recent.insert(key, recent);
        self.recent_order.push_back(key);
        self.recent_size += codec::entry_size(&sequenced.entry);
        while let Some((epoch, seq)) = self.recent_order.front().copied()
            && self.recent_order.len() > RECENT_MAX
            && (self.flushed_upto(epoch) >= seq || self.recent_size > UNFLUSHED_SIZE_MAX)
        {
            self.recent_order.pop_front();
            if let Some(old) = self.recent.remove(&(epoch, seq)) {
                self.recent_size -= codec::entry_size(&old.sequenced.entry);
            }
        }
    }
}

fn digest_of<'a>(lines: impl Iterator<Item = (&'a Epoch, &'a Line)>) -> Hash {
    let mut said = Vec::new();
    for (epoch, line) in lines {
        said.extend_from_slice(&epoch.number.to_be_bytes());
        said.extend_from_slice(&epoch.host.0);
        said.extend_from_slice(&line.seq.0.to_be_bytes());
        said.extend_from_slice(&line.head.0);
    }
    Hash::of(&[&said])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::wire::Body;

    const EPOCH: Epoch = Epoch {
        number: 1,
        host: NodeId([1; 32]),
    };

    /// Signs as the host; what is signed is checked elsewhere.
    #[derive(Debug)]
    struct Mark;

    impl Seal for Mark {
        fn id(&self) -> NodeId {
            EPOCH.host
        }

        fn sign(&self, bytes: &[u8]) -> Signature {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&Hash::of(&[bytes]).0);
            Signature(signature)
        }

        fn verify(&self, _: &NodeId, bytes: &[u8], signature: &Signature) -> bool {
            self.sign(bytes) == *signature
        }
    }

    fn lease() -> Lease {
        let group = crate::proto::id::GroupName::parse("#hearth").unwrap();
        Lease::granted(&Mark, group, EPOCH, None)
    }

    fn entry(number: u64) -> Entry {
        let text = format!("line {number}");
        Entry {
            author: NodeId([2; 32]),
            number: Number(number),
            time: Wall(0),
            body: Body::Text { text },
            signature: Signature([u8::try_from(number % 250).unwrap(); 64]),
        }
    }

    fn placed(log: &mut Log, wall: u64, numbers: std::ops::RangeInclusive<u64>) -> Run {
        log.place(&Mark, &lease(), Wall(wall), numbers.map(entry).collect())
            .0
    }

    fn append(log: &mut Log, run: &Run) -> Fit {
        let fit = log.fit(run);
        if let Fit::Next(known) = fit {
            log.append(run.clone(), known, run.head(), &lease());
        }
        fit
    }

    #[test]
    fn a_run_is_trimmed_to_what_is_next_and_refused_behind_a_gap() {
        let mut host = Log::default();
        let pieces = [(1..=1), (2..=2), (3..=4)].map(|numbers| placed(&mut host, 5, numbers));
        let joined = Run {
            entries: pieces[1]
                .entries
                .iter()
                .chain(&pieces[2].entries)
                .cloned()
                .collect(),
            signature: pieces[2].signature,
            ..pieces[1].clone()
        };
        let mut member = Log::default();
        assert_eq!(append(&mut member, &pieces[1]), Fit::Gap);
        assert_eq!(append(&mut member, &pieces[0]), Fit::Next(0));
        assert_eq!(append(&mut member, &pieces[0]), Fit::Known);
        assert_eq!(append(&mut member, &pieces[1]), Fit::Next(0));
        assert_eq!(append(&mut member, &joined), Fit::Next(1));
        assert_eq!(member.summary(0), host.summary(0));
        assert_eq!(member.number(&NodeId([2; 32])), Number(4));
        let head = member.vouched(EPOCH, Seq(4)).unwrap();
        assert!(head.entries.is_empty() && head.is_genuine(&Mark, &lease().group, head.prev));
        assert_eq!(member.vouched(EPOCH, Seq(1)), host.vouched(EPOCH, Seq(1)));
        let behind = host
            .vouched(EPOCH, Seq(3))
            .expect("what follows vouches for it");
        assert_eq!((behind.first, behind.last()), (Seq(4), Seq(4)));
    }

    #[test]
    fn memory_serves_the_tail_and_asks_the_disk_for_the_rest() {
        let mut log = Log::default();
        let count = RECENT_MAX as u64 + 10;
        for number in 1..=count {
            placed(&mut log, number, number..=number);
        }
        let behind = |seq| Vector::from([(EPOCH, Seq(seq))]);
        assert!(
            log.recent_after(&behind(0)).is_some(),
            "what is not on disk stays in memory"
        );
        log.flush(EPOCH, Seq(count));
        placed(&mut log, 1, count + 1..=count + 1);
        assert_eq!(log.recent_after(&behind(0)), None);
        let tail = log.recent_after(&behind(500)).expect("in memory");
        assert_eq!(
            (tail.len(), tail[0].first, tail[0].last()),
            (1, Seq(501), Seq(523))
        );
        let head = log.vouched(EPOCH, Seq(523)).unwrap();
        assert_eq!(
            (tail[0].head(), tail[0].signature),
            (head.prev, head.signature)
        );
    }

    #[test]
    fn a_piece_ends_where_the_host_signed() {
        let mut log = Log::default();
        let long = |number| Entry {
            body: Body::Text {
                text: "x".repeat(10_000),
            },
            ..entry(number)
        };
        for numbers in [1..=2, 3..=6, 7..=7] {
            log.place(&Mark, &lease(), Wall(1), numbers.map(long).collect());
        }
        for (behind, last) in [(0, 2), (2, 6), (3, 6), (6, 7)] {
            let runs = log
                .recent_after(&Vector::from([(EPOCH, Seq(behind))]))
                .unwrap();
            assert_eq!(
                (runs.len(), runs[0].last()),
                (1, Seq(last)),
                "behind {behind}"
            );
            assert!(runs[0].is_genuine(&Mark, &lease().group, runs[0].head()));
        }
        let unflushed = log.unflushed().unwrap();
        let ends: Vec<_> = unflushed.iter().map(|(run, _, _)| run.last().0).collect();
        assert_eq!(ends, [2, 6, 7], "every signature goes to disk");
    }
}
