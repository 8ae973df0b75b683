//! One item of a log laid out: time, who or a sign, and the text beside it, wrapped to the columns there are.

use std::ops::Range;
use std::rc::Rc;

use ratatui::style::Style;

use super::log::{Item, Said, State};
use super::look::Look;
use super::rich::{Reading, Rich, Tone};
use super::rows::Page;
use super::theme::Role;
use super::wrap::{cut, fit, width, wrap};
use crate::proto::event::What;
use crate::proto::id::EntryId;

/// A log at least this wide has its nicks in a column of their own.
const ALIGNED_WIDTH: u16 = 72;
/// A log narrower than this does without times.
const TIMED_WIDTH: u16 = 36;
/// Columns at the right for how safe a line of ours is.
pub(crate) const SAFETY_WIDTH: u16 = 4;
/// Text is never wider than this: the eye does not find back from the end of a longer row.
const MEASURE: u16 = 132;

/// A row of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) pieces: Vec<Piece>,
    /// The entry whose last row this is, if it is ours.
    pub(crate) ends: Option<EntryId>,
    /// Of what was looked for.
    pub(crate) is_lit: bool,
}

/// Text of one style on a row.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) x: u16,
    pub(crate) text: String,
    pub(crate) style: Style,
    /// Where it leads.
    pub(crate) link: Option<Rc<str>>,
}

/// Who or what a line is of.
pub(crate) struct Who<'a> {
    pub(crate) name: &'a str,
    pub(crate) style: Style,
}

impl Page<'_> {
    /// Lays out one item.
    pub(crate) fn lay(
        &self,
        item: &Item,
        said: Option<&Said>,
        who: &Who<'_>,
        style: Style,
        text: &str,
        time: bool,
    ) -> Vec<Row> {
        let columns = Columns::of(self.look, self.width);
        let reading = match said {
            None => Reading::Told,
            Some(said) if said.ours => Reading::Ours,
            Some(_) => Reading::Theirs,
        };
        let mut rich = Rich::read(text, reading, self.highlights, self.us);
        match said.and_then(|said| said.own.as_ref()) {
            Some(State::Failed(why)) => rich.add(&format!("\n({why}; /resend or /drop)")),
            Some(State::Late) => rich.add("\n(waits until the group is reached)"),
            Some(State::Waiting | State::Placed | State::Kept(_)) | None => {}
        }
        let (name, name_x, first_x) =
            columns.place(who.name, is_speech(said), self.look.signs.dots);
        let end = match columns.nick {
            None if said.is_none_or(|said| !said.ours) => self.width,
            Some(_) | None => columns.end,
        };
        let (first, rest) = (
            end.saturating_sub(first_x),
            end.saturating_sub(columns.text),
        );
        let cuts = match self.look.bare {
            true => cut(&rich.text, first, rest),
            false => wrap(&rich.text, first, rest),
        };
        let mut rows: Vec<Row> = Vec::with_capacity(cuts.len());
        for (n, cut) in cuts.into_iter().enumerate() {
            let mut row = Row::default();
            if n == 0 {
                if time && columns.time {
                    row.push(0, self.look.time(item.at), self.look.theme.style(Role::Day));
                }
                row.push(name_x, name.clone(), who.style);
            }
            if said.is_some_and(|said| said.is_from_there)
                && let Some(x) = columns.side
            {
                let style = self.look.theme.style(Role::Accent);
                row.push(x, self.look.signs.bar.to_owned(), style);
            }
            let x = if n == 0 { first_x } else { columns.text };
            self.push_text(&mut row, x, &rich, cut, style);
            rows.push(row);
        }
        if let (Some(said), Some(row)) = (said, rows.last_mut()) {
            row.ends = said.ours.then_some(said.id);
        }
        rows
    }

    /// Puts a part of a text on a row, each stretch in its ink.
    fn push_text(&self, row: &mut Row, x: u16, rich: &Rich, cut: Range<usize>, style: Style) {
        let mut x = x;
        for (run, ink) in rich.runs(cut) {
            let mut text = rich.text[run].to_owned();
            if ink.tone == Tone::Hidden && !self.look.bare && !self.reveals {
                text = self.look.signs.hidden.repeat(usize::from(width(&text)));
            }
            let columns = width(&text);
            row.push(x, text, self.look.theme.ink(style, ink));
            if let Some(piece) = row.pieces.last_mut() {
                piece.link = rich.target(ink);
            }
            x += columns;
        }
    }

    /// A rule across the log with a word in it.
    pub(crate) fn rule(&self, word: &str, role: Role, at_end: bool) -> Row {
        let rule = self.look.signs.rule;
        let style = self.look.theme.style(role);
        let border = self.look.theme.style(Role::Border);
        let word_width = width(word) + 2;
        let room = right(self.look, self.width).saturating_sub(word_width);
        let left = if at_end {
            room.saturating_sub(3)
        } else {
            room.min(3)
        };
        let mut row = Row::default();
        row.push(0, rule.repeat(usize::from(left)), border);
        row.push(left, format!(" {word} "), style);
        let after = rule.repeat(usize::from(room - left.min(room)));
        row.push(left + word_width, after, border);
        row
    }
}

/// Whether a log of some width marks the lines from the other side of a split.
pub(crate) fn marks_sides(look: &Look, log_width: u16) -> bool {
    Columns::of(look, log_width).side.is_some()
}

/// Where lines end in a log of some width, with what tells how safe they are.
pub(crate) fn right(look: &Look, log_width: u16) -> u16 {
    let columns = Columns::of(look, log_width);
    (columns.end + SAFETY_WIDTH).min(log_width)
}

impl Row {
    pub(crate) fn push(&mut self, x: u16, text: String, style: Style) {
        if !text.is_empty() {
            self.pieces.push(Piece {
                x,
                text,
                style,
                link: None,
            });
        }
    }
}

/// Where the parts of a line stand in a log of some width.
struct Columns {
    time: bool,
    /// Where lines from the other side of a split have a mark, if there is room for one.
    side: Option<u16>,
    /// Where the column of nicks begins, and how wide it is; nicks stand in the text if it is none.
    nick: Option<(u16, u16)>,
    /// Where nicks begin if they have no column.
    inline: u16,
    /// Where text begins, on the first row and below.
    text: u16,
    /// Where text ends, before what tells how safe a line of ours is.
    end: u16,
}

impl Columns {
    fn of(look: &Look, log_width: u16) -> Self {
        let time = log_width >= TIMED_WIDTH;
        let inline = if time { look.time_width() + 1 } else { 0 };
        let side = inline.checked_sub(1).filter(|_| !look.bare);
        let end = log_width.saturating_sub(SAFETY_WIDTH);
        if log_width >= ALIGNED_WIDTH && !look.bare {
            let nick = (log_width / 7).clamp(10, 15);
            let text = inline + nick + 2;
            Self {
                time,
                side,
                nick: Some((inline, nick)),
                inline,
                text,
                end: end.min(text + MEASURE),
            }
        } else {
            Self {
                time,
                side,
                nick: None,
                inline,
                text: if look.bare { 0 } else { inline + 2 },
                end: if look.bare { log_width } else { end },
            }
        }
    }

    /// The name as it fits, where it goes, and where the text of its row begins.
    fn place(&self, who: &str, speech: bool, dots: &str) -> (String, u16, u16) {
        match self.nick {
            Some((x, columns)) => {
                let who = fit(who, columns, dots);
                let x = x + columns - width(&who).min(columns);
                (who, x, self.text)
            }
            None => {
                let colon = if speech { ":" } else { "" };
                let who = fit(who, (self.end / 2).max(4), dots) + colon;
                let text = self.inline + width(&who) + 1;
                (who, self.inline, text.min(self.end.saturating_sub(4)))
            }
        }
    }
}

fn is_speech(said: Option<&Said>) -> bool {
    said.is_some_and(|said| matches!(said.what, What::Text(_)))
}
