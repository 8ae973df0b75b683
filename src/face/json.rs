//! Events as JSON, one object a line, for programs. The names here are a contract: fields are added, never changed.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::chat::Teller;
use super::unsent::Unsent;
use crate::chart;
use crate::proto::command::Command;
use crate::proto::event::{
    Before, Chart, Event, Line, Loss, Member, MeshState, Nearness, Opening, Path, Standing, Tenure,
    What, Whether, Whois,
};
use crate::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId};
use crate::proto::past::Told;
use crate::proto::rules::Rules;
use crate::proto::ruling::Ruling;
use crate::proto::table::Table;
use crate::proto::time::Wall;
use crate::sanitize;
use crate::slash::Refused;

/// The face of programs.
#[derive(Debug)]
pub(super) struct Json;

/// An object whose fields stay in the order they were given, the event's name first.
#[derive(Debug)]
struct Object(Vec<(&'static str, Value)>);

impl Object {
    fn new(event: &'static str) -> Self {
        Self(vec![("event", event.into())])
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Where it happened: `group`, or `peer`, the other's key, for a private talk.
    fn group(self, group: &GroupName) -> Self {
        match group.person() {
            Some(person) => self.with("peer", person.to_string()),
            None => self.with("group", group.as_str()),
        }
    }

    fn at(self, at: Wall) -> Self {
        self.with("at", rfc3339(at))
    }

    fn now(self) -> Self {
        let now = jiff::Timestamp::now();
        let at = Wall(u64::try_from(now.as_millisecond()).unwrap_or_default());
        self.at(at)
    }

    fn line(&self) -> String {
        let line = serde_json::to_string(self);
        escaped(&line.expect("text, numbers and lists of them are always JSON"))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// JSON in which no character of a string acts on a terminal that somebody reads it in. It says the same.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut buf = [0; 4];
    for c in json.chars() {
        if sanitize::is_safe(c.encode_utf8(&mut buf)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

impl Teller for Json {
    fn event(&mut self, event: &Event, _: Option<&GroupName>, _: &Unsent) -> Vec<String> {
        object(event).iter().map(Object::line).collect()
    }

    fn names(&mut self, group: &GroupName, members: &[Member]) -> Vec<String> {
        let names = Object::new("names").group(group).now();
        vec![names.with("members", all(members)).line()]
    }

    fn keepers(
        &mut self,
        group: &GroupName,
        members: &[Member],
        us: Option<&NodeId>,
    ) -> Vec<String> {
        let (host, line) = chart::line_of(members);
        let place = us.and_then(|us| line.iter().position(|member| member.id == *us));
        let keepers = Object::new("keepers").group(group).now();
        let keepers = keepers
            .with("host", host.map(|host| host.nick.as_str()))
            .with("host_id", host.map(|host| host.id.to_string()))
            .with("line", all(line))
            .with("place", place.map(|place| place + 1));
        vec![keepers.line()]
    }

    fn away(&mut self, group: &GroupName, member: &Member) -> Vec<String> {
        let away = Object::new("away").group(group).now();
        let away = away
            .with("from", member.nick.as_str())
            .with("from_id", member.id.to_string())
            .with("reason", member.away.as_deref());
        vec![away.line()]
    }

    fn notice(&mut self, text: &str) -> Vec<String> {
        vec![Object::new("notice").now().with("text", text).line()]
    }

    fn refused(&mut self, refused: &Refused) -> Vec<String> {
        let Refused { what, why, try_ } = refused;
        vec![error(None, what, why, try_).line()]
    }

    fn wanted(&mut self, _: &Event) -> Option<Command> {
        None
    }
}

fn object(event: &Event) -> Option<Object> {
    Some(match event {
        Event::Ready { id, nick } => Object::new("ready")
            .now()
            .with("id", id.to_string())
            .with("nick", nick.as_str()),
        Event::Joined {
            group,
            host,
            epoch,
            members,
        } => Object::new("joined")
            .group(group)
            .now()
            .with("host", nick_of(*host, members))
            .with("host_id", host.to_string())
            .with("epoch", number(*epoch))
            .with("members", all(members)),
        Event::Renamed { group, to } => Object::new("renamed")
            .group(group)
            .now()
            .with("to", to.as_str()),
        Event::Left { group } => Object::new("left").group(group).now(),
        Event::Sent {
            group,
            id,
            at,
            what,
        } => sent(
            Object::new("sent")
                .group(group)
                .at(*at)
                .with("id", id.to_string()),
            what,
        ),
        Event::Entry(line) => entry(line),
        Event::Confirmed {
            group,
            id,
            epoch,
            seq,
            copies,
        } => Object::new("confirmed")
            .group(group)
            .now()
            .with("id", id.to_string())
            .with("epoch", number(*epoch))
            .with("seq", *seq)
            .with("copies", *copies),
        Event::Copied { group, id, copies } => Object::new("copied")
            .group(group)
            .now()
            .with("id", id.to_string())
            .with("copies", *copies),
        Event::Failed { group, id, why } => Object::new("failed")
            .group(group)
            .now()
            .with("id", id.to_string())
            .with("why", why.as_str()),
        Event::Contact {
            group,
            host,
            is_held,
        } => Object::new("contact")
            .group(group)
            .now()
            .with("host_id", host.to_string())
            .with("held", *is_held),
        Event::Waiting { group, lines } => Object::new("waiting")
            .group(group)
            .now()
            .with("ids", ids(lines)),
        Event::Host {
            group,
            host,
            nick,
            epoch,
            took_ms,
            before,
            lost,
        } => handover(
            Object::new("host")
                .group(group)
                .now()
                .with("host", known(nick.as_ref(), *host))
                .with("host_id", host.to_string())
                .with("epoch", number(*epoch))
                .with("took_ms", *took_ms),
            before.as_ref(),
            lost,
        ),
        Event::Responsible {
            group,
            node,
            name,
            before,
            is_lost,
        } => Object::new("responsible")
            .group(group)
            .now()
            .with("node", name.as_str())
            .with("node_id", node.to_string())
            .with("before", before.as_deref())
            .with("lost", *is_lost),
        Event::Disk { trouble } => Object::new("disk")
            .now()
            .with("writable", trouble.is_none())
            .with("why", trouble.as_ref().map(|trouble| trouble.why.as_str()))
            .with("try", trouble.as_ref().map(|trouble| trouble.try_.as_str())),
        Event::Role {
            group,
            role: standing,
        } => Object::new("role")
            .group(group)
            .now()
            .with("role", role(*standing)),
        Event::Path {
            peer,
            path,
            via,
            rtt_ms,
        } => Object::new("path")
            .now()
            .with("peer", peer.to_string())
            .with("path", way(*path))
            .with("via", via.as_deref())
            .with("rtt_ms", *rtt_ms),
        Event::Mesh { state } => mesh(state),
        Event::Merge {
            group,
            from_us,
            from_them,
        } => Object::new("merge")
            .group(group)
            .now()
            .with("from_us", *from_us)
            .with("from_them", *from_them),
        Event::Notice { group, text } => in_group(Object::new("notice"), group.as_ref())
            .now()
            .with("text", text.as_str()),
        Event::Error {
            group,
            what,
            why,
            try_,
        } => error(group.as_ref(), what, why, try_),
        Event::Talk {
            group,
            nick,
            opening,
            ..
        } => Object::new("talk")
            .group(group)
            .now()
            .with("nick", nick.as_str())
            .with("opening", opened(*opening)),
        Event::Near { group, nearness } => Object::new("presence")
            .group(group)
            .now()
            .with("presence", near(*nearness)),
        Event::Rules(told) => rules(told),
        Event::Whois(told) => whois(told),
        Event::Number {
            person,
            nick,
            number,
            is_verified,
        } => Object::new("number")
            .now()
            .with("peer", person.to_string())
            .with("nick", nick.as_str())
            .with("number", number.to_string())
            .with("verified", *is_verified),
        Event::Verified {
            person,
            nick,
            is_verified,
            is_restored,
        } => Object::new("verified")
            .now()
            .with("peer", person.to_string())
            .with("nick", nick.as_str())
            .with("verified", *is_verified)
            .with("restored", *is_restored),
        Event::Impostor {
            group,
            nick,
            person,
            known,
        } => Object::new("impostor")
            .group(group)
            .now()
            .with("nick", nick.as_str())
            .with("id", person.to_string())
            .with("known_id", known.to_string()),
        Event::Invited { invite, to, .. } => Object::new("invite")
            .group(&invite.group)
            .now()
            .with("link", invite.to_string())
            .with("to", to.as_ref().map(Nick::as_str)),
        Event::Chart { chart, table } => charted(chart, table),
        Event::Bye => Object::new("bye").now(),
        Event::Past(Told::Found { query, lines, more }) => Object::new("search")
            .now()
            .with("query", query.to_string())
            .with("lines", stored(lines))
            .with("more", *more),
        Event::Past(Told::Stretch {
            group,
            lines,
            older,
            newer,
            ..
        }) => Object::new("past")
            .group(group)
            .now()
            .with("lines", stored(lines))
            .with("older", *older)
            .with("newer", *newer),
        // A program hears of members by their joins and leaves, or asks with /names; the past it was there for it
        // has heard already.
        Event::Opened { .. }
        | Event::Members { .. }
        | Event::History { .. }
        | Event::Past(Told::Missed { .. }) => return None,
    })
}

fn handover(object: Object, before: Option<&Before>, lost: &Loss) -> Object {
    let how = before.map(|before| match before.end {
        Tenure::Left => "left",
        Tenure::Missed => "missed",
        Tenure::Replaced => "replaced",
    });
    object
        .with("before", before.map(|before| before.nick.as_str()))
        .with("before_id", before.map(|before| before.id.to_string()))
        .with("how", how)
        .with("lost", ids(&lost.own))
        .with("waiting", ids(&lost.waiting))
        .with("unseen", lost.unseen)
}

fn ids(lines: &[EntryId]) -> Value {
    lines.iter().map(ToString::to_string).collect()
}

/// Lines in the same form as when they were told first.
fn stored(lines: &[Line]) -> Value {
    lines
        .iter()
        .map(|line| {
            serde_json::to_value(entry(line))
                .expect("text, numbers and lists of them are always JSON")
        })
        .collect()
}

fn entry(line: &Line) -> Object {
    let Line {
        group,
        id,
        from,
        place,
        at,
        what,
        own,
        history,
    } = line;
    let name = match what {
        What::Text(_) | What::Action(_) => "message",
        What::Topic(_) => "topic",
        What::Join => "join",
        What::Part(_) => "part",
        What::Quit(_) | What::Gone { .. } => "quit",
        What::Nick(_) => "nick",
        What::Ruling {
            ruling: Ruling::Kick { .. } | Ruling::Ban { .. },
            ..
        } => "kick",
        What::Ruling {
            ruling:
                Ruling::Op { .. } | Ruling::Deop { .. } | Ruling::Unban { .. } | Ruling::Mode { .. },
            ..
        } => "mode",
        What::Vain(_) => "notice",
    };
    // Who is gone does not say so himself: the host does, but it is he who is gone.
    let (from, from_id) = match what {
        What::Gone { member, nick } => (nick, *member),
        What::Text(_)
        | What::Action(_)
        | What::Topic(_)
        | What::Join
        | What::Part(_)
        | What::Quit(_)
        | What::Nick(_)
        | What::Ruling { .. }
        | What::Vain(_) => (from, id.author),
    };
    let object = Object::new(name)
        .group(group)
        .at(*at)
        .with("from", from.as_str())
        .with("from_id", from_id.to_string());
    let object = match what {
        What::Text(text) | What::Topic(text) => object.with("text", text.as_str()),
        What::Action(text) => object.with("text", text.as_str()).with("action", true),
        What::Part(why) | What::Quit(why) => object.with("reason", why.as_str()),
        What::Gone { .. } => object
            .with("reason", "was away for too long")
            .with("by", id.author.to_string()),
        What::Nick(nick) => object.with("old", from.as_str()).with("new", nick.as_str()),
        What::Join => object,
        What::Ruling { ruling, nick } => ruled(object, ruling, nick.as_ref()),
        What::Vain(deed) => object.with("text", format!("without effect: {deed}")),
    };
    object
        .with("id", id.to_string())
        .with("epoch", number(place.epoch))
        .with("seq", place.seq.0)
        .with("order", place.order())
        .with("own", *own)
        .with("history", *history)
}

fn sent(object: Object, what: &What) -> Object {
    match what {
        What::Text(text) => object.with("what", "message").with("text", text.as_str()),
        What::Action(text) => object
            .with("what", "message")
            .with("text", text.as_str())
            .with("action", true),
        What::Topic(text) => object.with("what", "topic").with("text", text.as_str()),
        What::Join => object.with("what", "join"),
        What::Part(why) => object.with("what", "part").with("text", why.as_str()),
        What::Quit(why) => object.with("what", "quit").with("text", why.as_str()),
        What::Nick(nick) => object.with("what", "nick").with("text", nick.as_str()),
        What::Gone { .. } => object.with("what", "quit"),
        What::Ruling { .. } | What::Vain(_) => object.with("what", "mode"),
    }
}

fn ruled(object: Object, ruling: &Ruling, nick: Option<&Nick>) -> Object {
    let object = match ruling {
        Ruling::Op { .. } => object.with("mode", "+o"),
        Ruling::Deop { .. } => object.with("mode", "-o"),
        Ruling::Kick { why, .. } => object.with("reason", why.as_str()),
        Ruling::Ban { .. } => object.with("mode", "+b").with("reason", ""),
        Ruling::Unban { .. } => object.with("mode", "-b"),
        Ruling::Mode { mode, on } => {
            let sign = if *on { '+' } else { '-' };
            object.with("mode", format!("{sign}{mode}"))
        }
    };
    match ruling.member() {
        Some(member) => object
            .with("member", known(nick, *member))
            .with("member_id", member.to_string()),
        None => object,
    }
}

fn opened(opening: Opening) -> &'static str {
    match opening {
        Opening::Restored => "restored",
        Opening::Asked => "asked",
        Opening::Written => "written",
        Opening::Begun => "begun",
        Opening::Named => "named",
    }
}

fn near(nearness: Nearness) -> &'static str {
    match nearness {
        Nearness::Here => "here",
        Nearness::Away => "away",
        Nearness::Closed => "closed",
    }
}

fn rules(rules: &Rules) -> Object {
    let bans = rules.bans.iter().map(|ban| {
        let by = ban.by.as_ref();
        json!({
            "nick": ban.nick.as_str(),
            "id": ban.id.to_string(),
            "by": by.map(|(nick, _)| nick.as_str()),
            "at": by.map(|(_, at)| rfc3339(*at)),
        })
    });
    let bans: Vec<_> = bans.collect();
    let operators = rules.operators.iter().map(Nick::as_str);
    let modes = rules.modes.iter().map(ToString::to_string);
    Object::new("rules")
        .group(&rules.group)
        .now()
        .with("founder", rules.founder.as_ref().map(Nick::as_str))
        .with("operators", operators.collect::<Vec<_>>())
        .with("modes", modes.collect::<String>())
        .with("bans", bans)
}

fn whois(whois: &Whois) -> Object {
    let groups: Vec<_> = whois
        .groups
        .iter()
        .map(|(group, is_here)| json!({"group": group.as_str(), "here": is_here}))
        .collect();
    let (presence, for_ms) = match whois.standing {
        Some(Whether::Here { for_ms }) => ("here", Some(for_ms)),
        Some(Whether::Gone { for_ms }) => ("away", Some(for_ms)),
        Some(Whether::Unknown) => ("away", None),
        None => ("unknown", None),
    };
    let path = whois.path.as_ref();
    Object::new("whois")
        .now()
        .with("peer", whois.id.to_string())
        .with("nick", whois.nick.as_ref().map(Nick::as_str))
        .with("you", whois.is_us)
        .with("away", whois.away.as_deref())
        .with("verified", whois.is_verified)
        .with("groups", groups)
        .with("presence", presence)
        .with("for_ms", for_ms)
        .with("over", whois.over.clone())
        .with("path", path.map(|reached| way(reached.path)))
        .with("via", path.and_then(|reached| reached.via.clone()))
        .with("rtt_ms", path.and_then(|reached| reached.rtt_ms))
}

/// As `fireside table --json` and `fireside ring --json` tell it, in an object of its own.
fn charted(chart: &Chart, table: &Table) -> Object {
    match chart {
        Chart::Nodes => Object::new("table")
            .now()
            .with("nodes", chart::nodes(table)),
        Chart::Ring(group) => Object::new("ring")
            .now()
            .with("ring", chart::ring_value(table, group.as_ref())),
    }
}

fn mesh(state: &MeshState) -> Object {
    let object = Object::new("mesh").now();
    match state {
        MeshState::Searching => object.with("state", "searching"),
        MeshState::Linked { name, address } => object
            .with("state", "linked")
            .with("node", name.as_str())
            .with("address", address.to_string()),
    }
}

fn error(group: Option<&GroupName>, what: &str, why: &str, try_: &str) -> Object {
    in_group(Object::new("error"), group)
        .now()
        .with("what", what)
        .with("why", why)
        .with("try", try_)
}

fn in_group(object: Object, group: Option<&GroupName>) -> Object {
    match group {
        Some(group) => object.group(group),
        None => object,
    }
}

fn all<'a>(members: impl IntoIterator<Item = &'a Member>) -> Value {
    members
        .into_iter()
        .map(|member| {
            json!({
                "nick": member.nick.as_str(),
                "id": member.id.to_string(),
                "role": role(member.standing),
                "present": member.present,
                "away": member.away,
                "rank": member.rank.word().unwrap_or("member"),
            })
        })
        .collect()
}

fn nick_of(host: NodeId, members: &[Member]) -> String {
    let member = members.iter().find(|member| member.id == host);
    known(member.map(|member| &member.nick), host)
}

fn known(nick: Option<&Nick>, id: NodeId) -> String {
    nick.map_or_else(|| id.to_string(), ToString::to_string)
}

fn number(epoch: Epoch) -> u64 {
    epoch.number
}

fn role(standing: Standing) -> &'static str {
    match standing {
        Standing::Host => "host",
        Standing::Heir => "heir",
        Standing::Member => "member",
    }
}

fn way(path: Path) -> &'static str {
    match path {
        Path::Direct => "direct",
        Path::Relayed => "relayed",
        Path::Lost => "lost",
    }
}

/// UTC, with milliseconds. A stranger's clock may say anything; what no calendar holds becomes its end.
fn rfc3339(at: Wall) -> String {
    let at = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{EntryId, Number, Place, Seq};
    use crate::proto::ruling::Mode;
    use crate::proto::time::Hlc;

    #[test]
    fn a_string_is_what_was_said_and_acts_on_no_terminal() {
        let said = "a\u{7f}\u{9b}2J\u{1b}[2J\u{202e}\u{e0069}\u{10ffff} \"é\" 👩\u{200d}👧\n";
        let json = Object::new("x").with("text", said).line();
        assert_eq!(
            json,
            "{\"event\":\"x\",\"text\":\"a\\u007f\\u009b2J\\u001b[2J\\u202e\\udb40\\udc69\\udbff\\udfff \\\"é\\\" 👩\u{200d}👧\\n\"}"
        );
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["text"], said);
    }

    fn line(what: What) -> Line {
        let author = NodeId([1; 32]);
        Line {
            group: GroupName::parse("#hearth").unwrap(),
            id: EntryId {
                author,
                number: Number(7),
            },
            from: Nick::parse("anna").unwrap(),
            place: Place {
                hlc: Hlc(1 << 16),
                epoch: Epoch {
                    number: 3,
                    host: author,
                },
                seq: Seq(9),
            },
            at: Wall(1_700_000_000_123),
            what,
            own: true,
            history: false,
        }
    }

    fn told(event: &Event) -> String {
        Json.event(event, None, &Unsent::default()).concat()
    }

    #[test]
    fn a_message_has_the_fields_of_the_contract_in_this_form() {
        let id = NodeId([1; 32]);
        let line = line(What::Text("hello \"you\"\u{1b}".to_owned()));
        let order = line.place.order();
        assert_eq!(
            told(&Event::Entry(line)),
            format!(
                r##"{{"event":"message","group":"#hearth","at":"2023-11-14T22:13:20.123Z","from":"anna","from_id":"{id}","text":"hello \"you\"\u001b","id":"{id}.7","epoch":3,"seq":9,"order":"{order}","own":true,"history":false}}"##
            )
        );
    }

    #[test]
    fn every_kind_of_entry_carries_who_when_and_where() {
        let bo = Nick::parse("bo").unwrap();
        let member = NodeId([2; 32]);
        for (what, event, more) in [
            (What::Join, "join", json!({})),
            (
                What::Part("tea".to_owned()),
                "part",
                json!({"reason": "tea"}),
            ),
            (
                What::Quit("bed".to_owned()),
                "quit",
                json!({"reason": "bed"}),
            ),
            (
                What::Nick(bo.clone()),
                "nick",
                json!({"old": "anna", "new": "bo"}),
            ),
            (
                What::Topic("fire".to_owned()),
                "topic",
                json!({"text": "fire"}),
            ),
            (
                What::Action("waves".to_owned()),
                "message",
                json!({"text": "waves", "action": true}),
            ),
            (
                What::Ruling {
                    ruling: Ruling::Kick {
                        member,
                        why: "spam".to_owned(),
                    },
                    nick: Some(bo.clone()),
                },
                "kick",
                json!({"member": "bo", "member_id": member.to_string(), "reason": "spam"}),
            ),
            (
                What::Ruling {
                    ruling: Ruling::Op { member },
                    nick: Some(bo.clone()),
                },
                "mode",
                json!({"mode": "+o", "member": "bo"}),
            ),
            (
                What::Ruling {
                    ruling: Ruling::Mode {
                        mode: Mode::TopicLock,
                        on: false,
                    },
                    nick: None,
                },
                "mode",
                json!({"mode": "-t"}),
            ),
            (
                What::Gone { member, nick: bo },
                "quit",
                json!({"from": "bo", "from_id": member.to_string()}),
            ),
        ] {
            let told: Value = serde_json::from_str(&told(&Event::Entry(line(what)))).unwrap();
            assert_eq!(told["event"], event);
            for (name, value) in more.as_object().unwrap() {
                assert_eq!(&told[name], value, "{told}");
            }
            for name in [
                "group", "at", "from", "from_id", "id", "epoch", "seq", "order", "own", "history",
            ] {
                assert!(!told[name].is_null(), "{name} in {told}");
            }
        }
    }

    #[test]
    fn a_clock_beyond_every_calendar_is_still_a_time() {
        assert!(rfc3339(Wall(u64::MAX)).ends_with('Z'));
        assert_eq!(rfc3339(Wall(0)), "1970-01-01T00:00:00.000Z");
    }
}
