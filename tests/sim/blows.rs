//! What goes wrong in a random world, when, to whom, and what ends it.

use std::collections::BTreeMap;

use crate::link::NodeIx;
use crate::moment::Moment;
use crate::worlds::{GROUPS, Play};

/// One way to make life hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// A process dies, and starts again with its disk.
    Crash,
    /// It dies, and starts with an empty disk and its old key.
    LostDisk,
    /// It dies, and starts with the disk it had some time before.
    OldDisk,
    /// It stops, and goes on.
    Pause,
    /// All its links break.
    Cut,
    FullDisk,
    Clock,
    /// Two nodes do not reach each other, and everybody else does.
    Rift,
    /// One does not hear another that hears it.
    OneWayRift,
    Partition,
    /// One side of the network does not hear the other, and is heard by it.
    OneWayPartition,
}

/// What ends a blow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relief {
    Start(NodeIx),
    Thaw(NodeIx),
    Room(NodeIx),
    Unmute(Vec<NodeIx>, Vec<NodeIx>),
    Heal,
}

/// Whose disks lose what they had. What a person forgets the mesh remembers, and the other way round; that
/// both forget at once is not promised to be survived. A mesh that is parted may remember too little: it stays
/// whole where people forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgetful {
    People,
    Mesh,
}

impl Play {
    pub fn crash(&mut self, ix: NodeIx) {
        self.count(Blow::Crash);
        self.town.crash(ix);
        self.later(10, 30_000, Relief::Start(ix));
    }

    /// Something bad happens now to anybody, or at the next moment of some kind to those who are in it.
    pub fn disaster(&mut self, who: NodeIx) {
        if self.chance.chance(1, 3) {
            self.town.world.ambush = self.chance.pick(&Moment::ALL).copied();
            return;
        }
        let mesh = [&*self.town.supernodes, &*self.town.directories].concat();
        let node = self.chance.pick(&mesh).copied().unwrap_or(who);
        let whom = if self.chance.chance(1, 2) { who } else { node };
        self.blow(whom, None);
    }

    /// A blow falls on a node, and if it takes two, on the other.
    pub fn blow(&mut self, ix: NodeIx, other: Option<NodeIx>) {
        if !self.town.world.is_running(ix) {
            return;
        }
        let nodes = self.town.world.nodes().count();
        let all: Vec<_> = (0..nodes).filter(|other| *other != ix).collect();
        let other = other
            .or_else(|| self.chance.pick(&all).copied())
            .unwrap_or(ix);
        match self.chance.range(0, 19) {
            0..=4 => self.crash(ix),
            5 | 6 => self.tamper(ix),
            7..=9 => {
                self.count(Blow::Pause);
                self.town.world.freeze(ix);
                let most = self.chance.pick(&[1_000, 5_000, 30_000]).copied();
                self.later(300, most.unwrap_or(1_000), Relief::Thaw(ix));
            }
            10 => {
                self.count(Blow::Cut);
                self.town.world.cut(ix);
            }
            11 => {
                self.count(Blow::FullDisk);
                self.town.world.fill_disk(ix, true);
                self.later(100, 40_000, Relief::Room(ix));
            }
            12 | 13 => self.set_clock(ix),
            14 | 15 if !self.may_part(ix) && !self.may_part(other) => self.crash(ix),
            14 => self.rift(Blow::Rift, vec![ix], vec![other]),
            15 => self.rift(Blow::OneWayRift, vec![ix], vec![other]),
            16 | 17 => {
                self.count(Blow::Partition);
                let mut sides = BTreeMap::new();
                for ix in 0..nodes {
                    let is_there = self.chance.chance(1, 2) && self.may_part(ix);
                    sides.insert(ix, u8::from(is_there));
                }
                self.town.world.partition(sides);
                self.later(100, 40_000, Relief::Heal);
            }
            _ => {
                let halves: Vec<_> = (0..nodes).map(|_| self.chance.chance(1, 2)).collect();
                let is_here = |ix: &NodeIx| halves[*ix] || !self.may_part(*ix);
                let (here, there) = (0..nodes).partition(is_here);
                self.rift(Blow::OneWayPartition, here, there);
            }
        }
    }

    /// Whether a node may be on another side of a partition than the mesh.
    fn may_part(&self, ix: NodeIx) -> bool {
        self.forgetful == Forgetful::Mesh || self.town.people.contains(&ix)
    }

    /// These do not reach those for a while, and, but for one-way rifts, those do not reach these.
    fn rift(&mut self, blow: Blow, these: Vec<NodeIx>, those: Vec<NodeIx>) {
        self.count(blow);
        let (from, to) = self
            .chance
            .pick(&[(0, 5_000), (5_000, 40_000)])
            .copied()
            .unwrap_or_default();
        let until = self.town.world.now() + self.chance.range(from, to);
        self.town.world.mute(&these, &those);
        if blow == Blow::Rift {
            self.town.world.mute(&those, &these);
            let back = Relief::Unmute(those.clone(), these.clone());
            self.reliefs.push((until, back));
        }
        self.reliefs.push((until, Relief::Unmute(these, those)));
    }

    /// A process dies and comes back to a disk that does not have all that was on it.
    fn tamper(&mut self, ix: NodeIx) {
        let is_person = self.town.people.contains(&ix);
        if is_person != (self.forgetful == Forgetful::People) {
            return self.crash(ix);
        }
        self.town.crash(ix);
        if self.chance.chance(5, 6) && self.town.world.has_backup(ix) {
            self.count(Blow::OldDisk);
            self.town.world.put_back(ix);
        } else {
            self.count(Blow::LostDisk);
            self.town.world.wipe(ix);
        }
        self.later(10, 30_000, Relief::Start(ix));
    }

    fn set_clock(&mut self, ix: NodeIx) {
        self.count(Blow::Clock);
        const HOUR_MS: i64 = 3_600_000;
        let off = match self.chance.range(0, 9) {
            0..=3 => self.chance.range(0, 600_000) as i64 - 300_000,
            4 | 5 => HOUR_MS,
            6 | 7 => -HOUR_MS,
            8 => -365 * 24 * HOUR_MS,
            _ => 0,
        };
        self.town.world.set_clock(ix, off);
    }

    fn count(&mut self, blow: Blow) {
        *self.blows.entry(blow).or_default() += 1;
    }

    fn later(&mut self, from: u64, to: u64, relief: Relief) {
        let at = self.town.world.now() + self.chance.range(from, to);
        self.reliefs.push((at, relief));
    }

    /// Makes good what was to be by `now`.
    pub fn relieve(&mut self, now: u64) {
        let (due, rest) = std::mem::take(&mut self.reliefs)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.reliefs = rest;
        for (_, relief) in due {
            match relief {
                Relief::Start(ix) => {
                    self.town.start(ix);
                    // Who has forgotten everything is not in the group, and may come in again.
                    if self.chance.chance(1, 2) && self.town.people.contains(&ix) {
                        self.town.join(ix, GROUPS[0]);
                    }
                }
                Relief::Thaw(ix) => self.town.world.thaw(ix),
                Relief::Room(ix) => self.town.world.fill_disk(ix, false),
                Relief::Unmute(from, to) => self.town.world.unmute(&from, &to),
                Relief::Heal => self.town.world.heal(),
            }
        }
    }
}
