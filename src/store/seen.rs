//! How far somebody has read, and how much of a group's log comes after that.

use rusqlite::{Connection, OptionalExtension, params};

use super::history::place;
use super::row::{self, ord};
use super::search;
use crate::proto::id::{GroupName, NodeId, Place};
use crate::proto::past::Told;

/// Unread lines that are counted; more are as many.
const COUNTED_MAX: i64 = 9_999;

/// Remembers that all up to a place was read.
pub(super) fn put(db: &Connection, group: &GroupName, upto: Place) -> rusqlite::Result<()> {
    let in_group = row::group_id(db, group)?;
    db.prepare_cached(
        "INSERT INTO seen VALUES (?1, ?2) ON CONFLICT DO UPDATE SET ord = max(ord, excluded.ord)",
    )?
    .execute(params![in_group, ord(&upto)])?;
    Ok(())
}

/// What of a group was not read yet. A group that nobody has ever looked at has nothing unread.
pub(super) fn missed(
    db: &Connection,
    group: &GroupName,
    words: &[String],
    us: NodeId,
) -> rusqlite::Result<Told> {
    let mut told = Told::Missed {
        group: group.clone(),
        seen: None,
        lines: 0,
        mentions: 0,
    };
    let Some(in_group) = row::known_group(db, group)? else {
        return Ok(told);
    };
    let after: Option<Vec<u8>> = db
        .prepare_cached("SELECT ord FROM seen WHERE in_group = ?1")?
        .query_row([in_group], |row| row.get(0))
        .optional()?;
    if let Some(after) = after {
        told = Told::Missed {
            group: group.clone(),
            seen: last_seen(db, in_group, &after)?,
            lines: count(db, in_group, &after, us)?,
            mentions: search::mentions(db, group, &after, words, us)?,
        };
    }
    Ok(told)
}

/// The place of the last line that was read. What stood where it is said to be may have moved since.
fn last_seen(db: &Connection, in_group: i64, seen: &[u8]) -> rusqlite::Result<Option<Place>> {
    db.prepare_cached(
        "SELECT e.place, e.ord, l.number, h.key FROM entries e
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1 AND e.ord <= ?2 AND e.earliest AND e.kind <> 0 ORDER BY e.ord DESC LIMIT 1",
    )?
    .query_row(params![in_group, seen], |row| place(row, 0))
    .optional()
}

/// What others said after a place.
fn count(db: &Connection, in_group: i64, after: &[u8], us: NodeId) -> rusqlite::Result<u64> {
    let us = row::known_key(db, us)?.unwrap_or_default();
    db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM entries
         WHERE in_group = ?1 AND ord > ?2 AND earliest AND kind <> 0 AND kind <= 2 AND author <> ?3
         LIMIT ?4)",
    )?
    .query_row(params![in_group, after, us, COUNTED_MAX], |row| {
        row.get::<_, i64>(0)
    })
    .map(row::unsigned)
}
