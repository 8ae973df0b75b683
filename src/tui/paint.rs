//! The one way text gets into cells: by cluster, within bounds, and nothing that could move a cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::wrap::clusters;
use crate::sanitize;

/// Writes text from `x` on one row, as far as `area` reaches. The column after it.
pub(crate) fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let area = area.intersection(buf.area);
    let mut x = x;
    if y < area.top() || y >= area.bottom() || x < area.left() {
        return x;
    }
    for cluster in clusters(text) {
        if cluster.width == 0 || !sanitize::is_safe(cluster.text) {
            continue;
        }
        if x + cluster.width > area.right() {
            break;
        }
        let cell = &mut buf[(x, y)];
        cell.reset();
        cell.set_symbol(cluster.text).set_style(style);
        if cluster.width == 2 {
            buf[(x + 1, y)].reset();
            buf[(x + 1, y)].set_style(style);
        }
        x += cluster.width;
    }
    x
}

/// Fills an area with a style and blanks.
pub(crate) fn fill(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
            buf[(x, y)].set_style(style);
        }
    }
}
