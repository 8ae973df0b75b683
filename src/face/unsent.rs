//! Our own lines that are not safe yet, for a face that keeps no log: which still wait, and which came to nothing.

use std::collections::{BTreeMap, VecDeque};

use crate::proto::command::Command;
use crate::proto::event::{Event, What};
use crate::proto::id::{EntryId, GroupName};

/// Lines that came to nothing and are remembered, so that they can be said again.
const FAILED_MAX: usize = 100;

/// A line of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) group: GroupName,
    pub(super) id: EntryId,
    pub(super) what: What,
}

/// How far a line has come that is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// It waits, and its author does not want it any more.
    Unwanted,
    Placed,
}

/// The lines of this life, and those that still waited from the last.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    /// Not confirmed yet.
    open: BTreeMap<(GroupName, EntryId), (Own, State)>,
    /// Oldest first.
    failed: VecDeque<Own>,
    /// Lines that were typed and that the client has not taken up yet.
    typed: usize,
}

impl Unsent {
    pub(super) fn asked(&mut self, command: &Command) {
        match command {
            Command::Say { .. }
            | Command::Act { .. }
            | Command::Invite { who: Some(_), .. }
            | Command::Query { text: Some(_), .. } => {
                self.typed += 1;
            }
            Command::Join { .. }
            | Command::Accept { .. }
            | Command::Invite { who: None, .. }
            | Command::Part { .. }
            | Command::Drop { .. }
            | Command::Topic { .. }
            | Command::Rule { .. }
            | Command::Nick { .. }
            | Command::Names { .. }
            | Command::Reach { .. }
            | Command::Query { text: None, .. }
            | Command::Rules { .. }
            | Command::Whois { .. }
            | Command::Verify { .. }
            | Command::Away { .. }
            | Command::Chart { .. }
            | Command::Ignore { .. }
            | Command::History { .. }
            | Command::Past(_)
            | Command::Quit { .. } => {}
        }
    }

    fn rename(&mut self, group: &GroupName, to: &GroupName) {
        for own in &mut self.failed {
            if own.group == *group {
                own.group = to.clone();
            }
        }
        let of_it = self.open.keys().filter(|(of, _)| of == group);
        for key in of_it.cloned().collect::<Vec<_>>() {
            if let Some((own, state)) = self.open.remove(&key) {
                let own = Own {
                    group: to.clone(),
                    ..own
                };
                self.open.insert((to.clone(), key.1), (own, state));
            }
        }
    }

    pub(super) fn heard(&mut self, event: &Event) {
        match event {
            Event::Sent {
                group, id, what, ..
            } => {
                self.typed = self.typed.saturating_sub(1);
                let own = Own {
                    group: group.clone(),
                    id: *id,
                    what: what.clone(),
                };
                self.open
                    .insert((group.clone(), *id), (own, State::Waiting));
            }
            Event::Entry(line) if line.own => {
                if let Some((_, state)) = self.open.get_mut(&(line.group.clone(), line.id)) {
                    *state = State::Placed;
                }
            }
            Event::Confirmed { group, id, .. } => {
                self.open.remove(&(group.clone(), *id));
            }
            Event::Failed { group, id, .. } => {
                match self.open.remove(&(group.clone(), *id)) {
                    Some((own, State::Waiting | State::Placed)) => self.failed.push_back(own),
                    Some((_, State::Unwanted)) | None => {}
                }
                if self.failed.len() > FAILED_MAX {
                    self.failed.pop_front();
                }
            }
            // A line that cannot be taken at all is answered so.
            Event::Error { .. } => self.typed = self.typed.saturating_sub(1),
            Event::Renamed { group, to } => self.rename(group, to),
            Event::Left { group } => self.open.retain(|(of, _), _| of != group),
            Event::Ready { .. }
            | Event::Opened { .. }
            | Event::Copied { .. }
            | Event::Joined { .. }
            | Event::Entry(_)
            | Event::Members { .. }
            | Event::Contact { .. }
            | Event::Waiting { .. }
            | Event::Host { .. }
            | Event::Responsible { .. }
            | Event::Role { .. }
            | Event::Path { .. }
            | Event::Mesh { .. }
            | Event::Merge { .. }
            | Event::History { .. }
            | Event::Past(_)
            | Event::Disk { .. }
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
            | Event::Bye => {}
        }
    }

    /// Lines that are neither confirmed nor failed.
    pub(super) fn count(&self) -> usize {
        self.typed + self.open.len()
    }

    /// The lines of a group that came to nothing, newest first.
    pub(super) fn failed(&self, group: &GroupName) -> Vec<Own> {
        let own = self.failed.iter().rev();
        own.filter(|own| own.group == *group).cloned().collect()
    }

    /// The lines of a group that have no place, newest first.
    pub(super) fn waiting(&self, group: &GroupName) -> Vec<Own> {
        let open = self.open.values().rev();
        open.filter(|(own, state)| own.group == *group && *state == State::Waiting)
            .map(|(own, _)| own.clone())
            .collect()
    }

    /// What a line says that came to nothing or waits.
    pub(super) fn what(&self, group: &GroupName, id: EntryId) -> Option<&What> {
        let is_it = |own: &&Own| own.id == id && own.group == *group;
        let open = self.open.get(&(group.clone(), id)).map(|(own, _)| own);
        let own = self.failed.iter().find(is_it).or(open);
        own.map(|own| &own.what)
    }

    /// A line that came to nothing is let go.
    pub(super) fn forget(&mut self, gone: &Own) {
        self.failed.retain(|own| own != gone);
    }

    /// A line that waits is not wanted any more.
    pub(super) fn unwant(&mut self, own: &Own) {
        if let Some((_, state)) = self.open.get_mut(&(own.group.clone(), own.id)) {
            *state = State::Unwanted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{NodeId, Number};
    use crate::proto::time::Wall;

    fn hearth() -> GroupName {
        GroupName::parse("#hearth").unwrap()
    }

    fn id(number: u64) -> EntryId {
        EntryId {
            author: NodeId([1; 32]),
            number: Number(number),
        }
    }

    fn say(unsent: &mut Unsent, number: u64) {
        let (group, text) = (hearth(), format!("line {number}"));
        unsent.asked(&Command::Say {
            group: group.clone(),
            text: text.clone(),
        });
        unsent.heard(&Event::Sent {
            group,
            id: id(number),
            at: Wall(0),
            what: What::Text(text),
        });
    }

    fn fail(unsent: &mut Unsent, number: u64) {
        unsent.heard(&Event::Failed {
            group: hearth(),
            id: id(number),
            why: "too fast".to_owned(),
        });
    }

    #[test]
    fn a_line_counts_until_it_is_confirmed_or_failed() {
        let mut unsent = Unsent::default();
        unsent.asked(&Command::Say {
            group: hearth(),
            text: "typed".to_owned(),
        });
        assert_eq!(unsent.count(), 1, "typed is not yet said");
        let mut unsent = Unsent::default();
        say(&mut unsent, 1);
        say(&mut unsent, 2);
        assert_eq!(unsent.count(), 2);
        fail(&mut unsent, 1);
        unsent.heard(&Event::Confirmed {
            group: hearth(),
            id: id(2),
            epoch: crate::proto::id::Epoch {
                number: 1,
                host: NodeId([1; 32]),
            },
            seq: 1,
            copies: 1,
        });
        assert_eq!(unsent.count(), 0);
        assert_eq!(unsent.failed(&hearth()).len(), 1);
    }

    #[test]
    fn failed_lines_are_newest_first_and_bounded_and_one_taken_back_is_gone() {
        let mut unsent = Unsent::default();
        for number in 1..=FAILED_MAX as u64 + 5 {
            say(&mut unsent, number);
            fail(&mut unsent, number);
        }
        let failed = unsent.failed(&hearth());
        assert_eq!(failed.len(), FAILED_MAX);
        assert_eq!(failed[0].id, id(FAILED_MAX as u64 + 5));
        say(&mut unsent, 900);
        let waiting = unsent.waiting(&hearth());
        unsent.unwant(&waiting[0]);
        fail(&mut unsent, 900);
        assert_eq!(unsent.failed(&hearth())[0], failed[0]);
    }
}
