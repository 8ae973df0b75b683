//! What keys, pastes and the mouse change on the screen, and the commands that come of a sent line.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::app::{App, Column, Hint, Life};
use super::complete::Cycle;
use super::editor::Edit;
use super::keymap::{self, Action};
use super::log::{Note, Said};
use super::mouse::WHEEL;
use super::window::Subject;
use crate::proto::command::Command;
use crate::proto::time::Now;
use crate::slash::{self, Local, Parsed, Spec, Which};

/// What only the program around the screen can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Nothing,
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// Open a link.
    Open(String),
    /// Put this on the clipboard.
    Copy(String),
}

impl App {
    /// Takes a key in.
    pub fn press(&mut self, now: Now, key: KeyEvent) -> Wish {
        let wish = self.take_key(now, key);
        self.preview();
        wish
    }

    fn take_key(&mut self, now: Now, key: KeyEvent) -> Wish {
        if key.kind == KeyEventKind::Release {
            return Wish::Nothing;
        }
        let Some(action) = keymap::read(key) else {
            return Wish::Nothing;
        };
        if self.look.bare && self.press_bare(action) {
            return Wish::Nothing;
        }
        let hint = self.hint.take();
        if self.help.is_some() && self.press_help(action) {
            return Wish::Nothing;
        }
        if self.press_finder(action) {
            return Wish::Nothing;
        }
        if self.press_search(action) {
            return Wish::Nothing;
        }
        if self.press_preview(action) {
            return Wish::Nothing;
        }
        if let Some(wish) = self.press_pick(action) {
            return wish;
        }
        if let Action::Complete | Action::CompleteBack = action {
            self.complete(action == Action::CompleteBack);
            return Wish::Nothing;
        }
        self.cycle = None;
        self.act(now, action, hint.as_ref())
    }

    /// Takes pasted text in: it is written, never run.
    pub fn paste(&mut self, text: &str) {
        self.hint = None;
        self.cycle = None;
        self.editor.paste(text);
    }

    /// Leaves in order, as after `/quit`.
    pub fn quit(&mut self, why: &str) {
        if self.life == Life::Running {
            self.command(Command::Quit {
                why: why.to_owned(),
            });
        }
    }

    fn act(&mut self, now: Now, action: Action, hint: Option<&Hint>) -> Wish {
        let page = usize::from(self.log_size.1.saturating_sub(2).max(1));
        match action {
            Action::Edit(edit) => self.edit(edit),
            Action::Send => self.send(now, hint),
            Action::Complete | Action::CompleteBack => {}
            Action::PageUp => self.scroll_up(page),
            Action::PageDown => self.scroll_down(page),
            Action::LinesUp => self.scroll_up(WHEEL),
            Action::LinesDown => self.scroll_down(WHEEL),
            Action::Top => self.scroll_up(usize::MAX / 2),
            Action::Bottom => self.bottom(),
            Action::NextWindow => self.go((self.active + 1) % self.windows.len()),
            Action::PreviousWindow => {
                self.go((self.active + self.windows.len() - 1) % self.windows.len())
            }
            Action::Window(number) => self.go(number.saturating_sub(1)),
            Action::NextActive => self.next_active(),
            Action::LastWindow => {
                if let Some(index) = self
                    .windows
                    .iter()
                    .position(|window| window.number == self.last)
                {
                    self.go(index);
                }
            }
            Action::SearchBack => {}
            Action::Interrupt => self.interrupt(hint),
            Action::Escape => {
                if !self.step_back() {
                    self.bottom();
                }
            }
            Action::SearchForward => self.search_here(),
            Action::Mentions => self.show_mentions(),
            Action::Help => self.help = Some(0),
            Action::Groups => self.groups_column = turned(self.columns.0),
            Action::Members => self.members_column = turned(self.columns.1),
            Action::Links => self.pick_newest(),
            Action::Bare => self.look.turn_bare(),
            Action::Mouse => self.turn_mouse(),
            Action::Redraw => return Wish::Redraw,
            Action::Suspend => return Wish::Suspend,
        }
        Wish::Nothing
    }

    fn edit(&mut self, edit: Edit) {
        let (editor, history) = self.editor_and_history();
        editor.edit(edit, history);
    }

    /// Scrolls the help that lies over everything, or closes it. Whether the key did no more than that.
    fn press_help(&mut self, action: Action) -> bool {
        let at = self.help.unwrap_or(0);
        let moved = [
            (Action::PageUp, at.saturating_sub(10)),
            (Action::PageDown, at.saturating_add(10)),
            (Action::Edit(Edit::Older), at.saturating_sub(1)),
            (Action::Edit(Edit::Newer), at.saturating_add(1)),
        ];
        self.help = moved
            .iter()
            .find_map(|(key, to)| (*key == action).then_some(*to));
        !matches!(action, Action::Edit(Edit::Insert(_)))
    }

    /// The bare log scrolls; any other key brings the rest back. Whether the key did no more than that.
    fn press_bare(&mut self, action: Action) -> bool {
        let scrolls = matches!(
            action,
            Action::PageUp
                | Action::PageDown
                | Action::LinesUp
                | Action::LinesDown
                | Action::Top
                | Action::Bottom
        );
        if !scrolls && action != Action::Redraw {
            self.look.turn_bare();
            return true;
        }
        false
    }

    fn turn_mouse(&mut self) {
        self.mouse = !self.mouse;
        let told = if self.mouse {
            "the mouse clicks and scrolls here; with Shift it selects"
        } else {
            "the mouse is the terminal's: Alt-M takes it back"
        };
        self.hint = Some(Hint::Plain(told.to_owned()));
    }

    fn interrupt(&mut self, hint: Option<&Hint>) {
        const AGAIN: &str = "Ctrl-C again quits and hands over what you keep";
        let again = Hint::Plain(AGAIN.to_owned());
        if self.life == Life::Leaving {
            self.life = Life::Over;
        } else if !self.editor.is_empty() {
            let draft = self.editor.text().to_owned();
            self.window_mut().history.push(&draft);
            self.editor.take();
        } else if hint == Some(&again) {
            self.quit("");
        } else if self.life == Life::Running {
            self.hint = Some(again);
        }
    }

    fn complete(&mut self, back: bool) {
        match &mut self.cycle {
            Some(cycle) => cycle.turn(back),
            None => {
                let known = self.known();
                self.cycle = Cycle::begin(self.editor.text(), self.editor.cursor(), &known);
            }
        }
        let Some(cycle) = &self.cycle else {
            return;
        };
        self.editor.replace(cycle.from, &cycle.choice());
        if cycle.choices.len() == 1 {
            self.cycle = None;
        }
    }

    fn send(&mut self, now: Now, hint: Option<&Hint>) {
        const PASTED: &str =
            "a pasted line is never run: Enter again says it, or type the / yourself";
        let typed = self.editor.text().to_owned();
        let here = self.window().group().cloned();
        let pasted = self.editor.is_pasted() && typed.starts_with('/');
        let warned = Hint::Plain(PASTED.to_owned());
        if pasted && hint != Some(&warned) {
            self.hint = Some(warned);
            return;
        }
        let parsed = if pasted {
            slash::say(&typed, here.as_ref())
        } else {
            slash::parse(&typed, here.as_ref())
        };
        match parsed {
            Ok(Parsed::Nothing) => {
                self.editor.take();
            }
            Ok(Parsed::Commands(commands)) => {
                self.done_with(&typed);
                for command in commands {
                    self.run(command);
                }
            }
            Ok(Parsed::Local(local)) => {
                self.done_with(&typed);
                self.do_local(now, local);
            }
            Err(refused) => self.hint = Some(Hint::Error(refused.to_string())),
        }
    }

    fn done_with(&mut self, typed: &str) {
        self.window_mut().history.push(typed);
        self.editor.take();
    }

    /// Sends a command, unless the answer is here.
    fn run(&mut self, command: Command) {
        if self.life != Life::Running {
            self.hint = Some(Hint::Plain(
                "leaving: handing over what you keep".to_owned(),
            ));
            return;
        }
        if let Command::Join { group } = &command
            && let Some(index) = self.index(group)
        {
            self.go(index);
            return;
        }
        self.command(command);
    }

    /// Says lines again that came to nothing; they go from where they failed.
    fn resend(&mut self, which: Which) {
        let failed: Vec<Said> = self.window().log.failed().cloned().collect();
        let meant = which.of(&failed);
        if meant.is_empty() {
            self.hint = Some(Hint::Error(slash::nothing_unsent().to_string()));
        }
        let Some(group) = self.window().group().cloned() else {
            return;
        };
        for said in meant {
            self.window_mut().log.forget(said.id);
            if let Some(command) = Command::again(group.clone(), said.what) {
                self.run(command);
            }
        }
    }

    /// Lets lines go that came to nothing; if there are none, takes back such as wait.
    fn drop_lines(&mut self, which: Which) {
        let ids = |said: &Said| said.id;
        let log = &self.window().log;
        let failed: Vec<_> = log.failed().map(ids).collect();
        let waiting: Vec<_> = log.unplaced().map(ids).collect();
        let lines = if failed.is_empty() { &waiting } else { &failed };
        let meant = which.of(lines);
        if meant.is_empty() {
            self.hint = Some(Hint::Error(slash::nothing_unsent().to_string()));
        }
        let Some(group) = self.window().group().cloned() else {
            return;
        };
        for id in meant {
            if failed.is_empty() {
                self.window_mut().log.unwant(id);
                let group = group.clone();
                self.run(Command::Drop { group, id });
            } else {
                self.window_mut().log.forget(id);
            }
        }
    }

    fn do_local(&mut self, now: Now, local: Local) {
        match local {
            Local::Resend(which) => self.resend(which),
            Local::Drop(which) => self.drop_lines(which),
            Local::Help(None) => self.help = Some(0),
            Local::Help(Some(spec)) => self.answer(now, &tell(spec)),
            Local::Theme(None) => {
                let names = self.themes.names();
                let told = format!(
                    "themes: {} (this is {})",
                    names.join(", "),
                    self.look.theme.name
                );
                self.answer(now, &told);
            }
            Local::Theme(Some(name)) => self.change_theme(now, &name),
            Local::Clear => {
                let window = self.window_mut();
                window.log.clear();
                window.scroll = None;
                window.below = 0;
            }
            Local::Close => match &self.window().subject {
                Subject::Home => {
                    self.hint = Some(Hint::Error("home stays: /quit ends it all".to_owned()))
                }
                Subject::Group(group) => {
                    let group = group.clone();
                    self.run(Command::Part {
                        group,
                        why: String::new(),
                    });
                }
            },
            Local::Window(wanted) => self.go_to(&wanted),
            Local::Search(typed, query) => self.search_for(typed, query),
            Local::Mentions => self.show_mentions(),
            Local::Goto(when) => self.go_to_moment(now.wall, when),
        }
    }

    fn go_to(&mut self, wanted: &str) {
        let lower = wanted.to_lowercase();
        let by_number = lower.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let by_name = || {
            let bare = lower.trim_start_matches('#');
            let name =
                |window: &super::window::Window| window.name().trim_start_matches('#').to_owned();
            self.windows
                .iter()
                .position(|window| name(window) == bare)
                .or_else(|| {
                    self.windows
                        .iter()
                        .position(|window| name(window).starts_with(bare))
                })
                .or_else(|| {
                    self.windows
                        .iter()
                        .position(|window| name(window).contains(bare))
                })
        };
        match by_number
            .filter(|n| *n < self.windows.len())
            .or_else(by_name)
        {
            Some(index) => self.go(index),
            None => {
                let wanted = crate::sanitize::line(wanted);
                let count = self.windows.len();
                self.hint = Some(Hint::Error(format!(
                    "no window {wanted}: there are {count}; Ctrl-N goes round"
                )));
            }
        }
    }

    fn answer(&mut self, now: Now, text: &str) {
        let group = self.window().group().cloned();
        self.bottom();
        self.note(now.wall, group.as_ref(), Note::Answer(text.to_owned()));
    }

    /// The window with the most urgent unread: mentions, then lines, then the rest.
    fn next_active(&mut self) {
        let count = self.windows.len();
        let urgency = |index: usize| {
            let unread = &self.windows[index].unread;
            (unread.mentions > 0, unread.lines > 0, unread.other)
        };
        let next = (1..count)
            .map(|step| (self.active + step) % count)
            .filter(|&index| urgency(index) != (false, false, false))
            .rev()
            .max_by_key(|&index| urgency(index));
        match next {
            Some(index) => self.go(index),
            None => self.hint = Some(Hint::Plain("nothing new anywhere".to_owned())),
        }
    }

    pub(super) fn scroll_up(&mut self, count: usize) {
        let (width, height) = self.log_size;
        let us = self.our_word();
        let from = self.window().scroll();
        let (scroll, at_top) = self
            .page(width, &us)
            .scroll_up(from, count, usize::from(height));
        let window = self.window_mut();
        match &mut window.past {
            // The end of a stretch is not the end of the log: it stays where it is.
            Some(past) => past.scroll = scroll.or(past.scroll),
            None => window.scroll = scroll,
        }
        if at_top {
            self.ask_older();
        }
    }

    pub(super) fn scroll_down(&mut self, count: usize) {
        let (width, _) = self.log_size;
        let us = self.our_word();
        let from = self.window().scroll();
        if self.window().past.is_some() {
            let scroll = self.page(width, &us).scroll_down(from, count);
            if let Some(past) = &mut self.window_mut().past {
                past.scroll = scroll;
            }
            if scroll.is_none() {
                self.reach_end_of_past();
            }
            return;
        }
        let Some(from) = from else {
            return;
        };
        let scroll = self.page(width, &us).scroll_down(Some(from), count);
        self.window_mut().scroll = scroll;
        if scroll.is_none() {
            self.bottom();
        }
    }

    pub(crate) fn bottom(&mut self) {
        let window = self.window_mut();
        window.past = None;
        window.scroll = None;
        window.below = 0;
        window.trim();
    }
}

fn turned(shown: bool) -> Column {
    if shown { Column::Hidden } else { Column::Shown }
}

/// One command's help: how it is written, what it does, its other names.
fn tell(spec: &Spec) -> String {
    let mut told = format!("/{} {}", spec.name, spec.syntax)
        .trim_end()
        .to_owned();
    told.push_str(": ");
    told.push_str(spec.help);
    if !spec.aliases.is_empty() {
        let aliases: Vec<String> = spec
            .aliases
            .iter()
            .map(|alias| format!("/{alias}"))
            .collect();
        told.push_str(&format!(" (also {})", aliases.join(", ")));
    }
    told
}
