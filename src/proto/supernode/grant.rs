//! Who hosts: a group's next step, and the grant of its next epoch.

use super::wait::{Wait, Witnesses};
use super::{Context, Supernode, Told};
use crate::proto::id::{Epoch, GroupName, NodeId};
use crate::proto::limits::{ANSWER_WAIT, COUNT_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::time::Mono;
use crate::proto::wire::{Lease, Message};

impl Supernode {
    /// Takes a group's next step: ask the witnesses, wait for the host, grant, or tell who hosts.
    pub(super) fn decide(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        if held.heard().next().is_none() {
            held.wait = Wait::Nothing;
            return;
        }
        let is_sure = !held.is_remembered || mutant::is(Mutant::MemoryTrusted);
        let Some(lease) = held.lease.clone().filter(|_| is_sure) else {
            return self.ask(cx, group);
        };
        let host = held.registered.get(&lease.epoch.host);
        let host = host.filter(|host| !host.is_quiet && !host.is_stranger);
        let is_hosting =
            host.is_some_and(|host| host.is_hosting && host.epoch == Some(lease.epoch));
        // It knows the epoch and does not host, or has not been granted it by what it remembers: it has
        // restarted, perhaps with an old disk, and never resumes.
        let is_restarted = host.is_some_and(|host| {
            let knows = host.epoch == Some(lease.epoch);
            let is_granted = host.granted == Some(lease.epoch);
            knows && !host.is_hosting && !mutant::is(Mutant::EpochResumed)
                || !knows && !is_granted && !mutant::is(Mutant::OldDiskResumes)
        });
        if is_hosting {
            held.wait = Wait::Nothing;
            held.is_vacant = false;
            return self.tell(cx, group, &lease);
        }
        if is_restarted || held.is_vacant {
            return self.grant(cx, group, None);
        }
        if mutant::is(Mutant::NeverMetIsLost) && host.is_none() && held.wait == Wait::Nothing {
            return self.grant(cx, group, Some(lease.epoch.host));
        }
        match held.wait {
            Wait::Back { since, from } if cx.now >= from => {
                return self.succeed(cx, group, lease.epoch.host, since);
            }
            Wait::Host { since } if cx.now >= held.host_until(since) => {
                return self.grant(cx, group, Some(lease.epoch.host));
            }
            Wait::Back { .. } | Wait::Host { .. } => {}
            Wait::Nothing | Wait::Witnesses(_) => held.wait = Wait::Host { since: cx.now },
        }
        self.tell(cx, group, &lease);
    }

    /// Grants to the next in line who has answered since the host is missed; the first of them is waited for a
    /// little, and if nobody answers it is us who hear nothing.
    pub(super) fn succeed(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        host: NodeId,
        since: Mono,
    ) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let candidates = held.candidates(Some(host));
        let first = candidates.iter().position(|(_, member)| member.at >= since);
        let is_over = cx.now >= since + ANSWER_WAIT;
        match first {
            Some(0) => self.grant(cx, group, Some(host)),
            Some(first) if is_over => {
                let heir = candidates[first].0;
                self.grant_to(cx, group, heir);
            }
            None if is_over => held.ask_candidates(cx, group, cx.now),
            Some(_) | None => {}
        }
    }

    /// Asks the witnesses what they know of a group that we do not know, or know only from before our start: another
    /// supernode may have granted since, to somebody whose disk has forgotten it too. A group that nobody knows is
    /// born.
    fn ask(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let mut witnesses = match std::mem::take(&mut held.wait) {
            Wait::Witnesses(witnesses) => witnesses,
            Wait::Nothing | Wait::Back { .. } | Wait::Host { .. } => Witnesses::of(cx, group),
        };
        let is_asking = witnesses.ask(cx, group);
        held.wait = Wait::Witnesses(witnesses);
        if is_asking {
            return;
        }
        held.is_remembered = false;
        if held.lease.is_none() {
            self.grant(cx, group, None);
        } else {
            held.wait = Wait::Nothing;
            self.decide(cx, group);
        }
    }

    /// The host leaves: its successor is granted at once, or when we know what the last epoch is.
    pub(super) fn vacate(&mut self, cx: &mut Context<'_>, group: &GroupName, host: NodeId) {
        match self.held.get_mut(group) {
            Some(held) if matches!(held.wait, Wait::Witnesses(_)) => held.is_vacant = true,
            Some(_) => self.grant(cx, group, Some(host)),
            None => {}
        }
    }

    /// Grants the next epoch to the first in line that is registered.
    pub(super) fn grant(&mut self, cx: &mut Context<'_>, group: &GroupName, but: Option<NodeId>) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        if let Some((host, _)) = held.candidates(but).first() {
            let host = *host;
            return self.grant_to(cx, group, host);
        }
        held.wait = Wait::Nothing;
        // A quiet host has not gone for good.
        held.is_vacant = but.is_some_and(|host| !held.registered.contains_key(&host));
    }

    pub(super) fn grant_to(&mut self, cx: &mut Context<'_>, group: &GroupName, host: NodeId) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let number = held.lease.as_ref().map_or(0, |lease| lease.epoch.number) + 1;
        // Only somebody who lies gets there, and nobody could be told of a higher one.
        if number > COUNT_MAX {
            return;
        }
        let is_seen = matches!(&held.wait, Wait::Witnesses(asked) if asked.is_answered);
        let offer = held
            .registered
            .get(&host)
            .and_then(|host| host.shown.clone())
            .filter(|_| held.birth.charter.is_none());
        if offer.is_none() && held.birth.charter.is_none() {
            // Nobody creates a group without a charter: it waits for somebody who was in it.
            held.wait = Wait::Nothing;
            return;
        }
        if let Some(offer) = offer {
            self.found(cx, group, offer, is_seen);
        }
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        held.is_vacant = false;
        held.has_granted = true;
        self.done.leases += 1;
        let before = held.lease.as_ref().map(|lease| lease.epoch.host);
        self.done.successions += u64::from(before.is_some_and(|before| before != host));
        let (epoch, charter) = (Epoch { number, host }, held.birth.charter.as_ref());
        let lease = Lease::granted(cx.seal, group.clone(), epoch, charter);
        held.lease = Some(lease.clone());
        if let Some(registered) = held.registered.get_mut(&host) {
            registered.granted = Some(lease.epoch);
        }
        held.wait = Wait::Host { since: cx.now };
        held.keep.changed();
        self.write_record(cx, group);
        self.tell(cx, group, &lease);
        self.push_record(cx, group);
    }

    /// Tells the lease to everybody registered who has not been told or does not know it.
    pub(super) fn tell(&mut self, cx: &mut Context<'_>, group: &GroupName, lease: &Lease) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let mut links = Vec::new();
        for registered in held.registered.values_mut() {
            let told = Told::of(lease, held.birth.charter.as_ref());
            let is_early = registered.is_stranger && held.birth.is_open();
            if registered.told.as_ref() != Some(&told) && !is_early {
                registered.told = Some(told);
                links.push(registered.link);
            }
        }
        cx.act.send_all(
            links,
            Message::HostIs {
                lease: lease.clone(),
                charter: held.birth.charter.clone().map(Box::new),
            },
        );
    }
}
