//! What a face (screen, `--plain`, `--json`, a gateway, a test) asks of the client.

use std::collections::BTreeSet;
use std::fmt;

use super::event::What;
use super::id::{EntryId, GroupName, NameError, Nick, NodeId};
use super::invite::Invite;
use super::past::Ask;
use super::rules::Matter;
use super::ruling::Ruling;

/// One request. Whatever comes of it comes as [`super::event::Event`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Come into a group; it is created if nobody knows it.
    Join { group: GroupName },
    /// Come into the group of an invitation, and into no other of its name; it is never created.
    Accept { invite: Box<Invite> },
    /// Make an invitation to a group ([`super::event::Event::Invited`]), and send it to somebody in private; `drawn`
    /// wants its QR code of a face that does not show one by itself.
    Invite {
        group: GroupName,
        who: Option<Who>,
        drawn: bool,
    },
    /// Leave a group; hosting passes on.
    Part { group: GroupName, why: String },
    /// Say a line in a group.
    Say { group: GroupName, text: String },
    /// Do something in a group (`/me`).
    Act { group: GroupName, text: String },
    /// Take back a line of ours that waits and that nobody has been sent yet; it is told as failed.
    Drop { group: GroupName, id: EntryId },
    /// Set a group's topic; empty removes it.
    Topic { group: GroupName, text: String },
    /// Decide something in a group, as its founder or operator.
    Rule {
        group: GroupName,
        ruling: Ruling<Who>,
    },
    /// Tell what holds in a group by such decisions ([`super::event::Event::Rules`]).
    Rules { group: GroupName, matter: Matter },
    /// Go by another nick, everywhere.
    Nick { nick: Nick },
    /// Be away from the screen, for a reason, or be back; the members of our groups are told.
    Away { why: Option<String> },
    /// Tell the members of a group again ([`super::event::Event::Members`]).
    Names { group: GroupName },
    /// Tell how packets reach somebody in a group, or ask them to answer on every path there is; without a name, the
    /// host.
    Reach {
        group: GroupName,
        who: Option<Who>,
        asking: Asking,
    },
    /// Open a private talk with somebody, and say `text` to him, if there is one. `near` is the group in which his
    /// nick is looked up first; `is_front` brings the talk's window into view.
    Query {
        who: Who,
        near: Option<GroupName>,
        text: Option<String>,
        is_front: bool,
    },
    /// Tell who somebody is, or without a name we, and where and how they are reached
    /// ([`super::event::Event::Whois`]).
    Whois {
        who: Option<Who>,
        near: Option<GroupName>,
    },
    /// Tell the number that our person and somebody else compare ([`super::event::Event::Number`]), or remember what
    /// came of comparing it.
    Verify {
        who: Who,
        near: Option<GroupName>,
        came_of_it: Option<bool>,
    },
    /// Tell what is known of the mesh ([`super::event::Event::Chart`]).
    Chart { chart: Chart },
    /// From here on take everything in private but from these persons, and, if `strangers` is false, from those who
    /// share no group with us and whom we never wrote to.
    Ignore {
        persons: BTreeSet<NodeId>,
        strangers: bool,
    },
    /// Tell a page of a group's stored log ([`super::event::Event::History`]): the `limit` lines before the
    /// one with the order `before`, or the newest ones.
    History {
        group: GroupName,
        before: Option<String>,
        limit: usize,
    },
    /// Tell something else of the stored past ([`super::event::Event::Past`]).
    Past(Ask),
    /// Leave everything: hand over what we host, then end.
    Quit { why: String },
}

impl Command {
    /// What says a line again that came to nothing.
    #[must_use]
    pub fn again(group: GroupName, what: What) -> Option<Self> {
        match what {
            What::Text(text) => Some(Self::Say { group, text }),
            What::Action(text) => Some(Self::Act { group, text }),
            What::Topic(_)
            | What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_) => None,
        }
    }
}

/// What somebody wants to know about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// What it is, and what was tried.
    Path,
    /// How long an answer takes.
    Ping,
}

/// What of the mesh somebody wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chart {
    /// Its nodes, and how they are.
    Nodes,
    /// Its supernodes on their circle, and who is responsible for a group, or for the other one of a private talk.
    Ring(Option<GroupName>),
}

/// Somebody as a person names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who goes by that nick in the group, or did last.
    Nick(Nick),
    Key(NodeId),
}

impl Who {
    /// Reads a key in its written form, or else a nick.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        NodeId::parse(text)
            .map(Self::Key)
            .or_else(|_| Nick::parse(text).map(Self::Nick))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nick(nick) => write!(f, "{nick}"),
            Self::Key(key) => f.write_str(&key.short()),
        }
    }
}
