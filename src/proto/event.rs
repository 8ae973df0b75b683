//! What the client tells a face. Text in here comes from strangers: a face cleans it before it draws it.

use std::net::SocketAddr;

pub use super::command::Chart;
use super::id::{EntryId, Epoch, GroupName, Nick, NodeId, Place};
pub use super::invite::Invite;
use super::past::Told;
use super::rules::Rules;
use super::ruling::{Rank, Ruling};
use super::table::Table;
use super::time::Wall;
pub use super::verify::SafetyNumber;
pub use super::whois::{Reached, Whois};
pub use super::wire::Whether;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client runs; this is who we are. First of all events.
    Ready { id: NodeId, nick: Nick },
    /// A group's window opens: we asked to join it, or were in it when we last ended (`restored`).
    /// Its history on disk can be asked for at once; whether anybody is there is not known yet.
    Opened {
        group: GroupName,
        topic: String,
        restored: bool,
    },
    /// We are in the group and have all of its log.
    Joined {
        group: GroupName,
        host: NodeId,
        epoch: Epoch,
        members: Vec<Member>,
    },
    /// We are out of the group, as we asked.
    Left { group: GroupName },
    /// The group goes by another name: another group has the one it had.
    Renamed { group: GroupName, to: GroupName },
    /// Our own line was taken and is on its way; it is told again as [`Event::Entry`] once it has its place.
    Sent {
        group: GroupName,
        id: EntryId,
        at: Wall,
        what: What,
    },
    /// An entry has its place in the log. Told once per entry, and again (same id) if its place moves.
    Entry(Line),
    /// Our own line survives the crash of its host: it is on `copies` disks (one only while we are alone).
    Confirmed {
        group: GroupName,
        id: EntryId,
        epoch: Epoch,
        seq: u64,
        copies: u32,
    },
    /// Our own line, which was confirmed on few disks, is on more of them by now: on `copies`.
    Copied {
        group: GroupName,
        id: EntryId,
        copies: u32,
    },
    /// Our own line will not get a place.
    Failed {
        group: GroupName,
        id: EntryId,
        why: String,
    },
    /// Who is in the group, in join order: on any change of members, presence, host or nicks.
    Members {
        group: GroupName,
        members: Vec<Member>,
    },
    /// Whether we have the host at the other end of a link, on change; without it our lines wait. A handover
    /// ends it too, and is told as [`Event::Host`].
    Contact {
        group: GroupName,
        host: NodeId,
        is_held: bool,
    },
    /// Own lines have waited for a place longer than a handover takes. They go out once the group is reached.
    Waiting {
        group: GroupName,
        lines: Vec<EntryId>,
    },
    /// Another member hosts: a handover we lived through.
    Host {
        group: GroupName,
        host: NodeId,
        nick: Option<Nick>,
        epoch: Epoch,
        /// From the moment we missed the old host to the new host's welcome, in milliseconds.
        took_ms: u64,
        /// Who kept it before, as far as known.
        before: Option<Before>,
        lost: Loss,
    },
    /// Another supernode is responsible for a group; the talk does not go by it.
    Responsible {
        group: GroupName,
        node: NodeId,
        name: String,
        /// The one before, by its name.
        before: Option<String>,
        /// Whether that one does not answer any more.
        is_lost: bool,
    },
    /// What we are in the group, on change.
    Role { group: GroupName, role: Standing },
    /// How we reach a peer, on change.
    Path {
        peer: NodeId,
        path: Path,
        via: Option<String>,
        rtt_ms: Option<u64>,
    },
    /// Whether we have a link to the mesh, and to which node, on change.
    Mesh { state: MeshState },
    /// Two sides of a partition are one again: entries each side had that the other lacked.
    Merge {
        group: GroupName,
        from_us: u64,
        from_them: u64,
    },
    /// A page of stored history, oldest first, in answer to [`super::command::Command::History`].
    /// `more` says that older lines are stored.
    History {
        group: GroupName,
        lines: Vec<Line>,
        more: bool,
    },
    /// The window of a private talk opens. Its `group` is what the talk goes by; all that is said in it comes under
    /// that name. `nick` is what to call the other one: his nick, with a tag if that is also somebody else's.
    Talk {
        group: GroupName,
        person: NodeId,
        nick: Nick,
        opening: Opening,
    },
    /// How the other one of a private talk is, as far as we looked for him, on change.
    Near {
        group: GroupName,
        nearness: Nearness,
    },
    /// What holds in a group, in answer to [`super::command::Command::Rules`].
    Rules(Box<Rules>),
    /// Who somebody is, in answer to [`super::command::Command::Whois`].
    Whois(Box<Whois>),
    /// What our person and another one compare, in answer to [`super::command::Command::Verify`].
    Number {
        person: NodeId,
        nick: Nick,
        number: SafetyNumber,
        is_verified: bool,
    },
    /// Whether somebody's key has been compared, on change and, for all of whom it has, at the start (`is_restored`).
    Verified {
        person: NodeId,
        nick: Nick,
        is_verified: bool,
        is_restored: bool,
    },
    /// Somebody goes by the name of a `known` person, whose key has been compared and is another.
    Impostor {
        group: GroupName,
        nick: Nick,
        person: NodeId,
        known: NodeId,
    },
    /// An invitation to a group we are in, in answer to [`super::command::Command::Invite`]; `to` is who was sent it.
    Invited {
        invite: Box<Invite>,
        to: Option<Nick>,
        drawn: bool,
    },
    /// All that is known of the mesh, in answer to [`super::command::Command::Chart`].
    Chart { chart: Chart, table: Box<Table> },
    /// What is stored, in answer to [`super::command::Command::Past`].
    Past(Told),
    /// Whether the disk takes what is written, on change: `trouble` says what is wrong with it.
    Disk { trouble: Option<Trouble> },
    /// Something a person may want to know.
    Notice {
        group: Option<GroupName>,
        text: String,
    },
    /// Something did not work: what, why, and what to try.
    Error {
        group: Option<GroupName>,
        what: String,
        why: String,
        try_: String,
    },
    /// The last of all events: everything is stored and handed over.
    Bye,
}

/// How a private talk's window comes to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It was open when we last ended.
    Restored,
    /// We asked for it.
    Asked,
    /// We wrote to him from elsewhere.
    Written,
    /// He wrote to us.
    Begun,
    /// It is open already, and by now what he calls himself is known, or is something else.
    Named,
}

/// How near the other one of a private talk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearness {
    /// We have a link to him, or could have one.
    Here,
    /// He is not on line: what is said to him waits here.
    Away,
    /// He takes nothing from strangers at the moment, and we are one to him.
    Closed,
}

/// An entry as people see it, at its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub group: GroupName,
    pub id: EntryId,
    /// The author's nick at that place.
    pub from: Nick,
    pub place: Place,
    /// The author's wall clock.
    pub at: Wall,
    pub what: What,
    /// Whether we wrote it.
    pub own: bool,
    /// Whether it happened before we joined, or while we were away.
    pub history: bool,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Text(String),
    Action(String),
    Topic(String),
    Join,
    Part(String),
    Quit(String),
    /// The author goes by this nick from here on; [`Line::from`] is the one before.
    Nick(Nick),
    /// The host says that this member was absent too long.
    Gone {
        member: NodeId,
        nick: Nick,
    },
    /// The founder or an operator decided something, about whoever goes by `nick`.
    Ruling {
        ruling: Ruling,
        nick: Option<Nick>,
    },
    /// The author had no right to what it did, in these words, and nothing has changed. A host that lets such a
    /// thing into the log is at fault, or did not know yet what the other side of a partition had decided.
    Vain(String),
}

impl What {
    /// The same, by somebody who had no right to it.
    pub(crate) fn in_vain(self, by: &Nick) -> Self {
        Self::Vain(match self {
            Self::Topic(text) => format!("{by} set the topic: {text}"),
            Self::Join => format!("{by} joined"),
            Self::Ruling { ruling, nick } => {
                let whom = nick.as_ref().map_or("", Nick::as_str);
                ruling.sentence(by.as_str(), whom)
            }
            Self::Vain(deed) => deed,
            Self::Text(_)
            | Self::Action(_)
            | Self::Part(_)
            | Self::Quit(_)
            | Self::Nick(_)
            | Self::Gone { .. } => format!("{by} did something"),
        })
    }
}

/// Who hosted before a handover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    pub id: NodeId,
    pub nick: Nick,
    pub end: Tenure,
}

/// How somebody came to host no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It said that it leaves.
    Left,
    /// Nothing was heard of it since: it crashed, or is cut off.
    Missed,
    /// It lives, and gave way: the supernode had lost sight of it.
    Replaced,
}

/// What a handover cost, as far as this member can know; what it had of the log it has still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Own lines that came to nothing since the host was missed.
    pub own: Vec<EntryId>,
    /// Own lines that wait for the next host to place them.
    pub waiting: Vec<EntryId>,
    /// Lines that the host before said it had, and that nobody we have heard from since has.
    pub unseen: u64,
}

/// Why nothing can be stored, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: String,
    pub try_: String,
}

/// One member, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: NodeId,
    pub nick: Nick,
    pub standing: Standing,
    pub rank: Rank,
    /// Whether the host has a link to it.
    pub present: bool,
    /// Why it is away from its screen, in its own words, if it says so.
    pub away: Option<String>,
}

/// A member's part in keeping the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Orders the log.
    Host,
    /// Holds everything, and takes over in its turn.
    Heir,
    Member,
}

/// How packets reach a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Straight to its address.
    Direct,
    /// Through a supernode, sealed.
    Relayed,
    /// Not at the moment.
    Lost,
}

/// Our standing with the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshState {
    /// No node answers yet, or any more.
    Searching,
    /// A link to this node; whether it runs inside this process is the face's to know by its address.
    Linked { name: String, address: SocketAddr },
}
