//! The answers of `fireside table` and `fireside ring`, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::proto::id::{GroupName, NodeId};
use crate::proto::ring::Point;
use crate::proto::table::Table;
use crate::proto::wire::{Listed, Liveness, Record, Roles};
use crate::sanitize;

/// The table: who is known, and in what state.
#[must_use]
pub fn table(table: &Table, as_json: bool) -> String {
    let mut listed: Vec<&Listed> = table.listed().collect();
    listed.sort_by_key(|listed| &listed.record.name);
    if as_json {
        let nodes: Value = listed
            .iter()
            .map(|listed| {
                let record = &listed.record;
                json!({
                    "name": record.name.as_str(),
                    "role": role(record.roles),
                    "key": record.key.to_string(),
                    "addresses": addresses(record),
                    "clock": record.clock,
                    "state": state(listed),
                })
            })
            .collect();
        return nodes.to_string();
    }
    let mut rows = vec![["NAME", "ROLE", "STATE", "CLOCK", "KEY", "ADDRESSES"].map(str::to_owned)];
    rows.extend(listed.iter().map(|listed| {
        let record = &listed.record;
        [
            name(record),
            role(record.roles).to_owned(),
            state(listed).to_owned(),
            record.clock.to_string(),
            record.key.short(),
            addresses(record).join(" "),
        ]
    }));
    columns(&rows)
}

/// The ring: every living supernode in its place, and for a group who is responsible, who would be next, and who
/// stands opposite. Without any supernode there is no ring, and `None`.
#[must_use]
pub fn ring(table: &Table, group: Option<&GroupName>, as_json: bool) -> Option<String> {
    let ring = table.ring();
    if ring.is_empty() {
        return None;
    }
    let Some(group) = group else {
        return Some(circle(table, as_json));
    };
    let point = Point::of_group(group);
    let responsible = ring.responsible(point);
    let next = ring.second(point);
    let opposite = ring.opposite(point);
    let nearest = ring.nearest(point);
    if as_json {
        let node = |id: Option<NodeId>| {
            let place = nearest.iter().find(|place| Some(place.0) == id);
            place.map_or(Value::Null, |&(id, at, distance)| {
                node(table, id, at, Some(distance))
            })
        };
        let told = json!({
            "group": group.as_str(),
            "point": point.0,
            "responsible": node(responsible),
            "next": node(next),
            "opposite": node(opposite),
        });
        return Some(told.to_string());
    }
    let mut places = nearest;
    places.sort_by_key(|place| place.1);
    let mut rows = vec![["POINT", "DISTANCE", "NAME", "ADDRESS", ""].map(str::to_owned)];
    for (id, at, distance) in &places {
        let mut parts = Vec::new();
        for (who, part) in [
            (responsible, "responsible"),
            (next, "next"),
            (opposite, "opposite"),
        ] {
            if who == Some(*id) {
                parts.push(part);
            }
        }
        let (name, address) = who(table, *id);
        let percent = percent(*distance);
        rows.push([hex(*at), percent, name, address, parts.join(", ")]);
    }
    let here = rows
        .iter()
        .skip(1)
        .filter(|row| row[0] < hex(point))
        .count();
    let group = sanitize::name(group.as_str()).into_owned();
    let empty = String::new;
    rows.insert(
        1 + here,
        [
            hex(point),
            empty(),
            group,
            empty(),
            "<- the group".to_owned(),
        ],
    );
    Some(columns(&rows))
}

/// All supernodes by their points.
fn circle(table: &Table, as_json: bool) -> String {
    let mut places = table.ring().nearest(Point(0));
    places.sort_by_key(|place| place.1);
    if as_json {
        let nodes = places.iter().map(|&(id, at, _)| node(table, id, at, None));
        return nodes.collect::<Value>().to_string();
    }
    let mut rows = vec![["POINT", "NAME", "ADDRESS"].map(str::to_owned)];
    rows.extend(places.iter().map(|&(id, at, _)| {
        let (name, address) = who(table, id);
        [hex(at), name, address]
    }));
    columns(&rows)
}

fn node(table: &Table, id: NodeId, at: Point, distance: Option<u32>) -> Value {
    let record = table.get(&id).map(|listed| &listed.record);
    let mut told = json!({
        "name": record.map(|record| record.name.as_str()),
        "address": record.and_then(|record| record.addresses.first()).map(ToString::to_string),
        "point": at.0,
    });
    if let Some(distance) = distance {
        told["distance"] = distance.into();
    }
    told
}

fn who(table: &Table, id: NodeId) -> (String, String) {
    let record = table.get(&id).map(|listed| &listed.record);
    let address = record.and_then(|record| record.addresses.first());
    (
        record.map(name).unwrap_or_default(),
        address.map(ToString::to_string).unwrap_or_default(),
    )
}

fn name(record: &Record) -> String {
    sanitize::name(record.name.as_str()).into_owned()
}

fn addresses(record: &Record) -> Vec<String> {
    record.addresses.iter().map(ToString::to_string).collect()
}

fn role(roles: Roles) -> &'static str {
    match (roles.directory, roles.supernode) {
        (true, true) => "directory+supernode",
        (true, false) => "directory",
        (false, true) => "supernode",
        (false, false) => "none",
    }
}

fn state(listed: &Listed) -> &'static str {
    match listed.liveness {
        _ if listed.record.tombstone => "retired",
        Liveness::Alive => "alive",
        Liveness::Suspect | Liveness::Missed => "suspect",
        Liveness::Dead => "dead",
    }
}

fn hex(point: Point) -> String {
    format!("{:08x}", point.0)
}

/// Of half the circle, which is as far as anything can be.
fn percent(distance: u32) -> String {
    format!(
        "{:.1} %",
        f64::from(distance) / f64::from(1_u32 << 31) * 100.0
    )
}

/// Rows of equal columns, two blanks apart.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    use unicode_width::UnicodeWidthStr as _;
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let blanks = width - cell.width() + 2;
            _ = write!(line, "{cell}{:blanks$}", "");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::proto::id::NodeName;
    use crate::proto::seal::Signature;
    use crate::proto::time::Wall;

    fn of(nodes: &[(&str, &str)]) -> Table {
        let mut table = Table::new();
        for (seed, (name, address)) in (1..).zip(nodes) {
            let identity = Identity::from_seed([seed; 32]);
            let record = Record {
                name: NodeName::parse(name).unwrap(),
                key: NodeId::default(),
                clock: 1,
                addresses: vec![address.parse().unwrap()],
                roles: Roles {
                    directory: false,
                    supernode: true,
                },
                tombstone: false,
                signature: Signature([0; 64]),
            };
            let record = record.signed(&identity);
            let listed = Listed {
                record,
                liveness: Liveness::Alive,
                since: Wall(1_767_225_600_000),
            };
            table.merge(&identity, listed).unwrap();
        }
        table
    }

    #[test]
    fn the_group_stands_on_the_circle_between_its_neighbours() {
        let table = of(&[
            ("oak", "127.0.0.12:7700"),
            ("elm", "127.0.0.13:7700"),
            ("ash", "127.0.0.14:7700"),
        ]);
        let group = GroupName::parse("#hearth").unwrap();
        let told = ring(&table, Some(&group), false).unwrap();
        let points: Vec<&str> = told.lines().skip(1).map(|line| &line[..8]).collect();
        assert!(points.is_sorted(), "{told}");
        assert_eq!(points.len(), 4);
        assert_eq!(told.matches("responsible").count(), 1, "{told}");
        assert!(told.contains("<- the group"), "{told}");
    }

    #[test]
    fn the_ring_of_a_group_has_the_fields_of_the_contract() {
        let table = of(&[("oak", "127.0.0.12:7700"), ("elm", "127.0.0.13:7700")]);
        let group = GroupName::parse("#hearth").unwrap();
        let told: Value = serde_json::from_str(&ring(&table, Some(&group), true).unwrap()).unwrap();
        assert_eq!(told["group"], "#hearth");
        for part in ["responsible", "next", "opposite"] {
            for field in ["name", "address", "point", "distance"] {
                assert!(!told[part][field].is_null(), "{part}.{field} in {told}");
            }
        }
        assert!(ring(&Table::new(), Some(&group), true).is_none());
    }

    #[test]
    fn the_table_has_the_fields_of_the_contract() {
        let nodes = of(&[("oak", "127.0.0.12:7700")]);
        let told: Value = serde_json::from_str(&table(&nodes, true)).unwrap();
        assert_eq!(told[0]["name"], "oak");
        assert_eq!(told[0]["role"], "supernode");
        assert_eq!(told[0]["addresses"][0], "127.0.0.12:7700");
        assert_eq!(told[0]["state"], "alive");
        assert_eq!(told[0]["clock"], 1);
        assert!(told[0]["key"].is_string());
        assert!(table(&nodes, false).contains("oak"));
    }
}
