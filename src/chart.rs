//! The answers of `fireside table`, `fireside ring`, and of `/net`, `/ring` and `/host` in the chat, for people and for
//! programs.

mod circle;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::proto::command::Chart;
use crate::proto::event::{Member, Standing};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::ring::{Point, Ring};
use crate::proto::table::Table;
use crate::proto::time::Wall;
use crate::proto::wire::{Listed, Liveness, Record, Roles};
use crate::sanitize;
use crate::slash::Refused;

/// What has its place on the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Group(GroupName),
    Person(NodeId),
}

impl Subject {
    fn of(group: &GroupName) -> Self {
        match group.person() {
            Some(person) => Self::Person(person),
            None => Self::Group(group.clone()),
        }
    }

    /// The text whose md5 it is, and what that is mod 2^32.
    fn place(&self) -> (String, Point) {
        match self {
            Self::Group(group) => (group.as_str().to_owned(), Point::of_group(group)),
            Self::Person(person) => (person.to_string(), Point::of_person(person)),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Group(_) => "group",
            Self::Person(_) => "person",
        }
    }
}

/// The table: who is known, and in what state.
#[must_use]
pub fn table(table: &Table, as_json: bool) -> String {
    if as_json {
        return nodes(table).to_string();
    }
    let listed = by_name(table);
    let mut rows = vec![
        [
            "NAME",
            "ROLE",
            "STATE",
            "SINCE",
            "CLOCK",
            "KEY",
            "ADDRESSES",
        ]
        .map(str::to_owned),
    ];
    rows.extend(listed.iter().map(|listed| {
        let record = &listed.record;
        [
            name(record),
            role(record.roles).to_owned(),
            state(listed).to_owned(),
            when(listed.since),
            record.clock.to_string(),
            record.key.short(),
            addresses(record).join(" "),
        ]
    }));
    columns(&rows)
}

/// The table for programs.
pub(crate) fn nodes(table: &Table) -> Value {
    let told = by_name(table).into_iter().map(|listed| {
        let record = &listed.record;
        json!({
            "name": record.name.as_str(),
            "role": role(record.roles),
            "key": record.key.to_string(),
            "addresses": addresses(record),
            "clock": record.clock,
            "state": state(listed),
            "since": when(listed.since),
        })
    });
    told.collect()
}

fn by_name(table: &Table) -> Vec<&Listed> {
    let mut listed: Vec<&Listed> = table.listed().collect();
    listed.sort_by_key(|listed| &listed.record.name);
    listed
}

/// The answer to `/net` or `/ring`: what a person in the chat wants to know of it, in rows that are not long.
pub(crate) fn told(chart: &Chart, table: &Table, form: Form) -> String {
    match chart {
        Chart::Nodes => {
            let row = |listed: &&Listed| {
                let record = &listed.record;
                let address = record.addresses.first().map(ToString::to_string);
                let role = role(record.roles).to_owned();
                let state = state(listed).to_owned();
                [name(record), role, state, address.unwrap_or_default()]
            };
            let rows: Vec<_> = by_name(table).iter().map(row).collect();
            match rows.is_empty() {
                true => "no node of the network is known yet".to_owned(),
                false => columns(&rows),
            }
        }
        Chart::Ring(of) => {
            let of = of.as_ref().map(Subject::of);
            let none = || "no supernode is known to be alive, so there is no ring".to_owned();
            ring_as(table, of.as_ref(), form).unwrap_or_else(none)
        }
    }
}

/// The ring for programs; nothing without any supernode.
pub(crate) fn ring_value(table: &Table, group: Option<&GroupName>) -> Value {
    let of = group.map(Subject::of);
    let told = ring(table, of.as_ref(), true);
    told.and_then(|told| serde_json::from_str(&told).ok())
        .unwrap_or(Value::Null)
}

/// Who hosts, and who is present to take over, in their order: heirs first, then by when they joined.
pub(crate) fn line_of(members: &[Member]) -> (Option<&Member>, Vec<&Member>) {
    let of = |standing: Standing| {
        let all = members.iter();
        all.filter(move |member| member.present && member.standing == standing)
    };
    let host = members
        .iter()
        .find(|member| member.standing == Standing::Host);
    let line = of(Standing::Heir).chain(of(Standing::Member));
    (host, line.collect())
}

/// The answer to `/host`: who keeps a group, who is next, and where we stand.
pub(crate) fn keepers(group: &GroupName, members: &[Member], us: Option<&NodeId>) -> Vec<String> {
    const TOLD_MAX: usize = 8;
    let group = sanitize::name(group.as_str());
    let called = |member: &Member| match us == Some(&member.id) {
        true => "you".to_owned(),
        false => sanitize::name(member.nick.as_str()).into_owned(),
    };
    let (host, line) = line_of(members);
    let mut told = vec![match host {
        Some(host) if us == Some(&host.id) => format!("you keep {group}"),
        Some(host) => format!("{} keeps {group}", called(host)),
        None => format!("nobody keeps {group} at the moment"),
    }];
    let (heirs, others): (Vec<&Member>, Vec<&Member>) = line
        .iter()
        .partition(|member| member.standing == Standing::Heir);
    let names = |members: &[&Member]| {
        let mut names: Vec<String> = members.iter().take(TOLD_MAX).map(|m| called(m)).collect();
        if members.len() > TOLD_MAX {
            names.push(format!("and {} more", members.len() - TOLD_MAX));
        }
        names.join(", ")
    };
    told.push(match (heirs.is_empty(), others.is_empty()) {
        (false, _) => format!("next in line, with all of it on disk: {}", names(&heirs)),
        (true, false) => "nobody else has all of it on disk yet".to_owned(),
        (true, true) => "nobody else is here: what is said is on one disk".to_owned(),
    });
    if !others.is_empty() {
        let then = if heirs.is_empty() {
            "next in line"
        } else {
            "then"
        };
        told.push(format!("{then}: {}", names(&others)));
    }
    let place = us.and_then(|us| line.iter().position(|member| member.id == *us));
    if let Some(place) = place {
        told.push(match place {
            0 => "you take over if the host goes".to_owned(),
            1 => "one would take over before you".to_owned(),
            before => format!("{before} would take over before you"),
        });
    }
    told
}

/// That a member is gone, or away and why, to stand behind its name; clean.
#[must_use]
pub fn away(member: &Member) -> String {
    match &member.away {
        _ if !member.present => " (gone)".to_owned(),
        Some(why) if !why.is_empty() => format!(" (away: {})", crate::sanitize::line(why)),
        Some(_) => " (away)".to_owned(),
        None => String::new(),
    }
}

/// What to say to who asks about a group that we are not in.
pub(crate) fn unknown_group(group: &GroupName) -> Refused {
    Refused {
        what: format!("nothing is known of {}", sanitize::name(group.as_str())),
        why: "you are not in it".to_owned(),
        try_: "/join it first, or /ring tells who is responsible for it".to_owned(),
    }
}

/// The ring: every living supernode in its place, and for a group who is responsible, who would be next, and who
/// stands opposite. Without any supernode there is no ring, and `None`.
#[must_use]
pub fn ring(table: &Table, of: Option<&Subject>, as_json: bool) -> Option<String> {
    let form = if as_json { Form::Json } else { Form::Wide };
    ring_as(table, of, form)
}

/// For whom something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// For a terminal of its own.
    Wide,
    /// For the log of a chat, between its columns: addresses are told elsewhere.
    Narrow,
    /// The same for somebody who may listen to it: nothing is drawn.
    Spoken,
}

/// The group or person on the drawing, as the mail calls the md5 of its name.
const SUBJECT: char = 'J';
/// A supernode that is nothing to it.
const NODE: char = '+';

/// What a supernode can be to a point of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Responsible,
    Next,
    Opposite,
}

impl Part {
    const ALL: [Self; 3] = [Self::Responsible, Self::Next, Self::Opposite];

    fn of(self, ring: &Ring, point: Point) -> Option<NodeId> {
        match self {
            Self::Responsible => ring.responsible(point),
            Self::Next => ring.second(point),
            Self::Opposite => ring.opposite(point),
        }
    }

    /// Its letter on the drawing; the first is the mail's.
    fn mark(self) -> char {
        match self {
            Self::Responsible => 'K',
            Self::Next => 'N',
            Self::Opposite => 'O',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Responsible => "responsible",
            Self::Next => "next",
            Self::Opposite => "opposite",
        }
    }
}

/// The circle with all supernodes, and what is asked for among them.
fn drawn(ring: &Ring, point: Option<Point>) -> String {
    let mut marks: Vec<_> = point.map(|point| (point, SUBJECT)).into_iter().collect();
    let mut others = ring.nearest(Point(0));
    for part in Part::ALL {
        let id = point.and_then(|point| part.of(ring, point));
        if let Some(at) = others.iter().position(|place| Some(place.0) == id) {
            marks.push((others.swap_remove(at).1, part.mark()));
        }
    }
    marks.extend(others.iter().map(|place| (place.1, NODE)));
    circle::drawn(&marks)
}

fn ring_as(table: &Table, of: Option<&Subject>, form: Form) -> Option<String> {
    let ring = table.ring();
    if ring.is_empty() {
        return None;
    }
    let Some(of) = of else {
        return Some(supernodes(table, form));
    };
    let (text, point) = of.place();
    let responsible = ring.responsible(point);
    let nearest = ring.nearest(point);
    if form == Form::Json {
        let node = |id: Option<NodeId>| {
            let place = nearest.iter().find(|place| Some(place.0) == id);
            place.map_or(Value::Null, |&(id, at, distance)| {
                node(table, id, at, Some(distance))
            })
        };
        let told = json!({
            of.noun(): text,
            "point": point.0,
            "responsible": node(responsible),
            "next": node(ring.second(point)),
            "opposite": node(ring.opposite(point)),
        });
        return Some(told.to_string());
    }
    let mut places = nearest;
    places.sort_by_key(|place| place.1);
    let mut rows = vec![["POINT", "DISTANCE", "NAME", "ADDRESS", ""].map(str::to_owned)];
    for (id, at, distance) in &places {
        let parts: Vec<_> = Part::ALL
            .into_iter()
            .filter(|part| part.of(ring, point) == Some(*id))
            .map(|part| format!("{} {}", part.mark(), part.word()))
            .collect();
        let (name, address) = who(table, *id);
        let percent = percent(*distance);
        rows.push([hex(*at), percent, name, address, parts.join(", ")]);
    }
    let here = rows
        .iter()
        .skip(1)
        .filter(|row| row[0] < hex(point))
        .count();
    let shown = sanitize::name(&text).into_owned();
    let empty = String::new;
    rows.insert(
        1 + here,
        [
            hex(point),
            empty(),
            match of {
                Subject::Group(_) => shown.clone(),
                Subject::Person(person) => person.short(),
            },
            empty(),
            format!("{SUBJECT} <- the {}", of.noun()),
        ],
    );
    let sums = arithmetic(table, &shown, point, responsible);
    let rows = match form {
        Form::Json | Form::Wide => columns(&rows),
        Form::Narrow | Form::Spoken => {
            let rows = rows.into_iter();
            let rows = rows.map(|[point, distance, name, _, part]| [point, distance, name, part]);
            columns(&rows.collect::<Vec<_>>())
        }
    };
    Some(match form {
        Form::Spoken => format!("{rows}\n\n{sums}"),
        Form::Json | Form::Wide | Form::Narrow => {
            format!("{}\n\n{rows}\n\n{sums}", drawn(ring, Some(point)))
        }
    })
}

/// The sums behind it, as the mail has them: md5 of a text, its last eight digits, and the way around the circle.
fn arithmetic(table: &Table, text: &str, point: Point, responsible: Option<NodeId>) -> String {
    let mut sums = format!(
        "J = md5(\"{text}\") mod 2^32 = {} = {}",
        hex(point),
        point.0
    );
    let record = responsible.and_then(|id| table.get(&id)).map(|l| &l.record);
    let address = record.and_then(|record| Some((record, record.ring_address()?)));
    if let Some((record, address)) = address {
        let at = Point::of_ip(address.ip());
        let ip = Point::text_of_ip(address.ip());
        _ = write!(
            sums,
            "\nK = md5(\"{ip}\") mod 2^32 = {} = {}, of {}\n\
             min(|K - J|, 2^32 - |K - J|) = {}, the least of all, so {} is responsible",
            hex(at),
            at.0,
            name(record),
            at.distance(point),
            name(record),
        );
    }
    sums
}

/// A moment of somebody's wall clock.
fn when(wall: Wall) -> String {
    let millis = i64::try_from(wall.0).unwrap_or(i64::MAX);
    let seconds = jiff::Timestamp::from_second(millis / 1000);
    seconds.map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

/// All supernodes by their points.
fn supernodes(table: &Table, form: Form) -> String {
    let mut places = table.ring().nearest(Point(0));
    places.sort_by_key(|place| place.1);
    if form == Form::Json {
        let nodes = places.iter().map(|&(id, at, _)| node(table, id, at, None));
        return nodes.collect::<Value>().to_string();
    }
    let mut rows = vec![["POINT", "NAME", "ADDRESS"].map(str::to_owned)];
    rows.extend(places.iter().map(|&(id, at, _)| {
        let (name, address) = who(table, id);
        [hex(at), name, address]
    }));
    match form {
        Form::Spoken => columns(&rows),
        Form::Json | Form::Wide | Form::Narrow => {
            format!("{}\n\n{}", drawn(table.ring(), None), columns(&rows))
        }
    }
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
        let group = Subject::Group(GroupName::parse("#hearth").unwrap());
        let told = ring(&table, Some(&group), false).unwrap();
        let (drawn, rest) = told.split_once("\n\n").unwrap();
        for mark in ["J", "K", "N", "O"] {
            // A letter each, but where one is both the next and the opposite.
            let count = drawn.matches(mark).count();
            assert!(
                count == 1 || mark == "O" && rest.contains("N next, O opposite"),
                "{told}"
            );
        }
        let circle = rest.lines().skip(1).take_while(|line| !line.is_empty());
        let points: Vec<&str> = circle.map(|line| &line[..8]).collect();
        assert!(points.is_sorted(), "{told}");
        assert_eq!(points.len(), 4);
        assert_eq!(told.matches("responsible").count(), 2, "{told}");
        assert!(told.contains("J = md5(\"#hearth\") mod 2^32 = da780ff6 = 3665301494"));
        assert!(told.contains("<- the group"), "{told}");
    }

    #[test]
    fn the_ring_of_a_group_has_the_fields_of_the_contract() {
        let table = of(&[("oak", "127.0.0.12:7700"), ("elm", "127.0.0.13:7700")]);
        let group = Subject::Group(GroupName::parse("#hearth").unwrap());
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
    fn who_keeps_a_group_is_told_with_all_who_would_next_and_our_place() {
        use crate::proto::id::Nick;
        use crate::proto::ruling::Rank;
        let group = GroupName::parse("#hearth").unwrap();
        let key = |seed| NodeId([seed; 32]);
        let told = |people: &[(u8, Standing, bool)], us: u8| {
            let members: Vec<Member> = people
                .iter()
                .map(|&(seed, standing, present)| Member {
                    id: key(seed),
                    nick: Nick::parse(&format!("p{seed}")).unwrap(),
                    standing,
                    rank: Rank::Member,
                    present,
                    away: None,
                })
                .collect();
            keepers(&group, &members, Some(&key(us))).join("; ")
        };
        let (host, heir, member) = (Standing::Host, Standing::Heir, Standing::Member);
        let here = [
            (1, host, true),
            (4, member, true),
            (2, heir, true),
            (5, member, false),
            (3, heir, true),
        ];
        for (us, expected) in [
            (
                1,
                "you keep #hearth; next in line, with all of it on disk: p2, p3; then: p4",
            ),
            (
                2,
                "p1 keeps #hearth; next in line, with all of it on disk: you, p3; then: p4; you take over if the host goes",
            ),
            (
                4,
                "p1 keeps #hearth; next in line, with all of it on disk: p2, p3; then: you; 2 would take over before you",
            ),
        ] {
            assert_eq!(told(&here, us), expected);
        }
        assert_eq!(
            told(&here[..2], 4),
            "p1 keeps #hearth; nobody else has all of it on disk yet; next in line: you; you take over if the host goes"
        );
        assert_eq!(
            told(&here[..1], 1),
            "you keep #hearth; nobody else is here: what is said is on one disk"
        );
    }

    #[test]
    fn the_chat_tells_nodes_and_ring_in_short_rows() {
        let table = of(&[("oak", "127.0.0.12:7700"), ("ash", "127.0.0.14:7700")]);
        assert_eq!(
            told(&Chart::Nodes, &table, Form::Narrow),
            "ash  supernode  alive  127.0.0.14:7700\noak  supernode  alive  127.0.0.12:7700"
        );
        let group = GroupName::parse("#hearth").unwrap();
        let chart = Chart::Ring(Some(group.clone()));
        let told_ring = told(&chart, &table, Form::Narrow);
        assert!(told_ring.contains("<- the group"), "{told_ring}");
        let (drawn, rest) = told_ring.split_once("\n\n").unwrap();
        assert!(drawn.contains("K"), "{told_ring}");
        let rows = rest.lines().take_while(|row| !row.is_empty());
        let rows = drawn.lines().chain(rows);
        assert!(rows.map(str::len).max() < Some(60), "{told_ring}");
        assert!(drawn.lines().all(|row| row.len() < 30), "{told_ring}");
        assert_eq!(told(&chart, &table, Form::Spoken), rest);
        assert_eq!(ring_value(&table, Some(&group))["group"], "#hearth");
        let nothing = Table::new();
        assert!(told(&Chart::Nodes, &nothing, Form::Narrow).starts_with("no node"));
        assert!(told(&Chart::Ring(None), &nothing, Form::Narrow).starts_with("no supernode"));
        assert!(ring_value(&nothing, None).is_null());
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
