//! What outlives the process: the writes a role asks for, and what it is given back at its start.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::id::{Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use super::seal::{Hash, Signature};
use super::time::{Hlc, Wall};
use super::wire::{Burial, Charter, Entry, GroupRecord, Lease, Listed, Run};

/// One thing to be put on disk. Writes are applied in order, those of one ticket all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A piece of a line of a group's log, which begins right after what is stored of that line, the head of the
    /// line's hash chain after it, and the lease under which its host writes.
    Run {
        group: GroupName,
        run: Run,
        head: Hash,
        lease: Lease,
    },
    /// Two histories of one line, both signed by its host. Only the first of a line need be kept.
    Evidence { group: GroupName, fork: Fork },
    /// An own entry that is to be confirmed, and may have no place yet.
    Outbox { group: GroupName, entry: Entry },
    /// An own entry that has nothing to wait for any more: it is confirmed, or its place is taken by an empty one.
    OutboxDone { group: GroupName, number: Number },
    /// Whether we are in a group, and the highest lease seen for it.
    Group {
        group: GroupName,
        joined: bool,
        lease: Option<Lease>,
    },
    /// The charter of a group we are in.
    Charter { group: GroupName, charter: Charter },
    /// A group with all that is stored of it goes by another name.
    Rename { group: GroupName, to: GroupName },
    /// The nick we go by.
    Nick(Nick),
    /// Our person has compared somebody's key, who goes by that nick; or takes that back.
    Verified { person: NodeId, nick: Option<Nick> },
    /// Where mesh nodes are that have led us to a group by an invitation, latest first.
    Gates(Vec<SocketAddr>),
    /// The table, whole.
    Table(Vec<Listed>),
    /// A node is out of service for good.
    Burial(Burial),
    /// The clock of our own record (mesh nodes), before it is used.
    Clock(u64),
    /// What a supernode knows of a group that must outlive everybody's leaving, as of `noted`.
    Record { record: GroupRecord, noted: Wall },
    /// A group's record was kept for long enough.
    RecordGone { group: GroupName },
}

/// Everything that was on disk at the start. Empty for a new data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub nick: Option<Nick>,
    pub gates: Vec<SocketAddr>,
    /// Whose keys have been compared, and what they were called then.
    pub verified: BTreeMap<NodeId, Nick>,
    pub groups: BTreeMap<GroupName, SavedGroup>,
    pub table: Vec<Listed>,
    pub burials: Vec<Burial>,
    pub clock: u64,
    /// A supernode's group records.
    pub records: Vec<(GroupRecord, Wall)>,
}

/// Proof that a host told two histories of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The signed head of ours: a run without entries.
    pub ours: Run,
    /// What its host signed as well, and what contradicts ours.
    pub theirs: Run,
}

/// What is stored of one line, short of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLine {
    /// The last seq stored, and the head of the line's hash chain there, as its host signed it.
    pub seq: Seq,
    pub head: Hash,
    pub signature: Signature,
    /// The clock reading there.
    pub hlc: Hlc,
    pub lease: Lease,
    /// Whether there is evidence that its host told two histories.
    pub is_forked: bool,
}

/// What is stored of one group, short of the text of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedGroup {
    pub joined: bool,
    /// It may name the group as it was called before.
    pub lease: Option<Lease>,
    pub charter: Option<Charter>,
    /// The lines of its log.
    pub lines: BTreeMap<Epoch, SavedLine>,
    /// The highest clock reading in the log.
    pub hlc: Hlc,
    /// Each author's highest number in the log.
    pub authors: BTreeMap<NodeId, Number>,
    /// The entries that made the group what it is (joins, leaves, nicks, topics, rulings), in log order; of all but
    /// the rulings only the last of each kind and author need be among them.
    pub shaping: Vec<(Place, Entry)>,
    /// Own entries without a place, by number.
    pub outbox: BTreeMap<Number, Entry>,
    /// Own entries with a place that were not confirmed yet.
    pub unkept: BTreeMap<Number, Place>,
}
