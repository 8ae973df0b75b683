//! A history: what everybody in one group typed and was told, and the logs at its end.

use std::fmt;

/// All that is known of one group. Times are milliseconds on one clock, of whoever looked on.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub people: Vec<Person>,
    /// When the last fault was over.
    pub healed_ms: u64,
    /// How long after that everybody may take to be in the group and confirmed again.
    pub bound_ms: u64,
    /// Whether nothing ever happened to the mesh: no node of it ended, no part of it was cut off.
    pub is_mesh_whole: bool,
}

/// Somebody, over all runs of their client.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    /// The identity, as authors are named in what is told.
    pub key: String,
    pub lives: Vec<Life>,
    pub fate: Fate,
}

/// What became of somebody in the end.
#[derive(Clone, Debug)]
pub enum Fate {
    /// In the group, with this log.
    There(Vec<Kept>),
    /// Not in it, but this is still on their disk, and may come back.
    Away(Vec<Kept>),
    /// Gone with their disk, at this time.
    Gone(u64),
}

/// One run of a client.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// What happened in it and when, in order.
    pub notes: Vec<(u64, Note)>,
    /// How it ended; `None` for one that went on until the history ends.
    pub ending: Option<Ending>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By the person's own word, with everything on disk.
    Clean,
    /// At any moment: what was not on disk is forgotten, and what was on disk may not have been told.
    Killed,
}

/// One thing that happened to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A line for the group. Nobody types the same line twice.
    Typed(String),
    Told(Told),
}

/// What somebody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An own line was taken, under this id.
    Sent { id: String, text: String },
    /// A line has a place in the log.
    Message {
        id: String,
        author: String,
        text: String,
        epoch: Epoch,
        seq: u64,
        /// Sorts, by its bytes, as the log does.
        order: String,
    },
    /// Something of one's own is safe: in the epoch of this number, at this place in it. It need not be a line;
    /// only what was sent is.
    Confirmed {
        id: String,
        epoch: u64,
        seq: u64,
        copies: u32,
    },
    /// An own line will not be in the log.
    Failed { id: String },
    /// We are in the group, with all of its log.
    Joined(Epoch),
    /// The group has another host.
    Host(Epoch),
    /// We are out of the group.
    Left,
}

/// An entry at one of its places in somebody's log at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: String,
    pub author: String,
    /// What it says; `None` for what is not a line (somebody came, or went).
    pub text: Option<String>,
    pub epoch: Epoch,
    pub seq: u64,
    pub order: String,
    /// Whether this is the place at which it is shown.
    pub is_shown: bool,
}

/// The number of an epoch, and the key of its host in a form that sorts as keys do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    pub number: u64,
    pub host: String,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short: String = self.host.chars().take(8).collect();
        write!(f, "{}:{short}", self.number)
    }
}

impl Person {
    /// Everything that happened to them, in order.
    pub(super) fn notes(&self) -> impl Iterator<Item = (u64, &Note)> {
        self.lives.iter().flat_map(Life::notes)
    }

    /// What they typed and when, in order.
    pub(super) fn typed(&self) -> impl Iterator<Item = (u64, &str)> {
        self.notes().filter_map(|(at_ms, note)| match note {
            Note::Typed(text) => Some((at_ms, text.as_str())),
            Note::Told(_) => None,
        })
    }

    /// What is in their log, and may be in others' again.
    pub(super) fn log(&self) -> &[Kept] {
        match &self.fate {
            Fate::There(log) | Fate::Away(log) => log,
            Fate::Gone(_) => &[],
        }
    }

    /// Their log as it is shown, if they are in the group.
    pub(super) fn shown(&self) -> Option<Vec<&Kept>> {
        match &self.fate {
            Fate::There(log) => Some(log.iter().filter(|kept| kept.is_shown).collect()),
            Fate::Away(_) | Fate::Gone(_) => None,
        }
    }
}

impl Life {
    pub(super) fn notes(&self) -> impl Iterator<Item = (u64, &Note)> {
        self.notes.iter().map(|(at_ms, note)| (*at_ms, note))
    }

    pub(super) fn told(&self) -> impl Iterator<Item = (u64, &Told)> {
        self.notes().filter_map(|(at_ms, note)| match note {
            Note::Told(told) => Some((at_ms, told)),
            Note::Typed(_) => None,
        })
    }

    /// Since when they are in the group, if they are at the end of this life.
    pub(super) fn joined_ms(&self) -> Option<u64> {
        self.told().fold(None, |since, (at_ms, told)| match told {
            Told::Joined(_) => since.or(Some(at_ms)),
            Told::Left => None,
            Told::Sent { .. }
            | Told::Message { .. }
            | Told::Confirmed { .. }
            | Told::Failed { .. }
            | Told::Host(_) => since,
        })
    }
}
