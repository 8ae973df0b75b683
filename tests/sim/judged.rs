//! Tells the independent judge what went on in a simulated world, in words that it knows: strings and numbers.

use std::collections::BTreeMap;

use fireside::proto::command::Command;
use fireside::proto::event::{self, Event, What};
use fireside::proto::id::{self, GroupName, NodeId, Place};
use fireside::proto::wire::{Body, Entry};

use crate::judge::{Ending, Epoch, Fate, History, Kept, Life, Note, Person, Rule, Told, judge};

/// What happened to everybody so far, group by group.
#[derive(Debug, Default)]
pub struct Judged {
    lives: BTreeMap<GroupName, BTreeMap<NodeId, Vec<Life>>>,
    has_forgotten: bool,
}

impl Judged {
    pub fn started(&mut self, who: NodeId) {
        for people in self.lives.values_mut() {
            if let Some(lives) = people.get_mut(&who) {
                lives.push(Life::default());
            }
        }
    }

    pub fn ended(&mut self, who: NodeId, ending: Ending) {
        for people in self.lives.values_mut() {
            if let Some(life) = people.get_mut(&who).and_then(|lives| lives.last_mut()) {
                life.ending = Some(ending);
            }
        }
    }

    /// A disk has lost, or never taken, what somebody was told. The judge knows of none that does; what it holds
    /// against those who forget is left to the checker, which knows who forgot and when.
    pub fn forgot(&mut self) {
        self.has_forgotten = true;
    }

    pub fn asked(&mut self, now: u64, who: NodeId, command: &Command) {
        match command {
            Command::Say { group, text }
            | Command::Act { group, text }
            | Command::Topic { group, text } => {
                self.note(now, who, group, Note::Typed(text.clone()));
            }
            Command::Join { .. }
            | Command::Part { .. }
            | Command::Rule { .. }
            | Command::Nick { .. }
            | Command::Drop { .. }
            | Command::Quit { .. }
            | Command::Names { .. }
            | Command::Query { .. }
            | Command::Rules { .. }
            | Command::Whois { .. }
            | Command::Accept { .. }
            | Command::Invite { .. }
            | Command::Verify { .. }
            | Command::Away { .. }
            | Command::Chart { .. }
            | Command::Ignore { .. }
            | Command::Reach { .. }
            | Command::History { .. }
            | Command::Past(_) => {}
        }
    }

    pub fn told(&mut self, now: u64, who: NodeId, event: &Event) {
        if let Event::Renamed { group, to } = event {
            let people = self.lives.get_mut(group);
            if let Some(lives) = people.and_then(|people| people.remove(&who)) {
                self.lives.entry(to.clone()).or_default().insert(who, lives);
            }
        }
        if let Some((group, told)) = told(event) {
            self.note(now, who, group, Note::Told(told));
        }
    }

    fn note(&mut self, now: u64, who: NodeId, group: &GroupName, note: Note) {
        let people = self.lives.entry(group.clone()).or_default();
        let lives = people.entry(who).or_insert_with(|| vec![Life::default()]);
        if let Some(life) = lives.last_mut() {
            life.notes.push((now, note));
        }
    }

    /// What is wrong in a group that has come to rest after the last fault, at `healed_ms`.
    pub fn verdict<'a>(
        &self,
        group: &GroupName,
        (healed_ms, bound_ms): (u64, u64),
        fate: impl Fn(NodeId) -> (&'a str, Fate),
    ) -> Vec<String> {
        let people = self.lives.get(group).into_iter().flatten();
        let person = |(who, lives): (&NodeId, &Vec<Life>)| {
            let (name, fate) = fate(*who);
            Person {
                name: name.to_owned(),
                key: who.to_string(),
                lives: lives.clone(),
                fate,
            }
        };
        let history = History {
            people: people.map(person).collect(),
            healed_ms,
            bound_ms,
            is_mesh_whole: false,
        };
        let forgets = |rule: Rule| match rule {
            Rule::Lost
            | Rule::Different
            | Rule::OutOfOrder
            | Rule::Doubled
            | Rule::EpochBack
            | Rule::Unanswered => true,
            Rule::Invented | Rule::TwoHosts | Rule::Unheard | Rule::Unsettled => false,
        };
        let wrong = judge(&history).into_iter();
        let wrong = wrong.filter(|wrong| !(self.has_forgotten && forgets(wrong.rule)));
        wrong.map(|wrong| format!("{group}: {wrong}")).collect()
    }
}

/// An entry on a disk, at one of its places.
pub fn kept(place: Place, entry: &Entry, is_shown: bool) -> Kept {
    Kept {
        id: entry.id().to_string(),
        author: entry.author.to_string(),
        text: match &entry.body {
            Body::Text { text } | Body::Action { text } | Body::Topic { text } => {
                Some(text.clone())
            }
            Body::Join { .. }
            | Body::Nick { .. }
            | Body::Part { .. }
            | Body::Quit { .. }
            | Body::Gone { .. }
            | Body::Ruling(_)
            | Body::Void => None,
        },
        epoch: epoch(place.epoch),
        seq: place.seq.0,
        order: place.order(),
        is_shown,
    }
}

fn told(event: &Event) -> Option<(&GroupName, Told)> {
    Some(match event {
        Event::Sent {
            group, id, what, ..
        } => {
            let (id, text) = (id.to_string(), text(what)?);
            (group, Told::Sent { id, text })
        }
        Event::Entry(line) => (&line.group, message(line)?),
        Event::Confirmed {
            group,
            id,
            epoch,
            seq,
            copies,
        } => {
            let told = Told::Confirmed {
                id: id.to_string(),
                epoch: epoch.number,
                seq: *seq,
                copies: *copies,
            };
            (group, told)
        }
        Event::Failed { group, id, .. } => (group, Told::Failed { id: id.to_string() }),
        Event::Joined { group, epoch, .. } => (group, Told::Joined(self::epoch(*epoch))),
        Event::Host { group, epoch, .. } => (group, Told::Host(self::epoch(*epoch))),
        Event::Left { group } => (group, Told::Left),
        Event::Ready { .. }
        | Event::Opened { .. }
        | Event::Copied { .. }
        | Event::Renamed { .. }
        | Event::Contact { .. }
        | Event::Waiting { .. }
        | Event::Responsible { .. }
        | Event::Disk { .. }
        | Event::Members { .. }
        | Event::Role { .. }
        | Event::Path { .. }
        | Event::Mesh { .. }
        | Event::Merge { .. }
        | Event::History { .. }
        | Event::Past(_)
        | Event::Talk { .. }
        | Event::Near { .. }
        | Event::Rules(_)
        | Event::Whois(_)
        | Event::Invited { .. }
        | Event::Number { .. }
        | Event::Verified { .. }
        | Event::Impostor { .. }
        | Event::Chart { .. }
        | Event::Notice { .. }
        | Event::Error { .. }
        | Event::Bye => return None,
    })
}

fn message(line: &event::Line) -> Option<Told> {
    Some(Told::Message {
        id: line.id.to_string(),
        author: line.id.author.to_string(),
        text: text(&line.what)?,
        epoch: epoch(line.place.epoch),
        seq: line.place.seq.0,
        order: line.place.order(),
    })
}

fn text(what: &What) -> Option<String> {
    match what {
        What::Text(text) | What::Action(text) | What::Topic(text) => Some(text.clone()),
        What::Join
        | What::Part(_)
        | What::Quit(_)
        | What::Nick(_)
        | What::Gone { .. }
        | What::Ruling { .. }
        | What::Vain(_) => None,
    }
}

fn epoch(epoch: id::Epoch) -> Epoch {
    Epoch {
        number: epoch.number,
        host: data_encoding::HEXLOWER.encode(&epoch.host.0),
    }
}
