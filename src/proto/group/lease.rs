//! Obeying leases: whoever the highest one names hosts, everybody else follows.

use std::time::Duration;

use super::follow::Follow;
use super::{Context, Group, Intent, Phase};
use crate::proto::event::Event;
use crate::proto::id::NodeId;
use crate::proto::limits::{LAST_WORD_LEAST, LAST_WORD_WAIT};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{Kind, LinkId};
use crate::proto::saved::Write;
use crate::proto::wire::{Lease, Message};

impl Group {
    /// Takes a lease somebody showed us: obeys it if it is the highest we have seen, hosts if it names us.
    /// A lease that no known supernode signed is passed over, and so is one that makes us host by the word of a
    /// member: an earlier run of ours may have hosted under it, and our disk not know. A supernode tells us of
    /// none that it has not granted to this run.
    pub(crate) fn learn(&mut self, cx: &mut Context<'_>, lease: &Lease, teller: Kind) {
        let may_resume = mutant::is(Mutant::EpochResumed);
        if teller == Kind::Peer && lease.epoch.host == cx.me && !may_resume {
            return;
        }
        let is_news = self.lease.as_ref().is_none_or(|known| {
            let is_other = lease.epoch != known.epoch;
            lease.epoch > known.epoch || is_other && mutant::is(Mutant::LowerEpochObeyed)
        });
        let is_known = self
            .lease
            .as_ref()
            .is_some_and(|known| known.epoch == lease.epoch);
        let is_to_start = is_known
            && matches!(self.phase, Phase::Finding)
            && self.barred.is_none_or(|barred| {
                lease.epoch > barred || lease.epoch.host != cx.me || may_resume
            });
        if !(is_news || is_to_start)
            || self.is_unproven()
            || !cx.table.is_supernode(&lease.by)
            || !lease.is_of(self.charter())
            || !lease.is_genuine(cx.seal)
        {
            return;
        }
        if is_news {
            self.lease = Some(lease.clone());
            self.lease_write = Some(cx.act.write(vec![Write::Group {
                group: self.name.clone(),
                joined: self.is_joined,
                lease: Some(lease.clone()),
            }]));
        }
        self.obey(cx, lease);
    }

    pub(super) fn obey(&mut self, cx: &mut Context<'_>, lease: &Lease) {
        self.was_served(cx.now.mono);
        match std::mem::replace(&mut self.phase, Phase::Finding) {
            Phase::Hosting(host) => {
                host.step_down(cx, lease);
                self.miss(cx, cx.now.mono, cx.me);
            }
            Phase::Following(follow) => {
                let host = follow.host();
                if let Some(link) = follow.link().filter(|_| host != lease.epoch.host) {
                    // It steps down, if it has not yet, and says so to all who follow it: its last word.
                    let lease = lease.clone();
                    cx.act.send(link, Message::Not { lease });
                    if self.outbox.is_under_way() && !follow.is_missed {
                        let rtt_ms = cx.links.get(link).map_or(0, |link| link.rtt_ms);
                        let wait = LAST_WORD_LEAST + Duration::from_millis(3 * rtt_ms.min(1_000));
                        let wait = wait.min(LAST_WORD_WAIT);
                        self.last_word = Some((link, cx.now.mono + wait));
                    }
                }
                self.miss(cx, cx.now.mono, host);
            }
            Phase::Finding => {}
        }
        self.registration.again = cx.now.mono;
        if matches!(
            self.intent,
            Intent::Leave {
                is_supernode_told: true,
                ..
            }
        ) {
            self.intent = Intent::Left;
        } else if lease.epoch.host == cx.me {
            self.host(cx, lease.clone());
        } else {
            self.phase = Phase::Following(Follow::new(lease.epoch));
            self.warn_of_banned(cx, lease.epoch.host);
            self.pursue(cx);
        }
        self.are_members_dirty = true;
    }

    /// Whoever is made host has to be obeyed, or the group would be in two: it may not know yet that it was put out, and
    /// leaves when it hears of that from us. A supernode that means harm names one who stays.
    fn warn_of_banned(&self, cx: &mut Context<'_>, host: NodeId) {
        if !self.roster.rights().is_banned(&host, None) {
            return;
        }
        let nick = self.roster.nick(&host);
        let text = format!(
            "{nick}, who is banned from {}, was made its host by a supernode, and reads what is said until the next one",
            self.name
        );
        let group = Some(self.name.clone());
        cx.act.tell(Event::Notice { group, text });
    }

    /// The lease is on disk, or the disk will not take it: what waited for that is placed.
    pub(super) fn take_office(&mut self, cx: &mut Context<'_>) {
        self.lease_write = None;
        if self.has_left() {
            return;
        }
        if let Phase::Hosting(host) = &self.phase {
            let followers: Vec<_> = host.followers.keys().copied().collect();
            self.place_own(cx);
            for id in followers {
                self.serve(cx, id);
            }
        }
        self.go(cx);
    }

    /// A link says no more of this group: its end has stepped down, or it is gone.
    pub(crate) fn fell_silent(&mut self, cx: &mut Context<'_>, link: LinkId) {
        if self.last_word.is_some_and(|(awaited, _)| awaited == link) {
            self.last_word = None;
            self.put(cx);
        }
    }

    /// Says that we are in, or that the handover is over.
    pub(super) fn arrive(&mut self, cx: &mut Context<'_>) {
        let Some(epoch) = self.lease.as_ref().map(|lease| lease.epoch) else {
            return;
        };
        if !self.roster.contains(&cx.me) {
            return;
        }
        let group = self.name.clone();
        let missed = self.missed.take();
        let told = self.told_epoch.replace(epoch);
        if !self.is_told {
            self.is_told = true;
            self.is_member = true;
            let members = self.members(cx);
            cx.act.tell(Event::Joined {
                group,
                host: epoch.host,
                epoch,
                members,
            });
        } else if told != Some(epoch) {
            let since = missed.map_or(cx.now.mono, |missed| missed.since);
            let took = cx.now.mono - since;
            let lost = self.reckon();
            cx.act.tell(Event::Host {
                group,
                host: epoch.host,
                nick: Some(self.roster.nick(&epoch.host)),
                epoch,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                before: missed.and_then(|missed| self.before(&missed)),
                lost,
            });
        } else if missed.is_some() {
            let (host, is_held) = (epoch.host, true);
            cx.act.tell(Event::Contact {
                group,
                host,
                is_held,
            });
        }
        self.are_members_dirty = true;
    }
}
