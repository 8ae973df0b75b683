//! What the characters of a text mean beyond themselves: links, words to be noticed, light markdown, IRC's codes.
//!
//! The text stays as it was written, but for the codes: the signs of markdown remain, only faint, so that nothing
//! is lost where they were no markdown, and what is copied is what was said.

use std::ops::Range;
use std::rc::Rc;

use ratatui::style::Modifier;

use super::codes;
use super::highlight::Highlights;
use super::link;

/// What markdown marks is at most this long, in bytes: what goes on for longer was no markdown.
const MARKED_SIZE_MAX: usize = 2_000;

/// How much is read into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Said by somebody else, perhaps to us.
    Theirs,
    /// Said by us.
    Ours,
    /// Told by this face, or by the network: only links mean anything.
    Told,
}

/// What a stretch of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// A sign of markdown.
    Marker,
    Code,
    Link,
    Mention,
    /// Not to be seen before it is asked for.
    Hidden,
}

/// How a stretch of text is drawn, over the style of its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ink {
    pub(crate) tone: Tone,
    pub(crate) modifier: Modifier,
    /// Numbers of IRC's colours.
    pub(crate) fg: Option<u8>,
    pub(crate) bg: Option<u8>,
    /// Which of the links it belongs to.
    pub(crate) link: Option<u16>,
}

/// A text and what it means.
#[derive(Debug)]
pub(crate) struct Rich {
    pub(crate) text: String,
    /// Where each ink begins, from 0.
    inks: Vec<(usize, Ink)>,
    links: Vec<Option<Rc<str>>>,
}

impl Rich {
    /// Reads a cleaned text.
    pub(crate) fn read(text: &str, reading: Reading, highlights: &Highlights, us: &str) -> Self {
        let coded = match reading {
            Reading::Theirs | Reading::Ours => codes::read(text),
            Reading::Told => None,
        };
        let (text, begins) = coded.unwrap_or_else(|| (text.to_owned(), Vec::new()));
        let mut paint = vec![Ink::default(); text.len()];
        for (n, (begin, coded)) in begins.iter().enumerate() {
            let end = begins.get(n + 1).map_or(text.len(), |(end, _)| *end);
            for ink in &mut paint[*begin..end] {
                (ink.modifier, ink.fg, ink.bg) = (coded.modifier, coded.fg, coded.bg);
            }
        }
        let mut links = Vec::new();
        for range in link::find(&text) {
            let number = u16::try_from(links.len()).ok();
            links.push(link::target(&text[range.clone()]).map(Rc::from));
            for ink in &mut paint[range] {
                ink.tone = Tone::Link;
                ink.link = number;
            }
        }
        if reading != Reading::Told {
            Markdown::new(&text, &mut paint).read();
        }
        if reading == Reading::Theirs {
            for ink in highlights.find(&text, us).into_iter().flatten() {
                if paint[ink].tone == Tone::Plain {
                    paint[ink].tone = Tone::Mention;
                }
            }
        }
        let mut inks: Vec<(usize, Ink)> = Vec::new();
        for (at, ink) in paint.into_iter().enumerate() {
            if inks.last().is_none_or(|(_, last)| *last != ink) {
                inks.push((at, ink));
            }
        }
        Self { text, inks, links }
    }

    /// Adds words of this face at the end.
    pub(crate) fn add(&mut self, words: &str) {
        self.inks.push((self.text.len(), Ink::default()));
        self.text.push_str(words);
    }

    /// The stretches of a part of the text, each of one ink.
    pub(crate) fn runs(&self, part: Range<usize>) -> impl Iterator<Item = (Range<usize>, Ink)> {
        let first = self
            .inks
            .partition_point(|(begin, _)| *begin <= part.start)
            .saturating_sub(1);
        let nexts = self.inks.iter().skip(first + 1).map(|(begin, _)| *begin);
        self.inks[first.min(self.inks.len())..]
            .iter()
            .zip(nexts.chain([self.text.len()]))
            .map(move |((begin, ink), end)| ((*begin).max(part.start)..end.min(part.end), *ink))
            .take_while(|(run, _)| !run.is_empty())
    }

    /// Where a stretch leads, if it is a link that a terminal can take.
    pub(crate) fn target(&self, ink: Ink) -> Option<Rc<str>> {
        self.links.get(usize::from(ink.link?))?.clone()
    }

    /// All links, in the order of the text.
    pub(crate) fn targets(&self) -> impl DoubleEndedIterator<Item = &Rc<str>> {
        self.links.iter().flatten()
    }
}

/// Signs of markdown, the longer of two that begin alike first.
const SIGNS: &[(&str, Mark)] = &[
    ("```", Mark::Code),
    ("`", Mark::Code),
    ("**", Mark::Shape(Modifier::BOLD)),
    ("*", Mark::Shape(Modifier::BOLD)),
    ("_", Mark::Shape(Modifier::ITALIC)),
    ("~~", Mark::Shape(Modifier::CROSSED_OUT)),
    ("||", Mark::Hidden),
];

#[derive(Clone, Copy)]
enum Mark {
    Shape(Modifier),
    Code,
    Hidden,
}

/// Reads markdown in one pass: at each sign that can open it looks for the one that closes.
struct Markdown<'a> {
    text: &'a str,
    paint: &'a mut [Ink],
    /// For each sign, up to where it is known that none closes.
    none_before: [usize; SIGNS.len()],
}

impl<'a> Markdown<'a> {
    fn new(text: &'a str, paint: &'a mut [Ink]) -> Self {
        Self {
            text,
            paint,
            none_before: [0; SIGNS.len()],
        }
    }

    fn read(mut self) {
        let mut at = 0;
        while let Some(found) = self.text[at..].find(['`', '*', '_', '~', '|']) {
            at += found;
            at = self.read_sign(at);
        }
    }

    /// Reads what stands at a sign. Where to go on.
    fn read_sign(&mut self, at: usize) -> usize {
        let sign = SIGNS
            .iter()
            .position(|(sign, _)| self.text[at..].starts_with(sign));
        let Some(number) = sign.filter(|_| self.paint[at].tone == Tone::Plain) else {
            return at + 1;
        };
        let (sign, mark) = SIGNS[number];
        let inner = at + sign.len();
        if !self.opens(at, inner, sign) || at < self.none_before[number] {
            return inner;
        }
        let Some(close) = self.close(inner, sign) else {
            let line_end = self.text[at..]
                .find('\n')
                .map_or(self.text.len(), |n| at + n);
            self.none_before[number] = line_end.min(at + MARKED_SIZE_MAX / 2);
            return inner;
        };
        let end = close + sign.len();
        for ink in self.paint[at..inner].iter_mut() {
            ink.tone = Tone::Marker;
        }
        for ink in self.paint[close..end].iter_mut() {
            ink.tone = Tone::Marker;
        }
        let marked = &mut self.paint[inner..close];
        match mark {
            Mark::Shape(modifier) => {
                marked.iter_mut().for_each(|ink| ink.modifier |= modifier);
                inner
            }
            Mark::Code => {
                let plain = marked.iter_mut().filter(|ink| ink.tone == Tone::Plain);
                plain.for_each(|ink| ink.tone = Tone::Code);
                end
            }
            Mark::Hidden => {
                marked.iter_mut().for_each(|ink| ink.tone = Tone::Hidden);
                end
            }
        }
    }

    /// Whether a sign stands where something begins: not after a letter, and before something.
    fn opens(&self, at: usize, inner: usize, sign: &str) -> bool {
        let before = self.text[..at].chars().next_back();
        let after = self.text[inner..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric() && !sign.starts_with(c))
            && after.is_some_and(|c| (sign == "```" || !c.is_whitespace()) && !sign.starts_with(c))
    }

    /// Where the sign stands again that closes: after something, and not before a letter.
    fn close(&self, inner: usize, sign: &str) -> Option<usize> {
        let mut reach = (inner + MARKED_SIZE_MAX).min(self.text.len());
        while !self.text.is_char_boundary(reach) {
            reach -= 1;
        }
        let mut within = &self.text[inner..reach];
        if sign != "```" {
            within = within.split('\n').next().unwrap_or(within);
        }
        within
            .match_indices(sign)
            .map(|(n, _)| inner + n)
            .find(|&close| {
                let before = self.text[..close].chars().next_back();
                let after = self.text[close + sign.len()..].chars().next();
                close > inner
                    && self.paint[close].tone == Tone::Plain
                    && before.is_some_and(|c| sign == "```" || !c.is_whitespace())
                    && after.is_none_or(|c| !c.is_alphanumeric() && !sign.starts_with(c))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text with the tone or shape of each stretch before it.
    fn told(text: &str) -> String {
        let text = crate::sanitize::text(text);
        let rich = Rich::read(&text, Reading::Theirs, &Highlights::default(), "mats");
        let mut told = String::new();
        for (run, ink) in rich.runs(0..rich.text.len()) {
            let sign = match (ink.tone, ink.modifier) {
                (Tone::Plain, Modifier::BOLD) => "b:",
                (Tone::Plain, Modifier::ITALIC) => "i:",
                (Tone::Plain, shape) if shape.is_empty() => "",
                (Tone::Plain, _) => "bi:",
                (Tone::Marker, _) => "m:",
                (Tone::Code, _) => "c:",
                (Tone::Link, _) => "l:",
                (Tone::Mention, _) => "us:",
                (Tone::Hidden, _) => "h:",
            };
            told.push_str(&format!("[{sign}{}]", &rich.text[run]));
        }
        told
    }

    #[test]
    fn signs_mark_what_is_between_them_and_stay() {
        for (text, expected) in [
            ("plain", "[plain]"),
            ("a *bold* word", "[a ][m:*][b:bold][m:*][ word]"),
            ("*a _b_ c*", "[m:*][b:a ][m:_][bi:b][m:_][b: c][m:*]"),
            ("**two**, `*x*`", "[m:**][b:two][m:**][, ][m:`][c:*x*][m:`]"),
            ("so ||it was him||", "[so ][m:||][h:it was him][m:||]"),
            (
                "```\nlet x = *y*;\n```",
                "[m:```][c:\nlet x = *y*;\n][m:```]",
            ),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_sign_means_nothing() {
        for text in [
            "5*3*2 and 2 * 3 * 4",
            "snake_case_name __init__",
            "*open",
            "a*",
            "* item\n* item",
            "`open\nclosed`",
            "a || b || c",
            "~~~~",
            "** **",
        ] {
            assert_eq!(told(text), format!("[{text}]"));
        }
    }

    #[test]
    fn links_and_our_nick_are_seen_through_markdown_and_codes() {
        assert_eq!(
            told("mats: *see* https://a.org/_x_y_ mats"),
            "[us:mats][: ][m:*][b:see][m:*][ ][l:https://a.org/_x_y][_ ][us:mats]"
        );
        assert_eq!(
            told("\u{2}bold\u{2} \u{3}4hot"),
            "[b:bold][ hot]".replace(" hot]", " ][hot]")
        );
    }

    #[test]
    fn our_own_words_and_what_is_told_mark_less() {
        let tones = |text, reading| -> Vec<Tone> {
            let rich = Rich::read(text, reading, &Highlights::default(), "mats");
            rich.runs(0..rich.text.len())
                .map(|(_, ink)| ink.tone)
                .collect()
        };
        assert_eq!(tones("mats *x*", Reading::Told), [Tone::Plain]);
        assert_eq!(tones("mats", Reading::Ours), [Tone::Plain]);
        assert_eq!(tones("www.a.org", Reading::Told), [Tone::Link]);
    }

    proptest! {
        #[test]
        fn runs_cover_their_part_without_gaps(text in "[a-z*_`|~ \n\u{2}\u{3}0-9:/.é你]{0,60}", cut in any::<prop::sample::Index>()) {
            let text = crate::sanitize::text(&text);
            let rich = Rich::read(&text, Reading::Theirs, &Highlights::default(), "a");
            let all: String = rich.runs(0..rich.text.len()).map(|(run, _)| &rich.text[run]).collect();
            prop_assert_eq!(&all, &rich.text);
            let boundaries: Vec<usize> = rich.text.char_indices().map(|(at, _)| at).collect();
            if !boundaries.is_empty() {
                let from = boundaries[cut.index(boundaries.len())];
                let rest: String = rich.runs(from..rich.text.len()).map(|(run, _)| &rich.text[run]).collect();
                prop_assert_eq!(&rest, &rich.text[from..]);
            }
        }
    }
}
