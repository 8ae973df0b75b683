//! A line taken by keyboard: Shift-Up takes the newest, Up and Down go on; then it is answered, quoted, copied, or
//! its link opened. What hides in it is seen while it is taken.

use super::app::{App, Hint};
use super::editor::Edit;
use super::keymap::Action;
use super::log::{Item, Key, Kind, Said};
use super::pick::links_of;
use super::press::Wish;
use super::rich::{Reading, Rich};
use super::scroll::Anchor;
use crate::proto::event::What;
use crate::proto::id::EntryId;

/// Lines that one press of PgUp goes.
const LEAP: usize = 10;

/// Which line it is: its place may change while it is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    id: EntryId,
}

/// In which direction another line is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Older,
    Newer,
}

impl App {
    /// Where the line that is taken stands.
    pub(crate) fn taken_key(&self) -> Option<Key> {
        self.window().shown().key(self.taken?.id)
    }

    /// The line that is taken.
    pub(crate) fn taken_line(&self) -> Option<&Said> {
        match &self.window().shown().item(&self.taken_key()?)?.kind {
            Kind::Said(said) => Some(said),
            Kind::Note(_) => None,
        }
    }

    /// Takes the last line in view.
    pub(crate) fn take_line(&mut self) {
        let last = self.window().scroll().map(|anchor| anchor.key());
        let lines = |app: &Self, said: &Said| app.is_read(said);
        if let Some(key) = self.nearest(last, Way::Older, true, lines) {
            self.take(key);
        } else {
            self.hint = Some(Hint::Plain("nothing is said here yet".to_owned()));
        }
    }

    /// Takes the nearest line by somebody else that is meant for us.
    pub(crate) fn take_mention(&mut self, way: Way) {
        let from = self.taken_key();
        let from = from.or(self.window().scroll().map(|anchor| anchor.key()));
        let us = self.our_word();
        let meant = |app: &Self, said: &Said| {
            let text = words(said).filter(|_| !said.ours && app.is_read(said));
            text.is_some_and(|text| app.highlights.concern(text, &us))
        };
        match self.nearest(from, way, false, meant) {
            Some(key) => self.take(key),
            None if way == Way::Older => {
                self.ask_older();
                let hint = "nobody mentions you before that; F4 looks everywhere";
                self.hint = Some(Hint::Plain(hint.to_owned()));
            }
            None => {
                self.hint = Some(Hint::Plain("nobody mentions you after that".to_owned()));
            }
        }
    }

    /// Goes to the first line that was not read.
    pub(crate) fn go_to_unread(&mut self) {
        let window = self.window();
        let first = window.mark.and_then(|mark| window.log.after(mark));
        let Some((key, _)) = first.filter(|_| window.past.is_none()) else {
            self.hint = Some(Hint::Plain("you have read it all".to_owned()));
            return;
        };
        let (width, height) = self.log_size;
        let us = self.our_word();
        // Its rule stands above it.
        let below = usize::from(height.saturating_sub(2));
        let scroll = self
            .page(width, &us)
            .scroll_down(Some(Anchor::at(key)), below);
        self.window_mut().scroll = scroll;
    }

    /// Does with the line what a key asks. Nothing if the key is for others, and the line let go.
    pub(crate) fn press_taken(&mut self, action: Action) -> Option<Wish> {
        let taken = self.taken.take()?;
        let key = self.window().shown().key(taken.id)?;
        let typed = |c: char| action == Action::Edit(Edit::Insert(c));
        self.taken = Some(taken);
        if let Some((way, count)) = step(action) {
            self.step_taken(key, way, count);
            return Some(Wish::Nothing);
        }
        if [Action::OlderMention, Action::NewerMention].contains(&action) {
            return None;
        }
        let said = self.taken_line().cloned();
        self.taken = None;
        let said = said?;
        if action == Action::Send || typed('r') {
            self.answer_to(&said);
        } else if typed('q') {
            self.quote(&said);
        } else if typed('c') || typed('y') {
            return Some(self.copy_line(&said));
        } else if typed('o') || action == Action::Links {
            return Some(self.open_link_of(key));
        } else if ![Action::Escape, Action::Interrupt].contains(&action) {
            return None;
        }
        Some(Wish::Nothing)
    }

    fn step_taken(&mut self, key: Key, way: Way, count: usize) {
        let lines = |app: &Self, said: &Said| app.is_read(said);
        let mut at = key;
        for _ in 0..count {
            match self.nearest(Some(at), way, false, lines) {
                Some(next) => at = next,
                None if way == Way::Older => {
                    self.ask_older();
                    break;
                }
                None => {
                    // Beyond the newest is the line being written.
                    if at == key {
                        self.taken = None;
                        return;
                    }
                    break;
                }
            }
        }
        self.take(at);
    }

    /// The nearest line of a kind before or after a key, or at it; without a key, from the end.
    fn nearest(
        &self,
        from: Option<Key>,
        way: Way,
        or_there: bool,
        is_meant: impl Fn(&Self, &Said) -> bool,
    ) -> Option<Key> {
        let log = self.window().shown();
        let meant = |item: &Item| match &item.kind {
            Kind::Said(said) => is_meant(self, said),
            Kind::Note(_) => false,
        };
        let mut at = match (from, way) {
            (Some(key), _) => key,
            (None, Way::Older) => log.last()?,
            (None, Way::Newer) => return None,
        };
        if (or_there || from.is_none()) && log.item(&at).is_some_and(meant) {
            return Some(at);
        }
        loop {
            let next = match way {
                Way::Older => log.before(at),
                Way::Newer => log.after(at),
            };
            let (key, item) = next?;
            if meant(item) {
                return Some(key);
            }
            at = key;
        }
    }

    /// Whether somebody said it, and it is to be seen.
    fn is_read(&self, said: &Said) -> bool {
        let is_talk = matches!(said.what, What::Text(_) | What::Action(_));
        let options = self.choices.options();
        let is_topic = matches!(&said.what, What::Topic(topic) if !topic.is_empty());
        is_topic || is_talk && !options.hides(&said.id.author)
    }

    fn take(&mut self, key: Key) {
        let item = self.window().shown().item(&key);
        let Some(Kind::Said(said)) = item.map(|item| &item.kind) else {
            return;
        };
        self.taken = Some(Taken { id: said.id });
        self.show(key);
    }

    /// Scrolls so that an item is in view, if it is not: into the middle.
    fn show(&mut self, key: Key) {
        let (width, height) = self.log_size;
        let height = usize::from(height);
        let us = self.our_word();
        let scroll = self.window().scroll();
        let mut page = self.page(width, &us);
        let whole = page.block(key).map_or(0, |block| {
            page.rows(block).iter().filter(|row| row.is_lit).count()
        });
        let (rows, _) = page.view(scroll, height);
        let seen = rows.iter().filter(|row| row.is_lit).count();
        if seen >= whole.min(height) {
            return;
        }
        let scroll = page.scroll_down(Some(Anchor::at(key)), height / 2);
        // Not beyond the first row.
        let (scroll, at_top) = match scroll {
            Some(_) => page.scroll_up(scroll, 0, height),
            None => (None, false),
        };
        let window = self.window_mut();
        match &mut window.past {
            Some(past) => past.scroll = scroll,
            None => window.scroll = scroll,
        }
        if scroll.is_none() {
            window.below = 0;
        }
        if at_top {
            self.ask_older();
        }
    }

    /// Addresses whoever said it.
    fn answer_to(&mut self, said: &Said) {
        let told = format!("{}: ", said.from);
        if !self.editor.text().starts_with(&told) {
            self.editor.put_before(&told);
        }
    }

    /// Puts what was said above the answer to it.
    fn quote(&mut self, said: &Said) {
        let Some(text) = words(said) else {
            return;
        };
        let text = plain(text);
        let rows = text.lines().map(|row| format!("> {row}\n"));
        let quoted = rows.collect::<String>();
        self.editor.put_before(&quoted);
    }

    fn copy_line(&mut self, said: &Said) -> Wish {
        let Some(text) = words(said) else {
            return Wish::Nothing;
        };
        let told = format!("copied what {} said", said.from);
        self.hint = Some(Hint::Plain(told));
        Wish::Copy(plain(text))
    }

    fn open_link_of(&mut self, key: Key) -> Wish {
        let item = self.window().shown().item(&key);
        match item.map(links_of).unwrap_or_default().first() {
            Some(link) => self.follow_link(link.to_string()),
            None => {
                self.hint = Some(Hint::Plain("there is no link in it".to_owned()));
                Wish::Nothing
            }
        }
    }
}

/// Where a key goes from a line.
fn step(action: Action) -> Option<(Way, usize)> {
    const OLDER: [Action; 3] = [
        Action::Edit(Edit::Older),
        Action::TakeLine,
        Action::Edit(Edit::Insert('k')),
    ];
    const NEWER: [Action; 3] = [
        Action::Edit(Edit::Newer),
        Action::TakeNewer,
        Action::Edit(Edit::Insert('j')),
    ];
    if OLDER.contains(&action) {
        Some((Way::Older, 1))
    } else if NEWER.contains(&action) {
        Some((Way::Newer, 1))
    } else if [Action::PageUp, Action::LinesUp].contains(&action) {
        Some((Way::Older, LEAP))
    } else if [Action::PageDown, Action::LinesDown].contains(&action) {
        Some((Way::Newer, LEAP))
    } else {
        None
    }
}

/// What was said, as it is stored.
fn words(said: &Said) -> Option<&str> {
    match &said.what {
        What::Text(text) | What::Action(text) | What::Topic(text) => Some(text),
        What::Join
        | What::Part(_)
        | What::Quit(_)
        | What::Nick(_)
        | What::Gone { .. }
        | What::Ruling { .. }
        | What::Vain(_) => None,
    }
}

/// As it is read: without IRC's codes.
fn plain(text: &str) -> String {
    Rich::read(
        text,
        Reading::Ours,
        &super::highlight::Highlights::default(),
        "",
    )
    .text
}
