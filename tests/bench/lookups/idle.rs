//! Links on which nobody says anything: what they take of a supernode's memory, and of its processor.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fireside::proto::seal::Hash;
use quinn::{ClientConfig, Endpoint};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::guest::{self, Guest};
use crate::server::{Server, Serves};

/// Sockets that the links are spread over, as those of a supernode's clients are.
const SOCKETS: u32 = 64;
/// Links that are made at a time.
const AT_ONCE: usize = 16;
/// Links before it is looked how much is in use: what the first ones take they leave to the others.
const FIRST: u32 = 200;
const TRIES_MAX: u32 = 5;
/// How long what a handshake leaves behind is worked on.
const SETTLED: Duration = Duration::from_secs(3);
const WATCHED: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Kilobytes a link.
    pub memory: f64,
    /// Links a second, while they were made.
    pub made: f64,
    /// Of one processor.
    pub busy: f64,
    /// Links that were there all the time.
    pub held: usize,
}

/// So many links of as many identities, which have fetched the table of so many supernodes as every client does.
pub async fn measure(links: u32, records: u32) -> Idle {
    let server = Server::start(Serves::Node {
        records,
        groups: 0,
        links_per_address: 1_000_000,
    });
    let first = link(&server, 0..FIRST).await;
    sleep(SETTLED).await;
    let before = server.measured.memory();
    let began = Instant::now();
    let others = link(&server, FIRST..links + FIRST).await;
    let took = began.elapsed();
    sleep(SETTLED).await;
    let memory = (server.measured.memory() - before) / f64::from(links);
    let (began, busy) = (Instant::now(), server.measured.busy());
    sleep(WATCHED).await;
    let busy = (server.measured.busy() - busy) / began.elapsed().as_secs_f64();
    let is_there = |guest: &&Guest| guest.connection.close_reason().is_none();
    Idle {
        memory,
        made: f64::from(links) / took.as_secs_f64(),
        busy,
        held: first.iter().chain(&others).filter(is_there).count(),
    }
}

async fn link(server: &Server, numbers: std::ops::Range<u32>) -> Vec<Guest> {
    let sockets = (0..SOCKETS).map(|_| guest::endpoint(Ipv4Addr::LOCALHOST.into()));
    let sockets: Arc<[_]> = sockets.collect();
    let next = Arc::new(AtomicU32::new(numbers.start));
    let mut linking = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (sockets, next) = (Arc::clone(&sockets), Arc::clone(&next));
        let (address, end) = (server.address, numbers.end);
        linking.spawn(async move {
            let mut linked = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return linked;
                }
                let socket = &sockets[(number % SOCKETS) as usize];
                let config = guest::config(number);
                linked.push(client(socket, config, address).await.unwrap());
            }
        });
    }
    linking.join_all().await.into_iter().flatten().collect()
}

/// A client as they are: on a machine that is too busy for a handshake in time it dials again.
async fn client(
    socket: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
) -> anyhow::Result<Guest> {
    let mut tries = 0;
    loop {
        let linked = async {
            let mut guest = Guest::link(socket, config.clone(), address).await?;
            guest.table(Hash::default()).await?;
            Ok(guest)
        };
        match linked.await {
            Err(error) if tries == TRIES_MAX => return Err(error),
            Err(_) => tries += 1,
            linked => return linked,
        }
    }
}
