//! Going from window to window: by number, name, activity, and the way one came.

use super::app::{App, Hint};
use super::window::{Unread, Window};
use crate::proto::time::Now;
use crate::sanitize;
use crate::slash::To;

/// Windows remembered on the way.
const VISITED_MAX: usize = 100;

impl App {
    /// Brings a window into view.
    pub(crate) fn go(&mut self, index: usize) {
        if index == self.active || index >= self.windows.len() {
            return;
        }
        self.enter(index);
        self.visited.truncate(self.visited_at + 1);
        if self.visited.len() == VISITED_MAX {
            self.visited.remove(0);
        }
        self.visited.push(self.window().number);
        self.visited_at = self.visited.len() - 1;
    }

    fn enter(&mut self, index: usize) {
        let draft = self.editor.take();
        self.cycle = None;
        self.search = None;
        self.pick = None;
        self.taken = None;
        let left = self.window_mut();
        left.draft = draft;
        left.leave();
        let seen = left.newly_seen();
        self.last = left.number;
        if let Some(command) = seen {
            self.command(command);
        }
        self.active = index;
        let entered = self.window_mut();
        entered.enter();
        let draft = std::mem::take(&mut entered.draft);
        self.editor.restore(draft);
    }

    /// Goes so many windows further.
    pub(crate) fn step(&mut self, steps: isize) {
        let count = self.windows.len().cast_signed();
        let to = (self.active.cast_signed() + steps).rem_euclid(count);
        self.go(to.cast_unsigned());
    }

    /// Goes back the way one came, or forward again.
    pub(crate) fn visit(&mut self, back: bool) {
        let mut at = self.visited_at;
        loop {
            let next = if back {
                at.checked_sub(1)
            } else {
                Some(at + 1)
            };
            let Some((next, number)) = next.and_then(|at| Some((at, *self.visited.get(at)?)))
            else {
                let where_to = if back { "before" } else { "after" };
                self.hint = Some(Hint::Plain(format!("no window {where_to} this one")));
                return;
            };
            at = next;
            let known = self.by_number(number);
            if let Some(index) = known.filter(|&index| index != self.active) {
                self.visited_at = at;
                return self.enter(index);
            }
        }
    }

    /// The place of the window that has this number for ever.
    pub(crate) fn by_number(&self, number: u64) -> Option<usize> {
        self.windows
            .iter()
            .position(|window| window.number == number)
    }

    pub(crate) fn go_last(&mut self) {
        match self.by_number(self.last) {
            Some(index) => self.go(index),
            None => self.hint = Some(Hint::Plain("you were in no other window".to_owned())),
        }
    }

    /// Does what `/win` asks for.
    pub(crate) fn window_command(&mut self, now: Now, to: To) {
        match to {
            To::Choose => self.open_switcher(),
            To::Named(name) => self.go_to(&name),
            To::Step(steps) => self.step(steps),
            To::Last => self.go_last(),
            To::Active => self.next_active(),
            To::List => {
                let windows = self.windows.iter().zip(1..);
                let told: Vec<String> = windows
                    .map(|(window, number)| tell(number, window))
                    .collect();
                self.answer(now, &told.join("\n"));
            }
            To::Move(to) => {
                let window = self.windows.remove(self.active);
                self.active = (to - 1).min(self.windows.len());
                self.windows.insert(self.active, window);
            }
        }
    }

    fn go_to(&mut self, wanted: &str) {
        let lower = wanted.to_lowercase();
        let by_number = lower.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let bare = lower.trim_start_matches('#');
        let by = |fits: &dyn Fn(&str) -> bool| {
            let mut windows = self.windows.iter();
            windows.position(|window| fits(window.name().trim_start_matches('#')))
        };
        let found = by_number
            .filter(|n| *n < self.windows.len())
            .or_else(|| by(&|name| name == bare))
            .or_else(|| by(&|name| name.starts_with(bare)))
            .or_else(|| by(&|name| name.contains(bare)));
        match found {
            Some(index) => self.go(index),
            None => {
                let wanted = sanitize::line(wanted);
                let count = self.windows.len();
                self.hint = Some(Hint::Error(format!(
                    "no window {wanted}: there are {count}; Alt-G shows them"
                )));
            }
        }
    }

    /// The window with the most urgent unread: mentions, then lines, then the rest.
    pub(crate) fn next_active(&mut self) {
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

    /// Takes everything as read.
    pub(crate) fn read_all(&mut self) {
        for window in &mut self.windows {
            window.unread = Unread::default();
        }
        self.hint = Some(Hint::Plain("everything is read".to_owned()));
    }
}

fn tell(number: usize, window: &Window) -> String {
    let unread = &window.unread;
    let news = match (unread.mentions, unread.lines) {
        (0, 0) => String::new(),
        (0, lines) => format!(" ({lines} new)"),
        (mentions, lines) => format!(" ({lines} new, {mentions} for you)"),
    };
    format!("{number} {}{news}", window.name())
}
