//! What the network counts, for the operator, and how a running driver is asked for it.
//!
//! The driver counts for itself and answers between two inputs, so that nothing is shared and an answer is also a
//! sign that it still turns.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::link::millis;
use crate::proto::figures::Figures;
use crate::proto::wire::Reason;

/// Questions that may wait; who asks beyond them waits too.
const QUESTIONS_MAX: usize = 4;

/// What a driver answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub figures: Figures,
    pub links: LinkFigures,
    pub tally: Tally,
}

/// The links there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFigures {
    /// From clients.
    pub clients: usize,
    /// To and from mesh nodes.
    pub nodes: usize,
    /// Between members, end to end.
    pub peers: usize,
    /// Those of all of these that are quiet.
    pub quiet: usize,
    /// Handshakes under way with those who dialled us.
    pub handshakes: usize,
}

/// What has happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub handshakes: BTreeMap<Handshake, u64>,
    /// Links that have ended, by their numbered reason; without one they were lost.
    pub ends: BTreeMap<Option<Reason>, u64>,
    pub received: u64,
    pub sent: u64,
    /// Messages that were not sent because their link was too slow.
    pub dropped: u64,
}

/// What became of a handshake that somebody else began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handshake {
    /// A link is up.
    Done,
    /// It broke off, or the other end was not what it said.
    Failed,
    /// Given up while it was under way: there were too many at once, and others waited.
    GivenUp,
    /// Refused: its address or network has its share already.
    Share,
    /// Asked to prove its address before anything else.
    MustProve,
}

impl Tally {
    pub(super) fn handshake(&mut self, came_to: Handshake) {
        *self.handshakes.entry(came_to).or_default() += 1;
    }

    pub(super) fn end(&mut self, why: Option<Reason>) {
        *self.ends.entry(why).or_default() += 1;
    }
}

/// Asks a driver.
#[derive(Clone, Debug)]
pub struct Gauge(mpsc::Sender<oneshot::Sender<Reading>>);

/// The driver's end.
pub(super) type Questions = mpsc::Receiver<oneshot::Sender<Reading>>;

impl Gauge {
    pub(super) fn new() -> (Self, Questions) {
        let (ask, questions) = mpsc::channel(QUESTIONS_MAX);
        (Self(ask), questions)
    }

    /// Waits for the driver's answer; none if it has ended.
    pub async fn read(&self) -> Option<Reading> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.ok()?;
        answered.await.ok()
    }
}

/// What is relayed for others. Counted by many tasks at once, each on its own way, which is why it is shared.
#[derive(Debug, Default)]
pub struct Relayed {
    opened: AtomicU64,
    closed: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    waits: AtomicU64,
    waited_ms: AtomicU64,
}

/// A tunnel that is open as long as this lives.
pub(super) struct OpenTunnel<'a>(&'a Relayed);

impl Relayed {
    pub(super) fn open_tunnel(&self) -> OpenTunnel<'_> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        OpenTunnel(self)
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn carry(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn wait(&self, waited: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_ms.fetch_add(millis(waited), Ordering::Relaxed);
    }

    /// Tunnels opened since the start.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Tunnels open by now.
    #[must_use]
    pub fn open(&self) -> u64 {
        let closed = self.closed.load(Ordering::Relaxed);
        self.opened().saturating_sub(closed)
    }

    /// Tunnels refused since the start.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes carried since the start, in both directions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often something waited for its sender's quota.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// How long all of that waited together.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }
}

impl Drop for OpenTunnel<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Ordering::Relaxed);
    }
}
