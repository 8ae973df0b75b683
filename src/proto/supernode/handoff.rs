//! What supernodes tell each other of groups: records, and the handing over of a group to who is responsible for it.

use super::wait::Wait;
use super::{Context, HELD_MAX, SILENT, Supernode};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::role::LinkId;
use crate::proto::wire::{GroupRecord, Message};

impl Supernode {
    /// Somebody asks what we know of a group.
    pub(crate) fn query(&mut self, cx: &mut Context<'_>, link: LinkId, group: GroupName) {
        let record = self.record(cx, &group).map(Box::new);
        cx.act.send(link, Message::Known { group, record });
    }

    /// Another supernode answers what we asked, or says what it was not asked.
    pub(crate) fn known(
        &mut self,
        cx: &mut Context<'_>,
        from: NodeId,
        group: &GroupName,
        record: Option<&GroupRecord>,
    ) {
        if let Some(record) = record.filter(|record| record.lease.group == *group) {
            self.hear(cx, from, record);
        }
        let wait = self.held.get_mut(group).map(|held| &mut held.wait);
        if let Some(Wait::Witnesses(witnesses)) = wait {
            witnesses.is_answered |= witnesses.asked.remove(&from);
            self.decide(cx, group);
        }
        self.has_voted(cx, group, from, true);
    }

    /// Another supernode hands a group's record to us.
    pub(crate) fn transferred(&mut self, cx: &mut Context<'_>, from: NodeId, record: &GroupRecord) {
        self.hear(cx, from, record);
        self.is_kept_by(cx, from, record);
        self.decide(cx, &record.lease.group);
    }

    pub(super) fn hear(&mut self, cx: &mut Context<'_>, from: NodeId, record: &GroupRecord) {
        let group = &record.lease.group;
        let is_room = self.held.len() < HELD_MAX || self.held.contains_key(group);
        if !is_room || record.is_outdated() || !record.lease.is_genuine(cx.seal) {
            return;
        }
        let is_new = !self.held.contains_key(group);
        let is_same = self.told_of(cx, from, group, record);
        let charter = self
            .held
            .get(group)
            .and_then(|held| held.birth.charter.as_ref());
        let is_its = is_same && record.lease.is_of(charter);
        if is_its && self.is_credible(cx, group, &record.lease) {
            self.note(cx, group, Some(record.lease.clone()), &record.roster);
        }
        if is_new && let Some(held) = self.held.get_mut(group) {
            held.keep.learned(record.quiet_ms, cx.now);
        }
    }

    /// Asks those who have not registered for long whether they are still in their groups: they may have left
    /// while they did not reach us.
    pub(super) fn ask_silent(&self, cx: &mut Context<'_>) {
        for (group, held) in &self.held {
            let silent = held
                .heard()
                .filter(|(_, member)| cx.now - member.at > SILENT);
            let links = silent.map(|(_, member)| member.link).collect();
            let group = group.clone();
            cx.act.send_all(links, Message::Query { group });
        }
    }

    /// Hands over every group that another supernode is responsible for.
    pub(crate) fn check(&mut self, cx: &mut Context<'_>) {
        let held = self
            .held
            .iter()
            .filter(|(_, held)| !held.registered.is_empty());
        let held: Vec<_> = held.map(|(group, _)| group.clone()).collect();
        self.ask_silent(cx);
        for group in held {
            let Some(to) = cx.responsible(&group).filter(|to| *to != cx.me) else {
                continue;
            };
            self.pass_on(cx, &group, to);
            let Some(held) = self.held.get_mut(&group) else {
                continue;
            };
            held.wait = Wait::Nothing;
            for registered in std::mem::take(&mut held.registered).into_values() {
                cx.act.send(
                    registered.link,
                    Message::Moved {
                        group: group.clone(),
                        to,
                    },
                );
                if let Some(groups) = self.by_link.get_mut(&registered.link) {
                    groups.remove(&group);
                }
            }
        }
        self.keep(cx);
    }

    pub(super) fn pass_on(&mut self, cx: &mut Context<'_>, group: &GroupName, to: NodeId) {
        if let Some(link) = cx.links.to_node(&to)
            && let Some(record) = self.record(cx, group)
        {
            let record = Box::new(record);
            cx.act.send(link, Message::Transfer { record });
            self.done.handoffs += 1;
        }
    }
}
