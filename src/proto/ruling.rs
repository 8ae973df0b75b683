//! What a group's founder and operators may decide, and the ranks that decide it. Rights belong to keys; they
//! do not come with hosting.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::NodeId;

/// A decision about the group or one of its members; `M` says whom it is about (a key, or what a person typed).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ruling<M = NodeId> {
    /// Makes a key an operator. For the founder alone.
    Op { member: M },
    /// Makes an operator a member like others. For the founder alone.
    Deop { member: M },
    /// Puts a member out; it may come back.
    Kick { member: M, why: String },
    /// Puts a key out, and keeps it out.
    Ban { member: M },
    /// Lets a key come in again.
    Unban { member: M },
    /// Turns a mode on or off.
    Mode { mode: Mode, on: bool },
}

/// What holds for the whole group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    /// `t`: only the founder and operators set the topic.
    TopicLock,
    /// `m`: only the founder and operators speak.
    Moderated,
}

/// How much a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    #[default]
    Member,
    /// Named by the founder.
    Operator,
    /// Signed the charter. Cannot be put out, and never loses its rank.
    Founder,
}

impl Rank {
    /// The word for one that is more than a member.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Member => None,
            Self::Operator => Some("operator"),
            Self::Founder => Some("founder"),
        }
    }
}

impl<M> Ruling<M> {
    /// Whom it is about; nobody for a mode.
    pub fn member(&self) -> Option<&M> {
        match self {
            Self::Op { member }
            | Self::Deop { member }
            | Self::Kick { member, .. }
            | Self::Ban { member }
            | Self::Unban { member } => Some(member),
            Self::Mode { .. } => None,
        }
    }

    /// The same about what `with` makes of whom it is about.
    ///
    /// # Errors
    /// Those of `with`.
    pub fn about<N, E>(self, with: impl FnOnce(M) -> Result<N, E>) -> Result<Ruling<N>, E> {
        Ok(match self {
            Self::Op { member } => Ruling::Op {
                member: with(member)?,
            },
            Self::Deop { member } => Ruling::Deop {
                member: with(member)?,
            },
            Self::Kick { member, why } => Ruling::Kick {
                member: with(member)?,
                why,
            },
            Self::Ban { member } => Ruling::Ban {
                member: with(member)?,
            },
            Self::Unban { member } => Ruling::Unban {
                member: with(member)?,
            },
            Self::Mode { mode, on } => Ruling::Mode { mode, on },
        })
    }
}

impl Ruling {
    /// What `by` did to `whom`, as a sentence for a person.
    #[must_use]
    pub fn sentence(&self, by: &str, whom: &str) -> String {
        match self {
            Self::Op { .. } => format!("{by} made {whom} an operator"),
            Self::Deop { .. } => format!("{by} made {whom} a member like others"),
            Self::Kick { why, .. } if why.is_empty() => format!("{by} put {whom} out"),
            Self::Kick { why, .. } => format!("{by} put {whom} out: {why}"),
            Self::Ban { .. } => format!("{by} put {whom} out for good"),
            Self::Unban { .. } => format!("{by} lets {whom} come in again"),
            Self::Mode { mode, on } => {
                let whose = match (mode, on) {
                    (Mode::TopicLock, true) => "only operators set the topic (+t)",
                    (Mode::TopicLock, false) => "everybody may set the topic (-t)",
                    (Mode::Moderated, true) => "only operators speak (+m)",
                    (Mode::Moderated, false) => "everybody may speak (-m)",
                };
                format!("{by} decided: {whose}")
            }
        }
    }
}

impl Mode {
    /// The letter it is written as, which is IRC's.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::TopicLock => 't',
            Self::Moderated => 'm',
        }
    }

    #[must_use]
    pub fn of_letter(letter: char) -> Option<Self> {
        [Self::TopicLock, Self::Moderated]
            .into_iter()
            .find(|mode| mode.letter() == letter)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}
