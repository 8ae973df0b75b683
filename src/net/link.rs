//! One link: a QUIC connection, and the one stream on it that carries messages as frames.
//!
//! A link's task reads, writes and ends; the driver holds a [`Link`] to speak to it. What comes of it comes as
//! [`Event`]s, in order, and the last one is [`Event::Lost`].

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::mapping::State;
use super::peer::Peer;
use super::watch::Watch;
use crate::proto::codec::{self, DecodeError, LENGTH_SIZE};
use crate::proto::id::NodeId;
use crate::proto::limits::{RECEIVE_QUEUE_MAX, SEND_QUEUE_SIZE_MAX};
use crate::proto::path::door::Family;
use crate::proto::role::{Kind, LinkId};
use crate::proto::time::Mono;
use crate::proto::wire::{Message, Reason};

/// How long what was sent before a close may take to be acknowledged.
const FLUSH_WAIT: Duration = Duration::from_secs(1);
/// How long an other end that has finished its messages may take to close the link.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Pieces taken from the stream at once; every link has room for them all the time.
const PIECES: usize = 4;

/// What happens on links and below them.
#[derive(Debug)]
pub(super) enum Event {
    /// A message came. The permit is room in the link's share of the driver's queue, free once it is handled.
    Received {
        link: LinkId,
        message: Message,
        permit: OwnedSemaphorePermit,
    },
    /// The link is gone; nothing else is said of it.
    Lost { link: LinkId, why: Option<Reason> },
    /// The path of this peer may have changed.
    Path { peer: NodeId },
    /// The supernode at the other end of this link sees us at this address.
    Seen { link: LinkId, address: SocketAddr },
    /// How it stands with a router that was asked to let others in.
    Mapped(Family, State),
}

/// The driver's hold on a link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: NodeId,
    pub(super) kind: Kind,
    pub(super) connection: Connection,
    /// Keeps the peer's virtual address; mesh links have none.
    pub(super) path: Option<Arc<Peer>>,
    pub(super) watch: Watch,
    /// Whether we dialled it.
    pub(super) is_ours: bool,
    pub(super) heed: Heed,
    /// Where we see the other end.
    pub(super) seen: watch::Sender<SocketAddr>,
    shared: Arc<Shared>,
}

/// How closely a link is heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// As closely as can be, with signs of life that QUIC asks for where it can.
    Close,
    /// The same, but they are asked for by us.
    Asked,
    /// As the role wants it: both ends are mesh nodes.
    Wanted,
    /// Not at all: the other end lives in this process.
    Never,
}

/// More waits for the link than a link may make us hold.
#[derive(Debug)]
pub(super) struct Full;

/// What the driver and the link's task both touch. Behind a lock: the driver must know at once whether there is
/// room, and the lock is held for a push or a swap.
#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// The reason we closed the link for, if it was us.
    closed: OnceLock<Reason>,
    /// The path of a link to a peer, and how many packets had been sent on it when we closed the link.
    path: Option<Arc<Peer>>,
    sent_before: OnceLock<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Vec<Bytes>,
    /// Bytes in `frames`.
    size: usize,
    closing: Option<Reason>,
    stream: Option<SendStream>,
    /// Whether the link's task waits for room in the stream, which it alone is told of then.
    is_blocked: bool,
}

impl Waiting {
    /// Writes all that waits, as far as the stream has room.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Ok(()));
        };
        while !self.frames.is_empty() {
            if self.frames.len() > 1 {
                // One piece: quinn goes through the pieces of a stream one by one for every packet.
                self.frames = vec![self.frames.concat().into()];
            }
            let written = {
                let writing = pin!(stream.write_chunks(&mut self.frames));
                ready!(writing.poll(context))?
            };
            self.size -= written.bytes;
            self.frames.retain(|piece| !piece.is_empty());
        }
        Poll::Ready(Ok(()))
    }
}

impl Link {
    pub(super) fn new(
        peer: NodeId,
        kind: Kind,
        connection: Connection,
        path: Option<Arc<Peer>>,
        is_ours: bool,
        now: Mono,
    ) -> Self {
        Self {
            peer,
            kind,
            seen: watch::Sender::new(connection.remote_address()),
            connection,
            watch: Watch::new(now),
            is_ours,
            heed: Heed::Close,
            shared: Arc::new(Shared {
                path: path.clone(),
                ..Shared::default()
            }),
            path,
        }
    }

    /// The link's task: until the link is gone, by whatever cause. `streams` serves the other streams of the
    /// connection meanwhile.
    pub(super) fn run(
        &self,
        id: LinkId,
        send: SendStream,
        receive: RecvStream,
        streams: impl Future<Output = ()> + Send + 'static,
        events: mpsc::Sender<Event>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (connection, shared, peer) =
            (self.connection.clone(), Arc::clone(&self.shared), self.peer);
        shared.waiting().stream = Some(send);
        async move {
            let reader = Reader {
                id,
                peer,
                connection: connection.clone(),
                shared: Arc::clone(&shared),
                events: events.clone(),
            };
            let ended = tokio::select! {
                ended = reader.read(receive) => ended,
                ended = async {
                    tokio::join!(write(&connection, &shared), streams);
                    connection.closed().await
                } => ended,
            };
            let why = reason(&ended, &shared);
            // Without a driver there is nobody left to tell.
            let _ = events.send(Event::Lost { link: id, why }).await;
        }
    }

    /// Puts a frame behind those that wait for [`Link::write`].
    pub(super) fn send(&self, frame: Bytes) -> Result<(), Full> {
        let mut waiting = self.shared.waiting();
        if waiting.size + frame.len() > SEND_QUEUE_SIZE_MAX {
            return Err(Full);
        }
        waiting.size += frame.len();
        waiting.frames.push(frame);
        Ok(())
    }

    /// Writes what waits. That wakes nobody but QUIC: the link's task has to do only with what the stream has no room
    /// for.
    pub(super) fn write(&self) {
        let mut waiting = self.shared.waiting();
        if waiting.is_blocked {
            return;
        }
        let is_written = waiting.write(&mut Context::from_waker(Waker::noop()));
        if !matches!(is_written, Poll::Ready(Ok(()))) {
            self.shared.changed.notify_one();
        }
    }

    /// Whether we ask for signs of life ourselves: QUIC does it for a client, and for both ends of a link to a peer.
    pub(super) fn has_to_ask(&self) -> bool {
        match self.heed {
            Heed::Close => self.kind == Kind::Mesh && !self.is_ours,
            Heed::Asked | Heed::Wanted => true,
            Heed::Never => false,
        }
    }

    /// From here on it is heeded so.
    pub(super) fn heed(&mut self, heed: Heed, now: Mono) {
        self.heed = heed;
        self.watch.heed(now, heed != Heed::Never);
    }

    /// Whether we are a mesh node, and the other end is somebody's client. Of those a directory sees thousands a second
    /// come and go, who would drown all else that it has to say.
    pub(super) fn is_of_client(&self) -> bool {
        self.kind == Kind::Mesh && !self.is_ours && self.heed == Heed::Close
    }

    /// When to look at it next, if nothing comes before.
    pub(super) fn due(&self) -> Option<Mono> {
        self.watch.due(self.has_to_ask(), self.is_ours)
    }

    /// Asks the other end for a sign of life, which its acknowledgement is: by a frame of nothing, behind what waits.
    pub(super) fn ask(&self) {
        // What waits asks as well.
        let _full = self.send(Bytes::from_static(&[0; LENGTH_SIZE]));
        self.write();
    }

    /// Closes the link once what waits is written and acknowledged.
    pub(super) fn close_after_all(&self, reason: Reason) {
        self.shared.waiting().closing = Some(reason);
        self.shared.changed.notify_one();
    }

    /// Looks where the other end is. One that moves sends from there by itself.
    pub(super) fn look_where(&self) {
        // A peer stays at its virtual address, and a node that we dialled never moves.
        if self.kind == Kind::Mesh && !self.is_ours {
            let at = self.connection.remote_address();
            let is_change = |known: &mut SocketAddr| std::mem::replace(known, at) != at;
            self.seen.send_if_modified(is_change);
        }
    }

    /// The round trip as QUIC estimates it.
    pub(super) fn rtt_ms(&self) -> u64 {
        millis(self.connection.rtt())
    }

    /// Whether we have closed it, and the other end has not been sent a word of that. What is sent first after
    /// a close is the close (quinn's own count of CONNECTION_CLOSE frames is of those received).
    pub(super) fn is_silently_closed(&self) -> bool {
        let reason = self.connection.close_reason();
        matches!(reason, Some(ConnectionError::LocallyClosed))
            && self.path.as_ref().map(|path| path.sent()) == self.shared.sent_before.get().copied()
    }

    /// Closes the link and drops what waits. Where the path itself is jammed quinn holds even the reason back
    /// (`poll_transmit` counts it as data); the other end then learns by a stateless reset that it is alone.
    pub(super) fn close_now(&self, reason: Reason) {
        self.shared.close(&self.connection, reason);
    }
}

impl Shared {
    fn close(&self, connection: &Connection, reason: Reason) {
        let _ = self.closed.set(reason);
        if let Some(path) = &self.path {
            let _ = self.sent_before.set(path.sent());
        }
        connection.close(
            VarInt::from_u32(reason as u32),
            reason.to_string().as_bytes(),
        );
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that waits, and tells whether to close after it.
    fn poll_write(&self, context: &mut Context<'_>) -> Poll<Result<Option<Reason>, WriteError>> {
        let mut waiting = self.waiting();
        let written = waiting.write(context);
        waiting.is_blocked = written.is_pending();
        written.map_ok(|()| waiting.closing)
    }
}

/// Writes what the stream had no room for, again and again, until the link ends or is to be closed.
async fn write(connection: &Connection, shared: &Shared) {
    loop {
        let Ok(closing) = poll_fn(|context| shared.poll_write(context)).await else {
            // Either the link is gone, or the other end wants no messages any more, which makes it none.
            if connection.close_reason().is_none() {
                shared.close(connection, Reason::Unexpected);
            }
            return;
        };
        let Some(reason) = closing else {
            shared.changed.notified().await;
            continue;
        };
        let stream = shared.waiting().stream.take();
        if let Some(mut stream) = stream {
            let _ = stream.finish();
            // Closing drops what is not yet acknowledged.
            let _ = timeout(FLUSH_WAIT, stream.stopped()).await;
        }
        return shared.close(connection, reason);
    }
}

struct Reader {
    id: LinkId,
    peer: NodeId,
    connection: Connection,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
}

impl Reader {
    /// Passes on messages until there are no more, and says how the link ended.
    async fn read(self, mut receive: RecvStream) -> ConnectionError {
        let room = Arc::new(Semaphore::new(RECEIVE_QUEUE_MAX));
        let mut frames = Frames::default();
        let mut pieces = [const { Bytes::new() }; PIECES];
        loop {
            match receive.read_chunks(&mut pieces).await {
                Ok(Some(count)) => {
                    for piece in &mut pieces[..count] {
                        frames.buffer.extend_from_slice(&std::mem::take(piece));
                    }
                }
                Ok(None) => {
                    // Its last message was read; its reason for ending the link is on the way.
                    let closed = timeout(CLOSE_WAIT, self.connection.closed());
                    if closed.await.is_err() {
                        self.shared.close(&self.connection, Reason::Done);
                    }
                    return self.connection.closed().await;
                }
                Err(ReadError::ConnectionLost(error)) => return error,
                Err(
                    ReadError::Reset(_)
                    | ReadError::ClosedStream
                    | ReadError::IllegalOrderedRead
                    | ReadError::ZeroRttRejected,
                ) => {
                    self.shared.close(&self.connection, Reason::Unexpected);
                    return self.connection.closed().await;
                }
            }
            loop {
                // What it says is read when there is room for it, so that no message is held while we wait: ten
                // thousand idle links would each have room for one.
                let passed = match frames.next() {
                    Ok(None) => break,
                    Ok(Some(frame)) => self.pass(&room, frame).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = passed {
                    let reason = error.reason();
                    tracing::warn!(peer = %self.peer.short(), %error, %reason, "closing a link");
                    self.shared.close(&self.connection, reason);
                    return self.connection.closed().await;
                }
            }
        }
    }

    /// Waits for room, in the link's share of the driver's queue and in the queue.
    async fn pass(&self, room: &Arc<Semaphore>, frame: BytesMut) -> Result<(), DecodeError> {
        let permit = Arc::clone(room).acquire_owned().await;
        let permit = permit.expect("this semaphore is never closed");
        let place = self.events.reserve().await;
        let message = codec::decode(&frame)?;
        // Without a driver there is nobody left to tell.
        if let Ok(place) = place {
            place.send(Event::Received {
                link: self.id,
                message,
                permit,
            });
        }
        Ok(())
    }
}

/// Bytes of a stream, as frames.
#[derive(Default)]
struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// The next frame that is there whole, without its length.
    fn next(&mut self) -> Result<Option<BytesMut>, DecodeError> {
        while self.buffer.starts_with(&[0; LENGTH_SIZE]) {
            // A frame of nothing: somebody wants to know whether we are there.
            self.buffer.advance(LENGTH_SIZE);
        }
        let Some(&length) = self.buffer.first_chunk::<LENGTH_SIZE>() else {
            return Ok(None);
        };
        let size = codec::frame_size(length)?;
        if self.buffer.len() < LENGTH_SIZE + size {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_SIZE);
        Ok(Some(self.buffer.split_to(size)))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({} bytes)", self.buffer.len())
    }
}

/// The numbered reason of an end, if somebody gave one.
fn reason(ended: &ConnectionError, shared: &Shared) -> Option<Reason> {
    match ended {
        ConnectionError::ApplicationClosed(close) => {
            Some(Reason::from_code(close.error_code.into_inner()))
        }
        ConnectionError::LocallyClosed => shared.closed.get().copied(),
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::CidsExhausted => None,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::limits::FRAME_SIZE_MAX;

    fn message(text: &str) -> Message {
        Message::Leave {
            group: crate::proto::id::GroupName::parse(text).unwrap(),
        }
    }

    #[test]
    fn frames_are_read_however_the_bytes_are_cut() {
        let sent = [message("#a"), message("#hearth"), message("#c")];
        let nothing = Bytes::from_static(&[0; LENGTH_SIZE]);
        let frames = sent.iter().map(codec::encode);
        let frames = frames.flat_map(|frame| [nothing.clone(), frame, nothing.clone()]);
        let bytes = frames.collect::<Vec<_>>().concat();
        for cut in 1..bytes.len() {
            let mut frames = Frames::default();
            let mut read = Vec::new();
            for piece in bytes.chunks(cut) {
                frames.buffer.extend_from_slice(piece);
                while let Some(frame) = frames.next().unwrap() {
                    read.push(codec::decode(&frame).unwrap());
                }
            }
            assert_eq!(read, sent, "cut every {cut} bytes");
        }
    }

    #[test]
    fn a_huge_length_is_refused_before_its_frame_is_waited_for() {
        let mut frames = Frames::default();
        let length = u32::try_from(FRAME_SIZE_MAX + 1).unwrap();
        frames.buffer.extend_from_slice(&length.to_le_bytes());
        assert_eq!(frames.next(), Err(DecodeError::TooLong(FRAME_SIZE_MAX + 1)));
    }
}
