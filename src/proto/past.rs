//! What a face asks of the stored past, and what it is told: stretches of a log, searches, and where somebody
//! stopped reading. None of it goes to the network.

use std::fmt;

use super::event::Line;
use super::id::{GroupName, Place};
use super::time::Wall;

/// One question about what is on disk. It is answered by one [`Told`], but for those that say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A stretch of a group's log, of at most `limit` lines.
    Stretch {
        group: GroupName,
        part: Part,
        limit: usize,
    },
    /// The newest `limit` lines that a query finds.
    Search { query: Query, limit: usize },
    /// What somebody has not read yet of a group, and how much of it has one of `words` in it.
    Missed {
        group: GroupName,
        words: Vec<String>,
    },
    /// Everything in the group up to this place was read. It is remembered, and not answered.
    Seen { group: GroupName, upto: Place },
}

/// Which part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The lines right before a place.
    Before(Place),
    /// The lines right after a place.
    After(Place),
    /// Those around a place, and what stands there.
    At(Place),
    /// Those around a moment.
    Moment(Wall),
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Words, by the index over everything.
    Words(Words),
    /// A regular expression, in all lines of one group.
    Pattern { group: GroupName, pattern: String },
}

/// Words to be looked for. With neither words nor a nick it finds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub terms: Vec<Term>,
    /// One of them suffices.
    pub any: bool,
    /// By whoever has gone by this nick.
    pub from: Option<String>,
    pub group: Option<GroupName>,
    /// By others than us.
    pub by_others: bool,
}

/// A word, or words that stand side by side. Case and accents do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    /// It may go on.
    pub is_beginning: bool,
    /// Lines that have it are not meant.
    pub is_unwanted: bool,
}

/// What comes of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Lines of a log, oldest first.
    Stretch {
        group: GroupName,
        part: Part,
        lines: Vec<Line>,
        /// Where the place or the moment is among them.
        at: Option<Place>,
        /// Whether there are older and newer ones.
        older: bool,
        newer: bool,
    },
    /// Lines that were looked for, newest first.
    Found {
        query: Query,
        lines: Vec<Line>,
        /// Whether there are older ones.
        more: bool,
    },
    /// What was not read: after which place, how many lines, and how many of these have one of the words.
    Missed {
        group: GroupName,
        seen: Option<Place>,
        lines: u64,
        mentions: u64,
    },
}

impl Term {
    /// The words as they are.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            is_beginning: false,
            is_unwanted: false,
        }
    }
}

impl fmt::Display for Query {
    /// As a person would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => write!(f, "{words}"),
            Self::Pattern { pattern, .. } => write!(f, "/{pattern}/"),
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms.iter().map(ToString::to_string);
        let from = self.from.iter().map(|nick| format!("from:{nick}"));
        let group = self.group.iter().map(|group| format!("in:{group}"));
        let parts: Vec<String> = terms.chain(from).chain(group).collect();
        f.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_unwanted { "-" } else { "" };
        let star = if self.is_beginning { "*" } else { "" };
        let mark = if self.text.contains(char::is_whitespace) {
            "\""
        } else {
            ""
        };
        write!(f, "{sign}{mark}{}{mark}{star}", self.text)
    }
}
