//! The codes that IRC clients put into text: bold, italic, colours. They are read from their pictures (`␂`), which
//! is what cleaning makes of them, so that a code can never act by itself.

use ratatui::style::Modifier;

const BOLD: char = '\u{2402}';
const COLOUR: char = '\u{2403}';
const HEX: char = '\u{2404}';
const RESET: char = '\u{240f}';
const MONO: char = '\u{2411}';
const REVERSE: char = '\u{2416}';
const ITALIC: char = '\u{241d}';
const STRIKE: char = '\u{241e}';
const UNDERLINE: char = '\u{241f}';

/// How a stretch of text was coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coded {
    pub(crate) modifier: Modifier,
    /// Numbers of [`RGB`].
    pub(crate) fg: Option<u8>,
    pub(crate) bg: Option<u8>,
}

/// The text without codes, and where each way of writing begins in it. Nothing for a text without any.
pub(crate) fn read(text: &str) -> Option<(String, Vec<(usize, Coded)>)> {
    if !text.contains(is_code) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut begins = Vec::new();
    let mut coded = Coded::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            BOLD => coded.modifier.toggle(Modifier::BOLD),
            ITALIC => coded.modifier.toggle(Modifier::ITALIC),
            UNDERLINE => coded.modifier.toggle(Modifier::UNDERLINED),
            STRIKE => coded.modifier.toggle(Modifier::CROSSED_OUT),
            REVERSE => coded.modifier.toggle(Modifier::REVERSED),
            RESET => coded = Coded::default(),
            MONO => continue,
            COLOUR => rest = read_colours(rest, &mut coded),
            // Any of sixteen million: nothing that is sure to be readable here.
            HEX => rest = skip_hex(rest),
            c => {
                out.push(c);
                continue;
            }
        }
        begins.push((out.len(), coded));
    }
    Some((out, begins))
}

/// The red, green and blue of a number, as the first sixteen have been since mIRC and the rest by agreement.
pub(crate) fn rgb(number: u8) -> Option<(u8, u8, u8)> {
    let [_, r, g, b] = RGB.get(usize::from(number))?.to_be_bytes();
    Some((r, g, b))
}

fn is_code(c: char) -> bool {
    matches!(
        c,
        BOLD | COLOUR | HEX | RESET | MONO | REVERSE | ITALIC | STRIKE | UNDERLINE
    )
}

/// Reads `N`, `NN` or `NN,NN`; no number ends all colour.
fn read_colours<'a>(rest: &'a str, coded: &mut Coded) -> &'a str {
    let (fg, rest) = number(rest);
    coded.fg = fg;
    if fg.is_none() {
        coded.bg = None;
        return rest;
    }
    match rest.strip_prefix(',').map(number) {
        Some((Some(bg), rest)) => {
            coded.bg = Some(bg);
            rest
        }
        Some((None, _)) | None => rest,
    }
}

fn number(text: &str) -> (Option<u8>, &str) {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    (text[..digits].parse().ok(), &text[digits..])
}

fn skip_hex(rest: &str) -> &str {
    let six = |text: &str| {
        text.get(..6)
            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let after = if six(rest) { &rest[6..] } else { return rest };
    match after.strip_prefix(',') {
        Some(ground) if six(ground) => &ground[6..],
        Some(_) | None => after,
    }
}

const RGB: [u32; 99] = [
    0xffffff, 0x000000, 0x00007f, 0x009300, 0xff0000, 0x7f0000, 0x9c009c, 0xfc7f00, 0xffff00,
    0x00fc00, 0x009393, 0x00ffff, 0x0000fc, 0xff00ff, 0x7f7f7f, 0xd2d2d2, 0x470000, 0x472100,
    0x474700, 0x324700, 0x004700, 0x00472c, 0x004747, 0x002747, 0x000047, 0x2e0047, 0x470047,
    0x47002a, 0x740000, 0x743a00, 0x747400, 0x517400, 0x007400, 0x007449, 0x007474, 0x004074,
    0x000074, 0x4b0074, 0x740074, 0x740045, 0xb50000, 0xb56300, 0xb5b500, 0x7db500, 0x00b500,
    0x00b571, 0x00b5b5, 0x0063b5, 0x0000b5, 0x7500b5, 0xb500b5, 0xb5006b, 0xff0000, 0xff8c00,
    0xffff00, 0xb2ff00, 0x00ff00, 0x00ffa0, 0x00ffff, 0x008cff, 0x0000ff, 0xa500ff, 0xff00ff,
    0xff0098, 0xff5959, 0xffb459, 0xffff71, 0xcfff60, 0x6fff6f, 0x65ffc9, 0x6dffff, 0x59b4ff,
    0x5959ff, 0xc459ff, 0xff66ff, 0xff59bc, 0xff9c9c, 0xffd39c, 0xffff9c, 0xe2ff9c, 0x9cff9c,
    0x9cffdb, 0x9cffff, 0x9cd3ff, 0x9c9cff, 0xdc9cff, 0xff9cff, 0xff94d3, 0x000000, 0x131313,
    0x282828, 0x363636, 0x4d4d4d, 0x656565, 0x818181, 0x9f9f9f, 0xbcbcbc, 0xe2e2e2, 0xffffff,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(raw: &str) -> (String, Vec<(usize, Coded)>) {
        read(&crate::sanitize::text(raw)).unwrap()
    }

    #[test]
    fn codes_are_read_and_taken_out() {
        let (text, begins) = told("a\u{2}b\u{1d}c\u{f}d");
        assert_eq!(text, "abcd");
        let both = Modifier::BOLD | Modifier::ITALIC;
        let modifiers: Vec<_> = begins
            .iter()
            .map(|(at, coded)| (*at, coded.modifier))
            .collect();
        assert_eq!(
            modifiers,
            [(1, Modifier::BOLD), (2, both), (3, Modifier::empty())]
        );
        assert_eq!(read("nothing coded"), None);
    }

    #[test]
    fn colours_are_one_or_two_numbers_of_one_or_two_digits() {
        for (raw, text, fg, bg) in [
            ("\u{3}4red", "red", Some(4), None),
            ("\u{3}04,12x", "x", Some(4), Some(12)),
            ("\u{3}123", "3", Some(12), None),
            ("\u{3}4,x", ",x", Some(4), None),
            ("\u{3}4,5\u{3}plain", "plain", None, None),
            ("\u{4}ff0000,00ff00x", "x", None, None),
        ] {
            let (out, begins) = told(raw);
            let coded = begins.last().unwrap().1;
            assert_eq!(
                (out.as_str(), coded.fg, coded.bg),
                (text, fg, bg),
                "{raw:?}"
            );
        }
        assert_eq!(rgb(4), Some((255, 0, 0)));
        assert_eq!(rgb(99), None);
    }
}
