//! What the two ends of a link between members tell each other of where they are: on a stream of its own, again
//! whenever it changes.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::link::Event;
use super::peer::Peer;
use super::probe::Terms;
use super::socket::{Socket, is_virtual};
use super::vantage::Places;
use crate::proto::limits::CANDIDATES_MAX;

/// Longest offer: the terms, and [`CANDIDATES_MAX`] addresses of some twenty bytes, twice.
const SIZE_MAX: usize = 512;
/// Between two offers of a peer that makes them all the time. One moves seldom.
const PAUSE: Duration = Duration::from_millis(100);
/// So many are taken at once: who moves loses one address, finds another, and is then seen elsewhere.
const OFFERS_AT_ONCE: u32 = 5;

/// What one end tells the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) terms: Terms,
    /// It keeps its addresses to itself, and wants to be relayed.
    pub(super) is_hidden: bool,
    pub(super) addresses: Vec<SocketAddr>,
    /// Those of them at which its router lets others in because it was asked to.
    pub(super) doors: Vec<SocketAddr>,
}

impl Offer {
    pub(super) fn of(terms: Terms, is_hidden: bool, places: &Places) -> Self {
        let Places { addresses, doors } = if is_hidden {
            Places::default()
        } else {
            places.clone()
        };
        Self {
            terms,
            is_hidden,
            addresses,
            doors,
        }
    }
}

/// Tells where we are and hears where the peer is, and keeps the time of its path, until the link ends.
pub(super) async fn exchange(
    connection: Connection,
    socket: Arc<Socket>,
    peer: Arc<Peer>,
    ours: watch::Receiver<Places>,
    events: mpsc::Sender<Event>,
) {
    tokio::join!(
        tell(&connection, &socket, &peer, ours),
        hear(&connection, &socket, &peer),
        keep_time(&socket, &peer, events),
    );
}

async fn tell(
    connection: &Connection,
    socket: &Socket,
    peer: &Peer,
    mut ours: watch::Receiver<Places>,
) {
    if socket.is_direct {
        peer.until_shown().await;
    }
    let Ok(mut stream) = connection.open_uni().await else {
        return;
    };
    loop {
        let offer = Offer::of(peer.terms, !socket.is_direct, &ours.borrow_and_update());
        if write(&mut stream, &offer).await.is_none() || ours.changed().await.is_err() {
            return;
        }
    }
}

async fn hear(connection: &Connection, socket: &Socket, peer: &Peer) {
    let offerer = peer.next_offerer();
    let Ok(mut stream) = connection.accept_uni().await else {
        return;
    };
    let mut earned = Instant::now();
    while let Some(mut offer) = read(&mut stream).await {
        if socket.is_direct {
            offer.addresses.retain(|address| !is_virtual(*address));
            offer.addresses.truncate(CANDIDATES_MAX);
            offer.doors.truncate(CANDIDATES_MAX);
        } else {
            offer.addresses.clear();
        }
        socket.offered(peer, offer, offerer);
        earned = earned.max(Instant::now()) + PAUSE;
        sleep_until(earned - (OFFERS_AT_ONCE - 1) * PAUSE).await;
    }
}

/// Keeps the time of a peer's path while `what` goes on, as a handshake does before there is a link that would.
pub(super) async fn timed<T>(
    socket: Arc<Socket>,
    peer: Option<Arc<Peer>>,
    events: mpsc::Sender<Event>,
    what: impl Future<Output = T>,
) -> T {
    let Some(peer) = peer else {
        return what.await;
    };
    let mut what = pin!(what);
    tokio::select! {
        biased;
        done = &mut what => return done,
        () = keep_time(&socket, &peer, events) => {}
    }
    what.await
}

/// Calls the finder when it is time, and says when it has chosen another way.
async fn keep_time(socket: &Socket, peer: &Peer, events: mpsc::Sender<Event>) {
    let mut alarm = peer.alarm();
    let mut told = None;
    loop {
        let due = {
            let alarm = *alarm.borrow_and_update();
            if told.replace(alarm.way) != Some(alarm.way) {
                tracing::debug!(peer = %peer.id.short(), way = ?alarm.way, "a path");
                // Without a driver there is nobody left to care.
                let _ = events.send(Event::Path { peer: peer.id }).await;
            }
            alarm.due
        };
        let ticked = async {
            match due {
                Some(due) => sleep_until(socket.instant(due)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = alarm.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = ticked => socket.tick(peer),
        }
    }
}

async fn write(stream: &mut SendStream, offer: &Offer) -> Option<()> {
    let body = postcard::to_stdvec(offer).ok()?;
    let length = u16::try_from(body.len()).ok()?;
    let frame = [&length.to_be_bytes()[..], &body].concat();
    stream.write_all(&frame).await.ok()
}

/// None at the end, and for whatever is no offer.
async fn read(stream: &mut RecvStream) -> Option<Offer> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.ok()?;
    let mut body = [0; SIZE_MAX];
    let body = body.get_mut(..usize::from(u16::from_be_bytes(length)))?;
    stream.read_exact(body).await.ok()?;
    postcard::from_bytes(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_offer_has_room() {
        let addresses = vec!["[2001:db8:ffff:ffff::7]:65535".parse().unwrap(); CANDIDATES_MAX];
        let places = Places {
            doors: addresses.clone(),
            addresses,
        };
        let offer = Offer::of(Terms::random(), false, &places);
        assert_eq!(offer.addresses, places.addresses);
        assert!(postcard::to_stdvec(&offer).unwrap().len() <= SIZE_MAX);
    }

    #[test]
    fn who_is_hidden_gives_no_address_away() {
        let addresses = vec!["203.0.113.7:4000".parse().unwrap()];
        let places = Places {
            doors: addresses.clone(),
            addresses,
        };
        let offer = Offer::of(Terms::random(), true, &places);
        assert!(offer.addresses.is_empty() && offer.doors.is_empty());
    }
}
