//! Drawing: groups, log, members, status and the line being written, each in its own file.
//!
//! *Invariant:* every text passes `paint::put`; drawing changes nothing but caches, and asks for older
//! lines when the first one comes into view.

mod card;
mod choices;
mod finder;
mod groups;
mod help;
mod input;
mod log;
mod members;
mod palette;
mod status;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::app::{App, Column, Hint};
use super::look::UNICODE;
use super::paint;
use super::theme::Role;
use super::wrap::{fit, width};

/// Screens at least this wide have all three columns.
const GROUPS_WIDTH: u16 = 92;
/// Screens at least this wide have members beside the log.
const MEMBERS_WIDTH: u16 = 64;
/// Screens at least this wide have room for wide columns.
const ROOMY_WIDTH: u16 = 112;
/// Screens at least this wide have room for more.
const VAST_WIDTH: u16 = 160;
/// A log is never narrower than this for the sake of another column.
const LOG_WIDTH_MIN: u16 = 24;
/// A title and a log are never lower than this for the sake of a hint.
const LOG_HEIGHT_MIN: u16 = 3;

/// Where everything is.
#[derive(Clone, Copy, Debug)]
struct Places {
    groups: Option<Rect>,
    title: Rect,
    log: Rect,
    members: Option<Rect>,
    /// A row for what is wrong with the disk, while something is.
    trouble: Option<Rect>,
    status: Rect,
    input: Rect,
}

impl Places {
    /// The log, and nothing else.
    fn bare(area: Rect) -> Self {
        let none = Rect { height: 0, ..area };
        Self {
            groups: None,
            title: none,
            log: area,
            members: None,
            trouble: None,
            status: none,
            input: none,
        }
    }
}

/// Draws the whole screen; where the cursor is to stand.
pub fn draw(app: &mut App, buf: &mut Buffer) -> Option<Position> {
    let area = buf.area;
    paint::fill(buf, area, app.look.theme.style(Role::Background));
    if area.width < 8 || area.height < 3 {
        return None;
    }
    let area = draw_banner(app, area, buf);
    let places = places(app, area);
    let mut spots = std::mem::take(&mut app.spots);
    // What has no other signs may show these as signs, too.
    spots.begin(app.look.signs == UNICODE);
    app.log_size = (places.log.width, places.log.height);
    app.log_place = places.log;
    app.columns = (places.groups.is_some(), places.members.is_some());
    if log::draw(app, places.log, buf, &mut spots) {
        app.ask_older();
    }
    if app.look.bare {
        app.spots = spots;
        return None;
    }
    status::draw_title(app, places.title, buf, &mut spots);
    if let Some(place) = places.groups {
        groups::draw(app, place, buf, &mut spots);
    }
    if let Some(place) = places.members {
        members::draw(app, place, buf, &mut spots);
    }
    if let Some(place) = places.trouble {
        status::draw_trouble(app, place, buf);
    }
    status::draw(app, places.status, buf, places.groups.is_none(), &mut spots);
    let cursor = input::draw(app, places.input, buf);
    let (text, at) = (app.editor.text(), app.editor.cursor());
    if let Some(cycle) = app.cycle.as_ref().filter(|cycle| cycle.stands(text, at)) {
        let above = Rect {
            height: places.input.y.saturating_sub(area.y + 1),
            ..area
        };
        let word = width(&cycle.choice());
        choices::draw(
            cycle,
            &app.look,
            above,
            cursor.x.saturating_sub(word + 1),
            buf,
            &mut spots,
        );
    }
    if let Some(open) = &app.palette {
        return palette::draw(open, &app.look, area, buf);
    }
    app.spots = spots;
    if app.finder.as_ref().is_some_and(|finder| finder.is_open) {
        let mut spots = std::mem::take(&mut app.spots);
        spots.clear();
        let cursor = finder::draw(app, area, buf, &mut spots);
        app.spots = spots;
        return cursor;
    }
    if let Some(invite) = &app.card {
        app.spots.clear();
        card::draw(app, invite, area, buf);
        return None;
    }
    if app.help.is_some() {
        app.spots.clear();
        help::draw(app, area, buf);
        return None;
    }
    Some(cursor)
}

/// A style without its ground.
fn foreground(style: Style) -> Style {
    Style { bg: None, ..style }
}

/// Draws the line above everything, if there is one and there is room; what is left below it.
fn draw_banner(app: &App, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(banner) = app.banner.as_ref().filter(|_| area.height >= 6) else {
        return area;
    };
    let style = app.look.theme.style(Role::Selection);
    let row = Rect { height: 1, ..area };
    paint::fill(buf, row, style);
    let room = area.width.saturating_sub(2);
    let banner = fit(banner, room, app.look.signs.dots);
    paint::put(buf, row, row.x + 1, row.y, &banner, style);
    Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    }
}

fn places(app: &App, area: Rect) -> Places {
    if app.look.bare {
        return Places::bare(area);
    }
    let input_height = input::height(app, area);
    let hint = app.hint.as_ref();
    let most = area.height.saturating_sub(input_height + LOG_HEIGHT_MIN);
    let status_height = status::rows(hint.map_or("", Hint::text), area.width, most);
    let below = area.height - input_height - status_height;
    let trouble = u16::from(app.trouble.is_some() && below >= 3);
    let above = below - trouble;
    let in_group = app.window().is_group();
    let groups_width = match app.groups_column {
        Column::Usual if area.width < GROUPS_WIDTH => 0,
        Column::Hidden => 0,
        Column::Usual | Column::Shown => match area.width {
            VAST_WIDTH.. => 26,
            ROOMY_WIDTH.. => 20,
            _ => 16,
        },
    };
    let members_width = match app.members_column {
        _ if !in_group => 0,
        Column::Usual if area.width < MEMBERS_WIDTH => 0,
        Column::Hidden => 0,
        Column::Usual | Column::Shown => match area.width {
            VAST_WIDTH.. => 32,
            ROOMY_WIDTH.. => 26,
            _ => 18,
        },
    };
    let fits = |sides: u16| area.width >= sides + LOG_WIDTH_MIN;
    let members_width = if fits(members_width) {
        members_width
    } else {
        0
    };
    let groups_width = if fits(members_width + groups_width) {
        groups_width
    } else {
        0
    };
    let middle = Rect {
        x: area.x + groups_width,
        y: area.y,
        width: area.width - groups_width - members_width,
        height: above,
    };
    // A blank column on either side of the log, where there is room for it.
    let margin = u16::from(area.width >= MEMBERS_WIDTH);
    let log = Rect {
        x: middle.x + margin,
        y: middle.y + 1,
        width: middle.width - 2 * margin,
        height: middle.height.saturating_sub(1),
    };
    let side = |x: u16, width: u16| {
        (width > 0).then_some(Rect {
            x,
            y: area.y,
            width,
            height: above,
        })
    };
    Places {
        groups: side(area.x, groups_width),
        title: Rect {
            height: 1,
            ..middle
        },
        log,
        members: side(middle.right(), members_width),
        trouble: (trouble > 0).then_some(Rect {
            y: area.y + above,
            height: 1,
            ..area
        }),
        status: Rect {
            y: area.y + below,
            height: status_height,
            ..area
        },
        input: Rect {
            y: area.y + below + status_height,
            height: input_height,
            ..area
        },
    }
}
