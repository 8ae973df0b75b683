//! The contract between a role (client, mesh node) and the world that drives it.
//!
//! A driver does one thing in a loop: it gives one [`Input`] to [`Role::handle`], drains [`Role::poll`] until
//! it is `None`, and then waits for the next input or for [`Role::poll_timeout`], at which time it gives
//! [`Input::Timeout`]. The first input is [`Input::Start`]. Two drivers exist: `net::driver` over QUIC, and
//! the simulated world of the tests. (The form of this contract is that of the sans-I/O stacks str0m and
//! quinn-proto.)

use std::net::SocketAddr;

use super::admission::Admission;
use super::command::{Asking, Command};
use super::event::{Event, Path};
use super::figures::Figures;
use super::id::{EntryId, GroupName, NodeId, Place};
use super::path::report::Report;
use super::saved::Write;
use super::time::{Mono, Now};
use super::wire::{Message, Reason, Run, Vector};

/// One side of the protocol, as a state machine.
pub trait Role {
    /// Takes one input.
    fn handle(&mut self, now: Now, input: Input);
    /// The next thing to be done, if any.
    fn poll(&mut self) -> Option<Output>;
    /// When to give [`Input::Timeout`], if nothing else comes before.
    fn poll_timeout(&self) -> Option<Mono>;
    /// What it holds and has done, for its operator. Looked at between inputs, and rarely.
    fn figures(&self) -> Figures {
        Figures::default()
    }
}

/// A link's number in its driver; never used again after the link is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A dial's number, chosen by the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// A disk operation's number, chosen by the role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a link is for; each kind has its own ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To a mesh node, or from anybody at a mesh node: an ordinary connection between addresses.
    Mesh,
    /// Between two members, end to end, over whatever path there is.
    Peer,
}

/// What the world tells a role.
#[derive(Clone, Debug)]
pub enum Input {
    /// The first of all inputs.
    Start,
    /// The moment of [`Role::poll_timeout`] has come.
    Timeout,
    /// A face asks something (clients only).
    Command(Command),
    /// A link is up: the answer to a dial of ours, or (`dial` is `None`) somebody dialled us. `address` is the
    /// other end's, for mesh links.
    Linked {
        link: LinkId,
        dial: Option<DialId>,
        kind: Kind,
        peer: NodeId,
        address: Option<SocketAddr>,
        rtt_ms: u64,
    },
    /// A dial came to nothing. `reason` is a numbered one if the other end gave it.
    Undialled {
        dial: DialId,
        why: String,
        reason: Option<Reason>,
    },
    /// Nothing was received on a link since then, which is a while ([`super::limits::QUIET_AFTER`], or less where the
    /// other end's machine says that nobody is there). It is not gone, and may well come to itself.
    Quiet { link: LinkId, since: Mono },
    /// A link that was quiet is heard again.
    Heard { link: LinkId },
    /// A link is gone. `why` is a numbered reason if the other end (or we) closed it, else it was lost.
    Lost { link: LinkId, why: Option<Reason> },
    /// A message came over a link.
    Received { link: LinkId, message: Message },
    /// How packets reach a peer has changed.
    PathIs {
        peer: NodeId,
        path: Path,
        via: Option<NodeId>,
        rtt_ms: Option<u64>,
    },
    /// The answer to [`Output::Reach`].
    Reached(Box<Report>),
    /// A write is flushed to disk. `moved` lists entries in it that were already in the log at another place
    /// (an entry sequenced in two epochs): the place that counts, and whether that is the place in this
    /// write (so that the entry moves) or the one known before (so that nothing changes).
    Written { ticket: Ticket, moved: Vec<Moved> },
    /// A write failed: the disk is full, or gone. The entries live in memory only.
    Unwritten { ticket: Ticket, why: String },
    /// A read is done: the runs asked for, in order of epoch and seq; `more` if the size bound cut it short.
    Fetched {
        ticket: Ticket,
        runs: Vec<Run>,
        more: bool,
    },
    /// Addresses at which a mesh node may be found: the configured ones, resolved again, and those seen on the
    /// local network. The answer to [`Output::Discover`], or unasked when something is seen; it takes the place
    /// of what was found before.
    Found { addresses: Vec<SocketAddr> },
    /// The node's own addresses have become known or have changed, best first (mesh nodes only).
    Addresses { addresses: Vec<SocketAddr> },
    /// Whom the mesh is open to from here on (mesh nodes only); until it is said, to everybody.
    Admission(Admission),
}

/// An entry that a write found twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub id: EntryId,
    /// The one that is shown: the earlier of its places, of those where it is not an empty entry, if there are any.
    pub place: Place,
    /// Whether that is the place just written.
    pub is_new: bool,
}

/// What a role wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Make a link.
    Dial { dial: DialId, to: Target },
    /// Reach this peer over this supernode from here on; an existing link to it goes on.
    Route { peer: NodeId, via: LinkId },
    /// This peer may know where we are, for as long as we have a link with it. Until it is said of a peer, it is told
    /// none of our addresses and sent nothing from them.
    Show { peer: NodeId },
    /// Find out about the way to a peer that we have a link with.
    Reach { peer: NodeId, asking: Asking },
    /// Say something on each of these links. A link that is gone is passed over in silence: its
    /// [`Input::Lost`] is on its way.
    Send { to: Vec<LinkId>, message: Message },
    /// Whether a link between mesh nodes is to be heard of closely (as every link is at first): asked for a sign of
    /// life again and again, and told of as soon as it is quiet. One that is not costs next to nothing while nothing is
    /// said on it, and is missed when QUIC gives it up.
    Heed { link: LinkId, closely: bool },
    /// Close a link after what was sent on it; no further input names it.
    Close { link: LinkId, reason: Reason },
    /// Put this on disk, after all that was written before, and say so when it is flushed.
    Write { ticket: Ticket, writes: Vec<Write> },
    /// Read the entries of a group in `upto` that are not in `after`, at most about
    /// [`super::limits::CATCH_UP_SIZE`] bytes. Sees everything written before.
    Fetch {
        ticket: Ticket,
        group: GroupName,
        after: Vector,
        upto: Vector,
    },
    /// Look for mesh nodes (clients without any).
    Discover,
    /// Tell the face (clients only).
    Tell(Event),
    /// Everything is done; the driver stops when its writes are flushed and its closes sent.
    Finish,
}

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A mesh node at an address; with an identity, it must be that one.
    Node {
        address: SocketAddr,
        id: Option<NodeId>,
    },
    /// A peer, end to end, over the supernode at the other end of this mesh link.
    Peer { id: NodeId, via: LinkId },
}
