//! An invitation over everything: the code as large as there is room for, and the link below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::proto::event::Invite;
use crate::qr::{self, Code, Ground};
use crate::sanitize;
use crate::tui::app::App;
use crate::tui::paint::{fill, put};
use crate::tui::theme::Role;
use crate::tui::wrap::{fit, width};

pub(super) fn draw(app: &App, invite: &Invite, area: Rect, buf: &mut Buffer) {
    let theme = &app.look.theme;
    let ground = theme.style(Role::Background);
    let dots = app.look.signs.dots;
    fill(buf, area, ground);
    let bar = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    fill(buf, bar, theme.style(Role::Status));
    let keys = "c copies the link   Esc: back";
    let room = bar.width.saturating_sub(2);
    put(
        buf,
        bar,
        bar.x + 1,
        bar.y,
        &fit(keys, room, dots),
        theme.style(Role::Status),
    );
    // The title, a row of the link, and the bar: the whole of the link is in the log.
    let above = area.height.saturating_sub(3);
    let code = fitting(invite, area.width, above);
    let name = sanitize::name(invite.group.as_str());
    let title = match code {
        Some(_) => format!("come to {name}"),
        None => format!("come to {name}: no room for its code"),
    };
    let title = fit(&title, room, dots);
    let mut y = area.y;
    put(
        buf,
        area,
        middle(area, width(&title)),
        y,
        &title,
        theme.style(Role::Accent),
    );
    y += 1;
    if let Some((code, margin)) = code {
        y = draw_code(app, &code, margin, Rect { y, ..area }, buf);
    } else {
        y += 1;
    }
    // A blank row, if the link leaves one.
    let link = invite.to_string();
    let whole = link.len().div_ceil(usize::from(room.max(1)));
    y += u16::from(usize::from(bar.y.saturating_sub(y)) > whole);
    let mut rest = link.as_str();
    while !rest.is_empty() && y < bar.y {
        let is_last = y + 1 == bar.y;
        let (row, more) = rest.split_at(rest.len().min(usize::from(room)));
        let row = match is_last && !more.is_empty() {
            true => fit(rest, room, dots),
            false => row.to_owned(),
        };
        put(
            buf,
            area,
            middle(area, width(&row)),
            y,
            &row,
            theme.style(Role::Text),
        );
        rest = more;
        y += 1;
    }
}

/// The code with as many of the invitation's nodes as there is room for, one at least, and its margin.
fn fitting(invite: &Invite, columns: u16, rows: u16) -> Option<(Code, usize)> {
    let least = invite.gates.len().min(1);
    (least..=invite.gates.len()).rev().find_map(|gates| {
        let code = Code::of(&invite.short(gates).capitals())?;
        let margin = code.margin_in(usize::from(columns), usize::from(rows))?;
        // A margin that is too narrow is worse than one node less, which is there only if the first is not.
        let is_wide = margin >= 2 || gates == least;
        is_wide.then_some((code, margin))
    })
}

/// Draws a code; the row below it.
fn draw_code(app: &App, code: &Code, margin: usize, area: Rect, buf: &mut Buffer) -> u16 {
    let theme = &app.look.theme;
    let side = u16::try_from(code.side(margin)).unwrap_or(u16::MAX);
    let x = middle(area, side);
    let mut y = area.y;
    for row in code.rows(margin) {
        for ((upper, lower), x) in row.into_iter().zip(x..) {
            match theme.paper(upper, lower) {
                // No glyph has to meet the edges of its cell where the ground alone does.
                Some(style) if upper == lower => put(buf, area, x, y, " ", style),
                Some(style) => put(buf, area, x, y, "▀", style),
                None => {
                    let ground = match app.choice.is_light() {
                        true => Ground::Light,
                        false => Ground::Dark,
                    };
                    let block = qr::block((upper, lower), ground).to_string();
                    put(buf, area, x, y, &block, theme.style(Role::Background))
                }
            };
        }
        y += 1;
    }
    y
}

/// Where something so wide begins that stands in the middle.
fn middle(area: Rect, width: u16) -> u16 {
    area.x + area.width.saturating_sub(width) / 2
}
