//! Links by keyboard: Alt-O takes the newest, again an older one; Enter opens it, c copies it.

use std::rc::Rc;

use super::app::{App, Hint};
use super::editor::Edit;
use super::highlight::Highlights;
use super::keymap::Action;
use super::log::{Item, Kind, Note};
use super::press::Wish;
use super::rich::{Reading, Rich};
use crate::proto::event::What;

/// How far back links are looked for.
const LOOKED_AT: usize = 1_000;
/// Links to choose from.
const CHOICES_MAX: usize = 100;

/// A choice under way.
#[derive(Debug)]
pub(crate) struct Pick {
    /// Newest first, each once.
    links: Vec<Rc<str>>,
    at: usize,
}

impl Pick {
    pub(crate) fn link(&self) -> Option<&Rc<str>> {
        self.links.get(self.at)
    }

    /// Which it is of how many.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.at + 1, self.links.len())
    }
}

impl App {
    /// Begins with the newest link of the window.
    pub(crate) fn pick_newest(&mut self) {
        self.pick(None);
    }

    /// Begins with a link that was pointed at; the same again opens it.
    pub(crate) fn pick_link(&mut self, link: &Rc<str>) -> Wish {
        if self.pick.as_ref().and_then(Pick::link) == Some(link) {
            return self.open_picked();
        }
        self.pick(Some(link));
        Wish::Nothing
    }

    fn pick(&mut self, wanted: Option<&Rc<str>>) {
        let mut links: Vec<Rc<str>> = wanted.into_iter().cloned().collect();
        for (_, item) in self.window().shown().newest_first().take(LOOKED_AT) {
            if links.len() >= CHOICES_MAX {
                break;
            }
            for link in links_of(item).into_iter().rev() {
                if !links.contains(&link) {
                    links.push(link);
                }
            }
        }
        if links.is_empty() {
            self.hint = Some(Hint::Plain("no links here".to_owned()));
        } else {
            self.pick = Some(Pick { links, at: 0 });
        }
    }

    /// Does with the choice what a key asks. Nothing if the key is for others, and the choice over.
    pub(crate) fn press_pick(&mut self, action: Action) -> Option<Wish> {
        let mut pick = self.pick.take()?;
        let last = pick.links.len() - 1;
        const OLDER: [Action; 3] = [Action::Links, Action::Complete, Action::Edit(Edit::Older)];
        const NEWER: [Action; 2] = [Action::CompleteBack, Action::Edit(Edit::Newer)];
        if OLDER.contains(&action) {
            pick.at = if pick.at == last { 0 } else { pick.at + 1 };
        } else if NEWER.contains(&action) {
            pick.at = pick.at.checked_sub(1).unwrap_or(last);
        } else if action == Action::Send {
            self.pick = Some(pick);
            return Some(self.open_picked());
        } else if action == Action::Edit(Edit::Insert('c')) {
            let link = pick.link()?.to_string();
            self.hint = Some(Hint::Plain(format!("copied {link}")));
            return Some(Wish::Copy(link));
        } else {
            return [Action::Escape, Action::Interrupt]
                .contains(&action)
                .then_some(Wish::Nothing);
        }
        self.pick = Some(pick);
        Some(Wish::Nothing)
    }

    /// Says what became of a link.
    pub(crate) fn tell_opened(&mut self, link: &str, opened: bool) {
        let told = if opened {
            format!("opened {link}")
        } else {
            format!("nothing opens links here: copied {link}")
        };
        self.hint = Some(Hint::Plain(told));
    }

    fn open_picked(&mut self) -> Wish {
        let link = self.pick.take().and_then(|pick| pick.link().cloned());
        link.map_or(Wish::Nothing, |link| self.follow_link(link.to_string()))
    }
}

/// The links in an item, in their order.
pub(super) fn links_of(item: &Item) -> Vec<Rc<str>> {
    let text = match &item.kind {
        Kind::Said(said) => match &said.what {
            What::Text(text) | What::Action(text) | What::Topic(text) => text,
            What::Part(why) | What::Quit(why) => why,
            What::Join
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_) => {
                return Vec::new();
            }
        },
        Kind::Note(Note::Notice(text) | Note::Error(text) | Note::Answer(text)) => text,
        Kind::Note(Note::Handover(_) | Note::Merge { .. }) => return Vec::new(),
    };
    let rich = Rich::read(text, Reading::Told, &Highlights::default(), "");
    rich.targets().cloned().collect()
}
