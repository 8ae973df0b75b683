//! The log: the rows in view, and beside our last lines how safe they are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::foreground;
use crate::proto::id::EntryId;
use crate::tui::app::{App, Life};
use crate::tui::lay::{SAFETY_WIDTH, right};
use crate::tui::log::{Kind, State};
use crate::tui::paint::{fill, put};
use crate::tui::pick::Pick;
use crate::tui::spot::{Spot, Spots};
use crate::tui::theme::Role;
use crate::tui::window::{Phase, Subject, Window};
use crate::tui::words::count;
use crate::tui::wrap::width;

/// Own lines that show that all is well with them.
const SAFE_SHOWN: usize = 3;
/// How far back own lines are looked for.
const LOOKED_AT: usize = 200;

/// Draws the log. Whether its first line is in view.
pub(super) fn draw(app: &mut App, area: Rect, buf: &mut Buffer, spots: &mut Spots) -> bool {
    let us = app.our_word();
    let scroll = app.window().scroll();
    let height = usize::from(area.height);
    let (rows, top) = app.page(area.width, &us).view(scroll, height);
    if rows.len() < height && !app.look.bare {
        draw_beginning(app, area, rows.len(), buf);
    }
    let safety = safety(app);
    let picked = app.pick.as_ref().and_then(Pick::link).cloned();
    let blank = area.height - u16::try_from(rows.len()).unwrap_or(area.height);
    for (row, y) in rows.iter().zip(area.y + blank..) {
        let lit = app.look.theme.style(Role::Selection);
        if row.is_lit {
            fill(
                buf,
                Rect {
                    y,
                    height: 1,
                    ..area
                },
                lit,
            );
        }
        for piece in &row.pieces {
            let x = area.x + piece.x;
            let is_picked = piece.link.is_some() && piece.link.as_ref() == picked.as_ref();
            let style = match is_picked {
                true => app.look.theme.style(Role::Search),
                false if row.is_lit => lit,
                false => piece.style,
            };
            put(buf, area, x, y, &piece.text, style);
            spots.text(area, x, y, &piece.text, piece.link.as_ref());
        }
        let Some((_, text, role)) = row
            .ends
            .filter(|_| !app.look.bare)
            .and_then(|id| safety.iter().find(|(known, ..)| *known == id))
        else {
            continue;
        };
        let x = area.x + right(&app.look, area.width) - width(text).min(SAFETY_WIDTH);
        let style = app.look.theme.style(*role);
        let style = match row.is_lit {
            true => lit.patch(foreground(style)),
            false => style,
        };
        put(buf, area, x, y, text, style);
    }
    let below = app.window().below;
    if (scroll.is_some() || app.window().past.is_some()) && !app.look.bare {
        draw_chip(app, area, below, buf, spots);
    }
    rows.len() < height || top == app.window().shown().first()
}

/// Which of our lines tell how safe they are: all that wait or failed, and the last few.
fn safety(app: &App) -> Vec<(EntryId, String, Role)> {
    let signs = app.look.signs;
    let mut safe_shown = 0;
    let mut failed = 0;
    let several = app.window().log.failed().nth(1).is_some();
    let mut told = Vec::new();
    for (_, item) in app.window().log.newest_first().take(LOOKED_AT) {
        let Kind::Said(said) = &item.kind else {
            continue;
        };
        let (text, role) = match &said.own {
            None => continue,
            Some(State::Waiting | State::Late) => (signs.dots.to_owned(), Role::Dim),
            Some(State::Failed(_)) => {
                failed += 1;
                let number = if several {
                    failed.to_string()
                } else {
                    String::new()
                };
                (format!("{}{number}", signs.failed), Role::Error)
            }
            Some(State::Placed | State::Kept(_)) if safe_shown == SAFE_SHOWN => continue,
            Some(State::Placed) => {
                safe_shown += 1;
                (signs.kept.to_owned(), Role::Dim)
            }
            Some(State::Kept(copies)) => {
                safe_shown += 1;
                (format!("{}{copies}", signs.kept), Role::Good)
            }
        };
        told.push((said.id, text, role));
    }
    told
}

/// What stands above the first line, or where there is none yet.
fn draw_beginning(app: &App, area: Rect, used: usize, buf: &mut Buffer) {
    let lines = beginning(app, app.window());
    let room = usize::from(area.height).saturating_sub(used + 1);
    if lines.len() > room {
        return;
    }
    let home = app.window().group().is_none();
    let above = if used == 0 || home {
        room.saturating_sub(lines.len()) / 3
    } else {
        room - lines.len()
    };
    for (line, y) in lines
        .iter()
        .zip(area.y + u16::try_from(above).unwrap_or(0)..)
    {
        let (text, role) = line;
        let shown = crate::tui::wrap::fit(text, area.width, app.look.signs.dots);
        put(buf, area, area.x, y, &shown, app.look.theme.style(*role));
    }
}

fn beginning(app: &App, window: &Window) -> Vec<(String, Role)> {
    let line = |text: &str, role| (text.to_owned(), role);
    match (&window.subject, window.phase) {
        (Subject::Home, _) if app.windows.len() == 1 => vec![
            line("fireside", Role::Host),
            line("", Role::Dim),
            line("/join #hearth   come into a group, or found it", Role::Text),
            line("/help           what can be typed", Role::Dim),
            line("F1              the same, and the keys", Role::Dim),
        ],
        (Subject::Home, _) => Vec::new(),
        (Subject::Group(_), Phase::Finding)
            if window.log.is_empty() && app.life == Life::Running =>
        {
            vec![(format!("looking for {}", window.name()), Role::Dim)]
        }
        (Subject::Person { nick, .. }, _) if window.has_all() => vec![
            (
                format!("this is the beginning of what you and {nick} said"),
                Role::Faint,
            ),
            line("nobody else can read it", Role::Faint),
        ],
        (Subject::Group(_), _) if window.has_all() => {
            let is_alone = window.phase == Phase::Joined && window.members.len() == 1;
            let told = format!("this is the beginning of {}", window.name());
            let mut lines = vec![(told, Role::Faint)];
            if is_alone {
                lines.push(line("nobody else is here yet", Role::Faint));
                lines.push(line("/invite makes a link for others", Role::Dim));
            }
            lines
        }
        (Subject::Group(_) | Subject::Person { .. }, _) => Vec::new(),
    }
}

/// Says what is below a view that is scrolled up.
fn draw_chip(app: &App, area: Rect, below: u32, buf: &mut Buffer, spots: &mut Spots) {
    let is_found = app.window().past.is_some() && app.finder.is_some();
    let text = match below {
        _ if is_found => " Esc: what else was found ".to_owned(),
        0 => " Esc: to the end ".to_owned(),
        n => format!(
            " {} below, Esc ",
            count(u64::from(n), "line").replacen(' ', " new ", 1)
        ),
    };
    let x = area
        .right()
        .saturating_sub(width(&text) + SAFETY_WIDTH)
        .max(area.x);
    let y = area.bottom().saturating_sub(1);
    spots.add(Rect::new(x, y, width(&text), 1), Spot::End);
    put(
        buf,
        area,
        x,
        y,
        &text,
        app.look.theme.style(Role::Selection),
    );
}
