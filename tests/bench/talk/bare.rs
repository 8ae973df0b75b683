//! The least that QUIC can do it for: a process that gives every line it hears to everybody, on a stream for each.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::role::Kind;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::measured::Measured;
use crate::{PATIENCE, line};

/// The first argument of that process.
pub const FLAG: &str = "--fan-out";
/// Lines that may wait for one guest.
const QUEUE: usize = 4_096;

pub struct Bare {
    pub measured: Measured,
    address: SocketAddr,
}

impl Bare {
    pub fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let is_sign = |line: &str| !line.is_empty();
        let (measured, ready, _) = Measured::start(command.arg(FLAG), is_sign);
        let address = ready.trim().parse().unwrap();
        Self { measured, address }
    }

    pub async fn guests(&self, count: usize) -> Guests {
        let identity = Identity::from_seed([0xc2; 32]);
        let config = ClientConfig::new(Arc::new(tls::client(&identity, Kind::Mesh)));
        let (tell, heard) = mpsc::unbounded_channel();
        let mut guests = Vec::new();
        for _ in 0..count {
            let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let name = tls::server_name(None);
            let connecting = endpoint.connect_with(config.clone(), self.address, &name);
            let connection = connecting.unwrap().await.unwrap();
            let (mut send, receive) = connection.open_bi().await.unwrap();
            send.write_all(b"\n").await.unwrap();
            tokio::spawn(listen(receive, tell.clone()));
            guests.push((connection, send));
        }
        let mut guests = Guests { guests, heard };
        // Everybody has heard the last one come in.
        for _ in 0..count * (count + 1) / 2 {
            guests.hears().await;
        }
        guests
    }
}

/// Tells of each line, and when it came.
async fn listen(receive: RecvStream, tell: mpsc::UnboundedSender<(String, Instant)>) {
    let mut lines = BufReader::new(receive).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // Nobody counts at the end.
        let _ = tell.send((line, Instant::now()));
    }
}

pub struct Guests {
    guests: Vec<(Connection, SendStream)>,
    heard: mpsc::UnboundedReceiver<(String, Instant)>,
}

impl Guests {
    async fn hears(&mut self) -> (String, Instant) {
        let heard = timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("every line is heard").unwrap()
    }

    /// Has the guests say so many lines in turn, and waits until everybody has heard each: how long that took each
    /// time.
    pub async fn talk(&mut self, lines: usize, pause: Duration) -> Vec<Duration> {
        let mut due = interval(pause);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = BTreeMap::new();
        let mut delays = Vec::new();
        while delays.len() < lines * self.guests.len() {
            tokio::select! {
                _ = due.tick(), if said.len() < lines => {
                    let at = said.len() % self.guests.len();
                    let text = line(said.len());
                    let sent = format!("{text}\n");
                    said.insert(text, Instant::now());
                    self.guests[at].1.write_all(sent.as_bytes()).await.unwrap();
                }
                (text, at) = self.hears() => delays.push(at - said[&text]),
            }
        }
        delays
    }
}

/// That process.
pub async fn serve() {
    let identity = Identity::from_seed([0xf2; 32]);
    let config = ServerConfig::with_crypto(Arc::new(tls::server(&identity, Kind::Mesh)));
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    println!("{}", endpoint.local_addr().unwrap());
    let (all, _) = broadcast::channel(QUEUE);
    let serving = async {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(guest(incoming, all.clone()));
        }
    };
    let parent = tokio::task::spawn_blocking(|| io::stdin().read(&mut [0]));
    tokio::select! {
        () = serving => panic!("the endpoint ended"),
        _ = parent => {}
    }
}

async fn guest(incoming: quinn::Incoming, all: broadcast::Sender<Bytes>) {
    let connection = incoming.await.unwrap();
    let (mut send, mut receive) = connection.accept_bi().await.unwrap();
    let mut lines = all.subscribe();
    let telling = tokio::spawn(async move {
        while let Ok(line) = lines.recv().await {
            if send.write_chunk(line).await.is_err() {
                return;
            }
        }
    });
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        // There is at least one who listens.
        let _ = all.send(chunk.bytes);
    }
    telling.abort();
}
