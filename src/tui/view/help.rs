//! Help over everything: what can be typed, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::slash::SPECS;
use crate::tui::app::App;
use crate::tui::keymap::KEYS;
use crate::tui::paint::{fill, put};
use crate::tui::theme::Role;
use crate::tui::wrap::fit;

/// Columns of the left half: what is typed or pressed.
const LEFT: u16 = 30;

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let theme = &app.look.theme;
    let margin = if area.width > 60 { 2 } else { 0 };
    let panel = Rect {
        x: area.x + margin,
        y: area.y,
        width: (area.width - 2 * margin).min(96),
        height: area.height,
    };
    fill(buf, area, theme.style(Role::Background));
    let lines = lines();
    let rows = usize::from(panel.height.saturating_sub(1));
    let last = lines.len().saturating_sub(rows);
    let first = usize::from(app.help.unwrap_or(0)).min(last);
    let left = LEFT.min(panel.width / 2);
    for ((typed, does), y) in lines
        .iter()
        .skip(first)
        .zip(panel.top()..panel.bottom() - 1)
    {
        let dots = app.look.signs.dots;
        let (role, room) = match does.as_str() {
            "" => (Role::Host, panel.width),
            _ => (Role::Text, left.saturating_sub(2)),
        };
        put(
            buf,
            panel,
            panel.x + 1,
            y,
            &fit(typed, room, dots),
            theme.style(role),
        );
        let room = panel.width.saturating_sub(left + 1);
        put(
            buf,
            panel,
            panel.x + left,
            y,
            &fit(does, room, dots),
            theme.style(Role::Dim),
        );
    }
    let bar = Rect {
        y: panel.bottom() - 1,
        height: 1,
        ..area
    };
    fill(buf, bar, theme.style(Role::Status));
    let word = if last > 0 {
        "Up, Down: more   any other key: back"
    } else {
        "any key: back"
    };
    put(
        buf,
        bar,
        bar.x + 1 + margin,
        bar.y,
        word,
        theme.style(Role::Status),
    );
}

fn lines() -> Vec<(String, String)> {
    let heading = |text: &str| (text.to_owned(), String::new());
    let mut lines = vec![heading("What can be typed")];
    lines.extend(SPECS.iter().map(|spec| {
        (
            format!("/{} {}", spec.name, spec.syntax),
            spec.help.to_owned(),
        )
    }));
    lines.push((
        "//text".to_owned(),
        "say a line that begins with a slash".to_owned(),
    ));
    lines.push(heading(""));
    lines.push(heading("Keys"));
    let keys = KEYS.iter();
    lines.extend(keys.map(|(keys, does)| ((*keys).to_owned(), (*does).to_owned())));
    lines.push((
        "Shift and the mouse".to_owned(),
        "select text, as without us".to_owned(),
    ));
    lines.push(heading(""));
    lines.push(heading("Signs"));
    lines.push(("◆  *".to_owned(), "keeps the group".to_owned()));
    lines.push((
        "◇  +".to_owned(),
        "holds a copy of it, and keeps it next".to_owned(),
    ));
    lines.push((
        "…  ✓  ✓3".to_owned(),
        "on the way, in the log, kept by three".to_owned(),
    ));
    lines.push((
        "anna ✓  anna =".to_owned(),
        "verified: you have compared keys (/verify)".to_owned(),
    ));
    lines.push(("✗  !".to_owned(), "not sent: /resend or /drop".to_owned()));
    lines.push((
        "▒  #".to_owned(),
        "hidden by who said it: Alt-L shows it".to_owned(),
    ));
    lines.push((
        "via 61 ms".to_owned(),
        "reached over a supernode; without \"via\" directly".to_owned(),
    ));
    lines
}
