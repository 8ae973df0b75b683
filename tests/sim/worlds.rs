//! Random worlds: chance decides who comes, speaks, leaves, crashes and returns, and how bad the network is.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::link::NodeIx;
use crate::rng::Rng;
use crate::town::Town;
use crate::world::{Fault, Weather};

const GROUPS: [&str; 2] = ["#hearth", "#garden"];
const NICKS: [&str; 8] = ["anna", "bob", "cat", "dan", "eve", "fay", "gus", "hal"];
/// Worlds in a plain `cargo test`: a few seconds.
const WORLDS: u64 = 300;

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

/// What one world did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    virtual_ms: u64,
    settled_ms: u64,
    events: u64,
    lines: u64,
    joins: u64,
    handovers: u64,
    moved: u64,
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
    /// Crashed nodes, by when they return.
    returning: Vec<(u64, NodeIx)>,
    heals_at: Option<u64>,
    renamed: u64,
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
            returning: Vec::new(),
            heals_at: None,
            renamed: 0,
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
            self.town.run(pause);
            self.bring_back(self.town.world.now());
        }
        self.bring_back(u64::MAX);
        // Whoever judges waits for calm; what was lost by then stays lost.
        self.town.world.weather.breaks_per_million = 0;
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
        })
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
        self.town.crash(ix);
        let back = self.town.world.now() + self.chance.range(10, 30_000);
        self.returning.push((back, ix));
    }

    fn disaster(&mut self, who: NodeIx) {
        match self.chance.range(0, 3) {
            0 | 1 => {
                let mesh = [&*self.town.supernodes, &*self.town.directories].concat();
                if let Some(&ix) = self.chance.pick(&mesh) {
                    self.crash(ix);
                }
            }
            2 if self.heals_at.is_none() => {
                let nodes = self.town.world.nodes().count();
                let sides = (0..nodes).map(|ix| (ix, self.chance.range(0, 1) as u8));
                let sides = sides.collect();
                self.town.world.partition(sides);
                let until = self.town.world.now() + self.chance.range(100, 40_000);
                self.heals_at = Some(until);
            }
            _ => {
                let off = self.chance.range(0, 600_000) as i64 - 300_000;
                self.town.world.set_clock(who, off);
            }
        }
    }

    /// Starts again what was to be back by `now`, and heals the network.
    fn bring_back(&mut self, now: u64) {
        if self.heals_at.is_some_and(|at| at <= now) {
            self.heals_at = None;
            self.town.world.heal();
        }
        let returning = std::mem::take(&mut self.returning);
        for (at, ix) in returning {
            if at <= now {
                self.town.start(ix);
            } else {
                self.returning.push((at, ix));
            }
        }
    }
}

fn weather(chance: &mut Rng, trouble: Trouble) -> Weather {
    let far = [5, 30, 120, 300];
    let most = chance.pick(&far).copied().unwrap_or(30);
    let slow = [2, 20, 300];
    let flush = chance.pick(&slow).copied().unwrap_or(20);
    Weather {
        distance_ms: (1, most),
        jitter_ms: chance.range(0, 30),
        loss_permille: chance.range(0, 30),
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
    }
}
