//! Text from others, made harmless: what comes out moves no cursor, hides nothing and reorders nothing.
//!
//! Cleaned once where text comes in and guarded again where it is drawn. Languages and emoji stay as they were
//! written: joiners, variation selectors and marks are kept where they mean something and dropped elsewhere.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

/// Marks kept on one letter of a text: Vietnamese and Hebrew need three; a dozen climb over the lines above.
const MARKS_MAX: usize = 4;
/// Marks kept on one letter of a name.
const NAME_MARKS_MAX: usize = 2;
/// Code points in one joined emoji: the longest in use (two people, two skin tones, a kiss) has ten.
const JOINED_MAX: usize = 10;
/// Columns a tab stands for.
const TAB: &str = "    ";
/// Stands for what has no meaning to anybody else: private use, noncharacters, raw C1.
const UNKNOWN: char = '\u{fffd}';
/// Carries a mark that came without a letter.
const BARE: char = '\u{25cc}';

/// Cleans a message's text. Line breaks stay; other controls are shown as their pictures (`␛`).
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    clean(text, Kind::Text)
}

/// Cleans a text that has one line: a topic, a reason, an error. Line breaks become blanks.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    clean(text, Kind::Line)
}

/// Cleans a name (nick, group, node) or a window title: whatever is not a letter of it is dropped without a trace.
#[must_use]
pub fn name(text: &str) -> Cow<'_, str> {
    clean(text, Kind::Name)
}

/// Whether a cluster of characters may reach a terminal at all: the last guard of whoever writes cells.
#[must_use]
pub fn is_safe(cluster: &str) -> bool {
    let joins = |c| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}');
    cluster.chars().all(|c| {
        let harms = c.is_control() || is_bidi_control(c) || is_separator(c) || is_private(c);
        let hides = is_invisible(c) && !joins(c) && !(is_tag(c) && cluster.starts_with(FLAG));
        !(harms || hides)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Line,
    Name,
}

fn clean(text: &str, kind: Kind) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = Cleaned {
        text: String::with_capacity(text.len()),
        kind,
        marks: 0,
        joined: 0,
        based: false,
        last: None,
    };
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|&(_, c)| c);
        if c == FLAG {
            let tail = flag_tags(&text[at + c.len_utf8()..]);
            out.take(c, next);
            out.text.push_str(tail);
            for _ in tail.chars() {
                rest.next();
            }
        } else {
            out.take(c, next);
        }
    }
    Cow::Owned(out.text)
}

/// The text cleaned so far, and what the next character may lean on.
struct Cleaned {
    text: String,
    kind: Kind,
    /// Marks since the last letter.
    marks: usize,
    /// Code points since the last one that joins nothing before it.
    joined: usize,
    /// Whether there is something on this line for a mark to sit on.
    based: bool,
    /// The last character kept.
    last: Option<char>,
}

impl Cleaned {
    fn take(&mut self, c: char, next: Option<char>) {
        match c {
            '\r' if next == Some('\n') => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => self.take_break(),
            '\t' => match self.kind {
                Kind::Text | Kind::Line => {
                    self.text.push_str(TAB);
                    self.rest_on(' ');
                }
                Kind::Name => {}
            },
            _ if c.is_control() => self.take_control(c),
            _ if is_bidi_control(c) || is_tag(c) => {}
            '\u{200c}' | '\u{200d}' => self.take_joiner(c, next),
            '\u{fe0e}' | '\u{fe0f}' => {
                let keycap = next == Some('\u{20e3}');
                if self
                    .last
                    .is_some_and(|l| is_emoji(l) || (keycap && is_keycap(l)))
                {
                    self.join(c);
                }
            }
            _ if is_invisible(c) => {}
            _ if is_private(c) => match self.kind {
                Kind::Text | Kind::Line => self.put(UNKNOWN),
                Kind::Name => {}
            },
            _ if is_combining_mark(c) || is_skin_tone(c) && self.last.is_some_and(is_emoji) => {
                self.take_mark(c);
            }
            _ => self.put(c),
        }
    }

    fn take_break(&mut self) {
        match self.kind {
            Kind::Text => {
                self.text.push('\n');
                self.based = false;
                self.last = None;
            }
            Kind::Line => self.put(' '),
            Kind::Name => {}
        }
    }

    /// A control is shown, so that an attempt is seen; in a name it is nothing.
    fn take_control(&mut self, c: char) {
        let picture = match u32::from(c) {
            code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(UNKNOWN),
            0x7f => '\u{2421}',
            _ => UNKNOWN,
        };
        match self.kind {
            Kind::Text | Kind::Line => self.put(picture),
            Kind::Name => {}
        }
    }

    /// A joiner stays between two emoji, or between two letters of a script that is written with it.
    fn take_joiner(&mut self, c: char, next: Option<char>) {
        let (Some(last), Some(next)) = (self.last, next) else {
            return;
        };
        let emoji = c == '\u{200d}'
            && self.joined + 1 < JOINED_MAX
            && (is_emoji(last) || is_skin_tone(last) || last == '\u{fe0f}' || last == '\u{e007f}')
            && is_emoji(next);
        if emoji || (self.kind != Kind::Name && is_joining(last) && is_joining(next)) {
            self.join(c);
        }
    }

    fn take_mark(&mut self, c: char) {
        let marks_max = match self.kind {
            Kind::Text | Kind::Line => MARKS_MAX,
            Kind::Name => NAME_MARKS_MAX,
        };
        if !self.based {
            self.put(BARE);
        }
        if self.marks < marks_max {
            self.marks += 1;
            self.join(c);
        }
    }

    /// Keeps a character that belongs to the one before it.
    fn join(&mut self, c: char) {
        self.text.push(c);
        self.joined += 1;
        self.last = Some(c);
    }

    /// Keeps a character that stands by itself, or is what a joiner led to.
    fn put(&mut self, c: char) {
        let joins = self.last == Some('\u{200d}');
        self.text.push(c);
        let joined = if joins { self.joined + 1 } else { 1 };
        self.rest_on(c);
        self.joined = joined;
    }

    fn rest_on(&mut self, c: char) {
        self.marks = 0;
        self.joined = 1;
        self.based = true;
        self.last = Some(c);
    }
}

const FLAG: char = '\u{1f3f4}';

/// The tags that follow a black flag and spell a region, with the cancel tag; nothing if they are not that.
fn flag_tags(rest: &str) -> &str {
    let mut size = 0;
    for (count, c) in rest.chars().enumerate() {
        size += c.len_utf8();
        match u32::from(c) {
            0xE007F if (3..=6).contains(&count) => return &rest[..size],
            0xE0030..=0xE0039 | 0xE0061..=0xE007A if count < 6 => {}
            _ => return "",
        }
    }
    ""
}

fn is_tag(c: char) -> bool {
    matches!(u32::from(c), 0xE0000..=0xE007F)
}

fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// The characters of UAX #9 that change the order in which others are shown.
fn is_bidi_control(c: char) -> bool {
    matches!(u32::from(c), 0x61C | 0x200E | 0x200F | 0x202A..=0x202E | 0x2066..=0x2069)
}

/// Fillers, joiners, selectors and other characters that are there without being seen.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200D
        | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Private use and noncharacters, and the stand-in for an object that is not here.
fn is_private(c: char) -> bool {
    let code = u32::from(c);
    matches!(code, 0xE000..=0xF8FF | 0xF_0000.. | 0xFDD0..=0xFDEF | 0xFFFC)
        || code & 0xFFFE == 0xFFFE
}

/// Roughly Extended_Pictographic and the regional indicators: what joiners and selectors may follow.
fn is_emoji(c: char) -> bool {
    matches!(u32::from(c),
        0xA9 | 0xAE | 0x203C | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21FF | 0x2300..=0x23FF
        | 0x2460..=0x24FF | 0x25A0..=0x27BF | 0x2900..=0x297F | 0x2B00..=0x2BFF | 0x3030 | 0x303D
        | 0x3297 | 0x3299 | 0x1F000..=0x1FAFF)
}

fn is_skin_tone(c: char) -> bool {
    matches!(u32::from(c), 0x1F3FB..=0x1F3FF)
}

fn is_keycap(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*')
}

/// Letters and marks of scripts in which a joiner changes the shape: Arabic and its kin, Indic, Myanmar, Khmer, Mongolian.
fn is_joining(c: char) -> bool {
    matches!(u32::from(c), 0x600..=0x8FF | 0x900..=0xDFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x1800..=0x18AF
        | 0xFB50..=0xFDCF | 0xFDF0..=0xFDFF | 0xFE70..=0xFEFE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    #[test]
    fn what_people_write_stays_as_they_wrote_it() {
        for kept in [
            "plain words",
            "e\u{301} \u{e9} nfd and nfc",
            "שלום עולם",
            "مرحبا",
            "می\u{200c}خواهم",
            "क्\u{200d}ष \u{964}\u{966}",
            "กำลังใจ",
            "Tiếng Việt",
            "你好世界",
            "ｶﾞ halfwidth",
            "❤\u{fe0f} ☕ 🔥",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩🏻\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏼",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
            "🇩🇪",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "two\nlines",
        ] {
            assert_eq!(text(kept), kept);
        }
    }

    #[test]
    fn controls_are_seen_and_do_nothing() {
        for (hostile, shown) in [
            ("\u{1b}[2J", "␛[2J"),
            ("\u{1b}]52;c;aGk=\u{7}", "␛]52;c;aGk=␇"),
            ("a\u{8}b\u{7f}c\0", "a␈b␡c␀"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("a\r\nb\rc\u{85}d\u{2028}e", "a\nb\nc\nd\ne"),
            ("\tx", "    x"),
            ("pay \u{202e}100 ecila\u{202c}", "pay 100 ecila"),
            ("ali\u{200b}ce\u{2060}\u{feff}\u{ad}\u{3164}", "alice"),
            ("ali\u{200d}ce\u{fe0f}\u{e0041}", "alice"),
            (
                "\u{f8ff}\u{10ffff}\u{fdd0}\u{fffc}",
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("\u{1f3f4}\u{e0067}x", "\u{1f3f4}x"),
            ("\u{301}x", "\u{25cc}\u{301}x"),
        ] {
            assert_eq!(text(hostile), shown, "{hostile:?}");
        }
    }

    #[test]
    fn a_line_has_one_line_and_a_name_has_no_trace() {
        assert_eq!(line("a\nb\u{2029}c\u{1b}"), "a b c␛");
        assert_eq!(name("an\u{1b}[1mna\n\t\u{202e}\u{200d}\u{f8ff}"), "an[1mna");
        assert_eq!(name("o\u{301}\u{302}\u{303}\u{304}"), "o\u{301}\u{302}");
    }

    #[test]
    fn marks_and_joiners_do_not_pile_up() {
        let zalgo = format!("h{}", "\u{335}\u{321}".repeat(20));
        assert_eq!(text(&zalgo).chars().count(), 1 + MARKS_MAX);
        let chain = "👨\u{200d}".repeat(40);
        let cleaned = text(&chain);
        for cluster in cleaned.graphemes(true) {
            assert!(cluster.chars().count() <= JOINED_MAX, "{cluster:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_comes_out_and_cleaning_twice_changes_nothing(junk in any::<String>()) {
            for cleaned in [text(&junk), line(&junk), name(&junk)] {
                prop_assert!(cleaned.graphemes(true).all(|cluster| cluster == "\n" || is_safe(cluster)), "{cleaned:?}");
            }
            prop_assert!(!line(&junk).contains('\n'));
            let once = text(&junk).into_owned();
            prop_assert_eq!(text(&once), once.as_str());
        }
    }
}
