//! People behind the routers of the world, with the real binary: a small Internet of network namespaces. Where it
//! cannot be made, all of it is skipped, and says so.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod asking;
mod canary;
mod faults;
mod gateway;
#[allow(dead_code, reason = "part of it is for servers and single machines")]
#[path = "../flows/harness.rs"]
mod harness;
mod igd;
mod inside;
mod internet;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the simulated worlds are judged by it too"
)]
#[path = "../judge/mod.rs"]
mod judge;
mod long;
mod mapping;
mod matrix;
#[path = "../lan/namespace.rs"]
mod namespace;
mod people;
#[path = "../chaos/read.rs"]
mod read;
mod relayed;
mod roaming;
mod router;
mod wall;
