//! Paging: stored entries as lines for people, each author under the nick of that moment.

use std::cell::OnceCell;

use rusqlite::{Connection, OptionalExtension, params};

use super::history::place;
use super::row::{self, ENTRY_COLUMNS, ENTRY_JOINS, Ord, kind, ord};
use super::state;
use crate::proto::event::{Line, What};
use crate::proto::group::Rights;
use crate::proto::id::{GroupName, Nick, NodeId, Place};
use crate::proto::past::{Part, Told};
use crate::proto::time::Wall;
use crate::proto::wire::{Body, Entry};

/// Lines in one page at most: a few screens, and the store's thread is soon free again.
pub(super) const PAGE_LINES_MAX: usize = 1_000;

/// Sorts after every order there is.
pub(super) const EVERYTHING: &[u8] = &[0xFF; 32];

/// The newest `limit` shown lines before the one with the order `before` (or of all), oldest first, and whether
/// there are older ones.
pub(super) fn page(
    db: &Connection,
    group: &GroupName,
    before: Option<&str>,
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, bool)> {
    match before.map(|order| data_encoding::HEXLOWER.decode(order.as_bytes())) {
        None => lines(db, group, Way::Back, EVERYTHING, limit, us),
        Some(Ok(ord)) => lines(db, group, Way::Back, &ord, limit, us),
        Some(Err(_)) => Ok((Vec::new(), false)),
    }
}

/// A part of a group's log.
pub(super) fn stretch(
    db: &Connection,
    group: &GroupName,
    part: Part,
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<Told> {
    let read = |way, bound: &[u8], limit| lines(db, group, way, bound, limit, us);
    let around = |bound: &[u8]| {
        let (mut lines, older) = read(Way::Back, bound, limit / 2)?;
        let before = lines.len();
        let (after, newer) = read(Way::On, bound, limit - limit / 2)?;
        lines.extend(after);
        Ok::<_, rusqlite::Error>((lines, before, older, newer))
    };
    let (lines, at, older, newer) = match part {
        Part::Before(place) => {
            let (lines, older) = read(Way::Back, &ord(&place), limit)?;
            (lines, None, older, true)
        }
        Part::After(place) => {
            // What sorts right behind it.
            let bound = [ord(&place).as_slice(), &[0]].concat();
            let (lines, newer) = read(Way::On, &bound, limit)?;
            (lines, None, true, newer)
        }
        Part::At(place) => {
            let (lines, _, older, newer) = around(&ord(&place))?;
            let at = lines.iter().map(|line| line.place).find(|at| *at == place);
            (lines, at, older, newer)
        }
        Part::Moment(wall) => {
            let (lines, before, older, newer) = around(&begin(wall))?;
            let at = lines.get(before).or(lines.last()).map(|line| line.place);
            (lines, at, older, newer)
        }
    };
    Ok(Told::Stretch {
        group: group.clone(),
        part,
        lines,
        at,
        older,
        newer,
    })
}

/// Sorts before every entry of a moment and all that came later.
fn begin(wall: Wall) -> [u8; 8] {
    wall.0.saturating_mul(1 << 16).to_be_bytes()
}

/// In which direction lines are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Those before a bound.
    Back,
    /// Those from a bound on.
    On,
}

/// The `limit` shown lines that are nearest to a bound, oldest first, and whether there are more beyond them.
fn lines(
    db: &Connection,
    group: &GroupName,
    way: Way,
    bound: &[u8],
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, bool)> {
    let Some(in_group) = row::known_group(db, group)? else {
        return Ok((Vec::new(), false));
    };
    let log = Log::new(db, group, in_group, us);
    let limit = limit.min(PAGE_LINES_MAX);
    let mut statement = db.prepare_cached(&page_query(way))?;
    let limit_and_one = i64::try_from(limit + 1).expect("bounded above");
    let mut rows = statement.query(params![in_group, bound, limit_and_one])?;
    let mut lines = Vec::new();
    let mut read = 0;
    while let Some(row) = rows.next()? {
        read += 1;
        if read > limit {
            break;
        }
        let (place, entry) = (place(row, 0)?, row::entry(row, 4)?);
        lines.extend(log.shown(place, entry)?);
    }
    if way == Way::Back {
        lines.reverse();
    }
    Ok((lines, read > limit))
}

/// The terms on `earliest` and `kind` are those of the index `entries_shown`, which is used only if they are
/// spelled as there.
fn page_query(way: Way) -> String {
    let (beyond, order) = match way {
        Way::Back => ("<", "DESC"),
        Way::On => (">=", "ASC"),
    };
    format!(
        "SELECT e.place, e.ord, l.number, h.key, {ENTRY_COLUMNS} FROM entries e {ENTRY_JOINS}
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1 AND e.ord {beyond} ?2 AND e.earliest AND e.kind <> 0
         ORDER BY e.ord {order} LIMIT ?3"
    )
}

/// One group's log, as it is shown.
pub(super) struct Log<'a> {
    db: &'a Connection,
    group: &'a GroupName,
    in_group: i64,
    us: NodeId,
    /// Read once something is shown that takes a right.
    rights: OnceCell<Rights>,
}

impl<'a> Log<'a> {
    pub(super) fn new(db: &'a Connection, group: &'a GroupName, in_group: i64, us: NodeId) -> Self {
        Self {
            db,
            group,
            in_group,
            us,
            rights: OnceCell::new(),
        }
    }

    /// The entry as a line for people; none for what is never shown.
    pub(super) fn shown(&self, place: Place, entry: Entry) -> rusqlite::Result<Option<Line>> {
        let (id, own) = (entry.id(), entry.author == self.us);
        let at = ord(&place);
        let nick_of = |who| nick_before(self.db, self.in_group, who, &at);
        let from = match &entry.body {
            Body::Join { nick } => nick.clone(),
            Body::Part { .. }
            | Body::Quit { .. }
            | Body::Nick { .. }
            | Body::Text { .. }
            | Body::Action { .. }
            | Body::Topic { .. }
            | Body::Gone { .. }
            | Body::Ruling(_)
            | Body::Void => nick_of(id.author)?,
        };
        let stands = self.stands(place, &entry)?;
        let what = match entry.body {
            // How somebody is called when a private talk begins is no news.
            Body::Join { .. } if self.group.person().is_some() => return Ok(None),
            Body::Join { .. } => What::Join,
            Body::Part { why } => What::Part(why),
            Body::Quit { why } => What::Quit(why),
            Body::Nick { nick } => What::Nick(nick),
            Body::Text { text } => What::Text(text),
            Body::Action { text } => What::Action(text),
            Body::Topic { text } => What::Topic(text),
            Body::Gone { member } => What::Gone {
                member,
                nick: nick_of(member)?,
            },
            Body::Ruling(ruling) => What::Ruling {
                nick: ruling.member().copied().map(nick_of).transpose()?,
                ruling,
            },
            Body::Void => return Ok(None),
        };
        Ok(Some(Line {
            group: self.group.clone(),
            id,
            what: if stands { what } else { what.in_vain(&from) },
            from,
            place,
            at: entry.time,
            own,
            history: true,
        }))
    }

    /// Whether the author had the right to it; what anybody may do is not looked into.
    fn stands(&self, place: Place, entry: &Entry) -> rusqlite::Result<bool> {
        match &entry.body {
            Body::Ruling(_) | Body::Topic { .. } | Body::Join { .. } => {}
            Body::Part { .. }
            | Body::Quit { .. }
            | Body::Nick { .. }
            | Body::Text { .. }
            | Body::Action { .. }
            | Body::Gone { .. }
            | Body::Void => return Ok(true),
        }
        let rights = match self.rights.get() {
            Some(rights) => rights,
            None => {
                let rights = state::rights(self.db, self.in_group)?;
                self.rights.get_or_init(|| rights)
            }
        };
        Ok(rights.stands(place, entry))
    }
}

/// The nick somebody went by just before a place: that of the latest join or change of nick; without one, the
/// key's short form.
fn nick_before(
    db: &Connection,
    in_group: i64,
    who: NodeId,
    before: &Ord,
) -> rusqlite::Result<Nick> {
    let fallback = || Nick::of_key(&who);
    let Some(who) = row::known_key(db, who)? else {
        return Ok(fallback());
    };
    let mut latest = db.prepare_cached(NICK_QUERY)?;
    let mut nick_of = |kind: i64| {
        latest
            .query_row(params![in_group, who, kind, before], |row| {
                Ok((row.get::<_, Ord>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
    };
    let (joined, changed) = (nick_of(kind::JOIN)?, nick_of(kind::NICK)?);
    Ok(joined
        .max(changed)
        .and_then(|(_, nick)| Nick::parse(&nick).ok())
        .unwrap_or_else(fallback))
}

/// The terms are those of the index `entries_shaping`.
const NICK_QUERY: &str = "SELECT ord, text FROM entries
    WHERE in_group = ?1 AND coalesce(member, author) = ?2 AND kind = ?3 AND ord < ?4 AND earliest AND kind >= 3
    ORDER BY ord DESC LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn pages_and_nicks_come_straight_from_an_index() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, schema::MIGRATIONS).unwrap();
        for (query, index) in [
            (
                page_query(Way::Back),
                "entries_shown (in_group=? AND ord<?)",
            ),
            (page_query(Way::On), "entries_shown (in_group=? AND ord>?)"),
            (
                NICK_QUERY.to_owned(),
                "entries_shaping (in_group=? AND <expr>=? AND kind=? AND ord<?)",
            ),
        ] {
            let plan = plan(&db, &query);
            assert!(plan.contains(index), "{plan}");
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    fn plan(db: &Connection, query: &str) -> String {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let mut rows = explain.raw_query();
        let mut plan = String::new();
        while let Some(row) = rows.next().unwrap() {
            plan += &row.get::<_, String>(3).unwrap();
            plan += "\n";
        }
        plan
    }
}
