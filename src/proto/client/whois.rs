//! A person asks who somebody is, and where (`/whois`).

use super::Client;
use crate::proto::command::Who;
use crate::proto::event::Event;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::time::{Mono, Now};
use crate::proto::whois::Whois;

use super::persons::Found;

/// Persons asked about at once; of more the first is answered with what is known.
const ASKED_MAX: usize = 16;
/// How long the supernodes may take to answer: a dial to each, and a lost packet.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// A question, and until when its answer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curiosity {
    person: NodeId,
    until: Mono,
}

impl Client {
    /// Finds out who somebody is; without a name, we.
    pub(super) fn whois(&mut self, now: Now, who: Option<&Who>, near: Option<&GroupName>) {
        let meant = match who {
            Some(who) => self.who_is(who, near).map_err(|why| (who, why)),
            None => Ok(self.me),
        };
        let person = match meant {
            Ok(person) => person,
            Err((who, (why, try_))) => {
                return self.act.tell(Event::Error {
                    group: near.cloned(),
                    what: format!("cannot tell who {who} is"),
                    why,
                    try_,
                });
            }
        };
        if self.curiosities.len() >= ASKED_MAX
            && let Some(first) = self.curiosities.pop_front()
        {
            self.tell_whois(&first.person);
        }
        let until = now.mono + PATIENCE;
        self.curiosities.push_back(Curiosity { person, until });
        // What was heard before may be old.
        self.stop_looking(&person);
        self.look_for(now, person);
    }

    /// Those asked about.
    pub(super) fn asked_about(&self) -> impl Iterator<Item = NodeId> {
        self.curiosities.iter().map(|asked| asked.person)
    }

    /// Answers what can be answered, or has waited for long enough.
    pub(super) fn answer_about(&mut self, now: Now) {
        let answered: Vec<_> = self
            .curiosities
            .iter()
            .filter(|asked| now.mono >= asked.until || self.have_all_answered(&asked.person))
            .map(|asked| asked.person)
            .collect();
        self.curiosities
            .retain(|asked| !answered.contains(&asked.person));
        for person in answered {
            self.tell_whois(&person);
        }
    }

    pub(super) fn curious_until(&self) -> impl Iterator<Item = Mono> {
        self.curiosities.iter().map(|asked| asked.until)
    }

    fn tell_whois(&mut self, person: &NodeId) {
        let groups = self.groups.values();
        let groups = groups.filter(|group| group.is_staying() && group.is_known(person));
        let groups = groups.map(|group| (group.name.clone(), group.is_here(person)));
        let over = match self.find(person) {
            Found::At(nodes) => nodes,
            Found::Looking | Found::Nowhere => Vec::new(),
        };
        let name = |node: &NodeId| match self.table.get(node) {
            Some(listed) => listed.record.name.to_string(),
            None => node.short(),
        };
        let is_linked = self.links.to_peer(person).is_some();
        let is_us = *person == self.me;
        let nick = match is_us {
            true => Some(self.nick.clone()),
            false => self.claimed_nick(person),
        };
        let whois = Whois {
            id: *person,
            nick,
            is_us,
            away: match is_us {
                true => self.out.clone(),
                false => self.why_out(person).map(str::to_owned),
            },
            is_verified: self.is_verified(person),
            groups: groups.collect(),
            standing: self.standing_of(person),
            over: over.iter().map(|(node, _)| name(node)).collect(),
            path: self.paths.get(person).filter(|_| is_linked).cloned(),
        };
        self.act.tell(Event::Whois(Box::new(whois)));
    }

    fn have_all_answered(&self, person: &NodeId) -> bool {
        self.has_asked_all(person)
    }
}
