//! The network shell in virtual time: drivers, QUIC, TLS and the relay as they are, over a simulated UDP network under
//! a paused clock. Hours of silence, loss and outage take seconds.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for one thing, whatever else there will be"
)]

mod direct;
#[allow(dead_code, reason = "nobody looks into the disks here")]
#[path = "../sim/disk.rs"]
mod disk;
mod links;
mod network;
mod node;
mod relayed;
#[allow(dead_code, reason = "loss is all that is drawn here")]
#[path = "../sim/rng.rs"]
mod rng;
mod sharing;
#[allow(dead_code, reason = "some strings are pulled in other tests only")]
#[path = "../loopback/strings.rs"]
mod strings;
mod talk;
mod town;
mod written;
