//! An entry as columns, and back: what is told apart by number in the file, and how keys become small numbers.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::proto::id::{GroupName, Nick, NodeId, Number, Place};
use crate::proto::ruling::{Mode, Ruling};
use crate::proto::seal::Signature;
use crate::proto::time::{Hlc, Wall};
use crate::proto::wire::{Body, Entry};

/// The numbers of [`Body`]'s variants in the column `kind`. The schema's indexes rely on their order: `VOID` is
/// never shown, `TOPIC` and above shape the group, `OP` and above are rulings.
pub(super) mod kind {
    pub(in crate::store) const VOID: i64 = 0;
    pub(in crate::store) const TEXT: i64 = 1;
    pub(in crate::store) const ACTION: i64 = 2;
    pub(in crate::store) const TOPIC: i64 = 3;
    pub(in crate::store) const JOIN: i64 = 4;
    pub(in crate::store) const NICK: i64 = 5;
    pub(in crate::store) const PART: i64 = 6;
    pub(in crate::store) const QUIT: i64 = 7;
    pub(in crate::store) const GONE: i64 = 8;
    pub(in crate::store) const OP: i64 = 9;
    pub(in crate::store) const DEOP: i64 = 10;
    pub(in crate::store) const KICK: i64 = 11;
    pub(in crate::store) const BAN: i64 = 12;
    pub(in crate::store) const UNBAN: i64 = 13;
    pub(in crate::store) const MODE: i64 = 14;
    /// What people say or write, of the kinds that are read.
    pub(in crate::store) const SAID: [i64; 3] = [TEXT, ACTION, TOPIC];
}

/// What a body is in columns.
pub(super) struct Columns<'a> {
    pub(super) kind: i64,
    pub(super) text: Option<&'a str>,
    pub(super) member: Option<NodeId>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(body: &'a Body) -> Self {
        let (kind, text, member) = match body {
            Body::Void => (kind::VOID, None, None),
            Body::Text { text } => (kind::TEXT, Some(text.as_str()), None),
            Body::Action { text } => (kind::ACTION, Some(text.as_str()), None),
            Body::Topic { text } => (kind::TOPIC, Some(text.as_str()), None),
            Body::Join { nick } => (kind::JOIN, Some(nick.as_str()), None),
            Body::Nick { nick } => (kind::NICK, Some(nick.as_str()), None),
            Body::Part { why } => (kind::PART, Some(why.as_str()), None),
            Body::Quit { why } => (kind::QUIT, Some(why.as_str()), None),
            Body::Gone { member } => (kind::GONE, None, Some(*member)),
            Body::Ruling(Ruling::Op { member }) => (kind::OP, None, Some(*member)),
            Body::Ruling(Ruling::Deop { member }) => (kind::DEOP, None, Some(*member)),
            Body::Ruling(Ruling::Kick { member, why }) => {
                (kind::KICK, Some(why.as_str()), Some(*member))
            }
            Body::Ruling(Ruling::Ban { member }) => (kind::BAN, None, Some(*member)),
            Body::Ruling(Ruling::Unban { member }) => (kind::UNBAN, None, Some(*member)),
            Body::Ruling(Ruling::Mode { mode, on }) => {
                (kind::MODE, Some(written(*mode, *on)), None)
            }
        };
        Self { kind, text, member }
    }
}

/// The columns that [`entry`] reads, of a table called `e`, and the joins they need.
pub(super) const ENTRY_COLUMNS: &str =
    "k.key, e.number, e.time, e.kind, e.text, m.key, e.signature";
pub(super) const ENTRY_JOINS: &str =
    "JOIN keys k ON k.id = e.author LEFT JOIN keys m ON m.id = e.member";

/// The entry whose [`ENTRY_COLUMNS`] begin at column `at`.
pub(super) fn entry(row: &Row<'_>, at: usize) -> rusqlite::Result<Entry> {
    Ok(Entry {
        author: NodeId(row.get(at)?),
        number: Number(unsigned(row.get(at + 1)?)),
        time: Wall(unsigned(row.get(at + 2)?)),
        body: body(row, at + 3)?,
        signature: Signature(row.get(at + 6)?),
    })
}

fn written(mode: Mode, on: bool) -> &'static str {
    match (mode, on) {
        (Mode::TopicLock, true) => "+t",
        (Mode::TopicLock, false) => "-t",
        (Mode::Moderated, true) => "+m",
        (Mode::Moderated, false) => "-m",
    }
}

fn mode(text: &str) -> Option<Ruling> {
    let (on, letter) = match text.split_at_checked(1)? {
        ("+", letter) => (true, letter),
        ("-", letter) => (false, letter),
        _ => return None,
    };
    let mode = Mode::of_letter(letter.chars().next()?)?;
    Some(Ruling::Mode { mode, on })
}

fn body(row: &Row<'_>, at: usize) -> rusqlite::Result<Body> {
    let text = || row.get::<_, String>(at + 1);
    let nick = || Nick::parse(&text()?).map_err(|why| unreadable(at + 1, why));
    let member = || Ok::<_, rusqlite::Error>(NodeId(row.get(at + 2)?));
    Ok(match row.get(at)? {
        kind::VOID => Body::Void,
        kind::TEXT => Body::Text { text: text()? },
        kind::ACTION => Body::Action { text: text()? },
        kind::TOPIC => Body::Topic { text: text()? },
        kind::JOIN => Body::Join { nick: nick()? },
        kind::NICK => Body::Nick { nick: nick()? },
        kind::PART => Body::Part { why: text()? },
        kind::QUIT => Body::Quit { why: text()? },
        kind::GONE => Body::Gone { member: member()? },
        kind::OP => Body::Ruling(Ruling::Op { member: member()? }),
        kind::DEOP => Body::Ruling(Ruling::Deop { member: member()? }),
        kind::KICK => Body::Ruling(Ruling::Kick {
            member: member()?,
            why: text()?,
        }),
        kind::BAN => Body::Ruling(Ruling::Ban { member: member()? }),
        kind::UNBAN => Body::Ruling(Ruling::Unban { member: member()? }),
        kind::MODE => Body::Ruling(mode(&text()?).ok_or_else(|| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::InvalidColumnType(at + 1, "mode".to_owned(), kind)
        })?),
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(at, other)),
    })
}

/// A value that SQLite gave back whole but that means nothing to us.
pub(super) fn unreadable(
    column: usize,
    why: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(why))
}

/// A 64-bit number as SQLite has it: the same bits.
pub(super) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

/// [`Place::order`] in binary.
pub(super) type Ord = [u8; 28];

/// Bytes that sort as places do. A seq above 32 bits is refused before it comes here.
pub(super) fn ord(place: &Place) -> Ord {
    let mut bytes = [0; 28];
    bytes[..8].copy_from_slice(&place.hlc.0.to_be_bytes());
    bytes[8..16].copy_from_slice(&place.epoch.number.to_be_bytes());
    bytes[16..24].copy_from_slice(&place.epoch.host.0[..8]);
    bytes[24..].copy_from_slice(&place.seq.0.to_be_bytes()[4..]);
    bytes
}

/// The clock reading in front of an [`Ord`].
pub(super) fn hlc(ord: &Ord) -> Hlc {
    Hlc(u64::from_be_bytes(
        *ord.first_chunk().expect("8 of 28 bytes"),
    ))
}

/// The small number of a key, if it has one.
pub(super) fn known_key(db: &Connection, key: NodeId) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM keys WHERE key = ?1")?
        .query_row([key.0], |row| row.get(0))
        .optional()
}

/// The small number of a key, given to it if it has none.
pub(super) fn key_id(db: &Connection, key: NodeId) -> rusqlite::Result<i64> {
    match known_key(db, key)? {
        Some(id) => Ok(id),
        None => db
            .prepare_cached("INSERT INTO keys (key) VALUES (?1)")?
            .insert([key.0]),
    }
}

/// The small number of a group, if it has one.
pub(super) fn known_group(db: &Connection, group: &GroupName) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM groups WHERE name = ?1")?
        .query_row(params![group.as_str()], |row| row.get(0))
        .optional()
}

/// The name of a group.
pub(super) fn group_name(db: &Connection, id: i64) -> rusqlite::Result<GroupName> {
    let name: String = db
        .prepare_cached("SELECT name FROM groups WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    GroupName::recall(&name).map_err(|why| unreadable(0, why))
}

/// The small number of a group, given to it if it has none.
pub(super) fn group_id(db: &Connection, group: &GroupName) -> rusqlite::Result<i64> {
    match known_group(db, group)? {
        Some(id) => Ok(id),
        None => db
            .prepare_cached("INSERT INTO groups (name) VALUES (?1)")?
            .insert(params![group.as_str()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{Epoch, Seq};

    #[test]
    fn the_sorting_column_is_the_written_order_in_binary() {
        let place = Place {
            hlc: Hlc(0x0102_0304_0506_0708),
            epoch: Epoch {
                number: 9,
                host: NodeId([7; 32]),
            },
            seq: Seq(77),
        };
        assert_eq!(data_encoding::HEXLOWER.encode(&ord(&place)), place.order());
        assert_eq!(hlc(&ord(&place)), place.hlc);
    }
}
