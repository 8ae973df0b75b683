//! A list over the log that letters narrow down: its title, what is typed, and what fits.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::tui::look::Look;
use crate::tui::paint::{fill, put};
use crate::tui::palette::{Item, Palette};
use crate::tui::theme::Role;
use crate::tui::wrap::{fit, width, wrap};

/// The list on the widest and the highest screen.
const WIDTH_MAX: u16 = 92;
const ROWS_MAX: u16 = 18;
/// Columns left free on either side of it, or none.
const BESIDE: u16 = 24;
/// Columns of a name where there is room for what it means.
const NAME_WIDTH: u16 = 18;
/// Narrower lists have names alone, and below them what the lit one means.
const DETAILED_WIDTH: u16 = 44;
/// Rows that it has for that, and the list at least for itself.
const TOLD_ROWS: u16 = 2;
const LIST_ROWS_MIN: u16 = 3;

/// Draws it; where the cursor stands.
pub(super) fn draw(pick: &Palette, look: &Look, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &look.theme;
    // Half a column of groups beside it would be neither here nor there.
    let columns = match area.width {
        width if width < WIDTH_MAX + 2 * BESIDE => width,
        _ => WIDTH_MAX,
    };
    let place = Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + u16::from(area.height > 12),
        width: columns,
        height: (ROWS_MAX + 2).min(area.height.saturating_sub(2)),
    };
    if place.height < 3 {
        return None;
    }
    let ground = theme.style(Role::Status);
    let dots = look.signs.dots;
    fill(buf, place, ground);
    let head = Rect { height: 1, ..place };
    let prompt = format!(" {} ", look.signs.prompt);
    let x = put(
        buf,
        head,
        head.x,
        head.y,
        &prompt,
        ground.patch(super::foreground(theme.style(Role::Prompt))),
    );
    let typed = pick.typed.text();
    let cursor = x + width(&typed[..pick.typed.cursor()]);
    if typed.is_empty() {
        let room = head.right().saturating_sub(x + 1);
        let dim = ground.patch(super::foreground(theme.style(Role::Dim)));
        put(buf, head, x, head.y, &fit(pick.title, room, dots), dim);
    } else {
        put(buf, head, x, head.y, typed, ground);
    }
    let list = Rect {
        y: place.y + 1,
        height: place.height - 1,
        ..place
    };
    let list = match pick.fitting().nth(pick.at) {
        Some(item) if list.width < DETAILED_WIDTH && !item.detail.is_empty() => {
            tell(&item.detail, look, list, buf)
        }
        Some(_) | None => list,
    };
    let rows = usize::from(list.height);
    let first = (pick.at + 1).saturating_sub(rows);
    let fitting = pick.fitting();
    if fitting.len() == 0 {
        let none = "nothing is like that; Esc goes back";
        put(
            buf,
            list,
            list.x + 3,
            list.y,
            &fit(none, list.width - 4, dots),
            ground,
        );
    }
    for ((index, item), y) in fitting
        .enumerate()
        .skip(first)
        .zip(list.top()..list.bottom())
    {
        let row = Rect {
            y,
            height: 1,
            ..list
        };
        draw_item(item, index == pick.at, look, row, buf);
    }
    Some(Position {
        x: cursor.min(place.right() - 1),
        y: head.y,
    })
}

/// Tells what something means in the last rows of a narrow list; what is left of the list.
fn tell(detail: &str, look: &Look, list: Rect, buf: &mut Buffer) -> Rect {
    if list.height < LIST_ROWS_MIN + TOLD_ROWS {
        return list;
    }
    let height = list.height - TOLD_ROWS;
    let style = look.theme.style(Role::Status);
    let style = style.patch(super::foreground(look.theme.style(Role::Dim)));
    let room = list.width.saturating_sub(2);
    let rows = wrap(detail, room, room);
    for (row, y) in rows.into_iter().zip(list.y + height..list.bottom()) {
        put(buf, list, list.x + 1, y, &detail[row], style);
    }
    Rect { height, ..list }
}

fn draw_item(item: &Item, is_taken: bool, look: &Look, row: Rect, buf: &mut Buffer) {
    let theme = &look.theme;
    let dots = look.signs.dots;
    let style = theme.style(if is_taken {
        Role::Selection
    } else {
        Role::Status
    });
    let dim = match is_taken {
        true => style,
        false => style.patch(super::foreground(theme.style(Role::Dim))),
    };
    fill(buf, row, style);
    let aside = width(&item.aside);
    let room = row.width.saturating_sub(5 + aside);
    let is_detailed = row.width >= DETAILED_WIDTH;
    let name = if is_detailed { NAME_WIDTH } else { room };
    put(
        buf,
        row,
        row.x + 3,
        row.y,
        &fit(&item.name, name.min(room), dots),
        style,
    );
    if is_detailed {
        let x = row.x + 5 + NAME_WIDTH;
        let room = room.saturating_sub(NAME_WIDTH + 3);
        put(buf, row, x, row.y, &fit(&item.detail, room, dots), dim);
    }
    let accent = match is_taken {
        true => style,
        false => style.patch(super::foreground(theme.style(Role::Accent))),
    };
    let x = row.right().saturating_sub(aside + 1);
    put(buf, row, x, row.y, &item.aside, accent);
}
