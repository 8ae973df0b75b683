//! Everything but the text of the logs: groups, outboxes, the table, the clock, a supernode's records; and what
//! a role is given of all that at its start.

use std::collections::BTreeMap;
use std::net::{AddrParseError, SocketAddr};

use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::history::place;
use super::row::{self, ENTRY_COLUMNS, ENTRY_JOINS, signed, unreadable, unsigned};
use crate::proto::group::Rights;
use crate::proto::id::{Epoch, GroupName, Nick, NodeId, NodeName, Number, Place, Seq};
use crate::proto::saved::{Saved, SavedGroup, SavedLine};
use crate::proto::seal::{Hash, Signature};
use crate::proto::time::{Hlc, Wall};
use crate::proto::wire::{
    Body, Burial, Charter, Entry, GroupRecord, Lease, Listed, Liveness, Record, Roles,
};

const NICK: &str = "nick";
const CLOCK: &str = "clock";
const GATES: &str = "gates";

pub(super) fn put_outbox(
    db: &Connection,
    group: &GroupName,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let columns = row::Columns::of(&entry.body);
    let member = columns.member.map(|key| row::key_id(db, key)).transpose()?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO outbox
         (in_group, number, author, time, kind, text, member, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        row::group_id(db, group)?,
        signed(entry.number.0),
        row::key_id(db, entry.author)?,
        signed(entry.time.0),
        columns.kind,
        columns.text,
        member,
        entry.signature.0,
    ])?;
    Ok(())
}

pub(super) fn take_outbox(
    db: &Connection,
    group: &GroupName,
    number: Number,
) -> rusqlite::Result<()> {
    if let Some(in_group) = row::known_group(db, group)? {
        db.prepare_cached("DELETE FROM outbox WHERE in_group = ?1 AND number = ?2")?
            .execute([in_group, signed(number.0)])?;
    }
    Ok(())
}

pub(super) fn put_group(
    db: &Connection,
    group: &GroupName,
    joined: bool,
    lease: Option<&Lease>,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE groups SET joined = ?2, lease_number = ?3, lease_host = ?4, lease_by = ?5, lease_signature = ?6,
         lease_group = ?7, lease_charter = ?8 WHERE id = ?1",
    )?
    .execute(params![
        row::group_id(db, group)?,
        joined,
        lease.map(|lease| signed(lease.epoch.number)),
        lease.map(|lease| lease.epoch.host.0),
        lease.map(|lease| lease.by.0),
        lease.map(|lease| lease.signature.0),
        lease.map(|lease| lease.group.as_str()),
        lease.and_then(|lease| lease.charter).map(|charter| charter.0),
    ])?;
    Ok(())
}

pub(super) fn put_charter(
    db: &Connection,
    group: &GroupName,
    charter: &Charter,
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE groups SET charter = ?2 WHERE id = ?1")?
        .execute(params![row::group_id(db, group)?, written(charter)])?;
    Ok(())
}

/// Moves a group with all it has to another name. What stood under that is a group nobody ever came into: a name
/// like this is only ever given to one.
pub(super) fn rename_group(
    db: &Connection,
    group: &GroupName,
    to: &GroupName,
) -> rusqlite::Result<()> {
    if row::known_group(db, group)?.is_some() {
        db.prepare_cached(
            "DELETE FROM groups WHERE name = ?1 AND id NOT IN (SELECT in_group FROM lines)",
        )?
        .execute([to.as_str()])?;
        db.prepare_cached(
            "UPDATE lines SET lease_group = ?1
             WHERE lease_group IS NULL AND in_group = (SELECT id FROM groups WHERE name = ?1)",
        )?
        .execute([group.as_str()])?;
        db.prepare_cached("UPDATE groups SET name = ?2 WHERE name = ?1")?
            .execute([group.as_str(), to.as_str()])?;
    }
    Ok(())
}

/// A charter as it travels.
fn written(charter: &Charter) -> Vec<u8> {
    postcard::to_stdvec(charter).expect("plain data with no map of unknown length always encodes")
}

fn charter(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Charter>> {
    let blob: Option<Vec<u8>> = row.get(column)?;
    blob.map(|blob| postcard::from_bytes(&blob).map_err(|why| unreadable(column, why)))
        .transpose()
}

pub(super) fn put_nick(db: &Connection, nick: &Nick) -> rusqlite::Result<()> {
    put_setting(db, NICK, nick.as_str())
}

/// Somebody's key has been compared, or is not to count as such any more.
pub(super) fn put_verified(
    db: &Connection,
    person: NodeId,
    nick: Option<&Nick>,
) -> rusqlite::Result<()> {
    match nick {
        Some(nick) => db
            .prepare_cached("INSERT OR REPLACE INTO verified VALUES (?1, ?2)")?
            .execute(params![person.0, nick.as_str()])?,
        None => db
            .prepare_cached("DELETE FROM verified WHERE key = ?1")?
            .execute([person.0])?,
    };
    Ok(())
}

fn load_verified(db: &Connection) -> rusqlite::Result<BTreeMap<NodeId, Nick>> {
    let mut rows = db.prepare("SELECT key, nick FROM verified")?;
    let rows = rows.query_map([], |row| {
        let nick: String = row.get(1)?;
        let nick = Nick::parse(&nick).map_err(|why| unreadable(1, why))?;
        Ok((NodeId(row.get(0)?), nick))
    })?;
    rows.collect()
}

pub(super) fn put_gates(db: &Connection, gates: &[SocketAddr]) -> rusqlite::Result<()> {
    let gates: Vec<String> = gates.iter().map(ToString::to_string).collect();
    put_setting(db, GATES, gates.join(" "))
}

/// What is no address is passed over: it would only be tried in vain.
fn load_gates(db: &Connection) -> rusqlite::Result<Vec<SocketAddr>> {
    let gates = setting::<String>(db, GATES)?.unwrap_or_default();
    Ok(gates
        .split(' ')
        .filter_map(|gate| gate.parse().ok())
        .collect())
}

pub(super) fn put_clock(db: &Connection, clock: u64) -> rusqlite::Result<()> {
    put_setting(db, CLOCK, signed(clock))
}

fn put_setting(db: &Connection, name: &str, value: impl ToSql) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO settings VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}

fn setting<T: FromSql>(db: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT value FROM settings WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn put_table(db: &Connection, table: &[Listed]) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM mesh")?.execute([])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO mesh (name, key, clock, addresses, directory, supernode, tombstone, signature, alive,
         liveness, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for listed in table {
        let Listed {
            record,
            liveness,
            since,
        } = listed;
        let addresses: Vec<String> = record.addresses.iter().map(ToString::to_string).collect();
        insert.execute(params![
            record.name.as_str(),
            record.key.0,
            signed(record.clock),
            addresses.join(" "),
            record.roles.directory,
            record.roles.supernode,
            record.tombstone,
            record.signature.0,
            liveness.is_up(),
            liveness_code(*liveness),
            signed(since.0),
        ])?;
    }
    Ok(())
}

fn liveness_code(liveness: Liveness) -> u8 {
    match liveness {
        Liveness::Alive => 0,
        Liveness::Suspect => 1,
        Liveness::Missed => 2,
        Liveness::Dead => 3,
    }
}

fn liveness(code: u8) -> Liveness {
    match code {
        0 => Liveness::Alive,
        1 => Liveness::Suspect,
        2 => Liveness::Missed,
        _ => Liveness::Dead,
    }
}

pub(super) fn put_burial(db: &Connection, burial: &Burial) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO burials VALUES (?1, ?2)")?
        .execute(params![
            burial.key.0,
            postcard::to_stdvec(burial).expect("plain data always encodes")
        ])?;
    Ok(())
}

fn load_burials(db: &Connection) -> rusqlite::Result<Vec<Burial>> {
    db.prepare("SELECT burial FROM burials ORDER BY key")?
        .query_map([], |row| {
            postcard::from_bytes(&row.get::<_, Vec<u8>>(0)?).map_err(|why| unreadable(0, why))
        })?
        .collect()
}

pub(super) fn put_record(
    db: &Connection,
    record: &GroupRecord,
    noted: Wall,
) -> rusqlite::Result<()> {
    let lease = &record.lease;
    let roster: Vec<u8> = record.roster.iter().flat_map(|member| member.0).collect();
    db.prepare_cached(
        "INSERT OR REPLACE INTO records
         (name, lease_number, lease_host, lease_by, lease_signature, lease_charter, roster, charter, quiet_ms, noted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        lease.group.as_str(),
        signed(lease.epoch.number),
        lease.epoch.host.0,
        lease.by.0,
        lease.signature.0,
        lease.charter.map(|charter| charter.0),
        roster,
        record.charter.as_ref().map(written),
        signed(record.quiet_ms),
        signed(noted.0),
    ])?;
    Ok(())
}

pub(super) fn drop_record(db: &Connection, group: &GroupName) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM records WHERE name = ?1")?
        .execute([group.as_str()])?;
    Ok(())
}

/// Everything a role is given at its start.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Saved> {
    Ok(Saved {
        gates: load_gates(db)?,
        verified: load_verified(db)?,
        nick: setting::<String>(db, NICK)?
            .map(|nick| Nick::parse(&nick).map_err(|why| unreadable(0, why)))
            .transpose()?,
        groups: load_groups(db)?,
        table: load_table(db)?,
        burials: load_burials(db)?,
        clock: setting(db, CLOCK)?.map_or(0, unsigned),
        records: load_records(db)?,
    })
}

fn load_groups(db: &Connection) -> rusqlite::Result<BTreeMap<GroupName, SavedGroup>> {
    let mut statement = db.prepare(
        "SELECT coalesce(lease_group, name), lease_number, lease_host, lease_by, lease_signature, lease_charter, id,
         joined, hlc, name, charter FROM groups",
    )?;
    let mut rows = statement.query([])?;
    let mut groups = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name = group_name(row, 9)?;
        let leased = row.get::<_, Option<i64>>(1)?.is_some();
        let lease = leased.then(|| lease(row)).transpose()?;
        let in_group = row.get(6)?;
        let saved = SavedGroup {
            joined: row.get(7)?,
            lease,
            charter: charter(row, 10)?,
            lines: load_lines(db, &name, in_group)?,
            hlc: Hlc(unsigned(row.get(8)?)),
            authors: load_authors(db, in_group)?,
            shaping: load_shaping(db, in_group)?,
            outbox: load_outbox(db, in_group)?,
            unkept: load_unkept(db, in_group)?,
        };
        groups.insert(name, saved);
    }
    Ok(groups)
}

/// The lines that can be shown to be their hosts'.
fn load_lines(
    db: &Connection,
    group: &GroupName,
    in_group: i64,
) -> rusqlite::Result<BTreeMap<Epoch, SavedLine>> {
    db.prepare_cached(
        "SELECT l.number, h.key, l.seq, l.head, e.sealed, e.ord, l.lease_by, l.lease_signature, v.line IS NOT NULL,
                l.lease_group IS NOT NULL, l.lease_charter
         FROM lines l JOIN keys h ON h.id = l.host JOIN entries e ON e.place = l.id << 32 | l.seq
         LEFT JOIN evidence v ON v.line = l.id
         WHERE l.in_group = ?1 AND l.lease_by IS NOT NULL AND e.sealed IS NOT NULL",
    )?
    .query_map([in_group], |row| {
        let epoch = Epoch {
            number: unsigned(row.get(0)?),
            host: NodeId(row.get(1)?),
        };
        let is_from_before: bool = row.get(9)?;
        let group = if is_from_before {
            group.bare()
        } else {
            group.clone()
        };
        let lease = Lease {
            group,
            epoch,
            charter: row.get::<_, Option<_>>(10)?.map(Hash),
            by: NodeId(row.get(6)?),
            signature: Signature(row.get(7)?),
        };
        let line = SavedLine {
            seq: Seq(unsigned(row.get(2)?)),
            head: Hash(row.get(3)?),
            signature: Signature(row.get(4)?),
            hlc: row::hlc(&row.get(5)?),
            lease,
            is_forked: row.get(8)?,
        };
        Ok((epoch, line))
    })?
    .collect()
}

fn load_authors(db: &Connection, in_group: i64) -> rusqlite::Result<BTreeMap<NodeId, Number>> {
    db.prepare_cached(
        "SELECT k.key, a.number FROM authors a JOIN keys k ON k.id = a.author
         WHERE a.in_group = ?1 AND a.number <> 0",
    )?
    .query_map([in_group], |row| {
        Ok((NodeId(row.get(0)?), Number(unsigned(row.get(1)?))))
    })?
    .collect()
}

/// Of everybody who ever wrote, the last entry of each kind that shapes the group, and every ruling.
fn load_shaping(db: &Connection, in_group: i64) -> rusqlite::Result<Vec<(Place, Entry)>> {
    let mut shaping = db
        .prepare_cached(&shaping_query())?
        .query_map([in_group], |row| Ok((place(row, 0)?, row::entry(row, 4)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    shaping.extend(load_rulings(db, in_group)?);
    shaping.sort_by_key(|(place, _)| *place);
    Ok(shaping)
}

/// Who may do what at which place of a group's log.
pub(super) fn rights(db: &Connection, in_group: i64) -> rusqlite::Result<Rights> {
    let charter = db
        .prepare_cached("SELECT charter FROM groups WHERE id = ?1")?
        .query_row([in_group], |row| charter(row, 0))?;
    let mut rights = Rights::default();
    rights.founded(charter.map(|charter| charter.founder));
    for (place, entry) in load_rulings(db, in_group)? {
        if let Body::Ruling(ruling) = &entry.body {
            rights.add(place, entry.id(), ruling);
        }
    }
    Ok(rights)
}

/// All of them: which of them count is not known here.
fn load_rulings(db: &Connection, in_group: i64) -> rusqlite::Result<Vec<(Place, Entry)>> {
    db.prepare_cached(&rulings_query())?
        .query_map([in_group], |row| Ok((place(row, 0)?, row::entry(row, 4)?)))?
        .collect()
}

/// The terms are those of the index `entries_ruling`. SQLite does not know how few rulings there are.
fn rulings_query() -> String {
    format!(
        "SELECT e.place, e.ord, l.number, h.key, {ENTRY_COLUMNS}
         FROM entries e INDEXED BY entries_ruling {ENTRY_JOINS}
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1 AND e.earliest AND e.kind >= 9"
    )
}

/// A few rows for everybody, side by side, however long the log is.
fn shaping_query() -> String {
    format!(
        "SELECT e.place, e.ord, l.number, h.key, {ENTRY_COLUMNS}
         FROM shaping e {ENTRY_JOINS} JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host
         WHERE e.in_group = ?1"
    )
}

/// The place of an own entry, found by all that makes it the same one. It is looked up for each of the few that
/// wait, never the other way round: a start reads no log.
const PLACED: &str =
    "entries p INDEXED BY entries_by_id ON p.in_group = e.in_group AND p.author = e.author
     AND p.number = e.number AND p.signature = e.signature AND p.earliest";

fn load_outbox(db: &Connection, in_group: i64) -> rusqlite::Result<BTreeMap<Number, Entry>> {
    db.prepare_cached(&format!(
        "SELECT {ENTRY_COLUMNS} FROM outbox e {ENTRY_JOINS} LEFT JOIN {PLACED}
         WHERE e.in_group = ?1 AND p.place IS NULL"
    ))?
    .query_map([in_group], |row| {
        let entry = row::entry(row, 0)?;
        Ok((entry.number, entry))
    })?
    .collect()
}

fn load_unkept(db: &Connection, in_group: i64) -> rusqlite::Result<BTreeMap<Number, Place>> {
    db.prepare_cached(&format!(
        "SELECT p.place, p.ord, l.number, h.key, e.number FROM outbox e CROSS JOIN {PLACED}
         JOIN lines l ON l.id = p.place >> 32 JOIN keys h ON h.id = l.host WHERE e.in_group = ?1"
    ))?
    .query_map([in_group], |row| {
        Ok((Number(unsigned(row.get(4)?)), place(row, 0)?))
    })?
    .collect()
}

pub(super) fn load_table(db: &Connection) -> rusqlite::Result<Vec<Listed>> {
    db.prepare(
        "SELECT name, key, clock, addresses, directory, supernode, tombstone, signature, liveness, since
         FROM mesh
         ORDER BY position",
    )?
    .query_map([], |row| {
        let record = Record {
            name: NodeName::parse(&row.get::<_, String>(0)?).map_err(|why| unreadable(0, why))?,
            key: NodeId(row.get(1)?),
            clock: unsigned(row.get(2)?),
            addresses: addresses(&row.get::<_, String>(3)?).map_err(|why| unreadable(3, why))?,
            roles: Roles {
                directory: row.get(4)?,
                supernode: row.get(5)?,
            },
            tombstone: row.get(6)?,
            signature: Signature(row.get(7)?),
        };
        Ok(Listed {
            record,
            liveness: liveness(row.get(8)?),
            since: Wall(unsigned(row.get(9)?)),
        })
    })?
    .collect()
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>, AddrParseError> {
    text.split_whitespace().map(str::parse).collect()
}

fn load_records(db: &Connection) -> rusqlite::Result<Vec<(GroupRecord, Wall)>> {
    db.prepare(
        "SELECT name, lease_number, lease_host, lease_by, lease_signature, lease_charter, roster, charter,
                quiet_ms, noted
         FROM records ORDER BY name",
    )?
    .query_map([], |row| {
        let roster: Vec<u8> = row.get(6)?;
        let (members, _) = roster.as_chunks();
        let record = GroupRecord {
            lease: lease(row)?,
            roster: members.iter().copied().map(NodeId).collect(),
            charter: charter(row, 7)?,
            quiet_ms: unsigned(row.get(8)?),
        };
        Ok((record, Wall(unsigned(row.get(9)?))))
    })?
    .collect()
}

/// The lease in the columns `name, number, host, by, signature, charter`.
fn lease(row: &Row<'_>) -> rusqlite::Result<Lease> {
    Ok(Lease {
        group: group_name(row, 0)?,
        epoch: Epoch {
            number: unsigned(row.get(1)?),
            host: NodeId(row.get(2)?),
        },
        by: NodeId(row.get(3)?),
        signature: Signature(row.get(4)?),
        charter: row.get::<_, Option<_>>(5)?.map(Hash),
    })
}

fn group_name(row: &Row<'_>, column: usize) -> rusqlite::Result<GroupName> {
    GroupName::recall(&row.get::<_, String>(column)?).map_err(|why| unreadable(column, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn a_start_reads_no_log() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, schema::MIGRATIONS).unwrap();
        for (query, index) in [
            (shaping_query(), "SEARCH e USING PRIMARY KEY (in_group=?)"),
            (rulings_query(), "entries_ruling (in_group=?)"),
        ] {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let mut rows = explain.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            let plan = plan.join("\n");
            assert!(plan.contains(index), "{plan}");
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
