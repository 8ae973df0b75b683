//! What the judge is given: a client's output, line by line, and its database.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::judge::{Epoch, Kept, Told};

/// What an object of `--json` tells of `group`, as far as the judge cares.
pub(crate) fn told(event: &Value, group: &str) -> Option<Told> {
    if event["group"] != group {
        return None;
    }
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    let hosted = || Epoch {
        number: number("epoch"),
        host: sortable(&field("host_id")),
    };
    Some(match event["event"].as_str()? {
        "sent" if event["what"] == "message" => Told::Sent {
            id: field("id"),
            text: field("text"),
        },
        "message" => {
            let order = field("order");
            Told::Message {
                id: field("id"),
                author: field("from_id"),
                text: field("text"),
                epoch: Epoch {
                    number: number("epoch"),
                    // 16 digits of clock, 16 of the epoch's number, 16 of its host's key.
                    host: order.get(32..48).unwrap_or_default().to_owned(),
                },
                seq: number("seq"),
                order,
            }
        }
        "confirmed" => Told::Confirmed {
            id: field("id"),
            epoch: number("epoch"),
            seq: number("seq"),
            copies: u32::try_from(number("copies")).unwrap_or_default(),
        },
        "failed" => Told::Failed { id: field("id") },
        "joined" => Told::Joined(hosted()),
        "host" => Told::Host(hosted()),
        "left" => Told::Left,
        _ => return None,
    })
}

/// A key as it stands in an order: the first eight bytes, in hexadecimal.
fn sortable(id: &str) -> String {
    let bytes = data_encoding::BASE32_NOPAD
        .decode(id.to_uppercase().as_bytes())
        .unwrap_or_default();
    data_encoding::HEXLOWER.encode(bytes.get(..8).unwrap_or_default())
}

fn written(key: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(key).to_lowercase()
}

/// The log of `group` in the database of a client that has ended.
pub(crate) fn log(data: &Path, group: &str) -> rusqlite::Result<Vec<Kept>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(data.join("fireside.db"), flags)?;
    let mut entries = db.prepare(
        "SELECT author.key, e.number, e.kind, e.text, l.number, e.place & 0xffffffff, e.ord, e.earliest
         FROM entries e JOIN groups g ON g.id = e.in_group JOIN keys author ON author.id = e.author
         JOIN lines l ON l.id = e.place >> 32
         WHERE g.name = ?1 ORDER BY e.ord",
    )?;
    let kept = entries.query_map([group], |row| {
        let author = written(&row.get::<_, Vec<u8>>(0)?);
        let order = data_encoding::HEXLOWER.encode(&row.get::<_, Vec<u8>>(6)?);
        // Kinds 1 to 3 are what people type: a text, an action, a topic.
        let is_line = (1..=3).contains(&row.get::<_, i64>(2)?);
        let text: Option<String> = row.get(3)?;
        Ok(Kept {
            id: format!("{author}.{}", row.get::<_, i64>(1)?),
            author,
            text: text.filter(|_| is_line),
            epoch: Epoch {
                number: row.get::<_, i64>(4)?.cast_unsigned(),
                host: order.get(32..48).unwrap_or_default().to_owned(),
            },
            seq: row.get::<_, i64>(5)?.cast_unsigned(),
            order,
            is_shown: row.get(7)?,
        })
    })?;
    kept.collect()
}
