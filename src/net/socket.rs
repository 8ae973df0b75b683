//! The socket under the QUIC endpoint: real addresses go to UDP, virtual ones into the tunnel of a peer.
//!
//! Every peer has a virtual address for as long as anything of ours talks to it, so that QUIC sees a peer that
//! never moves while the path beneath changes. The address is a number of ours that means nothing elsewhere:
//! peers are told apart by all 32 bytes of their identity, and nobody can grind a key for another's address.
//!
//! quinn calls [`AsyncUdpSocket::try_send`] with its own locks held, so that a path is looked up under a lock and
//! the packet is left in a bounded queue: nothing here waits, or calls back into QUIC. That is also why these
//! tables are behind locks and not in a task.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::proto::id::NodeId;
use crate::proto::role::LinkId;

/// fd66:6972:6573::/48, a unique local prefix (RFC 4193) that spells "fires".
const PREFIX: u128 = 0xfd66_6972_6573 << 80;
const PREFIX_BITS: u32 = 48;
/// Any port but zero, which QUIC refuses.
const PORT: u16 = 4433;
/// Packets waiting for one tunnel; then they are dropped, which QUIC takes for loss and slows down.
pub(super) const TUNNEL_QUEUE_MAX: usize = 128;
/// Packets from all tunnels waiting for QUIC; then the tunnels wait, and their supernodes with them.
const ARRIVED_QUEUE_MAX: usize = 256;
/// Packets kept for being sent once more when a path comes up. After an outage QUIC waits for seconds before it
/// tries again by itself, and has no call to be told of a path.
const KICK_PACKETS: usize = 4;
/// A peer that was silent for this long and is heard again may be waiting out an outage as well. Twice the interval
/// of keep-alives and more, or every one of them would be taken for the end of an outage.
const KICK_SILENCE: Duration = Duration::from_millis(1_250);

/// What quinn takes for its UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    udp: Arc<dyn AsyncUdpSocket>,
    /// Whether `udp` knows IPv4 only, while QUIC above sees IPv6 (it must, for virtual addresses).
    pub(super) is_v4: bool,
    peers: RwLock<Peers>,
    arrived: Mutex<mpsc::Receiver<Arrived>>,
    arrive: mpsc::Sender<Arrived>,
    /// Whose turn it is when both tunnels and UDP have packets.
    tunnels_first: AtomicBool,
    /// Told whenever a packet has left for a peer.
    pub(super) sent: Notify,
}

#[derive(Debug, Default)]
struct Peers {
    by_id: BTreeMap<NodeId, Weak<Peer>>,
    by_address: BTreeMap<u128, Weak<Peer>>,
    numbered: u128,
}

/// A peer with a virtual address, which lasts as long as somebody holds this.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// What QUIC takes for its address.
    pub(super) address: SocketAddr,
    path: Mutex<Path>,
}

#[derive(Debug)]
struct Path {
    tunnel: Option<Tunnel>,
    /// Tunnels so far, which is also the last one's number.
    numbered: u64,
    recent: VecDeque<Bytes>,
    /// Packets sent so far, whether or not there was a tunnel for them.
    sent: u64,
    heard: Instant,
}

#[derive(Debug)]
struct Tunnel {
    number: u64,
    via: LinkId,
    queue: mpsc::Sender<Bytes>,
    emptied: oneshot::Receiver<()>,
    /// Whether the supernode has answered that it has no link to the peer, and nothing came since.
    is_refused: bool,
}

/// The tunnel's end of its queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) number: u64,
    pub(super) packets: mpsc::Receiver<Bytes>,
    /// Dropped when the supernode has everything that was ever in the queue.
    pub(super) emptied: Option<oneshot::Sender<()>>,
}

/// A packet out of a tunnel.
#[derive(Debug)]
struct Arrived {
    from: SocketAddr,
    packet: Bytes,
}

impl Socket {
    pub(super) fn new(udp: Arc<dyn AsyncUdpSocket>) -> io::Result<Self> {
        let is_v4 = udp.local_addr()?.is_ipv4();
        let (arrive, arrived) = mpsc::channel(ARRIVED_QUEUE_MAX);
        Ok(Self {
            udp,
            is_v4,
            peers: RwLock::default(),
            arrived: Mutex::new(arrived),
            arrive,
            tunnels_first: AtomicBool::new(false),
            sent: Notify::new(),
        })
    }

    /// The peer with this identity, with the address it has or a fresh one.
    pub(super) fn peer(&self, id: NodeId) -> Arc<Peer> {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.by_id.get(&id).and_then(Weak::upgrade) {
            return peer;
        }
        peers.by_id.retain(|_, peer| peer.strong_count() > 0);
        peers.by_address.retain(|_, peer| peer.strong_count() > 0);
        peers.numbered += 1;
        let address = PREFIX | peers.numbered;
        let peer = Arc::new(Peer {
            id,
            address: SocketAddr::new(Ipv6Addr::from_bits(address).into(), PORT),
            path: Mutex::new(Path {
                tunnel: None,
                numbered: 0,
                recent: VecDeque::with_capacity(KICK_PACKETS),
                sent: 0,
                heard: Instant::now(),
            }),
        });
        peers.by_id.insert(id, Arc::downgrade(&peer));
        peers.by_address.insert(address, Arc::downgrade(&peer));
        peer
    }

    /// The peer that QUIC knows by this address.
    pub(super) fn peer_at(&self, address: SocketAddr) -> Option<Arc<Peer>> {
        let number = virtual_number(address)?;
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.by_address.get(&number)?.upgrade()
    }

    /// Gives QUIC a packet that came for us out of a tunnel; waits while QUIC is busy.
    pub(super) async fn arrived(&self, from: &Peer, packet: Bytes) {
        from.heard();
        let arrived = Arrived {
            from: from.address,
            packet,
        };
        // The receiver is in `self`, so that this cannot fail.
        let _ = self.arrive.send(arrived).await;
    }

    fn send_virtual(&self, transmit: &Transmit<'_>) {
        let Some(peer) = self.peer_at(transmit.destination) else {
            return;
        };
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        for packet in transmit.contents.chunks(size.max(1)) {
            peer.send(Bytes::copy_from_slice(packet));
        }
        self.sent.notify_one();
    }

    fn send_real(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if !self.is_v4 {
            return self.udp.try_send(transmit);
        }
        let destination = unmapped(transmit.destination);
        if destination.is_ipv6() {
            // Lost, as on any network that does not lead there.
            return Ok(());
        }
        self.udp.try_send(&Transmit {
            destination,
            src_ip: transmit.src_ip.map(|ip| ip.to_canonical()),
            ..*transmit
        })
    }

    fn poll_tunnels(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        while count < buffers.len().min(meta.len()) {
            let Poll::Ready(Some(Arrived { from, packet })) = arrived.poll_recv(context) else {
                break;
            };
            let Some(room) = buffers[count].get_mut(..packet.len()) else {
                continue;
            };
            room.copy_from_slice(&packet);
            meta[count] = RecvMeta::default();
            meta[count].addr = from;
            meta[count].len = packet.len();
            meta[count].stride = packet.len();
            count += 1;
        }
        if count == 0 {
            Poll::Pending
        } else {
            Poll::Ready(count)
        }
    }

    fn poll_udp(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        match self.udp.poll_recv(context, buffers, meta) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) => {
                for meta in &mut meta[..count] {
                    self.adapt(meta);
                }
                Poll::Ready(count)
            }
            Poll::Ready(Err(error)) => {
                // tokio retries what concerns one datagram, so that this is its own end. An error given to quinn
                // would end every link of this process, the relayed ones too, without their last words.
                tracing::debug!(%error, "receiving from the socket");
                Poll::Pending
            }
        }
    }

    /// Makes what UDP received look as QUIC expects it.
    fn adapt(&self, meta: &mut RecvMeta) {
        if virtual_number(meta.addr).is_some() {
            // Nobody on a real network has such an address; who claims it wants to be taken for a peer.
            meta.len = 0;
        }
        if self.is_v4 {
            meta.addr = mapped(meta.addr);
            meta.dst_ip = meta.dst_ip.map(|ip| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().into(),
                IpAddr::V6(_) => ip,
            });
        }
    }
}

impl Peer {
    /// Sends what QUIC has for this peer into a fresh queue from here on, for a tunnel over `via` to empty, and
    /// begins with the last few packets once more. The tunnel that was there before sees its queue end.
    pub(super) fn route(&self, via: LinkId) -> Queue {
        let (queue, packets) = mpsc::channel(TUNNEL_QUEUE_MAX);
        let (emptied, is_emptied) = oneshot::channel();
        let mut path = self.path();
        path.numbered += 1;
        let number = path.numbered;
        path.tunnel = Some(Tunnel {
            number,
            via,
            queue,
            emptied: is_emptied,
            is_refused: false,
        });
        path.kick();
        Queue {
            number,
            packets,
            emptied: Some(emptied),
        }
    }

    /// The link whose other end relays for this peer, unless it has just refused to.
    pub(super) fn via(&self) -> Option<LinkId> {
        let path = self.path();
        let tunnel = path.tunnel.as_ref()?;
        (!tunnel.is_refused && !tunnel.queue.is_closed()).then_some(tunnel.via)
    }

    /// Takes the path over `via` away, if that is the one in use.
    pub(super) fn unroute(&self, via: LinkId) {
        let mut path = self.path();
        if path.tunnel.as_ref().is_some_and(|tunnel| tunnel.via == via) {
            path.tunnel = None;
        }
    }

    /// Takes any path away, and waits until the supernode has all that was sent on it.
    pub(super) async fn flush(&self) {
        let tunnel = self.path().tunnel.take();
        if let Some(Tunnel { queue, emptied, .. }) = tunnel {
            drop(queue);
            // An error says as much: the other half was dropped.
            let _ = emptied.await;
        }
    }

    /// Notes whether this tunnel carries packets; true if it is the one in use, and that is a change.
    pub(super) fn is_carried(&self, number: u64, carried: bool) -> bool {
        match &mut self.path().tunnel {
            Some(tunnel) if tunnel.number == number && tunnel.is_refused == carried => {
                tunnel.is_refused = !carried;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Sends the last few packets once more, if this tunnel is the one in use.
    pub(super) fn kick(&self, number: u64) {
        let path = self.path();
        if path
            .tunnel
            .as_ref()
            .is_some_and(|tunnel| tunnel.number == number)
        {
            path.kick();
        }
    }

    /// How many packets were sent to it so far.
    pub(super) fn sent(&self) -> u64 {
        self.path().sent
    }

    fn send(&self, packet: Bytes) {
        let mut path = self.path();
        if path.recent.len() == KICK_PACKETS {
            path.recent.pop_front();
        }
        path.recent.push_back(packet.clone());
        path.sent += 1;
        if let Some(tunnel) = &path.tunnel {
            // Full or gone: lost, and QUIC knows what to do about that.
            let _ = tunnel.queue.try_send(packet);
        }
    }

    fn heard(&self) {
        let mut path = self.path();
        if path.heard.elapsed() > KICK_SILENCE {
            path.kick();
        }
        path.heard = Instant::now();
    }

    fn path(&self) -> MutexGuard<'_, Path> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Path {
    /// Sends the last few packets once more: QUIC's acknowledgement of them ends its waiting.
    fn kick(&self) {
        if let Some(tunnel) = &self.tunnel {
            for packet in &self.recent {
                let _ = tunnel.queue.try_send(packet.clone());
            }
        }
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.udp).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let result = if virtual_number(transmit.destination).is_some() {
            self.send_virtual(transmit);
            Ok(())
        } else {
            self.send_real(transmit)
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                // An error given to quinn would end the connection; the next packet may well get through.
                tracing::debug!(%error, to = %transmit.destination, "sending on the socket");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let tunnels_first = self.tunnels_first.fetch_xor(true, Ordering::Relaxed);
        let polled = if tunnels_first {
            match self.poll_tunnels(context, buffers, meta) {
                Poll::Pending => self.poll_udp(context, buffers, meta),
                ready @ Poll::Ready(_) => ready,
            }
        } else {
            match self.poll_udp(context, buffers, meta) {
                Poll::Pending => self.poll_tunnels(context, buffers, meta),
                ready @ Poll::Ready(_) => ready,
            }
        };
        polled.map(Ok)
    }

    /// As an IPv6 address in any case: quinn refuses IPv6 destinations, and so every peer, otherwise.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr().map(mapped)
    }

    fn max_transmit_segments(&self) -> usize {
        self.udp.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.udp.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.udp.may_fragment()
    }
}

/// Whether the address stands for a peer.
pub(super) fn is_virtual(address: SocketAddr) -> bool {
    virtual_number(address).is_some()
}

/// An address as people write it: IPv4 where it is one in IPv6 clothes.
pub(super) fn unmapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        SocketAddr::V6(_) => address,
    }
}

fn virtual_number(address: SocketAddr) -> Option<u128> {
    match address {
        SocketAddr::V6(v6) => {
            let bits = v6.ip().to_bits();
            (bits >> (128 - PREFIX_BITS) == PREFIX >> (128 - PREFIX_BITS)).then_some(bits)
        }
        SocketAddr::V4(_) => None,
    }
}
