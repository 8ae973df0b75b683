//! Opening the file: what is sound is used, what is damaged is moved aside, what is not ours to touch is an error.
//!
//! How much is looked at. Every start checks the file's header and length, the shape of its tables, and reads
//! all that a role is given, which is a few rows a group. The whole file is walked (`PRAGMA quick_check`, by table) only
//! if the last process did not close it, which the write-ahead log left behind shows: then something went wrong,
//! and half a second is well spent. After a clean end it would cost that at every start of a client with a
//! million lines, ten times the budget of its first frame, to find what SQLite finds anyway when it reads the
//! page; the worker then leaves the file as if it had not been closed, so that the next start walks it.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::directory::open_private;
use super::error::{Error, plainly};
use super::schema::{self, MIGRATIONS, Version};
use super::state;
use crate::proto::saved::Saved;

/// A damaged file that was moved aside when the store was opened; a new one was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where the old file is.
    pub moved_to: PathBuf,
    pub why: String,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the stored history was damaged ({}): it is kept as {}, and what other members hold will come back",
            self.why,
            self.moved_to.display()
        )
    }
}

/// Why a file was not opened.
enum Fault {
    /// Its content is of no use.
    Damage(String),
    /// Its content may be fine.
    Refusal(Error),
}

/// Statements kept ready; all there are.
const STATEMENTS: usize = 64;
/// The write-ahead log is cut back to this when it has been copied home, so that one burst does not stay on disk.
const WAL_SIZE_MAX: i64 = 16 << 20;

/// Opens the file at `path`, beginning a new one if there is none or a damaged one.
pub(super) fn open(path: &Path) -> Result<(Connection, Saved, Option<Damaged>), Error> {
    match open_once(path) {
        Ok((db, saved)) => Ok((db, saved, None)),
        Err(Fault::Refusal(error)) => Err(error),
        Err(Fault::Damage(why)) => {
            let moved_to = move_aside(path)?;
            let damaged = Damaged { moved_to, why };
            match open_once(path) {
                Ok((db, saved)) => Ok((db, saved, Some(damaged))),
                Err(Fault::Refusal(error)) => Err(error),
                Err(Fault::Damage(why)) => Err(unopened(path, why)),
            }
        }
    }
}

fn open_once(path: &Path) -> Result<(Connection, Saved), Fault> {
    let mut file = open_private(path, true).map_err(|why| refusal(path, &why))?;
    let pages = check_header(&mut file).map_err(|why| refusal(path, &why))??;
    let left_open = beside(path, "-wal").exists();
    // SQLite gives its own files beside this one the same mode.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let judge = |error: rusqlite::Error| fault(path, &error);
    let mut db = Connection::open_with_flags(path, flags).map_err(judge)?;
    harden(&db).map_err(judge)?;
    match schema::version(&db, MIGRATIONS).map_err(judge)? {
        Version::Empty | Version::Known(_) => {}
        Version::Torn => return Err(Fault::Damage("its version is unclear".to_owned())),
        Version::Newer(found) => {
            leave_as_is(&db, left_open).map_err(judge)?;
            return Err(Fault::Refusal(Error::Newer {
                path: path.to_owned(),
                found,
                known: schema::count(MIGRATIONS),
            }));
        }
    }
    if left_open {
        walk(&db).map_err(judge)??;
    } else if pages > file.metadata().map_err(|why| refusal(path, &why))?.len() {
        return Err(Fault::Damage("its end is missing".to_owned()));
    }
    let saved = prepare(&mut db).map_err(judge)??;
    Ok((db, saved))
}

/// Settings under which a crafted or damaged file does the least harm, and under which closing a file that is
/// then refused leaves it as it was.
fn harden(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // With this the plan of a statement never depends on what is bound to it. Otherwise SQLite plans again for every
    // value, which takes longer than most of our statements do.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "cell_size_check", true)?;
    leave_as_is(db, true)
}

/// Whether closing copies the write-ahead log home and removes it, the sign of a clean end, or leaves it.
pub(super) fn leave_as_is(db: &Connection, leave: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave)?;
    Ok(())
}

/// Looks at every page of every table. The full-text index is looked at as the tables it is kept in, and no
/// further, which takes longer than all the rest: when it is found damaged in use it is made anew.
fn walk(db: &Connection) -> rusqlite::Result<Result<(), Fault>> {
    let mut tables = db.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    )?;
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for table in tables {
        let check = "SELECT quick_check FROM pragma_quick_check(?1)";
        let verdict: String = db.query_row(check, [table], |row| row.get(0))?;
        if verdict != "ok" {
            return Ok(Err(Fault::Damage(verdict.replace('\n', " "))));
        }
    }
    Ok(Ok(()))
}

/// Makes a file that was found sound ready for use, and reads what was saved.
fn prepare(db: &mut Connection) -> rusqlite::Result<Result<Saved, Fault>> {
    // A commit returns when it is on disk, not when it is in the system's memory; on macOS that takes more.
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "journal_size_limit", WAL_SIZE_MAX)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::migrate(db, MIGRATIONS)?;
    if !schema::is_whole(db)? {
        return Ok(Err(Fault::Damage("its tables are not ours".to_owned())));
    }
    let saved = state::load(db)?;
    leave_as_is(db, false)?;
    Ok(Ok(saved))
}

/// Checks the fields of the file's first 100 bytes (SQLite file format, section 1.3) that SQLite would answer
/// with an error of the kind it also gives for a file it may not write. Gives the length that the header claims,
/// as far as it can be relied on.
fn check_header(file: &mut fs::File) -> io::Result<Result<u64, Fault>> {
    let mut header = Vec::new();
    file.take(100).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(Ok(0));
    }
    let Ok(header) = <[u8; 100]>::try_from(header) else {
        return Ok(Err(Fault::Damage("its end is missing".to_owned())));
    };
    let number = |at: usize| {
        let bytes = header[at..].first_chunk().expect("within 100 bytes");
        u32::from_be_bytes(*bytes)
    };
    let versions_are_known = matches!(header[18..20], [1, 1] | [2, 2]);
    let sizes_are_fixed = header[20..24] == [0, 64, 32, 32];
    let schema_is_known = number(44) <= 4 && number(56) <= 1;
    if !(header.starts_with(b"SQLite format 3\0")
        && versions_are_known
        && sizes_are_fixed
        && schema_is_known)
    {
        return Ok(Err(Fault::Damage("it is not a database".to_owned())));
    }
    // The count of pages is valid if the two change counters agree (section 1.3.8).
    let pages = if number(24) == number(92) {
        number(28)
    } else {
        0
    };
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    Ok(Ok(u64::from(pages) * page_size))
}

/// Renames the file and its companions to the first free name of `<file>.damaged-<n>`.
fn move_aside(path: &Path) -> Result<PathBuf, Error> {
    let to = (1..)
        .map(|n| beside(path, &format!(".damaged-{n}")))
        .find(|to| !to.exists())
        .expect("there are more numbers than files");
    let moved = fs::rename(path, &to).and_then(|()| {
        for companion in ["-wal", "-shm"] {
            let from = beside(path, companion);
            if from.exists() {
                fs::rename(from, beside(&to, companion))?;
            }
        }
        Ok(())
    });
    match moved {
        Ok(()) => Ok(to),
        Err(why) => Err(Error::Aside {
            path: path.to_owned(),
            why,
        }),
    }
}

/// The file of that name with something appended.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn refusal(path: &Path, why: &io::Error) -> Fault {
    Fault::Refusal(unopened(path, why.to_string()))
}

fn unopened(path: &Path, why: String) -> Error {
    Error::Open {
        path: path.to_owned(),
        why,
    }
}

/// Tells an error about the file's surroundings from one about its content.
fn fault(path: &Path, error: &rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::FileLockingProtocolFailed,
        ) => Fault::Refusal(unopened(path, plainly(error))),
        _ => Fault::Damage(plainly(error)),
    }
}
