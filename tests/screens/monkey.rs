//! Somebody who presses any key at any time, while others talk and the terminal changes its size: nothing breaks,
//! and every frame is a frame.
//!
//! A failure names its seed; `SEED=7 cargo test --test screens monkey` plays that one again.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Standing, Tenure, What};
use fireside::proto::past::{Ask, Told};

use crate::story::Story;

const MONKEYS: u64 = 24;
const PRESSES: usize = 200;
/// What is written at once.
const PHRASES: [&str; 16] = [
    "hello ",
    "/theme a",
    "/th",
    "/set ",
    "/win ",
    "/search kettle",
    "/highlight /ket+le/",
    "/bind ctrl-x,k undo",
    "/clear",
    "an",
    ":ke",
    "/close",
    "||hidden|| *bold* https://hearth.example/wood",
    "שלום 👩\u{200d}👩\u{200d}👧 ",
    "/resend",
    "//",
];
const CODES: [KeyCode; 22] = [
    KeyCode::Enter,
    KeyCode::Enter,
    KeyCode::Esc,
    KeyCode::Tab,
    KeyCode::Tab,
    KeyCode::BackTab,
    KeyCode::Up,
    KeyCode::Down,
    KeyCode::Left,
    KeyCode::Right,
    KeyCode::Home,
    KeyCode::End,
    KeyCode::PageUp,
    KeyCode::PageDown,
    KeyCode::Backspace,
    KeyCode::Delete,
    KeyCode::F(1),
    KeyCode::F(2),
    KeyCode::F(4),
    KeyCode::F(7),
    KeyCode::F(8),
    KeyCode::Char(' '),
];
const HELD: [KeyModifiers; 4] = [
    KeyModifiers::NONE,
    KeyModifiers::ALT,
    KeyModifiers::CONTROL,
    KeyModifiers::SHIFT,
];
const SIZES: [(u16, u16); 5] = [(80, 24), (40, 10), (120, 30), (12, 4), (3, 2)];

/// Numbers without a pattern, the same in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % bound as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

#[test]
fn a_monkey_at_the_keys_breaks_nothing() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=MONKEYS).collect(),
    };
    for seed in seeds {
        let told = Told(seed);
        play(seed);
        drop(told);
    }

    /// Says which seed it was, if it was the last.
    struct Told(u64);
    impl Drop for Told {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("SEED={}", self.0);
            }
        }
    }
}

fn play(seed: u64) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut story = Story::of("mats");
    for group in ["#attic", "#hearth"] {
        let people = [("anna", Standing::Host), ("mats", Standing::Heir)];
        story.in_group(group).joined("bring wood", &people);
    }
    let mut size = SIZES[0];
    for _ in 0..PRESSES {
        match chance.below(20) {
            0..=9 => press(&mut story, &mut chance),
            10..=13 => begin(&mut story, &mut chance),
            14 => point(&mut story, &mut chance, size),
            15 => {
                let rows = chance.below(5);
                story.app.paste(&"row\n/quit\u{1b}[2J".repeat(rows + 1));
            }
            16 => size = chance.of(&SIZES),
            _ => happen(&mut story, &mut chance),
        }
        let (buf, cursor) = story.draw(size.0, size.1);
        assert_eq!((buf.area.width, buf.area.height), size);
        if let Some(at) = cursor {
            assert!(at.x < size.0 && at.y < size.1, "{at:?} of {size:?}");
        }
        answer(&mut story);
    }
}

/// Begins to write something, and has it completed.
fn begin(story: &mut Story, chance: &mut Chance) {
    if chance.below(2) == 0 {
        story.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
        story.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
    }
    story.type_text(chance.of(&PHRASES));
    for _ in 0..chance.below(4) {
        story.key(KeyCode::Tab, KeyModifiers::NONE);
    }
    if chance.below(4) == 0 {
        story.key(KeyCode::Esc, KeyModifiers::NONE);
    }
}

fn press(story: &mut Story, chance: &mut Chance) {
    let letters = [
        'a', 'e', 'g', 'h', 'j', 'l', 'n', 'o', 'p', 'r', 's', 'u', 'w', 'y', '_', '=', '1', '2',
    ];
    let held = chance.of(&HELD);
    let code = match chance.below(2) {
        0 => chance.of(&CODES),
        _ => KeyCode::Char(chance.of(&letters)),
    };
    let now = story.now();
    story.app.press(now, KeyEvent::new(code, held));
}

fn point(story: &mut Story, chance: &mut Chance, (columns, rows): (u16, u16)) {
    let kinds = [
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
        MouseEventKind::Down(MouseButton::Left),
    ];
    story.app.point(MouseEvent {
        kind: chance.of(&kinds),
        column: u16::try_from(chance.below(usize::from(columns))).unwrap(),
        row: u16::try_from(chance.below(usize::from(rows))).unwrap(),
        modifiers: KeyModifiers::NONE,
    });
}

/// Something happens in the network.
fn happen(story: &mut Story, chance: &mut Chance) {
    let who = chance.of(&["anna", "bob", "cat"]);
    story.in_group(chance.of(&["#attic", "#hearth"]));
    match chance.below(8) {
        0 => {
            story.entry(who, What::Join);
        }
        1 => {
            story.entry(who, What::Quit("so long".to_owned()));
        }
        2 => {
            story.hosts(who, "anna", Tenure::Missed, 900);
        }
        3 => {
            story.minutes(24 * 60);
        }
        4 => {
            let sent = story.sent("mats", "on its way");
            if chance.below(2) == 0 {
                story.failed(sent, "the group is not reached");
            }
        }
        5 => {
            story.say(
                who,
                "mats: a kettle, see https://hearth.example/ and ||more||",
            );
        }
        _ => {
            story.say(who, &"words and words ".repeat(chance.below(30) + 1));
        }
    }
}

/// The client answers what it is asked, as one with an empty disk does.
fn answer(story: &mut Story) {
    let asked: Vec<Command> = story.app.take_commands().collect();
    for command in asked {
        if let Command::History { group, .. } = command {
            let (lines, more) = (Vec::new(), false);
            story.tell(Event::History { group, lines, more });
        } else if let Command::Past(Ask::Search { query, .. }) = command {
            let (lines, more) = (Vec::new(), false);
            story.tell(Event::Past(Told::Found { query, lines, more }));
        }
    }
}
