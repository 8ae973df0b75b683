//! Texts that mean harm, place by place: what of them reaches a terminal is counted in the raw bytes, and must be
//! nothing. `cargo test --test screens corpus -- --nocapture` prints the count.
//!
//! `corpus/text.txt` has a text a line, as JSON, and what it tries behind a tab; `corpus/bytes.txt` has bytes that
//! are no UTF-8, in hexadecimal.

use std::fmt;

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::face::Stored;
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, MeshState, Path, Standing, What};
use fireside::proto::id::{GroupName, Nick, Number, Place, Seq};
use fireside::proto::past::{Ask, Told};
use fireside::sanitize;
use fireside::tui::canvas::Canvas;
use fireside::tui::view;

use crate::story::{Story, group, id, nick};

/// Texts longer than this are shown in one place only: they differ in length alone.
const LONG: usize = 2_000;
const MARKS_MAX: usize = 4;

/// Every text there is, without what it tries.
pub(crate) fn texts() -> Vec<String> {
    let texts = include_str!("corpus/text.txt").lines().map(|line| {
        let (text, _) = line.split_once('\t').unwrap();
        // Half a pair of surrogates is no text, and comes as what stands for it.
        serde_json::from_str(text).unwrap_or_else(|_| "\u{fffd}".to_owned())
    });
    let bytes = include_str!("corpus/bytes.txt").lines().map(|line| {
        let (bytes, _) = line.split_once('\t').unwrap();
        let bytes = data_encoding::HEXLOWER.decode(bytes.as_bytes()).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    texts.chain(bytes).collect()
}

/// How much of each kind reached the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Harm {
    /// Controls, and sequences that are not our own.
    acts: usize,
    /// What changes the order of what is read.
    reorders: usize,
    /// What is there and not seen.
    hides: usize,
    /// Marks that climb over other rows.
    piles: usize,
}

impl Harm {
    /// Judges what a screen wrote, without the renderer's own sequences.
    pub(crate) fn of_screen(bytes: &str) -> Self {
        let mut harm = Self::default();
        let mut rest = bytes;
        while let Some(at) = rest.find('\u{1b}') {
            harm.add(Self::of(&rest[..at]));
            rest = match own(&rest[at + 1..]) {
                Some((inner, rest)) => {
                    harm.add(Self::of(inner));
                    rest
                }
                None => {
                    harm.acts += 1;
                    &rest[at + 1..]
                }
            };
        }
        harm.add(Self::of(rest));
        harm
    }

    /// Judges text that is to have no sequence at all.
    fn of(text: &str) -> Self {
        let mut harm = Self::default();
        // The renderer isolates letters that run from right to left, by a pair of its own.
        let pairs = [
            text.matches('\u{2068}').count(),
            text.matches('\u{2069}').count(),
        ];
        harm.reorders += pairs[0].abs_diff(pairs[1]).saturating_sub(1);
        let (mut marks, mut last) = (0, ' ');
        let mut in_flag = false;
        for c in text.chars() {
            let code = u32::from(c);
            in_flag = c == '\u{1f3f4}' || in_flag && (0xe0020..=0xe007f).contains(&code);
            harm.acts += usize::from(c.is_control());
            harm.reorders += usize::from(matches!(
                code,
                0x61c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066 | 0x2067
            ));
            let joins = matches!(code, 0x200c | 0x200d | 0xfe0e | 0xfe0f);
            let hides = matches!(code, 0xad | 0x34f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b
                | 0x2060..=0x2065 | 0x206a..=0x206f | 0x3164 | 0xfe00..=0xfe0d | 0xfeff | 0xffa0 | 0xe000..=0xf8ff
                | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0x10ffff);
            let joins_letters = joins && last.is_ascii_alphanumeric() && code < 0xfe00;
            harm.hides += usize::from(hides && !in_flag || joins_letters);
            let is_mark = matches!(code, 0x300..=0x36f | 0x483..=0x489 | 0x1ab0..=0x1aff | 0x20d0..=0x20f0 | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e);
            marks = if is_mark { marks + 1 } else { 0 };
            harm.piles += usize::from(marks > MARKS_MAX);
            last = c;
        }
        harm
    }

    fn add(&mut self, other: Self) {
        self.acts += other.acts;
        self.reorders += other.reorders;
        self.hides += other.hides;
        self.piles += other.piles;
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acts,
            reorders,
            hides,
            piles,
        } = self;
        write!(f, "{acts:>6} {reorders:>9} {hides:>6} {piles:>6}")
    }
}

/// What is inside one of the renderer's own sequences, and what follows it.
fn own(rest: &str) -> Option<(&str, &str)> {
    for (start, end) in [("]2;", "\u{1b}\\"), ("]8;", "\u{1b}\\")] {
        if let Some(inner) = rest.strip_prefix(start) {
            return inner.split_once(end);
        }
    }
    let sequence = rest.strip_prefix('[')?;
    for own in ["?2026h", "?2026l", "?25h", "?25l", "2J", "r"] {
        if let Some(rest) = sequence.strip_prefix(own) {
            return Some(("", rest));
        }
    }
    let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let rest = sequence[end..].strip_prefix(['H', 'm', 'r', 'S', 'T'])?;
    Some(("", rest))
}

/// Shows a text in one place; nothing if it cannot come there, since it is refused at the border.
type Show = fn(&str) -> Option<Story>;

const PLACES: &[(&str, Show)] = &[
    ("log: said", |text| Some(told(What::Text(text.to_owned())))),
    ("log: done", |text| {
        Some(told(What::Action(text.to_owned())))
    }),
    ("log: why somebody left", |text| {
        Some(told(What::Quit(text.to_owned())))
    }),
    ("log: why ours failed", |text| {
        let mut story = hearth();
        let sent = story.sent("mats", text);
        story.failed(sent, text);
        Some(story)
    }),
    ("log: notice, error", |text| {
        let mut story = hearth();
        let (group, owned) = (Some(group("#hearth")), || text.to_owned());
        story.tell(Event::Notice {
            group: group.clone(),
            text: owned(),
        });
        let (what, why, try_) = (owned(), owned(), owned());
        story.tell(Event::Error {
            group,
            what,
            why,
            try_,
        });
        Some(story)
    }),
    ("log: bare", |text| {
        let mut story = told(What::Text(text.to_owned()));
        story.key(KeyCode::Char('l'), KeyModifiers::ALT);
        Some(story)
    }),
    ("log: a line taken", |text| {
        let mut story = told(What::Text(text.to_owned()));
        story.key(KeyCode::Up, KeyModifiers::SHIFT);
        Some(story)
    }),
    ("topic, and who set it", |text| {
        Some(told(What::Topic(text.to_owned())))
    }),
    ("topic, at the door", |text| {
        let mut story = Story::of("mats");
        story.joined(text, &[("anna", Standing::Host)]);
        Some(story)
    }),
    ("status: path, mesh", |text| {
        let mut story = hearth();
        let (name, address) = (text.to_owned(), "192.0.2.7:7700".parse().unwrap());
        story.tell(Event::Mesh {
            state: MeshState::Linked { name, address },
        });
        story.path("anna", Path::Relayed, Some(text), 61);
        Some(story)
    }),
    ("members, groups, title", |text| {
        let name = Nick::parse(text).ok()?;
        let mut story = hearth();
        if let Ok(group) = GroupName::parse(&format!("#{name}")) {
            story.in_group(group.as_str());
        }
        story.joined(
            "",
            &[("anna", Standing::Host), (name.as_str(), Standing::Heir)],
        );
        story.say(name.as_str(), "hi");
        Some(story)
    }),
    ("pop-up: nicks", |text| {
        let name = Nick::parse(text).ok()?;
        let mut story = hearth();
        story.people(&[
            ("anna", Standing::Host),
            (name.as_str(), Standing::Heir),
            ("bob", Standing::Member),
        ]);
        story.key(KeyCode::Tab, KeyModifiers::NONE);
        Some(story)
    }),
    ("pop-up: go to", |text| {
        let group = GroupName::parse(&format!("#{text}")).ok()?;
        let mut story = hearth();
        story
            .in_group(group.as_str())
            .joined("", &[("anna", Standing::Host)]);
        story.key(KeyCode::Char('g'), KeyModifiers::ALT);
        Some(story)
    }),
    ("pop-up: found", |text| {
        let mut story = hearth();
        let line = story.line("anna", What::Text(text.to_owned()));
        for command in story.enter("/search kettle") {
            if let Command::Past(Ask::Search { query, .. }) = command {
                let (lines, more) = (vec![line.clone()], false);
                story.tell(Event::Past(Told::Found { query, lines, more }));
            }
        }
        Some(story)
    }),
    ("pop-up: links", |text| {
        let mut story = told(What::Text(format!("https://hearth.example/{text}")));
        story.key(KeyCode::Char('o'), KeyModifiers::ALT);
        Some(story)
    }),
    ("the line being written", |text| {
        let mut story = hearth();
        story.app.paste(text);
        Some(story)
    }),
    ("a command refused", |text| {
        let mut story = hearth();
        story.type_text("/");
        story.app.paste(text);
        story.key(KeyCode::Enter, KeyModifiers::NONE);
        story.key(KeyCode::Enter, KeyModifiers::NONE);
        Some(story)
    }),
];

fn hearth() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "bring wood",
        &[("anna", Standing::Host), ("mats", Standing::Heir)],
    );
    story
}

fn told(what: What) -> Story {
    let mut story = hearth();
    story.entry("anna", what);
    story
}

#[test]
fn nothing_of_the_corpus_acts_hides_or_reorders_in_any_place() {
    let texts = texts();
    assert!(texts.len() > 170);
    println!(
        "{:<26} {:>5} {:>6} {:>9} {:>6} {:>6}",
        "place", "texts", "acts", "reorders", "hides", "piles"
    );
    let mut all = Harm::default();
    let mut tell = |place: &str, count: usize, harm: Harm| {
        println!("{place:<26} {count:>5} {harm}");
        all.add(harm);
    };
    for (n, (name, show)) in PLACES.iter().enumerate() {
        let (mut shown, mut harm) = (0, Harm::default());
        let fitting = texts.iter().filter(|text| n == 0 || text.len() < LONG);
        for mut story in fitting.filter_map(|text| show(text)) {
            let mut canvas = Canvas::new(96, 14);
            let cursor = view::draw(&mut story.app, canvas.buffer());
            let title = story.app.title();
            harm.add(Harm::of_screen(&canvas.frame(
                cursor,
                &title,
                story.app.strips(),
            )));
            shown += 1;
        }
        assert!(shown > 20, "{name}");
        tell(name, shown, harm);
    }
    for (name, as_json) in [
        ("--plain, and its export", false),
        ("--json, and its export", true),
    ] {
        let (mut count, mut harm) = (0, Harm::default());
        for line in texts.iter().flat_map(|text| lines(text)) {
            let mut stored = Stored::new(as_json);
            for row in stored.write(&line) {
                let found = Harm::of(&row);
                // A program is given every character; of its row nothing acts or changes the order.
                let kept = match as_json {
                    true => (0, 0),
                    false => (found.hides, found.piles),
                };
                let (hides, piles) = kept;
                harm.add(Harm {
                    hides,
                    piles,
                    ..found
                });
            }
            count += 1;
        }
        tell(name, count, harm);
    }
    assert_eq!(all, Harm::default());
}

fn lines(text: &str) -> Vec<Line> {
    let mut story = hearth();
    let owned = || text.to_owned();
    [
        What::Text(owned()),
        What::Action(owned()),
        What::Topic(owned()),
        What::Part(owned()),
    ]
    .into_iter()
    .map(|what| story.line("anna", what))
    .collect()
}

#[test]
fn the_judge_sees_what_is_let_through() {
    for (raw, harm) in [
        (
            "\u{1b}[3J",
            Harm {
                acts: 1,
                ..Harm::default()
            },
        ),
        (
            "a\u{7}\u{9b}b",
            Harm {
                acts: 2,
                ..Harm::default()
            },
        ),
        (
            "\u{1b}]2;a\u{202e}b\u{1b}\\",
            Harm {
                reorders: 1,
                ..Harm::default()
            },
        ),
        (
            "ali\u{200b}ce a\u{200d}b \u{e0069}",
            Harm {
                hides: 3,
                ..Harm::default()
            },
        ),
        (
            "z\u{335}\u{335}\u{335}\u{335}\u{335}\u{335}",
            Harm {
                piles: 2,
                ..Harm::default()
            },
        ),
        ("\u{1b}[1;1H\u{2068}\u{5e9}\u{2069}", Harm::default()),
    ] {
        assert_eq!(Harm::of_screen(raw), harm, "{raw:?}");
    }
}

#[test]
fn what_people_write_stays_as_it_is() {
    for text in [
        "שלום עולם",
        "مرحبا بالعالم",
        "می\u{200c}خواهم",
        "สวัสดีครับ น้ำ",
        "नमस्ते क्\u{200d}ष",
        "e\u{301} é",
        "ﾊﾟｿｺﾝ",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈 👍🏽 1\u{fe0f}\u{20e3} 🇩🇪",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "[2J",
        "//quit",
        "Việt Nam",
    ] {
        assert_eq!(sanitize::text(text), text);
        assert_eq!(Harm::of(text), Harm::default(), "{text}");
    }
}

/// What a stranger says and does in a real terminal, see `terminal.rs`.
pub(crate) fn said_by_a_stranger(after: Place, n: u64, text: &str) -> Vec<Event> {
    let mut story = hearth();
    let number = 10_000 + 2 * n;
    let whats = [What::Text(text.to_owned()), What::Topic(text.to_owned())];
    let entry = |(what, number)| {
        let mut line = story.line("anna", what);
        (line.id.author, line.id.number, line.from) = (id("bob"), Number(number), nick("bob"));
        line.place = Place {
            seq: Seq(number),
            ..after
        };
        Event::Entry(line)
    };
    whats.into_iter().zip(number..).map(entry).collect()
}
