//! A key as people write it: `ctrl-x`, `alt-N`, `f5`, and sequences of them, `ctrl-x,ctrl-e`.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Keys of one binding; more are no shortcut.
const SEQUENCE_MAX: usize = 4;
/// Named keys, the first name being the one we write.
const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pgup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("pgdn", KeyCode::PageDown),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("space", KeyCode::Char(' ')),
    ("comma", KeyCode::Char(',')),
];
const CONTROL: &[&str] = &["ctrl-", "control-", "c-", "^"];
const ALT: &[&str] = &["alt-", "meta-", "m-"];
const SHIFT: &[&str] = &["shift-", "s-"];

/// A key without what is held down beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Char(char),
    Function(u8),
    Named(&'static str),
    /// One that nothing is bound to.
    Other,
}

impl Code {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "crossterm's list of keys is not ours"
    )]
    fn of(code: KeyCode) -> Self {
        if let Some((name, _)) = NAMES.iter().find(|(_, known)| *known == code) {
            return Self::Named(name);
        }
        match code {
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::F(number) => Self::Function(number),
            _ => Self::Other,
        }
    }
}

/// One key with what is held down beside it. A shifted letter is the capital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    code: Code,
    control: bool,
    alt: bool,
    shift: bool,
}

impl Key {
    /// The key that a terminal tells of.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "crossterm's list of keys is not ours"
    )]
    pub(crate) fn of(event: KeyEvent) -> Self {
        let held = |modifier| event.modifiers.contains(modifier);
        let (control, alt) = (held(KeyModifiers::CONTROL), held(KeyModifiers::ALT));
        let shift = held(KeyModifiers::SHIFT);
        match event.code {
            KeyCode::BackTab => Self {
                code: Code::of(KeyCode::Tab),
                control,
                alt,
                shift: true,
            },
            KeyCode::Char(c) => Self::char(c, control, alt, shift),
            code => Self {
                code: Code::of(code),
                control,
                alt,
                shift,
            },
        }
    }

    /// The character it types by itself, if it types one.
    pub(crate) fn typed(self) -> Option<char> {
        // Where AltGr is told as Ctrl-Alt it types a character, and never one that has a key of its own everywhere.
        let is_text = self.control == self.alt;
        match self.code {
            Code::Char(c) if self.alt && c.is_ascii_alphabetic() => None,
            Code::Char(c) => is_text.then_some(c),
            Code::Named("space") => is_text.then_some(' '),
            Code::Named("comma") => is_text.then_some(','),
            Code::Named(_) | Code::Function(_) | Code::Other => None,
        }
    }

    fn char(c: char, control: bool, alt: bool, shift: bool) -> Self {
        let c = match (control, shift) {
            // A terminal does not tell Ctrl-Shift-A from Ctrl-A.
            (true, _) if !alt => c.to_ascii_lowercase(),
            (_, true) => c.to_ascii_uppercase(),
            (_, false) => c,
        };
        Self {
            code: Code::of(KeyCode::Char(c)),
            control,
            alt,
            shift: false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut control, mut alt, mut shift) = (false, false, false);
        let mut rest = text;
        loop {
            if let Some(after) = held(rest, CONTROL) {
                (control, rest) = (true, after);
            } else if let Some(after) = held(rest, ALT) {
                (alt, rest) = (true, after);
            } else if let Some(after) = held(rest, SHIFT) {
                (shift, rest) = (true, after);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            // Who writes Alt-A, as on a keyboard, does not mean the capital; who writes alt-A does.
            let is_drawn = rest.len() < text.len() && text.starts_with(char::is_uppercase);
            let c = if is_drawn { c.to_ascii_lowercase() } else { c };
            return Some(Self::char(c, control, alt, shift));
        }
        let lower = rest.to_lowercase();
        let code = match NAMES.iter().find(|(name, _)| *name == lower) {
            Some((_, KeyCode::Char(c))) => return Some(Self::char(*c, control, alt, shift)),
            Some((_, code)) => Code::of(*code),
            None => {
                let number = lower.strip_prefix('f')?.parse().ok()?;
                Code::Function(Some(number).filter(|number| (1..=24).contains(number))?)
            }
        };
        Some(Self {
            code,
            control,
            alt,
            shift,
        })
    }
}

/// What follows the name of a key that is held down, unless nothing does.
fn held<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let head = text.get(..name.len())?;
        let rest = text.get(name.len()..).filter(|rest| !rest.is_empty())?;
        head.eq_ignore_ascii_case(name).then_some(rest)
    })
}

/// Reads the keys of a binding.
///
/// # Errors
/// Which part is no key.
pub(crate) fn parse(text: &str) -> Result<Vec<Key>, String> {
    let keys = text
        .split(',')
        .map(|part| Key::parse(part.trim()).ok_or_else(|| part.trim().to_owned()))
        .collect::<Result<Vec<_>, _>>()?;
    if keys.len() > SEQUENCE_MAX {
        return Err(text.to_owned());
    }
    Ok(keys)
}

/// Keys as they are written.
pub(crate) fn written(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    keys.join(",")
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is_held, name) in [
            (self.control, "ctrl-"),
            (self.alt, "alt-"),
            (self.shift, "shift-"),
        ] {
            if is_held {
                f.write_str(name)?;
            }
        }
        match self.code {
            Code::Char(c) => write!(f, "{c}"),
            Code::Function(number) => write!(f, "f{number}"),
            Code::Named(name) => f.write_str(name),
            Code::Other => f.write_str("another key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_people_write_them_and_written_one_way() {
        for (text, expected) in [
            ("ctrl-x", "ctrl-x"),
            ("Ctrl-X", "ctrl-x"),
            ("^W", "ctrl-w"),
            ("meta-a", "alt-a"),
            ("alt-N", "alt-N"),
            ("Alt-N", "alt-n"),
            ("Alt-Shift-N", "alt-N"),
            ("alt-shift-n", "alt-N"),
            ("ctrl-x,ctrl-e", "ctrl-x,ctrl-e"),
            ("alt-j,0,1", "alt-j,0,1"),
            ("PgUp", "pageup"),
            ("shift-tab", "shift-tab"),
            ("F12", "f12"),
            ("ctrl-space", "ctrl-space"),
            ("alt--", "alt--"),
            ("alt-comma", "alt-comma"),
            ("^", "^"),
        ] {
            assert_eq!(
                parse(text).map(|keys| written(&keys)).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for text in ["", "ctrl-", "hyper-x", "f99", "alt-a,,b", "a,b,c,d,e"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_ways_of_telling_a_shifted_letter_are_one_key() {
        let event = |c, modifiers| Key::of(KeyEvent::new(KeyCode::Char(c), modifiers));
        let alt = KeyModifiers::ALT;
        assert_eq!(event('N', alt), event('n', alt | KeyModifiers::SHIFT));
        let back = Key::of(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT));
        assert_eq!(back.to_string(), "shift-tab");
    }
}
