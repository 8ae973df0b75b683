//! Paging back: stored entries as lines for people, each author under the nick of that moment.

use rusqlite::{Connection, OptionalExtension, params};

use super::history::place;
use super::row::{self, ENTRY_COLUMNS, ENTRY_JOINS, Ord, kind, ord};
use crate::proto::event::{Line, What};
use crate::proto::id::{EntryId, GroupName, Nick, NodeId, Place};
use crate::proto::wire::{Body, Entry};

/// Lines in one page at most: a few screens, and the store's thread is soon free again.
pub(super) const PAGE_LINES_MAX: usize = 1_000;

/// The newest `limit` shown lines before the one with the order `before` (or of all), oldest first, and whether
/// there are older ones.
pub(super) fn page(
    db: &Connection,
    group: &GroupName,
    before: Option<&str>,
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, bool)> {
    let before = match before.map(|order| data_encoding::HEXLOWER.decode(order.as_bytes())) {
        None => vec![0xFF; 32],
        Some(Ok(ord)) => ord,
        Some(Err(_)) => return Ok((Vec::new(), false)),
    };
    let Some(in_group) = row::known_group(db, group)? else {
        return Ok((Vec::new(), false));
    };
    let limit = limit.min(PAGE_LINES_MAX);
    let mut statement = db.prepare_cached(&page_query())?;
    let limit_and_one = i64::try_from(limit + 1).expect("bounded above");
    let mut rows = statement.query(params![in_group, before, limit_and_one])?;
    let mut lines = Vec::new();
    let mut read = 0;
    while let Some(row) = rows.next()? {
        read += 1;
        if read > limit {
            break;
        }
        let (place, entry) = (place(row, 0)?, row::entry(row, 4)?);
        lines.extend(shown(db, group, in_group, place, entry, us)?);
    }
    lines.reverse();
    Ok((lines, read > limit))
}

/// The terms on `earliest` and `kind` are those of the index `entries_shown`, which is used only if they are
/// spelled as there.
fn page_query() -> String {
    format!(
        "SELECT e.place, e.ord, l.number, h.key, {ENTRY_COLUMNS} FROM entries e {ENTRY_JOINS}
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1 AND e.ord < ?2 AND e.earliest AND e.kind <> 0
         ORDER BY e.ord DESC LIMIT ?3"
    )
}

/// The entry as a line for people; none for what is never shown.
fn shown(
    db: &Connection,
    group: &GroupName,
    in_group: i64,
    place: Place,
    entry: Entry,
    us: NodeId,
) -> rusqlite::Result<Option<Line>> {
    let (id, own) = (entry.id(), entry.author == us);
    let EntryId { author, .. } = id;
    let at = ord(&place);
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
        | Body::Void => nick_before(db, in_group, author, &at)?,
    };
    let what = match entry.body {
        Body::Join { .. } => What::Join,
        Body::Part { why } => What::Part(why),
        Body::Quit { why } => What::Quit(why),
        Body::Nick { nick } => What::Nick(nick),
        Body::Text { text } => What::Text(text),
        Body::Action { text } => What::Action(text),
        Body::Topic { text } => What::Topic(text),
        Body::Gone { member } => What::Gone {
            member,
            nick: nick_before(db, in_group, member, &at)?,
        },
        Body::Ruling(ruling) => {
            let member = ruling.member().copied();
            let nick = member.map(|member| nick_before(db, in_group, member, &at));
            What::Ruling {
                nick: nick.transpose()?,
                ruling,
            }
        }
        Body::Void => return Ok(None),
    };
    Ok(Some(Line {
        group: group.clone(),
        id,
        from,
        place,
        at: entry.time,
        what,
        own,
        history: true,
    }))
}

/// The nick somebody went by just before a place: that of the latest join or change of nick; without one, the
/// key's short form.
fn nick_before(
    db: &Connection,
    in_group: i64,
    who: NodeId,
    before: &Ord,
) -> rusqlite::Result<Nick> {
    let fallback = || Nick::parse(&who.short()).expect("eight base32 characters are a nick");
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
            (page_query(), "entries_shown (in_group=? AND ord<?)"),
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
