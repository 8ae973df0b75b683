//! Links between nodes, as the world keeps them: two ends, frames under way in order, and the ways to lose one.

use std::collections::VecDeque;

use bytes::Bytes;
use fireside::proto::role::{DialId, Kind, LinkId};

/// The index of a node in its world.
pub type NodeIx = usize;

/// The number of a link in its world; each end has its own [`LinkId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkNo(pub u64);

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Dialler,
    Dialled,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Dialled,
            Self::Dialled => Self::Dialler,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its role has not been told of it yet.
    Pending,
    Up,
    /// Its role closed it, was told that it is lost, or is itself no more.
    Gone,
}

#[derive(Debug)]
pub struct End {
    pub node: NodeIx,
    pub state: State,
    /// When the last frame under way arrives here: no later one may arrive sooner.
    pub floor: u64,
    /// Frames for this end that wait for a path.
    pub waiting: VecDeque<Bytes>,
    /// Whether nothing of the other end is heard here; and how many times that began.
    pub is_deaf: bool,
    pub stalls: u32,
    /// Whether its role wants to be told that the link is quiet, and was.
    pub is_heeded: bool,
    pub is_quiet: bool,
    /// Since when it hears nothing, if it does not.
    pub silent_since: u64,
    /// How the other end's process died, if it did.
    pub death: Option<Death>,
    /// The supernode over which this end reaches the other (peer links).
    pub via: Option<NodeIx>,
}

/// What can be seen of a dead process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Its machine died with it.
    Silent,
    /// Its machine refuses what is sent to its port.
    Refused,
}

#[derive(Debug)]
pub struct Link {
    pub kind: Kind,
    pub dial: DialId,
    /// Whether both ends are about to lose it: nothing passes any more.
    pub broken: bool,
    dialler: End,
    dialled: End,
}

impl Link {
    pub fn new(kind: Kind, dial: DialId, dialler: NodeIx, dialled: NodeIx) -> Self {
        let end = |node| End {
            node,
            state: State::Pending,
            floor: 0,
            waiting: VecDeque::new(),
            is_deaf: false,
            stalls: 0,
            is_heeded: true,
            is_quiet: false,
            silent_since: 0,
            death: None,
            via: None,
        };
        Self {
            kind,
            dial,
            broken: false,
            dialler: end(dialler),
            dialled: end(dialled),
        }
    }

    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialler => &self.dialler,
            Side::Dialled => &self.dialled,
        }
    }

    pub fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialler => &mut self.dialler,
            Side::Dialled => &mut self.dialled,
        }
    }

    pub fn side_of(&self, node: NodeIx) -> Side {
        if self.dialler.node == node {
            Side::Dialler
        } else {
            Side::Dialled
        }
    }

    pub fn is_gone(&self) -> bool {
        self.dialler.state == State::Gone && self.dialled.state == State::Gone
    }
}

impl LinkNo {
    pub fn id(self, side: Side) -> LinkId {
        LinkId(2 * self.0 + u64::from(side == Side::Dialled))
    }

    pub fn of(id: LinkId) -> (Self, Side) {
        let side = if id.0.is_multiple_of(2) {
            Side::Dialler
        } else {
            Side::Dialled
        };
        (Self(id.0 / 2), side)
    }
}
