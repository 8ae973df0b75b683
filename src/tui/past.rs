//! Reading elsewhere in a group's log: a second stretch of it, loaded around a place, until one returns.
//!
//! What arrives meanwhile goes into the window's own log, which stays as it was left.

use super::app::{App, Hint};
use super::log::{Key, Log};
use super::scroll::Anchor;
use super::window::{Older, PAGE};
use crate::proto::command::Command;
use crate::proto::event::Line;
use crate::proto::id::{GroupName, Place};
use crate::proto::past::{Ask, Part, Told};
use crate::proto::time::Wall;

/// A stretch of a log that is read beside the end of it.
#[derive(Debug)]
pub(crate) struct Past {
    /// Tells its rows from those of the window.
    pub(crate) number: u64,
    pub(crate) log: Log,
    /// What was looked for.
    pub(crate) lit: Option<Key>,
    pub(crate) scroll: Option<Anchor>,
    pub(crate) older: Older,
    newer: Older,
}

impl App {
    /// Shows a group's log around a place.
    pub(crate) fn read_at(&mut self, group: &GroupName, place: Place) {
        self.ask_past(group, Part::At(place));
    }

    /// Shows a group's log from a moment on.
    pub(crate) fn read_from(&mut self, group: &GroupName, at: Wall) {
        self.ask_past(group, Part::Moment(at));
    }

    fn ask_past(&mut self, group: &GroupName, part: Part) {
        self.command(Command::Past(Ask::Stretch {
            group: group.clone(),
            part,
            limit: 2 * PAGE,
        }));
    }

    /// The disk tells something that we asked for.
    pub(crate) fn told_past(&mut self, told: Told) {
        match told {
            Told::Stretch {
                group,
                part,
                lines,
                at,
                older,
                newer,
            } => match part {
                Part::At(_) | Part::Moment(_) => {
                    self.open_past(&group, part, lines, at, older, newer);
                }
                Part::Before(_) | Part::After(_) => {
                    self.extend_past(&group, part, lines, older, newer);
                }
            },
            Told::Found { query, lines, more } => self.found(&query, lines, more),
            Told::Missed {
                group,
                seen,
                lines,
                mentions,
            } => self.missed(&group, seen, lines, mentions),
        }
    }

    fn open_past(
        &mut self,
        group: &GroupName,
        part: Part,
        lines: Vec<Line>,
        at: Option<Place>,
        older: bool,
        newer: bool,
    ) {
        let Some(index) = self.index(group) else {
            return;
        };
        let Some(at) = at else {
            let hint = "nothing is stored there; /search finds what is";
            self.hint = Some(Hint::Error(hint.to_owned()));
            return;
        };
        let number = self.next_number();
        let mut log = Log::default();
        for line in lines {
            log.place(line);
        }
        let key = (at, 0);
        self.go(index);
        self.windows[index].past = Some(Past {
            number,
            log,
            lit: matches!(part, Part::At(_)).then_some(key),
            scroll: Some(Anchor::at(key)),
            older: Older::stored(older),
            newer: Older::stored(newer),
        });
        // What was looked for stands in the middle, a moment at the top.
        let (width, height) = self.log_size;
        let below = match part {
            Part::Moment(_) => height.saturating_sub(2),
            Part::At(_) | Part::Before(_) | Part::After(_) => height / 2,
        };
        let us = self.our_word();
        let scroll = self
            .page(width, &us)
            .scroll_down(Some(Anchor::at(key)), usize::from(below));
        if let Some(past) = &mut self.windows[index].past {
            past.scroll = scroll;
        }
    }

    fn extend_past(
        &mut self,
        group: &GroupName,
        part: Part,
        lines: Vec<Line>,
        older: bool,
        newer: bool,
    ) {
        let Some(past) = self.find(group).and_then(|window| window.past.as_mut()) else {
            return;
        };
        match part {
            Part::Before(_) => past.older = Older::stored(older),
            Part::After(_) => past.newer = Older::stored(newer),
            Part::At(_) | Part::Moment(_) => {}
        }
        for line in lines {
            past.log.place(line);
        }
    }

    /// Asks the disk for what comes before the stretch that is read, once.
    pub(crate) fn ask_older_past(&mut self) {
        let window = self.window_mut();
        if let (Some(group), Some(past)) = (window.group().cloned(), &mut window.past)
            && past.older == Older::Stored
            && let Some((place, _)) = past.log.first()
        {
            past.older = Older::Asked;
            let (part, limit) = (Part::Before(place), PAGE);
            self.command(Command::Past(Ask::Stretch { group, part, limit }));
        }
    }

    /// The end of the stretch that is read is reached: goes on, or is back at the end of the log.
    pub(crate) fn reach_end_of_past(&mut self) {
        let window = self.window_mut();
        let Some(group) = window.group().cloned() else {
            return;
        };
        let Some(past) = &mut window.past else {
            return;
        };
        match (past.newer, past.log.last()) {
            (Older::None, _) | (_, None) => self.leave_past(),
            (Older::Stored, Some((place, _))) => {
                past.newer = Older::Asked;
                let (part, limit) = (Part::After(place), PAGE);
                self.command(Command::Past(Ask::Stretch { group, part, limit }));
            }
            (Older::Asked, Some(_)) => {}
        }
    }

    /// Reads the window's own log again, where that was left.
    pub(crate) fn leave_past(&mut self) {
        self.window_mut().past = None;
    }
}
