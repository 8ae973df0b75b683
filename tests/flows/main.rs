//! What people do, with the real binary over the loopback: each client is a process that is typed to and read.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod alone;
mod away;
mod handover;
mod harness;
mod invited;
mod names;
mod operator;
mod past;
mod private;
mod rules;
mod servers;
mod together;
mod verified;
