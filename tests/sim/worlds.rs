//! Random worlds: chance decides who comes, speaks, leaves, crashes and returns, and how bad the network is.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::blows::{Blow, Forgetful, Relief};
use crate::link::NodeIx;
use crate::rng::Rng;
use crate::town::Town;
use crate::weather::{Trouble, Weather};
use crate::world::Fault;

pub const GROUPS: [&str; 2] = ["#hearth", "#garden"];
const NICKS: [&str; 8] = ["anna", "bob", "cat", "dan", "eve", "fay", "gus", "hal"];
/// Worlds in a plain `cargo test`: a few seconds.
const WORLDS: u64 = 300;

/// What one world did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    virtual_ms: u64,
    /// How long it took to come to rest, and in which world.
    settled: (u64, u64),
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
         {} entries moved; at rest after {} ms at most (seed {}); {:.0} worlds/s, {:.0} events/s",
        first + count - 1,
        total.virtual_ms as f64 / 3_600_000.0,
        total.lines,
        total.joins,
        total.handovers,
        total.moved,
        total.settled.0,
        total.settled.1,
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
pub struct Play {
    pub town: Town,
    pub chance: Rng,
    pub trouble: Trouble,
    pub forgetful: Forgetful,
    /// What is to be made good, by when.
    pub reliefs: Vec<(u64, Relief)>,
    pub renamed: u64,
    pub blows: BTreeMap<Blow, u64>,
    pub aimed: u64,
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
        town.world.weather = Weather::drawn(&mut chance, trouble);
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
        self.town.world.weather.calm();
        let settled_ms = self.town.judge()?;
        let counts = self.town.world.checker.counts;
        Ok(Outcome {
            virtual_ms: self.town.world.now(),
            settled: (settled_ms, self.town.world.seed),
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
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.virtual_ms += other.virtual_ms;
        self.settled = self.settled.max(other.settled);
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
