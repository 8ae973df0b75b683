//! What the word before the cursor may become: a list above the line, the one taken marked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::complete::Cycle;
use crate::tui::look::Look;
use crate::tui::paint::{fill, put};
use crate::tui::spot::Spots;
use crate::tui::theme::Role;
use crate::tui::wrap::{fit, width};

/// Rows of the list.
const ROWS_MAX: u16 = 8;
/// Columns of the widest name.
const NAME_WIDTH: u16 = 28;

/// Draws the list so that it ends right above `below`, beginning at column `x`.
pub(super) fn draw(
    cycle: &Cycle,
    look: &Look,
    above: Rect,
    x: u16,
    buf: &mut Buffer,
    spots: &mut Spots,
) {
    let theme = &look.theme;
    let dots = look.signs.dots;
    let rows = u16::try_from(cycle.choices.len()).unwrap_or(ROWS_MAX);
    let rows = rows.min(ROWS_MAX).min(above.height);
    let shown = usize::from(rows);
    if shown == 0 || cycle.choices.len() < 2 {
        return;
    }
    let first = (cycle.at + 1).saturating_sub(shown.div_ceil(2).max(1));
    let first = first.min(cycle.choices.len() - shown);
    let choices = &cycle.choices[first..first + shown];
    let names = choices.iter().map(|choice| width(&choice.text)).max();
    let names = names.unwrap_or(0).min(NAME_WIDTH);
    let details = choices.iter().map(|choice| width(&choice.detail)).max();
    let details = details
        .filter(|details| *details > 0)
        .map_or(0, |details| details + 2);
    let columns = (names + details + 2).min(above.width);
    let place = Rect {
        x: x.min(above.right() - columns),
        y: above.bottom() - rows,
        width: columns,
        height: rows,
    };
    fill(buf, place, theme.style(Role::Status));
    spots.cover(place);
    for ((index, choice), y) in choices.iter().enumerate().zip(place.top()..place.bottom()) {
        let is_taken = first + index == cycle.at;
        let row = Rect {
            y,
            height: 1,
            ..place
        };
        let role = if is_taken {
            Role::Selection
        } else {
            Role::Status
        };
        let style = theme.style(role);
        fill(buf, row, style);
        let name = fit(&choice.text, names, dots);
        put(buf, row, row.x + 1, y, &name, style);
        spots.text(row, row.x + 1, y, &name, None);
        let dim = if is_taken {
            style
        } else {
            style.patch(super::foreground(theme.style(Role::Dim)))
        };
        let room = row.width.saturating_sub(names + 4);
        let detail = fit(&choice.detail, room, dots);
        put(buf, row, row.x + names + 3, y, &detail, dim);
        spots.text(row, row.x + names + 3, y, &detail, None);
    }
}
