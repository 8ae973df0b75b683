//! What was found in the stored past, newest first, over everything.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

use super::status;
use crate::proto::event::{Line, What};
use crate::sanitize;
use crate::tui::app::App;
use crate::tui::finder::{About, Finder};
use crate::tui::paint::{fill, put};
use crate::tui::spot::Spots;
use crate::tui::theme::Role;
use crate::tui::words::count;
use crate::tui::wrap::{fit, width};

/// Screens narrower than this do without days and groups.
const PLACED_WIDTH: u16 = 60;
/// Columns of a nick.
const NICK: u16 = 12;
/// Rows for the title and what was found, whatever there is to say below.
const LINES_MIN: u16 = 3;
const KEYS: &str = "Enter goes there, Esc returns here and then back; Up, Down: which one";
const KEYS_SHORT: &str = "Enter goes there, Esc returns";

/// Draws it; where the cursor stands.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer, spots: &mut Spots) -> Option<Position> {
    let finder = app.finder.as_ref()?;
    let theme = &app.look.theme;
    fill(buf, area, theme.style(Role::Background));
    let row = |y: u16| Rect {
        y,
        height: 1,
        ..area
    };
    let cursor = draw_title(app, finder, row(area.top()), buf);
    let (told, role) = told_below(app, finder, area.width);
    let most = area.height.saturating_sub(LINES_MIN);
    let height = status::rows(told, area.width, most);
    let bar = Rect {
        y: area.bottom() - height,
        height,
        ..area
    };
    let room = usize::from(area.height.saturating_sub(1 + height));
    let first = (finder.at + 1).saturating_sub(room);
    let rows = area.top() + 1..bar.top();
    for ((at, line), y) in finder.lines.iter().enumerate().skip(first).zip(rows) {
        draw_line(app, finder, line, at == finder.at, row(y), buf, spots);
    }
    status::draw_text(app, told, role, bar, buf);
    cursor
}

/// What is wrong, or the keys.
fn told_below<'a>(app: &'a App, finder: &'a Finder, columns: u16) -> (&'a str, Role) {
    match (&app.hint, &finder.why) {
        (Some(hint), _) => (hint.text(), Role::Error),
        (None, Some(why)) => (why, Role::Error),
        (None, None) if columns < PLACED_WIDTH => (KEYS_SHORT, Role::Status),
        (None, None) => (KEYS, Role::Status),
    }
}

fn draw_title(app: &App, finder: &Finder, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &app.look.theme;
    let title = theme.style(Role::Title);
    fill(buf, area, title);
    let found = match (finder.lines.len(), finder.more) {
        (0, _) if finder.is_asking => String::new(),
        (0, _) => "nothing".to_owned(),
        (found, false) => count(found as u64, "line"),
        (found, true) => format!("the newest {found} lines"),
    };
    let right = area.right().saturating_sub(width(&found) + 1);
    put(buf, area, right, area.y, &found, theme.style(Role::Topic));
    let room = right.saturating_sub(area.x + 2);
    let About::Search(typed) = &finder.about else {
        let text = fit("said to you", room, app.look.signs.dots);
        put(buf, area, area.x + 1, area.y, &text, title);
        return None;
    };
    let x = put(buf, area, area.x + 1, area.y, "find ", title);
    let typed = sanitize::line(typed).into_owned();
    let end = typed.rfind(" in:").unwrap_or(typed.len());
    let shown = fit(&typed, room.saturating_sub(5), app.look.signs.dots);
    put(buf, area, x, area.y, &shown, theme.style(Role::Input));
    let cursor = x + width(&typed[..end]);
    Some(Position::new(cursor.min(right), area.y))
}

fn draw_line(
    app: &App,
    finder: &Finder,
    line: &Line,
    is_lit: bool,
    area: Rect,
    buf: &mut Buffer,
    spots: &mut Spots,
) {
    let theme = &app.look.theme;
    let dots = app.look.signs.dots;
    let lit = theme.style(Role::Selection);
    if is_lit {
        fill(buf, area, lit);
    }
    let style = |role| if is_lit { lit } else { theme.style(role) };
    let mut x = area.x + 1;
    if area.width >= PLACED_WIDTH {
        let when = format!("{} {} ", app.look.date(line.at), app.look.time(line.at));
        x = put(buf, area, x, area.y, &when, style(Role::Day));
        let group = sanitize::name(line.group.as_str());
        let columns = area.width / 8;
        let group = fit(&group, columns, dots);
        put(buf, area, x, area.y, &group, style(Role::Dim));
        spots.text(area, x, area.y, &group, None);
        x += columns + 1;
    }
    let nick = fit(&sanitize::name(line.from.as_str()), NICK, dots);
    let nick_style = if is_lit {
        lit
    } else {
        theme.nick(&line.id.author)
    };
    put(buf, area, x, area.y, &nick, nick_style);
    spots.text(area, x, area.y, &nick, None);
    x += NICK + 1;
    let text = text_of(line);
    let found = found_in(finder, &text);
    let room = area.right().saturating_sub(x + 1);
    // What was found is in view, also in a long line.
    let from = match &found {
        Some(found) if width(&text[..found.end]) > room => {
            let before = text[..found.start].char_indices().rev();
            before
                .take(usize::from(room / 3))
                .last()
                .map_or(found.start, |(at, _)| at)
        }
        Some(_) | None => 0,
    };
    let (head, mid, tail) = match found {
        Some(found) => (
            &text[from..found.start],
            &text[found.clone()],
            &text[found.end..],
        ),
        None => (text.as_str(), "", ""),
    };
    let lead = if from > 0 { dots } else { "" };
    x = put(buf, area, x, area.y, lead, style(Role::Dim));
    spots.text(area, x, area.y, &text[from..], None);
    x = put(buf, area, x, area.y, head, style(Role::Text));
    let found_style = style(Role::Mention).add_modifier(Modifier::BOLD);
    x = put(buf, area, x, area.y, mid, found_style);
    let room = area.right().saturating_sub(x + 1);
    put(
        buf,
        area,
        x,
        area.y,
        &fit(tail, room, dots),
        style(Role::Text),
    );
}

fn text_of(line: &Line) -> String {
    match &line.what {
        What::Text(text) => sanitize::line(text).into_owned(),
        What::Action(text) => format!("* {}", sanitize::line(text)),
        What::Topic(text) => format!("(topic) {}", sanitize::line(text)),
        What::Join
        | What::Part(_)
        | What::Quit(_)
        | What::Nick(_)
        | What::Gone { .. }
        | What::Ruling { .. }
        | What::Vain(_) => String::new(),
    }
}

/// Where the first of the words stands, whatever their case.
fn found_in(finder: &Finder, text: &str) -> Option<Range<usize>> {
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return None;
    }
    let words = finder.words();
    let found = words.iter().filter_map(|word| {
        let at = lower.find(&word.to_lowercase())?;
        Some(at..at + word.len())
    });
    found
        .min_by_key(|found| found.start)
        .filter(|found| text.is_char_boundary(found.start) && text.is_char_boundary(found.end))
}
