//! What is measured: a process of its own, so that its memory and its processor time are its own.
//!
//! It is this bench started again. Its node is the product's, on the product's network and with its log, but for two
//! things: nothing is written to disk, and the nodes of its table exist in that table alone, so that its dials to them
//! are let go and they are never missed. Beside it, a bare QUIC server that does handshakes and nothing else.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use fireside::identity::Identity;
use fireside::net::{Endpoint, driver, tls};
use fireside::node::RELAY_LIMIT_KIB;
use fireside::proto::figures::Figures;
use fireside::proto::id::{Epoch, GroupName, NodeName};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{Input, Kind, Output, Role};
use fireside::proto::saved::Saved;
use fireside::proto::seal::{Seal, Signature};
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{GroupRecord, Lease, Listed, Liveness, Record, Roles};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::measured::Measured;

/// The first argument of the process that is measured.
pub const FLAG: &str = "--serve";
/// Inputs and outputs that may wait between a driver and what stands for its disk.
const QUEUE: usize = 1024;
/// Times in records and leases: a day in 2026.
const THEN: Wall = Wall(1_767_225_600_000);

/// What to start.
#[derive(Clone, Copy, Debug)]
pub enum Serves {
    /// A directory and supernode.
    Node {
        /// Other supernodes in its table.
        records: u32,
        /// Groups that it keeps the record of.
        groups: u32,
        links_per_address: usize,
    },
    /// Handshakes with the same certificates, and nothing else.
    Bare,
}

/// A running one.
pub struct Server {
    pub measured: Measured,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(serves: Serves) -> Self {
        let arguments = match serves {
            Serves::Node {
                records,
                groups,
                links_per_address,
            } => vec![
                records.to_string(),
                groups.to_string(),
                links_per_address.to_string(),
            ],
            Serves::Bare => Vec::new(),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        let (measured, ready, _) =
            Measured::start(command.arg(FLAG).args(arguments), |line| !line.is_empty());
        let address = ready.trim().parse().unwrap();
        Self { measured, address }
    }
}

/// The process that is measured, from its arguments behind [`FLAG`].
pub fn serve(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let numbers: Vec<u32> = arguments.iter().map(|text| text.parse().unwrap()).collect();
    runtime.block_on(async {
        match numbers[..] {
            [records, groups, links] => node(records, groups, links as usize).await,
            _ => bare().await,
        }
    });
}

fn own() -> Identity {
    Identity::from_seed([0xf1; 32])
}

/// Says where it listens, and waits for the parent to end.
async fn until_alone(address: SocketAddr) {
    println!("{address}");
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    let _ = ended.await;
}

async fn node(records: u32, groups: u32, links_per_address: usize) {
    // The journal is thrown away, and its lines are made all the same.
    let _level = fireside::log::to_stderr(LevelFilter::INFO);
    let identity = own();
    let endpoint = Endpoint::bind(&identity, local(), Kind::Mesh)
        .unwrap()
        .sharing(links_per_address)
        .relaying(RELAY_LIMIT_KIB);
    let address = endpoint.local_addr().unwrap();
    let saved = Saved {
        table: (0..records).map(listed).collect(),
        records: (0..groups).map(|number| (kept(number), THEN)).collect(),
        ..Saved::default()
    };
    let (name, roles) = (NodeName::parse("measured").unwrap(), roles(true));
    // Whom it does not watch it never holds for dead.
    let node = MeshNode::new(Arc::new(identity), name, roles, saved, 1).unwatched();
    let (inputs, taken) = mpsc::channel(QUEUE);
    let (told, outputs) = mpsc::channel(QUEUE);
    let addresses = vec![address];
    inputs.send(Input::Addresses { addresses }).await.unwrap();
    tokio::spawn(disk(inputs, outputs));
    // A task of its own, as in the product: what runs on the main thread is woken from others at a price.
    let running = tokio::spawn(driver::run(
        Box::new(Homebody(node)),
        endpoint,
        taken,
        told,
        CancellationToken::new(),
    ));
    tokio::select! {
        ended = running => panic!("the driver ended: {ended:?}"),
        () = until_alone(address) => {}
    }
}

fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn roles(directory: bool) -> Roles {
    Roles {
        directory,
        supernode: true,
    }
}

/// Says of everything that it is written.
async fn disk(inputs: mpsc::Sender<Input>, mut outputs: mpsc::Receiver<Output>) {
    while let Some(output) = outputs.recv().await {
        if let Output::Write { ticket, .. } = output {
            let moved = Vec::new();
            let _ = inputs.send(Input::Written { ticket, moved }).await;
        }
    }
}

/// A node whose dials lead nowhere and take for ever.
struct Homebody(MeshNode);

impl Role for Homebody {
    fn handle(&mut self, now: Now, input: Input) {
        self.0.handle(now, input);
    }

    fn poll(&mut self) -> Option<Output> {
        let is_dial = |output: &Output| matches!(output, Output::Dial { .. });
        std::iter::from_fn(|| self.0.poll()).find(|output| !is_dial(output))
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.0.poll_timeout()
    }

    fn figures(&self) -> Figures {
        self.0.figures()
    }
}

/// Supernodes for which the addresses suffice.
pub const RECORDS_MAX: u32 = 4_096;

/// A supernode of the table, in the network that is kept for benchmarks (RFC 2544), eight to a /24 as is allowed.
pub fn listed(number: u32) -> Listed {
    let mut seed = [0x5e; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let [_, _, half, network] = (number / 8).to_be_bytes();
    let host = u8::try_from(number % 8 + 1).unwrap();
    let record = Record {
        name: NodeName::parse(&format!("node-{number}")).unwrap(),
        key: fireside::proto::id::NodeId([0; 32]),
        clock: 1_000,
        addresses: vec![(Ipv4Addr::new(198, 18 + half, network, host), 7700).into()],
        roles: roles(false),
        tombstone: false,
        signature: Signature([0; 64]),
    };
    Listed {
        record: record.signed(&Identity::from_seed(seed)),
        liveness: Liveness::Alive,
        since: THEN,
    }
}

/// The name of a group that the node keeps the record of.
pub fn group(number: u32) -> GroupName {
    GroupName::parse(&format!("#kept-{number}")).unwrap()
}

fn kept(number: u32) -> GroupRecord {
    let identity = own();
    let epoch = Epoch {
        number: 7,
        host: identity.id(),
    };
    GroupRecord {
        lease: Lease::granted(&identity, group(number), epoch, None),
        roster: vec![identity.id(); 3],
        charter: None,
        quiet_ms: 0,
    }
}

/// Answers handshakes, and closes.
async fn bare() {
    let tls = tls::server(&own(), Kind::Mesh);
    let config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let endpoint = quinn::Endpoint::server(config, local()).unwrap();
    let accepted = endpoint.clone();
    let answering = tokio::spawn(async move {
        while let Some(incoming) = accepted.accept().await {
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    connection.close(0_u32.into(), b"");
                    connection.closed().await;
                }
            });
        }
    });
    tokio::select! {
        ended = answering => panic!("the endpoint ended: {ended:?}"),
        () = until_alone(endpoint.local_addr().unwrap()) => {}
    }
}
