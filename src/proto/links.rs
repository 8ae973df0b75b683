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
}

impl Links {
    pub(crate) fn add(&mut self, id: LinkId, kind: Kind, peer: NodeId) {
        self.all.insert(
            id,
            Link {
                kind,
                peer,
                is_open: false,
            },
        );
        self.side(kind).entry(peer).or_default().insert(id);
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

    pub(crate) fn get(&self, id: LinkId) -> Option<Link> {
        self.all.get(&id).copied()
    }

    /// The newest link to this mesh node.
    pub(crate) fn to_node(&self, id: &NodeId) -> Option<LinkId> {
        self.nodes.get(id)?.last().copied()
    }

    /// The newest end-to-end link to this member.
    pub(crate) fn to_peer(&self, id: &NodeId) -> Option<LinkId> {
        self.peers.get(id)?.last().copied()
    }

    /// Everybody at the other end of a mesh link.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// The newest link to everybody at the other end of a mesh link.
    pub(crate) fn node_links(&self) -> impl Iterator<Item = LinkId> {
        self.nodes
            .values()
            .filter_map(|links| links.last().copied())
    }

    pub(crate) fn has_node(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Every end-to-end link, with who is at the other end.
    pub(crate) fn peer_links(&self) -> impl Iterator<Item = (LinkId, NodeId)> {
        let all = self.peers.iter();
        all.flat_map(|(peer, links)| links.iter().map(|link| (*link, *peer)))
    }

    fn side(&mut self, kind: Kind) -> &mut BTreeMap<NodeId, BTreeSet<LinkId>> {
        match kind {
            Kind::Mesh => &mut self.nodes,
            Kind::Peer => &mut self.peers,
        }
    }
}
