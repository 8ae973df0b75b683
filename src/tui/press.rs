//! What keys, pastes and the mouse change on the screen, and the commands that come of a sent line.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::app::{App, Column, Errand, Hint, Life};
use super::complete::Cycle;
use super::editor::Edit;
use super::keymap::{Action, Bound, Pressed};
use super::log::{Note, Said};
use super::mouse::WHEEL;
use super::palette::Picked;
use super::taken::Way;
use super::window::Subject;
use crate::chart;
use crate::choose;
use crate::proto::command::Command;
use crate::proto::id::GroupName;
use crate::proto::limits::TEXT_SIZE_MAX;
use crate::proto::time::Now;
use crate::sanitize;
use crate::slash::{self, About, Local, Parsed, Spec, Which};

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
        self.pressed = now.mono;
        let hint = self.hint.take();
        match self.keymap.press(key) {
            Pressed::Nothing => Wish::Nothing,
            Pressed::Begun => {
                let dots = self.look.signs.dots;
                let begun = format!("{} {dots}", self.keymap.begun());
                self.hint = Some(Hint::Plain(begun));
                Wish::Nothing
            }
            Pressed::Bound(Bound::Line(line)) => {
                self.palette = None;
                self.run_lines(now, &line);
                Wish::Nothing
            }
            Pressed::Bound(Bound::Action(action)) => self.press_action(now, action, hint.as_ref()),
        }
    }

    fn press_action(&mut self, now: Now, action: Action, hint: Option<&Hint>) -> Wish {
        if self.look.bare && self.press_bare(action) {
            return Wish::Nothing;
        }
        if self.pasting.is_some() {
            self.press_pasting(action);
            return Wish::Nothing;
        }
        if self.palette.is_some() {
            return match self.press_palette(action) {
                Some(Picked::Action(action)) => self.act(now, action, None),
                Some(Picked::Window(number)) => {
                    if let Some(index) = self.by_number(number) {
                        self.go(index);
                    }
                    Wish::Nothing
                }
                Some(Picked::Write(text)) => {
                    self.write_instead(&text);
                    Wish::Nothing
                }
                None => Wish::Nothing,
            };
        }
        if let Some(wish) = self.press_card(action) {
            return wish;
        }
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
        if let Some(wish) = self.press_taken(action) {
            return wish;
        }
        if let Action::Complete | Action::CompleteBack = action {
            self.complete(action == Action::CompleteBack);
            return Wish::Nothing;
        }
        let was_cycling = self.cycle.take().is_some();
        if was_cycling && action == Action::Escape {
            return Wish::Nothing;
        }
        self.act(now, action, hint)
    }

    /// Takes pasted text in: it is written, never run; and asked about if it is long.
    pub fn paste(&mut self, text: &str) {
        self.hint = None;
        self.cycle = None;
        let text = sanitize::text(text).into_owned();
        if let Some(pick) = &mut self.palette {
            return pick.typed.paste(text.lines().next().unwrap_or_default());
        }
        if text.len() > 2 * TEXT_SIZE_MAX {
            let size = text.len() / 1024;
            self.hint = Some(Hint::Error(format!(
                "not pasted: {size} KiB are too long for a line; a line has {} at most",
                TEXT_SIZE_MAX / 1024
            )));
            return;
        }
        let lines = text.trim_end_matches('\n').lines().count();
        let asked_from = self.choices.options().paste_lines;
        if asked_from > 0 && lines >= asked_from {
            self.pasting = Some(text);
            self.ask_pasting();
        } else {
            self.editor.paste(&text);
        }
    }

    /// Takes in what was pasted so far, where the terminal does not say that it ends.
    pub fn paste_so_far(&mut self, text: &str) {
        self.paste(text);
        if self.hint.is_none() {
            let told = "this paste came without its end: see whether it is whole";
            self.hint = Some(Hint::Plain(told.to_owned()));
        }
    }

    fn ask_pasting(&mut self) {
        let lines = self
            .pasting
            .as_ref()
            .map_or(0, |text| text.trim_end().lines().count());
        self.hint = Some(Hint::Plain(format!(
            "{lines} lines pasted: Enter writes them, e edits them outside, Esc lets them go"
        )));
    }

    /// A yes or a no to pasted text.
    fn press_pasting(&mut self, action: Action) {
        let Some(text) = self.pasting.take() else {
            return;
        };
        let text = text.trim_end_matches('\n');
        let is = |letter: char| {
            let (small, capital) = (letter, letter.to_ascii_uppercase());
            [small, capital]
                .map(|c| Action::Edit(Edit::Insert(c)))
                .contains(&action)
        };
        if action == Action::Send || is('y') {
            self.editor.paste(text);
        } else if action == Action::EditOutside || is('e') {
            let whole = format!("{}{text}", self.editor.text());
            self.errands.push_back(Errand::Outside(whole));
        } else if action != Action::Escape && action != Action::Interrupt && !is('n') {
            self.pasting = Some(text.to_owned());
            self.ask_pasting();
        }
    }

    /// The line comes back from the editor outside.
    pub(crate) fn edited(&mut self, edited: Result<String, String>) {
        match edited {
            Ok(text) => self.editor.rewrite(&sanitize::text(&text)),
            Err(why) => self.hint = Some(Hint::Error(why)),
        }
    }

    /// Lines typed at earlier starts, oldest first: the window's name, and the line.
    pub fn remember(&mut self, lines: Vec<(String, String)>) {
        for (name, line) in lines {
            self.typed.push(&line);
            self.typed_before.entry(name).or_default().push(line);
        }
        for window in &mut self.windows {
            if let Some(lines) = self.typed_before.remove(&window.name()) {
                window.history.put_before(lines);
            }
        }
        self.search_again();
    }

    /// Writes something on the line; what was being written is in the history then.
    fn write_instead(&mut self, text: &str) {
        if !self.editor.is_empty() {
            let draft = self.editor.text().to_owned();
            self.window_mut().history.push(&draft);
            self.editor.take();
        }
        self.editor.replace(0, text);
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
            Action::Send => self.send(now, hint, false),
            Action::SendNext => self.send(now, hint, true),
            Action::OlderAnywhere => {
                self.editor.edit(Edit::Older, &mut self.typed);
            }
            Action::NewerAnywhere => {
                self.editor.edit(Edit::Newer, &mut self.typed);
            }
            Action::EditOutside => {
                let text = self.editor.text().to_owned();
                self.errands.push_back(Errand::Outside(text));
            }
            Action::Complete | Action::CompleteBack => {}
            Action::PageUp => self.scroll_up(page),
            Action::PageDown => self.scroll_down(page),
            Action::LinesUp => self.scroll_up(WHEEL),
            Action::LinesDown => self.scroll_down(WHEEL),
            Action::Top => self.scroll_up(usize::MAX / 2),
            Action::Bottom => self.bottom(),
            Action::NextWindow => self.step(1),
            Action::PreviousWindow => self.step(-1),
            Action::Window(number) => self.go(number.saturating_sub(1)),
            Action::NextActive => self.next_active(),
            Action::LastWindow => self.go_last(),
            Action::VisitedBack => self.visit(true),
            Action::VisitedForward => self.visit(false),
            Action::Switch => self.open_switcher(),
            Action::ReadAll => self.read_all(),
            Action::Ignored => self.turn_ignored(now),
            Action::SearchBack => {}
            Action::SearchForward => self.search_here(),
            Action::Mentions => self.show_mentions(),
            Action::Interrupt => self.interrupt(hint),
            Action::Escape => {
                if !self.step_back() {
                    self.bottom();
                }
            }
            Action::Palette => self.open_palette(),
            Action::Groups => self.groups_column = turned(self.columns.0),
            Action::Members => self.members_column = turned(self.columns.1),
            Action::Links => self.pick_newest(),
            Action::TakeLine => self.take_line(),
            Action::TakeNewer => {}
            Action::OlderMention => self.take_mention(Way::Older),
            Action::NewerMention => self.take_mention(Way::Newer),
            Action::Unread => self.go_to_unread(),
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
        let (text, cursor) = (self.editor.text(), self.editor.cursor());
        match &mut self.cycle {
            Some(cycle) if cycle.stands(text, cursor) => cycle.turn(back),
            Some(_) | None => {
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

    fn send(&mut self, now: Now, hint: Option<&Hint>, go_on: bool) {
        const PASTED: &str =
            "a pasted line is never run: Enter again says it, or type the / yourself";
        let typed = self.editor.text().to_owned();
        let pasted = self.editor.is_pasted() && typed.starts_with('/');
        let warning = if pasted {
            Some(Hint::Plain(PASTED.to_owned()))
        } else {
            slash::leak(&typed)
                .map(|what| Hint::Plain(format!("this looks like {what}: Enter again says it")))
        };
        if warning.is_some() && hint != warning.as_ref() {
            self.hint = warning;
            return;
        }
        let done = if warning.is_some() {
            self.say(&typed)
        } else {
            self.run_lines(now, &typed)
        };
        if done {
            self.done_with(&typed, go_on);
        }
    }

    /// Says a line, whatever it looks like. Whether it could be.
    fn say(&mut self, text: &str) -> bool {
        let here = self.window().group().cloned();
        match slash::say(text.trim(), here.as_ref()) {
            Ok(Parsed::Commands(commands)) => {
                for command in commands {
                    self.run(command);
                }
                true
            }
            Ok(Parsed::Nothing | Parsed::Local(_)) => true,
            Err(refused) => {
                self.hint = Some(Hint::Error(refused.to_string()));
                false
            }
        }
    }

    /// Does what a line says, or the lines that it stands for. Whether it was taken.
    fn run_lines(&mut self, now: Now, typed: &str) -> bool {
        let lines = slash::expand(typed, &self.choices.options().alias);
        let mut is_taken = false;
        let mut told = lines.map(|lines| {
            lines.iter().try_for_each(|line| {
                let here = self.window().group().cloned();
                let parsed = slash::parse(line, here.as_ref())?;
                is_taken = true;
                match parsed {
                    Parsed::Nothing => {}
                    Parsed::Commands(commands) => {
                        for command in commands {
                            self.run(command);
                        }
                    }
                    Parsed::Local(local) => self.do_local(now, local),
                }
                Ok(())
            })
        });
        if let Ok(Err(refused)) | Err(refused) = &mut told {
            self.hint = Some(Hint::Error(refused.to_string()));
        }
        is_taken
    }

    fn done_with(&mut self, typed: &str, go_on: bool) {
        let window = &mut self.windows[self.active];
        let next = if go_on {
            window.history.push_and_go_on(typed)
        } else {
            None
        };
        self.editor.take();
        match next {
            Some(at) => self.editor.recall(&mut window.history, at),
            None => window.history.push(typed),
        }
        if typed.trim().is_empty() {
            return;
        }
        self.typed.push(typed);
        if self.choices.options().history > 0 {
            let name = window.name();
            self.errands.push_back(Errand::Keep(name, typed.to_owned()));
        }
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
            Local::Help(about) => self.tell_help(now, about),
            Local::Choose(choice) => self.choose(now, choice),
            Local::Away(reason) => self.set_away(reason),
            Local::Save => self.answer(now, &choose::place(&self.choices)),
            Local::Reload => self.reload(),
            Local::Palette => self.open_palette(),
            Local::Version => self.answer(now, concat!("fireside ", env!("CARGO_PKG_VERSION"))),
            Local::Theme(None) => {
                let names = self.themes.names();
                let told = format!(
                    "themes: {} (this is {})",
                    names.join(", "),
                    self.look.theme.name
                );
                self.answer(now, &told);
            }
            Local::Theme(Some(name)) => {
                if self.change_theme(now, &name) {
                    self.keep_theme(&name);
                }
            }
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
                Subject::Group(name) | Subject::Person { name, .. } => {
                    let group = name.clone();
                    self.run(Command::Part {
                        group,
                        why: String::new(),
                    });
                }
            },
            Local::Window(to) => self.window_command(now, to),
            Local::Search(typed, query) => self.search_for(typed, query),
            Local::Accept => self.accept_last(),
            Local::Host(group) => self.tell_keepers(now, &group),
            Local::Mentions => self.show_mentions(),
            Local::Goto(when) => self.go_to_moment(now.wall, when),
        }
    }

    fn tell_keepers(&mut self, now: Now, group: &GroupName) {
        match self.find(group).map(|window| window.members.clone()) {
            Some(members) => {
                let us = self.us.as_ref().map(|(us, _)| us);
                let told = chart::keepers(group, &members, us).join("\n");
                self.answer(now, &told);
            }
            None => self.hint = Some(Hint::Error(chart::unknown_group(group).to_string())),
        }
    }

    fn tell_help(&mut self, now: Now, about: About) {
        match about {
            About::Everything => self.help = Some(0),
            About::Command(spec) => self.answer(now, &tell(spec)),
            About::Other(word, refused) => match choose::help(&self.choices, &word) {
                Some(told) => self.answer(now, &told),
                None => self.hint = Some(Hint::Error(refused.to_string())),
            },
        }
    }

    pub(crate) fn answer(&mut self, now: Now, text: &str) {
        let group = self.window().group().cloned();
        self.bottom();
        self.note(now.wall, group.as_ref(), Note::Answer(text.to_owned()));
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
