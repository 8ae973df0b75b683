//! The two bars: where we are and what it is about; who keeps the group, our place in line, and how we reach them.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::foreground;
use super::groups::label;
use crate::proto::event::{Member, MeshState, Nearness, Path, Trouble};
use crate::proto::id::NodeId;
use crate::sanitize;
use crate::tui::app::{App, Hint, Life};
use crate::tui::link;
use crate::tui::paint::{fill, put};
use crate::tui::spot::{Spot, Spots};
use crate::tui::theme::Role;
use crate::tui::window::{Phase, Subject};
use crate::tui::wrap::{fit, width, wrap};

/// Bars narrower than this use fewer words.
const SHORT_WIDTH: u16 = 72;

/// Rows that a hint may take where it is wider than the bar: its end says what to try.
const BAR_ROWS_MAX: u16 = 4;

/// Words of a bar, each in its role.
type Words = Vec<(String, Role)>;

pub(super) fn draw_title(app: &App, area: Rect, buf: &mut Buffer, spots: &mut Spots) {
    let theme = &app.look.theme;
    let window = app.window();
    let dots = app.look.signs.dots;
    fill(buf, area, theme.style(Role::Title));
    let name = fit(&window.name(), area.width.saturating_sub(2), dots);
    let x = put(
        buf,
        area,
        area.x + 1,
        area.y,
        &name,
        theme.style(Role::Title),
    );
    let topic = match &window.subject {
        Subject::Home => "what concerns the machine".to_owned(),
        Subject::Group(_) => window.topic.clone(),
        Subject::Person { id, .. } => {
            format!("private, end to end {} {}", app.look.signs.dot, id.short())
        }
    };
    let topic = topic.as_str();
    let room = area.right().saturating_sub(x + 3);
    let shown = fit(topic, room, dots);
    put(buf, area, x + 2, area.y, &shown, theme.style(Role::Topic));
    spots.text(area, area.x + 1, area.y, &name, None);
    for link in link::find(topic) {
        let before = width(&topic[..link.start]);
        let text = &topic[link];
        // A link of which only the beginning fits would lead to somewhere else.
        if before + width(text) <= room
            && let Some(target) = link::target(text)
        {
            spots.text(area, x + 2 + before, area.y, text, Some(&target.into()));
        }
    }
}

/// Rows that a text needs which is wider than a bar of so many columns.
pub(super) fn rows(text: &str, columns: u16, most: u16) -> u16 {
    let rows = wrapped(text, columns).len();
    u16::try_from(rows)
        .unwrap_or(most)
        .clamp(1, BAR_ROWS_MAX.min(most.max(1)))
}

fn wrapped(text: &str, columns: u16) -> Vec<Range<usize>> {
    let room = columns.saturating_sub(2);
    wrap(text, room, room)
}

/// Draws a text on a bar of as many rows as there are.
pub(super) fn draw_text(app: &App, text: &str, role: Role, area: Rect, buf: &mut Buffer) {
    let theme = &app.look.theme;
    let bar = theme.style(Role::Status);
    fill(buf, area, bar);
    // The bar's ground stays under every word.
    let style = bar.patch(foreground(theme.style(role)));
    for (cut, row) in wrapped(text, area.width).into_iter().zip(area.rows()) {
        // What does not fit into the last row is seen to be cut.
        let is_last = row.bottom() == area.bottom();
        let shown = if is_last {
            &text[cut.start..]
        } else {
            &text[cut]
        };
        let shown = fit(shown, area.width.saturating_sub(2), app.look.signs.dots);
        put(buf, row, row.x + 1, row.y, &shown, style);
    }
}

/// Draws the status; `alone` when no column tells of the other windows.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer, alone: bool, spots: &mut Spots) {
    if let Some(hint) = &app.hint {
        let role = match hint {
            Hint::Error(_) => Role::Error,
            Hint::Plain(_) => Role::Accent,
        };
        return draw_text(app, hint.text(), role, area, buf);
    }
    let theme = &app.look.theme;
    let bar = theme.style(Role::Status);
    fill(buf, area, bar);
    let others = others(app, alone);
    let others_width: u16 = others.iter().map(|(_, text, _)| width(text) + 1).sum();
    let room = Rect {
        width: area.width.saturating_sub(others_width + 1),
        ..area
    };
    let words = if app.search.is_some() {
        searching(app, room.width)
    } else if app.pick.is_some() {
        picking(app, room.width)
    } else if app.taken_key().is_some() {
        taking(app, room.width)
    } else {
        standing(app, room.width)
    };
    let mut x = area.x + 1;
    for (text, role) in words {
        let left = room.right().saturating_sub(x);
        let shown = fit(&text, left, app.look.signs.dots);
        // The bar's ground stays under every word.
        let style = bar.patch(foreground(theme.style(role)));
        x = put(buf, room, x, area.y, &shown, style);
    }
    let mut x = area.right().saturating_sub(others_width);
    for (index, text, role) in others {
        let style = bar.patch(foreground(theme.style(role)));
        spots.add(Rect::new(x, area.y, width(&text), 1), Spot::Window(index));
        x = put(buf, area, x, area.y, &text, style) + 1;
    }
}

/// Draws what is wrong with the disk: a row that stays while it lasts.
pub(super) fn draw_trouble(app: &App, area: Rect, buf: &mut Buffer) {
    let Some(Trouble { why, try_ }) = &app.trouble else {
        return;
    };
    let (theme, signs) = (&app.look.theme, app.look.signs);
    let words = if area.width < SHORT_WIDTH {
        format!("{why}: kept in memory only")
    } else {
        format!("{why}: kept in memory only; {try_}")
    };
    let words = sanitize::line(&words).into_owned();
    let text = fit(
        &format!("{} {words}", signs.failed),
        area.width.saturating_sub(2),
        signs.dots,
    );
    let style = theme.style(Role::Error);
    fill(buf, area, style);
    put(buf, area, area.x + 1, area.y, &text, style);
}

/// What is being looked for among the lines sent before.
fn searching(app: &App, columns: u16) -> Words {
    let Some(search) = &app.search else {
        return Words::new();
    };
    let pattern = sanitize::line(&search.pattern).into_owned();
    let mut words = vec![
        ("sent before: ".to_owned(), Role::Dim),
        (pattern, Role::Accent),
    ];
    if !search.found {
        words.push((" is in none".to_owned(), Role::Dim));
    }
    let used: u16 = words.iter().map(|(text, _)| width(text)).sum();
    let keys = "  Ctrl-R older, Enter sends, Esc keeps it, Ctrl-C does not";
    if used + width(keys) < columns {
        words.push((keys.to_owned(), Role::Dim));
    }
    words
}

/// The link that was taken, and what can be done with it.
fn picking(app: &App, columns: u16) -> Words {
    let Some((pick, link)) = app
        .pick
        .as_ref()
        .and_then(|pick| Some((pick, pick.link()?)))
    else {
        return Words::new();
    };
    let (at, all) = pick.count();
    let keys = match columns < SHORT_WIDTH {
        true => "Enter, c, Esc".to_owned(),
        false if all > 1 => format!("{at} of {all}: Enter opens, c copies, Alt-O older, Esc"),
        false => "Enter opens, c copies, Esc".to_owned(),
    };
    let room = columns.saturating_sub(width(&keys) + 6);
    vec![
        (fit(link, room, app.look.signs.dots), Role::Accent),
        (format!("  {keys}"), Role::Dim),
    ]
}

/// The line that was taken, and what can be done with it.
fn taking(app: &App, columns: u16) -> Words {
    let Some(said) = app.taken_line() else {
        return Words::new();
    };
    let keys = match columns < SHORT_WIDTH {
        true => "Enter, q, c, o, Esc",
        false => "Enter answers, q quotes, c copies, o opens its link, Esc",
    };
    vec![
        (said.from.clone(), Role::Accent),
        (format!("  {keys}"), Role::Dim),
    ]
}

/// Who keeps the group, our place, and the path to them.
fn standing(app: &App, columns: u16) -> Words {
    let window = app.window();
    if let Some(away) = &app.away {
        let reason = sanitize::line(&away.reason);
        let told = format!("away: {reason} {} ", app.look.signs.dot);
        let told = if reason.is_empty() {
            told.replace(": ", "")
        } else {
            told
        };
        let calls = format!("{} for you {} /back", away.calls, app.look.signs.dot);
        return vec![(told, Role::Warn), (calls, Role::Dim)];
    }
    let searching = app.mesh == Some(MeshState::Searching);
    let dim = |text: &str| vec![(text.to_owned(), Role::Dim)];
    if app.life != Life::Running {
        return dim("leaving: handing over what you keep");
    }
    match (&window.subject, window.phase) {
        (Subject::Home, _) => home(app),
        (Subject::Group(_), Phase::Finding) if searching => dim("looking for the network"),
        (Subject::Group(_), Phase::Finding) => {
            vec![(format!("looking for {}", window.name()), Role::Dim)]
        }
        (Subject::Group(_), Phase::Joined) => group(app, columns),
        (Subject::Person { id, nick, .. }, _) => private(app, id, nick, columns),
    }
}

fn home(app: &App) -> Words {
    let nick = app
        .us
        .as_ref()
        .map(|(_, nick)| sanitize::name(nick.as_str()).into_owned());
    let mesh = match &app.mesh {
        None => "starting".to_owned(),
        Some(MeshState::Searching) => "looking for the network".to_owned(),
        Some(MeshState::Linked { name, .. }) => format!("linked to {}", sanitize::name(name)),
    };
    let who = nick.map_or(String::new(), |nick| {
        format!("{nick} {} ", app.look.signs.dot)
    });
    vec![(who, Role::Status), (mesh, Role::Dim)]
}

/// Whether the other one is there, how we reach him, and what waits for him.
fn private(app: &App, id: &NodeId, nick: &str, columns: u16) -> Words {
    let window = app.window();
    let between = || (format!(" {} ", app.look.signs.dot), Role::Dim);
    let mut words = vec![(nick.to_owned(), Role::Status)];
    let path = path(app, id, columns < SHORT_WIDTH);
    match (window.nearness, path) {
        (Some(Nearness::Away), _) => {
            words.extend([between(), ("not on line".to_owned(), Role::Dim)]);
        }
        (Some(Nearness::Closed), _) => {
            words.extend([between(), ("takes no strangers".to_owned(), Role::Warn)]);
        }
        (Some(Nearness::Here) | None, Some(path)) => words.extend([between(), path]),
        (Some(Nearness::Here), None) => words.extend([between(), ("here".to_owned(), Role::Dim)]),
        (None, None) => {}
    }
    let waiting = window.log.waiting();
    if waiting > 0 {
        let word = match window.nearness {
            Some(Nearness::Away | Nearness::Closed) => "waiting",
            Some(Nearness::Here) | None => "on the way",
        };
        words.extend([between(), (format!("{waiting} {word}"), Role::Warn)]);
    }
    if app.mesh == Some(MeshState::Searching) {
        words.extend([between(), ("looking for the network".to_owned(), Role::Dim)]);
    }
    words
}

fn group(app: &App, columns: u16) -> Words {
    let short = columns < SHORT_WIDTH;
    let window = app.window();
    let signs = app.look.signs;
    let between = || (format!(" {} ", signs.dot), Role::Dim);
    let mut words = Words::new();
    let Some(host) = window.host() else {
        return vec![("nobody keeps it at the moment".to_owned(), Role::Dim)];
    };
    words.push((format!("{} ", signs.host), Role::Host));
    if window.is_adrift {
        words.push((adrift(app, host), Role::Status));
    } else if app.is_us(&host.id) {
        words.push(("you keep it".to_owned(), Role::Status));
        words.push(between());
        let next = window.line().next().map(shown_nick);
        words.push(match next {
            Some(next) => (format!("{next} is next"), Role::Status),
            None => ("alone here".to_owned(), Role::Dim),
        });
    } else {
        words.push((shown_nick(host), Role::Status));
        if let Some(place) = app.us.as_ref().and_then(|(us, _)| window.place_in_line(us)) {
            words.push(between());
            words.push((tell_place(place, short), Role::Status));
        }
    }
    let at_path = words.len();
    let waiting = window.log.waiting();
    if waiting > 0 {
        words.push(between());
        let word = match (short, window.is_adrift) {
            (true, _) if waiting == 1 => "waits",
            (true, _) => "wait",
            (false, true) => "waiting",
            (false, false) => "on the way",
        };
        words.push((format!("{waiting} {word}"), Role::Warn));
    }
    if app.mesh == Some(MeshState::Searching) {
        words.push(between());
        words.push(("looking for the network".to_owned(), Role::Dim));
    }
    // How the host is reached is the first to go where there is no room for all.
    let is_reached = !window.is_adrift && !app.is_us(&host.id);
    if let Some(path) = path(app, &host.id, short).filter(|_| is_reached) {
        let used: u16 = words.iter().map(|(text, _)| width(text)).sum();
        let room = columns.saturating_sub(used + width(&between().0) + 1);
        if width(&path.0) <= room {
            words.splice(at_path..at_path, [between(), path]);
        }
    }
    words
}

/// While the host is missed: who was it, and whom we look for.
fn adrift(app: &App, host: &Member) -> String {
    let dots = app.look.signs.dots;
    let mut line = app.window().line().filter(|member| member.id != host.id);
    let missed = if app.is_us(&host.id) {
        format!("you {dots}")
    } else {
        format!("{} {dots}", shown_nick(host))
    };
    match line.next() {
        Some(next) if app.is_us(&next.id) => format!("{missed} you are next"),
        Some(next) => format!("{missed} looking for {}", shown_nick(next)),
        None => format!("{missed} nobody else is here"),
    }
}

fn shown_nick(member: &Member) -> String {
    sanitize::name(member.nick.as_str()).into_owned()
}

fn path(app: &App, peer: &NodeId, short: bool) -> Option<(String, Role)> {
    let reach = app.reach.get(peer)?;
    let ms = reach.rtt_ms.map_or(String::new(), |ms| format!(" {ms} ms"));
    Some(match (reach.path, &reach.via) {
        (Path::Direct, _) if short && reach.rtt_ms.is_some() => {
            (ms.trim().to_owned(), Role::Direct)
        }
        (Path::Relayed, _) if short && reach.rtt_ms.is_some() => {
            (format!("via{ms}"), Role::Relayed)
        }
        (Path::Direct, _) => (format!("direct{ms}"), Role::Direct),
        (Path::Relayed, Some(via)) => (format!("via {via}{ms}"), Role::Relayed),
        (Path::Relayed, None) => (format!("relayed{ms}"), Role::Relayed),
        (Path::Lost, _) => ("reaching".to_owned(), Role::Dim),
    })
}

fn tell_place(place: usize, short: bool) -> String {
    let ending = match (place % 10, place % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    match (place, short) {
        (1, _) => "you are next".to_owned(),
        (n, false) => format!("you are {n}{ending} in line"),
        (n, true) => format!("you {n}{ending}"),
    }
}

/// Windows with something new, when no column tells of them.
fn others(app: &App, alone: bool) -> Vec<(usize, String, Role)> {
    if !alone {
        return Vec::new();
    }
    app.windows
        .iter()
        .enumerate()
        .filter_map(|(index, window)| {
            let unread = &window.unread;
            let (label, role) = label(unread).filter(|_| unread.lines + unread.mentions > 0)?;
            Some((index, format!("{}:{label}", index + 1), role))
        })
        .take(5)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_as_people_say_them() {
        for (place, told) in [
            (1, "you are next"),
            (2, "you are 2nd in line"),
            (3, "you are 3rd in line"),
            (11, "you are 11th in line"),
            (21, "you are 21st in line"),
            (113, "you are 113th in line"),
        ] {
            assert_eq!(tell_place(place, false), told);
        }
        assert_eq!(tell_place(3, true), "you 3rd");
    }
}
