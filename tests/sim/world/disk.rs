//! The disks of a world: what is on its way to them, how full they are, and copies of them that are put back.

use fireside::proto::codec;
use fireside::proto::id::{EntryId, GroupName};
use fireside::proto::role::{Input, Moved, Ticket};
use fireside::proto::saved::Write;
use fireside::proto::wire::Vector;

use super::time::What;
use super::{Fault, Node, World};
use crate::disk::Kept;
use crate::link::NodeIx;

/// Whether a disk takes what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fullness {
    Roomy,
    Full,
    /// It takes writes again; lines it missed the middle of are refused until they are whole.
    Freed,
}

pub(super) enum Job {
    Write(Ticket, Vec<Write>),
    Fetch(Ticket, GroupName, Vector, Vector),
}

impl World {
    /// Keeps a copy of what is on a disk now.
    pub fn back_up(&mut self, ix: NodeIx) {
        self.nodes[ix].backup = Some(self.nodes[ix].disk.clone());
    }

    pub fn has_backup(&self, ix: NodeIx) -> bool {
        self.nodes[ix].backup.is_some()
    }

    /// Puts the copy back on the disk of a node that does not run, or nothing if there is none; its key stays.
    pub fn put_back(&mut self, ix: NodeIx) {
        assert!(!self.is_running(ix), "its disk is in use");
        let disk = self.nodes[ix].backup.clone();
        let what = if disk.is_some() {
            "has an old disk"
        } else {
            "has an empty disk"
        };
        self.say(ix, what);
        let node = &mut self.nodes[ix];
        node.disk = disk.unwrap_or_default();
        node.fullness = Fullness::Roomy;
        let log = |group: &GroupName| node.disk.log(group).map(|(p, id)| (id, p)).collect();
        let waits = |group: &GroupName, id| node.disk.keeps(group, id) == Kept::Waiting;
        let epoch = |group: &GroupName| node.disk.epoch(group);
        self.checker.ended(node.id, log, waits, epoch);
        self.checker.forgot(node.id);
        self.judged.forgot();
    }

    /// Loses all that is on the disk of a node that does not run, and all copies.
    pub fn wipe(&mut self, ix: NodeIx) {
        self.nodes[ix].backup = None;
        self.put_back(ix);
    }

    /// Fills a node's disk, or makes room on it again.
    pub fn fill_disk(&mut self, ix: NodeIx, is_full: bool) {
        self.nodes[ix].fullness = if is_full {
            Fullness::Full
        } else {
            Fullness::Freed
        };
    }

    /// How many bytes of log a node has given its disk that are not written yet.
    pub fn unwritten(&self, ix: NodeIx) -> usize {
        let jobs = self.nodes[ix].jobs.values();
        let writes = jobs.filter_map(|job| match job {
            Job::Write(_, writes) => Some(writes),
            Job::Fetch(..) => None,
        });
        let runs = writes.flatten().filter_map(|write| {
            if let Write::Run { run, .. } = write {
                Some(run)
            } else {
                None
            }
        });
        let entries = runs.flat_map(|run| &run.entries);
        entries.map(|placed| codec::entry_size(&placed.entry)).sum()
    }

    /// On how many disks an entry has a place.
    pub fn copies(&self, group: &GroupName, id: EntryId) -> usize {
        let keeps = |node: &&Node| node.disk.keeps(group, id) == Kept::Placed;
        self.nodes.iter().filter(keeps).count()
    }

    pub(super) fn disk_job(&mut self, ix: NodeIx, job: Job) {
        let (from, to) = self.weather.flush_ms;
        let took = self.rng.range(from, to);
        self.order += 1;
        let number = self.order;
        let node = &mut self.nodes[ix];
        let done = node.disk_busy_until.max(self.now) + took;
        if let (Some(Fault::EarlyReports), Job::Write(ticket, _)) = (self.fault, &job) {
            let (ticket, moved) = (*ticket, Vec::new());
            self.give_later(ix, 0, Input::Written { ticket, moved });
        }
        let node = &mut self.nodes[ix];
        node.disk_busy_until = done;
        node.jobs.insert(number, job);
        let run = node.run;
        self.schedule(done, What::Disk(ix, run, number));
    }

    pub(super) fn disk_done(&mut self, ix: NodeIx, number: u64) {
        let input = match self.nodes[ix].jobs.remove(&number) {
            None => return,
            Some(Job::Write(_, writes)) if self.fault == Some(Fault::EarlyReports) => {
                drop(self.write(ix, writes));
                return;
            }
            Some(Job::Write(ticket, writes)) => match self.write(ix, writes) {
                Ok(moved) => Input::Written { ticket, moved },
                Err(why) => Input::Unwritten { ticket, why },
            },
            Some(Job::Fetch(ticket, group, after, upto)) => {
                let (runs, more) = self.nodes[ix].disk.fetch(&group, &after, &upto);
                Input::Fetched { ticket, runs, more }
            }
        };
        self.give(ix, input);
    }

    pub(super) fn write(&mut self, ix: NodeIx, writes: Vec<Write>) -> Result<Vec<Moved>, String> {
        let node = &mut self.nodes[ix];
        if node.fullness == Fullness::Full {
            return Err("the disk is full".to_owned());
        }
        let is_evidence = |write: &Write| matches!(write, Write::Evidence { .. });
        if !self.has_liar && writes.iter().any(is_evidence) {
            let what = format!("{} found that somebody forked", node.name);
            self.checker.blame(what);
        }
        let node = &mut self.nodes[ix];
        let written = node.disk.write(writes);
        match &written {
            Err(wrong) if node.fullness == Fullness::Roomy => {
                let what = format!("{} at {} ms: {wrong}", node.name, self.now);
                self.checker.blame(what);
            }
            Err(_) | Ok(_) => {}
        }
        written
    }
}
