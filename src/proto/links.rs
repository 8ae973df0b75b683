//! The links a role has, and to whom.

use std::collections::{BTreeMap, BTreeSet};

use super::id::NodeId;
use super::role::{Kind, LinkId};

/// Links by number and by who is at the other end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    all: BTreeMap<LinkId, Link>,
    nodes: BTreeMap<NodeId, BTreeSet<LinkId>>,
    peers: BTreeMap<NodeId, BTreeSet<LinkId>>,
}

/// One link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) kind: Kind,
    pub(crate) peer: NodeId,
    /// Whether the other end has said which version it speaks.
    pub(crate) is_open: bool,
    /// Whether nothing was heard on it lately.
    pub(crate) is_quiet: bool,
    /// The round trip when it came up, where that is of use.
    pub(crate) rtt_ms: u64,
}

impl Links {
    pub(crate) fn add(&mut self, id: LinkId, kind: Kind, peer: NodeId) {
        self.all.insert(
            id,
            Link {
                kind,
                peer,
                is_open: false,
                is_quiet: false,
                rtt_ms: 0,
            },
        );
        self.side(kind).entry(peer).or_default().insert(id);
    }

    pub(crate) fn measured(&mut self, id: LinkId, rtt_ms: u64) {
        if let Some(link) = self.all.get_mut(&id) {
            link.rtt_ms = rtt_ms;
        }
    }

    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.all.remove(&id)?;
        let side = self.side(link.kind);
        if let Some(links) = side.get_mut(&link.peer) {
            links.remove(&id);
            if links.is_empty() {
                side.remove(&link.peer);
            }
        }
        Some(link)
    }

    pub(crate) fn open(&mut self, id: LinkId) {
        if let Some(link) = self.all.get_mut(&id) {
            link.is_open = true;
        }
    }

    /// Notes whether a link is quiet, and tells it if that is news. A quiet link is there, and counts for nothing:
    /// what is asked below looks past it.
    pub(crate) fn hush(&mut self, id: LinkId, is_quiet: bool) -> Option<Link> {
        let link = self.all.get_mut(&id)?;
        let is_news = std::mem::replace(&mut link.is_quiet, is_quiet) != is_quiet;
        is_news.then_some(*link)
    }

    /// Whether there are links to this mesh node, and none of them is heard.
    pub(crate) fn misses_node(&self, id: &NodeId) -> bool {
        self.nodes.contains_key(id) && self.to_node(id).is_none()
    }

    /// Every link to this mesh node, heard or quiet.
    pub(crate) fn all_to_node(&self, id: &NodeId) -> Vec<LinkId> {
        let links = self.nodes.get(id);
        links.into_iter().flatten().copied().collect()
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<Link> {
        self.all.get(&id).copied()
    }

    /// The newest link to this mesh node.
    pub(crate) fn to_node(&self, id: &NodeId) -> Option<LinkId> {
        self.newest(self.nodes.get(id)?)
    }

    /// The newest end-to-end link to this member.
    pub(crate) fn to_peer(&self, id: &NodeId) -> Option<LinkId> {
        self.newest(self.peers.get(id)?)
    }

    /// Every link, heard or quiet, and who is at the other end.
    pub(crate) fn all(&self) -> impl Iterator<Item = (LinkId, NodeId)> {
        self.all.iter().map(|(id, link)| (*id, link.peer))
    }

    /// Everybody at the other end of a mesh link.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let heard = self.nodes.iter();
        heard
            .filter(|(_, links)| self.newest(links).is_some())
            .map(|(id, _)| *id)
    }

    /// The newest link to everybody at the other end of a mesh link.
    pub(crate) fn node_links(&self) -> impl Iterator<Item = LinkId> {
        self.nodes.values().filter_map(|links| self.newest(links))
    }

    pub(crate) fn has_node(&self) -> bool {
        self.node_links().next().is_some()
    }

    /// Every end-to-end link, with who is at the other end.
    pub(crate) fn peer_links(&self) -> impl Iterator<Item = (LinkId, NodeId)> {
        let all = self.peers.iter();
        all.flat_map(|(peer, links)| links.iter().map(|link| (*link, *peer)))
    }

    fn newest(&self, links: &BTreeSet<LinkId>) -> Option<LinkId> {
        let is_heard = |id: &&LinkId| self.all.get(id).is_some_and(|link| !link.is_quiet);
        links.iter().rev().find(is_heard).copied()
    }

    fn side(&mut self, kind: Kind) -> &mut BTreeMap<NodeId, BTreeSet<LinkId>> {
        match kind {
            Kind::Mesh => &mut self.nodes,
            Kind::Peer => &mut self.peers,
        }
    }
}
