//! The column of windows: where we are, and where something happened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::app::App;
use crate::tui::paint::{fill, put};
use crate::tui::spot::{Spot, Spots};
use crate::tui::theme::Role;
use crate::tui::window::Unread;
use crate::tui::wrap::{fit, width};

/// Draws the column.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer, spots: &mut Spots) {
    let theme = &app.look.theme;
    let title = Rect { height: 1, ..area };
    fill(buf, title, theme.style(Role::Title));
    put(
        buf,
        title,
        area.x + 1,
        area.y,
        "fireside",
        theme.style(Role::Title),
    );
    let list = Rect {
        y: area.y + 1,
        width: area.width - 1,
        height: area.height - 1,
        ..area
    };
    for y in list.top()..list.bottom() {
        put(
            buf,
            area,
            list.right(),
            y,
            app.look.signs.bar,
            theme.style(Role::Border),
        );
    }
    // The active window stays in view when there are more than rows.
    let rows = usize::from(list.height);
    let first = (app.active + 1).saturating_sub(rows);
    for ((index, window), y) in app
        .windows
        .iter()
        .enumerate()
        .skip(first)
        .zip(list.top()..list.bottom())
    {
        let row = Rect {
            y,
            height: 1,
            ..list
        };
        spots.add(row, Spot::Window(index));
        let active = index == app.active;
        let talk = window.unread.lines + window.unread.mentions > 0;
        let (role, count) = match (active, label(&window.unread)) {
            (true, _) => (Role::Selection, None),
            (false, Some(label)) if talk => (Role::Unread, Some(label)),
            (false, label) => (Role::Dim, label),
        };
        let style = theme.style(role);
        if active {
            fill(buf, row, style);
        }
        let number = match index + 1 {
            n @ 1..=9 => n.to_string(),
            10 => "0".to_owned(),
            _ => " ".to_owned(),
        };
        let number_style = if active {
            style
        } else {
            theme.style(Role::Faint)
        };
        put(buf, row, row.x + 1, y, &number, number_style);
        let count_width = count.as_ref().map_or(0, |(text, _)| width(text) + 1);
        let room = row.width.saturating_sub(4 + count_width);
        let name = fit(&window.name(), room, app.look.signs.dots);
        put(buf, row, row.x + 3, y, &name, style);
        spots.text(row, row.x + 3, y, &name, None);
        if let Some((text, role)) = count {
            put(
                buf,
                row,
                row.right().saturating_sub(width(&text) + 1),
                y,
                &text,
                theme.style(role),
            );
        }
    }
}

/// How much is unread, most urgent first.
pub(super) fn label(unread: &Unread) -> Option<(String, Role)> {
    match unread {
        Unread {
            mentions: 1..,
            lines,
            ..
        } => Some((format!("@{lines}"), Role::Mention)),
        Unread {
            lines: lines @ 1.., ..
        } => Some((lines.to_string(), Role::Accent)),
        Unread { other: true, .. } => Some(("·".to_owned(), Role::Dim)),
        Unread { .. } => None,
    }
}
