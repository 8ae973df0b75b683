//! A whole node: a role with its network and its disk, found by others and finding them.
//!
//! *Invariant:* nothing here decides what is said to whom, which is the roles', nor how it travels, which is the
//! network's. Every task here moves things from one bounded channel to another, and ends when its node does.

mod addresses;
mod ask;
mod client;
mod demo;
mod discovery;
mod embedded;
mod export;
mod lan;
mod mesh;
mod metrics;
mod operate;
mod past;
mod process;
mod resolve;
mod seek;
mod server;
mod wiring;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::{AddressPort, HostPort};
use crate::proto::admission::Admission;
use crate::proto::id::{Nick, NodeId, NodeName};
use crate::proto::wire::Roles;

pub use crate::net::quota::RELAY_LIMIT_KIB;
pub use crate::net::share::LINKS_PER_ADDRESS;
pub use ask::{Source, known_table};
pub use client::{ClientData, Handle};
pub use demo::Demo;
pub use export::Logs;
pub use metrics::PORT as METRICS_PORT;
pub use operate::{bury, introduce};
pub use server::{Reloaded, Server, serve};

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The data directory; whoever has it is this person.
    pub data: PathBuf,
    /// The nick to go by, if one was asked for; else the one kept in the data directory.
    pub nick: Option<Nick>,
    pub listen: SocketAddr,
    pub search: Search,
    /// Nodes elsewhere that invitations name, besides those that earlier ones have named.
    pub gates: Vec<SocketAddr>,
    /// Whether members are to be reached, and to reach us, through supernodes only.
    pub relay_only: bool,
    /// Whether the router we are behind may be asked to let members in.
    pub port_mapping: bool,
}

/// Where a client looks for mesh nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// At these places and nowhere else.
    Bootstrap(Vec<HostPort>),
    /// On this machine, at this port; and on the local network. If nobody is there it runs a node itself.
    Local { port: u16, lan: bool },
}

/// What a mesh node needs to know.
#[derive(Clone, Debug)]
pub struct MeshSettings {
    pub data: PathBuf,
    pub roles: Roles,
    pub name: Option<NodeName>,
    pub listen: SocketAddr,
    /// What others should dial, if the addresses of this machine are not it.
    pub advertise: Option<AddressPort>,
    pub bootstrap: Vec<HostPort>,
    /// Where figures are told to whoever watches, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Whom the mesh is open to.
    pub admission: Admission,
    /// Who may bury nodes and introduce others.
    pub operators: BTreeSet<NodeId>,
    /// Links that one address may have; a network of addresses and an identity have theirs accordingly.
    pub links_per_address: usize,
    /// What one identity may have relayed, in KiB a second; an address has several times as much.
    pub relay_limit_kib: usize,
}

/// Whom to ask for the table.
#[derive(Clone, Debug)]
pub struct AskSettings {
    pub bootstrap: Vec<HostPort>,
    /// Where a node of this machine would be.
    pub local_port: u16,
    /// Whether the local network is asked too.
    pub lan: bool,
    /// Where a table is kept from earlier.
    pub data: PathBuf,
}

/// The key of whoever owns a data directory.
const KEY_FILE: &str = "identity.key";

/// Feeds a role's jitter, so that a thousand clients that lose one supernode do not return in one moment.
fn seed() -> u64 {
    u64::from_le_bytes(random())
}

/// Random bytes of the system.
///
/// # Panics
/// On a system that has none; no key can be made there either.
fn random<const N: usize>() -> [u8; N] {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("a system without random bytes cannot run QUIC");
    bytes
}
