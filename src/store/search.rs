//! Searching: words over everything by the index, and a regular expression over one group's log.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BinaryHeap};

use regex::Regex;
use rusqlite::{Connection, params};

use super::history::place;
use super::page::{EVERYTHING, Log};
use super::row::{self, ENTRY_COLUMNS, ENTRY_JOINS, Ord};
use crate::proto::event::Line;
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::past::{Term, Words};

/// Lines one search tells at most.
pub(super) const FOUND_MAX: usize = 500;
/// As many places are taken from the index in its own order and then sorted; where there are more, they are taken
/// from the lines of the log piece by piece, newest first, which ends soon since there are so many.
const SORTED_MAX: usize = 1_000;
/// Places in one piece: of each of many lines that go on side by side only a few are among the newest.
const PIECE: usize = 16;
/// Short lines that were begun one after the other are searched together, up to so many entries: where hosts come and
/// go there are many of them.
const SHORT: i64 = 256;
/// The beginning of a word that is looked for when nobody has said the word itself is at least this long: for one
/// or two letters the index would read half of itself.
const BEGINNING_MIN: usize = 3;
/// Rows that a scan for a pattern reads at once; a few milliseconds.
pub(super) const SCANNED: usize = 2_000;

/// The newest `limit` lines with these words, newest first, and whether there are more. Where no line has the
/// words, those that begin like that are found.
pub(super) fn words(
    db: &Connection,
    words: &Words,
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, bool)> {
    let limit = limit.min(FOUND_MAX);
    let found = find(db, words, limit, us)?;
    let may_begin = |term: &Term| term.text.chars().count() >= BEGINNING_MIN && !term.is_unwanted;
    if !found.0.is_empty() || !words.terms.iter().any(may_begin) {
        return Ok(found);
    }
    let mut wider = words.clone();
    for term in wider.terms.iter_mut().filter(|term| may_begin(term)) {
        term.is_beginning = true;
    }
    find(db, &wider, limit, us)
}

fn find(
    db: &Connection,
    words: &Words,
    limit: usize,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, bool)> {
    let Some(wanted) = expression(db, words)? else {
        return Ok((Vec::new(), false));
    };
    let us_id = if words.by_others {
        row::known_key(db, us)?
    } else {
        None
    };
    let mut places = places(db, &wanted, us_id, limit + 1)?;
    let more = places.len() > limit;
    places.truncate(limit);
    let mut lines = Vec::with_capacity(places.len());
    let mut groups = BTreeMap::new();
    for (_, at) in places {
        lines.extend(line(db, at, &mut groups, us)?);
    }
    Ok((lines, more))
}

/// The newest `limit` places that an expression of the index finds, newest first.
fn places(
    db: &Connection,
    wanted: &str,
    not_by: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<(Ord, i64)>> {
    let mut all = db
        .prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 LIMIT ?2")?
        .query_map(params![wanted, SORTED_MAX as i64 + 1], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut found = Vec::new();
    if all.len() <= SORTED_MAX {
        for at in all.drain(..) {
            found.extend(ord_of(db, at, not_by)?);
        }
        newest(&mut found, limit);
        return Ok(found);
    }
    let mut stretches = newest_stretches(db)?.into_iter().peekable();
    let mut pieces: BinaryHeap<Piece> = BinaryHeap::new();
    while found.len() < limit {
        // A stretch that ends before the newest of all pieces has nothing newer.
        let newest = pieces.peek().map(|piece| piece.newest.0);
        if let Some(stretch) =
            stretches.next_if(|stretch| newest.is_none_or(|ord| stretch.end > ord))
        {
            pieces.extend(Piece::read(db, wanted, not_by, stretch)?);
            continue;
        }
        let Some(mut piece) = pieces.pop() else {
            break;
        };
        found.push(piece.newest);
        if let Some(newest) = piece.older.pop() {
            pieces.push(Piece { newest, ..piece });
        } else if let Some(rest) = piece.rest {
            pieces.extend(Piece::read(db, wanted, not_by, rest)?);
        }
    }
    Ok(found)
}

/// A long line, or several short ones, as the places that they have in the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    /// The order of the newest entry.
    end: Ord,
    first: i64,
    last: i64,
    /// Entries.
    length: i64,
}

/// Some of what the index finds in a stretch, ordered by the newest of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    newest: (Ord, i64),
    /// Oldest first.
    older: Vec<(Ord, i64)>,
    /// What was not looked at.
    rest: Option<Stretch>,
}

impl Piece {
    /// The newest of a stretch; none if there is nothing.
    fn read(
        db: &Connection,
        wanted: &str,
        not_by: Option<i64>,
        stretch: Stretch,
    ) -> rusqlite::Result<Option<Self>> {
        let mut in_stretch = db.prepare_cached(
            "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC",
        )?;
        let mut rows = in_stretch.query(params![wanted, stretch.first, stretch.last])?;
        let mut found = Vec::new();
        let mut rest = None;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            found.extend(ord_of(db, at, not_by)?);
            // Within one line order is that of the places, so that the rest is older.
            if found.len() == PIECE && stretch.length > SHORT {
                let last = at - 1;
                rest = Some(Stretch { last, ..stretch });
                break;
            }
        }
        found.sort_unstable();
        Ok(found.pop().map(|newest| Self {
            newest,
            older: found,
            rest,
        }))
    }
}

fn newest(found: &mut Vec<(Ord, i64)>, limit: usize) {
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(limit);
}

/// The order of what the index found, unless its author is not meant.
fn ord_of(db: &Connection, at: i64, not_by: Option<i64>) -> rusqlite::Result<Option<(Ord, i64)>> {
    db.prepare_cached("SELECT ord, author FROM entries WHERE place = ?1")?
        .query_row([at], |row| {
            let is_meant = not_by != Some(row.get(1)?);
            Ok(is_meant.then_some((row.get(0)?, at)))
        })
}

/// All that there is, newest first.
fn newest_stretches(db: &Connection) -> rusqlite::Result<Vec<Stretch>> {
    let mut lines = db.prepare_cached(
        "SELECT e.ord, l.id, l.seq FROM lines l JOIN entries e ON e.place = l.id << 32 | l.seq ORDER BY l.id",
    )?;
    let mut rows = lines.query([])?;
    let mut stretches: Vec<Stretch> = Vec::new();
    while let Some(row) = rows.next()? {
        let (end, line, length): (Ord, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let last = line << 32 | length;
        match stretches.last_mut() {
            Some(before) if before.length + length <= SHORT => {
                before.end = before.end.max(end);
                before.last = last;
                before.length += length;
            }
            Some(_) | None => stretches.push(Stretch {
                end,
                first: line << 32,
                last,
                length,
            }),
        }
    }
    stretches.sort_unstable_by(|one, other| other.cmp(one));
    Ok(stretches)
}

fn line(
    db: &Connection,
    at: i64,
    groups: &mut BTreeMap<i64, GroupName>,
    us: NodeId,
) -> rusqlite::Result<Option<Line>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT e.place, e.ord, l.number, h.key, {ENTRY_COLUMNS}, e.in_group FROM entries e {ENTRY_JOINS}
         JOIN lines l ON l.id = e.place >> 32 JOIN keys h ON h.id = l.host WHERE e.place = ?1"
    ))?;
    let (place, entry, in_group) = statement.query_row([at], |row| {
        Ok((place(row, 0)?, row::entry(row, 4)?, row.get(11)?))
    })?;
    let group = match groups.entry(in_group) {
        Slot::Occupied(known) => known.into_mut(),
        Slot::Vacant(slot) => slot.insert(row::group_name(db, in_group)?),
    };
    Log::new(db, group, in_group, us).shown(place, entry)
}

/// The query in the index's language (SQLite FTS5, section 3). None if it can find nothing.
fn expression(db: &Connection, words: &Words) -> rusqlite::Result<Option<String>> {
    let has_word = |term: &&Term| term.text.chars().any(char::is_alphanumeric);
    let terms = || words.terms.iter().filter(has_word);
    if terms().count() < words.terms.len() {
        return Ok(None);
    }
    let written = |term: &Term| {
        let star = if term.is_beginning { " *" } else { "" };
        format!("{}{star}", quoted(&term.text))
    };
    let join = |is_unwanted: bool, with: &str| {
        let of = terms().filter(|term| term.is_unwanted == is_unwanted);
        of.map(written).collect::<Vec<_>>().join(with)
    };
    let mut parts = Vec::new();
    let wanted = join(false, if words.any { " OR " } else { " AND " });
    if !wanted.is_empty() {
        parts.push(format!("text : ({wanted})"));
    }
    if let Some(nick) = &words.from {
        let whose: Vec<String> = authors(db, nick)?
            .iter()
            .map(|author| quoted(&format!("k{author}")))
            .collect();
        if whose.is_empty() {
            return Ok(None);
        }
        parts.push(format!("who : ({})", whose.join(" OR ")));
    }
    if parts.is_empty() {
        return Ok(None);
    }
    if let Some(group) = &words.group {
        match row::known_group(db, group)? {
            Some(in_group) => parts.push(format!("whereabouts : \"g{in_group}\"")),
            None => return Ok(None),
        }
    }
    let unwanted = join(true, " OR ");
    let mut expression = parts.join(" AND ");
    if !unwanted.is_empty() {
        expression = format!("({expression}) NOT text : ({unwanted})");
    }
    Ok(Some(expression))
}

/// A string of the index's language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Everybody who has ever gone by a nick, by small number.
fn authors(db: &Connection, nick: &str) -> rusqlite::Result<Vec<i64>> {
    let Ok(nick) = Nick::parse(nick) else {
        return Ok(Vec::new());
    };
    let folded = nick.folded();
    let mut authors = db
        .prepare_cached(
            "SELECT DISTINCT e.author, e.text FROM search s JOIN entries e ON e.place = s.rowid
             WHERE search MATCH ?1",
        )?
        .query_map([format!("called : {}", quoted(nick.as_str()))], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    authors.retain(|(_, called)| Nick::parse(called).is_ok_and(|called| called.folded() == folded));
    let mut authors: Vec<i64> = authors.into_iter().map(|(author, _)| author).collect();
    authors.sort_unstable();
    authors.dedup();
    Ok(authors)
}

/// How many lines by others than us a group has after a place with one of these words.
pub(super) fn mentions(
    db: &Connection,
    group: &GroupName,
    after: &[u8],
    mentioned: &[String],
    us: NodeId,
) -> rusqlite::Result<u64> {
    let words = Words {
        terms: mentioned.iter().map(|word| Term::whole(word)).collect(),
        any: true,
        group: Some(group.clone()),
        ..Words::default()
    };
    let Some(wanted) = expression(db, &words)? else {
        return Ok(0);
    };
    let us = row::known_key(db, us)?;
    let newest = places(db, &wanted, us, FOUND_MAX)?;
    let after = newest.iter().take_while(|(ord, _)| ord.as_slice() > after);
    Ok(after.count() as u64)
}

/// Where the next step of a scan begins: before this order; none when all was read.
pub(super) type Next = Option<Vec<u8>>;

/// Reads [`SCANNED`] lines of a group before an order, and tells those whose text matches, newest first.
pub(super) fn scan(
    db: &Connection,
    group: &GroupName,
    before: Next,
    pattern: &Regex,
    us: NodeId,
) -> rusqlite::Result<(Vec<Line>, Next)> {
    let Some(in_group) = row::known_group(db, group)? else {
        return Ok((Vec::new(), None));
    };
    let before = before.unwrap_or_else(|| EVERYTHING.to_vec());
    let mut statement = db.prepare_cached(
        "SELECT place, ord, kind, text FROM entries
         WHERE in_group = ?1 AND ord < ?2 AND earliest AND kind <> 0 ORDER BY ord DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![in_group, before, SCANNED as i64])?;
    let mut lines = Vec::new();
    let mut groups = BTreeMap::from([(in_group, group.clone())]);
    let (mut read, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        read += 1;
        last = Some(row.get::<_, Vec<u8>>(1)?);
        let is_said = row::kind::SAID.contains(&row.get(2)?);
        if is_said && pattern.is_match(row.get_ref(3)?.as_str()?) {
            lines.extend(line(db, row.get(0)?, &mut groups, us)?);
        }
    }
    Ok((lines, last.filter(|_| read == SCANNED)))
}
