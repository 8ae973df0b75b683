//! Everything that travels: the messages on a link, and the signed things inside them. This file is the
//! protocol's specification; `signed` says who signs what of it, `codec` turns it into bytes, `tests/wire` pins
//! those bytes.
//!
//! A link is one authenticated, ordered, breakable connection to one node, so that a message never names its
//! sender. Nothing survives a link: whoever dials again says everything again.

mod signed;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::id::{EntryId, Epoch, GroupName, Nick, NodeId, NodeName, Number, Place, Seq};
use super::ruling::Ruling;
use super::seal::{Hash, Signature};
use super::time::{Hlc, Wall};

/// What one node says to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// First on every link, from both ends: which wire version this is, and, from a mesh node, its own record.
    Open {
        version: u16,
        record: Option<Record>,
    },
    /// From a mesh node, at the start of a link and on change: the address it sees the other end at.
    Observed { address: SocketAddr },

    // -- the table: any node asks, a mesh node answers ---------------------------------------------------
    /// Asks for the table, unless its digest is this one.
    TableWanted { digest: Hash },
    /// The sender's table, or a part of it: whole at first, then what changed. `more` says another part follows.
    Table { listed: Vec<Listed>, more: bool },

    // -- between mesh nodes: who is there ----------------------------------------------------------------
    /// A step of the protocol that watches who is alive (SWIM), with news of others.
    Gossip(Box<Gossip>),
    /// Nothing follows if your table has this digest too.
    TableDigest { digest: Hash },
    /// Mine has another digest: these are those of its blocks, by the keys' first bits.
    TableBlocks { digests: Vec<u64> },
    /// All I have of these blocks, in which we differ. In the answer, of what the other lacks, `blocks` is empty.
    TableClocks {
        blocks: Vec<u8>,
        standings: Vec<Standing>,
    },
    /// Tell me the records of these, or how they were buried.
    RecordsWanted { keys: Vec<NodeId> },
    /// These nodes are out of service for good.
    Buried { burials: Vec<Burial> },
    /// Your record is not listed here.
    Unlisted { why: Unlisted },

    // -- from an operator --------------------------------------------------------------------------------
    /// Make a link to the node at this address, so that its mesh and yours become one.
    Introduce { address: SocketAddr },
    /// What became of it.
    Outcome(Outcome),

    // -- a member and the responsible supernode ----------------------------------------------------------
    /// I am in this group: the highest lease I know, whether I host under it now or miss the member who should,
    /// and the members present in join order as I know them (all a supernode knows is made of these; repeated
    /// every few seconds). And the group's charter, or the one I offer if I know none; left out on a link over
    /// which it was told to me.
    Register {
        group: GroupName,
        lease: Option<Lease>,
        hosting: bool,
        missed: bool,
        roster: Vec<NodeId>,
        charter: Option<Box<Charter>>,
    },
    /// I am leaving this group; if I host it, grant to the next in line now: I serve until I hear of it.
    Leave { group: GroupName },
    /// This is the lease in force; whoever it names hosts, everybody else of the group with this charter follows.
    HostIs {
        lease: Lease,
        charter: Option<Box<Charter>>,
    },
    /// I am not responsible for this group (any more): ask that node.
    Moved { group: GroupName, to: NodeId },

    // -- between supernodes ------------------------------------------------------------------------------
    /// Do you know this group? A client asks too, when it is told of another group of the same name. (To a member:
    /// register again, so that I see who is there.)
    Query { group: GroupName },
    /// What I know of it.
    Known {
        group: GroupName,
        record: Option<Box<GroupRecord>>,
    },
    /// You are one of the three that hold this group's record: here is what I know.
    Transfer { record: Box<GroupRecord> },

    // -- a member and its host, end to end ---------------------------------------------------------------
    /// I follow you under this lease (said again until you have heard of it from its supernode), and have this
    /// of the log of the group whose charter has this hash. Under that other epoch I was served, or hosted, last,
    /// if that was since my start.
    Hello {
        lease: Lease,
        lines: Lines,
        served: Option<Box<Served>>,
        charter: Option<Hash>,
    },
    /// You are in; this is what I have. Deliveries of what you lack follow; push what I lack, then your
    /// unplaced entries.
    Welcome {
        group: GroupName,
        epoch: Epoch,
        lines: Lines,
    },
    /// Entries in their places: what you lack, or what was just said. `report` asks to hear when they are
    /// stored (of heirs, and of who is catching up); with no entries it asks that of all you have. `leases` are
    /// those of the lines that begin here.
    Deliver {
        group: GroupName,
        report: bool,
        leases: Vec<Lease>,
        runs: Vec<Run>,
    },
    /// Entries in their places that you, the host, lack, and the leases of the lines that begin here.
    Push {
        group: GroupName,
        leases: Vec<Lease>,
        runs: Vec<Run>,
    },
    /// My entries that have no place yet, in order.
    Put {
        group: GroupName,
        entries: Vec<Entry>,
    },
    /// These lines are on my disk up to these places (cumulative; lines that did not grow are left out).
    /// Either end says it of what the other delivered or pushed.
    Stored { group: GroupName, vector: Vector },
    /// These lines are on the disks of the host and of every present heir up to these places, `copies` disks
    /// in all: your entries in them are confirmed. Told again of those that were on fewer disks, once they are on more.
    Kept {
        group: GroupName,
        vector: Vector,
        copies: u32,
    },
    /// Your entry gets no place; send an empty one in its stead, so that your numbers stay without gaps.
    Refused {
        group: GroupName,
        number: Number,
        why: Refusal,
    },
    /// Members the host has a link to since it said so last, and members it has no link to any more. The first
    /// after a welcome tells all who are here.
    Presence {
        group: GroupName,
        here: Vec<NodeId>,
        away: Vec<NodeId>,
    },
    /// I obey this lease, which is higher than yours.
    Not { lease: Lease },
    /// I stop following you in this group.
    Unfollow { group: GroupName },
    /// I take no more of this line from you. `head` is what its host signed for me, a run without entries: if
    /// you have something else under that signature, its host told two histories.
    Declined {
        group: GroupName,
        epoch: Epoch,
        why: Decline,
        head: Option<Box<Run>>,
    },
    /// Your digest of older lines is not mine: these are mine, by block of lines, of all blocks from `from` to
    /// before `upto`.
    Blocks {
        group: GroupName,
        from: u64,
        upto: u64,
        blocks: Vec<(u64, Hash)>,
    },
    /// This is all I have of these blocks, in which you have something else; all below `upto` are compared. The
    /// host answers digests with it, and the follower that answer.
    Older {
        group: GroupName,
        upto: u64,
        blocks: Vec<u64>,
        tips: BTreeMap<Epoch, Tip>,
    },
    /// Two sides of a partition are one again: so many entries your side had that the other lacked, and the other
    /// way round.
    Merged {
        group: GroupName,
        from_us: u64,
        from_them: u64,
    },
    /// The charter of the group I host, to who says hello without one, or with another: then it is no welcome.
    Founded {
        group: GroupName,
        charter: Box<Charter>,
    },

    // -- a person and the two supernodes closest to his key ----------------------------------------------
    /// I am here, and whoever looks for me may be told so for as long as this link lasts.
    Here { whereabouts: Box<Whereabouts> },
    /// Is this person here? Tell me now, and again when he comes, for as long as this link lasts.
    Seek { person: NodeId },
    /// What I know of this person. `ask` is who is responsible for him, as far as I know, if I am not one of the two.
    Sought {
        person: NodeId,
        standing: Whether,
        whereabouts: Option<Box<Whereabouts>>,
        ask: Option<NodeId>,
    },

    // -- two persons who talk in private, end to end -----------------------------------------------------
    /// My lines for you, in the order of their numbers, from the first that you have not said you heard.
    Whisper { entries: Vec<Entry> },
    /// Your lines up to this number are on my disk. `asks` wants to hear the same of mine, before I whisper.
    Heard { upto: Number, asks: bool },

    // -- a member and its host ---------------------------------------------------------------------------
    /// These members are away from their screens, for these reasons, or are back. A member says it of itself, on change
    /// and to every host that welcomes it; the host of everybody, to all.
    Out {
        group: GroupName,
        out: Vec<(NodeId, Option<String>)>,
    },
}

/// Whether a person is linked to a supernode, and for how long that has been so, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Whether {
    Here {
        for_ms: u64,
    },
    /// He was, since this supernode has been up.
    Gone {
        for_ms: u64,
    },
    Unknown,
}

/// A person's own word on where he is to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    pub person: NodeId,
    /// When he said so.
    pub at: Wall,
    /// The supernodes he keeps a link to for this: those closest to his key.
    pub over: Vec<NodeId>,
    pub signature: Signature,
}

/// Why a node takes no more of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Decline {
    #[error("its host told two histories")]
    Fork,
    #[error("no supernode known here granted it")]
    NoLease,
    #[error("there are too many lines beside it")]
    TooMany,
}

/// Why a host gives an entry no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("somebody in the group has that nick, or one that looks like it")]
    NickTaken,
    #[error("the group is full")]
    Full,
    #[error("the host could not read it")]
    Malformed,
    #[error("its sender is not in the group")]
    NotAMember,
    #[error("only the host may say that somebody is gone")]
    NotAllowed,
    #[error("that is for the group's founder")]
    NotTheFounder,
    #[error("that is for the group's founder and operators")]
    NotAnOperator,
    #[error("its rank is not below yours")]
    Outranked,
    #[error("whom it is about is not in the group")]
    NotThere,
    #[error("only the founder and operators speak in the group")]
    Moderated,
    #[error("the founder or an operator put you out for good")]
    Banned,
    #[error("the founder or an operator put you out")]
    PutOut,
}

/// Why a link was closed; the number travels in QUIC's CONNECTION_CLOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[repr(u32)]
pub enum Reason {
    #[error("done")]
    Done = 0,
    #[error("a frame could not be read")]
    BadFrame = 1,
    #[error("a frame is too long")]
    TooLong = 2,
    #[error("a signature is wrong")]
    BadSignature = 3,
    #[error("the wire version is not spoken here")]
    UnknownVersion = 4,
    #[error("a message was out of place")]
    Unexpected = 5,
    #[error("messages were not read fast enough")]
    TooSlow = 6,
    #[error("another process uses the same identity")]
    Replaced = 7,
    #[error("a limit was reached")]
    Limit = 8,
    #[error("the node is going away")]
    Shutdown = 9,
    #[error("the identity is not the one that was asked for")]
    WrongIdentity = 10,
    #[error("two histories of one epoch differ")]
    Fork = 11,
    #[error("more was reported stored than there is")]
    FalseReport = 12,
    #[error("the clock readings of a line do not grow")]
    Disorder = 13,
    #[error("the mesh is closed to this key")]
    NotAdmitted = 14,
    #[error("strangers are not heard in private at the moment")]
    Unwelcome = 15,
}

impl Reason {
    /// The reason with this number; an unknown number is [`Reason::Done`], since the link is gone anyway.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        use Reason::{
            BadFrame, BadSignature, Disorder, Done, FalseReport, Fork, Limit, NotAdmitted,
            Replaced, Shutdown, TooLong, TooSlow, Unexpected, UnknownVersion, Unwelcome,
            WrongIdentity,
        };
        const ALL: [Reason; 16] = [
            Done,
            BadFrame,
            TooLong,
            BadSignature,
            UnknownVersion,
            Unexpected,
            TooSlow,
            Replaced,
            Limit,
            Shutdown,
            WrongIdentity,
            Fork,
            FalseReport,
            Disorder,
            NotAdmitted,
            Unwelcome,
        ];
        usize::try_from(code)
            .ok()
            .and_then(|code| ALL.get(code))
            .copied()
            .unwrap_or(Done)
    }
}

/// What a node has of a group's log: of each epoch's line, everything up to a place.
pub type Vector = BTreeMap<Epoch, Seq>;

/// What a node has of a group's log, so that another can tell what either lacks and where they differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The ends of the lines that are not old: what is old is told by the epoch in force.
    pub tips: BTreeMap<Epoch, Tip>,
    /// A digest of all older lines; zeros if there are none.
    pub older: Hash,
}

/// How long ago an epoch's host began to serve a node, and served it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    pub epoch: Epoch,
    pub began_ms: u64,
    pub ended_ms: u64,
}

/// The end of a line, as far as a node has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    pub seq: Seq,
    /// The head of the line's hash chain there.
    pub head: Hash,
}

/// One thing an author did in a group, signed by the author. `(author, number)` is its id for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub author: NodeId,
    pub number: Number,
    /// The author's wall clock, for people.
    pub time: Wall,
    pub body: Body,
    pub signature: Signature,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Body {
    /// Came in, under this nick.
    Join { nick: Nick },
    /// Left the group.
    Part { why: String },
    /// Left the chat.
    Quit { why: String },
    /// Goes by another nick.
    Nick { nick: Nick },
    /// Said a line.
    Text { text: String },
    /// Did something (`/me`).
    Action { text: String },
    /// Set the topic; empty removes it.
    Topic { text: String },
    /// The host says that a member was absent for longer than the grace.
    Gone { member: NodeId },
    /// Stands in for a refused entry, so that an author's numbers have no gap. Never shown.
    Void,
    /// The founder or an operator decides something. From anybody else it has no effect.
    Ruling(Ruling),
}

/// An entry with the host's clock reading. Its epoch and seq are those of the run it travels in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequenced {
    pub hlc: Hlc,
    pub entry: Entry,
}

/// A gap-free piece of one epoch's line, which ends where its host signed. One without entries is the line's
/// signed head: it says what stands before `first`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub epoch: Epoch,
    pub first: Seq,
    /// The head of the line's hash chain before `first`; all zeros where the line begins.
    pub prev: Hash,
    pub entries: Vec<Sequenced>,
    /// The host's, over the last seq and the head there: it vouches for all of the line up to that place.
    pub signature: Signature,
}

/// A supernode's grant to host a group for one epoch, signed by that supernode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub group: GroupName,
    pub epoch: Epoch,
    /// The charter of the group, if it had a witness then: two groups that have gone by one name have no lease in
    /// common. One without a witness may still give way, and its group become one with another.
    pub charter: Option<Hash>,
    /// The supernode that granted it.
    pub by: NodeId,
    pub signature: Signature,
}

/// A group's birth record. All rights in the group rest on its founder's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// The bare name, without a tag.
    pub group: GroupName,
    pub founder: NodeId,
    pub born: Wall,
    pub signature: Signature,
    /// None on an offer, and on the charter of a group that one supernode alone saw born: until it is settled it
    /// gives way to one that has a witness, so that people who start on two machines at once meet in one group.
    pub witness: Option<Witness>,
}

/// A supernode's word that a group was born when nobody knew another of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    pub by: NodeId,
    pub signature: Signature,
}

/// What three supernodes keep of a group when everybody is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub lease: Lease,
    /// The first members in join order.
    pub roster: Vec<NodeId>,
    pub charter: Option<Charter>,
    /// For how long nobody has been registered, in milliseconds.
    pub quiet_ms: u64,
}

/// What a mesh node says about itself. For one key the higher clock wins; the clock is a counter kept on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub name: NodeName,
    pub key: NodeId,
    pub clock: u64,
    /// Where it can be reached, best first; the ring hashes the IP of [`Record::ring_address`].
    pub addresses: Vec<SocketAddr>,
    pub roles: Roles,
    /// Out of service for good; such a record is kept so that gossip does not bring the node back.
    pub tombstone: bool,
    pub signature: Signature,
}

/// What a mesh node does; a small one may do both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    pub directory: bool,
    pub supernode: bool,
}

/// A record, and how the one who tells of it believes the node to be, since when by its clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub record: Record,
    pub liveness: Liveness,
    pub since: Wall,
}

/// How a mesh node is, in somebody's opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Liveness {
    Alive,
    /// Somebody says that it does not answer; until it is called dead it counts as alive.
    Suspect,
    /// Whoever tells of it has lost its own link to it; for the teller it does not count until it is heard again.
    Missed,
    Dead,
}

impl Liveness {
    /// Whether the node counts: on the ring, and as one to dial.
    #[must_use]
    pub fn is_up(self) -> bool {
        match self {
            Self::Alive | Self::Suspect => true,
            Self::Missed | Self::Dead => false,
        }
    }
}

/// One of the records of a node. Higher clocks are later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edition {
    pub key: NodeId,
    pub clock: u64,
}

/// What a table has of a node, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub key: NodeId,
    pub rest: Rest,
}

/// See [`Standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rest {
    /// Its record has this clock, and it is believed to be up, or not.
    Listed {
        clock: u64,
        is_up: bool,
    },
    Buried,
}

/// A step of the protocol that watches who is alive. Clocks are those of the records of sender and receiver: what was
/// meant for an earlier record is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gossip {
    pub clock: u64,
    /// How often the sender has objected to being called suspect.
    pub incarnation: u16,
    pub to_clock: u64,
    pub doing: Doing,
    pub news: Vec<News>,
}

/// What a [`Gossip`] is for. `number` tells probes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// Are you there?
    Ping {
        number: u8,
    },
    Ack {
        number: u8,
    },
    /// It does not answer me: ask it for me.
    PingFor {
        target: Edition,
        number: u8,
    },
    /// Are you there? That one wants to know.
    PingOf {
        origin: Edition,
        number: u8,
    },
    /// Tell that one that I am.
    AckFor {
        target: Edition,
        number: u8,
    },
    /// The one you asked about is there.
    AckOf {
        origin: Edition,
        number: u8,
    },
    /// I am there; who else is?
    Announce,
    /// These are.
    Feed,
    /// Nothing but the news.
    Tell,
    /// You are held for dead: come back under a higher clock.
    CallDead,
}

/// How somebody is, as is passed on. The higher incarnation counts, and of one the worse word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    pub edition: Edition,
    pub incarnation: u16,
    pub liveness: Liveness,
}

/// An operator's word that a node is out of service for good, whatever its clock says. It outlives the record, so that
/// nobody who was away for long brings the node back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burial {
    pub key: NodeId,
    /// What it was called; the name is free again.
    pub name: NodeName,
    /// The operator.
    pub by: NodeId,
    pub signature: Signature,
}

/// What became of an operator's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Outcome {
    #[error("done")]
    Done,
    #[error("it does not know you for an operator")]
    NotAllowed,
    #[error("nobody answers there")]
    NoAnswer,
}

/// Why a record is not taken into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unlisted {
    #[error("its signature is wrong")]
    BadSignature,
    #[error("it has more addresses than are allowed")]
    TooManyAddresses,
    #[error("its node signed two records with one clock")]
    Forked,
    #[error("its name belongs to another key")]
    NameTaken,
    #[error("its network has as many supernodes as are allowed")]
    NetworkFull,
    #[error("its address has as many nodes as are allowed")]
    AddressFull,
    #[error("the table is full")]
    TableFull,
    #[error("nobody with its key answers at its address")]
    Unreachable,
    #[error("it was buried: an operator took it out of service for good")]
    Buried,
    #[error("this mesh is closed to its key")]
    Closed,
}

impl Entry {
    #[must_use]
    pub fn id(&self) -> EntryId {
        EntryId {
            author: self.author,
            number: self.number,
        }
    }
}

impl Run {
    /// The entries with their places.
    pub fn places(&self) -> impl Iterator<Item = (Place, &Sequenced)> {
        self.entries
            .iter()
            .zip(self.first.0..)
            .map(|(sequenced, seq)| {
                (
                    Place {
                        hlc: sequenced.hlc,
                        epoch: self.epoch,
                        seq: Seq(seq),
                    },
                    sequenced,
                )
            })
    }

    /// The seq of the last entry; one below `first` if there is none.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq((self.first.0 + self.entries.len() as u64).saturating_sub(1))
    }
}

impl Lines {
    /// How far each line goes.
    #[must_use]
    pub fn vector(&self) -> Vector {
        let tips = self.tips.iter();
        tips.map(|(epoch, tip)| (*epoch, tip.seq)).collect()
    }
}

impl Record {
    /// Which of its node's records it is.
    #[must_use]
    pub fn edition(&self) -> Edition {
        Edition {
            key: self.key,
            clock: self.clock,
        }
    }

    /// The address by which the ring places it: the first that the whole net reaches, or else the first. One that only
    /// a local network reaches could be anybody's, and so be chosen.
    #[must_use]
    pub fn ring_address(&self) -> Option<SocketAddr> {
        let mut addresses = self.addresses.iter();
        let global = addresses.find(|address| !is_local(address.ip()));
        global.or(self.addresses.first()).copied()
    }
}

/// Whether only this machine or a local network reaches an address.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whose an address is: of an IPv6 one its /64, since all the rest is theirs to choose.
pub(crate) fn owner_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
    }
}
