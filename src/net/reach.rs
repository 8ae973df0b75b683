//! Finding out about the way to a peer, for whoever asks.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::peer::{Known, Peer};
use super::socket::Socket;
use crate::proto::command::Asking;
use crate::proto::id::NodeId;
use crate::proto::path::Way;
use crate::proto::path::door::{Door, Family};
use crate::proto::path::report::Report;

/// How long an answer may take that is waited for.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// What is asked, and what only the driver knows of it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asking: Asking,
    /// The supernode whose tunnel there is.
    pub(super) via: Option<NodeId>,
    /// The round trip as QUIC estimates it.
    pub(super) relay_ms: Option<u64>,
    pub(super) seen: BTreeSet<SocketAddr>,
    /// What our routers do for us.
    pub(super) doors: Vec<(Family, Door)>,
}

/// Looks, or asks the peer on every way there is and waits a moment for its answers.
pub(super) async fn answer(socket: Arc<Socket>, peer: Arc<Peer>, question: Question) -> Report {
    if question.asking == Asking::Ping && peer.is_shown() {
        let mut alarm = peer.alarm();
        socket.find(&peer, |finder, now| finder.ping(now));
        let answered = async {
            while !has_answered(&peer.known(), question.via.is_some()) {
                if alarm.changed().await.is_err() {
                    return;
                }
            }
        };
        // What has not come by then is told as missing.
        let _ = timeout(ANSWER_WAIT, answered).await;
    }
    let known = peer.known();
    let (direct_ms, relay_ms) = match question.asking {
        Asking::Path => (known.rtt_ms, question.relay_ms),
        Asking::Ping => (known.answers.direct_ms, known.answers.relay_ms),
    };
    Report {
        peer: peer.id,
        asking: question.asking,
        way: known.way,
        via: question.via,
        direct_ms,
        relay_ms,
        tried: known.tried,
        is_offered: known.is_offered,
        is_hidden: known.is_hidden,
        are_we_hidden: !socket.is_direct,
        is_stranger: !peer.is_shown(),
        is_let_in: known.is_let_in,
        seen: question.seen.into_iter().collect(),
        doors: question.doors,
    }
}

fn has_answered(known: &Known, has_relay: bool) -> bool {
    let direct = known.way == Way::Relay || known.answers.direct_ms.is_some();
    direct && (!has_relay || known.answers.relay_ms.is_some())
}
