//! Time in a world: what is about to happen, and when it does.

use std::cmp::Reverse;

use bytes::Bytes;
use fireside::proto::role::{DialId, Input};
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::Reason;

use super::World;
use super::links::Reach;
use crate::link::{LinkNo, NodeIx, Side};

/// Wall clock of a node whose clock is right, when the world begins: 2026-01-01.
const EPOCH_MS: u64 = 1_767_225_600_000;
/// Things that are about to happen: a crowd is some thousands of them, and more are messages that breed.
const HAPPENINGS_MAX: usize = 20_000;
/// Timeouts in a row without time passing that are taken for an endless loop.
const SPINS_MAX: u32 = 1_000;

pub(super) struct Happening {
    pub(super) at: u64,
    pub(super) order: u64,
    pub(super) what: What,
}

pub(super) enum What {
    /// The node is given an input, if it is still in this run.
    Give(NodeIx, u32, Input),
    Timer(NodeIx, u32),
    /// The node's disk is done with this job.
    Disk(NodeIx, u32, u64),
    /// A dial arrives at its target.
    Dialled(NodeIx, u32, DialId, Reach),
    /// An end learns that it is up.
    Up(LinkNo, Side),
    Arrive(LinkNo, Side, Bytes),
    /// An end learns that its link is gone.
    Lost(LinkNo, Side, Option<Reason>),
    /// An end of a link has heard nothing for a while, if it still is in this stall; or hears something again.
    Quiet(LinkNo, Side, u32),
    Heard(LinkNo, Side, u32),
    /// An end of a link that hears nothing, if it still is in this stall, gives up.
    GiveUp(LinkNo, Side, u32),
}

impl World {
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now + ms);
    }

    pub fn run_until(&mut self, end: u64) {
        while self.queue.peek().is_some_and(|next| next.0.at <= end) {
            let Some(Reverse(happening)) = self.queue.pop() else {
                return;
            };
            self.now = happening.at;
            let concerned = self.concerned(&happening.what);
            match concerned.and_then(|ix| self.nodes[ix].frozen.as_mut()) {
                Some((_, waiting)) => waiting.push(happening),
                None => self.happen(happening.what),
            }
            if self.sprung.is_some() {
                return;
            }
        }
        self.now = end;
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Give(ix, run, input) => {
                if self.nodes[ix].run == run {
                    self.give(ix, input);
                }
            }
            What::Timer(ix, run) => {
                if self.nodes[ix].run == run && self.nodes[ix].timer == Some(self.now) {
                    self.nodes[ix].timer = None;
                    self.count_spin(ix);
                    self.give(ix, Input::Timeout);
                }
            }
            What::Disk(ix, run, job) => {
                if self.nodes[ix].run == run {
                    self.disk_done(ix, job);
                }
            }
            What::Dialled(ix, run, dial, reach) => {
                if self.nodes[ix].run == run {
                    self.dialled(ix, dial, reach);
                }
            }
            What::Up(no, side) => self.up(no, side),
            What::Arrive(no, side, frame) => self.arrive(no, side, &frame),
            What::Lost(no, side, why) => self.lost(no, side, why),
            What::Quiet(no, side, stall) => {
                if self.is_still(no, side, stall) && self.links[&no].end(side).is_heeded {
                    self.hush(no, side, true);
                }
            }
            What::Heard(no, side, stall) => {
                if self.is_still(no, side, stall) {
                    self.hush(no, side, false);
                }
            }
            What::GiveUp(no, side, stall) => {
                if self.is_still(no, side, stall) {
                    self.give_up(no, side);
                }
            }
        }
    }

    /// The node whose process has to run for this to happen, of those that can be stopped now.
    fn concerned(&self, what: &What) -> Option<NodeIx> {
        match what {
            What::Give(ix, ..) | What::Timer(ix, ..) | What::Disk(ix, ..) => Some(*ix),
            What::Dialled(..) => None,
            What::Up(no, side)
            | What::Arrive(no, side, _)
            | What::Lost(no, side, _)
            | What::Quiet(no, side, _)
            | What::Heard(no, side, _)
            | What::GiveUp(no, side, _) => self.links.get(no).map(|link| link.end(*side).node),
        }
    }

    pub(super) fn schedule(&mut self, at: u64, what: What) {
        assert!(self.queue.len() < HAPPENINGS_MAX, "a storm of messages");
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Happening { at, order, what }));
    }

    pub(super) fn give_later(&mut self, ix: NodeIx, after: u64, input: Input) {
        let run = self.nodes[ix].run;
        self.schedule(self.now + after, What::Give(ix, run, input));
    }

    pub(super) fn set_timer(&mut self, ix: NodeIx, wanted: Option<Mono>) {
        let node = &mut self.nodes[ix];
        let world = |mono: Mono| (mono.0 + node.mono_stood).saturating_sub(node.mono_start);
        let at = wanted.map(|mono| world(mono).max(self.now));
        if node.timer != at {
            node.timer = at;
            let run = node.run;
            if let Some(at) = at {
                self.schedule(at, What::Timer(ix, run));
            }
        }
    }

    /// A role that always wants to be called at once would stop time.
    fn count_spin(&mut self, ix: NodeIx) {
        let spins = &mut self.nodes[ix].spins;
        *spins = if spins.0 == self.now {
            (self.now, spins.1 + 1)
        } else {
            (self.now, 0)
        };
        if spins.1 > SPINS_MAX {
            panic!("{} spins at {} ms", self.nodes[ix].name, self.now);
        }
    }

    pub(super) fn clocks(&self, ix: NodeIx) -> Now {
        let node = &self.nodes[ix];
        let wall = (EPOCH_MS + self.now).saturating_add_signed(node.wall_off);
        Now {
            mono: Mono(self.now + node.mono_start - node.mono_stood),
            wall: Wall(wall),
        }
    }
}

impl PartialEq for Happening {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Happening {}

impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Happening {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
