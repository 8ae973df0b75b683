//! How long a group is without a host: real processes, one fault each, and the time from it to the first confirmed
//! line of every survivor that was typed after it.
//!
//! `cargo bench --bench handover` takes about a minute; `FIRESIDE_REPEATS=25` repeats each fault that often.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[allow(dead_code, reason = "nothing is cut off here")]
#[path = "../chaos/ground.rs"]
mod ground;
#[allow(dead_code, unreachable_pub, reason = "only its notes are used")]
#[path = "../judge/mod.rs"]
mod judge;
#[allow(dead_code, reason = "nothing is cut off here")]
#[path = "../lan/namespace.rs"]
mod namespace;
#[allow(dead_code, reason = "nothing is thawed here")]
#[path = "../chaos/process.rs"]
mod process;
#[allow(dead_code, reason = "no database is read")]
#[path = "../chaos/read.rs"]
mod read;
#[allow(dead_code, unreachable_pub, reason = "a few draws are enough")]
#[path = "../sim/rng.rs"]
mod rng;
#[allow(dead_code, reason = "nobody comes back here")]
#[path = "../chaos/town.rs"]
mod town;

use std::time::{Duration, Instant};

use ground::Ground;
use rng::Rng;
use town::{PATIENCE, Town};

const SUPERNODES: usize = 3;
const PEOPLE: usize = 5;
/// How often each fault is repeated unless `FIRESIDE_REPEATS` says otherwise.
const REPEATS: u64 = 3;
/// From calm to the fault, so that it comes at any moment of whatever happens every few seconds.
const CALM_MS: (u64, u64) = (1_000, 3_000);
/// Between two lines of a survivor: as many as a host takes for long without pacing.
const TYPING: Duration = Duration::from_millis(500);
/// Survivors notice the fault at their first line after it, which comes at any moment within this time.
const FIRST_LINE_MS: u64 = 100;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Leave,
    HostCrash,
    HostFrozen,
    HostAndHeirCrash,
    SupernodeCrash,
}

/// The times of one fault's repetitions, in milliseconds.
struct Times {
    fault: Fault,
    answered: Vec<u64>,
    never: usize,
}

fn main() {
    // `cargo test --benches` starts it too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("not measured: use cargo bench --bench handover");
    }
    let repeats = std::env::var("FIRESIDE_REPEATS").ok();
    let repeats = repeats.map_or(REPEATS, |text| text.parse().expect("a number"));
    println!(
        "{PEOPLE} people, {SUPERNODES} supernodes, each fault {repeats} times; \
         from the fault to a survivor's next confirmed line, in ms"
    );
    println!(
        "{:<20} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "fault", "lines", "p50", "p99", "most", "never"
    );
    for fault in [
        Fault::Leave,
        Fault::HostCrash,
        Fault::HostFrozen,
        Fault::HostAndHeirCrash,
        Fault::SupernodeCrash,
    ] {
        let mut times = Times {
            fault,
            answered: Vec::new(),
            never: 0,
        };
        for repeat in 0..repeats {
            times.measure(&mut Rng::of(repeat, fault as u64));
        }
        println!("{}", times.row());
    }
}

impl Times {
    /// A group in calm, the fault, and the survivors' next lines.
    fn measure(&mut self, chance: &mut Rng) {
        let home = tempfile::tempdir().unwrap();
        let mut town = Town::new(Ground::loopback(), home.path(), SUPERNODES, PEOPLE);
        gather(&mut town);
        let (from, to) = CALM_MS;
        let calm = Duration::from_millis(chance.range(from, to));
        town.hears_until(Instant::now() + calm);

        let before = town.now_ms();
        let victims = self.fault.befalls(&mut town);
        let survivors: Vec<usize> = town.people().filter(|ix| !victims.contains(ix)).collect();
        let lines = survivors.iter().map(|ix| {
            let first = Duration::from_millis(chance.range(0, FIRST_LINE_MS));
            (*ix, Instant::now() + first, None)
        });
        let first_lines = type_until_confirmed(&mut town, lines.collect());
        for (ix, text) in first_lines {
            match town.nodes[ix].seen.confirmed_ms(&text) {
                Some(at_ms) => self.answered.push(at_ms - before),
                None => self.never += 1,
            }
        }
        assert!(town.complaints.is_empty(), "{:?}", town.complaints);
    }

    fn row(&mut self) -> String {
        self.answered.sort_unstable();
        let at = |permille: usize| {
            let rank = (self.answered.len() * permille).div_ceil(1000).max(1);
            let found = self.answered.get(rank - 1);
            found.map_or("-".to_owned(), ToString::to_string)
        };
        format!(
            "{:<20} {:>8} {:>8} {:>8} {:>8} {:>8}",
            self.fault.name(),
            self.answered.len(),
            at(500),
            at(990),
            at(1000),
            self.never
        )
    }
}

/// All come in, in order, and are confirmed.
fn gather(town: &mut Town) {
    for ix in town.people() {
        town.start(ix);
        town.waits("somebody to be in", |town| town.nodes[ix].seen.is_in);
    }
    for ix in town.people() {
        let text = town.says(ix, "");
        town.waits("a line to be confirmed", |town| {
            town.nodes[ix].seen.is_confirmed(&text)
        });
    }
    town.waits("two heirs", |town| {
        town.who_is("host").len() == 1 && town.who_is("heir").len() == 2
    });
}

/// Everybody types on until the first line is confirmed; who typed which first.
fn type_until_confirmed(
    town: &mut Town,
    mut typing: Vec<(usize, Instant, Option<String>)>,
) -> Vec<(usize, String)> {
    let end = Instant::now() + PATIENCE;
    let is_done = |town: &Town, typing: &[(usize, Instant, Option<String>)]| {
        typing.iter().all(|(ix, _, first)| {
            let text = first.as_ref();
            text.is_some_and(|text| town.nodes[*ix].seen.is_confirmed(text))
        })
    };
    while Instant::now() < end && !is_done(town, &typing) {
        let next = typing.iter().map(|(_, at, _)| *at).min().unwrap_or(end);
        if town.hears_one(next.min(end)) {
            continue;
        }
        let now = Instant::now();
        for (ix, at, first) in &mut typing {
            if *at <= now {
                let text = town.says(*ix, "");
                first.get_or_insert(text);
                *at = now + TYPING;
            }
        }
    }
    let firsts = typing.into_iter();
    firsts
        .filter_map(|(ix, _, first)| Some((ix, first?)))
        .collect()
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Leave => "clean leave",
            Self::HostCrash => "host crash",
            Self::HostFrozen => "host frozen",
            Self::HostAndHeirCrash => "host and heir crash",
            Self::SupernodeCrash => "supernode crash",
        }
    }

    /// Makes it happen; to whom it did.
    fn befalls(self, town: &mut Town) -> Vec<usize> {
        let host = town.who_is("host")[0];
        match self {
            Self::Leave => {
                town.dismiss(host, true);
                vec![host]
            }
            Self::HostCrash => {
                town.kill(&[host]);
                vec![host]
            }
            Self::HostFrozen => {
                let process = town.nodes[host].process.as_mut();
                process.expect("it runs").freezes();
                vec![host]
            }
            Self::HostAndHeirCrash => {
                let both = [host, town.who_is("heir")[0]];
                town.kill(&both);
                both.to_vec()
            }
            Self::SupernodeCrash => {
                let responsible = town.by_ring()[0];
                town.kill(&[responsible]);
                vec![responsible]
            }
        }
    }
}
