//! One end of making another node's log whole: what it has been sent, and what to send it next.
//!
//! Catching up, taking over, healing and pushing are this one operation. Memory and queues stay bounded: at
//! most [`WINDOW`] pieces are under way that the other end has not reported as stored.

use std::collections::{BTreeSet, VecDeque};

use super::log::Log;
use super::older;
use crate::proto::id::{Epoch, Seq};
use crate::proto::vector;
use crate::proto::wire::{Lease, Run, Vector};

/// Pieces (of about `CATCH_UP_SIZE` bytes) under way at once: an eighth of a link's send queue.
const WINDOW: usize = 4;

/// What one other node has, as far as we know or will have sent it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    /// Of lines in older blocks than `base` only those are named here that the other end may lack some of.
    sent: Vector,
    base: u64,
    /// Lines that the other node does not take from us.
    except: BTreeSet<Epoch>,
    /// What is stored at the other end once each piece under way has arrived.
    window: VecDeque<Vector>,
    fetch: Fetch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fetch {
    #[default]
    Idle,
    UnderWay,
    /// The disk did not have what the log says; waits until something is written.
    Dry,
}

/// What to do next for the other node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this.
    Send { leases: Vec<Lease>, runs: Vec<Run> },
    /// Ask the disk for what comes behind `after` in the lines in `upto`; then [`Feed::fetched`].
    Fetch { after: Vector, upto: Vector },
    /// Wait for the other end or for the disk.
    Wait,
    /// It has everything, or will have.
    Level,
}

impl Feed {
    /// For a node that has `theirs` of the lines from the block `base` on, and of older ones what we have.
    pub(crate) fn new(theirs: Vector, base: u64) -> Self {
        Self {
            sent: theirs,
            base,
            ..Self::default()
        }
    }

    pub(crate) fn step(&mut self, log: &Log) -> Step {
        let lacked = self.lacked(log);
        if lacked.is_empty() {
            return Step::Level;
        }
        if self.window.len() >= WINDOW || self.fetch != Fetch::Idle {
            return Step::Wait;
        }
        if let Some(runs) = log.recent_after(&lacked) {
            self.note(&runs);
            let leases = begun(log, &runs);
            Step::Send { leases, runs }
        } else {
            self.fetch = Fetch::UnderWay;
            let upto = lacked.keys().map(|epoch| (*epoch, log.upto(*epoch)));
            Step::Fetch {
                upto: upto.collect(),
                after: lacked,
            }
        }
    }

    /// Whether the other end has everything, or will have.
    pub(crate) fn is_level(&self, log: &Log) -> bool {
        self.lacked(log).is_empty()
    }

    /// The lines of which the other end lacks something, and behind what.
    fn lacked(&self, log: &Log) -> Vector {
        let older = self.sent.range(..older::start(self.base));
        let older = older.map(|(epoch, _)| (*epoch, log.upto(*epoch)));
        let lines = older.chain(log.ends(self.base));
        let lines = lines.filter(|(epoch, _)| !self.except.contains(epoch));
        let behind = lines.map(|(epoch, seq)| (epoch, vector::upto(&self.sent, epoch), seq));
        let lacked = behind.filter(|(_, sent, seq)| sent < seq);
        lacked.map(|(epoch, sent, _)| (epoch, sent)).collect()
    }

    /// In these older blocks the other end has what it `has`, and not what we have.
    pub(crate) fn open(&mut self, log: &Log, blocks: &[u64], has: &Vector) {
        for block in blocks.iter().filter(|block| **block < self.base) {
            for (epoch, _) in log.tips(*block..block + 1) {
                self.sent.insert(epoch, vector::upto(has, epoch));
            }
        }
    }

    /// The other end takes no more of this line.
    pub(crate) fn except(&mut self, log: &Log, epoch: Epoch) {
        if log.line(epoch).is_none() {
            return;
        }
        self.except.insert(epoch);
        for piece in &mut self.window {
            piece.remove(&epoch);
        }
        self.stored(&Vector::new());
    }

    /// Whether the other end has not said yet that it has what we sent it of this line.
    pub(crate) fn is_under_way(&self, epoch: Epoch) -> bool {
        self.window.iter().any(|piece| piece.contains_key(&epoch))
    }

    /// Whether the other end does not take this line from us.
    pub(crate) fn is_declined(&self, epoch: Epoch) -> bool {
        self.except.contains(&epoch)
    }

    /// What the disk had, less what has been sent meanwhile.
    pub(crate) fn fetched(&mut self, log: &Log, mut runs: Vec<Run>) -> (Vec<Lease>, Vec<Run>) {
        runs.retain(|run| {
            let next = vector::upto(&self.sent, run.epoch).0 + 1;
            let is_taken = !self.except.contains(&run.epoch);
            is_taken && run.first.0 <= next && run.last().0 >= next
        });
        self.fetch = if runs.is_empty() {
            Fetch::Dry
        } else {
            Fetch::Idle
        };
        self.note(&runs);
        (begun(log, &runs), runs)
    }

    /// Something was written to disk.
    pub(crate) fn written(&mut self) {
        if self.fetch == Fetch::Dry {
            self.fetch = Fetch::Idle;
        }
    }

    /// The other end reports what it has stored in all.
    pub(crate) fn stored(&mut self, stored: &Vector) {
        while self
            .window
            .front()
            .is_some_and(|piece| vector::covers(stored, piece))
        {
            self.window.pop_front();
        }
    }

    /// Whether `run`, just added to the log, is the next that the other end lacks, so that it can be sent as it
    /// is; if so it counts as sent.
    pub(crate) fn offer(&mut self, run: &Run) -> bool {
        if older::block(run.epoch) < self.base {
            // What is not named it had as we had it.
            let before = Seq(run.first.0 - 1);
            self.sent.entry(run.epoch).or_insert(before);
        }
        let is_next = vector::upto(&self.sent, run.epoch).0 + 1 == run.first.0;
        let is_idle = self.window.is_empty() && self.fetch == Fetch::Idle;
        let is_next = is_next && !self.except.contains(&run.epoch);
        if is_next && is_idle {
            vector::raise(&mut self.sent, run.epoch, run.last());
        }
        is_next && is_idle
    }

    /// The other end sent us `run`, so it has it.
    pub(crate) fn has(&mut self, run: &Run) {
        if vector::upto(&self.sent, run.epoch).0 + 1 >= run.first.0 {
            vector::raise(&mut self.sent, run.epoch, run.last());
        }
    }

    fn note(&mut self, runs: &[Run]) {
        let mut piece = Vector::new();
        for run in runs {
            vector::raise(&mut self.sent, run.epoch, run.last());
            piece.insert(run.epoch, run.last());
        }
        if !piece.is_empty() {
            self.window.push_back(piece);
        }
    }
}

/// The leases of the lines that begin with these runs.
fn begun(log: &Log, runs: &[Run]) -> Vec<Lease> {
    let first = runs.iter().filter(|run| run.first == Seq(1));
    let lines = first.filter_map(|run| log.line(run.epoch));
    lines.map(|line| line.lease.clone()).collect()
}
