//! What each key asks for: readline's editing keys, and those that weechat and irssi share; all can be bound anew.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;

use super::editor::Edit;
use super::key::{self, Key};
use crate::config::{Options, Preset};
use crate::slash::nearest;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Edit(Edit),
    Send,
    /// Send, and show the line that came after it when it was sent before.
    SendNext,
    Complete,
    CompleteBack,
    /// What was sent before, from any window.
    OlderAnywhere,
    NewerAnywhere,
    EditOutside,
    PageUp,
    PageDown,
    LinesUp,
    LinesDown,
    Top,
    Bottom,
    NextWindow,
    PreviousWindow,
    Window(usize),
    NextActive,
    LastWindow,
    VisitedBack,
    VisitedForward,
    Switch,
    ReadAll,
    SearchBack,
    SearchForward,
    Mentions,
    Interrupt,
    Escape,
    Palette,
    Groups,
    Members,
    Ignored,
    /// Take the newest link, or an older one.
    Links,
    /// Take a line of the log, or an older one.
    TakeLine,
    /// From a line that is taken to a newer one.
    TakeNewer,
    OlderMention,
    NewerMention,
    /// To the first line that was not read.
    Unread,
    /// Nothing but the log, and back.
    Bare,
    /// Take the mouse, or leave it to the terminal.
    Mouse,
    Redraw,
    Suspend,
}

/// An action by its name, the keys it usually has (a blank between two), and what it does.
#[derive(Debug)]
pub struct Named {
    pub name: &'static str,
    pub action: Action,
    pub keys: &'static str,
    pub help: &'static str,
}

/// Every action but the windows by number, in the order in which help tells them.
pub const ACTIONS: &[Named] = &[
    named("send", Action::Send, "enter ctrl-m", "send the line"),
    named(
        "send-next",
        Action::SendNext,
        "ctrl-o",
        "send it, and show the one that came after it in the history",
    ),
    edit(
        "newline",
        Edit::Newline,
        "alt-enter shift-enter ctrl-enter ctrl-j",
        "a new row in the text",
    ),
    named(
        "complete",
        Action::Complete,
        "tab",
        "complete a nick, group, command, option or :emoji:",
    ),
    named(
        "complete-back",
        Action::CompleteBack,
        "shift-tab",
        "the choice before",
    ),
    edit("left", Edit::Left, "left ctrl-b", "one character left"),
    edit("right", Edit::Right, "right ctrl-f", "one character right"),
    edit(
        "word-left",
        Edit::WordLeft,
        "ctrl-left alt-b",
        "one word left",
    ),
    edit(
        "word-right",
        Edit::WordRight,
        "ctrl-right alt-f",
        "one word right",
    ),
    edit(
        "line-start",
        Edit::Home,
        "home ctrl-a",
        "to the start of the row",
    ),
    edit("line-end", Edit::End, "end ctrl-e", "to the end of the row"),
    edit(
        "backspace",
        Edit::Backspace,
        "backspace ctrl-h shift-backspace",
        "delete the character before",
    ),
    edit(
        "delete",
        Edit::Delete,
        "delete ctrl-d",
        "delete the character under the cursor",
    ),
    edit(
        "kill-end",
        Edit::KillToEnd,
        "ctrl-k",
        "cut to the end of the row",
    ),
    edit(
        "kill-start",
        Edit::KillToStart,
        "ctrl-u",
        "cut to the start of the row; again: all",
    ),
    edit("kill-all", Edit::KillAll, "", "cut everything"),
    edit(
        "kill-blank",
        Edit::KillToBlank,
        "ctrl-w",
        "cut back to a blank",
    ),
    edit(
        "kill-word-left",
        Edit::KillWordLeft,
        "alt-backspace ctrl-backspace",
        "cut the word before",
    ),
    edit(
        "kill-word",
        Edit::KillWordRight,
        "alt-d alt-delete ctrl-delete",
        "cut the word after",
    ),
    edit("yank", Edit::Yank, "ctrl-y", "insert what was cut"),
    edit(
        "yank-pop",
        Edit::YankPop,
        "alt-y",
        "rather what was cut before that",
    ),
    edit(
        "transpose",
        Edit::Transpose,
        "ctrl-t",
        "swap two characters",
    ),
    edit(
        "transpose-words",
        Edit::TransposeWords,
        "",
        "swap two words",
    ),
    edit("undo", Edit::Undo, "ctrl-_ ctrl-7 ctrl-/", "undo"),
    edit("redo", Edit::Redo, "alt-_", "redo"),
    edit("older", Edit::Older, "up", "what you sent before, here"),
    edit("newer", Edit::Newer, "down", "what you sent after that"),
    named(
        "older-anywhere",
        Action::OlderAnywhere,
        "ctrl-up",
        "what you sent before, anywhere",
    ),
    named(
        "newer-anywhere",
        Action::NewerAnywhere,
        "ctrl-down",
        "what you sent after that",
    ),
    named(
        "search-back",
        Action::SearchBack,
        "ctrl-r",
        "look for a line you sent",
    ),
    named(
        "search-forward",
        Action::SearchForward,
        "ctrl-s",
        "find something in this group",
    ),
    named(
        "mentions",
        Action::Mentions,
        "f4",
        "what others said to you, anywhere",
    ),
    named(
        "edit-outside",
        Action::EditOutside,
        "ctrl-x,ctrl-e",
        "write it in $EDITOR",
    ),
    named(
        "next-window",
        Action::NextWindow,
        "ctrl-n alt-right alt-down f6",
        "the next window",
    ),
    named(
        "previous-window",
        Action::PreviousWindow,
        "ctrl-p alt-left alt-up f5",
        "the window before",
    ),
    named(
        "next-active",
        Action::NextActive,
        "alt-a",
        "where somebody mentions you, talks, or comes",
    ),
    named(
        "last-window",
        Action::LastWindow,
        "alt-/",
        "the window you were in",
    ),
    named(
        "visited-back",
        Action::VisitedBack,
        "alt-<",
        "the windows you were in, one by one",
    ),
    named(
        "visited-forward",
        Action::VisitedForward,
        "alt->",
        "forward again",
    ),
    named(
        "switch",
        Action::Switch,
        "alt-g ctrl-g f2",
        "find a window by a part of its name",
    ),
    named(
        "read-all",
        Action::ReadAll,
        "alt-h,c alt-U",
        "take everything as read",
    ),
    named("page-up", Action::PageUp, "pageup", "read back"),
    named("page-down", Action::PageDown, "pagedown", "read on"),
    named(
        "lines-up",
        Action::LinesUp,
        "alt-pageup",
        "a few lines back",
    ),
    named(
        "lines-down",
        Action::LinesDown,
        "alt-pagedown",
        "a few lines on",
    ),
    named(
        "top",
        Action::Top,
        "alt-home ctrl-home",
        "to the oldest line",
    ),
    named(
        "bottom",
        Action::Bottom,
        "alt-end ctrl-end",
        "to the newest line",
    ),
    named(
        "ignored",
        Action::Ignored,
        "alt-=",
        "show or hide the people you ignore",
    ),
    named(
        "palette",
        Action::Palette,
        "f1",
        "find a command, a key or an option",
    ),
    named(
        "groups",
        Action::Groups,
        "f7 alt-B",
        "show or hide the groups",
    ),
    named(
        "members",
        Action::Members,
        "f8 alt-N",
        "show or hide the members",
    ),
    named(
        "links",
        Action::Links,
        "alt-o",
        "take a link: Enter opens it, c copies it",
    ),
    named(
        "take-line",
        Action::TakeLine,
        "shift-up",
        "take a line: Enter answers, q quotes, c copies, o opens its link",
    ),
    named(
        "take-newer",
        Action::TakeNewer,
        "shift-down",
        "with a line taken: a newer one",
    ),
    named(
        "older-mention",
        Action::OlderMention,
        "alt-p",
        "take the line before that is meant for you",
    ),
    named(
        "newer-mention",
        Action::NewerMention,
        "alt-n",
        "take the next one",
    ),
    named(
        "unread",
        Action::Unread,
        "alt-u",
        "to the first line you have not read",
    ),
    named(
        "bare",
        Action::Bare,
        "alt-l",
        "the log alone, to select from, and back",
    ),
    named(
        "mouse",
        Action::Mouse,
        "alt-m",
        "leave the mouse to the terminal, or take it",
    ),
    named("redraw", Action::Redraw, "ctrl-l", "draw everything anew"),
    named(
        "suspend",
        Action::Suspend,
        "ctrl-z",
        "back to the shell for a while",
    ),
    named(
        "escape",
        Action::Escape,
        "esc ctrl-[",
        "one step back, at last to the newest line",
    ),
    named(
        "interrupt",
        Action::Interrupt,
        "ctrl-c",
        "clear the line; twice: quit",
    ),
];

/// What irssi has otherwise.
const IRSSI: &[(&str, &str)] = &[
    ("alt-p", "page-up"),
    ("alt-n", "page-down"),
    ("ctrl-u", "kill-all"),
    ("ctrl-j", "send"),
    ("alt-y", "window-16"),
    ("alt-u", "window-17"),
    ("alt-o", "window-19"),
];
/// What people expect who come from Emacs.
const EMACS: &[(&str, &str)] = &[
    ("ctrl-p", "older"),
    ("ctrl-n", "newer"),
    ("ctrl-v", "page-down"),
    ("alt-v", "page-up"),
    ("alt-<", "top"),
    ("alt->", "bottom"),
    ("alt-x", "palette"),
    ("alt-t", "transpose-words"),
    ("ctrl-g", "escape"),
    ("ctrl-x,b", "switch"),
    ("ctrl-x,left", "previous-window"),
    ("ctrl-x,right", "next-window"),
    ("ctrl-x,u", "undo"),
    ("ctrl-x,k", "/close"),
    ("ctrl-x,ctrl-c", "/quit"),
];
/// Windows 11 to 19 on the row of letters, where none is taken by something else.
const LETTERS: &str = "qwert__i_";

/// Keys people ask for, in the order in which help tells them.
pub const KEYS: &[(&str, &str)] = &[
    ("F1", "find any command, key or option"),
    ("Enter", "send"),
    ("Alt-Enter, Ctrl-J", "a new row in the text"),
    ("Tab, Shift-Tab", "complete a nick, group, command, :emoji:"),
    ("Ctrl-X Ctrl-E", "write the line in $EDITOR"),
    ("Ctrl-N, Ctrl-P", "next, previous window"),
    ("Alt-1, Alt-0, Alt-J 2 5", "window 1, 10, 25"),
    ("Alt-A, Alt-/", "next active window, the last one"),
    ("Alt-G", "find a window by a part of its name"),
    ("PgUp, PgDn", "scroll; Esc goes to the end"),
    ("Up, Ctrl-Up", "what you sent before, here or anywhere"),
    ("Ctrl-R", "look for a line you sent"),
    (
        "Ctrl-A, Ctrl-W, Ctrl-U, Ctrl-Y",
        "and so on, as in your shell",
    ),
    ("Ctrl-_, Alt-_", "undo, redo"),
    (
        "Ctrl-S, F4",
        "find something in this group; what others said to you, anywhere",
    ),
    ("F7, F8", "groups, members: hide or show"),
    ("Alt-=", "show or hide people you ignore"),
    ("Alt-U", "to the first line you have not read"),
    (
        "Shift-Up",
        "take a line: Enter answers, q quotes, c copies, o opens its link",
    ),
    (
        "Alt-P, Alt-N",
        "take the line before, or the next, that is meant for you",
    ),
    ("Alt-O", "take a link: Enter opens it, c copies it"),
    (
        "Alt-L, Alt-M",
        "the log alone, to select from; the mouse left to the terminal",
    ),
    ("Ctrl-C", "clear the line; twice: quit"),
];

const fn named(
    name: &'static str,
    action: Action,
    keys: &'static str,
    help: &'static str,
) -> Named {
    Named {
        name,
        action,
        keys,
        help,
    }
}

const fn edit(name: &'static str, edit: Edit, keys: &'static str, help: &'static str) -> Named {
    named(name, Action::Edit(edit), keys, help)
}

/// What keys are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    Action(Action),
    /// A line to be run as if it were typed.
    Line(String),
}

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    Bound(Bound),
    /// It begins a sequence.
    Begun,
    Nothing,
}

/// What every key does.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: BTreeMap<Vec<Key>, Bound>,
    /// The keys of a sequence under way.
    begun: Vec<Key>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(&Options::default()).0
    }
}

impl Keymap {
    /// The keys of somebody who chose so, and which of the choices have no meaning.
    #[must_use]
    pub fn of(options: &Options) -> (Self, Vec<String>) {
        let mut map = Self {
            bindings: BTreeMap::new(),
            begun: Vec::new(),
        };
        for row in ACTIONS {
            for keys in row.keys.split_whitespace() {
                map.put(keys, Bound::Action(row.action));
            }
        }
        map.number_windows();
        let preset: &[(&str, &str)] = match options.keys {
            Preset::Weechat => &[],
            Preset::Irssi => IRSSI,
            Preset::Emacs => EMACS,
        };
        let mut wrong = Vec::new();
        let chosen = options.bind.iter();
        let chosen = chosen.map(|(keys, what)| (keys.as_str(), what.as_str()));
        for (keys, what) in preset.iter().copied().chain(chosen) {
            match bound(what) {
                Ok(Some(bound)) if key::parse(keys).is_ok() => map.put(keys, bound),
                Ok(None) => map.take(keys),
                Ok(Some(_)) => wrong.push(format!("the key {keys} is not known")),
                Err(why) => wrong.push(format!("the key {keys}: {why}")),
            }
        }
        (map, wrong)
    }

    fn number_windows(&mut self) {
        for number in 1..=99 {
            let bound = || Bound::Action(Action::Window(number));
            if number <= 10 {
                self.put(&format!("alt-{}", number % 10), bound());
            } else if let Some(letter) = LETTERS.chars().nth(number - 11).filter(|c| *c != '_') {
                self.put(&format!("alt-{letter}"), bound());
            }
            self.put(&format!("alt-j,{},{}", number / 10, number % 10), bound());
        }
    }

    fn put(&mut self, keys: &str, bound: Bound) {
        let Ok(keys) = key::parse(keys) else {
            return;
        };
        // A key of its own and the beginning of a sequence are not one.
        for length in 1..keys.len() {
            self.bindings.remove(&keys[..length]);
        }
        let from_here = self.bindings.range(keys.clone()..);
        let begun = from_here.take_while(|(known, _)| known.starts_with(&keys));
        let begun: Vec<Vec<Key>> = begun.map(|(known, _)| known.clone()).collect();
        for known in begun {
            self.bindings.remove(&known);
        }
        self.bindings.insert(keys, bound);
    }

    fn take(&mut self, keys: &str) {
        if let Ok(keys) = key::parse(keys) {
            self.bindings.remove(&keys);
        }
    }

    /// Takes a key in.
    pub fn press(&mut self, event: KeyEvent) -> Pressed {
        let key = Key::of(event);
        self.begun.push(key);
        if let Some(bound) = self.bindings.get(&self.begun) {
            self.begun.clear();
            return Pressed::Bound(bound.clone());
        }
        if self.is_begun() {
            return Pressed::Begun;
        }
        let was_begun = self.begun.len() > 1;
        self.begun.clear();
        match key.typed().filter(|_| !was_begun) {
            Some(c) => Pressed::Bound(Bound::Action(Action::Edit(Edit::Insert(c)))),
            None => Pressed::Nothing,
        }
    }

    /// The keys of a sequence under way, as they are written; empty without one.
    #[must_use]
    pub fn begun(&self) -> String {
        key::written(&self.begun)
    }

    fn is_begun(&self) -> bool {
        let mut from_here = self.bindings.range(self.begun.clone()..);
        from_here
            .next()
            .is_some_and(|(keys, _)| keys.starts_with(&self.begun))
    }

    /// What the keys are bound to, by how they are written.
    #[must_use]
    pub fn get(&self, keys: &str) -> Option<&Bound> {
        self.bindings.get(&key::parse(keys).ok()?)
    }

    /// The keys of an action, as they are written.
    #[must_use]
    pub fn keys_of(&self, action: Action) -> Vec<String> {
        let bound = Bound::Action(action);
        let keys = self.bindings.iter().filter(|(_, known)| **known == bound);
        let mut keys: Vec<String> = keys.map(|(keys, _)| key::written(keys)).collect();
        // Those people know come first: the usual ones, in their order.
        let usual = ACTIONS.iter().find(|row| row.action == action);
        let usual = usual.map_or("", |row| row.keys);
        let place = |keys: &String| usual.split(' ').position(|known| known == keys);
        keys.sort_by_key(|keys| place(keys).unwrap_or(usize::MAX));
        keys
    }

    /// All that is bound, keys as they are written.
    pub fn all(&self) -> impl Iterator<Item = (String, &Bound)> {
        self.bindings
            .iter()
            .map(|(keys, bound)| (key::written(keys), bound))
    }
}

/// Reads what a key is to do: an action by its name, a command, or `none`.
///
/// # Errors
/// What is wrong with it, and what to try.
pub fn bound(what: &str) -> Result<Option<Bound>, String> {
    if what == "none" {
        return Ok(None);
    }
    if what.starts_with('/') {
        return Ok(Some(Bound::Line(what.to_owned())));
    }
    if let Some(row) = ACTIONS.iter().find(|row| row.name == what) {
        return Ok(Some(Bound::Action(row.action)));
    }
    let number = what
        .strip_prefix("window-")
        .and_then(|number| number.parse().ok());
    if let Some(number @ 1..=99) = number {
        return Ok(Some(Bound::Action(Action::Window(number))));
    }
    let try_ = match nearest(what, ACTIONS.iter().map(|row| row.name)) {
        Some(near) => format!("did you mean {near}?"),
        None => "F1 tells the actions; a command begins with /".to_owned(),
    };
    Err(format!(
        "there is no action {}; {try_}",
        crate::sanitize::name(what)
    ))
}

/// What is bound, as it is written.
#[must_use]
pub fn written(bound: &Bound) -> String {
    match bound {
        Bound::Line(line) => line.clone(),
        Bound::Action(Action::Window(number)) => format!("window-{number}"),
        Bound::Action(action) => {
            let row = ACTIONS.iter().find(|row| row.action == *action);
            row.map_or(String::new(), |row| row.name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn map(keys: Preset, bind: &[(&str, &str)]) -> (Keymap, Vec<String>) {
        let own = |(keys, what): &(&str, &str)| ((*keys).to_owned(), (*what).to_owned());
        Keymap::of(&Options {
            keys,
            bind: bind.iter().map(own).collect(),
            ..Options::default()
        })
    }

    fn does(map: &Keymap, keys: &str) -> String {
        map.get(keys).map_or("nothing".to_owned(), written)
    }

    #[test]
    fn every_usual_key_is_a_key_and_no_two_actions_share_one() {
        for preset in [Preset::Weechat, Preset::Irssi, Preset::Emacs] {
            let (_, wrong) = map(preset, &[]);
            assert!(wrong.is_empty(), "{wrong:?}");
        }
        let usual = Keymap::default();
        for row in ACTIONS {
            for keys in row.keys.split_whitespace() {
                assert_eq!(does(&usual, keys), row.name, "{keys}");
            }
        }
    }

    #[test]
    fn every_key_that_help_tells_of_is_bound() {
        let usual = Keymap::default();
        for (keys, _) in KEYS {
            for keys in keys.split(", ") {
                let keys = keys.replace(' ', ",");
                assert_ne!(does(&usual, &keys), "nothing", "{keys}");
            }
        }
    }

    #[test]
    fn presets_and_own_keys_come_over_the_usual_ones() {
        let (irssi, _) = map(Preset::Irssi, &[]);
        assert_eq!(does(&irssi, "alt-p"), "page-up");
        assert_eq!(does(&irssi, "ctrl-u"), "kill-all");
        let (emacs, _) = map(Preset::Emacs, &[]);
        assert_eq!(does(&emacs, "ctrl-p"), "older");
        assert_eq!(does(&emacs, "ctrl-x,ctrl-e"), "edit-outside");
        let own = [
            ("ctrl-n", "/wave"),
            ("ctrl-x", "undo"),
            ("alt-a", "none"),
            ("alt-j,9", "top"),
        ];
        let (own, wrong) = map(Preset::Weechat, &own);
        assert!(wrong.is_empty());
        assert_eq!(does(&own, "ctrl-n"), "/wave");
        assert_eq!(does(&own, "ctrl-x"), "undo");
        assert_eq!(does(&own, "ctrl-x,ctrl-e"), "nothing");
        assert_eq!(does(&own, "alt-a"), "nothing");
        assert_eq!(does(&own, "alt-j,9"), "top");
        assert_eq!(does(&own, "alt-j,1,2"), "window-12");
        let (_, wrong) = map(Preset::Weechat, &[("hyper-x", "undo"), ("alt-z", "udno")]);
        assert_eq!(
            wrong,
            [
                "the key alt-z: there is no action udno; did you mean undo?",
                "the key hyper-x is not known"
            ]
        );
    }

    #[test]
    fn a_sequence_waits_for_its_end_and_a_wrong_end_does_nothing() {
        let mut map = Keymap::default();
        let mut press = |c, modifiers| map.press(KeyEvent::new(KeyCode::Char(c), modifiers));
        let control = KeyModifiers::CONTROL;
        let action = |action| Pressed::Bound(Bound::Action(action));
        assert_eq!(press('x', control), Pressed::Begun);
        assert_eq!(press('e', control), action(Action::EditOutside));
        assert_eq!(press('x', control), Pressed::Begun);
        assert_eq!(press('q', KeyModifiers::NONE), Pressed::Nothing);
        assert_eq!(
            press('q', KeyModifiers::NONE),
            action(Action::Edit(Edit::Insert('q')))
        );
        assert_eq!(
            press('@', control | KeyModifiers::ALT),
            action(Action::Edit(Edit::Insert('@')))
        );
        // Escape and Ctrl-U in one breath.
        assert_eq!(press('u', control | KeyModifiers::ALT), Pressed::Nothing);
        assert_eq!(press('j', KeyModifiers::ALT), Pressed::Begun);
        assert_eq!(press('2', KeyModifiers::NONE), Pressed::Begun);
        assert_eq!(press('5', KeyModifiers::NONE), action(Action::Window(25)));
    }
}
