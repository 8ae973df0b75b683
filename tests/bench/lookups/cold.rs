//! Cold look-ups: somebody new links with a directory, asks for the table, and leaves.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fireside::proto::seal::Hash;
use quinn::{ClientConfig, Endpoint};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::guest::{self, Guest};
use crate::server::{Server, Serves};

/// How many are under way at a time.
const AT_ONCE: usize = 16;
/// Rounds, in which both are measured in turn: so whoever else is busy on the machine slows both.
const ROUNDS: u32 = 4;
/// How long what a closed connection leaves behind is worked on.
const SETTLED: Duration = Duration::from_millis(400);

/// What one kind of visit cost, of the server's processor and by the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub count: f64,
    pub busy_s: f64,
    pub took_s: f64,
}

impl Cost {
    pub fn micros(self) -> f64 {
        self.busy_s * 1e6 / self.count
    }

    pub fn a_second(self) -> f64 {
        self.count / self.took_s
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.busy_s += other.busy_s;
        self.took_s += other.took_s;
    }
}

#[derive(Clone, Copy, Debug)]
enum Visit {
    Handshake,
    Table,
}

/// A bare handshake, and a look-up of the table of so many supernodes.
pub async fn measure(count: u32, records: u32) -> (Cost, Cost) {
    let bare = Server::start(Serves::Bare);
    let node = Server::start(Serves::Node {
        records,
        groups: 0,
        links_per_address: 1_000_000,
    });
    let endpoint = guest::endpoint(Ipv4Addr::LOCALHOST.into());
    let (mut handshakes, mut lookups) = (Cost::default(), Cost::default());
    for round in 0..ROUNDS {
        let numbers = round * count / ROUNDS..(round + 1) * count / ROUNDS;
        let configs: VecDeque<_> = numbers.map(guest::config).collect();
        handshakes.add(visits(&endpoint, &bare, configs.clone(), Visit::Handshake).await);
        lookups.add(visits(&endpoint, &node, configs, Visit::Table).await);
    }
    (handshakes, lookups)
}

async fn visits(
    endpoint: &Endpoint,
    server: &Server,
    configs: VecDeque<ClientConfig>,
    visit: Visit,
) -> Cost {
    let count = configs.len();
    let waiting = Arc::new(Mutex::new(configs));
    let (began, busy) = (Instant::now(), server.measured.busy());
    let mut visitors = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (endpoint, waiting) = (endpoint.clone(), Arc::clone(&waiting));
        let address = server.address;
        visitors.spawn(async move {
            while let Some(config) = next(&waiting) {
                pay(&endpoint, config, address, visit).await.unwrap();
            }
        });
    }
    visitors.join_all().await;
    let took_s = began.elapsed().as_secs_f64();
    sleep(SETTLED).await;
    Cost {
        count: count as f64,
        busy_s: server.measured.busy() - busy,
        took_s,
    }
}

fn next(waiting: &Mutex<VecDeque<ClientConfig>>) -> Option<ClientConfig> {
    waiting.lock().unwrap().pop_front()
}

async fn pay(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    visit: Visit,
) -> anyhow::Result<()> {
    match visit {
        Visit::Handshake => {
            let connection = guest::connect(endpoint, config, address).await?;
            connection.closed().await;
        }
        Visit::Table => lookup(endpoint, config, address).await?,
    }
    Ok(())
}

/// One cold look-up.
pub async fn lookup(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let mut guest = Guest::link(endpoint, config, address).await?;
    let table = guest.table(Hash::default()).await?;
    assert!(!table.is_empty(), "a node lists itself at least");
    guest.leave();
    Ok(())
}
