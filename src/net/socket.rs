//! The socket under the QUIC endpoint: real addresses go to UDP, virtual ones into the tunnel of a peer.
//!
//! Every peer has a virtual address for as long as anything of ours talks to it, so that QUIC sees a peer that
//! never moves while the path beneath changes. The address is a number of ours that means nothing elsewhere:
//! peers are told apart by all 32 bytes of their identity, and nobody can grind a key for another's address.
//!
//! quinn calls [`AsyncUdpSocket::try_send`] with its own locks held, so that a path is looked up under a lock and
//! the packet is left in a bounded queue: nothing here waits, or calls back into QUIC. That is also why these
//! tables are behind locks and not in a task.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::link::millis;
use super::offer::Offer;
use super::peer::{Peer, Posted};
use super::probe::{self, Frame, Tag};
use crate::proto::id::NodeId;
use crate::proto::path::{Finder, Way};
use crate::proto::time::Mono;

/// fd66:6972:6573::/48, a unique local prefix (RFC 4193) that spells "fires".
const PREFIX: u128 = 0xfd66_6972_6573 << 80;
const PREFIX_BITS: u32 = 48;
/// Any port but zero, which QUIC refuses.
const PORT: u16 = 4433;
/// Packets from all tunnels waiting for QUIC; then the tunnels wait, and their supernodes with them.
const ARRIVED_QUEUE_MAX: usize = 256;
/// Addresses of one peer that have answered; older ones give way, and are asked again when they are of use.
const SOURCES_MAX: usize = 8;

/// Before a socket that fails to receive is asked again.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// What quinn takes for its UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    udp: Arc<dyn AsyncUdpSocket>,
    /// Whether `udp` knows IPv4 only, while QUIC above sees IPv6 (it must, for virtual addresses).
    pub(super) is_v4: bool,
    /// Whether peers are sought at their addresses, and may know ours.
    pub(super) is_direct: bool,
    began: Instant,
    peers: RwLock<Peers>,
    arrived: Mutex<mpsc::Receiver<Arrived>>,
    arrive: mpsc::Sender<Arrived>,
    /// Whose turn it is when both tunnels and UDP have packets.
    tunnels_first: AtomicBool,
    /// Told whenever a packet has left for a peer.
    pub(super) sent: Notify,
    /// Told whenever QUIC is given packets.
    pub(super) came: Notify,
}

#[derive(Debug, Default)]
struct Peers {
    by_id: BTreeMap<NodeId, Weak<Peer>>,
    by_address: BTreeMap<u128, Weak<Peer>>,
    by_tag: BTreeMap<Tag, Weak<Peer>>,
    /// Where peers have answered from: what comes from there is theirs, as far as QUIC finds it authentic.
    by_source: BTreeMap<SocketAddr, Weak<Peer>>,
    numbered: u128,
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
            is_direct: false,
            began: Instant::now(),
            peers: RwLock::default(),
            arrived: Mutex::new(arrived),
            arrive,
            tunnels_first: AtomicBool::new(false),
            sent: Notify::new(),
            came: Notify::new(),
        })
    }

    /// The peer with this identity, with the address it has or a fresh one.
    pub(super) fn peer(&self, id: NodeId) -> Arc<Peer> {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.by_id.get(&id).and_then(Weak::upgrade) {
            return peer;
        }
        peers.forget_gone();
        peers.numbered += 1;
        let address = PREFIX | peers.numbered;
        let virtual_address = SocketAddr::new(Ipv6Addr::from_bits(address).into(), PORT);
        let peer = Arc::new(Peer::new(id, virtual_address, self.now()));
        peers.by_id.insert(id, Arc::downgrade(&peer));
        peers.by_address.insert(address, Arc::downgrade(&peer));
        peers.by_tag.insert(peer.terms.tag, Arc::downgrade(&peer));
        peer
    }

    /// Time as the finders of paths know it.
    pub(super) fn now(&self) -> Mono {
        Mono(millis(self.began.elapsed()))
    }

    /// When that is.
    pub(super) fn instant(&self, at: Mono) -> Instant {
        self.began + Duration::from_millis(at.0)
    }

    /// The peer that QUIC knows by this address.
    pub(super) fn peer_at(&self, address: SocketAddr) -> Option<Arc<Peer>> {
        let number = virtual_number(address)?;
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.by_address.get(&number)?.upgrade()
    }

    /// Gives QUIC a packet that came for us out of a tunnel; waits while QUIC is busy.
    pub(super) async fn arrived(&self, from: &Peer, packet: Bytes) {
        if probe::is_probe(&packet) {
            return self.probed(None, &packet);
        }
        self.post(from.heard(self.now(), None));
        let arrived = Arrived {
            from: from.address,
            packet,
        };
        // The receiver is in `self`, so that this cannot fail.
        let _ = self.arrive.send(arrived).await;
    }

    /// The peer says where it is; see [`Peer::offered`].
    pub(super) fn offered(&self, peer: &Peer, offer: Offer, offerer: u64) {
        self.post(peer.offered(self.now(), offer, offerer));
    }

    /// This peer may know where we are from here on.
    pub(super) fn show(&self, peer: &Peer) {
        self.post(peer.shown(self.now()));
    }

    /// This peer is told nothing more of where we are, and what was known of the way to it counts no more.
    pub(super) fn hide(&self, peer: &Peer) {
        self.post(peer.hidden(self.now()));
    }

    /// Lets the finder of a peer do something.
    pub(super) fn find(&self, peer: &Peer, act: impl FnOnce(&mut Finder, Mono)) {
        let now = self.now();
        self.post(peer.find(now, |finder| act(finder, now)));
    }

    /// The time that a peer's finder waited for may have come.
    pub(super) fn tick(&self, peer: &Peer) {
        self.post(peer.tick(self.now()));
    }

    /// Our network is another.
    pub(super) fn moved(&self) {
        let all: Vec<_> = {
            let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
            peers.by_id.values().filter_map(Weak::upgrade).collect()
        };
        for peer in all {
            self.find(&peer, |finder, now| finder.moved(now));
        }
    }

    fn post(&self, packets: Vec<Posted>) {
        for (to, packet) in packets {
            // What does not get out is as good as lost on the way, and it is sent again if it matters.
            let _ = self.send_to(to, &packet, None);
        }
    }

    /// A packet came that is none of QUIC's.
    fn probed(&self, from: Option<SocketAddr>, bytes: &[u8]) {
        let Some(frame) = Frame::read(bytes).filter(|_| self.is_direct) else {
            return;
        };
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.by_tag.get(&frame.tag).and_then(Weak::upgrade);
        drop(peers);
        let Some(peer) = peer else {
            return;
        };
        let Some((posted, is_there)) = peer.probed(self.now(), from, &frame) else {
            return;
        };
        if let Some(from) = from.filter(|_| is_there) {
            self.is_at(&peer, from);
        }
        self.post(posted);
    }

    /// Takes what comes from this address for the peer's, which has answered from there.
    fn is_at(&self, peer: &Arc<Peer>, source: SocketAddr) {
        let ours = Arc::downgrade(peer);
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let known = peers.by_source.insert(source, Weak::clone(&ours));
        if known.is_some_and(|known| known.ptr_eq(&ours)) {
            return;
        }
        let way = peer.way().address();
        let others = peers.by_source.iter();
        let others: Vec<_> = others
            .filter(|(at, of)| of.ptr_eq(&ours) && **at != source && Some(**at) != way)
            .map(|(at, _)| *at)
            .collect();
        for surplus in others.iter().skip(SOURCES_MAX) {
            peers.by_source.remove(surplus);
        }
    }

    fn send_virtual(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(peer) = self.peer_at(transmit.destination) else {
            return Ok(());
        };
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        let way = peer.way();
        if let Some(to) = way.address() {
            let sent = self.send_to(to, transmit.contents, transmit.segment_size);
            let is_held = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
            // With another path beside, the packet has a way without this one.
            if matches!(way, Way::Direct(_)) && sent.as_ref().is_err_and(is_held) {
                return sent;
            }
        }
        peer.sends(self.now(), way, transmit.contents.chunks(size.max(1)));
        self.sent.notify_one();
        Ok(())
    }

    /// Sends to a real address, whatever the family of the socket.
    fn send_to(
        &self,
        to: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        self.send_real(&Transmit {
            destination: mapped(to),
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        })
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
                for (buffer, meta) in buffers.iter().zip(&mut meta[..count]) {
                    self.adapt(meta);
                    if self.is_direct {
                        self.sort(&buffer[..meta.len], meta);
                    }
                }
                Poll::Ready(count)
            }
            Poll::Ready(Err(error)) => {
                // An error given to quinn would end every link of this process, the relayed ones too, without their
                // last words. Whoever gave it to us wakes nobody, so that it is tried again in a moment.
                tracing::debug!(%error, "receiving from the socket");
                let waker = context.waker().clone();
                tokio::spawn(async {
                    sleep(ERROR_PAUSE).await;
                    waker.wake();
                });
                Poll::Pending
            }
        }
    }

    /// Finds out what UDP received: probes are for us, and what comes from where a peer is comes from the peer.
    fn sort(&self, received: &[u8], meta: &mut RecvMeta) {
        let from = unmapped(meta.addr);
        let mut is_quic = false;
        for packet in received.chunks(meta.stride.max(1)) {
            if probe::is_probe(packet) {
                self.probed(Some(from), packet);
            } else {
                is_quic = true;
            }
        }
        if !is_quic {
            meta.len = 0;
            return;
        }
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.by_source.get(&from).and_then(Weak::upgrade);
        drop(peers);
        if let Some(peer) = peer {
            self.post(peer.heard(self.now(), Some(from)));
            meta.addr = peer.address;
            meta.dst_ip = None;
            meta.ecn = None;
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

impl Peers {
    fn forget_gone(&mut self) {
        self.by_id.retain(|_, peer| peer.strong_count() > 0);
        self.by_address.retain(|_, peer| peer.strong_count() > 0);
        self.by_tag.retain(|_, peer| peer.strong_count() > 0);
        self.by_source.retain(|_, peer| peer.strong_count() > 0);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.udp).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let result = if is_virtual(transmit.destination) {
            self.send_virtual(transmit)
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
        if polled.is_ready() {
            self.came.notify_one();
        }
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
