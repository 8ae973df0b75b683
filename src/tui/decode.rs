//! What a terminal sends, byte by byte, as keys, clicks and pastes.
//!
//! A sequence ends where ECMA-48 says it does, or when nothing more of it comes: a lone Esc is a key, and what is half
//! there never holds up the keys that follow it. So is a paste whose end mark is lost: it ends when the terminal has
//! been silent for two seconds, where others wait for that mark for days (irssi issue 942).
//! What a whole sequence means is looked up by `termina`, whose tables are those of a well-kept editor.

use std::time::Duration;

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use termina::event as told;

use super::ground;
use super::read::Input;

/// How long a lone Esc may be the beginning of something.
const ESCAPE_WAIT: Duration = Duration::from_millis(25);
/// How long the rest of a sequence, or of a character, may take.
const REST_WAIT: Duration = Duration::from_millis(200);
/// How long the rest of a paste may take.
const PASTE_WAIT: Duration = Duration::from_secs(2);
/// The end of a paste.
const PASTE_END: &[u8] = b"\x1b[201~";
/// Of a paste, no more than this is kept, in bytes; nothing that long is written on a line.
const PASTE_SIZE_MAX: usize = 1 << 20;
/// Of a sequence, likewise. The longest that means anything to us is the colour of the ground.
const SEQUENCE_SIZE_MAX: usize = 128;

const ESC: u8 = 0x1b;
const BELL: u8 = 0x07;

/// What the bytes so far are the beginning of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Within {
    #[default]
    Nothing,
    /// A character of so many bytes.
    Character(usize),
    /// Esc; anything may follow.
    Escape,
    /// `ESC O`; one byte follows.
    Single,
    /// `ESC [`; parameters follow, and a final byte.
    Control,
    /// A sequence with so many bytes.
    Counted(usize),
    /// An answer of the terminal, until a bell or `ESC \`.
    Answer,
    /// A paste; so many bytes of its end mark are there.
    Paste(usize),
}

/// Makes inputs of bytes.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    within: Within,
    /// The bytes of what has begun; of a paste, its text.
    held: Vec<u8>,
    /// Whether an Esc came before the one that what is held begins with, as Alt does in some terminals.
    alt: bool,
    /// Knows what whole sequences mean; nothing stays in it.
    meanings: termina::Parser,
}

impl Decoder {
    /// Takes bytes in. What they complete is put behind `inputs`.
    pub(crate) fn take(&mut self, bytes: &[u8], inputs: &mut impl Extend<Input>) {
        for &byte in bytes {
            self.step(byte, inputs);
        }
    }

    /// How long the terminal may be silent before [`Self::end`] is due, if it is at all.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.within {
            Within::Nothing => None,
            Within::Escape => Some(ESCAPE_WAIT),
            Within::Character(_)
            | Within::Single
            | Within::Control
            | Within::Counted(_)
            | Within::Answer => Some(REST_WAIT),
            Within::Paste(_) => Some(PASTE_WAIT),
        }
    }

    /// Nothing more comes of what has begun: it is taken for what it is so far.
    pub(crate) fn end(&mut self, inputs: &mut impl Extend<Input>) {
        let held = std::mem::take(&mut self.held);
        let alt = std::mem::take(&mut self.alt);
        match std::mem::take(&mut self.within) {
            Within::Escape => inputs.extend((0..=usize::from(alt)).map(|_| escape())),
            Within::Paste(_) => inputs.extend([paste(&held, false)]),
            // Alt and a key that sequences begin with.
            Within::Single | Within::Control | Within::Answer
                if held.len() == 2 && held[0] == ESC =>
            {
                self.mean(&held[1..], true, inputs);
            }
            Within::Nothing
            | Within::Character(_)
            | Within::Single
            | Within::Control
            | Within::Counted(_)
            | Within::Answer => {}
        }
    }

    fn step(&mut self, byte: u8, inputs: &mut impl Extend<Input>) {
        match self.within {
            Within::Nothing => self.begin(byte, inputs),
            Within::Character(size) => {
                if byte & 0xc0 == 0x80 {
                    self.hold(byte);
                    self.counted(size, inputs);
                } else {
                    self.let_go();
                    self.begin(byte, inputs);
                }
            }
            Within::Escape => self.escaped(byte, inputs),
            Within::Single => {
                self.hold(byte);
                self.counted(3, inputs);
            }
            Within::Counted(size) => {
                self.hold(byte);
                self.counted(size, inputs);
            }
            Within::Control => self.control(byte, inputs),
            Within::Answer => self.answer(byte, inputs),
            Within::Paste(matched) => self.pasted(byte, matched, inputs),
        }
    }

    fn begin(&mut self, byte: u8, inputs: &mut impl Extend<Input>) {
        match byte {
            ESC => {
                self.hold(byte);
                self.within = Within::Escape;
            }
            0xc2..=0xdf => self.character(byte, 2),
            0xe0..=0xef => self.character(byte, 3),
            0xf0..=0xf4 => self.character(byte, 4),
            // No character begins so.
            0x80.. => self.let_go(),
            0..0x80 => {
                let alt = std::mem::take(&mut self.alt);
                self.mean(&[byte], alt, inputs);
            }
        }
    }

    fn character(&mut self, byte: u8, size: usize) {
        self.hold(byte);
        self.within = Within::Character(size);
    }

    fn escaped(&mut self, byte: u8, inputs: &mut impl Extend<Input>) {
        match byte {
            b'[' => self.go_on(byte, Within::Control),
            b'O' => self.go_on(byte, Within::Single),
            b']' | b'P' if !self.alt => self.go_on(byte, Within::Answer),
            _ => {
                // Of two, the first was a key of its own, unless a sequence follows.
                if self.alt {
                    inputs.extend([escape()]);
                }
                self.alt = true;
                if byte != ESC {
                    self.held.clear();
                    self.within = Within::Nothing;
                    self.begin(byte, inputs);
                }
            }
        }
    }

    fn go_on(&mut self, byte: u8, within: Within) {
        self.hold(byte);
        self.within = within;
    }

    fn control(&mut self, byte: u8, inputs: &mut impl Extend<Input>) {
        match byte {
            // Parameters, and what may stand between them and the end.
            0x20..=0x3f => self.hold(byte),
            // The Linux console's first function keys, and clicks that are told in bytes.
            b'[' if self.held == b"\x1b[" => self.go_on(byte, Within::Counted(4)),
            b'M' if self.held == b"\x1b[" => self.go_on(byte, Within::Counted(6)),
            0x40..=0x7e => {
                self.hold(byte);
                if self.held == b"\x1b[200~" {
                    self.let_go();
                    self.within = Within::Paste(0);
                } else if self.held.starts_with(b"\x1b[") {
                    self.counted(0, inputs);
                } else {
                    self.let_go();
                }
            }
            // Broken off: this begins anew.
            _ => {
                self.let_go();
                self.begin(byte, inputs);
            }
        }
    }

    fn answer(&mut self, byte: u8, inputs: &mut impl Extend<Input>) {
        // No answer begins so: it was Alt and a key, and somebody types on.
        if self.held.len() == 2 && (byte.is_ascii_alphabetic() || byte <= b' ') {
            self.end(inputs);
            return self.begin(byte, inputs);
        }
        self.hold(byte);
        let answer = self
            .held
            .strip_suffix(b"\x1b\\")
            .or(self.held.strip_suffix(&[BELL]));
        if let Some(answer) = answer {
            let ground = answer
                .strip_prefix(b"\x1b]")
                .and_then(|answer| ground::read(str::from_utf8(answer).ok()?));
            inputs.extend(ground.map(Input::Ground));
            self.let_go();
        }
    }

    fn pasted(&mut self, byte: u8, matched: usize, inputs: &mut impl Extend<Input>) {
        if byte == PASTE_END[matched] {
            if matched + 1 < PASTE_END.len() {
                self.within = Within::Paste(matched + 1);
                return;
            }
            inputs.extend([paste(&self.held, true)]);
            return self.let_go();
        }
        // The mark's first byte is not in it again, so that no other beginning of it can be in what did not match.
        let is_mark = byte == PASTE_END[0];
        self.within = Within::Paste(usize::from(is_mark));
        let room = PASTE_SIZE_MAX.saturating_sub(self.held.len());
        let text = PASTE_END[..matched]
            .iter()
            .copied()
            .chain((!is_mark).then_some(byte));
        self.held.extend(text.take(room));
    }

    /// Keeps a byte of a sequence. What is too long loses its beginning, and so means nothing; its end is waited for.
    fn hold(&mut self, byte: u8) {
        if self.held.len() == SEQUENCE_SIZE_MAX {
            self.held.clear();
        }
        self.held.push(byte);
    }

    fn let_go(&mut self) {
        self.held.clear();
        self.alt = false;
        self.within = Within::Nothing;
    }

    /// Tells what is held if it is at least so long.
    fn counted(&mut self, size: usize, inputs: &mut impl Extend<Input>) {
        if self.held.len() >= size {
            let (held, alt) = (std::mem::take(&mut self.held), self.alt);
            self.let_go();
            self.mean(&held, alt, inputs);
        }
    }

    /// Tells what whole bytes mean, if they mean anything.
    fn mean(&mut self, whole: &[u8], alt: bool, inputs: &mut impl Extend<Input>) {
        self.meanings.parse(whole, false);
        let events = std::iter::from_fn(|| self.meanings.pop());
        let events: Vec<_> = events.collect();
        if events.is_empty() {
            // What it does not know may wait in it for more.
            self.meanings = termina::Parser::default();
        }
        for event in events {
            let mut input = input(&event);
            if let (Some(Input::Key(key)), true) = (&mut input, alt) {
                key.modifiers |= KeyModifiers::ALT;
            }
            inputs.extend(input);
        }
    }
}

fn escape() -> Input {
    Input::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE))
}

fn paste(text: &[u8], whole: bool) -> Input {
    let text = String::from_utf8_lossy(text).into_owned();
    Input::Paste { text, whole }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "termina's list of events is not ours"
)]
fn input(event: &termina::Event) -> Option<Input> {
    Some(match event {
        termina::Event::Key(key) => Input::Key(key_event(*key)?),
        termina::Event::Mouse(mouse) => Input::Mouse(MouseEvent {
            kind: mouse_kind(mouse.kind),
            column: mouse.column,
            row: mouse.row,
            modifiers: modifiers(mouse.modifiers),
        }),
        termina::Event::FocusIn => Input::Focus(true),
        termina::Event::FocusOut => Input::Focus(false),
        _ => return None,
    })
}

fn key_event(key: told::KeyEvent) -> Option<KeyEvent> {
    let kind = match key.kind {
        told::KeyEventKind::Press => KeyEventKind::Press,
        told::KeyEventKind::Repeat => KeyEventKind::Repeat,
        told::KeyEventKind::Release => KeyEventKind::Release,
    };
    Some(KeyEvent::new_with_kind(
        key_code(key.code)?,
        modifiers(key.modifiers),
        kind,
    ))
}

/// The key by our name, if anything can be bound to it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "termina's list of keys is not ours"
)]
fn key_code(code: told::KeyCode) -> Option<KeyCode> {
    Some(match code {
        told::KeyCode::Char(c) => KeyCode::Char(c),
        told::KeyCode::Function(number) => KeyCode::F(number),
        told::KeyCode::Enter => KeyCode::Enter,
        told::KeyCode::Backspace => KeyCode::Backspace,
        told::KeyCode::Tab => KeyCode::Tab,
        told::KeyCode::BackTab => KeyCode::BackTab,
        told::KeyCode::Escape => KeyCode::Esc,
        told::KeyCode::Left => KeyCode::Left,
        told::KeyCode::Right => KeyCode::Right,
        told::KeyCode::Up => KeyCode::Up,
        told::KeyCode::Down => KeyCode::Down,
        told::KeyCode::Home => KeyCode::Home,
        told::KeyCode::End => KeyCode::End,
        told::KeyCode::PageUp => KeyCode::PageUp,
        told::KeyCode::PageDown => KeyCode::PageDown,
        told::KeyCode::Insert => KeyCode::Insert,
        told::KeyCode::Delete => KeyCode::Delete,
        _ => return None,
    })
}

fn modifiers(held: told::Modifiers) -> KeyModifiers {
    [
        (told::Modifiers::SHIFT, KeyModifiers::SHIFT),
        (told::Modifiers::ALT, KeyModifiers::ALT),
        (told::Modifiers::CONTROL, KeyModifiers::CONTROL),
        (told::Modifiers::SUPER, KeyModifiers::SUPER),
        (told::Modifiers::HYPER, KeyModifiers::HYPER),
        (told::Modifiers::META, KeyModifiers::META),
    ]
    .into_iter()
    .filter(|(theirs, _)| held.contains(*theirs))
    .fold(KeyModifiers::NONE, |all, (_, ours)| all | ours)
}

fn mouse_kind(kind: told::MouseEventKind) -> MouseEventKind {
    let button = |button| match button {
        told::MouseButton::Left => MouseButton::Left,
        told::MouseButton::Right => MouseButton::Right,
        told::MouseButton::Middle => MouseButton::Middle,
    };
    match kind {
        told::MouseEventKind::Down(which) => MouseEventKind::Down(button(which)),
        told::MouseEventKind::Up(which) => MouseEventKind::Up(button(which)),
        told::MouseEventKind::Drag(which) => MouseEventKind::Drag(button(which)),
        told::MouseEventKind::Moved => MouseEventKind::Moved,
        told::MouseEventKind::ScrollDown => MouseEventKind::ScrollDown,
        told::MouseEventKind::ScrollUp => MouseEventKind::ScrollUp,
        told::MouseEventKind::ScrollLeft => MouseEventKind::ScrollLeft,
        told::MouseEventKind::ScrollRight => MouseEventKind::ScrollRight,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What bytes mean, as a person would write it down; nothing comes after them.
    fn told(bytes: &[u8]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut inputs = Vec::new();
        decoder.take(bytes, &mut inputs);
        decoder.end(&mut inputs);
        inputs.iter().map(written).collect()
    }

    fn written(input: &Input) -> String {
        match input {
            Input::Key(key) => crate::tui::key::Key::of(*key).to_string(),
            Input::Mouse(mouse) => format!("{:?} {} {}", mouse.kind, mouse.column, mouse.row),
            Input::Paste { text, whole: true } => format!("<{text}>"),
            Input::Paste { text, whole: false } => format!("<{text}"),
            Input::Resize(columns, rows) => format!("{columns}x{rows}"),
            Input::Focus(has) => format!("focus {has}"),
            Input::Ground(ground) => format!("{ground:?}"),
        }
    }

    #[test]
    fn bytes_are_the_keys_clicks_and_pastes_that_terminals_mean() {
        for (bytes, expected) in [
            ("aB ä你🔥", &["a", "B", "space", "ä", "你", "🔥"][..]),
            (
                "\r\t\u{7f}\u{1}\u{0}\n",
                &[
                    "enter",
                    "tab",
                    "backspace",
                    "ctrl-a",
                    "ctrl-space",
                    "ctrl-j",
                ],
            ),
            (
                "\u{1b}a\u{1b}1\u{1b}ä\u{1b}\u{7f}",
                &["alt-a", "alt-1", "alt-ä", "alt-backspace"],
            ),
            (
                "\u{1b}[A\u{1b}OB\u{1b}[1;5C\u{1b}[1;3D",
                &["up", "down", "ctrl-right", "alt-left"],
            ),
            (
                "\u{1b}[5~\u{1b}[6;3~\u{1b}[3~\u{1b}[Z",
                &["pageup", "alt-pagedown", "delete", "shift-tab"],
            ),
            (
                "\u{1b}OP\u{1b}[15~\u{1b}[24~\u{1b}[[A",
                &["f1", "f5", "f12", "f1"],
            ),
            (
                "\u{1b}[13;2u\u{1b}[27u\u{1b}[97;5u",
                &["shift-enter", "esc", "ctrl-a"],
            ),
            // Alt in front of a sequence, as some terminals tell it.
            ("\u{1b}\u{1b}[A\u{1b}\u{1b}OC", &["alt-up", "alt-right"]),
            ("\u{1b}\u{1b}a", &["esc", "alt-a"]),
            ("\u{1b}\u{1b}\u{1b}[A", &["esc", "alt-up"]),
            (
                "\u{1b}[<0;5;7M\u{1b}[<0;5;7m",
                &["Down(Left) 4 6", "Up(Left) 4 6"],
            ),
            ("\u{1b}[<65;1;1Mx", &["ScrollDown 0 0", "x"]),
            ("\u{1b}[M !!x", &["Down(Left) 0 0", "x"]),
            ("\u{1b}[I\u{1b}[O", &["focus true", "focus false"]),
            ("\u{1b}[200~two\rlines\u{1b}[201~x", &["<two\rlines>", "x"]),
            (
                "\u{1b}[200~\u{1b}[201\u{1b}[A\u{1b}[201~",
                &["<\u{1b}[201\u{1b}[A>"],
            ),
            ("\u{1b}[200~\u{1b}\u{1b}[201~", &["<\u{1b}>"]),
            (
                "\u{1b}]11;rgb:1c1c/1a1a/1717\u{1b}\\x",
                &["(28, 26, 23)", "x"],
            ),
            (
                "a\u{1b}]11;rgb:f7/f2/e8\u{7}b",
                &["a", "(247, 242, 232)", "b"],
            ),
            // Alt and a key that answers begin with, and then more keys at once.
            ("\u{1b}]hi", &["alt-]", "h", "i"]),
            ("\u{1b}Phi\r", &["alt-P", "h", "i", "enter"]),
            ("\u{1b}]\u{1b}]x", &["alt-]", "alt-]", "x"]),
            // What is not known means nothing, and holds nothing up.
            ("\u{1b}[?64;1;2cx", &["x"]),
            ("\u{1b}[?1zx\u{1b}[?1;2zA", &["x", "A"]),
            ("\u{1b}]0;title\u{7}x\u{1b}P1$r0m\u{1b}\\y", &["x", "y"]),
            ("\u{1b}[1;\u{1b}[Ax", &["up", "x"]),
            ("\u{1b}[1;\rx", &["enter", "x"]),
            ("\u{1b}[201~x", &["x"]),
        ] {
            assert_eq!(told(bytes.as_bytes()), expected, "{bytes:?}");
        }
        for (bytes, expected) in [
            (&b"\xffa\xc3(\xe4\xbda\x80b"[..], &["a", "(", "a", "b"][..]),
            (b"\xed\xa0\x80c\xf5", &["c"]),
        ] {
            assert_eq!(told(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_nothing_more_comes_of_is_taken_for_what_it_is() {
        for (bytes, expected, patience) in [
            ("\u{1b}", &["esc"][..], ESCAPE_WAIT),
            ("\u{1b}\u{1b}", &["esc", "esc"], ESCAPE_WAIT),
            ("\u{1b}[", &["alt-["], REST_WAIT),
            ("\u{1b}O", &["alt-O"], REST_WAIT),
            ("\u{1b}]", &["alt-]"], REST_WAIT),
            ("\u{1b}P", &["alt-P"], REST_WAIT),
            ("\u{1b}[1;", &[], REST_WAIT),
            ("\u{1b}[M", &[], REST_WAIT),
            ("\u{1b}]11;rgb", &[], REST_WAIT),
            ("\u{1b}[200~", &["<"], PASTE_WAIT),
            ("\u{1b}[200~half\u{1b}[20", &["<half"], PASTE_WAIT),
        ] {
            let mut decoder = Decoder::default();
            let mut inputs = Vec::new();
            decoder.take(bytes.as_bytes(), &mut inputs);
            assert_eq!(
                (&inputs[..], decoder.patience()),
                (&[][..], Some(patience)),
                "{bytes:?}"
            );
            decoder.end(&mut inputs);
            let written: Vec<_> = inputs.iter().map(written).collect();
            assert_eq!(
                (written.as_slice(), decoder.patience()),
                (
                    expected
                        .iter()
                        .map(|text| (*text).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice(),
                    None
                ),
                "{bytes:?}"
            );
            // And the next key is one.
            inputs.clear();
            decoder.take(b"x", &mut inputs);
            assert_eq!(
                inputs,
                [Input::Key(KeyEvent::new(
                    KeyCode::Char('x'),
                    KeyModifiers::NONE
                ))]
            );
        }
    }

    #[test]
    fn nothing_that_is_sent_without_end_grows_without_end() {
        let mut decoder = Decoder::default();
        let mut inputs = Vec::new();
        decoder.take(b"\x1b[", &mut inputs);
        decoder.take(&[b'1'; 1000], &mut inputs);
        assert!(decoder.held.len() <= SEQUENCE_SIZE_MAX);
        decoder.take(b"A\x1b]", &mut inputs);
        decoder.take(&[b'1'; 1000], &mut inputs);
        assert!(decoder.held.len() <= SEQUENCE_SIZE_MAX);
        decoder.take(b"\x07\x1b[200~", &mut inputs);
        assert_eq!(inputs, []);
        let long = vec![b'p'; PASTE_SIZE_MAX + 1000];
        decoder.take(&long, &mut inputs);
        assert!(decoder.held.len() <= PASTE_SIZE_MAX);
        decoder.take(b"\x1b[201~x", &mut inputs);
        let [Input::Paste { text, whole: true }, Input::Key(_)] = &inputs[..] else {
            panic!("{} inputs", inputs.len());
        };
        assert_eq!(text.len(), PASTE_SIZE_MAX);
    }

    /// Bytes that sequences are made of, more often than others.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => prop::sample::select(&b"\x1b[]OPM<;:~umIAx0129?\\\x07\r\xc3\xa4\xf0"[..]).prop_map(|byte| vec![byte]),
            1 => Just(b"\x1b[200~".to_vec()),
            1 => Just(PASTE_END.to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ];
        vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn however_bytes_are_cut_they_mean_the_same_and_leave_nothing_behind(bytes in bytes(), cuts in vec(0..80_usize, 0..5)) {
            let mut decoder = Decoder::default();
            let (mut inputs, mut whole) = (Vec::new(), Vec::new());
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts {
                let cut = cut.clamp(from, bytes.len().max(from)).min(bytes.len());
                decoder.take(&bytes[from..cut], &mut inputs);
                from = cut;
            }
            decoder.take(&bytes[from..], &mut inputs);
            decoder.end(&mut inputs);
            prop_assert_eq!(decoder.patience(), None);
            decoder.take(b"x", &mut inputs);
            prop_assert_eq!(inputs.last(), Some(&Input::Key(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE))));
            let mut at_once = Decoder::default();
            at_once.take(&bytes, &mut whole);
            at_once.end(&mut whole);
            at_once.take(b"x", &mut whole);
            prop_assert_eq!(inputs, whole);
        }
    }
}
