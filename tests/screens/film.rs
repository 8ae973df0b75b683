//! The README's film is recorded from `fireside demo` itself, on a real terminal, and cut to a minute's moments.
//!
//! `PICTURES=write cargo test --test screens film` records it anew. What it shows is otherwise compared with what the
//! demo shows: the same hints, the same words.

use std::fmt::Write as _;
use std::time::Instant;

use fireside::tui::svg::svg;
use portable_pty::CommandBuilder;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use crate::terminal::Terminal;

const COLUMNS: u16 = 100;
const ROWS: u16 = 24;
/// How long each picture is looked at, in seconds, at most: nobody waits for a kettle.
const LOOK_MAX: f64 = 2.6;
/// How long the last one stands before it all begins again.
const LAST: f64 = 6.0;

/// What a picture of the film has to show, and what is pressed after it.
const SCENES: &[(&str, &str)] = &[
    ("F9 pulls anna's plug", ""),
    ("welcome to the fire!", ""),
    ("over QUIC", ""),
    ("no server anywhere", ""),
    ("hold a copy of everything", ""),
    ("say something!", "so if anna goes, bob has it all?\r"),
    ("\u{2713}3", ""),
    ("press F9: anna dies", "\x1b[20~"),
    ("anna is gone; bob keeps it", ""),
    ("still warm in here", "I did not even notice\r"),
    ("that was all?", ""),
];

#[test]
fn the_film_shows_what_the_demo_shows() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.svg");
    if std::env::var_os("PICTURES").is_some() {
        std::fs::write(&path, record()).unwrap();
    }
    let picture = std::fs::read_to_string(&path).unwrap();
    let film: String = picture
        .split('>')
        .map(|part| part.split('<').next().unwrap())
        .collect();
    let film = film.replace("\n", "").replace("\u{a0}", " ");
    let mut rest = film.as_str();
    for (text, _) in SCENES {
        let Some((_, after)) = rest.split_once(text) else {
            panic!(
                "the film does not show {text:?}: PICTURES=write cargo test --test screens film"
            );
        };
        rest = after;
    }
    let (_, last) = picture.rsplit_once("<animate").unwrap();
    let (before, _) = picture.split_at(picture.len() - last.len() - "<animate".len());
    assert!(
        before.ends_with("<g>"),
        "whatever does not move has to show how it ends"
    );
}

/// Plays the demo, and takes a picture whenever the screen has changed between two scenes.
fn record() -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_fireside"));
    command.args(["demo", "--nick", "mats", "--config", "/dev/null"]);
    command.env("TMPDIR", home.path());
    command.env("COLORTERM", "truecolor");
    let mut terminal = Terminal::run(command, COLUMNS, ROWS);
    let begun = Instant::now();
    let mut frames: Vec<(f64, Buffer, Position)> = Vec::new();
    for (text, keys) in SCENES {
        terminal.wait_for(text);
        let (buf, cursor) = picture(terminal.screen.screen());
        frames.push((begun.elapsed().as_secs_f64(), buf, cursor));
        for key in keys.split_inclusive(|_| true) {
            terminal.press(key);
        }
    }
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    film(&frames)
}

/// The cells of a terminal as the screen drew them.
fn picture(screen: &vt100::Screen) -> (Buffer, Position) {
    let mut buf = Buffer::empty(Rect::new(0, 0, COLUMNS, ROWS));
    for y in 0..ROWS {
        for x in 0..COLUMNS {
            let Some(cell) = screen.cell(y, x) else {
                continue;
            };
            if cell.is_wide_continuation() {
                continue;
            }
            let mut style = Style::default()
                .fg(colour(cell.fgcolor()))
                .bg(colour(cell.bgcolor()));
            for (is_set, modifier) in [
                (cell.bold(), Modifier::BOLD),
                (cell.italic(), Modifier::ITALIC),
                (cell.inverse(), Modifier::REVERSED),
                (cell.dim(), Modifier::DIM),
            ] {
                if is_set {
                    style = style.add_modifier(modifier);
                }
            }
            let symbol = if cell.contents().is_empty() {
                " "
            } else {
                cell.contents()
            };
            buf[(x, y)].set_symbol(symbol).set_style(style);
        }
    }
    let (row, column) = screen.cursor_position();
    (buf, Position::new(column, row))
}

fn colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Pictures one after the other, for as long as they were in view, and then again.
fn film(frames: &[(f64, Buffer, Position)]) -> String {
    let mut at = 0.0;
    let mut times = Vec::new();
    for pair in frames.windows(2) {
        times.push(at);
        at += (pair[1].0 - pair[0].0).clamp(0.6, LOOK_MAX);
    }
    times.push(at);
    let whole = at + LAST;
    let mut out = String::new();
    for (n, (_, buf, cursor)) in frames.iter().enumerate() {
        let drawn = svg(buf, Some(*cursor));
        let (head, body) = drawn.split_once(">\n").unwrap();
        let body = body.trim_end().strip_suffix("</svg>").unwrap();
        if n == 0 {
            let _ = writeln!(out, "{head}>");
        }
        // Each covers those before it; where nothing moves the last is in view, which tells how it ended.
        let from = times[n] / whole;
        let hidden = if n + 1 == frames.len() {
            ""
        } else {
            r#" visibility="hidden""#
        };
        let _ = if n == 0 {
            writeln!(out, "<g>\n{body}</g>")
        } else {
            writeln!(
                out,
                r#"<g{hidden}><animate attributeName="visibility" dur="{whole:.1}s" repeatCount="indefinite" calcMode="discrete" values="hidden;visible" keyTimes="0;{from:.4}"/>
{body}</g>"#
            )
        };
    }
    out.push_str("</svg>\n");
    out
}
