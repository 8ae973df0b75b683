//! Text that means harm, in every place where a stranger's text is shown: no byte of it may act on the terminal.

use fireside::proto::event::{Event, MeshState, Path, Standing, What};
use fireside::tui::canvas::Canvas;
use fireside::tui::view;

use crate::story::{Story, group};

/// One or more of every class: each C0, DEL and C1 is added by the test.
const HOSTILE: &[&str] = &[
    // Sequences that move, clear, colour, rename, answer, or reach the clipboard, in 7 and 8 bits.
    "\u{1b}[2J\u{1b}[1;1H<anna> your key, please",
    "\u{1b}[31;7m status \u{1b}[0m",
    "\u{1b}[?1049l\u{1b}[?1003h\u{1b}[?2004l",
    "\u{1b}[200~/quit\u{1b}[201~",
    "\u{1b}[c\u{1b}[>q\u{1b}[6n\u{1b}[14t",
    "\u{1b}[999999999b",
    "\u{1b}]2;mine\u{7}\u{1b}]0;mine\u{1b}\\",
    "\u{1b}]52;c;cm0gLXJmIH4K\u{7}",
    "\u{1b}]8;;https://one.example/\u{7}https://two.example/\u{1b}]8;;\u{7}",
    "\u{1b}P+q544e\u{1b}\\\u{1b}_Gf=24;AAAA\u{1b}\\\u{1b}^x\u{1b}\\\u{1b}kx\u{1b}\\",
    "\u{1b}c\u{1b}7\u{1b}8\u{1b}#8\u{1b}n\u{1b}(0",
    "\u{9b}2J\u{9d}2;mine\u{9c}\u{90}x\u{9c}\u{85}",
    "\u{1b}\u{200b}[2J \u{1b}\u{1b}[2J \u{1b}[\u{18}2J",
    "\u{1}ACTION x\u{1} \u{2}bold \u{3}4red \u{f}",
    // More lines, or fewer, than there are.
    "a\r\nb\rc\u{2028}d\u{2029}e\u{b}f\u{c}g",
    "\t\t\tx",
    // Order.
    "pay \u{202e}100 ecila\u{202c} \u{202a}x\u{202b}y\u{202d}z",
    "\u{2066}a\u{2067}b\u{2068}c\u{2069}\u{200e}\u{200f}\u{61c}",
    // What is there and not seen.
    "ali\u{200b}ce\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180e}\u{2060}\u{2063}\u{206f}",
    "\u{3164}\u{ffa0}\u{feff}\u{fff9}\u{fffb}\u{fe00}\u{1d173}\u{e0100}\u{e01ef}",
    "\u{e0001}\u{e0069}\u{e0067}\u{e006e}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}x",
    // Not for interchange.
    "\u{e000}\u{f8ff}\u{fdd0}\u{fffe}\u{ffff}\u{10ffff}\u{f0000}\u{fffc}",
    // Piles.
    "z\u{335}\u{321}\u{322}\u{489}\u{335}\u{321}\u{322}\u{489}\u{335}\u{321}\u{322}\u{489}",
    "\u{301}\u{301}\u{301}",
    "👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨\u{200d}👨",
    "\u{1100}\u{1100}\u{1100}\u{1100}\u{1100}\u{1100}\u{1100}\u{1100}",
    "\u{fdfd}\u{fdfd}\u{12031}\u{2e3b}",
    "a\u{200d}b\u{200c}c\u{fe0f}d\u{20e3}",
];

#[test]
fn no_byte_of_hostile_text_acts_on_the_terminal_wherever_it_is_shown() {
    let controls: Vec<String> = (0..0x20)
        .chain(0x7f..0xa0)
        .filter_map(char::from_u32)
        .map(|c| format!("x{c}y"))
        .collect();
    let all = HOSTILE
        .iter()
        .copied()
        .chain(controls.iter().map(String::as_str));
    for text in all {
        let mut story = everywhere(text);
        for (columns, rows) in [(130, 40), (60, 30), (40, 10)] {
            let mut canvas = Canvas::new(columns, rows);
            let cursor = view::draw(&mut story.app, canvas.buffer());
            let title = format!("{} {text}", story.app.title());
            assert_harmless(&canvas.frame(cursor, &title, story.app.strips()), text);
        }
    }
}

/// A screen on which a text stands in every place that takes a stranger's text.
fn everywhere(text: &str) -> Story {
    let owned = || text.to_owned();
    let mut story = Story::of("mats");
    story.joined(text, &[("anna", Standing::Host), ("mats", Standing::Heir)]);
    story.path("anna", Path::Relayed, Some(text), 61);
    let state = MeshState::Linked {
        name: owned(),
        address: "192.0.2.7:7700".parse().unwrap(),
    };
    story.tell(Event::Mesh { state });
    for what in [
        What::Text(owned()),
        What::Action(owned()),
        What::Topic(owned()),
        What::Part(owned()),
        What::Text("between".to_owned()),
        What::Quit(owned()),
    ] {
        story.entry("anna", what);
    }
    let sent = story.sent("mats", text);
    story.failed(sent, text);
    story.tell(Event::Notice {
        group: Some(group("#hearth")),
        text: owned(),
    });
    story.tell(Event::Error {
        group: Some(group("#hearth")),
        what: owned(),
        why: owned(),
        try_: owned(),
    });
    story.app.paste(text);
    story.enter(&format!("/{}", text.replace(char::is_control, "")));
    story
}

/// Takes away what the renderer itself writes; nothing that acts may be left.
#[track_caller]
fn assert_harmless(frame: &str, text: &str) {
    let mut rest = frame;
    while let Some(at) = rest.find('\u{1b}') {
        assert_plain(&rest[..at], text);
        rest = after_own_sequence(&rest[at + 1..])
            .unwrap_or_else(|| panic!("{text:?} left {:?}", &rest[at..]));
    }
    assert_plain(rest, text);
}

fn after_own_sequence(rest: &str) -> Option<&str> {
    if let Some(title) = rest.strip_prefix("]2;") {
        let end = title.find('\u{1b}')?;
        assert_plain(&title[..end], "the title");
        return title[end..].strip_prefix("\u{1b}\\");
    }
    if let Some(link) = rest.strip_prefix("]8;") {
        let (_, target) = link.split_once(';')?;
        let end = target.find('\u{1b}')?;
        assert!(
            target[..end].bytes().all(|byte| byte.is_ascii_graphic()),
            "{target:?}"
        );
        return target[end..].strip_prefix("\u{1b}\\");
    }
    let sequence = rest.strip_prefix('[')?;
    for own in ["?2026h", "?2026l", "?25h", "?25l", "2J"] {
        if let Some(rest) = sequence.strip_prefix(own) {
            return Some(rest);
        }
    }
    let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    sequence[end..].strip_prefix(['H', 'm'])
}

#[track_caller]
fn assert_plain(shown: &str, text: &str) {
    // The renderer's own signs around letters that run from right to left come in pairs.
    let own: Vec<char> = shown
        .chars()
        .filter(|c| ('\u{2068}'..='\u{2069}').contains(c))
        .collect();
    assert!(own.chunks(2).all(|pair| pair == ['\u{2068}', '\u{2069}']) || own.len() <= 1);
    for c in shown.chars().filter(|c| !own.contains(c)) {
        let code = u32::from(c);
        let acts = c.is_control()
            || matches!(code, 0x61c | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
            || matches!(code, 0x3164 | 0xffa0 | 0xe000..=0xf8ff | 0xfff0..=0xfffb | 0xe0000..=0xe0fff);
        assert!(!acts, "{text:?} left U+{code:04X} in {shown:?}");
    }
}
