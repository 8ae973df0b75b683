//! A theme is seen before it is taken: while `/theme NAME` is being written the screen looks so, and Esc goes back.
//! One that is written to on disk is read again.

use super::app::{App, Hint};
use super::keymap::Action;
use super::log::Note;
use super::theme::Theme;
use crate::proto::time::{Now, Wall};

/// What the looks rest on.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// The theme to go back to from one that is only looked at.
    before: Option<Theme>,
    /// Whether somebody chose, so that nothing is chosen for them.
    is_made: bool,
    /// Whether the terminal has a light ground, as far as it is known.
    is_light: bool,
}

impl Choice {
    /// Whether the terminal has a light ground, as far as it is known.
    pub(crate) fn is_light(&self) -> bool {
        self.is_light
    }
}

impl App {
    /// Somebody chose this theme when they set us up.
    pub fn has_chosen_theme(&mut self) {
        self.choice.is_made = true;
    }

    /// Takes a theme. Whether there is one of that name.
    pub(super) fn change_theme(&mut self, now: Now, name: &str) -> bool {
        match self.themes.load(name) {
            Ok((theme, warnings)) => {
                self.look.change_theme(theme);
                self.choice.before = None;
                self.choice.is_made = true;
                self.warn(now.wall, warnings);
                true
            }
            Err(why) => {
                let names = self.themes.names().join(", ");
                self.hint = Some(Hint::Error(format!("{why}: there are {names}")));
                false
            }
        }
    }

    /// Looks like the theme that is being written of, or else like the one that was taken.
    pub(super) fn preview(&mut self) {
        let named = self.editor.text().strip_prefix("/theme ").map(str::trim);
        let wanted = named.filter(|name| {
            *name != self.look.theme.name && self.themes.names().iter().any(|known| known == name)
        });
        let stays = named == Some(self.look.theme.name.as_str());
        if let Some((theme, _)) = wanted.and_then(|name| self.themes.load(name).ok()) {
            let before = self.look.theme.clone();
            self.choice.before.get_or_insert(before);
            self.look.change_theme(theme);
        } else if !stays && let Some(before) = self.choice.before.take() {
            self.look.change_theme(before);
        }
    }

    /// Esc goes back to the theme before. Whether it did.
    pub(super) fn press_preview(&mut self, action: Action) -> bool {
        let goes_back = action == Action::Escape && self.choice.before.is_some();
        if goes_back {
            self.editor.take();
            self.cycle = None;
        }
        goes_back
    }

    /// The terminal has a light ground, or a dark one: where nobody chose, the theme for it is taken.
    pub fn suit_ground(&mut self, is_light: bool) {
        self.choice.is_light = is_light;
        self.suit_known_ground();
    }

    /// Another theme is to be the one for this ground.
    pub(super) fn suit_known_ground(&mut self) {
        let is_light = self.choice.is_light;
        let options = self.choices.options();
        let name = self.themes.usual(false, is_light, options).to_owned();
        let current = self.choice.before.as_ref().unwrap_or(&self.look.theme);
        if self.choice.is_made || current.name == name {
            return;
        }
        if let Ok((theme, _)) = self.themes.load(&name) {
            self.choice.before = None;
            self.look.change_theme(theme);
        }
    }

    /// Reads the theme again if a file of one was written since. Whether it did.
    pub fn reload_theme(&mut self, now: Now) -> bool {
        if !self.themes.are_written() {
            return false;
        }
        match self.themes.load(&self.look.theme.name.clone()) {
            Ok((theme, warnings)) => {
                self.look.change_theme(theme);
                self.warn(now.wall, warnings);
            }
            Err(why) => self.hint = Some(Hint::Error(why)),
        }
        true
    }

    fn warn(&mut self, at: Wall, warnings: Vec<String>) {
        for warning in warnings {
            self.note(at, None, Note::Notice(warning));
        }
    }
}
