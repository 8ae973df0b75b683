//! Random worlds: chance decides who comes, speaks, leaves, crashes and returns, and how bad the network is.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::link::NodeIx;
use crate::rng::Rng;
use crate::town::Town;
use crate::world::{Fault, Moment, Weather};

const GROUPS: [&str; 2] = ["#hearth", "#garden"];
const NICKS: [&str; 8] = ["anna", "bob", "cat", "dan", "eve", "fay", "gus", "hal"];
/// Worlds in a plain `cargo test`: a few seconds.
const WORLDS: u64 = 300;

/// Frames in a thousand that are lost at most when all is well.
const CALM_LOSS_PERMILLE: u64 = 30;

/// How much is allowed to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// People come and go by their own word.
    Calm,
    /// Clients crash and return, links break.
    Rough,
    /// Mesh nodes crash, the network parts, clocks jump.
    Storm,
}

/// One way to make life hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
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
enum Relief {
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
enum Forgetful {
    People,
    Mesh,
}

/// What one world did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    virtual_ms: u64,
    settled_ms: u64,
    events: u64,
    lines: u64,
    joins: u64,
    handovers: u64,
    moved: u64,
    blows: BTreeMap<Blow, u64>,
    /// Blows that fell into a small window of the protocol.
    aimed: u64,
}

#[test]
fn worlds() {
    if let Some(seed) = number("SEED") {
        println!("{:?}", Play::new(seed, false, None).trouble);
        match one(seed, true, None) {
            Ok(outcome) => println!("seed {seed}: {outcome:?}"),
            Err(wrong) => panic!("seed {seed}:\n{wrong}"),
        }
        return;
    }
    let first = number("FIRESIDE_FIRST_SEED").unwrap_or(1);
    let count = number("FIRESIDE_WORLDS").unwrap_or(WORLDS);
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let totals = Mutex::new((Outcome::default(), BTreeMap::new()));
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let outcome = one(seed, false, None);
                    let (total, failed) = &mut *totals.lock().unwrap();
                    match outcome {
                        Ok(outcome) => total.add(outcome),
                        Err(wrong) => drop(failed.insert(seed, wrong)),
                    }
                }
            });
        }
    });
    let (total, failed) = totals.into_inner().unwrap();
    let took = began.elapsed().as_secs_f64();
    println!(
        "{count} worlds (seeds {first} to {}): {:.1} virtual hours, {} lines, {} joins, {} handovers, \
         {} entries moved; at rest after {} ms at most; {:.0} worlds/s, {:.0} events/s",
        first + count - 1,
        total.virtual_ms as f64 / 3_600_000.0,
        total.lines,
        total.joins,
        total.handovers,
        total.moved,
        total.settled_ms,
        count as f64 / took,
        total.events as f64 / took,
    );
    let blows = total.blows.iter();
    let blows: Vec<_> = blows
        .map(|(blow, count)| format!("{blow:?} {count}"))
        .collect();
    println!(
        "blows: {}; {} of them aimed at a small window",
        blows.join(", "),
        total.aimed
    );
    for (seed, wrong) in failed.iter().take(10) {
        println!("SEED={seed} cargo test --test sim worlds -- --nocapture\n{wrong}");
    }
    assert!(
        failed.is_empty(),
        "{} of {count} worlds went wrong; seeds {:?}",
        failed.len(),
        failed.keys().take(50).collect::<Vec<_>>()
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// One world whose contract is broken on purpose.
pub fn with_fault(seed: u64, fault: Fault) -> Result<Outcome, String> {
    one(seed, false, Some(fault))
}

/// One world by the rules.
pub fn goes_well(seed: u64) -> Result<Outcome, String> {
    one(seed, false, None)
}

/// One world from its seed.
fn one(seed: u64, trace: bool, fault: Option<Fault>) -> Result<Outcome, String> {
    let run = AssertUnwindSafe(|| Play::new(seed, trace, fault).run());
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("  panicked: {}", text.unwrap_or_default()))
    })
}

/// A world in the making.
struct Play {
    town: Town,
    chance: Rng,
    trouble: Trouble,
    forgetful: Forgetful,
    /// What is to be made good, by when.
    reliefs: Vec<(u64, Relief)>,
    renamed: u64,
    blows: BTreeMap<Blow, u64>,
    aimed: u64,
}

impl Play {
    fn new(seed: u64, trace: bool, fault: Option<Fault>) -> Self {
        let mut chance = Rng::of(seed, 2);
        let trouble = match chance.range(0, 9) {
            0..=2 => Trouble::Calm,
            3..=6 => Trouble::Rough,
            _ => Trouble::Storm,
        };
        let supernodes = chance.range(1, 4) as u8;
        let mut town = Town::new(seed, chance.range(1, 2) as u8, supernodes);
        town.world.trace = trace;
        town.world.fault = fault;
        town.world.weather = weather(&mut chance, trouble);
        Self {
            town,
            chance,
            trouble,
            forgetful: if seed.is_multiple_of(2) {
                Forgetful::People
            } else {
                Forgetful::Mesh
            },
            reliefs: Vec::new(),
            renamed: 0,
            blows: BTreeMap::new(),
            aimed: 0,
        }
    }

    fn run(mut self) -> Result<Outcome, String> {
        self.town.start_mesh();
        self.town.run(self.chance.range(0, 5_000));
        let people = self.chance.range(2, NICKS.len() as u64 - 1) as usize;
        for nick in &NICKS[..people] {
            let who = self.town.person(nick);
            let off = self.chance.range(0, 120_000) as i64 - 60_000;
            let off = if self.chance.chance(1, 3) { off } else { 0 };
            self.town.world.set_clock(who, off);
            self.town.start(who);
            self.town.join(who, GROUPS[0]);
            self.town.run(self.chance.range(0, 2_000));
        }
        for _ in 0..self.chance.range(10, 60) {
            self.deed();
            let pause = match self.chance.range(0, 9) {
                0..=3 => 0,
                4..=8 => self.chance.range(1, 2_000),
                _ => self.chance.range(2_000, 20_000),
            };
            self.run_for(pause);
            self.relieve(self.town.world.now());
        }
        self.town.world.ambush = None;
        self.relieve(u64::MAX);
        // Whoever judges waits for calm; what was lost by then stays lost.
        let weather = &mut self.town.world.weather;
        weather.breaks_per_million = 0;
        weather.spikes_permille = 0;
        weather.loss_permille = weather.loss_permille.min(CALM_LOSS_PERMILLE);
        let settled_ms = self.town.judge()?;
        let counts = self.town.world.checker.counts;
        Ok(Outcome {
            virtual_ms: self.town.world.now(),
            settled_ms,
            events: self.town.world.happened.events,
            lines: counts.lines,
            joins: counts.joins,
            handovers: counts.handovers,
            moved: counts.moved,
            blows: self.blows,
            aimed: self.aimed,
        })
    }

    /// Lets time pass, and strikes where something was lain in wait for.
    fn run_for(&mut self, ms: u64) {
        let end = self.town.world.now() + ms;
        loop {
            self.town.world.run_until(end);
            let Some((from, to)) = self.town.world.sprung.take() else {
                return;
            };
            self.aimed += 1;
            let mesh = self.chance.pick(&self.town.supernodes).copied();
            let whom = match self.chance.range(0, 4) {
                0 | 1 => from,
                2 | 3 => to,
                _ => mesh.unwrap_or(from),
            };
            self.blow(whom, Some(if whom == from { to } else { from }));
        }
    }

    /// One thing that somebody does, or that happens to somebody.
    fn deed(&mut self) {
        let people = self.town.people.clone();
        let Some(&who) = self.chance.pick(&people) else {
            return;
        };
        let group = GROUPS[usize::from(self.chance.chance(1, 5))];
        if !self.town.world.is_running(who) {
            self.town.start(who);
            return self.town.join(who, GROUPS[0]);
        }
        if self.trouble == Trouble::Storm && self.chance.chance(1, 4) {
            let nodes = self.town.world.nodes().count() as u64;
            let ix = self.chance.range(0, nodes - 1) as usize;
            self.town.world.back_up(ix);
        }
        if self.trouble == Trouble::Storm && self.chance.chance(1, 6) {
            return self.disaster(who);
        }
        match self.chance.range(0, 99) {
            0..=49 => self.speak(who, group),
            50..=62 => self.town.join(who, group),
            63..=70 => self.town.part(who, group),
            71..=74 => self.rename(who),
            75..=77 => self.town.topic(who, group),
            78..=84 => self.town.quit(who),
            85..=99 if self.trouble == Trouble::Calm => self.speak(who, group),
            85..=91 => self.crash(who),
            92..=94 => self.town.world.cut(who),
            _ => self.speak(who, group),
        }
    }

    fn speak(&mut self, who: NodeIx, group: &str) {
        // Now and then a whole paragraph at once, and more than a host takes without pacing.
        let lines = match self.chance.range(0, 19) {
            0 => self.chance.range(5, 25),
            1..=4 => 3,
            _ => 1,
        };
        for _ in 0..lines {
            self.town.say(who, group);
        }
    }

    fn rename(&mut self, who: NodeIx) {
        self.renamed += 1;
        let nick = if self.chance.chance(1, 3) {
            self.chance.pick(&NICKS).map(ToString::to_string)
        } else {
            Some(format!("nick{}", self.renamed))
        };
        self.town.rename(who, &nick.unwrap_or_default());
    }

    fn crash(&mut self, ix: NodeIx) {
        self.count(Blow::Crash);
        self.town.crash(ix);
        self.later(10, 30_000, Relief::Start(ix));
    }

    /// Something bad happens now to anybody, or at the next moment of some kind to those who are in it.
    fn disaster(&mut self, who: NodeIx) {
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
    fn blow(&mut self, ix: NodeIx, other: Option<NodeIx>) {
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
    fn relieve(&mut self, now: u64) {
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

fn weather(chance: &mut Rng, trouble: Trouble) -> Weather {
    let far = [5, 30, 120, 300];
    let most = chance.pick(&far).copied().unwrap_or(30);
    let slow = [2, 20, 300];
    let flush = chance.pick(&slow).copied().unwrap_or(20);
    let loss = match trouble {
        Trouble::Storm if chance.chance(1, 3) => 300,
        Trouble::Calm | Trouble::Rough | Trouble::Storm => CALM_LOSS_PERMILLE,
    };
    Weather {
        distance_ms: (1, most),
        jitter_ms: chance.range(0, 30),
        loss_permille: chance.range(0, loss),
        spikes_permille: match trouble {
            Trouble::Calm => 0,
            Trouble::Rough | Trouble::Storm => chance.range(0, 5),
        },
        breaks_per_million: match trouble {
            Trouble::Calm => 0,
            Trouble::Rough | Trouble::Storm => chance.range(0, 500),
        },
        flush_ms: (1, flush),
        ..Weather::default()
    }
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.virtual_ms += other.virtual_ms;
        self.settled_ms = self.settled_ms.max(other.settled_ms);
        self.events += other.events;
        self.lines += other.lines;
        self.joins += other.joins;
        self.handovers += other.handovers;
        self.moved += other.moved;
        self.aimed += other.aimed;
        for (blow, count) in other.blows {
            *self.blows.entry(blow).or_default() += count;
        }
    }
}
