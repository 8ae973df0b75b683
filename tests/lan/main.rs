//! People on several machines of a local network who configured nothing, with the real binary in network
//! namespaces. Where those cannot be made, all of it is skipped, and says so.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod alone;
mod days;
#[allow(dead_code, reason = "part of it is for servers and single machines")]
#[path = "../flows/harness.rs"]
mod harness;
mod leaving;
mod meeting;
mod namespace;
mod network;
