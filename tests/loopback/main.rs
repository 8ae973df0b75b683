//! The network for real: drivers, QUIC and sockets on 127.0.0.0/8, under roles that do what a test tells them.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for one thing, whatever else there will be"
)]

mod begun;
mod ends;
mod evil;
mod flood;
mod hostile;
mod puppet;
mod relay;
mod stranger;
#[allow(dead_code, reason = "some strings are pulled in other tests only")]
mod strings;
mod trust;
