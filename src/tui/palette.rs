//! A list over everything that a few letters narrow down: the palette of all that can be done, and the windows.

use super::app::App;
use super::editor::{Edit, Editor, History};
use super::fuzzy::score;
use super::keymap::{ACTIONS, Action};
use crate::choose;
use crate::config::OPTIONS;
use crate::slash::SPECS;

/// Rows one page of the list moves.
const PAGE: usize = 8;

/// What comes of the one that is picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    /// The window with that number of its own comes into view.
    Window(u64),
    Action(Action),
    /// It is written on the line, to be gone on with.
    Write(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) detail: String,
    /// Keys that do it, or what is new there.
    pub(crate) aside: String,
    /// What it is found by besides its name.
    also: String,
    picked: Picked,
}

impl Item {
    /// Whether all the words are in what is said about it.
    fn is_told_with(&self, typed: &str) -> bool {
        let said = format!("{} {}", self.name, self.also).to_lowercase();
        let mut words = typed.split_whitespace();
        words.all(|word| said.contains(&word.to_lowercase()))
    }
}

/// A list that is open.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) title: &'static str,
    pub(crate) typed: Editor,
    history: History,
    items: Vec<Item>,
    /// Those that fit, the best first.
    fitting: Vec<usize>,
    pub(crate) at: usize,
}

impl Palette {
    fn new(title: &'static str, items: Vec<Item>) -> Self {
        let fitting = (0..items.len()).collect();
        Self {
            title,
            typed: Editor::default(),
            history: History::default(),
            items,
            fitting,
            at: 0,
        }
    }

    /// Those that fit what is typed, the best first.
    pub(crate) fn fitting(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.fitting.iter().map(|&index| &self.items[index])
    }

    fn edit(&mut self, edit: Edit) {
        if !self.typed.edit(edit, &mut self.history) {
            return;
        }
        let typed = self.typed.text().trim().to_owned();
        let items = self.items.iter().enumerate();
        let mut scored: Vec<(i32, usize)> = items
            .filter_map(|(index, item)| {
                let by_name = score(&typed, item.name.trim_start_matches(['/', '#']));
                // What a thing is called says more than what is said about it.
                let best = by_name.or_else(|| item.is_told_with(&typed).then_some(i32::MIN + 1))?;
                Some((-best, index))
            })
            .collect();
        scored.sort_unstable();
        self.fitting = scored.into_iter().map(|(_, index)| index).collect();
        self.at = 0;
    }

    fn turn(&mut self, steps: isize) {
        let count = self.fitting.len().cast_signed();
        if count > 0 {
            let last = count - 1;
            let at = self.at.cast_signed();
            let to = match at + steps {
                to if steps.abs() > 1 => to.clamp(0, last),
                to => to.rem_euclid(count),
            };
            self.at = to.cast_unsigned();
        }
    }

    fn picked(&self) -> Option<Picked> {
        let item = self.fitting().nth(self.at)?;
        Some(item.picked.clone())
    }
}

impl App {
    /// Opens the palette: every command, key and option.
    pub(crate) fn open_palette(&mut self) {
        let commands = SPECS.iter().map(|spec| Item {
            name: format!("/{}", spec.name),
            detail: spec.help.to_owned(),
            aside: String::new(),
            also: format!("{} {} {}", spec.help, spec.syntax, spec.aliases.join(" ")),
            picked: Picked::Write(format!("/{} ", spec.name)),
        });
        let aliases = self.choices.options().alias.iter();
        let aliases = aliases.map(|(name, line)| Item {
            name: format!("/{name}"),
            detail: line.clone(),
            aside: String::new(),
            also: line.clone(),
            picked: Picked::Write(format!("/{name} ")),
        });
        let actions = ACTIONS.iter().map(|row| Item {
            name: row.name.to_owned(),
            detail: row.help.to_owned(),
            aside: self
                .keymap
                .keys_of(row.action)
                .first()
                .cloned()
                .unwrap_or_default(),
            also: format!("{} {}", row.help, self.keymap.keys_of(row.action).join(" ")),
            picked: Picked::Action(row.action),
        });
        let options = OPTIONS.iter().map(|option| Item {
            name: option.key.to_owned(),
            detail: choose::help(&self.choices, option.key)
                .and_then(|told| Some(told.split_once(' ')?.1.to_owned()))
                .unwrap_or_default(),
            aside: String::new(),
            also: format!("option set {}", option.help),
            picked: Picked::Write(format!("/set {} ", option.key)),
        });
        let items = commands
            .chain(aliases)
            .chain(actions)
            .chain(options)
            .collect();
        self.palette = Some(Palette::new(
            "everything: type a part of a name, or of what it does",
            items,
        ));
    }

    /// Opens the list of windows, those first where something happened, then by when they were in view.
    pub(crate) fn open_switcher(&mut self) {
        let mut order: Vec<usize> = (0..self.windows.len())
            .filter(|&at| at != self.active)
            .collect();
        order.sort_by_key(|&at| {
            let window = &self.windows[at];
            let seen = self
                .visited
                .iter()
                .rev()
                .position(|number| *number == window.number);
            let unread = &window.unread;
            let calm = (unread.mentions == 0, unread.lines == 0);
            (calm, seen.unwrap_or(usize::MAX), at)
        });
        order.push(self.active);
        let items = order.into_iter().map(|at| {
            let window = &self.windows[at];
            let unread = &window.unread;
            let aside = match (unread.mentions, unread.lines) {
                (0, 0) => String::new(),
                (0, lines) => lines.to_string(),
                (_, lines) => format!("@{lines}"),
            };
            Item {
                name: window.name(),
                detail: format!("{}  {}", at + 1, window.topic)
                    .trim_end()
                    .to_owned(),
                aside,
                also: (at + 1).to_string(),
                picked: Picked::Window(window.number),
            }
        });
        self.palette = Some(Palette::new("go to", items.collect()));
    }

    /// Takes a key while a list is open: what is to be done then, if that is it.
    pub(crate) fn press_palette(&mut self, action: Action) -> Option<Picked> {
        let pick = self.palette.as_mut()?;
        match action {
            Action::Send | Action::SendNext => {
                let picked = pick.picked();
                self.palette = None;
                return picked;
            }
            Action::Edit(Edit::Older) | Action::PreviousWindow | Action::CompleteBack => {
                pick.turn(-1)
            }
            Action::Edit(Edit::Newer) | Action::NextWindow | Action::Complete => pick.turn(1),
            Action::Switch if pick.title == "go to" => pick.turn(1),
            Action::PageUp | Action::LinesUp => pick.turn(-PAGE.cast_signed()),
            Action::PageDown | Action::LinesDown => pick.turn(PAGE.cast_signed()),
            Action::Edit(Edit::Newline) => {}
            Action::Edit(edit) => pick.edit(edit),
            Action::Escape
            | Action::Interrupt
            | Action::Palette
            | Action::Switch
            | Action::OlderAnywhere
            | Action::NewerAnywhere
            | Action::EditOutside
            | Action::Top
            | Action::Bottom
            | Action::Window(_)
            | Action::NextActive
            | Action::LastWindow
            | Action::VisitedBack
            | Action::VisitedForward
            | Action::ReadAll
            | Action::SearchBack
            | Action::SearchForward
            | Action::Mentions
            | Action::Groups
            | Action::Members
            | Action::Ignored
            | Action::Links
            | Action::TakeLine
            | Action::TakeNewer
            | Action::OlderMention
            | Action::NewerMention
            | Action::Unread
            | Action::Bare
            | Action::Mouse
            | Action::Redraw
            | Action::Suspend => self.palette = None,
        }
        None
    }
}
