//! What one node has of a group's log: how far each epoch's line goes, and the recent entries themselves.
//!
//! The whole log is on disk; in memory are its vector, its hash chain's heads, each author's highest number,
//! and the entries that came last, which is what most of those who catch up lack.

use std::collections::{BTreeMap, VecDeque};

use crate::proto::codec;
use crate::proto::id::{Epoch, NodeId, Number, Place, Seq};
use crate::proto::limits::{CATCH_UP_SIZE, VECTOR_SIZE_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::saved::SavedGroup;
use crate::proto::seal::Hash;
use crate::proto::time::{Hlc, Wall};
use crate::proto::vector;
use crate::proto::wire::{Entry, Run, Sequenced, Vector};

/// Entries kept in memory for those who lack only the last few.
const RECENT_MAX: usize = 512;
/// Entries kept in memory while the disk does not take them.
const UNFLUSHED_MAX: usize = 65_536;

/// The state of a group's log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    vector: Vector,
    heads: BTreeMap<Epoch, Hash>,
    /// What of it is known to be on disk.
    flushed: Vector,
    hlc: Hlc,
    authors: BTreeMap<NodeId, Number>,
    recent: BTreeMap<(Epoch, Seq), Sequenced>,
    recent_order: VecDeque<(Epoch, Seq)>,
}

/// What came of adding a run.
#[derive(Debug)]
pub(crate) enum Appended {
    /// Some of it was next in its line: that part, and the head of the chain after it.
    Grew { run: Run, head: Hash },
    /// All of it was there already.
    Known,
    /// It begins behind a gap.
    Gap,
}

impl Log {
    pub(crate) fn restored(saved: &SavedGroup) -> Self {
        let vector: Vector = saved
            .lines
            .iter()
            .map(|(epoch, (seq, _))| (*epoch, *seq))
            .collect();
        Self {
            flushed: vector.clone(),
            vector,
            heads: saved
                .lines
                .iter()
                .map(|(epoch, (_, head))| (*epoch, *head))
                .collect(),
            hlc: saved.hlc,
            authors: saved.authors.clone(),
            recent: BTreeMap::new(),
            recent_order: VecDeque::new(),
        }
    }

    pub(crate) fn vector(&self) -> &Vector {
        &self.vector
    }

    pub(crate) fn flushed(&self) -> &Vector {
        &self.flushed
    }

    /// The highest number among an author's entries here; zero if there is none.
    pub(crate) fn number(&self, author: &NodeId) -> Number {
        self.authors.get(author).copied().unwrap_or_default()
    }

    /// Gives entries the next places in `epoch`'s line, as its host.
    pub(crate) fn place(&mut self, epoch: Epoch, wall: Wall, entries: Vec<Entry>) -> (Run, Hash) {
        let first = Seq(vector::upto(&self.vector, epoch).0 + 1);
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
            first,
            entries: entries.collect(),
        };
        let head = self.add(&run);
        (run, head)
    }

    /// Adds the part of `run` that is next in its line. Signatures are the caller's to check.
    pub(crate) fn append(&mut self, mut run: Run) -> Appended {
        // More lines than a vector can name could not be told to anybody.
        if self.vector.len() >= VECTOR_SIZE_MAX && !self.vector.contains_key(&run.epoch) {
            return Appended::Known;
        }
        let next = Seq(vector::upto(&self.vector, run.epoch).0 + 1);
        if run.first > next {
            return Appended::Gap;
        }
        if run.last() < next {
            return Appended::Known;
        }
        let known =
            usize::try_from(next.0 - run.first.0).expect("fewer than the entries of a frame");
        run.entries.drain(..known);
        run.first = next;
        let head = self.add(&run);
        Appended::Grew { run, head }
    }

    /// Notes that a line is on disk up to `seq`.
    pub(crate) fn flush(&mut self, epoch: Epoch, seq: Seq) {
        vector::raise(&mut self.flushed, epoch, seq);
    }

    /// Everything that is not known to be on disk, with the heads of its lines; `None` if memory has lost some
    /// of it.
    pub(crate) fn unflushed(&self) -> Option<Vec<(Run, Hash)>> {
        let behind = self
            .vector
            .iter()
            .filter(|(epoch, seq)| vector::upto(&self.flushed, **epoch) < **seq);
        let runs = behind.map(|(epoch, upto)| {
            let first = Seq(vector::upto(&self.flushed, *epoch).0 + 1);
            let entries: Vec<_> = self
                .recent
                .range((*epoch, first)..=(*epoch, *upto))
                .map(|(_, s)| s.clone())
                .collect();
            let run = Run {
                epoch: *epoch,
                first,
                entries,
            };
            (run.last() == *upto).then(|| (run, self.heads.get(epoch).copied().unwrap_or_default()))
        });
        runs.collect()
    }

    /// What the owner of `after` lacks, if memory holds all that comes next for it; at most about
    /// [`CATCH_UP_SIZE`] bytes of it. Empty if it lacks nothing.
    pub(crate) fn recent_after(&self, after: &Vector) -> Option<Vec<Run>> {
        let mut runs = Vec::new();
        let mut size = 0;
        for (epoch, upto) in &self.vector {
            let first = Seq(vector::upto(after, *epoch).0 + 1);
            if first > *upto {
                continue;
            }
            if !self.recent.contains_key(&(*epoch, first)) {
                // What memory has of later lines could go first, but disk has to be asked anyway.
                return if runs.is_empty() { None } else { Some(runs) };
            }
            let mut run = Run {
                epoch: *epoch,
                first,
                entries: Vec::new(),
            };
            for (expected, ((_, seq), sequenced)) in
                (first.0..).zip(self.recent.range((*epoch, first)..=(*epoch, *upto)))
            {
                size += codec::entry_size(&sequenced.entry);
                let is_full = size > CATCH_UP_SIZE && !(run.entries.is_empty() && runs.is_empty());
                if seq.0 != expected || is_full {
                    break;
                }
                run.entries.push(sequenced.clone());
            }
            let is_cut = run.last() < *upto;
            if !run.entries.is_empty() {
                runs.push(run);
            }
            if is_cut {
                break;
            }
        }
        Some(runs)
    }

    fn add(&mut self, run: &Run) -> Hash {
        let mut head = self.heads.get(&run.epoch).copied().unwrap_or_default();
        for (place, sequenced) in run.places() {
            head = sequenced.chain(head);
            self.note(place, sequenced);
        }
        self.heads.insert(run.epoch, head);
        vector::raise(&mut self.vector, run.epoch, run.last());
        head
    }

    fn note(&mut self, place: Place, sequenced: &Sequenced) {
        self.hlc = self.hlc.max(place.hlc);
        let highest = self.authors.entry(sequenced.entry.author).or_default();
        *highest = (*highest).max(sequenced.entry.number);
        let key = (place.epoch, place.seq);
        self.recent.insert(key, sequenced.clone());
        self.recent_order.push_back(key);
        while let Some((epoch, seq)) = self.recent_order.front().copied()
            && self.recent_order.len() > RECENT_MAX
            && (vector::upto(&self.flushed, epoch) >= seq
                || self.recent_order.len() > UNFLUSHED_MAX)
        {
            self.recent_order.pop_front();
            self.recent.remove(&(epoch, seq));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::seal::Signature;
    use crate::proto::wire::Body;

    const EPOCH: Epoch = Epoch {
        number: 1,
        host: NodeId([1; 32]),
    };

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

    #[test]
    fn a_run_is_trimmed_to_what_is_next_and_refused_behind_a_gap() {
        let mut host = Log::default();
        let (run, head) = host.place(EPOCH, Wall(5), (1..=4).map(entry).collect());
        let mut member = Log::default();
        let piece = |from: usize, to: usize| Run {
            epoch: EPOCH,
            first: Seq(from as u64 + 1),
            entries: run.entries[from..to].to_vec(),
        };
        assert!(matches!(member.append(piece(1, 2)), Appended::Gap));
        assert!(matches!(member.append(piece(0, 2)), Appended::Grew { .. }));
        assert!(matches!(member.append(piece(0, 2)), Appended::Known));
        let Appended::Grew {
            run: rest,
            head: same_head,
        } = member.append(piece(1, 4))
        else {
            panic!("the last two are new")
        };
        assert_eq!(rest.first, Seq(3));
        assert_eq!(same_head, head);
        assert_eq!(member.vector(), host.vector());
        assert_eq!(member.number(&NodeId([2; 32])), Number(4));
    }

    #[test]
    fn memory_serves_the_tail_and_asks_the_disk_for_the_rest() {
        let mut log = Log::default();
        for number in 1..=(RECENT_MAX as u64 + 10) {
            log.place(EPOCH, Wall(number), vec![entry(number)]);
        }
        assert!(
            log.recent_after(&Vector::new()).is_some(),
            "what is not on disk stays in memory"
        );
        log.flush(EPOCH, Seq(RECENT_MAX as u64 + 10));
        log.place(EPOCH, Wall(1), vec![entry(RECENT_MAX as u64 + 11)]);
        assert!(log.recent_after(&Vector::new()).is_none());
        let tail = log
            .recent_after(&Vector::from([(EPOCH, Seq(500))]))
            .expect("in memory");
        assert_eq!(
            (tail.len(), tail[0].first, tail[0].last()),
            (1, Seq(501), Seq(523))
        );
        assert_eq!(log.recent_after(log.vector()), Some(vec![]));
    }
}
