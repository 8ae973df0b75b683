//! Whose key our person has compared, and what follows from that: a mark, and a warning when somebody else goes by the
//! name.

use super::Client;
use crate::proto::command::Who;
use crate::proto::event::Event;
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::saved::Write;
use crate::proto::verify::SafetyNumber;

impl Client {
    pub(super) fn start_verified(&mut self) {
        for (person, nick) in self.verified.clone() {
            let (is_verified, is_restored) = (true, true);
            self.act.tell(Event::Verified {
                person,
                nick,
                is_verified,
                is_restored,
            });
        }
    }

    /// Tells what to compare with somebody, or remembers what came of it.
    pub(super) fn verify(&mut self, who: &Who, near: Option<&GroupName>, came_of_it: Option<bool>) {
        let person = match self.who_is(who, near) {
            Ok(person) => person,
            Err((why, try_)) => {
                return self.act.tell(Event::Error {
                    group: near.cloned(),
                    what: format!("cannot verify {who}"),
                    why,
                    try_,
                });
            }
        };
        let nick = self.claimed_nick(&person);
        let nick = nick.unwrap_or_else(|| Nick::of_key(&person));
        let Some(is_verified) = came_of_it else {
            return self.act.tell(Event::Number {
                number: SafetyNumber::of(&self.me, &person),
                is_verified: self.verified.contains_key(&person),
                person,
                nick,
            });
        };
        // Whoever is verified by a name takes it from who had it before.
        let folded = nick.folded();
        let had = |(other, known): &(&NodeId, &Nick)| **other == person || known.folded() == folded;
        let had: Vec<_> = self
            .verified
            .iter()
            .filter(had)
            .map(|(id, nick)| (*id, nick.clone()))
            .collect();
        for (other, nick) in had.into_iter().filter(|(other, _)| *other != person) {
            self.set_verified(other, nick, false);
        }
        self.set_verified(person, nick, is_verified);
    }

    fn set_verified(&mut self, person: NodeId, nick: Nick, is_verified: bool) {
        let kept = is_verified.then(|| nick.clone());
        match &kept {
            Some(nick) => self.verified.insert(person, nick.clone()),
            None => self.verified.remove(&person),
        };
        self.warned.clear();
        self.act.write(vec![Write::Verified { person, nick: kept }]);
        let is_restored = false;
        self.act.tell(Event::Verified {
            person,
            nick,
            is_verified,
            is_restored,
        });
    }

    pub(super) fn is_verified(&self, person: &NodeId) -> bool {
        self.verified.contains_key(person)
    }

    /// Sees whether our person is about to be told of somebody who goes by the name of one whose key is known, and has
    /// another; then says so, once.
    pub(super) fn beware(&mut self, event: &Event) {
        if self.verified.is_empty() {
            return;
        }
        if let Event::Members { group, members } | Event::Joined { group, members, .. } = event {
            for member in members {
                self.beware_of(group, member.id, &member.nick);
            }
        } else if let Event::Talk { group, person, .. } = event
            && let Some(nick) = self.claimed_nick(person)
        {
            self.beware_of(group, *person, &nick);
        }
    }

    fn beware_of(&mut self, group: &GroupName, person: NodeId, nick: &Nick) {
        if person == self.me || self.is_verified(&person) || self.warned.contains(&person) {
            return;
        }
        let folded = nick.folded();
        let known = self
            .verified
            .iter()
            .find(|(_, known)| known.folded() == folded);
        if let Some(known) = known.map(|(known, _)| *known) {
            self.warned.insert(person);
            self.act.tell(Event::Impostor {
                group: group.clone(),
                nick: nick.clone(),
                person,
                known,
            });
        }
    }
}
