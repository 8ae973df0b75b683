//! The supernode's half of relaying: what comes on one stream goes out on another, byte for byte.
//!
//! *Invariant:* nothing here parses what it carries, and nobody here could read it. When one side reads slowly its
//! window fills, then ours, then the sender's: one stream per pair, so that nobody else waits.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::time::timeout;

use super::gauge::Relayed;
use super::quota::Quotas;
use super::stream::{self, Cause, TUNNEL_FROM, TUNNEL_TO};
use crate::proto::id::NodeId;

/// How long the destination may take to allow one more stream.
const OPEN_WAIT: Duration = Duration::from_secs(2);
/// Pieces taken from a stream at once; each packet of it is one. Every direction of a tunnel has room for them all the
/// time.
const PIECES: usize = 16;

/// Sees what is relayed, for accounts and for tests.
pub trait Observer: Send + Sync {
    /// Called before these bytes go out.
    fn relayed(&self, from: NodeId, to: NodeId, bytes: &[u8]);
}

/// Which clients have a link here. Behind a lock and not in a task: relaying reads it once per tunnel, the driver
/// writes it once per link.
#[derive(Default)]
pub(super) struct Exchange {
    links: RwLock<BTreeMap<NodeId, Vec<Connection>>>,
    observer: Option<Arc<dyn Observer>>,
    relayed: Arc<Relayed>,
    quotas: Quotas,
}

impl Exchange {
    pub(super) fn new(
        observer: Option<Arc<dyn Observer>>,
        relayed: Arc<Relayed>,
        quotas: Quotas,
    ) -> Self {
        Self {
            links: RwLock::default(),
            observer,
            relayed,
            quotas,
        }
    }

    /// Relays for and to this client from here on, over its latest link.
    pub(super) fn connect(&self, id: NodeId, connection: Connection) {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        links.entry(id).or_default().push(connection);
    }

    /// Forgets this link; others of the same client stay.
    pub(super) fn disconnect(&self, id: NodeId, connection: &Connection) {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_client) = links.get_mut(&id) {
            of_client.retain(|link| link.stable_id() != connection.stable_id());
            if of_client.is_empty() {
                links.remove(&id);
            }
        }
    }

    /// Counts what goes out, before it does, and waits until its sender may have it relayed.
    async fn carried(&self, from: (NodeId, IpAddr), to: NodeId, bytes: &[u8]) {
        let (from, address) = from;
        if let Some(waited) = self.quotas.wait(from, address, bytes.len()).await {
            self.relayed.wait(waited);
        }
        self.relayed.carry(bytes.len());
        if let Some(observer) = &self.observer {
            observer.relayed(from, to, bytes);
        }
    }

    fn find(&self, id: NodeId) -> Option<Connection> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let latest = links.get(&id)?.iter().rev();
        latest
            .into_iter()
            .find(|link| link.close_reason().is_none())
            .cloned()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

/// Relays every tunnel that `from` opens on its link, until the link ends.
pub(super) async fn serve(exchange: Arc<Exchange>, connection: Connection, from: NodeId) {
    stream::accept_each(&connection, |send, receive| {
        let address = connection.remote_address().ip().to_canonical();
        relay(Arc::clone(&exchange), (from, address), send, receive)
    })
    .await;
}

async fn relay(
    exchange: Arc<Exchange>,
    from: (NodeId, IpAddr),
    mut send: SendStream,
    mut receive: RecvStream,
) {
    let (onward, back, to) = match open(&exchange, from.0, &mut receive).await {
        Ok(opened) => opened,
        Err(why) => {
            exchange.relayed.refuse();
            return stream::refuse(&mut send, &mut receive, why);
        }
    };
    let _open = exchange.relayed.open_tunnel();
    tokio::join!(
        splice(&exchange, receive, onward, from, to.0),
        splice(&exchange, back, send, to, from.0),
    );
}

/// The other half of a tunnel, and to whom it leads.
async fn open(
    exchange: &Exchange,
    from: NodeId,
    receive: &mut RecvStream,
) -> Result<(SendStream, RecvStream, (NodeId, IpAddr)), Cause> {
    let to = stream::read_beginning(receive, TUNNEL_TO)
        .await
        .ok_or(Cause::Unexpected)?;
    let link = exchange.find(to).ok_or(Cause::NotLinked)?;
    let (mut onward, back) = match timeout(OPEN_WAIT, link.open_bi()).await {
        Ok(Ok(streams)) => streams,
        Ok(Err(_)) => return Err(Cause::NotLinked),
        Err(_) => return Err(Cause::Limit),
    };
    let beginning = stream::beginning(TUNNEL_FROM, from);
    match onward.write_all(&beginning).await {
        Ok(()) => {
            let address = link.remote_address().ip().to_canonical();
            Ok((onward, back, (to, address)))
        }
        Err(_) => Err(Cause::NotLinked),
    }
}

/// What came, in one piece: quinn goes through those that wait one by one for every packet, and copying them is cheaper.
fn joined(pieces: &mut [Bytes]) -> Bytes {
    match pieces {
        [alone] => std::mem::take(alone),
        several => {
            let whole = several.concat().into();
            // Each would keep what the socket received with it.
            several.fill(Bytes::new());
            whole
        }
    }
}

/// Carries one direction to its end. A side that breaks breaks the other, so that both ends learn of it.
async fn splice(
    exchange: &Exchange,
    mut from: RecvStream,
    mut to: SendStream,
    sender: (NodeId, IpAddr),
    receiver: NodeId,
) {
    let broken = VarInt::from_u32(Cause::NotLinked as u32);
    let mut pieces = [const { Bytes::new() }; PIECES];
    loop {
        match from.read_chunks(&mut pieces).await {
            Ok(Some(count)) => {
                let piece = joined(&mut pieces[..count]);
                exchange.carried(sender, receiver, &piece).await;
                if to.write_chunk(piece).await.is_err() {
                    let _ = from.stop(broken);
                    return;
                }
            }
            Ok(None) => {
                let _ = to.finish();
                return;
            }
            Err(_) => {
                let _ = to.reset(broken);
                return;
            }
        }
    }
}
