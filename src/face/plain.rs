//! Events as plain lines, for screen readers and pipes: `[09:15] <anna> hello`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::chat::Teller;
use super::unsent::Unsent;
use crate::chart;
use crate::proto::command::Command;
use crate::proto::event::{
    Before, Event, Invite, Line, Loss, Member, MeshState, Opening, Standing, Tenure, Trouble, What,
};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::past::Told;
use crate::proto::time::Wall;
use crate::proto::verify;
use crate::qr::{Code, Ground, MARGIN};
use crate::sanitize;
use crate::slash::Refused;

/// Characters of a line that say which one is meant.
const QUOTED_MAX: usize = 40;
/// Lines of the stored past that a group which is open again begins with.
const PAST: usize = 20;

/// The face of whoever reads line by line.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// The day of the last line; a line of another day is preceded by its date.
    day: Option<Date>,
    names: Names,
}

/// What the others in private talks are called.
#[derive(Debug, Default)]
struct Names(BTreeMap<GroupName, Nick>);

impl Names {
    /// A group's name, or whom a private talk is with.
    fn of(&self, group: &GroupName) -> String {
        let nick = self.0.get(group);
        let name = nick.map_or(group.as_str(), Nick::as_str);
        sanitize::name(name).into_owned()
    }
}

impl Teller for Plain {
    fn event(&mut self, event: &Event, here: Option<&GroupName>, unsent: &Unsent) -> Vec<String> {
        if let Event::Entry(line) = event {
            return self.entry(line, here);
        }
        if let Event::History { lines, .. } = event {
            let past = lines.iter();
            return past.flat_map(|line| self.entry(line, here)).collect();
        }
        if let Event::Past(told) = event {
            return self.past(told, here);
        }
        if let Event::Talk { group, nick, .. } = event {
            self.names.0.insert(group.clone(), nick.clone());
        }
        if let Event::Whois(whois) = event {
            let told = whois.words().join("\n");
            return self.now(&sanitize::text(&told));
        }
        if let Event::Rules(rules) = event {
            let when = |at| local(at).strftime("%-d %B %Y, %H:%M").to_string();
            return self.now(&sanitize::text(&rules.words(when).join("\n")));
        }
        if let Event::Chart { chart, table } = event {
            return self.now(&chart::told(chart, table, chart::Form::Spoken));
        }
        if let Event::Number {
            nick,
            number,
            is_verified,
            ..
        } = event
        {
            let nick = sanitize::name(nick.as_str());
            return self.now(&verify::words(number, &nick, *is_verified).join("\n"));
        }
        if let Event::Invited { invite, to, drawn } = event {
            return self.invited(invite, to.as_ref(), *drawn);
        }
        match news(event, unsent, &self.names) {
            Some(text) => self.now(&text),
            None => Vec::new(),
        }
    }

    fn names(&mut self, group: &GroupName, members: &[Member]) -> Vec<String> {
        let names = format!("in {}: {}", self.names.of(group), list(members));
        self.now(&names)
    }

    fn keepers(
        &mut self,
        group: &GroupName,
        members: &[Member],
        us: Option<&NodeId>,
    ) -> Vec<String> {
        self.now(&chart::keepers(group, members, us).join("\n"))
    }

    /// Who listens to lines is not interrupted for it: `/names` tells it.
    fn away(&mut self, _: &GroupName, _: &Member) -> Vec<String> {
        Vec::new()
    }

    fn notice(&mut self, text: &str) -> Vec<String> {
        self.now(text)
    }

    fn refused(&mut self, refused: &Refused) -> Vec<String> {
        self.now(&format!("! {refused}"))
    }

    fn wanted(&mut self, event: &Event) -> Option<Command> {
        let (Event::Opened {
            group,
            restored: true,
            ..
        }
        | Event::Talk {
            group,
            opening: Opening::Restored,
            ..
        }) = event
        else {
            return None;
        };
        Some(Command::History {
            group: group.clone(),
            before: None,
            limit: PAST,
        })
    }
}

impl Plain {
    fn invited(&mut self, invite: &Invite, to: Option<&Nick>, drawn: bool) -> Vec<String> {
        let group = sanitize::name(invite.group.as_str());
        let caution = invite.caution();
        let caution = caution.map_or(String::new(), |caution| format!("; {caution}"));
        let mut told = match to {
            Some(nick) => {
                let nick = sanitize::name(nick.as_str());
                self.now(&format!("{nick} is invited to {group}{caution}"))
            }
            None => self.now(&format!("this link leads to {group}{caution}: {invite}")),
        };
        if drawn && let Some(code) = Code::of(&invite.capitals()) {
            // Most terminals have light letters on a dark ground, and most telephones read either.
            let drawing = code.text(MARGIN, Ground::Dark);
            told.extend(drawing.lines().map(str::to_owned));
        }
        told
    }

    fn past(&mut self, told: &Told, here: Option<&GroupName>) -> Vec<String> {
        match told {
            Told::Found { query, lines, more } => {
                let query = query.to_string();
                let query = sanitize::line(&query);
                let head = match (lines.len(), more) {
                    (0, _) => format!("nothing found: {query}"),
                    (1, _) => format!("1 line found: {query}"),
                    (count, false) => format!("{count} lines found: {query}"),
                    (count, true) => format!("the newest {count} lines found: {query}"),
                };
                let mut said = self.now(&head);
                for line in lines.iter().rev() {
                    said.extend(self.entry(line, None));
                }
                said
            }
            Told::Stretch {
                group, lines, at, ..
            } => {
                let meant = lines.iter().filter(|line| Some(line.place) >= *at);
                let mut said: Vec<String> = meant.flat_map(|line| self.entry(line, here)).collect();
                if said.is_empty() {
                    let group = self.names.of(group);
                    said = self.now(&format!("nothing is stored of {group} from there on"));
                }
                said
            }
            Told::Missed { .. } => Vec::new(),
        }
    }

    fn now(&mut self, text: &str) -> Vec<String> {
        self.said(&Zoned::now(), "", text)
    }

    fn entry(&mut self, line: &Line, here: Option<&GroupName>) -> Vec<String> {
        let from = sanitize::name(line.from.as_str());
        let group = self.names.of(&line.group);
        let text = match &line.what {
            What::Text(text) => {
                let head = match here {
                    Some(here) if *here == line.group => format!("<{from}> "),
                    Some(_) | None if line.group.person().is_some() => match line.own {
                        true => format!("private to {group} <{from}> "),
                        false => format!("private <{from}> "),
                    },
                    Some(_) | None => format!("{group} <{from}> "),
                };
                return self.said(&local(line.at), &head, &sanitize::text(text));
            }
            What::Action(text) if line.group.person().is_some() && here != Some(&line.group) => {
                format!("private * {from} {}", sanitize::line(text))
            }
            What::Action(text) => format!("* {from} {}", sanitize::line(text)),
            What::Join => format!("{from} joined {group}"),
            What::Part(why) => format!("{from} left {group}{}", because(why)),
            What::Quit(why) => format!("{from} left the chat{}", because(why)),
            What::Gone { nick, .. } => {
                let nick = sanitize::name(nick.as_str());
                format!("{nick} is gone from {group}")
            }
            What::Nick(nick) => {
                format!("{from} is {} from now on", sanitize::name(nick.as_str()))
            }
            What::Ruling { ruling, nick } => {
                let whom = nick.as_ref().map_or("", Nick::as_str);
                let told = ruling.sentence(line.from.as_str(), whom);
                format!("{group}: {}", sanitize::line(&told))
            }
            What::Vain(deed) => format!("{group}: without effect: {}", sanitize::line(deed)),
            What::Topic(text) if text.is_empty() => format!("{from} removed the topic of {group}"),
            What::Topic(text) => {
                format!("{from} set the topic of {group}: {}", sanitize::line(text))
            }
        };
        self.said(&local(line.at), "", &text)
    }

    /// One line for each line of `text`, each under its time, so that none can pass for another's.
    fn said(&mut self, at: &Zoned, head: &str, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if self.day.replace(at.date()) != Some(at.date()) {
            lines.push(at.strftime("%A, %-d %B %Y").to_string());
        }
        let time = at.strftime("%H:%M");
        lines.extend(
            text.split('\n')
                .map(|text| format!("[{time}] {head}{text}")),
        );
        lines
    }
}

/// What is worth a line to somebody who reads them one by one.
fn news(event: &Event, unsent: &Unsent, names: &Names) -> Option<String> {
    Some(match event {
        Event::Verified {
            nick,
            is_verified,
            is_restored: false,
            ..
        } => verify::told(&sanitize::name(nick.as_str()), *is_verified),
        Event::Impostor {
            group,
            nick,
            person,
            known,
        } => {
            let told = verify::warning(&sanitize::name(nick.as_str()), person, known);
            format!("! {}: {told}", names.of(group))
        }
        Event::Ready { nick, .. } => format!("you are {}", sanitize::name(nick.as_str())),
        Event::Joined { group, members, .. } => {
            format!("you are in {}: {}", names.of(group), list(members))
        }
        Event::Left { group } if group.person().is_some() => {
            format!("your talk with {} is closed", names.of(group))
        }
        Event::Left { group } => format!("you left {}", names.of(group)),
        Event::Talk { group, opening, .. } => match opening {
            Opening::Asked | Opening::Restored => {
                format!("you talk with {} in private", names.of(group))
            }
            Opening::Begun => format!(
                "{} talks to you in private; /query {} answers",
                names.of(group),
                names.of(group)
            ),
            Opening::Written | Opening::Named => return None,
        },
        Event::Renamed { group, to } => {
            let (group, to) = (names.of(group), sanitize::name(to.as_str()));
            format!("another group has the name {group}: yours goes on as {to}")
        }
        Event::Opened { group, topic, .. } if !topic.is_empty() => {
            let group = names.of(group);
            format!("the topic of {group}: {}", sanitize::line(topic))
        }
        Event::Failed { group, id, why } => {
            let said = quoted(unsent.what(group, *id));
            let (group, why) = (names.of(group), sanitize::line(why));
            format!("! not sent in {group}{said}: {why}; /resend says it again, /drop forgets it")
        }
        Event::Waiting { group, lines } => {
            let group = names.of(group);
            let waits = match lines.len() {
                1 => "a line of yours waits".to_owned(),
                count => format!("{count} lines of yours wait"),
            };
            format!("! {waits}: nobody who keeps {group} is reached; sent as soon as somebody is")
        }
        Event::Host {
            group,
            host,
            nick,
            took_ms,
            before,
            lost,
            ..
        } => {
            let nick = nick
                .as_ref()
                .map_or_else(|| host.short(), ToString::to_string);
            let (nick, group) = (sanitize::name(&nick), names.of(group));
            let seconds = Duration::from_millis(*took_ms).as_secs_f64();
            let before = before.as_ref().map_or_else(String::new, parted);
            let lost = cost(lost);
            format!("{before}{nick} keeps {group} now, after {seconds:.1} s; {lost}")
        }
        Event::Responsible {
            group,
            name,
            before: Some(before),
            is_lost,
            ..
        } => {
            let (name, before) = (sanitize::name(name), sanitize::name(before));
            let group = names.of(group);
            if *is_lost {
                format!("{before} is gone: {name} is responsible for {group} now")
            } else {
                format!("{name} is responsible for {group} now, and {before} no more")
            }
        }
        Event::Disk {
            trouble: Some(Trouble { why, try_ }),
        } => {
            let text =
                format!("! cannot write to disk: {why}; what is said lives in memory only: {try_}");
            sanitize::line(&text).into_owned()
        }
        Event::Disk { trouble: None } => "the disk takes everything again".to_owned(),
        Event::Role {
            group,
            role: Standing::Host,
        } => format!("you keep {}", names.of(group)),
        Event::Mesh {
            state: MeshState::Linked { name, address },
        } => format!("linked to {} at {address}", sanitize::name(name)),
        Event::Mesh {
            state: MeshState::Searching,
        } => "looking for others".to_owned(),
        Event::Merge {
            group,
            from_us,
            from_them,
        } => format!(
            "two halves of {} are one again: {from_us} lines from here, {from_them} from there, in the order they were said",
            names.of(group)
        ),
        Event::Notice { text, .. } => sanitize::line(text).into_owned(),
        Event::Error {
            what, why, try_, ..
        } => {
            let text = format!("! {what}: {why}; {try_}");
            sanitize::line(&text).into_owned()
        }
        Event::Bye => "bye".to_owned(),
        Event::Opened { .. }
        | Event::Contact { .. }
        | Event::Responsible { .. }
        | Event::Sent { .. }
        | Event::Entry(_)
        | Event::Confirmed { .. }
        | Event::Copied { .. }
        | Event::Members { .. }
        | Event::Role { .. }
        | Event::Path { .. }
        | Event::Near { .. }
        | Event::Rules(_)
        | Event::Whois(_)
        | Event::Invited { .. }
        | Event::Number { .. }
        | Event::Verified {
            is_restored: true, ..
        }
        | Event::Chart { .. }
        | Event::History { .. }
        | Event::Past(_) => return None,
    })
}

/// How the one who hosted before came to host no more.
fn parted(before: &Before) -> String {
    let nick = sanitize::name(before.nick.as_str());
    match before.end {
        Tenure::Left => format!("{nick} left; "),
        Tenure::Missed => format!("{nick} is gone; "),
        Tenure::Replaced => format!("{nick} was out of reach; "),
    }
}

/// What a handover cost.
fn cost(lost: &Loss) -> String {
    let told = [
        (lost.own.len() as u64, "of yours not sent"),
        (lost.unseen, "missing"),
        (lost.waiting.len() as u64, "of yours on the way"),
    ];
    let told: Vec<_> = told
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match told.as_slice() {
        [] => "nothing lost".to_owned(),
        [_, ..] => told.join(", "),
    }
}

/// What a line says, so that its author knows which it is.
fn quoted(what: Option<&What>) -> String {
    match what {
        Some(What::Text(text) | What::Action(text)) => {
            let mut text = sanitize::line(text).into_owned();
            if let Some((at, _)) = text.char_indices().nth(QUOTED_MAX) {
                text.truncate(at);
                text.push_str("...");
            }
            format!(" \"{text}\"")
        }
        Some(
            What::Topic(_)
            | What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_),
        )
        | None => String::new(),
    }
}

fn list(members: &[Member]) -> String {
    let names: Vec<String> = members
        .iter()
        .map(|member| {
            let nick = sanitize::name(member.nick.as_str());
            let role = match member.standing {
                Standing::Host => " (host)",
                Standing::Heir => " (heir)",
                Standing::Member => "",
            };
            let rank = member.rank.word();
            let rank = rank.map_or(String::new(), |rank| format!(" ({rank})"));
            let away = chart::away(member);
            format!("{nick}{role}{rank}{away}")
        })
        .collect();
    names.join(", ")
}

fn because(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(": {}", sanitize::line(why))
    }
}

/// In the zone of the person who reads.
fn local(at: Wall) -> Zoned {
    let at = i64::try_from(at.0)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX);
    at.to_zoned(TimeZone::system())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{EntryId, Epoch, NodeId, Number, Place, Seq};
    use crate::proto::time::Hlc;

    fn line(what: What) -> Line {
        let author = NodeId([1; 32]);
        Line {
            group: GroupName::parse("#hearth").unwrap(),
            id: EntryId {
                author,
                number: Number(1),
            },
            from: Nick::parse("anna").unwrap(),
            place: Place {
                hlc: Hlc(1),
                epoch: Epoch {
                    number: 1,
                    host: author,
                },
                seq: Seq(1),
            },
            at: Wall(1_700_000_000_000),
            what,
            own: false,
            history: false,
        }
    }

    fn told(plain: &mut Plain, what: What) -> Vec<String> {
        let here = GroupName::parse("#hearth").unwrap();
        let lines = plain.event(&Event::Entry(line(what)), Some(&here), &Unsent::default());
        // Without the time, which depends on where the test runs.
        let cut = |line: &String| {
            line.split_once("] ")
                .map_or(line.clone(), |l| l.1.to_owned())
        };
        lines.iter().map(cut).collect()
    }

    #[test]
    fn a_line_is_said_with_its_time_and_nick_and_its_day_once() {
        let mut plain = Plain::default();
        let first = told(&mut plain, What::Text("hello".to_owned()));
        assert_eq!(first.len(), 2, "{first:?}");
        assert_eq!(first[1], "<anna> hello");
        assert_eq!(told(&mut plain, What::Join), ["anna joined #hearth"]);
    }

    #[test]
    fn nobody_can_speak_under_another_nick_or_to_the_terminal() {
        let mut plain = Plain::default();
        let evil = "x\n[09:15] <bo> I agree\u{1b}]0;gone\u{7}";
        let told = told(&mut plain, What::Text(evil.to_owned()));
        assert!(
            told[1..].iter().all(|line| line.starts_with("<anna> ")),
            "{told:?}"
        );
        assert!(!told.concat().chars().any(char::is_control), "{told:?}");
    }
}
