//! A driver under a puppet, on the simulated network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::gauge::Relayed;
use fireside::net::{Endpoint, driver};
use fireside::proto::role::Kind;
use fireside::proto::seal::Seal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::network::Network;
use crate::strings::{Strings, puppet};

/// In virtual time, which costs nothing.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Node {
    strings: Strings,
    network: Network,
    running: JoinHandle<anyhow::Result<()>>,
}

pub fn address(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 7_000 + u16::from(number)))
}

pub fn client(network: &Network, number: u8) -> Node {
    Node::start(network, number, Kind::Peer)
}

pub fn supernode(network: &Network, number: u8) -> Node {
    Node::start(network, number, Kind::Mesh)
}

/// One that relays so many KiB a second for one client, with what it counts.
pub fn limited_supernode(network: &Network, number: u8, limit_kib: usize) -> (Node, Arc<Relayed>) {
    let identity = Identity::from_seed([number; 32]);
    let endpoint = network.endpoint(&identity, address(number), Kind::Mesh);
    let endpoint = endpoint.relaying(limit_kib);
    let relayed = endpoint.relayed();
    let node = Node::run(network, address(number), &identity, endpoint);
    (node, relayed)
}

/// One that reaches peers at their addresses.
pub fn direct_client(network: &Network, number: u8) -> Node {
    let identity = Identity::from_seed([number; 32]);
    let endpoint = network.direct_endpoint(&identity, address(number));
    Node::run(network, address(number), &identity, endpoint)
}

/// One of those who take each other for housemates, at a loopback address.
pub fn inmate(network: &Network, number: u8, accepts: Kind, housemate: u8) -> Node {
    let [identity, housemate] = [number, housemate].map(|of| Identity::from_seed([of; 32]));
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, number), 7_000));
    let endpoint = network.endpoint(&identity, address, accepts);
    let endpoint = endpoint.beside(housemate.id());
    Node::run(network, address, &identity, endpoint)
}

impl Node {
    fn start(network: &Network, number: u8, accepts: Kind) -> Self {
        let identity = Identity::from_seed([number; 32]);
        let endpoint = network.endpoint(&identity, address(number), accepts);
        Self::run(network, address(number), &identity, endpoint)
    }

    fn run(
        network: &Network,
        address: SocketAddr,
        identity: &Identity,
        endpoint: Endpoint,
    ) -> Self {
        let (puppet, inputs, strings) = puppet();
        let (outputs, _unread) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let running = driver::run(Box::new(puppet), endpoint, inputs, outputs, stop);
        Self {
            strings: strings(identity.id(), address, PATIENCE),
            network: network.clone(),
            running: tokio::spawn(running),
        }
    }

    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// Ends it and its machine, without a word to anybody.
    pub fn dies(&self) {
        self.network.cut(self.ip());
        self.running.abort();
    }
}

impl Deref for Node {
    type Target = Strings;

    fn deref(&self) -> &Strings {
        &self.strings
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Strings {
        &mut self.strings
    }
}
