//! What supernodes tell each other of groups: records, and the handing over of a group to who is responsible for it.

use std::time::Duration;

use super::wait::Wait;
use super::{Context, HELD_MAX, Held, SILENT, Supernode};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{
    HANDOFF_PAUSE, HANDOFF_PAUSE_JITTER_MS, HANDOFF_SPREAD_MS, HANDOFFS_AT_ONCE,
};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::wire::{GroupRecord, Message};

impl Supernode {
    /// Somebody asks what we know of a group. If it is to go to who asks, it goes now: somebody is there for it.
    pub(crate) fn query(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        group: GroupName,
    ) {
        if self.leaving.contains(&group) && cx.responsible(&group) == Some(from) {
            self.leaving.remove(&group);
            self.hand_over(cx, &group);
        }
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
        for (group, held) in self.held.iter() {
            let silent = held
                .heard()
                .filter(|(_, member)| cx.now - member.at > SILENT);
            let links = silent.map(|(_, member)| member.link).collect();
            let group = group.clone();
            cx.act.send_all(links, Message::Query { group });
        }
    }

    /// Looks for groups that another supernode is responsible for, to hand them over, and after the records.
    pub(crate) fn check(&mut self, cx: &mut Context<'_>) {
        self.ask_silent(cx);
        let held = self.held.iter();
        let live = held.filter(|(_, held)| !held.registered.is_empty());
        let of_others = live.filter_map(|(group, _)| {
            let to = cx.responsible(group).filter(|to| *to != cx.me)?;
            Some((to, group.clone()))
        });
        // To a supernode that the mesh does not reach from here yet nothing can be handed.
        self.leaving = of_others.map(|(_, group)| group).collect();
        if mutant::is(Mutant::GroupsKept) {
            self.leaving.clear();
        }
        if !self.leaving.is_empty() && self.leaving_due.is_none() {
            let mut jitter = cx.act.jitter(HANDOFF_SPREAD_MS);
            if mutant::is(Mutant::HandedOverTogether) {
                jitter = 0;
            }
            self.leaving_due = Some(cx.now + Duration::from_millis(jitter));
        }
        self.keep(cx);
    }

    /// Hands over some of the groups that are to go, if it is time: who comes back to thousands of groups gets them
    /// one handful after the other, and so do those who kept them for it.
    pub(super) fn hand_some_over(&mut self, cx: &mut Context<'_>) {
        if self.leaving_due.is_none_or(|due| cx.now < due) {
            return;
        }
        let at_once = if mutant::is(Mutant::HandedOverAtOnce) {
            usize::MAX
        } else {
            HANDOFFS_AT_ONCE
        };
        for _ in 0..at_once {
            let Some(group) = self.leaving.pop_first() else {
                break;
            };
            self.hand_over(cx, &group);
        }
        let pause = HANDOFF_PAUSE + Duration::from_millis(cx.act.jitter(HANDOFF_PAUSE_JITTER_MS));
        self.leaving_due = (!self.leaving.is_empty()).then_some(cx.now + pause);
    }

    /// Hands over everything at once: we end, and nobody asks us again.
    pub(crate) fn hand_all_over(&mut self, cx: &mut Context<'_>) {
        for group in self.held.keys().cloned().collect::<Vec<_>>() {
            self.hand_over(cx, &group);
        }
    }

    /// Hands a group and the members in it to who is responsible for it, if that is not us.
    fn hand_over(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let is_live = |held: &&mut Held| !held.registered.is_empty();
        if self.held.get_mut(group).filter(is_live).is_none() {
            return;
        }
        let Some(to) = cx.responsible(group).filter(|to| *to != cx.me) else {
            return;
        };
        self.pass_on(cx, group, to);
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        held.wait = Wait::Nothing;
        for registered in std::mem::take(&mut held.registered).into_values() {
            let moved = Message::Moved {
                group: group.clone(),
                to,
            };
            cx.act.send(registered.link, moved);
            if let Some(groups) = self.by_link.get_mut(&registered.link) {
                groups.remove(group);
            }
        }
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
