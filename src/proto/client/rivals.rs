//! Two groups of one name: what a client does when its supernode tells it that another group has the name.
//!
//! One supernode's word is not enough to give up a name, since who wants one can put itself next to it on the ring.
//! Another holder of the group's record has to say the same; until then we stay as we are, and the talk goes on.

use super::Client;
use crate::proto::event::Event;
use crate::proto::group::{Bearing, Group};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::REGISTER_INTERVAL;
use crate::proto::ring::Point;
use crate::proto::role::{Kind, LinkId};
use crate::proto::saved::Write;
use crate::proto::seal::Hash;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Charter, GroupRecord, Lease, Message};

/// A name that is said to belong to another group.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    /// The other group's charter.
    rival: Hash,
    /// Who says so.
    by: NodeId,
    /// When to ask again.
    again: Mono,
}

impl Client {
    /// A supernode tells who hosts.
    pub(super) fn host_is(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        lease: &Lease,
        charter: Option<Box<Charter>>,
    ) {
        let name = lease.group.clone();
        if self.is_false(lease, charter.as_deref()) {
            return self.caught(now, link, from, &name);
        }
        if self.is_sure(now, link, from, lease, charter.as_deref()) {
            self.told_host(now, link, from, lease, charter);
        } else {
            self.in_group(now, &name, |group, _| group.registration.found(link));
        }
    }

    /// Takes a supernode's word of who hosts, which nothing speaks against.
    pub(super) fn told_host(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        lease: &Lease,
        charter: Option<Box<Charter>>,
    ) {
        let name = lease.group.clone();
        let mut bearing = Bearing::Ours;
        self.in_group(now, &name, |group, _| group.registration.found(link));
        if let Some(charter) = &charter {
            self.in_group(now, &name, |group, cx| {
                bearing = group.told_charter(cx, link, charter);
            });
            self.prove(now, &name, charter);
        }
        match (bearing, charter) {
            (Bearing::Ours, _) => {
                self.doubts.remove(&name);
                self.lease(now, lease, Kind::Mesh);
            }
            (Bearing::Rival, Some(charter)) => {
                let doubt = Doubt {
                    rival: charter.hash(),
                    by: from,
                    again: now.mono,
                };
                self.doubts.entry(name).or_insert(doubt);
                self.ask_others(now);
            }
            (Bearing::Rival, None) | (Bearing::Another, _) => {}
        }
    }

    /// Another holder answers which charter it has.
    pub(super) fn known(
        &mut self,
        now: Now,
        from: NodeId,
        name: &GroupName,
        record: Option<Box<GroupRecord>>,
    ) {
        let charter = record.and_then(|record| record.charter);
        let is_said_too = self.doubts.get(name).is_some_and(|doubt| {
            let hash = charter.as_ref().map(Charter::hash);
            doubt.by != from && hash == Some(doubt.rival)
        });
        if is_said_too && self.others(name).contains(&from) {
            self.give_way(now, name);
        }
    }

    /// Asks another holder of the record of each group whose name is in doubt.
    pub(super) fn ask_others(&mut self, now: Now) {
        let due: Vec<_> = self
            .doubts
            .iter()
            .filter(|(_, doubt)| now.mono >= doubt.again)
            .map(|(name, doubt)| (name.clone(), doubt.by))
            .collect();
        for (name, by) in due {
            if self.groups.get(&name).is_none_or(Group::has_left) {
                self.doubts.remove(&name);
                continue;
            }
            let others = self.others(&name);
            let Some(other) = others.into_iter().find(|other| *other != by) else {
                // There is one supernode in all.
                self.give_way(now, &name);
                continue;
            };
            let link = self.links.to_node(&other);
            if let Some(link) = link.filter(|link| self.links.get(*link).is_some_and(|l| l.is_open))
            {
                let group = name.clone();
                self.act.send(link, Message::Query { group });
                if let Some(doubt) = self.doubts.get_mut(&name) {
                    doubt.again = now.mono + REGISTER_INTERVAL;
                }
            } else if link.is_none() {
                self.dial_node(now, other);
            }
        }
    }

    /// Who else holds the record of a group: the opposite supernode, as the most independent, first.
    pub(super) fn others(&self, name: &GroupName) -> Vec<NodeId> {
        let (ring, point) = (self.table.ring(), Point::of_group(name));
        let three = [
            ring.opposite(point),
            ring.second(point),
            ring.responsible(point),
        ];
        three.into_iter().flatten().collect()
    }

    /// Links that a doubt needs.
    pub(super) fn doubted_links(&self) -> impl Iterator<Item = LinkId> {
        let others = self.doubts.iter().filter_map(|(name, doubt)| {
            let others = self.others(name);
            others.into_iter().find(|other| *other != doubt.by)
        });
        others.filter_map(|other| self.links.to_node(&other))
    }

    pub(super) fn doubts_due(&self) -> Option<Mono> {
        self.doubts.values().map(|doubt| doubt.again).min()
    }

    /// Leaves the name to the other group.
    fn give_way(&mut self, now: Now, name: &GroupName) {
        self.doubts.remove(name);
        let charter = self.groups.get(name).and_then(|group| group.charter());
        let Some(to) = charter.map(|charter| name.tagged(&charter.hash())) else {
            return;
        };
        if to == *name {
            return self.act.tell(Event::Error {
                group: Some(name.clone()),
                what: format!("cannot stay in {name}"),
                why: "another group has the name, and the same tag".to_owned(),
                try_: "found it anew under another name".to_owned(),
            });
        }
        self.move_group(now, name, to);
    }

    /// Lets a group go by another name, here and on disk.
    pub(super) fn move_group(&mut self, now: Now, name: &GroupName, to: GroupName) {
        if self.groups.contains_key(&to) {
            return;
        }
        let Some(group) = self.groups.remove(name) else {
            return;
        };
        self.groups.insert(to.clone(), group);
        let moved = to.clone();
        self.in_any_group(now, &to, |group, cx| group.renamed(cx, moved));
        self.act.write(vec![Write::Rename {
            group: name.clone(),
            to: to.clone(),
        }]);
        self.act.tell(Event::Renamed {
            group: name.clone(),
            to,
        });
    }

    /// Somebody joins a group by the name it has since it lost its first: if it is one that we know under that,
    /// it goes by the other from here on.
    pub(super) fn join_tagged(&mut self, now: Now, name: &GroupName) {
        let bare = name.bare();
        let charter = self.groups.get(&bare).and_then(|group| group.charter());
        if name.tag().is_some() && charter.is_some_and(|charter| charter.is_for(name)) {
            self.move_group(now, &bare, name.clone());
        } else if name.tag().is_some() && !self.groups.contains_key(name) {
            self.act.tell(Event::Notice {
                group: None,
                text: format!("{name} is opened by those who were in it: waiting for one of them"),
            });
        }
    }
}
