//! Links as they come: whom we dial, who dials us and has a share left, and what serves a link from then on.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join;
use quinn::Incoming;
use tokio_util::sync::CancellationToken;

use super::{Done, Driver};
use crate::net::dial::Up;
use crate::net::gauge::Handshake;
use crate::net::link::{Heed, Link};
use crate::net::peer::Peer;
use crate::net::share::Verdict;
use crate::net::socket::{is_virtual, unmapped};
use crate::net::tunnel::Uplink;
use crate::net::{dial, offer, relay, tunnel, vantage};
use crate::proto::id::NodeId;
use crate::proto::role::{DialId, Input, Kind, LinkId, Target};
use crate::proto::wire::Reason;

/// Handshakes at a time. For one more the oldest is given up: an honest one is done by then, and who only begins them
/// keeps nobody out.
const HANDSHAKES_MAX: usize = 1024;
/// Handshakes at a time from which on an address must prove that it is one, which costs it a round trip.
const HANDSHAKES_UNPROVEN_MAX: usize = 256;

impl Driver {
    pub(super) fn dial(&mut self, dial: DialId, to: &Target) {
        let (kind, address, wanted, path) = match *to {
            Target::Node { address, id } => (Kind::Mesh, address, id, None),
            Target::Peer { id, via } => {
                let peer = self.endpoint.socket.peer(id);
                if !self.route(&peer, via) {
                    let why = "there is no link to that supernode".to_owned();
                    let reason = None;
                    return self
                        .pending
                        .push_back(Input::Undialled { dial, why, reason });
                }
                (Kind::Peer, peer.address, Some(id), Some(peer))
            }
        };
        let connecting = self.endpoint.dial(kind, address, wanted);
        let client = (self.endpoint.accepts == Kind::Peer).then_some(self.endpoint.run);
        let dialled = self.timed(path.clone(), dial::dial(connecting, kind, client, path));
        if kind == Kind::Mesh && self.endpoint.knocks {
            let dialled = dial::dial_unless_refused(dialled, address);
            self.tasks
                .spawn(async move { Done::Dialled(dial, dialled.await) });
        } else {
            self.tasks
                .spawn(async move { Done::Dialled(dial, dialled.await) });
        }
    }

    /// A handshake with a peer, beside which the time of its path is kept.
    fn timed<T, F: Future<Output = T>>(
        &self,
        peer: Option<Arc<Peer>>,
        handshake: F,
    ) -> impl Future<Output = T> + use<T, F> {
        let (socket, events) = (Arc::clone(&self.endpoint.socket), self.events.clone());
        offer::timed(socket, peer, events, handshake)
    }

    /// Reaches `peer` over the link `via` from here on; false if that is no link of ours to a mesh node.
    pub(super) fn route(&mut self, peer: &Arc<Peer>, via: LinkId) -> bool {
        if peer.via() == Some(via) {
            return true;
        }
        let Some(uplink) = self.uplink(via) else {
            return false;
        };
        let queue = peer.route(via);
        let peer = Arc::clone(peer);
        self.tasks.spawn(async move {
            tunnel::run(uplink, peer, queue, None).await;
            Done::Carried
        });
        true
    }

    fn uplink(&self, id: LinkId) -> Option<Uplink> {
        let link = self.links.get(id)?;
        (link.kind == Kind::Mesh).then(|| Uplink {
            link: id,
            connection: link.connection.clone(),
            socket: Arc::clone(&self.endpoint.socket),
            events: self.events.clone(),
        })
    }

    /// Somebody dials us.
    pub(super) fn knocked(&mut self, incoming: Incoming) {
        let address = incoming.remote_address();
        let kind = self.endpoint.accepts;
        let path = self.endpoint.socket.peer_at(address);
        match kind {
            Kind::Mesh if is_virtual(address) => return incoming.ignore(),
            // A client is dialled through tunnels alone, and to nobody else does it answer.
            Kind::Peer if path.is_none() => return incoming.ignore(),
            Kind::Mesh | Kind::Peer => {}
        }
        // Below a virtual address there is no other to be proven.
        let is_proven = kind == Kind::Peer || incoming.remote_address_validated();
        let must_prove = !is_proven && self.handshakes.len() >= HANDSHAKES_UNPROVEN_MAX;
        let verdict = if must_prove {
            Verdict::Prove
        } else {
            self.share(address, is_proven)
        };
        match verdict {
            Verdict::Accept => {}
            Verdict::Prove => {
                self.tally.handshake(Handshake::MustProve);
                // It may always be asked while it has not been proven.
                let _ = incoming.retry();
                return;
            }
            Verdict::Refuse => {
                self.tally.handshake(Handshake::Share);
                tracing::debug!(%address, "refusing a link: its address or network has its share");
                return incoming.refuse();
            }
        }
        match incoming.accept() {
            Ok(connecting) => {
                let (number, given_up) = self.answers();
                let answered = dial::answer(connecting, kind, path.clone());
                let answered = self.timed(path, dial::unless(given_up, answered));
                self.tasks.spawn(async move {
                    Done::Answered(number, address, is_proven, answered.await)
                });
            }
            Err(error) => {
                self.shared_in_vain(address, is_proven);
                tracing::debug!(%address, %error, "refusing a packet that opens no link");
            }
        }
    }

    /// Makes room for one more handshake; its number, and what says that it is given up.
    fn answers(&mut self) -> (u64, CancellationToken) {
        if self.handshakes.len() >= HANDSHAKES_MAX
            && let Some((_, oldest)) = self.handshakes.pop_first()
        {
            oldest.cancel();
        }
        self.answered += 1;
        let given_up = CancellationToken::new();
        self.handshakes.insert(self.answered, given_up.clone());
        (self.answered, given_up)
    }

    /// Whether somebody who dials has a share left; those who dial through tunnels are known by those.
    fn share(&mut self, from: SocketAddr, is_proven: bool) -> Verdict {
        if self.endpoint.accepts == Kind::Peer {
            return Verdict::Accept;
        }
        let now = self.clock.now().mono;
        self.shares.dialled(unmapped(from).ip(), is_proven, now)
    }

    fn shared_in_vain(&mut self, from: SocketAddr, is_proven: bool) {
        if self.endpoint.accepts == Kind::Mesh {
            let now = self.clock.now().mono;
            self.shares.failed(unmapped(from).ip(), is_proven, now);
        }
    }

    /// A handshake with somebody who dialled us is done.
    pub(super) fn answered(
        &mut self,
        from: SocketAddr,
        is_proven: bool,
        up: Result<Up, dial::Error>,
    ) {
        let up = match up {
            Ok(up) => up,
            Err(error) => {
                self.tally.handshake(match &error {
                    dial::Error::GivenUp => Handshake::GivenUp,
                    dial::Error::Dial(_)
                    | dial::Error::TimedOut
                    | dial::Error::Nobody
                    | dial::Error::Full
                    | dial::Error::Closed(_)
                    | dial::Error::Refused(_)
                    | dial::Error::Lost(_) => Handshake::Failed,
                });
                self.shared_in_vain(from, is_proven);
                return tracing::info!(address = %from, %error, "a handshake came to nothing");
            }
        };
        self.tally.handshake(Handshake::Done);
        let peer = up.peer;
        let link = self.up(up, None);
        if self.endpoint.accepts == Kind::Mesh {
            let (from, now) = (unmapped(from).ip(), self.clock.now().mono);
            let has_share = self.shares.linked(link, peer, from, is_proven, now);
            if self.links.get(link).is_none() {
                // The role would not have it.
                self.shares.ended(link);
            } else if !has_share {
                tracing::info!(address = %from, peer = %peer.short(), "closing a link: its share is used up");
                self.close(link, Reason::Limit);
                self.settle();
            }
        }
    }

    pub(super) fn up(&mut self, up: Up, dial: Option<DialId>) -> LinkId {
        let Up {
            connection,
            send,
            receive,
            kind,
            peer,
            client,
            path,
        } = up;
        let address = (kind == Kind::Mesh).then(|| unmapped(connection.remote_address()));
        let now = self.clock.now().mono;
        let mut link = Link::new(peer, kind, connection.clone(), path, dial.is_some(), now);
        let is_between_nodes = self.endpoint.accepts == Kind::Mesh && client.is_none();
        link.heed(self.heed(&link, is_between_nodes), now);
        let rtt_ms = link.rtt_ms();
        let id = self.links.insert(link);
        let client = client.filter(|_| kind == Kind::Mesh && dial.is_none());
        let relayed_for = client.map(|_| peer);
        if let Some(run) = client {
            for (old, why) in self.links.is_client(peer, run, id) {
                self.close(old, why);
            }
            self.exchange.connect(peer, connection);
        }
        let streams = self.streams(id, relayed_for);
        if let Some(link) = self.links.get(id) {
            let running = link.run(id, send, receive, streams, self.events.clone());
            // Not by a block that awaits it: that would take its room twice, of every link.
            self.tasks.spawn(running.map(|()| Done::Carried));
        }
        tracing::info!(link = id.0, peer = %peer.short(), ?kind, ?address, rtt_ms, "linked");
        self.handle(Input::Linked {
            link: id,
            dial,
            kind,
            peer,
            address,
            rtt_ms,
        });
        self.tell_path(peer);
        id
    }

    /// How closely a link is heeded.
    fn heed(&self, link: &Link, is_between_nodes: bool) -> Heed {
        if self.endpoint.housemate == Some(link.peer) {
            Heed::Never
        } else if is_between_nodes {
            Heed::Wanted
        } else if link.is_ours && self.endpoint.is_inner(link.connection.remote_address()) {
            Heed::Asked
        } else {
            Heed::Close
        }
    }

    /// What serves the streams on a link that are not for messages: tunnels, from a client that is relayed for, or
    /// from the supernode that relays for us; and words on where we are, or where the other end is. Between mesh nodes
    /// nobody opens any.
    fn streams(
        &self,
        id: LinkId,
        relayed_for: Option<NodeId>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Some(link) = self.links.get(id) else {
            return Box::pin(pending());
        };
        let connection = link.connection.clone();
        match (&link.path, self.uplink(id), relayed_for) {
            (Some(peer), _, _) => {
                let (socket, peer) = (Arc::clone(&self.endpoint.socket), Arc::clone(peer));
                let (ours, events) = (self.vantage.places(), self.events.clone());
                Box::pin(offer::exchange(connection, socket, peer, ours, events))
            }
            (None, _, Some(client)) => {
                let relayed = relay::serve(Arc::clone(&self.exchange), connection.clone(), client);
                let seen = vantage::tell(connection, link.seen.subscribe());
                Box::pin(join(relayed, seen).map(|_| ()))
            }
            (None, Some(uplink), None) if self.endpoint.accepts == Kind::Peer => {
                let seen = vantage::hear(connection, id, self.events.clone());
                Box::pin(async {
                    tokio::join!(tunnel::accept(uplink), seen);
                })
            }
            (None, _, None) => Box::pin(pending()),
        }
    }
}
