//! The protocol's pure core: what every role says, remembers and decides.
//!
//! *Invariant:* nothing here does I/O, reads a clock, draws a random number, spawns a task or names another
//! module of ours. Time comes in as [`time::Now`], keys as [`seal::Seal`], the network as typed messages on
//! ordered, breakable links, and the disk as tickets that come back. The same code therefore runs over QUIC
//! and in the simulator, and a seed replays it exactly; which is also why only ordered maps are used.

mod actions;
pub mod admission;
pub mod client;
pub mod codec;
pub mod command;
pub mod event;
pub mod figures;
pub(crate) mod group;
pub mod id;
pub mod invite;
pub mod limits;
mod links;
mod membership;
pub mod mutant;
pub mod node;
mod packet;
pub mod past;
pub mod path;
pub mod ring;
pub mod role;
pub mod rules;
pub mod ruling;
pub mod saved;
pub mod seal;
mod supernode;
pub mod table;
pub mod time;
pub mod vector;
pub mod verify;
pub mod whois;
pub mod wire;
