//! The log of each group: writing runs of its lines, and fetching what somebody lacks.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::index;
use super::row::{self, ENTRY_COLUMNS, ENTRY_JOINS, Ord, ord, signed, unsigned};
use crate::proto::codec::RUN_SIZE;
use crate::proto::id::{Epoch, GroupName, NodeId, Place, Seq};
use crate::proto::limits::CATCH_UP_SIZE;
use crate::proto::role::Moved;
use crate::proto::saved::Fork;
use crate::proto::seal::{Hash, Signature};
use crate::proto::time::Hlc;
use crate::proto::wire::{Body, Entry, Lease, Run, Sequenced, Vector};

/// Forks of which the evidence is kept in one group: each is a frame long at most.
const EVIDENCE_MAX: i64 = 64;

/// Why a write was not made; those that would be wrong are told from those that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("a piece of epoch {epoch} of {group} begins at {first}, but only {stored} are stored")]
    Gap {
        group: GroupName,
        epoch: Epoch,
        first: u64,
        stored: u64,
    },
    #[error("a piece of epoch {epoch} of {group} is not numbered 1 to 4294967295")]
    Numbering { group: GroupName, epoch: Epoch },
    #[error("{}", super::error::plainly(.0))]
    Failed(#[from] rusqlite::Error),
}

/// Stores what is new of `run`, which must begin right after what is stored of its line, or before that.
pub(super) fn write_run(
    db: &Connection,
    group: &GroupName,
    run: &Run,
    head: Hash,
    lease: &Lease,
) -> Result<Vec<Moved>, Refused> {
    let length = run.entries.len() as u64;
    let last = match run.first.0.checked_add(length) {
        Some(after) if run.first.0 > 0 && after <= 1 << 32 => after - 1,
        _ => {
            return Err(Refused::Numbering {
                group: group.clone(),
                epoch: run.epoch,
            });
        }
    };
    let in_group = row::group_id(db, group)?;
    let host = row::key_id(db, run.epoch.host)?;
    let line = line(db, in_group, run.epoch, host)?;
    let stored = line.map_or(0, |(_, seq)| seq);
    if run.first.0 > stored + 1 {
        return Err(Refused::Gap {
            group: group.clone(),
            epoch: run.epoch,
            first: run.first.0,
            stored,
        });
    }
    if last <= stored {
        return Ok(Vec::new());
    }
    let line = set_line(db, in_group, run.epoch, host, last, head, lease)?;
    let skip = usize::try_from(stored + 1 - run.first.0).expect("less than the run's length");
    let moved = insert(db, in_group, line, run, skip)?;
    db.prepare_cached("UPDATE entries SET head = ?2, sealed = ?3 WHERE place = ?1")?
        .execute(params![line << 32 | signed(last), head.0, run.signature.0])?;
    Ok(moved)
}

/// The id of a line and its last stored seq.
fn line(
    db: &Connection,
    in_group: i64,
    epoch: Epoch,
    host: i64,
) -> rusqlite::Result<Option<(i64, u64)>> {
    db.prepare_cached(
        "SELECT id, seq FROM lines WHERE in_group = ?1 AND number = ?2 AND host = ?3",
    )?
    .query_row(params![in_group, signed(epoch.number), host], |row| {
        Ok((row.get(0)?, unsigned(row.get(1)?)))
    })
    .optional()
}

fn set_line(
    db: &Connection,
    in_group: i64,
    epoch: Epoch,
    host: i64,
    seq: u64,
    head: Hash,
    lease: &Lease,
) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO lines (in_group, number, host, seq, head, lease_by, lease_signature, lease_group,
                            lease_charter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, (SELECT name FROM groups WHERE id = ?1)), ?9)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, head = excluded.head RETURNING id",
    )?
    .query_row(
        params![
            in_group,
            signed(epoch.number),
            host,
            signed(seq),
            head.0,
            lease.by.0,
            lease.signature.0,
            lease.group.as_str(),
            lease.charter.map(|charter| charter.0)
        ],
        |row| row.get(0),
    )
}

/// Keeps two signed histories of a line, if they are the first of theirs and there is room.
pub(super) fn put_evidence(db: &Connection, group: &GroupName, fork: &Fork) -> Result<(), Refused> {
    let in_group = row::group_id(db, group)?;
    let epoch = fork.ours.epoch;
    let host = row::key_id(db, epoch.host)?;
    if let Some((line, _)) = line(db, in_group, epoch, host)? {
        let bytes = |run| postcard::to_stdvec(run).expect("plain data always encodes");
        db.prepare_cached(
            "INSERT OR IGNORE INTO evidence SELECT ?1, ?2, ?3 WHERE ?4 >
             (SELECT count(*) FROM evidence v JOIN lines l ON l.id = v.line WHERE l.in_group = ?5)",
        )?
        .execute(params![
            line,
            bytes(&fork.ours),
            bytes(&fork.theirs),
            EVIDENCE_MAX,
            in_group
        ])?;
    }
    Ok(())
}

/// Inserts the entries of `run` but the first `skip`, and keeps what follows from them.
fn insert(
    db: &Connection,
    in_group: i64,
    line: i64,
    run: &Run,
    skip: usize,
) -> rusqlite::Result<Vec<Moved>> {
    let mut statement = db.prepare_cached(
        "INSERT INTO entries
         (place, in_group, author, number, time, kind, text, member, signature, ord, earliest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut ids = BTreeMap::new();
    let mut highest: BTreeMap<i64, u64> = BTreeMap::new();
    let mut hlc = Hlc::default();
    let mut moved = Vec::new();
    for (place, Sequenced { entry, .. }) in run.places().skip(skip) {
        let author = match ids.get(&entry.author) {
            Some(id) => *id,
            None => {
                let id = row::key_id(db, entry.author)?;
                ids.insert(entry.author, id);
                id
            }
        };
        let columns = row::Columns::of(&entry.body);
        let member = columns.member.map(|key| row::key_id(db, key)).transpose()?;
        // A start looks for what shaped the group by author, so one who is only spoken of is listed too.
        member.map(|member| highest.entry(member).or_default());
        let known = known_place(db, in_group, author, entry)?;
        let earliest = settle(db, entry, place, known, &mut moved)?;
        statement.execute(params![
            line << 32 | signed(place.seq.0),
            in_group,
            author,
            signed(entry.number.0),
            signed(entry.time.0),
            columns.kind,
            columns.text,
            member,
            entry.signature.0,
            ord(&place),
            earliest,
        ])?;
        index::add(db, line << 32 | signed(place.seq.0))?;
        let number = highest.entry(author).or_default();
        *number = entry.number.0.max(*number);
        hlc = hlc.max(place.hlc);
    }
    raise(db, in_group, hlc, &highest)?;
    Ok(moved)
}

/// Which of two places of one entry counts, and says so; without another place it is this one. The earlier one
/// does, but an empty entry yields to the one it stands in for: its author was refused by one host and did not
/// know that another had placed it.
fn settle(
    db: &Connection,
    entry: &Entry,
    place: Place,
    known: Option<(i64, bool, Place)>,
    moved: &mut Vec<Moved>,
) -> rusqlite::Result<bool> {
    let Some((known_row, known_is_void, known)) = known else {
        return Ok(true);
    };
    let is_new = (entry.body == Body::Void, place) < (known_is_void, known);
    if is_new {
        index::remove(db, known_row)?;
        db.prepare_cached("UPDATE entries SET earliest = 0 WHERE place = ?1")?
            .execute([known_row])?;
    }
    moved.push(Moved {
        id: entry.id(),
        place: if is_new { place } else { known },
        is_new,
    });
    Ok(is_new)
}

/// The place that counts of an entry, if it is in the log, its row, and whether it is empty there.
fn known_place(
    db: &Connection,
    in_group: i64,
    author: i64,
    entry: &Entry,
) -> rusqlite::Result<Option<(i64, bool, Place)>> {
    db.prepare_cached(
        "SELECT e.place, e.ord, l.number, h.key, e.kind FROM entries e
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1 AND e.author = ?2 AND e.number = ?3 AND e.earliest",
    )?
    .query_row(params![in_group, author, signed(entry.number.0)], |row| {
        let is_void = row.get::<_, i64>(4)? == row::kind::VOID;
        Ok((row.get(0)?, is_void, place(row, 0)?))
    })
    .optional()
}

/// The place told by the columns `place, ord, lines.number, keys.key` (of the host) from column `at` on.
pub(super) fn place(row: &Row<'_>, at: usize) -> rusqlite::Result<Place> {
    let ord: Ord = row.get(at + 1)?;
    Ok(Place {
        hlc: row::hlc(&ord),
        epoch: Epoch {
            number: unsigned(row.get(at + 2)?),
            host: NodeId(row.get(at + 3)?),
        },
        seq: seq_of(row.get(at)?),
    })
}

fn seq_of(place: i64) -> Seq {
    Seq(unsigned(place & 0xFFFF_FFFF))
}

/// Raises the group's clock reading and its authors' highest numbers to at least these.
fn raise(
    db: &Connection,
    in_group: i64,
    hlc: Hlc,
    highest: &BTreeMap<i64, u64>,
) -> rusqlite::Result<()> {
    let known: i64 = db
        .prepare_cached("SELECT hlc FROM groups WHERE id = ?1")?
        .query_row([in_group], |row| row.get(0))?;
    if hlc.0 > unsigned(known) {
        db.prepare_cached("UPDATE groups SET hlc = ?2 WHERE id = ?1")?
            .execute([in_group, signed(hlc.0)])?;
    }
    let mut known =
        db.prepare_cached("SELECT number FROM authors WHERE in_group = ?1 AND author = ?2")?;
    let mut set = db.prepare_cached("INSERT OR REPLACE INTO authors VALUES (?1, ?2, ?3)")?;
    for (&author, &number) in highest {
        let before: Option<i64> = known
            .query_row([in_group, author], |row| row.get(0))
            .optional()?;
        if before.is_none_or(|before| number > unsigned(before)) {
            set.execute([in_group, author, signed(number)])?;
        }
    }
    Ok(())
}

/// The entries in `upto` that are not in `after`, as far as they are stored, by epoch and seq; and whether the
/// bound on their size cut them short. Adds to `runs` as it goes, so that what was read before a damaged row is
/// not lost.
pub(super) fn fetch(
    db: &Connection,
    group: &GroupName,
    after: &Vector,
    upto: &Vector,
    runs: &mut Vec<Run>,
) -> rusqlite::Result<bool> {
    let Some(in_group) = row::known_group(db, group)? else {
        return Ok(false);
    };
    let mut room = CATCH_UP_SIZE;
    for (&epoch, &last) in upto {
        let Some(host) = row::known_key(db, epoch.host)? else {
            continue;
        };
        let Some((line, stored)) = line(db, in_group, epoch, host)? else {
            continue;
        };
        let have = after.get(&epoch).map_or(0, |seq| seq.0);
        let last = last.0.min(stored);
        if have < last && !fetch_line(db, line, epoch, (have + 1, last), &mut room, runs)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads one line from the first to the last seq of `span`; whether all of it fitted into `room`.
fn fetch_line(
    db: &Connection,
    line: i64,
    epoch: Epoch,
    span: (u64, u64),
    room: &mut usize,
    runs: &mut Vec<Run>,
) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT e.ord, e.sealed, {ENTRY_COLUMNS} FROM entries e {ENTRY_JOINS}
         WHERE e.place BETWEEN ?1 AND ?2 ORDER BY e.place"
    ))?;
    let (behind, prev) = signed_before(db, line, span.0)?;
    let (first, last) = (Seq(behind + 1), span.1);
    let mut rows = statement.query([line << 32 | signed(first.0), line << 32 | signed(last)])?;
    let mut entries = Vec::new();
    // Where the host signed last among them, and what they take up to there.
    let mut end = None;
    let mut taken = RUN_SIZE;
    let whole = loop {
        let row = rows.next().and_then(|row| row.map(sequenced).transpose());
        let (sequenced, sealed) = match row {
            Ok(Some(row)) => row,
            Ok(None) => break Ok(true),
            Err(error) => break Err(error),
        };
        taken += size(&sequenced);
        if taken > *room && !(runs.is_empty() && end.is_none()) {
            break Ok(false);
        }
        entries.push(sequenced);
        if let Some(signature) = sealed {
            end = Some((entries.len(), signature, taken));
        }
    };
    if let Some((length, signature, taken)) = end {
        *room = room.saturating_sub(taken);
        entries.truncate(length);
        runs.push(Run {
            epoch,
            first,
            prev,
            entries,
            signature,
        });
    }
    whole
}

/// The last seq of a line below `first` at which its host signed, and the head there; or the line's beginning.
fn signed_before(db: &Connection, line: i64, first: u64) -> rusqlite::Result<(u64, Hash)> {
    let found = db
        .prepare_cached(
            "SELECT place, head FROM entries WHERE place > ?1 AND place < ?2 AND sealed IS NOT NULL
             ORDER BY place DESC LIMIT 1",
        )?
        .query_row([line << 32, line << 32 | signed(first)], |row| {
            Ok((seq_of(row.get(0)?).0, Hash(row.get(1)?)))
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn sequenced(row: &Row<'_>) -> rusqlite::Result<(Sequenced, Option<Signature>)> {
    let sequenced = Sequenced {
        hlc: row::hlc(&row.get(0)?),
        entry: row::entry(row, 2)?,
    };
    Ok((sequenced, row.get::<_, Option<_>>(1)?.map(Signature)))
}

/// Bytes of something on the wire.
fn size<T: serde::Serialize>(part: &T) -> usize {
    postcard::serialize_with_flavor(part, postcard::ser_flavors::Size::default())
        .expect("plain data with no map of unknown length always encodes")
}
