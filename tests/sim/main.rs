//! The protocol in simulated worlds: the roles of the product, driven by their contract under a virtual clock.
//!
//! `FIRESIDE_WORLDS=20000 cargo test --release --test sim worlds -- --nocapture` runs many;
//! `SEED=n cargo test --test sim worlds -- --nocapture` replays one and prints what happened in it.

#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod bites;
mod blows;
mod charter;
mod checker;
mod closed;
mod copies;
#[allow(dead_code, reason = "its costs are of interest to the bench")]
#[path = "../bench/mesh/crowd.rs"]
mod crowd;
mod deposed;
mod directories;
mod disk;
mod door;
mod forgers;
mod found;
mod hostile;
mod invites;
mod islands;
#[allow(dead_code, reason = "nobody is gone for good here")]
#[path = "../judge/mod.rs"]
mod judge;
mod judged;
mod large;
mod liar;
mod liars;
mod link;
mod liveness;
mod membership;
mod merges;
mod moment;
mod moves;
mod mutants;
mod opinions;
mod out;
mod own;
mod private;
mod rng;
mod scenarios;
mod seal;
mod town;
mod twisted;
mod weather;
mod world;
mod worlds;
mod years;
