//! Whether the terminal's ground is light. It is asked after the first frame, and nobody waits for the answer:
//! where none comes, nothing changes.
//!
//! The answer comes in as if it were typed, so the keys are looked through for it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::colour::{Rgb, luminance};

/// Asks for the colour of the ground (OSC 11).
pub(crate) const QUESTION: &str = "\x1b]11;?\x1b\\";
/// No answer is longer.
const ANSWER_SIZE_MAX: usize = 32;
/// Grounds that give more light than this are light.
const LIGHT: f64 = 0.4;

/// What a key was.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// A part of the answer, perhaps.
    Part,
    /// The end of it: whether the ground is light.
    Ground { is_light: bool },
    /// Nothing of the sort: these were typed.
    Typed(Vec<KeyEvent>),
}

/// Listens for the answer among the keys.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// Keys that may be its beginning.
    held: Vec<KeyEvent>,
}

impl Ear {
    pub(crate) fn take(&mut self, key: KeyEvent) -> Heard {
        let is_alt = key.modifiers == KeyModifiers::ALT;
        let ends = is_alt && key.code == KeyCode::Char('\\')
            || key.modifiers == KeyModifiers::CONTROL && key.code == KeyCode::Char('g');
        if self.held.is_empty() {
            if is_alt && key.code == KeyCode::Char(']') {
                self.held.push(key);
                return Heard::Part;
            }
            return Heard::Typed(vec![key]);
        }
        self.held.push(key);
        let fits = matches!(key.code, KeyCode::Char(c) if c.is_ascii_hexdigit() || ";:/rgba".contains(c))
            && !key
                .modifiers
                .intersects(KeyModifiers::ALT | KeyModifiers::CONTROL);
        if fits && self.held.len() < ANSWER_SIZE_MAX {
            return Heard::Part;
        }
        let held = std::mem::take(&mut self.held);
        let text: String = held[1..held.len() - 1]
            .iter()
            .filter_map(|key| key.code.as_char())
            .collect();
        match read(&text).filter(|_| ends) {
            Some(ground) => Heard::Ground {
                is_light: luminance(ground) > LIGHT,
            },
            None => Heard::Typed(held),
        }
    }
}

/// Reads `11;rgb:RRRR/GGGG/BBBB`, with one to four digits each.
fn read(answer: &str) -> Option<Rgb> {
    let colours = answer.strip_prefix("11;rgb")?;
    let (_, colours) = colours.split_once(':')?;
    let mut parts = colours.split('/').map(|part| {
        let most = (1_u32 << (4 * part.len().min(4))) - 1;
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from((value * 255).checked_div(most)?).ok()
    });
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Whether the ground is light, as some terminals say in `COLORFGBG` (`15;0` or `0;default;15`).
pub(crate) fn told_by(colours: &str) -> bool {
    let ground = colours.rsplit(';').next();
    matches!(ground, Some("7" | "15"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<KeyEvent> {
        let mut keys = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            keys.push(match c {
                '\u{1b}' => KeyEvent::new(KeyCode::Char(rest.next().unwrap()), KeyModifiers::ALT),
                '\u{7}' => KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL),
                c => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
            });
        }
        keys
    }

    /// What was heard, and what was typed around it.
    fn hear(text: &str) -> (Option<bool>, usize) {
        let mut ear = Ear::default();
        let mut heard = (None, 0);
        for key in keys(text) {
            match ear.take(key) {
                Heard::Part => {}
                Heard::Ground { is_light } => heard.0 = Some(is_light),
                Heard::Typed(keys) => heard.1 += keys.len(),
            }
        }
        heard
    }

    #[test]
    fn the_answer_is_heard_among_keys_and_what_is_typed_stays_typed() {
        for (typed, heard) in [
            ("\u{1b}]11;rgb:1c1c/1a1a/1717\u{1b}\\", (Some(false), 0)),
            ("ab\u{1b}]11;rgb:f7/f2/e8\u{7}cd", (Some(true), 4)),
            (
                "\u{1b}]11;rgba:ffff/ffff/ffff/ffff\u{1b}\\",
                (Some(true), 0),
            ),
            ("\u{1b}]hello", (None, 6)),
            ("\u{1b}]11;no", (None, 6)),
            ("\u{1b}]11;rgb:zz\u{7}", (None, 11)),
            ("\u{1b}]10;rgb:ff/ff/ff\u{7}", (None, 17)),
            (
                "\u{1b}]1111111111111111111111111111111111111111",
                (None, 41),
            ),
            ("\u{1b}a\u{1b}\\x", (None, 3)),
        ] {
            assert_eq!(hear(typed), heard, "{typed:?}");
        }
    }

    #[test]
    fn a_hint_in_the_environment_is_read() {
        for (colours, is_light) in [
            ("15;0", false),
            ("0;15", true),
            ("0;default;7", true),
            ("", false),
        ] {
            assert_eq!(told_by(colours), is_light, "{colours}");
        }
    }
}
