//! The column of members in join order: who keeps the group, who would next, and who is away or gone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::proto::event::{Member, Path, Standing};
use crate::sanitize;
use crate::tui::app::App;
use crate::tui::paint::{fill, put};
use crate::tui::spot::{Spot, Spots};
use crate::tui::theme::Role;
use crate::tui::window::Phase;
use crate::tui::words::count;
use crate::tui::wrap::{fit, width};

/// Columns narrower than this have no room for how somebody is reached.
const REACH_WIDTH: u16 = 22;

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer, spots: &mut Spots) {
    let theme = &app.look.theme;
    let window = app.window();
    let title = Rect { height: 1, ..area };
    fill(buf, title, theme.style(Role::Title));
    let here = window
        .members
        .iter()
        .filter(|member| member.present)
        .count();
    let told = match window.phase {
        Phase::Finding => String::new(),
        Phase::Joined if here == 1 => "you alone".to_owned(),
        Phase::Joined => format!("{} here", here),
    };
    put(
        buf,
        title,
        area.x + 1,
        area.y,
        &told,
        theme.style(Role::Topic),
    );
    let list = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width - 1,
        height: area.height - 1,
    };
    for y in list.top()..list.bottom() {
        put(
            buf,
            area,
            area.x,
            y,
            app.look.signs.bar,
            theme.style(Role::Border),
        );
    }
    let rows = usize::from(list.height);
    let all = window.members.len();
    let shown = if all > rows {
        rows.saturating_sub(1)
    } else {
        all
    };
    for (member, y) in window.members.iter().take(shown).zip(list.y..) {
        let row = Rect {
            y,
            height: 1,
            ..list
        };
        draw_member(app, member, row, buf, spots);
        spots.add(row, Spot::Member(member.id));
    }
    if all > shown && rows > 0 {
        let more = format!(
            "and {}",
            count((all - shown) as u64, "more").replace("mores", "more")
        );
        put(
            buf,
            list,
            list.x + 3,
            list.bottom() - 1,
            &more,
            theme.style(Role::Dim),
        );
    }
}

fn draw_member(app: &App, member: &Member, row: Rect, buf: &mut Buffer, spots: &mut Spots) {
    let theme = &app.look.theme;
    let signs = app.look.signs;
    let (sign, role) = match member.standing {
        Standing::Host => (signs.host, Role::Host),
        Standing::Heir => (signs.heir, Role::Heir),
        Standing::Member => (" ", Role::Dim),
    };
    put(buf, row, row.x + 1, row.y, sign, theme.style(role));
    let us = app.is_us(&member.id);
    let is_missed = app.window().is_adrift && member.standing == Standing::Host;
    let name_style = match (member.present && !is_missed, us) {
        (false, _) => theme.style(Role::Faint),
        (true, false) if member.away.is_some() => theme.style(Role::Dim),
        (true, true) => theme.style(Role::Own),
        (true, false) => theme.nick(&member.id),
    };
    let reach = if is_missed {
        Some((signs.dots.to_owned(), theme.style(Role::Faint)))
    } else if member.present && member.away.is_some() {
        Some(("away".to_owned(), theme.style(Role::Dim)))
    } else if us || (member.present && row.width < REACH_WIDTH) {
        None
    } else {
        reach(app, member)
    };
    let reach_width = reach.as_ref().map_or(0, |(text, _)| width(text) + 1);
    // Of a verified person there is a sign behind the name, where the name ends.
    let is_verified = app.verified.contains(&member.id);
    let mark = if is_verified {
        width(signs.verified) + 1
    } else {
        0
    };
    let room = row.width.saturating_sub(4 + reach_width + mark);
    let name = fit(&sanitize::name(member.nick.as_str()), room, signs.dots);
    let x = put(buf, row, row.x + 3, row.y, &name, name_style);
    if is_verified {
        put(
            buf,
            row,
            x + 1,
            row.y,
            signs.verified,
            theme.style(Role::Good),
        );
    }
    spots.text(row, row.x + 3, row.y, &name, None);
    if let Some((text, style)) = reach {
        let x = row.right().saturating_sub(width(&text) + 1);
        put(buf, row, x, row.y, &text, style);
    }
}

/// How a present member is reached, where that is known.
fn reach(app: &App, member: &Member) -> Option<(String, Style)> {
    let theme = &app.look.theme;
    if !member.present {
        return Some(("gone".to_owned(), theme.style(Role::Faint)));
    }
    let reach = app.reach.get(&member.id)?;
    let ms = reach.rtt_ms?;
    // The word tells them apart where the colour does not.
    let (told, role) = match reach.path {
        Path::Direct => (format!("{ms} ms"), Role::Direct),
        Path::Relayed => (format!("via {ms} ms"), Role::Relayed),
        Path::Lost => return None,
    };
    Some((told, theme.style(role)))
}
