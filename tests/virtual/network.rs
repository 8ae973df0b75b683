//! A UDP network under tokio's paused clock: what is sent arrives after a while, or does not. A second of it takes
//! no longer than what is done in it.
//!
//! Chance is seeded, but which of two tasks runs first in one moment is not ours to say, so that a seed gives the
//! same weather and not the same packets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::Endpoint;
use fireside::proto::role::Kind;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, TokioRuntime, UdpPoller};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::rng::Rng;

/// Packets waiting at one socket; a system drops what comes on top.
const INBOX_MAX: usize = 4096;

/// The network; every handle is to the same.
#[derive(Clone)]
pub struct Network(Arc<Mutex<State>>);

struct State {
    chance: Rng,
    delay: Duration,
    loss_percent: u64,
    /// The longest packet that gets through, and how many were longer, by who sent them to whom.
    longest: usize,
    too_long: BTreeMap<(IpAddr, IpAddr), u64>,
    /// Who is not reached and reaches nobody: a cable is out, a process or its machine is dead.
    cut: BTreeSet<IpAddr>,
    /// Pairs between which nothing passes.
    parted: BTreeSet<(IpAddr, IpAddr)>,
    /// Packets that are neither QUIC's nor anybody else's than a prober's, as somebody on the way keeps them.
    probes: Vec<Sent>,
    /// How many were sent to each address, and by whom to whom.
    sent_to: BTreeMap<SocketAddr, u64>,
    between: BTreeMap<(IpAddr, IpAddr), u64>,
    /// Whose system sends nothing, and what it says instead.
    jammed: BTreeMap<IpAddr, io::ErrorKind>,
    /// Those of them who have not noticed yet: where there was room, there is believed to be.
    hopeful: BTreeSet<IpAddr>,
    /// Who waits until it does again.
    waiting: Vec<Waker>,
    /// Whose system fails so often to give what has come.
    failing: BTreeMap<IpAddr, u32>,
    /// Whose packets, in and out, wait: the process is stopped.
    stopped: BTreeMap<IpAddr, Vec<Packet>>,
    inboxes: BTreeMap<SocketAddr, Inbox>,
    sent: u64,
    lost: u64,
}

#[derive(Default)]
struct Inbox {
    packets: BinaryHeap<Reverse<Packet>>,
    waker: Option<Waker>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    at: Instant,
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Network {
    pub fn new(seed: u64, delay_ms: u64, loss_percent: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: Rng::of(seed, 3),
            delay: Duration::from_millis(delay_ms),
            loss_percent,
            longest: usize::MAX,
            too_long: BTreeMap::new(),
            cut: BTreeSet::new(),
            parted: BTreeSet::new(),
            probes: Vec::new(),
            sent_to: BTreeMap::new(),
            between: BTreeMap::new(),
            jammed: BTreeMap::new(),
            hopeful: BTreeSet::new(),
            waiting: Vec::new(),
            failing: BTreeMap::new(),
            stopped: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            sent: 0,
            lost: 0,
        })))
    }

    /// An endpoint at this address.
    pub fn endpoint(&self, identity: &Identity, address: SocketAddr, accepts: Kind) -> Endpoint {
        let socket = self.socket(address);
        Endpoint::over(identity, Arc::new(socket), Arc::new(TokioRuntime), accepts).unwrap()
    }

    /// The endpoint of a client that reaches peers at their addresses.
    pub fn direct_endpoint(&self, identity: &Identity, address: SocketAddr) -> Endpoint {
        let socket = Arc::new(self.socket(address));
        Endpoint::direct(identity, socket, Arc::new(TokioRuntime)).unwrap()
    }

    fn socket(&self, address: SocketAddr) -> Socket {
        let mut state = self.0.lock().unwrap();
        state.inboxes.insert(address, Inbox::default());
        Socket {
            address,
            network: self.clone(),
            next: Mutex::new(Box::pin(sleep_until(Instant::now()))),
        }
    }

    /// Longer packets than this get lost, and nobody says so.
    pub fn carries_at_most(&self, bytes: usize) {
        self.0.lock().unwrap().longest = bytes;
    }

    /// How many of one's packets to another were too long.
    pub fn too_long(&self, from: IpAddr, to: IpAddr) -> u64 {
        let state = self.0.lock().unwrap();
        state.too_long.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Nothing passes between these two any more, in either direction.
    pub fn part(&self, one: IpAddr, other: IpAddr) {
        let mut state = self.0.lock().unwrap();
        state.parted.extend([(one, other), (other, one)]);
    }

    /// What one sends does not reach the other any more, whatever comes the other way.
    pub fn mute(&self, from: IpAddr, to: IpAddr) {
        self.0.lock().unwrap().parted.insert((from, to));
    }

    pub fn rejoin(&self, one: IpAddr, other: IpAddr) {
        let mut state = self.0.lock().unwrap();
        state.parted.remove(&(one, other));
        state.parted.remove(&(other, one));
    }

    /// The probes of paths so far, for somebody who has listened on the way.
    pub fn probes(&self) -> Vec<Sent> {
        self.0.lock().unwrap().probes.clone()
    }

    /// Sends as whoever is at `from` would.
    pub fn send(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.0.lock().unwrap().send(from, to, bytes.to_vec());
    }

    /// How many packets were sent to an address so far.
    pub fn sent_to(&self, address: SocketAddr) -> u64 {
        let state = self.0.lock().unwrap();
        state.sent_to.get(&address).copied().unwrap_or(0)
    }

    /// How many packets one sent to the other so far.
    pub fn between(&self, from: IpAddr, to: IpAddr) -> u64 {
        let state = self.0.lock().unwrap();
        state.between.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Nothing reaches this address any more, and nothing comes from it.
    pub fn cut(&self, ip: IpAddr) {
        self.0.lock().unwrap().cut.insert(ip);
    }

    pub fn mend(&self, ip: IpAddr) {
        self.0.lock().unwrap().cut.remove(&ip);
    }

    /// The system there sends nothing, and says why: there is no way, it is not allowed, or there is no room for it.
    pub fn jam(&self, ip: IpAddr, why: io::ErrorKind) {
        let mut state = self.0.lock().unwrap();
        state.jammed.insert(ip, why);
        state.hopeful.insert(ip);
    }

    pub fn unjam(&self, ip: IpAddr) {
        let mut state = self.0.lock().unwrap();
        state.jammed.remove(&ip);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// The system there fails to give what has come, this often.
    pub fn fail(&self, ip: IpAddr, times: u32) {
        self.0.lock().unwrap().failing.insert(ip, times);
    }

    /// As if whoever is there were stopped: what comes waits in its socket, and nothing goes out.
    pub fn stop(&self, ip: IpAddr) {
        self.0.lock().unwrap().stopped.entry(ip).or_default();
    }

    pub fn go_on(&self, ip: IpAddr) {
        let mut state = self.0.lock().unwrap();
        for mut packet in state.stopped.remove(&ip).unwrap_or_default() {
            packet.at = Instant::now() + state.delay;
            state.deliver(packet);
        }
    }

    /// Packets sent and lost so far.
    pub fn totals(&self) -> (u64, u64) {
        let state = self.0.lock().unwrap();
        (state.sent, state.lost)
    }
}

impl State {
    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.sent += 1;
        *self.sent_to.entry(to).or_default() += 1;
        *self.between.entry((from.ip(), to.ip())).or_default() += 1;
        // The second bit is set in every packet of QUIC.
        if bytes[0] & 0x40 == 0 {
            self.probes.push((from, to, bytes.clone()));
        }
        let is_too_long = bytes.len() > self.longest;
        if is_too_long {
            *self.too_long.entry((from.ip(), to.ip())).or_default() += 1;
        }
        let is_cut = is_too_long
            || self.cut.contains(&from.ip())
            || self.cut.contains(&to.ip())
            || self.parted.contains(&(from.ip(), to.ip()));
        if is_cut || self.chance.chance(self.loss_percent, 100) {
            self.lost += 1;
            return;
        }
        let packet = Packet {
            at: Instant::now() + self.delay,
            number: self.sent,
            from,
            to,
            bytes,
        };
        for ip in [from.ip(), to.ip()] {
            if let Some(waiting) = self.stopped.get_mut(&ip) {
                return waiting.push(packet);
            }
        }
        self.deliver(packet);
    }

    fn deliver(&mut self, packet: Packet) {
        let inbox = self.inboxes.get_mut(&packet.to);
        let Some(inbox) = inbox.filter(|inbox| inbox.packets.len() < INBOX_MAX) else {
            self.lost += 1;
            return;
        };
        inbox.packets.push(Reverse(packet));
        if let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
    }
}

/// From where, to where, and what.
pub type Sent = (SocketAddr, SocketAddr, Vec<u8>);

/// One end of the network.
struct Socket {
    address: SocketAddr,
    network: Network,
    /// When the next packet is due.
    next: Mutex<Pin<Box<Sleep>>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({})", self.address)
    }
}

/// Tells when there is room to send.
struct Room(Arc<Socket>);

impl UdpPoller for Room {
    fn poll_writable(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.network.0.lock().unwrap();
        let ip = self.0.address.ip();
        let is_full = state.jammed.get(&ip) == Some(&io::ErrorKind::WouldBlock);
        if is_full && !state.hopeful.contains(&ip) {
            state.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({})", self.0.address)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Room(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        let mut state = self.network.0.lock().unwrap();
        if let Some(why) = state.jammed.get(&self.address.ip()).copied() {
            state.hopeful.remove(&self.address.ip());
            return Err(why.into());
        }
        for bytes in transmit.contents.chunks(size.max(1)) {
            state.send(self.address, transmit.destination, bytes.to_vec());
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.network.0.lock().unwrap();
        if let Some(left) = state
            .failing
            .get_mut(&self.address.ip())
            .filter(|left| **left > 0)
        {
            *left -= 1;
            return Poll::Ready(Err(io::ErrorKind::NetworkDown.into()));
        }
        let inbox = state.inboxes.get_mut(&self.address).unwrap();
        let mut count = 0;
        while count < buffers.len().min(meta.len()) {
            let is_due = |next: &Reverse<Packet>| next.0.at <= Instant::now();
            if !inbox.packets.peek().is_some_and(is_due) {
                break;
            }
            let Some(Reverse(packet)) = inbox.packets.pop() else {
                break;
            };
            let length = packet.bytes.len();
            buffers[count][..length].copy_from_slice(&packet.bytes);
            meta[count] = RecvMeta::default();
            meta[count].addr = packet.from;
            meta[count].len = length;
            meta[count].stride = length;
            count += 1;
        }
        if count > 0 {
            return Poll::Ready(Ok(count));
        }
        inbox.waker = Some(context.waker().clone());
        let Some(at) = inbox.packets.peek().map(|next| next.0.at) else {
            return Poll::Pending;
        };
        let mut next = self.next.lock().unwrap();
        next.as_mut().reset(at);
        // Should the moment come in this very call, the task is woken all the same.
        if next.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    /// As on most systems, so that QUIC looks for the longest packets that get through.
    fn may_fragment(&self) -> bool {
        false
    }
}
