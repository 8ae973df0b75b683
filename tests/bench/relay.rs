//! What relaying costs a supernode: a real process of it, and clients who send what they like through it.
//!
//! `cargo bench --bench relay` takes about fifteen seconds. Figures are per second of the supernode's processor time,
//! so that who else is busy on the machine changes little; the first also per second on the clock.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fireside::identity::Identity;
use fireside::net::endpoint::of_client;
use fireside::net::tls;
use fireside::proto::seal::Seal;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(4);
/// What one frame in bulk carries, and a chat's.
const BULK: usize = 64 * 1024;
const CHAT: usize = 200;
const PAIRS: u32 = 24;
const CHAT_PAUSE: Duration = Duration::from_millis(2);
const IDLE_LINKS: u32 = 1_000;
/// What the kernel of Linux counts processor time in (times(2)).
const TICKS_PER_SECOND: f64 = 100.0;

struct Supernode {
    child: Child,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Supernode {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let mut child = Command::new(env!("CARGO_BIN_EXE_fireside"))
            .args(["--directory", "--supernode", "--name", "bench"])
            .args(["--listen", &address.to_string(), "--data"])
            .arg(home.path())
            .args([
                "--relay-limit",
                "100000000",
                "--links-per-address",
                "100000",
            ])
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        assert!(ready.contains("listening on"), "{ready}");
        Self {
            child,
            address,
            _home: home,
        }
    }

    fn of_proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Seconds of processor time so far.
    fn busy(&self) -> f64 {
        let stat = self.of_proc("stat");
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: f64 = [11, 12]
            .iter()
            .map(|at| fields[*at].parse::<f64>().unwrap())
            .sum();
        ticks / TICKS_PER_SECOND
    }

    /// Kilobytes of memory in use.
    fn memory(&self) -> i64 {
        let status = self.of_proc("status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Supernode {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A link as a client has it, up to where messages begin.
struct Client {
    id: [u8; 32],
    connection: Connection,
    _messages: (SendStream, RecvStream),
}

async fn client(endpoint: &Endpoint, address: SocketAddr, number: u32) -> Client {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let identity = Identity::from_seed(seed);
    let config = of_client(&identity);
    let connecting = endpoint.connect_with(config, address, &tls::server_name(None));
    let connection = connecting.unwrap().await.unwrap();
    let (mut send, receive) = connection.open_bi().await.unwrap();
    let run = u64::from(number).to_be_bytes();
    send.write_all(&[&b"c"[..], &run].concat()).await.unwrap();
    Client {
        id: identity.id().0,
        connection,
        _messages: (send, receive),
    }
}

/// A tunnel from one to the other. It takes a moment until the supernode has taken both in.
async fn tunnel(from: &Client, to: &Client) -> (SendStream, RecvStream) {
    loop {
        let (mut send, _back) = from.connection.open_bi().await.unwrap();
        send.write_all(&[&b"t"[..], &to.id].concat()).await.unwrap();
        tokio::select! {
            accepted = to.connection.accept_bi() => {
                let (_forth, mut receive) = accepted.unwrap();
                receive.read_exact(&mut [0; 33]).await.unwrap();
                return (send, receive);
            }
            () = sleep(Duration::from_millis(200)) => {}
        }
    }
}

/// Reads until the other end is gone; how many bytes.
async fn drain(mut receive: RecvStream) -> usize {
    let mut size = 0;
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        size += chunk.bytes.len();
    }
    size
}

#[tokio::main]
async fn main() {
    let supernode = Supernode::start();
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = supernode.address;

    let (anna, bo) = (
        client(&endpoint, address, 1).await,
        client(&endpoint, address, 2).await,
    );
    let (mut send, receive) = tunnel(&anna, &bo).await;
    let drained = tokio::spawn(drain(receive));
    let (began, busy) = (Instant::now(), supernode.busy());
    let frame = vec![0x5a; BULK];
    while began.elapsed() < TIME {
        send.write_all(&frame).await.unwrap();
    }
    send.finish().unwrap();
    let megabytes = drained.await.unwrap() as f64 / 1e6;
    let (took, busy) = (began.elapsed().as_secs_f64(), supernode.busy() - busy);
    println!(
        "bulk through one tunnel: {:.0} MB/s a core, {:.0} MB/s on the clock",
        megabytes / busy,
        megabytes / took
    );

    let mut tunnels = JoinSet::new();
    let mut kept = Vec::new();
    let mut drains = JoinSet::new();
    for pair in 0..PAIRS {
        let from = client(&endpoint, address, 100 + 2 * pair).await;
        let to = client(&endpoint, address, 101 + 2 * pair).await;
        let (mut send, receive) = tunnel(&from, &to).await;
        drains.spawn(drain(receive));
        kept.push((from, to));
        tunnels.spawn(async move {
            let mut due = interval(CHAT_PAUSE);
            // Two that are sent in one moment would leave as one packet.
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let began = Instant::now();
            let mut sent = 0_u32;
            while began.elapsed() < TIME {
                due.tick().await;
                send.write_all(&[0x5a; CHAT]).await.unwrap();
                sent += 1;
            }
            sent
        });
    }
    let busy = supernode.busy();
    let began = Instant::now();
    let packets: u32 = tunnels.join_all().await.into_iter().sum();
    let busy = supernode.busy() - busy;
    println!(
        "lone packets of {CHAT} bytes, {PAIRS} pairs: {:.0} packets/s a core, {:.0} on the clock",
        f64::from(packets) / busy,
        f64::from(packets) / began.elapsed().as_secs_f64()
    );
    drop((kept, drains));

    let before = supernode.memory();
    let mut idle = Vec::new();
    for number in 0..IDLE_LINKS {
        idle.push(client(&endpoint, address, 10_000 + number).await);
    }
    sleep(Duration::from_secs(1)).await;
    let each = (supernode.memory() - before) as f64 / f64::from(IDLE_LINKS);
    println!("an idle link: {each:.0} kB");
}
