//! One window: a group, or home for what concerns the machine. Its log, its people, and what is unread.

use super::editor::{Draft, History};
use super::log::{Key, Kind, Log, Said};
use super::past::Past;
use super::scroll::Anchor;
use crate::proto::command::Command;
use crate::proto::event::{Member, Nearness, Standing};
use crate::proto::id::{GroupName, NodeId, Place};
use crate::proto::past::Ask;
use crate::sanitize;

/// Lines asked from the disk at once: some three screens.
pub(crate) const PAGE: usize = 150;
/// Lines asked for when a group comes back: a screen. There may be a hundred groups, and most are not looked at.
const FIRST_PAGE: usize = 60;

/// What a window is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Notices of the machine.
    Home,
    Group(GroupName),
    /// A private talk: what it goes by, and what to call the other one, cleaned.
    Person {
        name: GroupName,
        id: NodeId,
        nick: String,
    },
}

/// Where we stand with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Looking for whoever keeps it.
    Finding,
    /// In it.
    Joined,
}

/// What came while the window was not in view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) lines: u32,
    pub(crate) mentions: u32,
    /// Joins and leaves, or a notice.
    pub(crate) other: bool,
}

/// Whether older lines can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Older {
    /// The disk may have some.
    Stored,
    /// Asked for, not yet told.
    Asked,
    /// This is the beginning.
    None,
}

impl Older {
    pub(crate) fn stored(more: bool) -> Self {
        if more { Self::Stored } else { Self::None }
    }
}

#[derive(Debug)]
pub(crate) struct Window {
    /// Tells this window from all others there ever were.
    pub(crate) number: u64,
    pub(crate) subject: Subject,
    pub(crate) topic: String,
    pub(crate) phase: Phase,
    pub(crate) members: Vec<Member>,
    pub(crate) log: Log,
    pub(crate) unread: Unread,
    /// The last item seen when the window was left.
    pub(crate) mark: Option<Key>,
    pub(crate) scroll: Option<Anchor>,
    /// Lines that came below the view while it was scrolled.
    pub(crate) below: u32,
    pub(crate) draft: Draft,
    pub(crate) history: History,
    /// Whether the next list of members is an answer to be shown.
    pub(crate) names_asked: bool,
    /// Whether the host is missed, and nobody has taken over yet.
    pub(crate) is_adrift: bool,
    /// How near the other one of a private talk is, if that is known.
    pub(crate) nearness: Option<Nearness>,
    /// What is read instead of the end of the log.
    pub(crate) past: Option<Past>,
    /// Lines behind the mark that came while nobody was here to see them, from the start of this life until the
    /// window is left.
    pub(crate) missed: Option<u64>,
    /// Up to where the disk knows that all was read.
    pub(crate) seen: Option<Place>,
    older: Older,
}

impl Window {
    pub(crate) fn new(number: u64, subject: Subject) -> Self {
        Self {
            number,
            subject,
            topic: String::new(),
            phase: Phase::Finding,
            members: Vec::new(),
            log: Log::default(),
            unread: Unread::default(),
            mark: None,
            scroll: None,
            below: 0,
            draft: Draft::default(),
            history: History::default(),
            names_asked: false,
            is_adrift: false,
            nearness: None,
            past: None,
            missed: None,
            seen: None,
            older: Older::Stored,
        }
    }

    pub(crate) fn group(&self) -> Option<&GroupName> {
        match &self.subject {
            Subject::Home => None,
            Subject::Group(name) | Subject::Person { name, .. } => Some(name),
        }
    }

    /// Whether it is a group's, with members of whom some keep it.
    pub(crate) fn is_group(&self) -> bool {
        match self.subject {
            Subject::Group(_) => true,
            Subject::Home | Subject::Person { .. } => false,
        }
    }

    /// Whether it is a private talk's: what comes there is for us.
    pub(crate) fn is_private(&self) -> bool {
        match self.subject {
            Subject::Person { .. } => true,
            Subject::Home | Subject::Group(_) => false,
        }
    }

    /// The name on the screen.
    pub(crate) fn name(&self) -> String {
        match &self.subject {
            Subject::Home => "home".to_owned(),
            Subject::Group(group) => sanitize::name(group.as_str()).into_owned(),
            Subject::Person { nick, .. } => nick.clone(),
        }
    }

    /// Asks the disk for what comes before, if there may be any.
    pub(crate) fn ask_older(&mut self) -> Option<Command> {
        let group = self.group()?.clone();
        match self.older {
            Older::Stored => {
                self.older = Older::Asked;
                let before = self.log.oldest_order();
                let limit = if before.is_some() { PAGE } else { FIRST_PAGE };
                Some(Command::History {
                    group,
                    before,
                    limit,
                })
            }
            Older::Asked | Older::None => None,
        }
    }

    /// The disk answered.
    pub(crate) fn older_told(&mut self, more: bool) {
        self.older = Older::stored(more);
    }

    /// Whether the first line there is stands at the top.
    pub(crate) fn has_all(&self) -> bool {
        match &self.past {
            Some(past) => past.older == Older::None,
            None => self.older == Older::None,
        }
    }

    /// The log that is read.
    pub(crate) fn shown(&self) -> &Log {
        self.past.as_ref().map_or(&self.log, |past| &past.log)
    }

    /// Where in it.
    pub(crate) fn scroll(&self) -> Option<Anchor> {
        self.past.as_ref().map_or(self.scroll, |past| past.scroll)
    }

    /// What came last in the log, to be remembered as read; none if it is already.
    pub(crate) fn newly_seen(&mut self) -> Option<Command> {
        let group = self.group()?.clone();
        let last = self
            .log
            .last_place()
            .filter(|last| Some(*last) > self.seen)?;
        self.seen = Some(last);
        let upto = last;
        Some(Command::Past(Ask::Seen { group, upto }))
    }

    /// Lets the oldest lines go while the newest are in view; the disk has them. A view that was left scrolled for
    /// tens of thousands of lines goes back to the end.
    pub(crate) fn trim(&mut self) {
        if self.scroll.is_some() && self.log.is_overfull() {
            self.scroll = None;
            self.below = 0;
        }
        if self.scroll.is_none() && self.log.trim() && self.older == Older::None {
            self.older = Older::Stored;
        }
    }

    pub(crate) fn host(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.standing == Standing::Host)
    }

    /// Present members that would take over, in their order: heirs first, then by when they joined.
    pub(crate) fn line(&self) -> impl Iterator<Item = &Member> {
        let of = |standing: Standing| {
            self.members
                .iter()
                .filter(move |member| member.present && member.standing == standing)
        };
        of(Standing::Heir).chain(of(Standing::Member))
    }

    /// Our place among those who would take over, from 1; nothing for the host.
    pub(crate) fn place_in_line(&self, us: &NodeId) -> Option<usize> {
        self.line()
            .position(|member| member.id == *us)
            .map(|at| at + 1)
    }

    /// Nicks for completion, the one who spoke last first; without our own.
    pub(crate) fn nicks(&self, us: Option<&NodeId>) -> Vec<String> {
        const SPEAKERS_LOOKED_AT: usize = 200;
        let mut nicks: Vec<String> = Vec::new();
        let here = |author: &NodeId| {
            self.members
                .iter()
                .find(|member| member.id == *author && Some(author) != us)
                .map(|member| sanitize::name(member.nick.as_str()).into_owned())
        };
        let speakers = self
            .log
            .newest_first()
            .take(SPEAKERS_LOOKED_AT)
            .filter_map(|(_, item)| match &item.kind {
                Kind::Said(Said { id, .. }) => here(&id.author),
                Kind::Note(_) => None,
            });
        for nick in speakers.chain(self.members.iter().filter_map(|member| here(&member.id))) {
            if !nicks.contains(&nick) {
                nicks.push(nick);
            }
        }
        nicks
    }

    /// The window comes into view.
    pub(crate) fn enter(&mut self) {
        self.unread = Unread::default();
    }

    /// The window goes out of view: what comes from here on is new when we return.
    pub(crate) fn leave(&mut self) {
        self.mark = self.log.last();
        self.missed = None;
    }
}
