//! Real processes killed for real: a directory, supernodes and people as processes of their own, who talk while
//! chance kills, freezes, restarts and cuts off any of them. In the end the judge reads what everybody typed, what
//! they were told, and their databases.
//!
//! `SEED=n cargo test --test chaos -- --nocapture` replays the schedule of one round;
//! `FIRESIDE_KILLS=1000 cargo test --test chaos -- --nocapture` plays rounds until that many were killed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

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
mod totals;
mod town;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ground::Ground;
use round::Round;
use schedule::Schedule;
use totals::Totals;

/// Faults in a round of a plain `cargo test`, which plays one round on each ground.
const FAULTS: usize = 12;
/// Faults in a round of a long run.
const FAULTS_LONG: usize = 40;

#[test]
fn nothing_confirmed_is_lost_whoever_is_killed() {
    let began = Instant::now();
    let mut totals = Totals::default();
    let (seed, kills) = (number("SEED"), number("FIRESIDE_KILLS"));
    if let Some(seed) = seed {
        play(seed, &mut totals, kills.map_or(FAULTS, |_| FAULTS_LONG));
    } else if let Some(kills) = kills {
        let first = some_seed();
        for seed in first.. {
            if totals.kills() >= kills {
                break;
            }
            play(seed, &mut totals, FAULTS_LONG);
        }
    } else {
        for seed in 1..=2 {
            play(seed, &mut totals, FAULTS);
        }
    }
    totals.seconds = began.elapsed().as_secs();
    println!("{totals}");
    assert!(
        totals.failed.is_empty(),
        "seeds {:?} went wrong",
        totals.failed
    );
}

/// Plays one round. Every second one is on a network that can be cut, where one can be made.
fn play(seed: u64, totals: &mut Totals, faults: usize) {
    let wants_network = seed.is_multiple_of(2);
    let ground = wants_network.then(Ground::network).flatten();
    let ground = ground.unwrap_or_else(Ground::loopback);
    let schedule = Schedule::drawn(seed, faults, ground.can_be_cut());
    println!("seed {seed}, {} faults, {}", faults, ground.name());
    Round::new(seed, ground, schedule).play(totals);
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
