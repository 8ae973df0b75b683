//! A screen as a picture: the same cells the terminal gets, written as SVG for the README.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};

use super::colour::indexed;

/// Of one cell, in pixels.
const CELL_WIDTH: u32 = 9;
const CELL_HEIGHT: u32 = 20;
const FONT_SIZE: u32 = 15;
/// Around the cells.
const MARGIN: u32 = 14;
/// For cells that leave their colours to the terminal.
const PLAIN: (&str, &str) = ("#e6dccb", "#1c1a17");

/// Draws a buffer, with a cursor.
#[must_use]
pub fn svg(buf: &Buffer, cursor: Option<Position>) -> String {
    let area = buf.area;
    let width = u32::from(area.width) * CELL_WIDTH + 2 * MARGIN;
    let height = u32::from(area.height) * CELL_HEIGHT + 2 * MARGIN;
    let ground = colour(buf[(area.x, area.bottom() - 1)].bg, PLAIN.1);
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="{FONT_SIZE}" shape-rendering="crispEdges">"#
    );
    let _ = writeln!(
        out,
        r#"<rect width="{width}" height="{height}" rx="9" fill="{ground}" shape-rendering="auto"/>"#
    );
    for y in area.top()..area.bottom() {
        grounds(buf, y, &ground, &mut out);
        blocks(buf, y, &mut out);
        texts(buf, y, &mut out);
    }
    rules(buf, &mut out);
    if let Some(at) = cursor {
        let (x, y) = corner(at.x, at.y);
        let _ = writeln!(
            out,
            r##"<rect x="{x}" y="{y}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" fill="#e8a04c" opacity=".8"/>"##
        );
    }
    out.push_str("</svg>\n");
    out
}

fn corner(x: u16, y: u16) -> (u32, u32) {
    (
        MARGIN + u32::from(x) * CELL_WIDTH,
        MARGIN + u32::from(y) * CELL_HEIGHT,
    )
}

/// Rectangles behind the cells of a row that have another ground than the picture.
fn grounds(buf: &Buffer, y: u16, ground: &str, out: &mut String) {
    let area = buf.area;
    let of = |x: u16| {
        let cell = &buf[(x, y)];
        if cell.modifier.contains(Modifier::REVERSED) {
            colour(cell.fg, PLAIN.0)
        } else {
            colour(cell.bg, PLAIN.1)
        }
    };
    let mut x = area.left();
    while x < area.right() {
        let fill = of(x);
        let end = (x..area.right())
            .find(|&x| of(x) != fill)
            .unwrap_or(area.right());
        if fill != ground {
            let (left, top) = corner(x, y);
            let width = u32::from(end - x) * CELL_WIDTH;
            let _ = writeln!(
                out,
                r#"<rect x="{left}" y="{top}" width="{width}" height="{CELL_HEIGHT}" fill="{fill}"/>"#
            );
        }
        x = end;
    }
}

/// Halves of cells, drawn as rectangles: a font's would leave gaps.
fn blocks(buf: &Buffer, y: u16, out: &mut String) {
    let area = buf.area;
    let of = |x: u16| half(buf[(x, y)].symbol()).map(|half| (half, buf[(x, y)].fg));
    let mut x = area.left();
    while x < area.right() {
        let block = of(x);
        let end = (x..area.right())
            .find(|&x| of(x) != block)
            .unwrap_or(area.right());
        if let Some((down, fg)) = block {
            let (left, top) = corner(x, y);
            let (top, height) = (top + down * CELL_HEIGHT / 2, CELL_HEIGHT / 2);
            let width = u32::from(end - x) * CELL_WIDTH;
            let fill = colour(fg, PLAIN.0);
            let _ = writeln!(
                out,
                r#"<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="{fill}"/>"#
            );
        }
        x = end;
    }
}

/// How many halves of a cell above the one that this fills.
fn half(symbol: &str) -> Option<u32> {
    match symbol {
        "▀" => Some(0),
        "▄" => Some(1),
        _ => None,
    }
}

/// The text of a row: one element for each run of one style; wide clusters stand alone, so that no font moves others.
fn texts(buf: &Buffer, y: u16, out: &mut String) {
    let area = buf.area;
    let mut x = area.left();
    while x < area.right() {
        let first = &buf[(x, y)];
        let style = (first.fg, first.modifier);
        let start = x;
        let mut text = String::new();
        loop {
            let cell = &buf[(x, y)];
            let columns = cell.symbol().cell_width().clamp(1, 2);
            if !text.is_empty() && ((cell.fg, cell.modifier) != style || !cell.symbol().is_ascii())
            {
                break;
            }
            text.push_str(cell.symbol());
            x += columns;
            if x >= area.right() || !cell.symbol().is_ascii() {
                break;
            }
        }
        if text.trim().is_empty() || is_rule(&text) || half(&text).is_some() {
            continue;
        }
        let fill = if first.modifier.contains(Modifier::REVERSED) {
            colour(first.bg, PLAIN.1)
        } else {
            colour(first.fg, PLAIN.0)
        };
        let (left, top) = corner(start, y);
        let base = top + CELL_HEIGHT * 3 / 4;
        let columns = u32::from(x - start);
        let length = columns * CELL_WIDTH;
        let weight = if first.modifier.contains(Modifier::BOLD) {
            r#" font-weight="bold""#
        } else {
            ""
        };
        let slant = if first.modifier.contains(Modifier::ITALIC) {
            r#" font-style="italic""#
        } else {
            ""
        };
        let underline = match (
            first.modifier.contains(Modifier::UNDERLINED),
            first.modifier.contains(Modifier::CROSSED_OUT),
        ) {
            (true, _) => r#" text-decoration="underline""#,
            (false, true) => r#" text-decoration="line-through""#,
            (false, false) => "",
        };
        let faint = if first.modifier.contains(Modifier::DIM) {
            r#" opacity=".6""#
        } else {
            ""
        };
        let _ = writeln!(
            out,
            r#"<text x="{left}" y="{base}" fill="{fill}"{weight}{slant}{faint}{underline} textLength="{length}" xml:space="preserve">{}</text>"#,
            escaped(&text)
        );
    }
}

/// Lines between columns and across the log, drawn as lines: a font's would not meet.
fn rules(buf: &Buffer, out: &mut String) {
    let area = buf.area;
    let mut paths: BTreeMap<(String, &str), String> = BTreeMap::new();
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &buf[(x, y)];
            if !is_rule(cell.symbol()) {
                continue;
            }
            let faint = cell.modifier.contains(Modifier::DIM);
            let stroke = (colour(cell.fg, PLAIN.0), if faint { ".4" } else { "1" });
            let path = paths.entry(stroke).or_default();
            let (left, top) = corner(x, y);
            let _ = if cell.symbol() == "│" {
                write!(path, "M{}.5 {top}v{CELL_HEIGHT}", left + CELL_WIDTH / 2)
            } else {
                write!(path, "M{left} {}.5h{CELL_WIDTH}", top + CELL_HEIGHT / 2)
            };
        }
    }
    for ((stroke, opacity), path) in paths {
        let _ = writeln!(
            out,
            r#"<path d="{path}" stroke="{stroke}" opacity="{opacity}" fill="none" shape-rendering="auto"/>"#
        );
    }
}

fn is_rule(symbol: &str) -> bool {
    matches!(symbol, "│" | "─")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn colour(colour: Color, plain: &str) -> String {
    let index = match colour {
        Color::Reset => return plain.to_owned(),
        Color::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    let (r, g, b) = indexed(index);
    format!("#{r:02x}{g:02x}{b:02x}")
}
