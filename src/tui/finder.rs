//! Looking for something in all that is stored: what was found, over the log, until one goes there or returns.

use super::app::{App, Hint};
use super::editor::Edit;
use super::keymap::Action;
use super::log::Kind;
use super::window::Window;
use crate::proto::command::Command;
use crate::proto::event::{Line, What};
use crate::proto::id::Nick;
use crate::proto::past::{Ask, Query, Term, Words};
use crate::proto::time::Wall;
use crate::slash::query;
use crate::slash::when::When;

/// Lines that are asked for.
const FOUND: usize = 200;
/// Rows that PgUp and PgDn go.
const PAGE: usize = 10;

/// A search, and what it found.
#[derive(Debug)]
pub(crate) struct Finder {
    pub(crate) about: About,
    /// Newest first.
    pub(crate) lines: Vec<Line>,
    pub(crate) more: bool,
    /// The one that Enter goes to.
    pub(crate) at: usize,
    /// Whether it is in view; it is not while one reads what was found.
    pub(crate) is_open: bool,
    /// What is being looked for, or what was found last.
    asked: Option<Query>,
    /// Whether the disk has not answered that.
    pub(crate) is_asking: bool,
    /// What is wrong with what was typed.
    pub(crate) why: Option<String>,
    /// The window it was begun in.
    origin: u64,
}

/// What a finder is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// This, as it is typed.
    Search(String),
    /// What others said to us.
    Mentions,
}

impl Finder {
    /// The words that are looked for.
    pub(crate) fn words(&self) -> Vec<&str> {
        match &self.asked {
            Some(Query::Words(words)) => {
                let wanted = words.terms.iter().filter(|term| !term.is_unwanted);
                wanted.map(|term| term.text.as_str()).collect()
            }
            Some(Query::Pattern { .. }) | None => Vec::new(),
        }
    }
}

impl App {
    /// Opens the finder with something to look for.
    pub(crate) fn search_for(&mut self, typed: String, query: Query) {
        self.open_finder(About::Search(typed));
        self.ask_finder(query);
    }

    /// Opens the finder, to look in the group of this window for what is typed now.
    pub(crate) fn search_here(&mut self) {
        let here = self.window().group();
        let scope = here.map_or_else(String::new, |group| format!(" in:{group}"));
        self.open_finder(About::Search(scope));
    }

    /// Opens the finder with what others said to us.
    pub(crate) fn show_mentions(&mut self) {
        let words = self.words_for_us();
        self.open_finder(About::Mentions);
        self.ask_finder(Query::Words(Words {
            terms: words.iter().map(|word| Term::whole(word)).collect(),
            any: true,
            by_others: true,
            ..Words::default()
        }));
    }

    /// Words that mean us.
    pub(crate) fn words_for_us(&self) -> Vec<String> {
        let us = self.us.iter().map(|(_, nick)| nick.as_str());
        us.chain(self.highlights.words())
            .map(str::to_owned)
            .collect()
    }

    /// Lines in memory that one of our patterns means: the index of what is on disk knows words only.
    fn lines_of_patterns(&self) -> Vec<Line> {
        let of_window = |window: &Window| {
            let group = window.group().cloned();
            let log = window.log.newest_first();
            log.filter_map(move |((place, _), item)| {
                let Kind::Said(said) = &item.kind else {
                    return None;
                };
                let (What::Text(text) | What::Action(text)) = &said.what else {
                    return None;
                };
                let is_meant = !said.ours && self.highlights.has_pattern(text);
                is_meant.then_some(())?;
                Some(Line {
                    group: group.clone()?,
                    id: said.id,
                    from: Nick::parse(&said.from).ok()?,
                    place: *place,
                    at: item.at,
                    what: said.what.clone(),
                    own: false,
                    history: true,
                })
            })
            .take(FOUND)
            .collect::<Vec<_>>()
        };
        self.windows.iter().flat_map(of_window).collect()
    }

    /// Adds to what the disk found what only we can find.
    fn with_patterns(&self, mut lines: Vec<Line>) -> Vec<Line> {
        for line in self.lines_of_patterns() {
            if !lines.iter().any(|known| known.id == line.id) {
                lines.push(line);
            }
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.place));
        lines
    }

    /// Shows the log of this window as it was at a moment.
    pub(crate) fn go_to_moment(&mut self, now: Wall, when: When) {
        if when == When::End {
            self.leave_past();
            return self.bottom();
        }
        let Some(group) = self.window().group().cloned() else {
            return;
        };
        let at = when.moment(&self.look.local(now));
        match at {
            Some(at) => self.read_from(&group, at),
            None => self.hint = Some(Hint::Error("there is no such moment".to_owned())),
        }
    }

    fn open_finder(&mut self, about: About) {
        self.finder = Some(Finder {
            about,
            lines: Vec::new(),
            more: false,
            at: 0,
            is_open: true,
            asked: None,
            is_asking: false,
            why: None,
            origin: self.window().number,
        });
    }

    /// Asks for it, unless something else is asked for: then that is answered first.
    fn ask_finder(&mut self, query: Query) {
        let Some(finder) = &mut self.finder else {
            return;
        };
        finder.why = None;
        if finder.is_asking || finder.asked.as_ref() == Some(&query) {
            return;
        }
        finder.is_asking = true;
        finder.asked = Some(query.clone());
        let limit = FOUND;
        self.command(Command::Past(Ask::Search { query, limit }));
    }

    /// The disk tells what it found.
    pub(crate) fn found(&mut self, query: &Query, lines: Vec<Line>, more: bool) {
        let about = self.finder.as_ref().map(|finder| &finder.about);
        let mut lines = match about {
            Some(About::Mentions) => self.with_patterns(lines),
            Some(About::Search(_)) | None => lines,
        };
        let options = self.choices.options();
        lines.retain(|line| !options.hides(&line.id.author));
        let Some(finder) = &mut self.finder else {
            return;
        };
        if finder.asked.as_ref() == Some(query) {
            finder.is_asking = false;
            finder.at = 0;
            finder.lines = lines;
            finder.more = more;
            self.ask_typed();
        }
    }

    /// Looks for what is typed, if that is something to look for.
    fn ask_typed(&mut self) {
        let here = self.window().group().cloned();
        let Some(finder) = &mut self.finder else {
            return;
        };
        let About::Search(typed) = &finder.about else {
            return;
        };
        match query::read(typed.trim(), here.as_ref()) {
            Ok(query) => self.ask_finder(query),
            Err(refused) => {
                // Before a first word is written there is nothing to complain of.
                let has_begun = !typed.trim().is_empty() && !typed.trim().starts_with("in:");
                finder.why = has_begun.then_some(refused.why);
                finder.lines.clear();
                finder.more = false;
                if !finder.is_asking {
                    finder.asked = None;
                }
            }
        }
    }

    /// Does with the finder what a key asks. Whether the key did no more than that.
    pub(crate) fn press_finder(&mut self, action: Action) -> bool {
        let Some(finder) = self.finder.as_mut().filter(|finder| finder.is_open) else {
            return false;
        };
        let last = finder.lines.len().saturating_sub(1);
        let moved = [
            (Action::Edit(Edit::Older), finder.at.saturating_sub(1)),
            (Action::Edit(Edit::Newer), finder.at + 1),
            (Action::PageUp, finder.at.saturating_sub(PAGE)),
            (Action::PageDown, finder.at + PAGE),
            (Action::Top, 0),
            (Action::Bottom, last),
        ];
        if let Some((_, at)) = moved.iter().find(|(key, _)| *key == action) {
            finder.at = (*at).min(last);
            return true;
        }
        if action == Action::Send {
            self.go_to_found();
            return true;
        }
        if action == Action::Escape || action == Action::Interrupt {
            self.close_finder();
            return true;
        }
        if let (Action::Edit(edit), About::Search(typed)) = (action, &mut finder.about) {
            write(typed, edit);
            self.ask_typed();
            return true;
        }
        // What has nothing to do with it, as another window, closes it.
        if let Action::Edit(_) = action {
            return true;
        }
        self.finder = None;
        false
    }

    fn go_to_found(&mut self) {
        let finder = self.finder.as_ref();
        let Some(line) = finder.and_then(|finder| finder.lines.get(finder.at)) else {
            return;
        };
        let (group, place) = (line.group.clone(), line.place);
        if self.index(&group).is_none() {
            let name = crate::sanitize::name(group.as_str());
            let hint = format!("you are not in {name}: /join {name} first, then look again");
            self.hint = Some(Hint::Error(hint));
            return;
        }
        if let Some(finder) = &mut self.finder {
            finder.is_open = false;
        }
        self.read_at(&group, place);
    }

    /// Goes back to where it was begun.
    fn close_finder(&mut self) {
        let Some(finder) = self.finder.take() else {
            return;
        };
        let origin = self
            .windows
            .iter()
            .position(|window| window.number == finder.origin);
        if let Some(origin) = origin {
            self.go(origin);
        }
    }

    /// One step back from reading what was found: to what else was found, or to the end of the log.
    pub(crate) fn step_back(&mut self) -> bool {
        if self.window().past.is_none() {
            return false;
        }
        self.leave_past();
        if let Some(finder) = &mut self.finder {
            finder.is_open = true;
        }
        true
    }
}

/// What is looked for is written at the end, before the group it is looked for in.
fn write(typed: &mut String, edit: Edit) {
    let scope = typed.rfind(" in:");
    let scope = scope.filter(|at| !typed[at + 1..].contains(' '));
    let end = scope.unwrap_or(typed.len());
    if let Edit::Insert(c) = edit {
        typed.insert(end, c);
    } else if edit == Edit::Backspace {
        match typed[..end].char_indices().next_back() {
            Some((at, _)) => _ = typed.remove(at),
            // Nothing is left but where to look: look everywhere.
            None => typed.clear(),
        }
    } else if [Edit::KillToStart, Edit::KillToBlank, Edit::KillWordLeft].contains(&edit) {
        typed.replace_range(..end, "");
    }
}
