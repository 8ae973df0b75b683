//! A member's end of relaying: the packets of one peer as a stream to a supernode, each behind two bytes of length.
//!
//! A tunnel is opened when there is a packet for it, and again after it broke: two members seldom reach a
//! supernode at the same instant, and a path that stays broken once it was would be a black hole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::link::Event;
use super::peer::{Peer, Queue, TUNNEL_QUEUE_MAX};
use super::socket::Socket;
use super::stream::{self, Cause, TUNNEL_FROM, TUNNEL_TO};
use crate::proto::role::LinkId;

/// Longest packet: QUIC sends 1200 bytes to peers, an Ethernet frame is the most that any version would.
const PACKET_SIZE_MAX: usize = 1500;
/// Before a refused tunnel is tried again: QUIC's own retries are rarer than this, an outage's are not.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);
/// How many times in a row a refused tunnel is tried again with what was sent last, without waiting for QUIC to send
/// more: two members that lose a supernode come to the next one within a second of each other.
const RETRIES_MAX: u32 = 10;
/// A tunnel without a packet for so long is no longer used: a living link sends one each second.
const IDLE: Duration = Duration::from_secs(30);

/// The link to a supernode, as tunnels need it.
#[derive(Clone, Debug)]
pub(super) struct Uplink {
    pub(super) link: LinkId,
    pub(super) connection: Connection,
    pub(super) socket: Arc<Socket>,
    pub(super) events: mpsc::Sender<Event>,
}

type Streams = (SendStream, RecvStream);

/// The stream broke, or carried something that is no packet.
struct Broken;

/// Takes in every tunnel that the supernode opens to us, until the link ends. The latest tunnel of a peer is the
/// one it can be reached by: it has just been seen to use it.
pub(super) async fn accept(uplink: Uplink) {
    let connection = uplink.connection.clone();
    stream::accept_each(&connection, |mut send, mut receive| {
        let uplink = uplink.clone();
        async move {
            match stream::read_beginning(&mut receive, TUNNEL_FROM).await {
                None => stream::refuse(&mut send, &mut receive, Cause::Unexpected),
                Some(id) => {
                    let peer = uplink.socket.peer(id);
                    let queue = peer.route(uplink.link);
                    run(uplink, peer, queue, Some((send, receive))).await;
                }
            }
        }
    })
    .await;
}

/// Carries the packets of `peer` over the link until another path replaces this one, nothing needs it any more,
/// or the link ends.
pub(super) async fn run(
    uplink: Uplink,
    peer: Arc<Peer>,
    mut queue: Queue,
    streams: Option<Streams>,
) {
    let connection = uplink.connection.clone();
    tokio::select! {
        _ = connection.closed() => {}
        () = uplink.carry_until_replaced(&peer, &mut queue, streams) => {}
    }
    drop(queue);
    uplink.tell(&peer).await;
}

impl Uplink {
    async fn carry_until_replaced(
        &self,
        peer: &Peer,
        queue: &mut Queue,
        mut streams: Option<Streams>,
    ) {
        self.tell(peer).await;
        let mut retries = 0;
        loop {
            let began = Instant::now();
            let carried = match streams.take() {
                Some((send, receive)) => self.carry(peer, queue, None, send, receive).await,
                None => {
                    let Ok(Some(packet)) = timeout(IDLE, queue.packets.recv()).await else {
                        return;
                    };
                    match self.open(peer).await {
                        Ok((send, receive)) => {
                            self.carry(peer, queue, Some(packet), send, receive).await
                        }
                        Err(Broken) => Err(Broken),
                    }
                }
            };
            match carried {
                Ok(()) => return,
                Err(Broken) => {
                    if peer.is_carried(queue.number, false) {
                        self.tell(peer).await;
                    }
                    sleep(REOPEN_PAUSE).await;
                    retries = if began.elapsed() > IDLE {
                        0
                    } else {
                        retries + 1
                    };
                    if retries <= RETRIES_MAX {
                        peer.kick(queue.number);
                    }
                }
            }
        }
    }

    async fn open(&self, peer: &Peer) -> Result<Streams, Broken> {
        let (mut send, receive) = self.connection.open_bi().await.map_err(|_| Broken)?;
        let beginning = stream::beginning(TUNNEL_TO, peer.id);
        send.write_all(&beginning).await.map_err(|_| Broken)?;
        Ok((send, receive))
    }

    /// Until both directions have ended well, either breaks, or both fall silent for long.
    /// One direction may end before the other: each end sends on the path it was last heard on.
    async fn carry(
        &self,
        peer: &Peer,
        queue: &mut Queue,
        first: Option<Bytes>,
        send: SendStream,
        receive: RecvStream,
    ) -> Result<(), Broken> {
        let (active, tunnel) = (AtomicBool::new(true), queue.number);
        tokio::select! {
            done = async {
                tokio::try_join!(
                    send_packets(queue, first, send, &active),
                    self.receive_packets(peer, tunnel, receive, &active),
                )
            } => done.map(|((), ())| ()),
            () = silence(&active) => Ok(()),
        }
    }

    async fn receive_packets(
        &self,
        peer: &Peer,
        tunnel: u64,
        mut receive: RecvStream,
        active: &AtomicBool,
    ) -> Result<(), Broken> {
        let mut buffer = BytesMut::new();
        loop {
            let chunk = receive.read_chunk(usize::MAX, true).await;
            let Some(chunk) = chunk.map_err(|_| Broken)? else {
                return Ok(());
            };
            buffer.extend_from_slice(&chunk.bytes);
            while let Some(packet) = next_packet(&mut buffer)? {
                active.store(true, Ordering::Relaxed);
                if peer.is_carried(tunnel, true) {
                    self.tell(peer).await;
                }
                self.socket.arrived(peer, packet).await;
            }
        }
    }

    /// Says that the path of this peer may have changed. Without a driver there is nobody left to care.
    async fn tell(&self, peer: &Peer) {
        let _ = self.events.send(Event::Path { peer: peer.id }).await;
    }
}

/// Sends all that is waiting in one go, until the queue ends because another path replaced this one.
async fn send_packets(
    queue: &mut Queue,
    first: Option<Bytes>,
    mut send: SendStream,
    active: &AtomicBool,
) -> Result<(), Broken> {
    let mut packets = Vec::from_iter(first);
    loop {
        if packets.is_empty()
            && queue
                .packets
                .recv_many(&mut packets, TUNNEL_QUEUE_MAX)
                .await
                == 0
        {
            let _ = send.finish();
            // Until the supernode has it all: what ends the link next must not overtake it.
            let _ = send.stopped().await;
            drop(queue.emptied.take());
            return Ok(());
        }
        active.store(true, Ordering::Relaxed);
        let size = packets.iter().map(|packet| 2 + packet.len()).sum();
        let mut framed = BytesMut::with_capacity(size);
        for packet in packets.drain(..) {
            // QUIC makes none so long; a length that does not fit would garble what follows.
            if let Ok(size) = u16::try_from(packet.len()) {
                framed.put_u16(size);
                framed.put(packet);
            }
        }
        send.write_chunk(framed.freeze())
            .await
            .map_err(|_| Broken)?;
    }
}

fn next_packet(buffer: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
    let Some(&length) = buffer.first_chunk::<2>() else {
        return Ok(None);
    };
    let size = usize::from(u16::from_be_bytes(length));
    if size == 0 || size > PACKET_SIZE_MAX {
        return Err(Broken);
    }
    if buffer.len() < 2 + size {
        return Ok(None);
    }
    buffer.advance(2);
    Ok(Some(buffer.split_to(size).freeze()))
}

async fn silence(active: &AtomicBool) {
    while active.swap(false, Ordering::Relaxed) {
        sleep(IDLE).await;
    }
}
