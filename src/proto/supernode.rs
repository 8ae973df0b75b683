//! What a supernode does for groups: it knows who hosts, grants leases, and hands a group over when another
//! supernode is responsible for it.
//!
//! All of it but the record (the highest epoch, the first members, the charter) is soft: rebuilt within seconds from
//! what members register.

mod birth;
mod grant;
mod handoff;
mod holdings;
mod keep;
mod persons;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::birth::Birth;
use self::holdings::Holdings;
use self::keep::Keep;
use self::persons::Persons;
use self::wait::Wait;
use super::actions::Actions;
use super::figures::Groups;
use super::id::{Epoch, GroupName, NodeId};
use super::limits::{GROUPS_PER_LINK_MAX, HOST_LOST, REGISTER_INTERVAL};
use super::links::Links;
use super::mutant::{self, Mutant};
use super::ring::Point;
use super::role::LinkId;
use super::seal::{Hash, Seal};
use super::table::Table;
use super::time::{Mono, Wall};
use super::wire::{Charter, GroupRecord, Lease, Message, Reason};

/// Groups held at once, living and remembered: some 30 MB.
const HELD_MAX: usize = 100_000;
/// How long after its last registration a member is asked whether it is still there: it repeats it sooner.
const SILENT: Duration = Duration::from_secs(3 * REGISTER_INTERVAL.as_secs());
/// Members of a group's succession that are kept: as many as a registration names.
const SUCCESSION_MAX: usize = 16;

/// The groups a supernode holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supernode {
    held: Holdings,
    /// Which groups each link has registered.
    by_link: BTreeMap<LinkId, BTreeSet<GroupName>>,
    /// Groups in use that are another's, and when the next of them are handed over.
    leaving: BTreeSet<GroupName>,
    leaving_due: Option<Mono>,
    /// Grows with every registration, to remember who came first.
    arrivals: u64,
    /// Where the next look at the records goes on.
    kept_upto: Option<GroupName>,
    persons: Persons,
    done: Done,
}

/// What was done since the start, for the operator alone.
#[derive(Clone, Debug, Default)]
struct Done {
    leases: u64,
    successions: u64,
    handoffs: u64,
}

/// What is known of one group.
#[derive(Clone, Debug, Default)]
struct Held {
    lease: Option<Lease>,
    /// Members in join order, as the host told it last.
    roster: Vec<NodeId>,
    birth: Birth,
    keep: Keep,
    registered: BTreeMap<NodeId, Registered>,
    /// Whether the host said that it leaves when nobody was there to take over.
    is_vacant: bool,
    /// Whether we have granted an epoch of it.
    has_granted: bool,
    /// Whether it was on disk at our start, and nobody has been asked since who may have granted meanwhile.
    is_remembered: bool,
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
    /// The charter it has shown over this link.
    shown: Option<Charter>,
    /// Whether that is another group's; then only its name counts here.
    is_stranger: bool,
    told: Option<Told>,
    /// The epoch it was granted over this link: by this run of it, and no other.
    granted: Option<Epoch>,
}

/// What a member has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    epoch: Epoch,
    charter: Option<(Hash, bool)>,
}

impl Told {
    /// Whether a charter that is shown, if one is, is the one that was told.
    fn is_as(&self, shown: Option<Hash>) -> bool {
        let is_it = |shown| self.charter.is_some_and(|(told, _)| told == shown);
        shown.is_none_or(is_it) || mutant::is(Mutant::ToldOnce)
    }

    fn of(lease: &Lease, charter: Option<&Charter>) -> Self {
        Self {
            epoch: lease.epoch,
            charter: charter.map(|charter| (charter.hash(), charter.witness.is_some())),
        }
    }
}

impl Held {
    /// The members of this group whose links are heard.
    fn heard(&self) -> impl Iterator<Item = (&NodeId, &Registered)> {
        let registered = self.registered.iter();
        registered.filter(|(_, registered)| !registered.is_quiet && !registered.is_stranger)
    }

    fn is_hosted_by(&self, id: &NodeId) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.epoch.host == *id)
    }
}

/// What a supernode needs of the node around it, for the time of one input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Mono,
    pub(crate) wall: Wall,
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

    fn is_alive(&self, id: &NodeId) -> bool {
        self.table
            .get(id)
            .is_some_and(|listed| listed.liveness.is_up())
    }

    fn opposite(&self, group: &GroupName) -> Option<NodeId> {
        self.table.ring().opposite(Point::of_group(group))
    }

    /// Who holds a group's record: the responsible supernode, then the second closest and the opposite.
    fn holders(&self, group: &GroupName) -> Vec<NodeId> {
        let (ring, point) = (self.table.ring(), Point::of_group(group));
        let three = [
            ring.responsible(point),
            ring.second(point),
            ring.opposite(point),
        ];
        let mut holders = Vec::with_capacity(three.len());
        for holder in three.into_iter().flatten() {
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        holders
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
    pub(crate) charter: Option<Charter>,
}

impl Supernode {
    pub(crate) fn restored(records: Vec<(GroupRecord, Wall)>) -> Self {
        let held = records.into_iter().map(|(record, noted)| {
            let group = record.lease.group.clone();
            (
                group,
                Held {
                    lease: Some(record.lease),
                    roster: record.roster,
                    birth: Birth::on_record(record.charter),
                    keep: Keep::restored(record.quiet_ms, noted),
                    is_remembered: true,
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
            charter,
        } = registration;
        let is_proper = |charter: &Charter| charter.is_for(&group) && charter.is_genuine(cx.seal);
        if !charter.as_ref().is_none_or(is_proper) {
            return cx.act.close(link, Reason::BadSignature);
        }
        // A group that lost its name shows the lease from before, so that its epochs go on.
        let is_its = |lease: &Lease| group.is_or_was(&lease.group);
        let lease = lease.filter(|lease| is_its(lease) && self.is_credible(cx, &group, lease));
        let to = cx.responsible(&group).filter(|to| *to != cx.me);
        // A group that is about to be handed over stays whole until then.
        if let Some(to) =
            to.filter(|_| !self.leaving.contains(&group) && !mutant::is(Mutant::GroupsKept))
        {
            let known = self.held.get(&group).map(|held| &held.birth);
            let is_stranger = known.is_some_and(|birth| birth.is_stranger(charter.as_ref()));
            let charter = known.and_then(|birth| birth.charter.as_ref());
            let is_its = |lease: &Lease| lease.group == group && lease.is_of(charter);
            if !is_stranger && lease.as_ref().is_some_and(is_its) {
                self.note(cx, &group, lease, &roster);
            }
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
        if let Some(charter) = &charter {
            self.shown(cx, &group, charter, lease.is_some());
        }
        let held = self.held.entry(group.clone()).or_default();
        let lease = lease.filter(|lease| lease.is_of(held.birth.charter.as_ref()));
        held.grow_older(cx.now, cx.wall);
        self.arrivals += 1;
        let before = held
            .registered
            .remove(&from)
            .filter(|before| before.link == link);
        let arrival = before
            .as_ref()
            .map_or(self.arrivals, |before| before.arrival);
        let granted = before.as_ref().and_then(|before| before.granted);
        let told = before.as_ref().and_then(|before| before.told.clone());
        let shows = charter.as_ref().map(Charter::hash);
        let shown = charter.or(before.and_then(|before| before.shown));
        let is_stranger = held.birth.is_stranger(shown.as_ref());
        // Who does not know what it was told, or has been told otherwise since, is told again.
        let told =
            told.filter(|told| is_stranger || epoch == Some(told.epoch) && told.is_as(shows));
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
                shown,
                is_stranger,
                told,
                granted,
            },
        );
        if !is_stranger {
            if held.roster.is_empty() {
                held.roster = roster.iter().take(SUCCESSION_MAX).copied().collect();
            }
            self.note(cx, &group, lease, if is_hosting { &roster } else { &[] });
        }
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
        held.note_leave(cx);
        if let Some(groups) = self.by_link.get_mut(&link) {
            groups.remove(group);
        }
        if held
            .lease
            .as_ref()
            .is_some_and(|lease| lease.epoch.host == from)
        {
            self.vacate(cx, group, from);
            if let Some(held) = self.held.get(group)
                && let Some(lease) = held.lease.clone()
            {
                let charter = held.birth.charter.clone().map(Box::new);
                cx.act.send(link, Message::HostIs { lease, charter });
            }
        }
    }

    /// A link is gone, and with it what was registered over it.
    pub(crate) fn unlinked(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        self.persons.unlinked(cx.now, link, peer);
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
                held.note_leave(cx);
                if held.is_hosted_by(&peer) && !matches!(held.wait, Wait::Back { .. }) {
                    held.ask_candidates(cx, &group, cx.now + HOST_LOST);
                }
            }
        }
        let asked: Vec<_> = self
            .held
            .waiting()
            .filter(|(_, held)| matches!(held.wait, Wait::Witnesses(_)))
            .map(|(group, _)| group.clone())
            .collect();
        for group in asked {
            let held = self.held.get_mut(&group);
            if let Some(Wait::Witnesses(witnesses)) = held.map(|held| &mut held.wait)
                && witnesses.unlinked(peer)
            {
                self.decide(cx, &group);
            }
        }
        if cx.table.is_supernode(&peer) {
            let mut voting = Vec::new();
            for (group, held) in self.held.tend_all() {
                held.keep.forget_holder(&peer);
                if held.birth.is_open() {
                    voting.push(group.clone());
                }
            }
            for group in voting {
                self.has_voted(cx, &group, peer, false);
            }
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
        self.person_heard(cx, link, peer);
        for group in self.by_link.get(&link).cloned().unwrap_or_default() {
            let held = self.held.get_mut(&group);
            let registered = held.and_then(|held| held.registered.get_mut(&peer));
            if let Some(registered) = registered.filter(|r| r.link == link) {
                registered.is_quiet = false;
                self.decide(cx, &group);
            }
        }
    }

    /// When a wait is over.
    pub(crate) fn due(&self, now: Mono) -> Option<Mono> {
        let waits = self.held.waiting();
        let waits = waits.flat_map(|(_, held)| [held.due(now), held.birth.due()]);
        waits.flatten().chain(self.leaving_due).min()
    }

    /// Decides what has waited long enough.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.hand_some_over(cx);
        let is_over = |held: &Held| held.is_due(cx);
        let over: Vec<_> = self
            .held
            .waiting()
            .filter(|(_, held)| is_over(held))
            .map(|(group, _)| group.clone())
            .collect();
        for group in over {
            self.decide(cx, &group);
        }
        let is_due = |held: &Held| held.birth.due().is_some_and(|due| cx.now >= due);
        let due = self.held.waiting().filter(|(_, held)| is_due(held));
        for group in due.map(|(group, _)| group.clone()).collect::<Vec<_>>() {
            self.settle_birth(cx, &group);
        }
        self.held.settle();
    }

    /// Whether to believe a lease: a supernode we know signed it, or it is for the epoch in force, or we have
    /// not granted one ourselves. Who has just come up knows no better than what members show it, and the
    /// supernode that granted may have been gone before we came.
    fn is_credible(&self, cx: &Context<'_>, group: &GroupName, lease: &Lease) -> bool {
        let is_soft = self.held.get(group).is_none_or(|held| {
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
        if self.held.len() >= HELD_MAX && !self.held.contains_key(group) {
            return;
        }
        let held = self.held.entry(group.clone()).or_default();
        let known = held.lease.as_ref().map(|lease| lease.epoch);
        let is_lower = known.is_some_and(|known| lease.epoch < known);
        if is_lower && !mutant::is(Mutant::LowerEpochObeyed) {
            return;
        }
        if !roster.is_empty() {
            let roster: Vec<_> = roster.iter().take(SUCCESSION_MAX).copied().collect();
            if roster != held.roster {
                held.roster = roster;
                held.keep.changed();
            }
        }
        if known == Some(lease.epoch) {
            return;
        }
        let charter = held.birth.charter.as_ref();
        let is_bound = lease.charter == charter.and_then(Charter::binding);
        let is_right = lease.by == cx.me && lease.group == *group && is_bound;
        let lease = if is_ours && !is_right {
            Lease::granted(cx.seal, group.clone(), lease.epoch, charter)
        } else {
            lease
        };
        held.lease = Some(lease);
        held.keep.changed();
        self.write_record(cx, group);
    }

    pub(crate) fn figures(&self) -> Groups {
        let registered = self.held.values().map(|held| held.heard().count());
        Groups {
            held: self.held.len(),
            live: registered.clone().filter(|members| *members > 0).count(),
            registered: registered.sum(),
            granted: self.done.leases,
            succeeded: self.done.successions,
            passed_on: self.done.handoffs,
        }
    }
}

impl Held {
    /// A registration has ended. That of the last member is when a record's days begin to count.
    fn note_leave(&mut self, cx: &Context<'_>) {
        if self.registered.is_empty() {
            self.keep.emptied(cx.now);
        }
    }
}
