//! Real processes killed for real: a directory, supernodes and people as processes of their own, who talk while
//! chance kills, freezes, restarts and cuts off any of them. In the end the judge reads what everybody typed, what
//! they were told, and their databases.
//!
//! `SEED=n cargo test --test chaos -- --nocapture` replays the schedule of one round of a plain run (add
//! `FIRESIDE_KILLS=1` for one of a long run);
//! `FIRESIDE_KILLS=1000 cargo test --test chaos -- --nocapture` plays rounds until that many were killed;
//! `FIRESIDE_TURNS=1 cargo test --test chaos in_turn -- --nocapture` kills each node of a town of 33.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod ending;
mod ground;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the simulated worlds are judged by it too"
)]
#[path = "../judge/mod.rs"]
mod judge;
#[path = "../lan/namespace.rs"]
mod namespace;
mod process;
mod read;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the simulated worlds draw from it too"
)]
#[path = "../sim/rng.rs"]
mod rng;
mod round;
mod schedule;
mod split;
mod totals;
mod town;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ground::Ground;
use rng::Rng;
use round::Round;
use schedule::{Deed, Fault, Moment, Schedule, Victim};
use totals::Totals;

/// Faults in a round of a plain `cargo test`, which plays one round on each ground.
const FAULTS: usize = 20;
/// Faults in a round of a long run.
const FAULTS_LONG: usize = 40;
/// Rounds that are played at once in a long run: they wait for most of the time.
const AT_ONCE: usize = 4;

#[test]
fn nothing_confirmed_is_lost_whoever_is_killed() {
    let began = Instant::now();
    let (seed, kills) = (number("SEED"), number("FIRESIDE_KILLS"));
    let mut totals = match (seed, kills) {
        (Some(seed), None) => play(seed, FAULTS),
        (Some(seed), Some(_)) => play(seed, FAULTS_LONG),
        (None, Some(kills)) => play_until(kills),
        (None, None) => play_both(),
    };
    totals.seconds = began.elapsed().as_secs();
    println!("{totals}");
    let failed = &totals.failed;
    assert!(failed.is_empty(), "seeds {failed:?} went wrong");
}

#[test]
fn a_host_whose_heirs_are_frozen_confirms_nothing_that_its_disk_alone_has() {
    let strand = Fault {
        deed: Deed::Strand,
        moment: Moment::Any,
        victims: vec![Victim::Host],
        for_ms: 1_500,
    };
    let schedule = Schedule {
        supernodes: 2,
        people: 4,
        directories: 1,
        faults: vec![(1_500, strand)],
        chance: Rng::of(1, 1),
    };
    let totals = Round::new(1, Ground::loopback(), schedule).play();
    assert!(totals.failed.is_empty(), "confirmed lines are gone");
}

/// `FIRESIDE_TURNS=n`: three directories, twenty supernodes and ten people, each killed n times.
#[test]
fn every_node_of_a_town_dies_and_comes_back_in_turn_while_people_talk() {
    let schedule = match number("FIRESIDE_TURNS") {
        Some(turns) => Schedule::in_turn([3, 20, 10], turns as usize, 2_500),
        None => Schedule::in_turn([2, 3, 3], 1, 1_000),
    };
    let began = Instant::now();
    let mut totals = Round::new(1, Ground::loopback(), schedule).play();
    totals.seconds = began.elapsed().as_secs();
    println!("{totals}");
    assert!(totals.failed.is_empty(), "confirmed lines are gone");
}

/// One round on each ground.
fn play_both() -> Totals {
    let mut totals = Totals::default();
    thread::scope(|threads| {
        let rounds = [1, 2].map(|seed| threads.spawn(move || play(seed, FAULTS)));
        for round in rounds {
            totals.take_in(round.join().unwrap());
        }
    });
    totals
}

/// Rounds, several at once, until so many were killed.
fn play_until(kills: u64) -> Totals {
    let totals = Mutex::new(Totals::default());
    let next = AtomicU64::new(some_seed());
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while totals.lock().unwrap().kills() < kills {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let round = play(seed, FAULTS_LONG);
                    totals.lock().unwrap().take_in(round);
                }
            });
        }
    });
    totals.into_inner().unwrap()
}

/// Plays one round. Every second one is on a network that can be cut, where one can be made.
fn play(seed: u64, faults: usize) -> Totals {
    let wants_network = seed.is_multiple_of(2);
    let ground = wants_network.then(Ground::network).flatten();
    let ground = ground.unwrap_or_else(Ground::loopback);
    let schedule = Schedule::drawn(seed, faults, ground.can_be_cut());
    Round::new(seed, ground, schedule).play()
}

/// A seed that no other run had; it is printed.
fn some_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() % 100_000 * 100
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
