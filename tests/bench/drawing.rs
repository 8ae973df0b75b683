//! How long a frame takes and how many bytes it is, beside how much log there is: what is drawn must not depend on
//! what is not in view.
//!
//! `cargo bench --bench drawing` takes some seconds; the last row says how much more a hundred thousand lines cost
//! than a hundred, in the same run.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[allow(dead_code, reason = "a story can tell more than is measured")]
#[path = "../screens/story.rs"]
mod story;

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::event::Standing;
use fireside::tui::canvas::Canvas;
use fireside::tui::view;
use story::Story;

const COLUMNS: u16 = 160;
const ROWS: u16 = 50;
const REPEATS: usize = 300;
/// Lines in the log.
const LOGS: [usize; 3] = [100, 2_000, 100_000];
/// Lines that come at once.
const BURST: usize = 10_000;

/// What people talk of.
const WORDS: [&str; 12] = [
    "fire", "the", "kettle", "of", "evening", "and", "wood", "warm", "nobody", "minds", "goes",
    "on",
];

/// What is measured, each with the frame that shows it.
const DEEDS: [(&str, Deed); 4] = [
    ("a key", Deed::Key),
    ("a line", Deed::Line),
    ("a page", Deed::Page),
    ("a width", Deed::Width),
];

#[derive(Clone, Copy)]
enum Deed {
    Key,
    Line,
    Page,
    /// The terminal gets another width, so that nothing is as it was.
    Width,
}

/// A screen and the bytes it gives to the terminal.
struct Screen {
    story: Story,
    canvas: Canvas,
    columns: u16,
    said: usize,
}

#[derive(Clone, Copy)]
struct Cost {
    took: Duration,
    bytes: usize,
}

fn main() {
    // `cargo test --benches` starts it too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("not measured: use cargo bench --bench drawing");
    }
    println!(
        "a screen of {COLUMNS} by {ROWS}: microseconds (p50, p99) and bytes (p50) a frame, {REPEATS} of each"
    );
    print!("{:>9}", "lines");
    for (name, _) in DEEDS {
        print!(" {name:>10} {:>6} {:>6}", "p99", "bytes");
    }
    println!();
    let rows: Vec<Vec<Cost>> = LOGS.iter().map(|lines| row(*lines)).collect();
    print!("{:>9}", "ratio");
    for (few, many) in rows[0].iter().zip(&rows[LOGS.len() - 1]) {
        let times = many.took.as_secs_f64() / few.took.as_secs_f64();
        let bytes = many.bytes as f64 / few.bytes.max(1) as f64;
        print!(" {times:>10.2} {:>6} {bytes:>6.2}", "");
    }
    println!();
    burst();
}

/// Measures everything with a log of so many lines; the median of each.
fn row(lines: usize) -> Vec<Cost> {
    print!("{lines:>9}");
    let mut medians = Vec::new();
    for (_, deed) in DEEDS {
        let mut screen = Screen::with(lines);
        let mut costs: Vec<Cost> = (0..REPEATS).map(|n| screen.measure(deed, n)).collect();
        costs.sort_by_key(|cost| cost.took);
        let (median, worst) = (costs[REPEATS / 2], costs[REPEATS * 99 / 100]);
        let mut bytes: Vec<usize> = costs.iter().map(|cost| cost.bytes).collect();
        bytes.sort_unstable();
        let median = Cost {
            bytes: bytes[REPEATS / 2],
            ..median
        };
        print!(
            " {:>10} {:>6} {:>6}",
            median.took.as_micros(),
            worst.took.as_micros(),
            median.bytes
        );
        medians.push(median);
    }
    println!();
    medians
}

/// Many lines at once, taken in as the loop around the screen does: so many, then a frame.
fn burst() {
    const DRAINED_MAX: usize = 256;
    let mut screen = Screen::with(100);
    let started = Instant::now();
    let (mut frames, mut bytes) = (0, 0);
    for n in 0..BURST {
        screen.say();
        if n % DRAINED_MAX == DRAINED_MAX - 1 || n + 1 == BURST {
            bytes += screen.frame();
            frames += 1;
        }
    }
    println!(
        "a burst of {BURST} lines: {} ms, {bytes} bytes, at most {frames} frames",
        started.elapsed().as_millis()
    );
}

impl Screen {
    fn with(lines: usize) -> Self {
        let mut story = Story::of("mats");
        let people = [
            ("anna", Standing::Host),
            ("bob", Standing::Heir),
            ("mats", Standing::Heir),
        ];
        story.joined("bring wood", &people);
        let mut screen = Self {
            story,
            canvas: Canvas::new(COLUMNS, ROWS),
            columns: COLUMNS,
            said: 0,
        };
        for _ in 0..lines {
            screen.say();
        }
        screen.frame();
        screen
    }

    /// Somebody says a line of some 80 characters; every tenth has a link.
    fn say(&mut self) {
        self.said += 1;
        let n = self.said;
        let who = ["anna", "bob", "eve"][n % 3];
        let mut text = format!("line {n}");
        if n.is_multiple_of(10) {
            text.push_str(" see https://hearth.example/wood");
        }
        let mut word = n;
        while text.len() < 75 {
            word = word.wrapping_mul(31).wrapping_add(17) % 1009;
            text.push(' ');
            text.push_str(WORDS[word % WORDS.len()]);
        }
        self.story.say(who, &text);
    }

    fn frame(&mut self) -> usize {
        let cursor = view::draw(&mut self.story.app, self.canvas.buffer());
        self.canvas.scroll_in(self.story.app.log_place());
        let title = self.story.app.title();
        self.canvas
            .frame(cursor, &title, self.story.app.strips())
            .len()
    }

    fn measure(&mut self, deed: Deed, n: usize) -> Cost {
        let started = Instant::now();
        match deed {
            Deed::Key if n % 40 == 39 => {
                self.story.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
            }
            Deed::Key => {
                self.story.key(KeyCode::Char('x'), KeyModifiers::NONE);
            }
            Deed::Line => self.say(),
            // Up and down again, so that there is always a page to go.
            Deed::Page => {
                let way = [KeyCode::PageUp, KeyCode::PageDown][n % 2];
                self.story.key(way, KeyModifiers::NONE);
            }
            Deed::Width => {
                self.columns = COLUMNS - u16::try_from(n % 40).unwrap();
                self.canvas.resize(self.columns, ROWS);
            }
        }
        let bytes = self.frame();
        Cost {
            took: started.elapsed(),
            bytes,
        }
    }
}
