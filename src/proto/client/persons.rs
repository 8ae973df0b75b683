//! Being found by others, and finding them: a person is linked to the supernodes closest to his key, so that whoever
//! knows the key knows where to ask.

use std::collections::{BTreeMap, BTreeSet};

use super::Client;
use crate::proto::id::NodeId;
use crate::proto::limits::{FOUND_AT, SEEK_INTERVAL};
use crate::proto::ring::Point;
use crate::proto::role::LinkId;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Message, Reason, Whereabouts, Whether};

/// What we have to do with the whereabouts of people.
#[derive(Clone, Debug, Default)]
pub(super) struct Persons {
    /// Over which links we have said that we are here, and which supernodes we named.
    said: BTreeSet<LinkId>,
    over: Vec<NodeId>,
    /// A supernode that is responsible for us though our table does not say so.
    moved: Option<NodeId>,
    quests: BTreeMap<NodeId, Quest>,
}

/// Looking for somebody.
#[derive(Clone, Debug, Default)]
struct Quest {
    /// Over which link each supernode was asked, and when.
    asked: BTreeMap<NodeId, (LinkId, Mono)>,
    answers: BTreeMap<NodeId, Whether>,
    /// A supernode that is responsible for him though our table does not say so.
    moved: Option<NodeId>,
}

/// What has been found out about somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Not all who may know have answered.
    Looking,
    /// He is linked to these supernodes, to which we are linked too.
    At(Vec<(NodeId, LinkId)>),
    /// Nobody has seen him.
    Nowhere,
}

impl Client {
    /// Keeps us linked to those who tell others where we are, and goes on looking for those we look for.
    pub(super) fn keep_found(&mut self, now: Now) {
        if !self.is_listed || self.end.is_some() || !self.links.has_node() {
            return;
        }
        let own = self.found_at(&self.me, self.persons.moved);
        if own != self.persons.over {
            self.persons.said.clear();
            self.persons.over.clone_from(&own);
        }
        for node in own {
            if let Some(link) = self.ready_link(now, node)
                && self.persons.said.insert(link)
            {
                let over = self.persons.over.clone();
                let whereabouts = Whereabouts::signed(&*self.seal, now.wall, over);
                let whereabouts = Box::new(whereabouts);
                self.act.send(link, Message::Here { whereabouts });
            }
        }
        let sought: Vec<_> = self.persons.quests.keys().copied().collect();
        for person in sought {
            self.go_on_looking(now, person);
        }
    }

    fn go_on_looking(&mut self, now: Now, person: NodeId) {
        let Some(quest) = self.persons.quests.get(&person) else {
            return;
        };
        let nodes = self.found_at(&person, quest.moved);
        for node in &nodes {
            let Some(link) = self.ready_link(now, *node) else {
                continue;
            };
            let Some(quest) = self.persons.quests.get_mut(&person) else {
                return;
            };
            let is_asked =
                |(asked, at): &(LinkId, Mono)| *asked == link && now.mono < *at + SEEK_INTERVAL;
            if !quest.asked.get(node).is_some_and(is_asked) {
                quest.asked.insert(*node, (link, now.mono));
                self.act.send(link, Message::Seek { person });
            }
        }
        if let Some(quest) = self.persons.quests.get_mut(&person) {
            quest.asked.retain(|node, _| nodes.contains(node));
            quest.answers.retain(|node, _| nodes.contains(node));
        }
    }

    /// Those who are to know a person, the closest first.
    fn found_at(&self, person: &NodeId, moved: Option<NodeId>) -> Vec<NodeId> {
        let around = self.table.ring().around(Point::of_person(person), FOUND_AT);
        let mut nodes: Vec<_> = around.collect();
        if let Some(moved) = moved.filter(|moved| !nodes.contains(moved)) {
            nodes.insert(0, moved);
            nodes.truncate(FOUND_AT);
        }
        nodes
    }

    /// An open link to a supernode; it is dialled if there is none.
    fn ready_link(&mut self, now: Now, node: NodeId) -> Option<LinkId> {
        let link = self.links.to_node(&node);
        if link.is_none() {
            self.dial_node(now, node);
        }
        link.filter(|link| self.links.get(*link).is_some_and(|link| link.is_open))
    }

    /// Looks for somebody from here on.
    pub(super) fn look_for(&mut self, now: Now, person: NodeId) {
        self.persons.quests.entry(person).or_default();
        self.go_on_looking(now, person);
    }

    pub(super) fn stop_looking(&mut self, person: &NodeId) {
        self.persons.quests.remove(person);
    }

    pub(super) fn is_looking_for_somebody(&self) -> bool {
        !self.persons.quests.is_empty()
    }

    /// Who is looked for.
    pub(super) fn sought_after(&self) -> Vec<NodeId> {
        self.persons.quests.keys().copied().collect()
    }

    /// A supernode tells of somebody; what it says of whom we do not look for any more is of no use.
    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn sought(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        person: NodeId,
        standing: Whether,
        whereabouts: Option<&Whereabouts>,
        ask: Option<NodeId>,
    ) {
        let is_his = |told: &Whereabouts| told.person == person && told.is_genuine(&*self.seal);
        let is_backed = match standing {
            Whether::Here { .. } => whereabouts.is_some_and(is_his),
            Whether::Gone { .. } | Whether::Unknown => true,
        };
        if !is_backed {
            return self.close(now, link, Reason::BadSignature);
        }
        if let Some(to) = ask.filter(|to| *to != from) {
            self.sent_to(now, link, person, to);
        }
        if let Some(quest) = self.persons.quests.get_mut(&person)
            && quest.asked.contains_key(&from)
        {
            quest.answers.insert(from, standing);
        }
    }

    /// Our table is old: another supernode is responsible for somebody, or for us.
    fn sent_to(&mut self, now: Now, link: LinkId, person: NodeId, to: NodeId) {
        if self.table.get(&to).is_none() {
            let digest = self.table.digest();
            return self.act.send(link, Message::TableWanted { digest });
        }
        // Of two that send us to each other the first is believed, until its link ends.
        if person == self.me {
            self.persons.moved.get_or_insert(to);
        } else if let Some(quest) = self.persons.quests.get_mut(&person) {
            quest.moved.get_or_insert(to);
        }
        if self.links.to_node(&to).is_none() {
            self.dial_again(now, to);
        }
    }

    /// He was not there where this supernode said that he is: it is asked again.
    pub(super) fn was_not_at(&mut self, person: &NodeId, node: &NodeId) {
        if let Some(quest) = self.persons.quests.get_mut(person) {
            quest.asked.remove(node);
            quest.answers.remove(node);
        }
    }

    /// What the supernodes have said of somebody, the best of it; none before any has.
    pub(super) fn standing_of(&self, person: &NodeId) -> Option<Whether> {
        let quest = self.persons.quests.get(person)?;
        quest.answers.values().min().copied()
    }

    /// Where somebody is, as far as is known.
    pub(super) fn find(&self, person: &NodeId) -> Found {
        let Some(quest) = self.persons.quests.get(person) else {
            return Found::Looking;
        };
        let nodes = self.found_at(person, quest.moved);
        let is_here = |node: &NodeId| matches!(quest.answers.get(node), Some(Whether::Here { .. }));
        let at: Vec<_> = nodes
            .iter()
            .filter(|node| is_here(node))
            .filter_map(|node| Some((*node, self.links.to_node(node)?)))
            .collect();
        if !at.is_empty() {
            Found::At(at)
        } else if self.has_asked_all(person) {
            Found::Nowhere
        } else {
            Found::Looking
        }
    }

    /// Whether everybody has answered who may know somebody.
    pub(super) fn has_asked_all(&self, person: &NodeId) -> bool {
        let Some(quest) = self.persons.quests.get(person) else {
            return false;
        };
        let nodes = self.found_at(person, quest.moved);
        !nodes.is_empty() && nodes.iter().all(|node| quest.answers.contains_key(node))
    }

    /// A link to a supernode is gone, or says nothing: what was told over it may have changed.
    pub(super) fn person_unlinked(&mut self, link: LinkId, node: NodeId) {
        self.persons.said.remove(&link);
        if self.persons.moved == Some(node) {
            self.persons.moved = None;
        }
        for quest in self.persons.quests.values_mut() {
            if quest
                .asked
                .get(&node)
                .is_some_and(|(asked, _)| *asked == link)
            {
                quest.asked.remove(&node);
                quest.answers.remove(&node);
            }
            if quest.moved == Some(node) {
                quest.moved = None;
            }
        }
    }

    /// Links that are needed so that we are found, and find.
    pub(super) fn finding_links(&self) -> impl Iterator<Item = LinkId> {
        let own = self.persons.over.iter();
        let asked = self
            .persons
            .quests
            .values()
            .flat_map(|quest| quest.asked.keys());
        own.chain(asked).filter_map(|node| self.links.to_node(node))
    }

    /// When somebody is asked again.
    pub(super) fn finding_due(&self) -> impl Iterator<Item = Mono> {
        let asked = self.persons.quests.values();
        let asked = asked.flat_map(|quest| quest.asked.values());
        asked.map(|(_, at)| *at + SEEK_INTERVAL)
    }
}
