//! What a supernode does for groups: it knows who hosts, grants leases, and hands a group over when another
//! supernode is responsible for it.
//!
//! All of it but the highest epoch is soft: rebuilt within seconds from what members register.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::actions::Actions;
use super::id::{Epoch, GroupName, NodeId};
use super::limits::{
    ANSWER_WAIT, COUNT_MAX, GROUPS_PER_LINK_MAX, HEIRS, HOST_LOST, REGISTER_INTERVAL, REHOST_WAIT,
    REHOST_WAIT_MISSED, WITNESS_WAIT,
};
use super::links::Links;
use super::mutant::{self, Mutant};
use super::ring::Point;
use super::role::LinkId;
use super::saved::Write;
use super::seal::Seal;
use super::table::Table;
use super::time::Mono;
use super::wire::{Lease, Message, Reason};

/// Groups held at once, living and remembered: some 30 MB.
const HELD_MAX: usize = 100_000;
/// How long after its last registration a member is asked whether it is still there: it repeats it sooner.
const SILENT: Duration = Duration::from_secs(3 * REGISTER_INTERVAL.as_secs());
/// Members of a group's succession that are kept: as many as a registration names.
const SUCCESSION_MAX: usize = 16;

/// The groups a supernode holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supernode {
    held: BTreeMap<GroupName, Held>,
    /// Which groups each link has registered.
    by_link: BTreeMap<LinkId, BTreeSet<GroupName>>,
    /// Grows with every registration, to remember who came first.
    arrivals: u64,
}

/// What is known of one group.
#[derive(Clone, Debug, Default)]
struct Held {
    lease: Option<Lease>,
    /// Members in join order, as the host told it last.
    roster: Vec<NodeId>,
    registered: BTreeMap<NodeId, Registered>,
    /// Whether the host said that it leaves when nobody was there to take over.
    is_vacant: bool,
    /// Whether we have granted an epoch of it.
    has_granted: bool,
    wait: Wait,
}

/// One member's registration.
#[derive(Clone, Debug)]
struct Registered {
    link: LinkId,
    arrival: u64,
    /// When it said so last.
    at: Mono,
    /// The epoch it says it knows, and whether it hosts under it.
    epoch: Option<Epoch>,
    is_hosting: bool,
    /// Whether it misses the epoch's host.
    is_missing_host: bool,
    /// Whether its link is quiet: it may come to itself, and is granted nothing until then.
    is_quiet: bool,
    /// The epoch it has been told.
    told: Option<Epoch>,
    /// The epoch it was granted over this link: by this run of it, and no other.
    granted: Option<Epoch>,
}

/// What a group waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Wait {
    #[default]
    Nothing,
    /// Nobody has said that the group exists; these have been asked.
    Witnesses {
        asked: BTreeSet<NodeId>,
        until: Mono,
    },
    /// The host, which was linked here, may come back, in any case until `from`. Those next in line were asked at
    /// `since` whether they are there.
    Back { since: Mono, from: Mono },
    /// The host, which was never linked here, may still show itself.
    Host { since: Mono },
}

impl Held {
    /// The members whose links are heard.
    fn heard(&self) -> impl Iterator<Item = (&NodeId, &Registered)> {
        let registered = self.registered.iter();
        registered.filter(|(_, registered)| !registered.is_quiet)
    }

    fn is_hosted_by(&self, id: &NodeId) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.epoch.host == *id)
    }

    fn is_due(&self, now: Mono) -> bool {
        match self.wait {
            Wait::Witnesses { until, .. } => now >= until,
            Wait::Back { from, .. } => now >= from,
            Wait::Host { since } => now >= self.host_until(since),
            Wait::Nothing => false,
        }
    }

    /// The host is missed: asks those next in line whether they are there. None is granted anything before `from`.
    fn ask_candidates(&mut self, cx: &mut Context<'_>, group: &GroupName, from: Mono) {
        let host = self.lease.as_ref().map(|lease| lease.epoch.host);
        let candidates = self.candidates(host);
        let links = candidates.iter().map(|(_, member)| member.link);
        let links = links.take(HEIRS + 1).collect();
        let group = group.clone();
        cx.act.send_all(links, Message::Query { group });
        self.wait = Wait::Back {
            since: cx.now,
            from,
        };
    }

    /// Until when the host, which was never linked here, is waited for: less where all who know its epoch miss it.
    fn host_until(&self, since: Mono) -> Mono {
        let epoch = self.lease.as_ref().map(|lease| lease.epoch);
        let misses = |member: &Registered| member.is_missing_host && member.epoch == epoch;
        if self.heard().all(|(_, member)| misses(member)) {
            since + REHOST_WAIT_MISSED
        } else {
            since + REHOST_WAIT
        }
    }

    /// When to look again at what is waited for.
    fn due(&self, now: Mono) -> Option<Mono> {
        match self.wait {
            Wait::Witnesses { until, .. } => Some(until),
            Wait::Back { since, from } if now >= from => Some(from.max(since + ANSWER_WAIT)),
            Wait::Back { from, .. } => Some(from),
            Wait::Host { since } => Some(self.host_until(since)),
            Wait::Nothing => None,
        }
    }

    /// The members that could come to host, the next in line first.
    fn candidates(&self, but: Option<NodeId>) -> Vec<(NodeId, &Registered)> {
        let is_candidate = |id: &NodeId| Some(*id) != but;
        let mut heard: Vec<_> = self.heard().filter(|(id, _)| is_candidate(id)).collect();
        let line = |id: &NodeId| self.roster.iter().position(|member| member == id);
        heard.sort_by_key(|(id, member)| (line(id).unwrap_or(usize::MAX), member.arrival));
        heard
            .into_iter()
            .map(|(id, member)| (*id, member))
            .collect()
    }
}

/// What a supernode needs of the node around it, for the time of one input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Mono,
    pub(crate) seal: &'a dyn Seal,
    pub(crate) me: NodeId,
    pub(crate) act: &'a mut Actions,
    pub(crate) table: &'a Table,
    pub(crate) links: &'a Links,
}

impl Context<'_> {
    fn responsible(&self, group: &GroupName) -> Option<NodeId> {
        self.table.ring().responsible(Point::of_group(group))
    }

    /// The second closest and the opposite: who else holds a group's record.
    fn witnesses(&self, group: &GroupName) -> BTreeSet<NodeId> {
        let (ring, point) = (self.table.ring(), Point::of_group(group));
        let both = [ring.second(point), ring.opposite(point)];
        both.into_iter()
            .flatten()
            .filter(|id| *id != self.me)
            .collect()
    }
}

/// What a member registers.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) group: GroupName,
    pub(crate) lease: Option<Lease>,
    pub(crate) hosting: bool,
    pub(crate) missed: bool,
    pub(crate) roster: Vec<NodeId>,
}

impl Supernode {
    pub(crate) fn restored(records: Vec<(Lease, Vec<NodeId>)>) -> Self {
        let held = records.into_iter().map(|(lease, roster)| {
            let group = lease.group.clone();
            (
                group,
                Held {
                    lease: Some(lease),
                    roster,
                    ..Held::default()
                },
            )
        });
        Self {
            held: held.collect(),
            ..Self::default()
        }
    }

    /// A member registers, for the first time or again.
    pub(crate) fn register(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        registration: Registration,
    ) {
        let Registration {
            group,
            lease,
            hosting,
            missed,
            roster,
        } = registration;
        let lease = lease.filter(|lease| lease.group == group && self.is_credible(cx, lease));
        if let Some(to) = cx.responsible(&group).filter(|to| *to != cx.me) {
            self.note(cx, &group, lease, &roster);
            self.pass_on(cx, &group, to);
            return cx.act.send(link, Message::Moved { group, to });
        }
        let groups = self.by_link.entry(link).or_default();
        if groups.len() >= GROUPS_PER_LINK_MAX
            || self.held.len() >= HELD_MAX && !self.held.contains_key(&group)
        {
            return cx.act.close(link, Reason::Limit);
        }
        groups.insert(group.clone());
        let epoch = lease.as_ref().map(|lease| lease.epoch);
        let is_hosting = hosting && epoch.is_some_and(|epoch| epoch.host == from);
        self.note(cx, &group, lease, if is_hosting { &roster } else { &[] });
        let held = self.held.entry(group.clone()).or_default();
        if held.roster.is_empty() {
            held.roster = roster.into_iter().take(SUCCESSION_MAX).collect();
        }
        self.arrivals += 1;
        let before = held
            .registered
            .remove(&from)
            .filter(|before| before.link == link);
        let (arrival, told, granted) = before.map_or((self.arrivals, None, None), |before| {
            (before.arrival, before.told, before.granted)
        });
        // Who does not know what it was told is told again.
        let told = told.filter(|told| epoch == Some(*told));
        held.registered.insert(
            from,
            Registered {
                link,
                arrival,
                at: cx.now,
                epoch,
                is_hosting,
                is_missing_host: missed,
                is_quiet: false,
                told,
                granted,
            },
        );
        self.decide(cx, &group);
    }

    /// A member leaves a group; if it hosts, the next in line is granted at once.
    pub(crate) fn leave(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        group: &GroupName,
    ) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        if held
            .registered
            .get(&from)
            .is_none_or(|registered| registered.link != link)
        {
            return;
        }
        held.registered.remove(&from);
        held.roster.retain(|id| *id != from);
        if let Some(groups) = self.by_link.get_mut(&link) {
            groups.remove(group);
        }
        if held
            .lease
            .as_ref()
            .is_some_and(|lease| lease.epoch.host == from)
        {
            self.grant(cx, group, Some(from));
            if let Some(lease) = self.held.get(group).and_then(|held| held.lease.clone()) {
                cx.act.send(link, Message::HostIs { lease });
            }
        }
    }

    /// A link is gone, and with it what was registered over it.
    pub(crate) fn unlinked(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        for group in self.by_link.remove(&link).unwrap_or_default() {
            let Some(held) = self.held.get_mut(&group) else {
                continue;
            };
            if held
                .registered
                .get(&peer)
                .is_some_and(|registered| registered.link == link)
            {
                held.registered.remove(&peer);
                if held.is_hosted_by(&peer) && !matches!(held.wait, Wait::Back { .. }) {
                    held.ask_candidates(cx, &group, cx.now + HOST_LOST);
                }
            }
        }
        let waiting = self
            .held
            .iter_mut()
            .filter_map(|(group, held)| match &mut held.wait {
                Wait::Witnesses { asked, .. } => asked.remove(&peer).then(|| group.clone()),
                Wait::Back { .. } | Wait::Host { .. } | Wait::Nothing => None,
            });
        for group in waiting.collect::<Vec<_>>() {
            self.decide(cx, &group);
        }
    }

    /// Nothing comes over a link any more. What is registered over it stays, for the case that it comes to itself.
    pub(crate) fn fell_quiet(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        for group in self.by_link.get(&link).into_iter().flatten() {
            let Some(held) = self.held.get_mut(group) else {
                continue;
            };
            let registered = held.registered.get_mut(&peer).filter(|r| r.link == link);
            let Some(registered) = registered else {
                continue;
            };
            registered.is_quiet = true;
            if held.is_hosted_by(&peer) {
                held.ask_candidates(cx, group, cx.now);
            }
        }
    }

    /// A quiet link has come to itself.
    pub(crate) fn heard_again(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        for group in self.by_link.get(&link).cloned().unwrap_or_default() {
            let held = self.held.get_mut(&group);
            let registered = held.and_then(|held| held.registered.get_mut(&peer));
            if let Some(registered) = registered.filter(|r| r.link == link) {
                registered.is_quiet = false;
                self.decide(cx, &group);
            }
        }
    }

    /// Another supernode asks what we know of a group.
    pub(crate) fn query(&self, cx: &mut Context<'_>, link: LinkId, group: GroupName) {
        let held = self.held.get(&group);
        let lease = held.and_then(|held| held.lease.clone());
        let roster = held.map(|held| held.roster.clone()).unwrap_or_default();
        cx.act.send(
            link,
            Message::Known {
                group,
                lease,
                roster,
            },
        );
    }

    /// A witness answers.
    pub(crate) fn known(
        &mut self,
        cx: &mut Context<'_>,
        from: NodeId,
        group: &GroupName,
        lease: Option<Lease>,
        roster: &[NodeId],
    ) {
        let lease = lease.filter(|lease| lease.group == *group && self.is_credible(cx, lease));
        self.note(cx, group, lease, roster);
        if let Some(Held {
            wait: Wait::Witnesses { asked, .. },
            ..
        }) = self.held.get_mut(group)
        {
            asked.remove(&from);
            self.decide(cx, group);
        }
    }

    /// Another supernode hands a group's record to us.
    pub(crate) fn transferred(&mut self, cx: &mut Context<'_>, lease: Lease, roster: &[NodeId]) {
        if self.is_credible(cx, &lease) && self.held.len() < HELD_MAX {
            let group = lease.group.clone();
            self.note(cx, &group, Some(lease), roster);
            self.decide(cx, &group);
        }
    }

    /// Asks those who have not registered for long whether they are still in their groups: they may have left
    /// while they did not reach us.
    fn ask_silent(&self, cx: &mut Context<'_>) {
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
    }

    /// When a wait is over.
    pub(crate) fn due(&self, now: Mono) -> Option<Mono> {
        self.held.values().filter_map(|held| held.due(now)).min()
    }

    /// Decides what has waited long enough.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        let is_over = |held: &Held| held.is_due(cx.now);
        let over: Vec<_> = self
            .held
            .iter()
            .filter(|(_, held)| is_over(held))
            .map(|(group, _)| group.clone())
            .collect();
        for group in over {
            self.decide(cx, &group);
        }
    }

    /// Whether to believe a lease: a supernode we know signed it, or it is for the epoch in force, or we have
    /// not granted one ourselves. Who has just come up knows no better than what members show it, and the
    /// supernode that granted may have been gone before we came.
    fn is_credible(&self, cx: &Context<'_>, lease: &Lease) -> bool {
        let is_soft = self.held.get(&lease.group).is_none_or(|held| {
            let in_force = held.lease.as_ref().map(|lease| lease.epoch);
            !held.has_granted || in_force == Some(lease.epoch)
        });
        (is_soft || lease.by == cx.me || cx.table.is_supernode(&lease.by))
            && lease.is_genuine(cx.seal)
    }

    /// Takes in a lease if it is higher than the one known, and the roster that came with it. Where we are
    /// responsible the epoch is affirmed in our own name, so that everybody who knows us can check it.
    fn note(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        lease: Option<Lease>,
        roster: &[NodeId],
    ) {
        let Some(lease) = lease else { return };
        let is_ours = cx.responsible(group).is_none_or(|id| id == cx.me);
        let held = self.held.entry(group.clone()).or_default();
        let known = held.lease.as_ref().map(|lease| lease.epoch);
        let is_lower = known.is_some_and(|known| lease.epoch < known);
        if is_lower && !mutant::is(Mutant::LowerEpochObeyed) {
            return;
        }
        if !roster.is_empty() {
            held.roster = roster.iter().take(SUCCESSION_MAX).copied().collect();
        }
        if known == Some(lease.epoch) {
            return;
        }
        let is_mine = lease.by == cx.me;
        let lease = if is_ours && !is_mine {
            Lease::granted(cx.seal, group.clone(), lease.epoch)
        } else {
            lease
        };
        held.lease = Some(lease.clone());
        let roster = held.roster.clone();
        cx.act.write(vec![Write::Record { lease, roster }]);
    }

    /// Takes a group's next step: ask the witnesses, wait for the host, grant, or tell who hosts.
    fn decide(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        if held.heard().next().is_none() {
            held.wait = Wait::Nothing;
            return;
        }
        let Some(lease) = held.lease.clone() else {
            return self.ask(cx, group);
        };
        let host = held.registered.get(&lease.epoch.host);
        let host = host.filter(|host| !host.is_quiet);
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
            Wait::Nothing | Wait::Witnesses { .. } => held.wait = Wait::Host { since: cx.now },
        }
        self.tell(cx, group, &lease);
    }

    /// Grants to the next in line who has answered since the host is missed; the first of them is waited for a
    /// little, and if nobody answers it is us who hear nothing.
    fn succeed(&mut self, cx: &mut Context<'_>, group: &GroupName, host: NodeId, since: Mono) {
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

    /// Asks the witnesses whether they know a group that we do not; grants its first epoch if none does.
    fn ask(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        match &held.wait {
            Wait::Witnesses { asked, until } if !asked.is_empty() && cx.now < *until => {}
            Wait::Witnesses { .. } => self.grant(cx, group, None),
            Wait::Nothing | Wait::Back { .. } | Wait::Host { .. } => {
                let mut asked = BTreeSet::new();
                for witness in cx.witnesses(group) {
                    if let Some(link) = cx.links.to_node(&witness) {
                        cx.act.send(
                            link,
                            Message::Query {
                                group: group.clone(),
                            },
                        );
                        asked.insert(witness);
                    }
                }
                let is_answered = asked.is_empty();
                held.wait = Wait::Witnesses {
                    asked,
                    until: cx.now + WITNESS_WAIT,
                };
                if is_answered {
                    self.grant(cx, group, None);
                }
            }
        }
    }

    /// Grants the next epoch to the first in line that is registered.
    fn grant(&mut self, cx: &mut Context<'_>, group: &GroupName, but: Option<NodeId>) {
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

    fn grant_to(&mut self, cx: &mut Context<'_>, group: &GroupName, host: NodeId) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let number = held.lease.as_ref().map_or(0, |lease| lease.epoch.number) + 1;
        // Only somebody who lies gets there, and nobody could be told of a higher one.
        if number > COUNT_MAX {
            return;
        }
        held.is_vacant = false;
        held.has_granted = true;
        let lease = Lease::granted(cx.seal, group.clone(), Epoch { number, host });
        held.lease = Some(lease.clone());
        if let Some(registered) = held.registered.get_mut(&host) {
            registered.granted = Some(lease.epoch);
        }
        held.wait = Wait::Host { since: cx.now };
        let roster = held.roster.clone();
        cx.act.write(vec![Write::Record {
            lease: lease.clone(),
            roster: roster.clone(),
        }]);
        self.tell(cx, group, &lease);
        for witness in cx.witnesses(group) {
            if let Some(link) = cx.links.to_node(&witness) {
                let (lease, roster) = (lease.clone(), roster.clone());
                cx.act.send(link, Message::Transfer { lease, roster });
            }
        }
    }

    /// Tells the lease to everybody registered who has not been told or does not know it.
    fn tell(&mut self, cx: &mut Context<'_>, group: &GroupName, lease: &Lease) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let mut links = Vec::new();
        for registered in held.registered.values_mut() {
            if registered.told != Some(lease.epoch) {
                registered.told = Some(lease.epoch);
                links.push(registered.link);
            }
        }
        cx.act.send_all(
            links,
            Message::HostIs {
                lease: lease.clone(),
            },
        );
    }

    fn pass_on(&self, cx: &mut Context<'_>, group: &GroupName, to: NodeId) {
        if let Some(held) = self.held.get(group)
            && let (Some(lease), Some(link)) = (held.lease.clone(), cx.links.to_node(&to))
        {
            let roster = held.roster.clone();
            cx.act.send(link, Message::Transfer { lease, roster });
        }
    }
}
