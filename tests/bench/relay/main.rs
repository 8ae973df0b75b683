//! What relaying costs a supernode: a real process of it, clients who send what they like through it, and beside it,
//! in the same run, processes that do the same with QUIC alone.
//!
//! `cargo bench --bench relay` takes about a minute. Figures are per second of the process's own processor time, so
//! that who else is busy on the machine changes little. The processes take turns, since what it changes is the same for
//! all of them then: what counts is how they compare, and a figure alone means something on a known machine only.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod bare;
mod client;
#[path = "../measured.rs"]
mod measured;
mod process;

use std::time::{Duration, Instant};

use quinn::{Endpoint, RecvStream, SendStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use bare::Settings;
use client::{Client, tunnel};
use process::{Process, Who};

/// How long a turn takes, and how many each process has.
const TURN: Duration = Duration::from_millis(1_500);
const TURNS: usize = 3;
/// What one frame in bulk carries, and a chat's.
const BULK: usize = 64 * 1024;
const CHAT: usize = 200;
const PAIRS: u32 = 24;
const CHAT_PAUSE: Duration = Duration::from_millis(2);
const IDLE_LINKS: u32 = 1_000;

const ALL: [Who; 3] = [
    Who::Fireside,
    Who::Bare(Settings::Plain),
    Who::Bare(Settings::SmallWindows),
];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, settings, ..] = &arguments[..]
        && flag == bare::FLAG
    {
        return bare::serve(Settings::named(settings)).await;
    }
    // `cargo test --benches` starts it too, and wants no measurement.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return println!("not measured: use cargo bench --bench relay");
    }
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    for is_alone in [false, true] {
        compare(&endpoint, is_alone).await;
    }
    idle(&endpoint).await;
}

/// One who relays, and those who have it do so.
struct Party {
    process: Process,
    bulk: Tunnel,
    chats: Vec<Tunnel>,
    /// Seconds of the processor, and what was carried in them: in bulk, and alone.
    bulk_busy: f64,
    bulk_bytes: u64,
    chat_busy: f64,
    chat_packets: u64,
}

/// Two clients, what one of them sends through, and how much of it has come to the other.
struct Tunnel {
    send: SendStream,
    come: watch::Receiver<u64>,
    _ends: (Client, Client),
}

impl Tunnel {
    async fn between(from: Client, to: Client) -> Self {
        let (send, receive) = tunnel(&from, &to).await;
        let (tell, come) = watch::channel(0);
        tokio::spawn(drain(receive, tell));
        Self {
            send,
            come,
            _ends: (from, to),
        }
    }

    /// Waits until so much more has come than at first.
    async fn arrives(&mut self, first: u64, sent: u64) {
        let come = self.come.wait_for(|come| *come == first + sent);
        come.await.unwrap();
    }
}

async fn drain(mut receive: RecvStream, tell: watch::Sender<u64>) {
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        tell.send_modify(|come| *come += chunk.bytes.len() as u64);
    }
}

impl Party {
    async fn new(endpoint: &Endpoint, who: Who, is_alone: bool) -> Self {
        let process = Process::start(who, is_alone);
        let pair = async |number| {
            let from = Client::dials(endpoint, process.address, 2 * number).await;
            let to = Client::dials(endpoint, process.address, 2 * number + 1).await;
            Tunnel::between(from, to).await
        };
        let bulk = pair(0).await;
        let mut chats = Vec::new();
        for number in 1..=PAIRS {
            chats.push(pair(number).await);
        }
        Self {
            process,
            bulk,
            chats,
            bulk_busy: 0.0,
            bulk_bytes: 0,
            chat_busy: 0.0,
            chat_packets: 0,
        }
    }

    async fn bulk(&mut self) {
        let first = *self.bulk.come.borrow();
        let (began, busy) = (Instant::now(), self.process.measured.busy());
        let frame = vec![0x5a; BULK];
        let mut sent = 0;
        while began.elapsed() < TURN {
            self.bulk.send.write_all(&frame).await.unwrap();
            sent += BULK as u64;
        }
        self.bulk.arrives(first, sent).await;
        self.bulk_busy += self.process.measured.busy() - busy;
        self.bulk_bytes += sent;
    }

    async fn chats(&mut self) {
        let busy = self.process.measured.busy();
        let mut chats = JoinSet::new();
        for chat in self.chats.drain(..) {
            chats.spawn(lone_packets(chat));
        }
        for (chat, packets) in chats.join_all().await {
            self.chats.push(chat);
            self.chat_packets += packets;
        }
        self.chat_busy += self.process.measured.busy() - busy;
    }

    fn megabytes_a_core(&self) -> f64 {
        self.bulk_bytes as f64 / 1e6 / self.bulk_busy
    }

    fn packets_a_core(&self) -> f64 {
        self.chat_packets as f64 / self.chat_busy
    }
}

async fn lone_packets(mut chat: Tunnel) -> (Tunnel, u64) {
    let mut due = interval(CHAT_PAUSE);
    // Two that are sent in one moment would leave as one packet.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let first = *chat.come.borrow();
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < TURN {
        due.tick().await;
        chat.send.write_all(&[0x5a; CHAT]).await.unwrap();
        sent += 1;
    }
    chat.arrives(first, sent * CHAT as u64).await;
    (chat, sent)
}

/// Ours beside the bare ones, all on one processor or none bound to any.
async fn compare(endpoint: &Endpoint, is_alone: bool) {
    let mut parties = Vec::new();
    for who in ALL {
        parties.push(Party::new(endpoint, who, is_alone).await);
    }
    for _ in 0..TURNS {
        for party in &mut parties {
            party.bulk().await;
        }
        for party in &mut parties {
            party.chats().await;
        }
    }
    let place = if is_alone { "on one core" } else { "anywhere" };
    for (who, party) in ALL.iter().zip(&parties) {
        let (bulk, lone) = (party.megabytes_a_core(), party.packets_a_core());
        println!(
            "{place}, {who:?}: {bulk:.0} MB/s a core in bulk ({:.2} of it ours), {lone:.0} lone packets/s a core ({:.2} of it ours)",
            parties[0].megabytes_a_core() / bulk,
            parties[0].packets_a_core() / lone,
        );
    }
}

async fn idle(endpoint: &Endpoint) {
    let supernode = Process::start(Who::Fireside, false);
    let before = supernode.measured.memory();
    let mut idle = Vec::new();
    for number in 0..IDLE_LINKS {
        idle.push(Client::dials(endpoint, supernode.address, number).await);
    }
    sleep(Duration::from_secs(1)).await;
    let each = (supernode.measured.memory() - before) / f64::from(IDLE_LINKS);
    println!("an idle link: {each:.0} kB");
}
