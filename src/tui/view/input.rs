//! The line being written, as many rows as it needs, with the cursor always in view.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::sanitize;
use crate::tui::app::App;
use crate::tui::editor;
use crate::tui::paint::put;
use crate::tui::theme::Role;
use crate::tui::wrap::{fit, width};

/// Rows the line may take, where a third of the screen allows it.
const ROWS_MAX: u16 = 8;

/// Rows the line needs on a screen of that size.
pub(super) fn height(app: &App, area: Rect) -> u16 {
    let columns = area.width.saturating_sub(width(&prompt(app, area.width)));
    let (rows, _) = editor::rows(app.editor.text(), app.editor.cursor(), columns);
    let most = (area.height / 3).clamp(1, ROWS_MAX);
    u16::try_from(rows.len()).unwrap_or(most).clamp(1, most)
}

/// Draws it; where the cursor stands.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Position {
    let theme = &app.look.theme;
    let prompt = prompt(app, area.width);
    put(
        buf,
        area,
        area.x,
        area.y,
        &prompt,
        theme.style(Role::Prompt),
    );
    let left = area.x + width(&prompt);
    let columns = area.right() - left;
    let text = app.editor.text();
    let (rows, (row, column)) = editor::rows(text, app.editor.cursor(), columns);
    let height = usize::from(area.height);
    let first = (row + 1).saturating_sub(height);
    for (cut, y) in rows.into_iter().skip(first).zip(area.top()..area.bottom()) {
        put(buf, area, left, y, &text[cut], theme.style(Role::Input));
    }
    let y = area.y + u16::try_from(row - first).unwrap_or(0);
    Position {
        x: (left + column).min(area.right() - 1),
        y,
    }
}

/// Our nick, where there is room for it.
fn prompt(app: &App, columns: u16) -> String {
    let sign = app.look.signs.prompt;
    match &app.us {
        Some((_, nick)) if columns >= 50 => {
            let nick = sanitize::name(nick.as_str());
            format!(" {} {sign} ", fit(&nick, 16, app.look.signs.dots))
        }
        Some(_) | None => format!(" {sign} "),
    }
}
