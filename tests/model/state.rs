//! A state of the whole: which state each node is in, what is under way on each link, and what may still
//! happen. It is a few dozen bytes, since nodes and messages are in it by number.

use std::collections::VecDeque;

use fireside::proto::role::LinkId;

use crate::cast::NodeIx;
use crate::local::{Given, Link as Kind};

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Each node's state, by its number in the pool.
    pub nodes: Vec<u32>,
    pub links: Vec<Link>,
    /// Links there have been between each pair of nodes.
    numbers: Vec<u8>,
    pub left: Left,
    /// How many of its commands each node was given.
    pub asked: Vec<u8>,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub timers: u8,
    pub crashes: u8,
    pub restarts: u8,
    pub cuts: u8,
}

/// A link between two nodes; side 0 is the node with the lower index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub pair: [u8; 2],
    pub number: u8,
    pub kind: Kind,
    /// The side that dialled.
    pub dialler: u8,
    /// Whether both ends will lose it: what is under way may still arrive, nothing more is taken.
    pub is_cut: bool,
    pub ends: [End; 2],
    /// What is under way to each end, in order.
    pub inbox: [VecDeque<Item>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its role has not been told.
    Pending,
    Up,
    Gone,
}

/// Something under way to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The link is up.
    Up,
    /// A message, by its number in the pool.
    Message(u32),
    /// The other end has closed it, for a numbered reason.
    Closed(u8),
}

impl State {
    pub fn new(nodes: Vec<u32>, left: Left) -> Self {
        let count = nodes.len();
        Self {
            nodes,
            links: Vec::new(),
            numbers: vec![0; count * count],
            left,
            asked: vec![0; count],
        }
    }

    /// Makes a link on its way up.
    pub fn dial(&mut self, from: NodeIx, to: NodeIx, kind: Kind) {
        let (low, high) = (from.min(to), from.max(to));
        let number = &mut self.numbers[low * self.nodes.len() + high];
        *number += 1;
        let link = Link {
            pair: [low as u8, high as u8],
            number: *number,
            kind,
            dialler: u8::from(from == high),
            is_cut: false,
            ends: [End::Pending; 2],
            inbox: [VecDeque::from([Item::Up]), VecDeque::from([Item::Up])],
        };
        let key = |link: &Link| (link.pair, link.number);
        let at = self.links.partition_point(|known| key(known) < key(&link));
        self.links.insert(at, link);
    }

    pub fn link(&self, id: LinkId) -> Option<usize> {
        self.links
            .iter()
            .position(|link| link.id(0).0 | 1 == id.0 | 1)
    }

    /// One end of a cut link learns of it; what its role is told.
    pub fn miss(&mut self, link: usize, side: usize) -> Option<(NodeIx, Given)> {
        let link = &mut self.links[link];
        let (id, node, before) = (link.id(side), link.node(side), link.ends[side]);
        link.ends[side] = End::Gone;
        match before {
            End::Up => Some((
                node,
                Given::Lost {
                    link: id,
                    why: None,
                },
            )),
            End::Pending if usize::from(link.dialler) == side => {
                let (peer, kind) = (link.node(1 - side), link.kind);
                Some((node, Given::Undialled { peer, kind }))
            }
            End::Pending | End::Gone => None,
        }
    }

    /// A node's end of every link goes: after what it has sent, if it closes them, else whenever it is missed.
    pub fn leave(&mut self, node: NodeIx, reason: Option<u8>) {
        let of_it = |link: &&mut Link| link.pair.contains(&(node as u8));
        for link in self.links.iter_mut().filter(of_it) {
            match reason {
                Some(reason) => link.close(node, reason),
                None => {
                    link.ends[link.side_of(node)] = End::Gone;
                    link.is_cut = true;
                }
            }
        }
    }

    /// Forgets links that both ends are done with.
    pub fn tidy(&mut self) {
        for link in &mut self.links {
            for side in 0..2 {
                if link.ends[side] == End::Gone {
                    link.inbox[side].clear();
                }
            }
        }
        self.links.retain(|link| link.ends != [End::Gone; 2]);
    }

    /// As bytes: equal if and only if the states are.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        for node in &self.nodes {
            put(&mut out, *node);
        }
        let Left {
            timers,
            crashes,
            restarts,
            cuts,
        } = self.left;
        out.extend([timers, crashes, restarts, cuts]);
        out.extend(&self.asked);
        out.extend(&self.numbers);
        for link in &self.links {
            let flags = link.dialler
                | u8::from(link.is_cut) << 1
                | u8::from(link.kind == Kind::Peer) << 2
                | link.ends[0].code() << 3
                | link.ends[1].code() << 5;
            out.extend([link.pair[0] << 4 | link.pair[1], link.number, flags]);
            for inbox in &link.inbox {
                put(&mut out, inbox.len() as u32);
                for item in inbox {
                    put(&mut out, item.code());
                }
            }
        }
        out
    }

    /// What [`State::encode`] made of a state of this many nodes.
    pub fn decode(bytes: &[u8], count: usize) -> Self {
        let mut from = bytes;
        let nodes = (0..count).map(|_| take(&mut from)).collect();
        let left = Left {
            timers: byte(&mut from),
            crashes: byte(&mut from),
            restarts: byte(&mut from),
            cuts: byte(&mut from),
        };
        let asked = (0..count).map(|_| byte(&mut from)).collect();
        let numbers = (0..count * count).map(|_| byte(&mut from)).collect();
        let mut links = Vec::new();
        while !from.is_empty() {
            let pair = byte(&mut from);
            let number = byte(&mut from);
            let flags = byte(&mut from);
            let mut inbox: [VecDeque<Item>; 2] = Default::default();
            for inbox in &mut inbox {
                let length = take(&mut from);
                inbox.extend((0..length).map(|_| Item::of(take(&mut from))));
            }
            links.push(Link {
                pair: [pair >> 4, pair & 15],
                number,
                kind: if flags & 4 == 0 {
                    Kind::Mesh
                } else {
                    Kind::Peer
                },
                dialler: flags & 1,
                is_cut: flags & 2 != 0,
                ends: [End::of(flags >> 3 & 3), End::of(flags >> 5 & 3)],
                inbox,
            });
        }
        Self {
            nodes,
            links,
            numbers,
            left,
            asked,
        }
    }
}

impl Link {
    /// The number that the role at one end knows the link by: the newest of a pair is the highest.
    pub fn id(&self, side: usize) -> LinkId {
        let [low, high] = self.pair.map(u64::from);
        LinkId(u64::from(self.number) << 8 | low << 5 | high << 2 | side as u64)
    }

    /// One end closes it; the other learns of it after all that was sent.
    pub fn close(&mut self, node: NodeIx, reason: u8) {
        let side = self.side_of(node);
        if self.ends[side] == End::Gone {
            return;
        }
        self.ends[side] = End::Gone;
        if !self.is_cut && self.ends[1 - side] != End::Gone {
            self.inbox[1 - side].push_back(Item::Closed(reason));
        }
    }

    pub fn node(&self, side: usize) -> NodeIx {
        usize::from(self.pair[side])
    }

    pub fn side_of(&self, node: NodeIx) -> usize {
        usize::from(usize::from(self.pair[0]) != node)
    }
}

impl End {
    fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Up => 1,
            Self::Gone => 2,
        }
    }

    fn of(code: u8) -> Self {
        match code {
            0 => Self::Pending,
            1 => Self::Up,
            _ => Self::Gone,
        }
    }
}

impl Item {
    fn code(self) -> u32 {
        match self {
            Self::Up => 0,
            Self::Closed(reason) => 1 + u32::from(reason),
            Self::Message(message) => 64 + message,
        }
    }

    fn of(code: u32) -> Self {
        match code {
            0 => Self::Up,
            1..64 => Self::Closed((code - 1) as u8),
            message => Self::Message(message - 64),
        }
    }
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(from: &mut &[u8]) -> u32 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let next = byte(from);
        value |= u32::from(next & 127) << shift;
        if next < 128 {
            break;
        }
    }
    value
}

fn byte(from: &mut &[u8]) -> u8 {
    let (first, rest) = from.split_first().expect("what was encoded is whole");
    *from = rest;
    *first
}
