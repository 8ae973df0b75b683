//! Frames on their way to the terminal: only what changed, as one write that the terminal shows at once.
//!
//! Ours rather than ratatui's, because terminals do not agree how wide an emoji with a variation selector is:
//! the cell behind a wide cluster is blanked before it and the cursor is placed anew after it, so that a
//! disagreement costs one blank and leaves no residue.

use std::fmt::Write as _;
use std::ops::Range;
use std::rc::Rc;

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

use super::shift;

/// Keeps the terminal from showing half a frame (a private mode that others ignore).
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
/// Around letters that run from right to left (FSI, PDI): a terminal that reorders them reorders nothing else.
const ISOLATE: &str = "\u{2068}";
const ISOLATED: &str = "\u{2069}";

/// Cells of a row that belong together in a way that cells cannot tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    pub x: u16,
    pub y: u16,
    pub columns: u16,
    /// Where they lead: printable ASCII. Strips that lead to one place are one link, over as many rows as it takes.
    pub link: Option<Rc<str>>,
    /// Whether they have letters that run from right to left.
    pub is_rtl: bool,
}

impl Strip {
    fn has(&self, x: u16) -> bool {
        (self.x..self.x.saturating_add(self.columns)).contains(&x)
    }
}

/// What the terminal shows, and what it is to show.
#[derive(Debug)]
pub struct Canvas {
    shown: Buffer,
    next: Buffer,
    cursor: Option<Position>,
    /// Whether nothing is known of what the terminal shows.
    fresh: bool,
    title: String,
    /// Strips of what the terminal shows, from the top.
    strips: Vec<Strip>,
    /// Whether a full row and the next are one text, for who selects with the mouse.
    joins_rows: bool,
    /// Where rows move up and down together, as the log's do.
    scrolls: Rect,
}

impl Canvas {
    /// A canvas for a terminal of that size, of which nothing is known.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        let area = Rect::new(0, 0, columns, rows);
        Self {
            shown: Buffer::empty(area),
            next: Buffer::empty(area),
            cursor: None,
            fresh: true,
            title: String::new(),
            strips: Vec::new(),
            joins_rows: false,
            scrolls: Rect::ZERO,
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let title = std::mem::take(&mut self.title);
        *self = Self {
            title,
            joins_rows: self.joins_rows,
            ..Self::new(columns, rows)
        };
    }

    /// Draws everything anew with the next frame.
    pub fn forget(&mut self) {
        self.fresh = true;
        self.title.clear();
    }

    /// Whether a text that goes on after a full row is written so that the terminal knows it: as it selects and
    /// copies what a shell has written.
    pub fn join_rows(&mut self, joins: bool) {
        if self.joins_rows != joins {
            self.joins_rows = joins;
            self.forget();
        }
    }

    /// Where rows of the next frame may be those of the last, moved up or down: the terminal is told to move them
    /// all, which costs less than to write them again.
    pub fn scroll_in(&mut self, area: Rect) {
        self.scrolls = area.intersection(self.next.area);
    }

    /// Where to draw the next frame.
    pub fn buffer(&mut self) -> &mut Buffer {
        self.next.reset();
        &mut self.next
    }

    /// The bytes that bring the terminal from the last frame to this one: none if they are alike.
    pub fn frame(&mut self, cursor: Option<Position>, title: &str, strips: &[Strip]) -> String {
        let mut pen = Pen::default();
        if self.fresh {
            self.shown.reset();
            self.strips.clear();
            pen.out.push_str("\x1b[0m\x1b[2J");
        }
        if !self.fresh {
            self.scroll(&mut pen);
        }
        let mut strips = strips.to_vec();
        strips.sort_by_key(|strip| (strip.y, strip.x));
        let area = self.next.area;
        for y in area.top()..area.bottom() {
            self.row(y, &strips, &mut pen);
        }
        self.strips = strips;
        pen.lead_to(None);
        if title != self.title {
            let title = crate::sanitize::name(title);
            let _ = write!(pen.out, "\x1b]2;{title}\x1b\\");
        }
        if pen.out.is_empty() && cursor == self.cursor && !self.fresh {
            return String::new();
        }
        if pen.styled {
            pen.out.push_str("\x1b[0m");
        }
        let mut out = String::with_capacity(pen.out.len() + 32);
        out.push_str(BEGIN);
        if self.cursor.is_some() && !pen.out.is_empty() {
            out.push_str("\x1b[?25l");
        }
        out.push_str(&pen.out);
        match cursor {
            Some(Position { x, y }) => {
                let _ = write!(out, "\x1b[{};{}H\x1b[?25h", y + 1, x + 1);
            }
            None => out.push_str("\x1b[?25l"),
        }
        out.push_str(END);
        self.cursor = cursor;
        self.fresh = false;
        title.clone_into(&mut self.title);
        std::mem::swap(&mut self.shown, &mut self.next);
        out
    }

    /// Has the terminal move rows that are in the next frame, too, if that is shorter than to write them.
    fn scroll(&mut self, pen: &mut Pen) {
        let area = self.scrolls;
        let Some(shift) = shift::find(&self.shown, &self.next, area) else {
            return;
        };
        shift::apply(&mut self.shown, area, shift);
        self.strips.retain_mut(|strip| {
            let is_inside = (area.top()..area.bottom()).contains(&strip.y);
            let y = i32::from(strip.y) - shift;
            if is_inside {
                strip.y = u16::try_from(y).unwrap_or(u16::MAX);
            }
            !is_inside || (area.top()..area.bottom()).contains(&strip.y)
        });
        let way = if shift > 0 { 'S' } else { 'T' };
        // Rows come in with the ground that is set: the terminal's own.
        let _ = write!(
            pen.out,
            "\x1b[0m\x1b[{};{}r\x1b[{}{way}\x1b[r",
            area.top() + 1,
            area.bottom(),
            shift.unsigned_abs()
        );
    }

    fn row(&self, y: u16, strips: &[Strip], pen: &mut Pen) {
        let area = self.next.area;
        let (strips, strips_were) = (of_row(strips, y), of_row(&self.strips, y));
        let isolated = self.isolated_anew(y, strips, strips_were);
        let mut x = area.left();
        // How far the cells before were covered by wide clusters of the frame before: those are drawn anew too.
        let mut uncovered = 0;
        while x < area.right() {
            let cell = &self.next[(x, y)];
            let was = &self.shown[(x, y)];
            let columns = cell.symbol().cell_width().clamp(1, 2);
            let strip = strips.iter().find(|strip| strip.has(x));
            let link = strip.and_then(|strip| strip.link.as_ref());
            let link_was = strips_were
                .iter()
                .find(|strip| strip.has(x))
                .and_then(|strip| strip.link.as_ref());
            let rtl = strip.filter(|strip| strip.is_rtl);
            let changed = cell != was
                || link != link_was
                || x < uncovered
                || (columns == 2 && x + 1 < uncovered)
                || isolated
                    .iter()
                    .any(|cells| cells.start < x + columns && x < cells.end);
            if was.symbol().cell_width() > 1 && cell != was {
                uncovered = uncovered.max(x + 2);
            }
            if changed {
                let last = rtl.filter(|strip| x + columns >= strip.x + strip.columns);
                pen.before = rtl.filter(|strip| strip.x == x).map(|_| ISOLATE);
                pen.lead_to(link);
                if columns == 2 && x + 1 < area.right() {
                    let before = pen.before.take();
                    pen.put(x + 1, y, cell, " ");
                    pen.before = before;
                    pen.put(x, y, cell, cell.symbol());
                    pen.at = None;
                    // What was a wide cluster in the column behind is cut in two by this one.
                    if self.shown[(x + 1, y)].symbol().cell_width() > 1 {
                        uncovered = uncovered.max(x + 3);
                    }
                } else {
                    pen.put(x, y, cell, if columns == 2 { " " } else { cell.symbol() });
                    if !cell.symbol().is_ascii() {
                        pen.at = None;
                    }
                }
                if last.is_some() {
                    pen.out.push_str(ISOLATED);
                }
            }
            x += columns;
        }
        if self.joins_rows && pen.at == Some((area.right(), y)) {
            pen.at = Some((area.left(), y + 1));
        }
    }

    /// The cells of a row with letters from right to left, now or before, of which any changes: those letters are
    /// written together or not at all. What opens them has no width, so that a terminal keeps it in the cell before:
    /// that one is written too, or what opened others would stay in it.
    fn isolated_anew(&self, y: u16, strips: &[Strip], strips_were: &[Strip]) -> Vec<Range<u16>> {
        let is_same = |strip: &&Strip| strips.contains(strip) && strips_were.contains(strip);
        let is_changed = |x: u16| self.next[(x, y)] != self.shown[(x, y)];
        let all = strips.iter().chain(strips_were);
        let isolated = all.filter(|strip| strip.is_rtl).filter_map(|strip| {
            let end = strip.x.saturating_add(strip.columns);
            let cells = strip.x.saturating_sub(1)..end.min(self.next.area.right());
            let is_anew = !is_same(&strip) || cells.clone().any(is_changed);
            is_anew.then_some(cells)
        });
        isolated.collect()
    }
}

/// The strips of a row among all, which go from the top down.
fn of_row(strips: &[Strip], y: u16) -> &[Strip] {
    let from = strips.partition_point(|strip| strip.y < y);
    let to = strips.partition_point(|strip| strip.y <= y);
    &strips[from..to]
}

/// Writes cells, remembering where the terminal's cursor is and in which style.
#[derive(Default)]
struct Pen {
    out: String,
    at: Option<(u16, u16)>,
    style: Option<(Color, Color, Modifier)>,
    styled: bool,
    /// Where what is written leads.
    link: Option<Rc<str>>,
    /// What stands right before the next cell, and has no width.
    before: Option<&'static str>,
}

impl Pen {
    /// What is written from here on leads there, or nowhere (OSC 8).
    fn lead_to(&mut self, link: Option<&Rc<str>>) {
        if self.link.as_ref() == link {
            return;
        }
        let _ = match link {
            Some(target) => {
                // One name for all rows of a link, so that a terminal shows it as one.
                let id = target.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
                });
                write!(self.out, "\x1b]8;id={id:x};{target}\x1b\\")
            }
            None => write!(self.out, "\x1b]8;;\x1b\\"),
        };
        self.link = link.cloned();
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell, symbol: &str) {
        if self.at != Some((x, y)) {
            let _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
        }
        let style = (cell.fg, cell.bg, cell.modifier);
        if self.style != Some(style) {
            self.set(cell.fg, cell.bg, cell.modifier);
            self.style = Some(style);
            self.styled = true;
        }
        self.out.push_str(self.before.take().unwrap_or(""));
        self.out.push_str(symbol);
        self.at = Some((x + 1, y));
    }

    fn set(&mut self, fg: Color, bg: Color, modifier: Modifier) {
        self.out.push_str("\x1b[0");
        for (flag, code) in [
            (Modifier::BOLD, ";1"),
            (Modifier::DIM, ";2"),
            (Modifier::ITALIC, ";3"),
            (Modifier::UNDERLINED, ";4"),
            (Modifier::REVERSED, ";7"),
            (Modifier::CROSSED_OUT, ";9"),
        ] {
            if modifier.contains(flag) {
                self.out.push_str(code);
            }
        }
        colour(&mut self.out, fg, 30);
        colour(&mut self.out, bg, 40);
        self.out.push('m');
    }
}

/// Adds a colour to a style sequence; `base` is 30 for the text, 40 for the ground.
fn colour(out: &mut String, colour: Color, base: u16) {
    let bright = base + 60;
    let _ = match colour {
        Color::Reset => Ok(()),
        Color::Black => write!(out, ";{base}"),
        Color::Red => write!(out, ";{}", base + 1),
        Color::Green => write!(out, ";{}", base + 2),
        Color::Yellow => write!(out, ";{}", base + 3),
        Color::Blue => write!(out, ";{}", base + 4),
        Color::Magenta => write!(out, ";{}", base + 5),
        Color::Cyan => write!(out, ";{}", base + 6),
        Color::Gray => write!(out, ";{}", base + 7),
        Color::DarkGray => write!(out, ";{bright}"),
        Color::LightRed => write!(out, ";{}", bright + 1),
        Color::LightGreen => write!(out, ";{}", bright + 2),
        Color::LightYellow => write!(out, ";{}", bright + 3),
        Color::LightBlue => write!(out, ";{}", bright + 4),
        Color::LightMagenta => write!(out, ";{}", bright + 5),
        Color::LightCyan => write!(out, ";{}", bright + 6),
        Color::White => write!(out, ";{}", bright + 7),
        Color::Indexed(index) => write!(out, ";{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::paint::put;
    use proptest::prelude::*;
    use ratatui::style::Style;

    fn frame(canvas: &mut Canvas, rows: &[&str]) -> String {
        let buf = canvas.buffer();
        let area = buf.area;
        for (row, y) in rows.iter().zip(0..) {
            put(buf, area, 0, y, row, Style::new());
        }
        canvas.frame(Some(Position { x: 0, y: 0 }), "fireside", &[])
    }

    /// A terminal that gives two columns to an emoji with a variation selector, as kitty, foot and wezterm do
    /// (`wide`), or one, as others do.
    struct Model {
        rows: Vec<Vec<String>>,
        wide: bool,
        x: usize,
        y: usize,
        region: std::ops::Range<usize>,
    }

    impl Model {
        fn new(columns: usize, rows: usize, wide: bool) -> Self {
            Self {
                rows: vec![vec![" ".to_owned(); columns]; rows],
                wide,
                x: 0,
                y: 0,
                region: 0..rows,
            }
        }

        fn feed(&mut self, bytes: &str) {
            let mut rest = bytes;
            while let Some(c) = rest.chars().next() {
                if let Some(sequence) = rest.strip_prefix("\x1b[") {
                    let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    self.sequence(&sequence[..end], &sequence[end..=end]);
                    rest = &sequence[end + 1..];
                } else if let Some(title) = rest.strip_prefix("\x1b]") {
                    rest = &title[title.find("\x1b\\").unwrap() + 2..];
                } else {
                    assert!(!c.is_control(), "{c:?}");
                    let cluster = unicode_segmentation::UnicodeSegmentation::graphemes(rest, true)
                        .next()
                        .unwrap();
                    self.print(cluster);
                    rest = &rest[cluster.len()..];
                }
            }
        }

        fn sequence(&mut self, arguments: &str, last: &str) {
            match last {
                "H" => {
                    let (y, x) = arguments.split_once(';').unwrap();
                    self.y = y.parse::<usize>().unwrap() - 1;
                    self.x = x.parse::<usize>().unwrap() - 1;
                }
                "r" => {
                    self.region = match arguments.split_once(';') {
                        Some((top, bottom)) => {
                            top.parse::<usize>().unwrap() - 1..bottom.parse().unwrap()
                        }
                        None => 0..self.rows.len(),
                    };
                    (self.x, self.y) = (0, 0);
                }
                "S" | "T" => self.scroll(last == "S", arguments.parse().unwrap()),
                "J" => self
                    .rows
                    .iter_mut()
                    .flatten()
                    .for_each(|cell| *cell = " ".to_owned()),
                _ => {}
            }
        }

        fn scroll(&mut self, up: bool, count: usize) {
            let columns = self.rows[0].len();
            let region = &mut self.rows[self.region.clone()];
            for _ in 0..count {
                let last = region.len() - 1;
                if up {
                    region.rotate_left(1);
                    region[last] = vec![" ".to_owned(); columns];
                } else {
                    region.rotate_right(1);
                    region[0] = vec![" ".to_owned(); columns];
                }
            }
        }

        fn print(&mut self, cluster: &str) {
            let selected = cluster.contains('\u{fe0f}');
            let columns = match cluster.cell_width() {
                2 if selected && !self.wide => 1,
                columns => usize::from(columns),
            };
            let row = &mut self.rows[self.y];
            if row[self.x].is_empty() && self.x > 0 {
                row[self.x - 1] = " ".to_owned();
            }
            for x in self.x..self.x + columns {
                if row.get(x + 1).is_some_and(String::is_empty) {
                    row[x + 1] = " ".to_owned();
                }
                row[x] = String::new();
            }
            row[self.x] = cluster.to_owned();
            self.x += columns;
        }

        fn row(&self, y: usize) -> String {
            self.rows[y].concat().trim_end().to_owned()
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let mut canvas = Canvas::new(10, 2);
        assert!(!frame(&mut canvas, &["fire"]).is_empty());
        assert_eq!(frame(&mut canvas, &["fire"]), "");
        let one_letter = frame(&mut canvas, &["fires"]);
        assert!(one_letter.len() < 60, "{one_letter:?}");
        canvas.forget();
        assert!(!frame(&mut canvas, &["fires"]).is_empty());
    }

    #[test]
    fn wide_clusters_leave_no_residue_whatever_the_terminal_thinks_of_their_width() {
        let frames: [&[&str]; 7] = [
            &["hello world", "你好 world"],
            &["❤\u{fe0f} love you", "x你好y"],
            &["zzzz", "你x好y"],
            &["a❤\u{fe0f}b❤\u{fe0f}c", "👨\u{200d}👩\u{200d}👧 z"],
            &["❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", ""],
            &["plain again", "你好你好"],
            &["", "a你好你"],
        ];
        for wide in [true, false] {
            let mut canvas = Canvas::new(14, 2);
            let mut model = Model::new(14, 2, wide);
            for rows in frames {
                model.feed(&frame(&mut canvas, rows));
                for (row, y) in rows.iter().zip(0..) {
                    let shown = model.row(y);
                    if wide {
                        assert_eq!(shown, *row);
                    } else {
                        let blanks_apart = |text: &str| text.replace(' ', "");
                        assert_eq!(blanks_apart(&shown), blanks_apart(row));
                    }
                }
            }
        }
    }

    #[test]
    fn a_title_cannot_escape() {
        let mut canvas = Canvas::new(4, 1);
        canvas.buffer();
        let out = canvas.frame(None, "a\u{1b}\\\u{7}b\u{9c}", &[]);
        assert!(out.contains("\x1b]2;a\\b\x1b\\"), "{out:?}");
    }

    /// A frame with one row of text, a link from the second column on, or letters that run from right to left.
    fn strip_frame(canvas: &mut Canvas, row: &str, strips: &[Strip]) -> String {
        let buf = canvas.buffer();
        let area = buf.area;
        put(buf, area, 0, 0, row, Style::new());
        canvas.frame(None, "", strips)
    }

    fn strip(x: u16, y: u16, columns: u16, link: Option<&str>) -> Strip {
        Strip {
            x,
            y,
            columns,
            link: link.map(Rc::from),
            is_rtl: link.is_none(),
        }
    }

    #[test]
    fn a_frame_is_one_synchronized_write_to_the_byte() {
        let mut canvas = Canvas::new(6, 2);
        let first = frame(&mut canvas, &["ab", "c"]);
        assert_eq!(
            first,
            "\x1b[?2026h\x1b[0m\x1b[2J\x1b[1;1H\x1b[0mab\x1b[2;1Hc\x1b]2;fireside\x1b\\\x1b[0m\x1b[1;1H\x1b[?25h\x1b[?2026l"
        );
        assert_eq!(
            frame(&mut canvas, &["ab", "cd"]),
            "\x1b[?2026h\x1b[?25l\x1b[2;2H\x1b[0md\x1b[0m\x1b[1;1H\x1b[?25h\x1b[?2026l"
        );
        assert_eq!(frame(&mut canvas, &["ab", "cd"]), "");
    }

    #[test]
    fn a_link_is_told_over_all_its_rows_and_closed_in_the_same_frame() {
        let mut canvas = Canvas::new(4, 2);
        let target = "https://a.org/";
        let rows = [strip(1, 0, 3, Some(target)), strip(0, 1, 2, Some(target))];
        let buf = canvas.buffer();
        let area = buf.area;
        put(buf, area, 0, 0, "xhtt", Style::new());
        put(buf, area, 0, 1, "ps", Style::new());
        let out = canvas.frame(None, "", &rows);
        let link = "\x1b]8;id=98d5d1ce;https://a.org/\x1b\\";
        assert_eq!(
            out,
            format!(
                "\x1b[?2026h\x1b[0m\x1b[2J\x1b[1;1H\x1b[0mx{link}htt\x1b[2;1Hps\x1b]8;;\x1b\\\x1b[0m\x1b[?25l\x1b[?2026l"
            )
        );
    }

    #[test]
    fn a_link_that_changes_under_the_same_letters_is_written_anew() {
        let mut canvas = Canvas::new(4, 1);
        let one = [strip(0, 0, 4, Some("https://one/"))];
        assert!(!strip_frame(&mut canvas, "here", &one).is_empty());
        assert_eq!(strip_frame(&mut canvas, "here", &one), "");
        let other = [strip(0, 0, 4, Some("https://other/"))];
        let changed = strip_frame(&mut canvas, "here", &other);
        assert!(
            changed.contains("https://other/") && changed.contains("here"),
            "{changed:?}"
        );
        let none = strip_frame(&mut canvas, "here", &[]);
        assert!(
            none.contains("here") && !none.contains("\x1b]8;id"),
            "{none:?}"
        );
    }

    #[test]
    fn letters_from_right_to_left_are_isolated_and_written_together() {
        let mut canvas = Canvas::new(12, 1);
        let hebrew = [strip(3, 0, 4, None)];
        let first = strip_frame(&mut canvas, "a: שלום b", &hebrew);
        let inside = |out: &str| -> String {
            let from = out.find(ISOLATE).unwrap();
            let to = out.find(ISOLATED).unwrap();
            let mut inside = out[from..to].to_owned();
            while let Some(at) = inside.find('\x1b') {
                let end = at + inside[at..].find('H').unwrap();
                inside.replace_range(at..=end, "");
            }
            inside
        };
        assert_eq!(inside(&first), format!("{ISOLATE}שלום"));
        assert_eq!(strip_frame(&mut canvas, "a: שלום b", &hebrew), "");
        let beside = strip_frame(&mut canvas, "a: שלום c", &hebrew);
        assert!(
            !beside.contains(ISOLATE),
            "what did not change stays: {beside:?}"
        );
        let within = strip_frame(&mut canvas, "a: שלוש c", &hebrew);
        assert_eq!(inside(&within), format!("{ISOLATE}שלוש"));
        // A terminal keeps what opens them in the blank before, which is written with them and after them.
        assert!(within.contains(&format!(" {ISOLATE}")), "{within:?}");
        let gone = strip_frame(&mut canvas, "a: tea", &[]);
        assert!(gone.contains("\x1b[1;3H\x1b[0m tea"), "{gone:?}");
    }

    #[test]
    fn joined_rows_go_on_without_moving_the_cursor() {
        let mut canvas = Canvas::new(3, 2);
        canvas.join_rows(true);
        let out = frame(&mut canvas, &["abc", "def"]);
        assert!(out.contains("abcdef"), "{out:?}");
        canvas.join_rows(false);
        let out = frame(&mut canvas, &["abc", "def"]);
        assert!(out.contains("abc\x1b[2;1Hdef"), "{out:?}");
    }

    #[test]
    fn a_line_that_comes_in_moves_the_others_and_writes_only_itself() {
        let lines: Vec<String> = (0..40)
            .map(|n| format!("19:04 anna: line {n} of an evening │ bob"))
            .collect();
        let mut canvas = Canvas::new(42, 12);
        canvas.scroll_in(Rect::new(0, 1, 34, 10));
        let mut model = Model::new(42, 12, true);
        let mut sizes = Vec::new();
        for first in [0, 1, 2, 5, 3, 3, 20, 19] {
            let mut rows = vec!["title"];
            rows.extend(lines[first..first + 10].iter().map(String::as_str));
            rows.push("status");
            let out = frame(&mut canvas, &rows);
            model.feed(&out);
            for (row, y) in rows.iter().zip(0..) {
                assert_eq!(model.row(y), *row);
            }
            sizes.push(out.len());
        }
        assert!(sizes[1] < sizes[0] / 3, "{sizes:?}");
        assert!(sizes[7] < sizes[0] / 3, "{sizes:?}");
        assert_eq!(sizes[5], 0);
    }

    proptest! {
        #[test]
        fn whatever_frames_come_the_terminal_shows_the_last(
            frames in prop::collection::vec(
                prop::collection::vec("(a|b| |你|❤\u{fe0f}|é|🇩🇪|ก็|क्षि|ש){0,16}", 8),
                1..6,
            ),
            moves in prop::collection::vec(-3_i32..4, 6),
        ) {
            let mut canvas = Canvas::new(32, 8);
            canvas.scroll_in(Rect::new(2, 1, 28, 6));
            let mut model = Model::new(32, 8, true);
            for (rows, shift) in frames.iter().zip(moves) {
                // Twice: as it is, and with its rows moved.
                let moved: Vec<&str> = (0..8)
                    .map(|y| rows.get(usize::try_from(y + shift).unwrap_or(9)).map_or("x", String::as_str))
                    .collect();
                for rows in [rows.iter().map(String::as_str).collect(), moved] {
                    let out = frame(&mut canvas, &rows);
                    model.feed(&out);
                    let mut drawn = Canvas::new(32, 8);
                    let mut fresh = Model::new(32, 8, true);
                    fresh.feed(&frame(&mut drawn, &rows));
                    for y in 0..8 {
                        prop_assert_eq!(model.row(y), fresh.row(y), "{:?}", out);
                    }
                }
            }
        }
    }
}
