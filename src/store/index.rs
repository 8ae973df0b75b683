//! The full-text index: what is in it, and how it is kept exact.
//!
//! *Invariant:* a row of the view `said` is in the index if its place is above `indexing.above`, and nothing else
//! is. Whoever changes what the view shows says so here, in the same transaction. What lies below is brought in
//! by steps of bounded size, newest first, while the store has nothing else to do.

use rusqlite::{Connection, ErrorCode, ffi};

/// Rows looked at in one step: some milliseconds.
const STEP: i64 = 500;

const COLUMNS: &str = "rowid, text, called, who, whereabouts";

/// A row of the log is there, or is the one that counts from here on.
pub(super) fn add(db: &Connection, place: i64) -> rusqlite::Result<()> {
    db.prepare_cached(&format!(
        "INSERT INTO search ({COLUMNS}) SELECT place, text, called, who, whereabouts FROM said
         WHERE place = ?1 AND place > (SELECT above FROM indexing)"
    ))?
    .execute([place])?;
    Ok(())
}

/// A row of the log is about to count no more.
pub(super) fn remove(db: &Connection, place: i64) -> rusqlite::Result<()> {
    db.prepare_cached(&format!(
        "INSERT INTO search (search, {COLUMNS}) SELECT 'delete', place, text, called, who, whereabouts FROM said
         WHERE place = ?1 AND place > (SELECT above FROM indexing)"
    ))?
    .execute([place])?;
    Ok(())
}

/// Whether there are rows that no step has come to yet.
pub(super) fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    let above: i64 = db
        .prepare_cached("SELECT above FROM indexing")?
        .query_row([], |row| row.get(0))?;
    Ok(above == 0)
}

/// Brings the next rows in; to be done in a transaction. Whether all are in then.
pub(super) fn step(db: &Connection) -> rusqlite::Result<bool> {
    let mut lowest = db.prepare_cached(
        "SELECT coalesce(min(place), 0) FROM
         (SELECT place FROM entries WHERE place <= (SELECT above FROM indexing) ORDER BY place DESC LIMIT ?1)",
    )?;
    let lowest: i64 = lowest.query_row([STEP], |row| row.get(0))?;
    db.prepare_cached(&format!(
        "INSERT INTO search ({COLUMNS}) SELECT place, text, called, who, whereabouts FROM said
         WHERE place BETWEEN ?1 AND (SELECT above FROM indexing)"
    ))?
    .execute([lowest])?;
    db.prepare_cached("UPDATE indexing SET above = max(?1 - 1, 0)")?
        .execute([lowest])?;
    Ok(lowest <= 1)
}

/// Empties the index, so that it is made anew by steps: it was found damaged, and all that is in it is in the log.
pub(super) fn reset(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "INSERT INTO search (search) VALUES ('delete-all');
         UPDATE indexing SET above = (SELECT coalesce(max(place), 0) FROM entries);",
    )
}

/// Whether an error says that the index is damaged, rather than the file.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(ffi::SQLITE_CORRUPT_VTAB)
}

/// What the failure of a commit or a savepoint's end means, which is when an index writes: our own tables have no constraint that is looked at only then, but an index whose
/// bookkeeping is damaged may take what it writes for a duplicate.
pub(super) fn judge(error: rusqlite::Error) -> rusqlite::Error {
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
        rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT_VTAB), None)
    } else {
        error
    }
}
