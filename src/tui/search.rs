//! Ctrl-R: a line sent before, found by a part of it.

use super::app::App;
use super::editor::{Draft, Edit};
use super::keymap::Action;

/// A search under way.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) pattern: String,
    /// The line found, counted from the newest.
    at: usize,
    pub(crate) found: bool,
    /// What was being written.
    before: Draft,
}

impl App {
    /// Begins a search, or does with it what a key asks. Whether the key did no more than that.
    pub(crate) fn press_search(&mut self, action: Action) -> bool {
        let Some(mut search) = self.search.take() else {
            if action != Action::SearchBack {
                return false;
            }
            let before = self.editor.take();
            self.search = Some(Search {
                pattern: String::new(),
                at: 0,
                found: true,
                before,
            });
            return true;
        };
        let from = if action == Action::SearchBack {
            search.at + usize::from(search.found && !search.pattern.is_empty())
        } else if action == Action::SearchForward {
            self.look(&mut search, 0, true);
            self.search = Some(search);
            return true;
        } else if let Action::Edit(Edit::Insert(c)) = action {
            search.pattern.push(c);
            search.at
        } else if action == Action::Edit(Edit::Backspace) {
            search.pattern.pop();
            0
        } else if [Action::Interrupt, Action::Switch].contains(&action) {
            // Ctrl-G means this in every shell, whatever else it is bound to.
            self.editor.restore(search.before);
            return true;
        } else {
            // What was found stays, and the key does what it always does.
            return action == Action::Escape;
        };
        self.look(&mut search, from, false);
        self.search = Some(search);
        true
    }

    /// There are older lines than when nothing was found.
    pub(crate) fn search_again(&mut self) {
        if let Some(mut search) = self.search.take() {
            if !search.found {
                let from = search.at;
                self.look(&mut search, from, false);
            }
            self.search = Some(search);
        }
    }

    /// Shows the nearest line with the pattern: at `from` or older, or newer than what is shown.
    fn look(&mut self, search: &mut Search, from: usize, newer: bool) {
        if search.pattern.is_empty() {
            return;
        }
        let history = &self.windows[self.active].history;
        let found = if newer {
            (0..search.at)
                .rev()
                .find_map(|at| history.matching(at, &search.pattern))
        } else {
            (from..history.len()).find_map(|at| history.matching(at, &search.pattern))
        };
        search.found = found.is_some();
        if let Some((at, line)) = found {
            search.at = at;
            self.editor.show(line.to_owned());
        }
    }
}
