//! What each key asks for. The editing keys are readline's, the others those that weechat and irssi share.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::editor::Edit;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Edit(Edit),
    Send,
    Complete,
    CompleteBack,
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
    SearchBack,
    SearchForward,
    Mentions,
    Interrupt,
    Escape,
    Help,
    Groups,
    Members,
    /// Take the newest link, or an older one.
    Links,
    /// Nothing but the log, and back.
    Bare,
    /// Take the mouse, or leave it to the terminal.
    Mouse,
    Redraw,
    Suspend,
}

/// Keys people ask for, in the order in which help tells them.
pub const KEYS: &[(&str, &str)] = &[
    ("Enter", "send"),
    ("Alt-Enter, Ctrl-J", "a new row in the text"),
    ("Tab, Shift-Tab", "complete a nick, group, command"),
    ("Ctrl-N/P, Alt-Right/Left", "next, previous window"),
    ("Alt-1 ... Alt-9", "a window by its number"),
    ("Alt-A, Alt-/", "next active window, the last one"),
    ("PgUp, PgDn", "scroll; Esc goes to the end"),
    ("Up, Down", "what you sent before"),
    ("Ctrl-A/E/W/U/K/Y/T/R/_", "as in your shell"),
    ("Ctrl-S, F4", "find in this group; what was said to you"),
    ("F7, F8", "groups, members: hide or show"),
    ("Alt-O", "links: Enter opens, c copies"),
    ("Alt-L", "only the log, to select from"),
    ("Shift and the mouse", "select text; Alt-M: no mouse"),
    ("Ctrl-C", "clear the line; twice: quit"),
];

/// Reads a key. Nothing for one that means nothing here.
#[must_use]
pub fn read(key: KeyEvent) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    if let KeyCode::Char(c) = key.code {
        return match (control, alt) {
            (false, false) => Some(Action::Edit(Edit::Insert(c))),
            (true, false) => with_control(c.to_ascii_lowercase()),
            (false, true) => with_alt(c),
            // Where AltGr is told as Ctrl-Alt it types a character.
            (true, true) => Some(Action::Edit(Edit::Insert(c))),
        };
    }
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    named(key.code, control, alt, shift)
}

fn with_control(c: char) -> Option<Action> {
    Some(match c {
        'a' => Action::Edit(Edit::Home),
        'b' => Action::Edit(Edit::Left),
        'c' => Action::Interrupt,
        'd' => Action::Edit(Edit::Delete),
        'e' => Action::Edit(Edit::End),
        'f' => Action::Edit(Edit::Right),
        'h' => Action::Edit(Edit::Backspace),
        'j' => Action::Edit(Edit::Newline),
        'k' => Action::Edit(Edit::KillToEnd),
        'l' => Action::Redraw,
        'm' => Action::Send,
        'n' => Action::NextWindow,
        'p' => Action::PreviousWindow,
        'r' => Action::SearchBack,
        's' => Action::SearchForward,
        't' => Action::Edit(Edit::Transpose),
        'u' => Action::Edit(Edit::KillToStart),
        'w' => Action::Edit(Edit::KillToBlank),
        'y' => Action::Edit(Edit::Yank),
        'z' => Action::Suspend,
        // Terminals without the newer protocol send Ctrl-_ as Ctrl-7 or Ctrl-/.
        '_' | '7' | '/' => Action::Edit(Edit::Undo),
        _ => return None,
    })
}

fn with_alt(c: char) -> Option<Action> {
    Some(match c {
        'a' => Action::NextActive,
        'b' => Action::Edit(Edit::WordLeft),
        'd' => Action::Edit(Edit::KillWordRight),
        'f' => Action::Edit(Edit::WordRight),
        'l' => Action::Bare,
        'm' => Action::Mouse,
        'o' => Action::Links,
        'y' => Action::Edit(Edit::YankPop),
        'B' => Action::Groups,
        'N' => Action::Members,
        '_' => Action::Edit(Edit::Redo),
        '/' => Action::LastWindow,
        '1'..='9' => Action::Window(c.to_digit(10).map_or(0, |n| n as usize)),
        '0' => Action::Window(10),
        _ => return None,
    })
}

fn named(code: KeyCode, control: bool, alt: bool, shift: bool) -> Option<Action> {
    Some(match (code, control, alt) {
        (KeyCode::Enter, false, false) if !shift => Action::Send,
        (KeyCode::Enter, ..) => Action::Edit(Edit::Newline),
        (KeyCode::Tab, ..) if shift => Action::CompleteBack,
        (KeyCode::Tab, ..) => Action::Complete,
        (KeyCode::BackTab, ..) => Action::CompleteBack,
        (KeyCode::Backspace, false, false) => Action::Edit(Edit::Backspace),
        (KeyCode::Backspace, ..) => Action::Edit(Edit::KillWordLeft),
        (KeyCode::Delete, false, false) => Action::Edit(Edit::Delete),
        (KeyCode::Delete, ..) => Action::Edit(Edit::KillWordRight),
        (KeyCode::Left, false, false) => Action::Edit(Edit::Left),
        (KeyCode::Right, false, false) => Action::Edit(Edit::Right),
        (KeyCode::Left, true, _) => Action::Edit(Edit::WordLeft),
        (KeyCode::Right, true, _) => Action::Edit(Edit::WordRight),
        (KeyCode::Left, false, true) => Action::PreviousWindow,
        (KeyCode::Right, false, true) => Action::NextWindow,
        (KeyCode::Up, _, false) => Action::Edit(Edit::Older),
        (KeyCode::Down, _, false) => Action::Edit(Edit::Newer),
        (KeyCode::Home, false, false) => Action::Edit(Edit::Home),
        (KeyCode::End, false, false) => Action::Edit(Edit::End),
        (KeyCode::Home, ..) => Action::Top,
        (KeyCode::End, ..) => Action::Bottom,
        (KeyCode::PageUp, _, false) => Action::PageUp,
        (KeyCode::PageDown, _, false) => Action::PageDown,
        (KeyCode::PageUp, ..) => Action::LinesUp,
        (KeyCode::PageDown, ..) => Action::LinesDown,
        (KeyCode::Esc, ..) => Action::Escape,
        (KeyCode::F(1), ..) => Action::Help,
        (KeyCode::F(4), ..) => Action::Mentions,
        (KeyCode::F(5), ..) => Action::PreviousWindow,
        (KeyCode::F(6), ..) => Action::NextWindow,
        (KeyCode::F(7), ..) => Action::Groups,
        (KeyCode::F(8), ..) => Action::Members,
        _ => return None,
    })
}
