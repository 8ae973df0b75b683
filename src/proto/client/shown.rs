//! Who may know where we are: those with whom we share a group, and those to whom we have spoken in private.
//!
//! A stranger who begins a talk is heard through a supernode, and learns no address of ours before he is answered.

use super::{Client, Talk};
use crate::proto::group::Group;
use crate::proto::id::NodeId;
use crate::proto::links::Links;
use crate::proto::mutant::{self, Mutant};

impl Client {
    /// There is a link to somebody, who knows nothing of us by it.
    pub(super) fn hides_from(&mut self, person: NodeId) {
        self.hidden_from.insert(person);
        self.show_if_met(person);
    }

    /// Shows ourselves to somebody whom we have met by now.
    pub(super) fn show_if_met(&mut self, person: NodeId) {
        if self.hidden_from.contains(&person) && self.has_met(&person) {
            self.hidden_from.remove(&person);
            self.act.show(person);
        }
    }

    /// The same for everybody.
    pub(super) fn show_to_met(&mut self) {
        for person in self.hidden_from.clone() {
            self.show_if_met(person);
        }
    }

    /// A link to somebody is gone.
    pub(super) fn forget_hidden(&mut self, person: &NodeId) {
        if !is_linked(&self.links, person) {
            self.hidden_from.remove(person);
        }
    }

    fn has_met(&self, person: &NodeId) -> bool {
        if mutant::is(Mutant::ShownToStrangers) {
            return true;
        }
        let mut groups = self.groups.values().filter(|group| !group.has_left());
        let shares = |group: &Group| group.is_known(person) || group.peers().contains(person);
        let is_answered = |talk: &Talk| talk.is_answered(&self.me);
        groups.any(shares)
            || (!self.ignored.contains(person) && self.talks.get(person).is_some_and(is_answered))
    }
}

fn is_linked(links: &Links, person: &NodeId) -> bool {
    links.peer_links().any(|(_, peer)| peer == *person)
}
