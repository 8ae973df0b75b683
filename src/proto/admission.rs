//! Whom a mesh is open to, as its operator says: to everybody, or to the keys on a list.
//!
//! Each node keeps the door by its own list, so that the nodes of a closed mesh are given the same one.

use std::collections::BTreeSet;

use super::id::NodeId;

/// Who may have links and be listed; without a list, anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Directories and supernodes.
    pub nodes: Option<BTreeSet<NodeId>>,
    /// Clients.
    pub clients: Option<BTreeSet<NodeId>>,
}

impl Admission {
    #[must_use]
    pub fn admits_node(&self, id: &NodeId) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.contains(id))
    }

    #[must_use]
    pub fn admits_client(&self, id: &NodeId) -> bool {
        let clients = self.clients.as_ref();
        clients.is_none_or(|clients| clients.contains(id))
    }

    /// Whether this key may be here as one or the other.
    #[must_use]
    pub fn admits(&self, id: &NodeId) -> bool {
        self.admits_node(id) || self.admits_client(id)
    }
}
