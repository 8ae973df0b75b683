//! The links of a driver by number, and which peers are reached over which of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::gauge::LinkFigures;
use super::link::{Heed, Link};
use super::peer::Peer;
use super::stream::Run;
use super::watch::{self, Seen};
use crate::proto::event::Path;
use crate::proto::id::NodeId;
use crate::proto::limits::QUIET_LOOK;
use crate::proto::path::Way;
use crate::proto::role::{Input, Kind, LinkId};
use crate::proto::time::Mono;
use crate::proto::wire::Reason;

/// Links of one client at a time: it races the addresses of a node, and keeps one.
const CLIENT_LINKS_MAX: usize = 16;
/// Links that are looked at whenever something comes. Whoever has more takes some time between two looks, up to
/// [`QUIET_LOOK`]: not all of them are looked at for each packet.
const FEW: usize = 8;
/// That time for each of the others.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// All links, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_id: BTreeMap<LinkId, Link>,
    peers: BTreeMap<NodeId, Reached>,
    /// The clients that dialled us.
    clients: BTreeMap<NodeId, Client>,
    numbered: u64,
    /// When they were looked at last, and are to be next.
    looked: Mono,
    due: Option<Mono>,
    /// Whether something has come since.
    is_told: bool,
}

/// A peer that we have links with; they share one path.
#[derive(Debug)]
struct Reached {
    links: BTreeSet<LinkId>,
    path: Arc<Peer>,
    /// What the role was last told, if anything yet.
    told: Option<Told>,
}

/// A path as the role knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Lost,
    /// By that supernode.
    Relayed(NodeId),
    Direct,
}

/// A process of a client, and its links in the order in which they came up.
#[derive(Debug)]
struct Client {
    run: Run,
    links: BTreeSet<LinkId>,
}

impl Links {
    /// Keeps a link, under a number that was never used before.
    pub(super) fn insert(&mut self, link: Link) -> LinkId {
        self.numbered += 1;
        let id = LinkId(self.numbered);
        if let Some(path) = &link.path {
            let reached = self.peers.entry(link.peer).or_insert_with(|| Reached {
                links: BTreeSet::new(),
                path: Arc::clone(path),
                told: None,
            });
            reached.links.insert(id);
        }
        self.look_by(link.due());
        self.by_id.insert(id, link);
        id
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        self.by_id.get(&id)
    }

    pub(super) fn figures(&self) -> LinkFigures {
        let mut figures = LinkFigures::default();
        for link in self.by_id.values() {
            match link.kind {
                Kind::Peer => figures.peers += 1,
                Kind::Mesh if self.clients.contains_key(&link.peer) => figures.clients += 1,
                Kind::Mesh => figures.nodes += 1,
            }
            figures.quiet += usize::from(link.watch.is_quiet());
        }
        figures
    }

    /// When to look at them next, unless something comes before.
    pub(super) fn due(&self) -> Option<Mono> {
        self.due
    }

    fn look_by(&mut self, due: Option<Mono>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    /// Whether it matters that something has come.
    pub(super) fn awaits_any(&self) -> bool {
        !self.is_told && !self.by_id.is_empty()
    }

    /// Something has come, over whichever link.
    pub(super) fn something_came(&mut self) {
        self.is_told = true;
        let more = self.by_id.len().saturating_sub(FEW);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let pause = LOOK_PAUSE.saturating_mul(more).min(QUIET_LOOK);
        self.look_by(Some(self.looked + pause));
    }

    /// Looks at every link, and says what is to be seen of it.
    pub(super) fn look(&mut self, now: Mono) -> Vec<(LinkId, Seen)> {
        let (mut due, mut is_news) = (None::<Mono>, false);
        let look = |(id, link): (&LinkId, &mut Link)| {
            let heard = watch::heard(&link.connection);
            // Whoever moves is heard from there.
            if link.watch.is_news(heard) {
                is_news = true;
                link.look_where();
            }
            if link.has_to_ask() && link.watch.asks(now, link.is_ours) {
                link.ask();
            }
            let seen = link.watch.look(now, heard);
            due = due.into_iter().chain(link.due()).min();
            seen.map(|seen| (*id, seen))
        };
        let seen = self.by_id.iter_mut().filter_map(look).collect();
        (self.looked, self.due) = (now, due);
        if std::mem::take(&mut self.is_told) && !is_news {
            // QUIC may not have got to it yet.
            self.look_by(Some(now + QUIET_LOOK));
        }
        seen
    }

    /// A link is to be heeded closely from here on, or need not be.
    pub(super) fn heed(&mut self, id: LinkId, now: Mono, closely: bool) {
        if let Some(link) = self.by_id.get_mut(&id) {
            if link.heed == Heed::Wanted {
                link.watch.heed(now, closely);
            }
            let due = link.due();
            self.look_by(due);
        }
    }

    /// Something has come over a link; true if it was quiet.
    pub(super) fn hear(&mut self, id: LinkId, now: Mono) -> bool {
        let link = self.by_id.get_mut(&id);
        link.is_some_and(|link| link.watch.is_quiet() && link.watch.hear(now))
    }

    /// The machine at the other end of a link says that nobody is there.
    pub(super) fn refused(&mut self, id: LinkId, now: Mono) {
        if let Some(link) = self.by_id.get_mut(&id) {
            link.watch.refused(now);
            let due = link.due();
            self.look_by(due);
        }
    }

    /// Notes that this link is one of a client, and says which older ones are to be closed for it: all of another
    /// process, since nobody can be reached twice; of the same one those that are not heard, and those too many.
    pub(super) fn is_client(
        &mut self,
        client: NodeId,
        run: Run,
        id: LinkId,
    ) -> Vec<(LinkId, Reason)> {
        let known = self.clients.entry(client).or_insert_with(|| Client {
            run,
            links: BTreeSet::new(),
        });
        let older = if known.run == run {
            let is_quiet = |link: &LinkId| self.by_id.get(link).is_some_and(|l| l.watch.is_quiet());
            let (quiet, heard): (Vec<_>, Vec<_>) = known.links.iter().copied().partition(is_quiet);
            let surplus = (heard.len() + 1).saturating_sub(CLIENT_LINKS_MAX);
            let quiet = quiet.into_iter().map(|link| (link, Reason::Done));
            let surplus = heard.into_iter().take(surplus);
            quiet
                .chain(surplus.map(|link| (link, Reason::Limit)))
                .collect()
        } else {
            known.run = run;
            let older = known.links.iter().map(|link| (*link, Reason::Replaced));
            older.collect()
        };
        known.links.insert(id);
        older
    }

    /// Whether this is a client's link, and the client has another one that is heard.
    pub(super) fn is_outlived(&self, id: LinkId) -> bool {
        let client = self.by_id.get(&id).and_then(|l| self.clients.get(&l.peer));
        let links = client.filter(|client| client.links.contains(&id));
        let mut others = links.into_iter().flat_map(|client| &client.links);
        let is_heard = |link: &LinkId| self.by_id.get(link).is_some_and(|l| !l.watch.is_quiet());
        others.any(|other| *other != id && is_heard(other))
    }

    /// Forgets a link. The peers that were reached over it keep their links, without a path for the time;
    /// the inputs say so.
    pub(super) fn remove(&mut self, id: LinkId) -> Option<(Link, Vec<Input>)> {
        let gone = self.by_id.remove(&id)?;
        let mut inputs = Vec::new();
        match gone.kind {
            Kind::Mesh => {
                if let Some(client) = self.clients.get_mut(&gone.peer) {
                    client.links.remove(&id);
                    if client.links.is_empty() {
                        self.clients.remove(&gone.peer);
                    }
                }
                for reached in self.peers.values() {
                    reached.path.unroute(id);
                }
                inputs.extend(self.paths());
            }
            Kind::Peer => {
                if let Some(reached) = self.peers.get_mut(&gone.peer) {
                    reached.links.remove(&id);
                    if reached.links.is_empty() {
                        self.peers.remove(&gone.peer);
                    }
                }
            }
        }
        Some((gone, inputs))
    }

    /// Whether there is a link to this peer.
    pub(super) fn has_peer(&self, id: &NodeId) -> bool {
        self.peers.contains_key(id)
    }

    /// How packets reach all peers, where that differs from what was told.
    pub(super) fn paths(&mut self) -> Vec<Input> {
        let peers: Vec<NodeId> = self.peers.keys().copied().collect();
        peers
            .into_iter()
            .filter_map(|peer| self.path(peer))
            .collect()
    }

    /// How packets reach a peer that we have a link with, if that differs from what was told.
    pub(super) fn path(&mut self, peer: NodeId) -> Option<Input> {
        let reached = self.peers.get_mut(&peer)?;
        let via = reached
            .path
            .via()
            .and_then(|via| self.by_id.get(&via))
            .filter(|supernode| !supernode.watch.is_quiet())
            .map(|supernode| supernode.peer);
        let relayed = via.map_or(Told::Lost, Told::Relayed);
        let is = match (reached.path.way(), reached.told) {
            (Way::Direct(_), _) | (Way::Both(_), Some(Told::Direct)) => Told::Direct,
            (Way::Both(_) | Way::Relay, _) => relayed,
        };
        if reached.told.replace(is) == Some(is) {
            return None;
        }
        let link = reached.links.last().and_then(|id| self.by_id.get(id))?;
        let (path, rtt_ms) = match is {
            Told::Lost => (Path::Lost, None),
            Told::Relayed(_) => (Path::Relayed, Some(link.rtt_ms())),
            Told::Direct => (Path::Direct, reached.path.rtt_ms()),
        };
        Some(Input::PathIs {
            peer,
            path,
            via: via.filter(|_| path == Path::Relayed),
            rtt_ms,
        })
    }

    /// A peer that we have a link with.
    pub(super) fn reached(&self, peer: NodeId) -> Option<Arc<Peer>> {
        self.peers
            .get(&peer)
            .map(|reached| Arc::clone(&reached.path))
    }

    /// The round trip to a peer, as QUIC estimates it.
    pub(super) fn rtt_ms(&self, peer: NodeId) -> Option<u64> {
        let last = self.peers.get(&peer)?.links.last()?;
        self.by_id.get(last).map(Link::rtt_ms)
    }

    /// All that are left: those to peers, and those to and from mesh nodes.
    pub(super) fn take(&mut self) -> (Vec<Link>, Vec<Link>) {
        std::mem::take(self)
            .by_id
            .into_values()
            .partition(|link| link.kind == Kind::Peer)
    }
}
