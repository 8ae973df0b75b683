//! The lease and heir rules in the small: every order in which a few nodes' messages, timers, disks, crashes
//! and cuts can come, over the roles of the product.
//!
//! `FIRESIDE_STATES=5000000 cargo test --release --test model -- --nocapture` goes further than the default.

#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation
)]

mod bites;
mod cast;
#[path = "../sim/disk.rs"]
#[allow(dead_code)]
mod disk;
mod explore;
mod facts;
mod local;
mod model;
mod normal;
mod rest;
mod rules;
mod scene;
#[path = "../sim/seal.rs"]
mod seal;
mod seen;
mod small;
mod state;
mod trace;
