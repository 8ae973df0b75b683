//! Look-ups of others while strangers flood the node: with handshakes that they begin and leave, and with junk.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fireside::node::LINKS_PER_ADDRESS;
use fireside::proto::codec;
use fireside::proto::seal::Hash;
use fireside::proto::wire::Message;
use quinn_proto::Connection;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::begun::{self, Begun};
use crate::cold;
use crate::guest::{self, Guest};
use crate::server::{Server, Serves};

/// How long each is measured.
const TIME: Duration = Duration::from_secs(5);
/// Clients who ask over links they have, one question after the other; and such as are new each time.
const LINKED: u8 = 8;
const NEW: u8 = 4;
/// Addresses that those who are new come from in turn: one has its share of new links.
const ADDRESSES: u8 = 200;
/// Strangers' addresses.
const STRANGERS: u8 = 250;
/// How long a client waits before it has somebody else asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// What others were served.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    /// Look-ups a second on open links, and the longest that one took.
    pub open: f64,
    pub slowest: Duration,
    /// Cold look-ups a second, and those that failed.
    pub cold: f64,
    pub failed: u64,
    /// Of one processor.
    pub busy: f64,
    /// Packets a second that the strangers sent.
    pub packets: f64,
}

/// Without a flood, and with one of so many handshakes and so many packets a second.
pub async fn measure(half_open: u32, rate: u32, records: u32) -> (Served, Served) {
    let server = Server::start(Serves::Node {
        records,
        groups: 0,
        links_per_address: LINKS_PER_ADDRESS,
    });
    let calm = served(&server, 20).await;
    let address = server.address;
    let strangers = tokio::task::spawn_blocking(move || Strangers::new(half_open, address));
    let flood = Flood::start(strangers.await.unwrap(), rate);
    let mut flooded = served(&server, 21).await;
    flooded.packets = flood.end() as f64 / TIME.as_secs_f64();
    (calm, flooded)
}

/// Asks from the networks 127.`net`.x.0/24.
async fn served(server: &Server, net: u8) -> Served {
    let (address, until) = (server.address, Instant::now() + TIME);
    let mut open = JoinSet::new();
    for number in 0..LINKED {
        let endpoint = guest::endpoint(at(net, number));
        let config = guest::config(u32::from(net) * 1_000 + u32::from(number));
        let guest = Guest::link(&endpoint, config, address).await;
        open.spawn(ask(guest.unwrap(), until));
    }
    let mut cold = JoinSet::new();
    let (began, busy) = (Instant::now(), server.measured.busy());
    for number in 0..NEW {
        cold.spawn(come_and_go(net, number, address, until));
    }
    let open = open.join_all().await;
    let cold = cold.join_all().await;
    let took = began.elapsed().as_secs_f64();
    Served {
        open: open.iter().map(|(count, _)| count).sum::<u64>() as f64 / took,
        slowest: open.iter().map(|(_, slowest)| *slowest).max().unwrap(),
        cold: cold.iter().map(|(count, _)| count).sum::<u64>() as f64 / took,
        failed: cold.iter().map(|(_, failed)| failed).sum(),
        busy: (server.measured.busy() - busy) / took,
        packets: 0.0,
    }
}

fn at(net: u8, number: u8) -> IpAddr {
    Ipv4Addr::new(127, net, number, 1).into()
}

/// How many answers came, and how long the slowest took.
async fn ask(mut guest: Guest, until: Instant) -> (u64, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    guest.table(Hash::default()).await.unwrap();
    let group = crate::server::group(0);
    let question = codec::encode(&Message::Query { group });
    while Instant::now() < until {
        let asked = Instant::now();
        guest.say(question.clone()).await.unwrap();
        let known = |message| matches!(message, Message::Known { .. }).then_some(());
        guest.answer(known).await.unwrap();
        slowest = slowest.max(asked.elapsed());
        count += 1;
    }
    (count, slowest)
}

/// How many cold look-ups were answered, and how many were not.
async fn come_and_go(net: u8, number: u8, address: SocketAddr, until: Instant) -> (u64, u64) {
    let (mut served, mut failed) = (0, 0);
    let own = (number..ADDRESSES).step_by(NEW.into());
    let endpoints: Vec<_> = own.map(|own| guest::endpoint(at(net, own))).collect();
    let mut round = 0;
    while Instant::now() < until {
        let config = guest::config((u32::from(net) << 24) + (u32::from(number) << 20) + round);
        let endpoint = &endpoints[round as usize % endpoints.len()];
        match timeout(PATIENCE, cold::lookup(endpoint, config, address)).await {
            Ok(Ok(())) => served += 1,
            Ok(Err(_)) | Err(_) => failed += 1,
        }
        round += 1;
    }
    (served, failed)
}

/// Strangers at work.
struct Flood {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    fn start(mut strangers: Strangers, rate: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !over.load(Ordering::Relaxed) {
                if began.elapsed() < Duration::from_secs(strangers.sent) / rate {
                    std::thread::sleep(Duration::from_micros(500));
                } else {
                    strangers.send();
                }
            }
            strangers.sent
        });
        Self { is_over, thread }
    }

    /// How many packets were sent.
    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

struct Strangers {
    sockets: Vec<UdpSocket>,
    to: SocketAddr,
    begun: Begun,
    /// The beginnings, and those who sent them by what they call themselves.
    handshakes: Vec<Vec<u8>>,
    beginners: BTreeMap<Vec<u8>, Connection>,
    sent: u64,
}

impl Strangers {
    fn new(handshakes: u32, to: SocketAddr) -> Self {
        let bind = |n| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 66, n, 1), 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let mut begun = Begun::new(to);
        let begin = |_| {
            let (connection, first) = begun.begin();
            ((begun::beginner(&first), connection), first)
        };
        let (beginners, handshakes) = (0..handshakes).map(begin).unzip();
        Self {
            sockets: (0..STRANGERS).map(bind).collect(),
            to,
            begun,
            handshakes,
            beginners,
            sent: 0,
        }
    }

    /// The beginning of a handshake, with the proof of an address for which one was asked at this one before; then junk.
    fn send(&mut self) {
        let at = usize::try_from(self.sent / 2).unwrap();
        let socket = &self.sockets[at % self.sockets.len()];
        let mut answer = [0; 2_048];
        if self.sent % 2 == 1 {
            let junk = begun::junk(u32::try_from(at % 1_000_000).unwrap());
            // Whose packets the system will not take sends the next one.
            let _ = socket.send_to(&junk, self.to);
        } else if let Ok(size) = socket.recv(&mut answer) {
            let answer = &answer[..size];
            let beginner = begun::addressee(answer).and_then(|name| self.beginners.get_mut(name));
            let proof = beginner.and_then(|beginner| self.begun.prove(beginner, answer));
            if let Some(proof) = proof {
                let _ = socket.send_to(&proof, self.to);
            }
        } else {
            let first = &self.handshakes[at % self.handshakes.len()];
            let _ = socket.send_to(first, self.to);
        }
        self.sent += 1;
    }
}
