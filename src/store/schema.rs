//! The shape of the file: numbered migrations, only ever added, never changed.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::proto::seal::Hash;

/// Every migration there ever was; the version of a file is how many of them it has been through.
///
pub(super) const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6, V7, V8];

/// - `format` repeats `PRAGMA user_version` in another page, so that a flipped bit in the file's header is not
///   taken for a file of another version.
/// - `entries.place` is `line << 32 | seq`: a line's entries lie side by side in the order they are fetched in.
/// - `entries.ord` is [`crate::proto::id::Place::order`] in binary: it sorts as the group's log does.
/// - `entries.earliest` marks, of the places of one entry, the one that counts.
/// - Kinds are numbered in `row`; 0 is never shown, 3 and above shape the group (who is in it, its topic).
/// - `authors`, `lines.seq`, `lines.head` and `groups.hlc` follow from the entries; they are kept beside them so
///   that a start reads a few rows a group, however long its log is.
/// - Unsigned 64-bit numbers are stored as the signed ones of the same bits, and compared outside of SQL.
const V1: &str = "
CREATE TABLE format (version INTEGER NOT NULL) STRICT;
INSERT INTO format VALUES (0);

CREATE TABLE settings (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE keys (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE) STRICT;

CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    joined INTEGER NOT NULL DEFAULT 0,
    hlc INTEGER NOT NULL DEFAULT 0,
    lease_number INTEGER, lease_host BLOB, lease_by BLOB, lease_signature BLOB
) STRICT;

CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    in_group INTEGER NOT NULL,
    number INTEGER NOT NULL,
    host INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    head BLOB NOT NULL,
    UNIQUE (in_group, number, host)
) STRICT;

CREATE TABLE entries (
    place INTEGER PRIMARY KEY,
    in_group INTEGER NOT NULL,
    author INTEGER NOT NULL,
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    text TEXT,
    member INTEGER,
    signature BLOB NOT NULL,
    ord BLOB NOT NULL,
    earliest INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_by_id ON entries (in_group, author, number);
CREATE INDEX entries_shown ON entries (in_group, ord) WHERE earliest AND kind <> 0;
CREATE INDEX entries_shaping ON entries (in_group, coalesce(member, author), kind, ord)
    WHERE earliest AND kind >= 3;

CREATE TABLE authors (
    in_group INTEGER NOT NULL,
    author INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (in_group, author)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    in_group INTEGER NOT NULL,
    number INTEGER NOT NULL,
    author INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    text TEXT,
    member INTEGER,
    signature BLOB NOT NULL,
    PRIMARY KEY (in_group, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE mesh (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key BLOB NOT NULL,
    clock INTEGER NOT NULL,
    addresses TEXT NOT NULL,
    directory INTEGER NOT NULL,
    supernode INTEGER NOT NULL,
    tombstone INTEGER NOT NULL,
    signature BLOB NOT NULL,
    alive INTEGER NOT NULL
) STRICT;

CREATE TABLE records (
    name TEXT PRIMARY KEY,
    lease_number INTEGER NOT NULL, lease_host BLOB NOT NULL, lease_by BLOB NOT NULL, lease_signature BLOB NOT NULL,
    roster BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What proves that a line is what its host wrote.
///
/// - `entries.head` and `entries.sealed` are set where a run ended: the head of the line's hash chain there, and the
///   host's signature over it.
/// - `lines.lease_by` and `lines.lease_signature` are the rest of the lease whose epoch the line is. A line without
///   it, or that does not end with a signature, is from before this version: it is shown, and given to nobody.
/// - `evidence` holds two signed histories of a line, in the wire's form.
const V2: &str = "
ALTER TABLE entries ADD COLUMN head BLOB;
ALTER TABLE entries ADD COLUMN sealed BLOB;
ALTER TABLE lines ADD COLUMN lease_by BLOB;
ALTER TABLE lines ADD COLUMN lease_signature BLOB;
CREATE TABLE evidence (line INTEGER PRIMARY KEY, ours BLOB NOT NULL, theirs BLOB NOT NULL) STRICT;
";

/// What gives a group its founder, its rights and its thirty days.
///
/// - `groups.charter` and `records.charter` are charters as they travel.
/// - `groups.lease_group` and `lines.lease_group` name the group of the lease, where it has lost its name since.
/// - `records.quiet_ms` says for how long nobody was registered, as of `records.noted`, a wall clock's milliseconds.
/// - Kinds of 9 and above are rulings, of which a start needs all.
const V3: &str = "
ALTER TABLE groups ADD COLUMN lease_group TEXT;
ALTER TABLE lines ADD COLUMN lease_group TEXT;
ALTER TABLE groups ADD COLUMN charter BLOB;
ALTER TABLE records ADD COLUMN charter BLOB;
ALTER TABLE records ADD COLUMN quiet_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entries_ruling ON entries (in_group, ord) WHERE earliest AND kind >= 9;
";

/// What is searched, and how far somebody has read.
///
/// - `said` is what the index `search` shows: texts (of kinds 1 to 3), and the nicks people came under (4 and 5).
///   `who` and `whereabouts` are the author and the group, as words that the index can narrow a search by.
/// - `search` keeps no text of its own: it reads it from `said`, by `entries.place`, which is a stable row id.
/// - `indexing.above`: of `said`, what is above this place is in the index. The rest comes in by steps.
/// - `seen.ord` is the place in a group's log up to which all was read.
const V4: &str = "
CREATE VIEW said AS
    SELECT place,
        CASE WHEN kind <= 3 THEN text END AS text,
        CASE WHEN kind > 3 THEN text END AS called,
        CASE WHEN kind <= 3 THEN 'k' || author END AS who,
        CASE WHEN kind <= 3 THEN 'g' || in_group END AS whereabouts
    FROM entries WHERE earliest AND kind BETWEEN 1 AND 5;
CREATE VIRTUAL TABLE search USING fts5(
    text, called, who, whereabouts, content = 'said', content_rowid = 'place', columnsize = 0
);
CREATE TABLE indexing (above INTEGER NOT NULL) STRICT;
INSERT INTO indexing SELECT coalesce(max(place), 0) FROM entries;
CREATE TABLE seen (in_group INTEGER PRIMARY KEY, ord BLOB NOT NULL) STRICT;
";

/// How the nodes of the mesh are, and which are out of service for good.
///
/// - `mesh.liveness` numbers what `alive` told before: alive, suspect, missed, dead. `mesh.since` is the wall clock's
///   milliseconds when that began.
/// - `burials.burial` is in the wire's form.
const V5: &str = "
ALTER TABLE mesh ADD COLUMN liveness INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mesh ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
CREATE TABLE burials (key BLOB PRIMARY KEY, burial BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// `lease_charter` is the hash of the charter that a lease is bound to, if it is bound to one.
const V6: &str = "
ALTER TABLE groups ADD COLUMN lease_charter BLOB;
ALTER TABLE lines ADD COLUMN lease_charter BLOB;
ALTER TABLE records ADD COLUMN lease_charter BLOB;
";

/// What a start reads of the logs, side by side: `shaping` has, of everybody, the last entry of each kind that
/// shapes the group and is no ruling. It follows from `entries`, and is kept exact by what is done whenever an entry
/// comes in, or a place counts no more. Looked up one by one, in all of a long log, these rows took most of the time
/// to the first frame.
const V7: &str = "
CREATE TABLE shaping (
    in_group INTEGER NOT NULL,
    who INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    place INTEGER NOT NULL,
    ord BLOB NOT NULL,
    author INTEGER NOT NULL,
    number INTEGER NOT NULL,
    time INTEGER NOT NULL,
    text TEXT,
    member INTEGER,
    signature BLOB NOT NULL,
    PRIMARY KEY (in_group, who, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO shaping SELECT e.in_group, coalesce(e.member, e.author), e.kind, e.place, e.ord, e.author, e.number, e.time,
    e.text, e.member, e.signature
FROM (SELECT place, max(ord) FROM entries WHERE earliest AND kind >= 3 AND kind < 9
      GROUP BY in_group, coalesce(member, author), kind) last
JOIN entries e ON e.place = last.place;
CREATE TRIGGER shaping_come AFTER INSERT ON entries WHEN new.earliest AND new.kind BETWEEN 3 AND 8 BEGIN
    INSERT INTO shaping VALUES (new.in_group, coalesce(new.member, new.author), new.kind, new.place, new.ord, new.author,
        new.number, new.time, new.text, new.member, new.signature)
    ON CONFLICT DO UPDATE SET place = excluded.place, ord = excluded.ord, author = excluded.author,
        number = excluded.number, time = excluded.time, text = excluded.text, member = excluded.member,
        signature = excluded.signature
    WHERE excluded.ord > ord;
END;
CREATE TRIGGER shaping_gone AFTER UPDATE OF earliest ON entries WHEN new.kind BETWEEN 3 AND 8 BEGIN
    DELETE FROM shaping
    WHERE in_group = new.in_group AND who = coalesce(new.member, new.author) AND kind = new.kind AND place = new.place;
    INSERT OR IGNORE INTO shaping SELECT in_group, coalesce(member, author), kind, place, ord, author, number, time, text,
        member, signature
    FROM entries
    WHERE in_group = new.in_group AND coalesce(member, author) = coalesce(new.member, new.author) AND kind = new.kind
        AND earliest AND kind >= 3
    ORDER BY ord DESC LIMIT 1;
END;
";

/// Whose keys have been compared, and what they were called then.
const V8: &str = "
CREATE TABLE verified (key BLOB PRIMARY KEY, nick TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What a file's version says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Nothing in it yet.
    Empty,
    /// Written by this version of the program, or an earlier one.
    Known(u32),
    /// Written by a later version of the program.
    Newer(u32),
    /// The two places that name the version contradict each other.
    Torn,
}

/// Reads the version in both places; changes nothing.
pub(super) fn version(db: &Connection, migrations: &[&str]) -> rusqlite::Result<Version> {
    let header: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if header == 0 && tables == 0 {
        return Ok(Version::Empty);
    }
    let inside: Option<u32> = db
        .query_row("SELECT version FROM format", [], |row| row.get(0))
        .optional()?;
    Ok(if inside != Some(header) || header == 0 {
        Version::Torn
    } else if header > count(migrations) {
        Version::Newer(header)
    } else {
        Version::Known(header)
    })
}

/// Takes the file from the version it has to the last one, each step whole or not at all.
pub(super) fn migrate(db: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let done: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (version, migration) in (1..).zip(migrations).skip(done as usize) {
        let change = Transaction::new(db, TransactionBehavior::Immediate)?;
        apply(change, migration, version)?;
    }
    Ok(())
}

/// The version of a file that has been through all of these.
pub(super) fn count(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).expect("a few migrations")
}

fn apply(change: Transaction<'_>, migration: &str, version: u32) -> rusqlite::Result<()> {
    change.execute_batch(migration)?;
    change.execute("UPDATE format SET version = ?1", [version])?;
    change.pragma_update(None, "user_version", version)?;
    change.commit()
}

/// The shape that all the migrations make. Making a file to compare with takes some milliseconds at every start.
const SHAPE: &str = "1b245ed5a8f9";

/// Whether the tables and indexes are those the migrations make: a cheap look that finds damage in the first
/// pages, where it would hurt most.
pub(super) fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    Ok(shape(db)? == SHAPE)
}

/// The hash of all that a file consists of. What the index keeps its data in is SQLite's own, and may look different
/// in another version of it.
fn shape(db: &Connection) -> rusqlite::Result<String> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut objects = db.prepare(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT GLOB 'search_*' ORDER BY type, name",
    )?;
    let mut rows = objects.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..3 {
            let text = row.get_ref(column)?.as_bytes()?;
            parts.push((text.len() as u64).to_le_bytes().to_vec());
            parts.push(text.to_vec());
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(format!("{:?}", Hash::of(&parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_one_the_migrations_make() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, MIGRATIONS).unwrap();
        assert!(is_whole(&db).unwrap(), "it is {}", shape(&db).unwrap());

        db.execute_batch("DROP INDEX entries_ruling").unwrap();
        assert!(!is_whole(&db).unwrap());
    }

    #[test]
    fn a_migration_that_was_published_is_never_changed() {
        let published = [
            "d44c45bbf144",
            "9b4c1116f8bb",
            "531300b1564f",
            "67a51ebfdd97",
            "6dca237fd360",
            "2b60fbd3710e",
            "94f044a9caa8",
            "d91eb4c651bd",
        ];
        for (migration, start) in MIGRATIONS.iter().zip(published) {
            let found = format!("{:?}", Hash::of(&[migration.as_bytes()]));
            assert!(found.starts_with(start), "add a migration instead: {found}");
        }
        assert_eq!(MIGRATIONS.len(), published.len());
    }

    #[test]
    fn a_file_of_version_one_goes_through_later_migrations_with_its_content() {
        let later = [
            V1,
            "CREATE TABLE later (n INTEGER); INSERT INTO later VALUES (7);",
        ];
        let mut db = Connection::open_in_memory().unwrap();
        assert_eq!(version(&db, &later).unwrap(), Version::Empty);
        migrate(&mut db, &[V1]).unwrap();
        db.execute("INSERT INTO settings VALUES ('nick', 'anna')", [])
            .unwrap();
        assert_eq!(version(&db, &later).unwrap(), Version::Known(1));

        migrate(&mut db, &later).unwrap();

        assert_eq!(version(&db, &later).unwrap(), Version::Known(2));
        let mut model = Connection::open_in_memory().unwrap();
        migrate(&mut model, &later).unwrap();
        assert_eq!(shape(&db).unwrap(), shape(&model).unwrap());
        let nick: String = db
            .query_row(
                "SELECT value FROM settings WHERE name = 'nick'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(nick, "anna");
        assert_eq!(version(&db, &[V1]).unwrap(), Version::Newer(2));
    }

    #[test]
    fn a_migration_that_fails_half_way_leaves_the_version_before() {
        let broken = [
            V1,
            "CREATE TABLE later (n INTEGER); INSERT INTO nowhere VALUES (7);",
        ];
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, &[V1]).unwrap();

        migrate(&mut db, &broken).unwrap_err();

        assert_eq!(version(&db, &broken).unwrap(), Version::Known(1));
        let mut model = Connection::open_in_memory().unwrap();
        migrate(&mut model, &[V1]).unwrap();
        assert_eq!(shape(&db).unwrap(), shape(&model).unwrap());
    }

    #[test]
    fn a_bit_flipped_in_the_version_is_not_taken_for_another_version() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, &[V1]).unwrap();
        for flipped in [0, 3, 1 << 20] {
            db.pragma_update(None, "user_version", flipped).unwrap();
            assert_eq!(version(&db, &[V1]).unwrap(), Version::Torn, "{flipped}");
        }
    }
}
