//! Which charter a group has, where several are shown: that of the first birth with a witness, and of two such that
//! of most of the three who hold the group's record.
//!
//! A charter without a witness gives way: it is an offer, or that of a group which one supernode alone saw born, on an
//! island perhaps that was joined to the rest a moment later. Two charters with witnesses are two groups. One keeps
//! the name, and nothing of the other is taken in here; its members are told, and see to it themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Context, Supernode};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{BIRTH_SETTLED, WITNESS_WAIT};
use crate::proto::seal::Hash;
use crate::proto::time::Mono;
use crate::proto::wire::{Charter, GroupRecord, Message};

/// How long the outcome of a vote stands before somebody's other charter makes for the next.
const VOTE_STANDS: Duration = Duration::from_secs(60);

/// What is known of a group's birth.
#[derive(Clone, Debug, Default)]
pub(super) struct Birth {
    pub(super) charter: Option<Charter>,
    /// Whether it counts in a vote: not if so far only a member has shown it.
    is_held: bool,
    /// What other holders have told.
    votes: BTreeMap<NodeId, GroupRecord>,
    vote: Option<Vote>,
    voted: Option<Mono>,
    /// When we become the witness of a birth that we alone have seen.
    settles: Option<Mono>,
}

/// A vote under way.
#[derive(Clone, Debug)]
struct Vote {
    asked: BTreeSet<NodeId>,
    is_answered: bool,
    until: Mono,
}

impl Birth {
    /// A birth that is on record.
    pub(super) fn on_record(charter: Option<Charter>) -> Self {
        Self {
            charter,
            is_held: true,
            ..Self::default()
        }
    }

    /// Whether who shows this charter belongs to another group of the name.
    pub(super) fn is_stranger(&self, shown: Option<&Charter>) -> bool {
        match (&self.charter, shown) {
            (Some(ours), Some(theirs)) => theirs.witness.is_some() && theirs.hash() != ours.hash(),
            (None, _) | (_, None) => false,
        }
    }

    /// Whether it is open who has the name; then nobody is told that it is not he.
    pub(super) fn is_open(&self) -> bool {
        self.vote.is_some()
    }

    pub(super) fn due(&self) -> Option<Mono> {
        let vote = self.vote.as_ref().map(|vote| vote.until);
        [vote, self.settles].into_iter().flatten().min()
    }

    fn is_young(&self) -> bool {
        let charter = self.charter.as_ref();
        charter.is_some_and(|charter| charter.witness.is_none())
    }
}

/// Whether somebody we know vouches for a birth.
fn has_known_witness(cx: &Context<'_>, charter: &Charter) -> bool {
    let by = charter.witness.map(|witness| witness.by);
    by.is_some_and(|by| by == cx.me || cx.table.is_supernode(&by))
}

fn without_witness(charter: Charter) -> Charter {
    Charter {
        witness: None,
        ..charter
    }
}

impl Supernode {
    /// A member shows a charter; `is_going_on` says that its group lives already.
    pub(super) fn shown(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        charter: &Charter,
        is_going_on: bool,
    ) {
        let is_vouched = has_known_witness(cx, charter);
        let birth = &self.held.entry(group.clone()).or_default().birth;
        let is_ours = |ours: &Charter| ours.hash() == charter.hash();
        match &birth.charter {
            None if is_vouched || is_going_on => {
                let charter = charter.clone();
                let charter = if is_vouched {
                    charter
                } else {
                    without_witness(charter)
                };
                self.take_charter(cx, group, charter, false);
                self.vote(cx, group);
            }
            // An offer is taken up when the first epoch is granted.
            None => {}
            Some(ours) if is_ours(ours) && is_vouched && birth.is_young() => {
                self.take_charter(cx, group, charter.clone(), true);
            }
            Some(ours) if is_ours(ours) => {}
            Some(_) if is_vouched && birth.is_young() => {
                self.take_charter(cx, group, charter.clone(), false);
                self.vote(cx, group);
            }
            Some(_) if is_vouched && birth.voted.is_none_or(|at| cx.now >= at + VOTE_STANDS) => {
                self.vote(cx, group);
            }
            Some(_) => {}
        }
    }

    /// Another supernode tells its record of a group; says whether that is the group we know, or is now.
    pub(super) fn told_of(
        &mut self,
        cx: &mut Context<'_>,
        from: NodeId,
        group: &GroupName,
        record: &GroupRecord,
    ) -> bool {
        let Some(theirs) = record.charter.clone() else {
            return true;
        };
        if !theirs.is_for(group) || !theirs.is_genuine(cx.seal) {
            return false;
        }
        let holders = cx.holders(group);
        let is_responsibles = holders.first() == Some(&from);
        let is_holder = holders.contains(&cx.me);
        let birth = &mut self.held.entry(group.clone()).or_default().birth;
        if holders.contains(&from) {
            birth.votes.insert(from, record.clone());
        }
        let is_young = birth.is_young();
        let Some(ours) = &birth.charter else {
            self.take_charter(cx, group, theirs, true);
            return true;
        };
        let is_same = ours.hash() == theirs.hash();
        match (is_same, is_young, theirs.witness.is_none()) {
            (true, true, false) | (false, true, false) => {
                self.take_charter(cx, group, theirs, true);
                true
            }
            (true, _, _) => true,
            (false, true, true) => {
                if is_responsibles {
                    self.take_charter(cx, group, theirs, true);
                }
                true
            }
            // Its holder hears of ours, and gives way.
            (false, false, true) => {
                self.answer(cx, from, group);
                true
            }
            (false, false, false) if is_responsibles && !is_holder => {
                self.take_over(cx, group, record);
                true
            }
            (false, false, false) => {
                self.vote(cx, group);
                false
            }
        }
    }

    /// A holder has answered a vote's question, or is gone.
    pub(super) fn has_voted(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        from: NodeId,
        is_answer: bool,
    ) {
        let birth = self.held.get_mut(group).map(|held| &mut held.birth);
        if let Some(vote) = birth.and_then(|birth| birth.vote.as_mut())
            && vote.asked.remove(&from)
        {
            vote.is_answered |= is_answer;
            if vote.asked.is_empty() {
                self.count(cx, group);
            }
        }
    }

    /// The first member of a group offers its charter.
    pub(super) fn found(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        offer: Charter,
        is_seen_by_others: bool,
    ) {
        let offer = without_witness(offer);
        let charter = if is_seen_by_others {
            offer.witnessed(cx.seal)
        } else {
            offer
        };
        self.take_charter(cx, group, charter, true);
    }

    /// Does what is due.
    pub(super) fn settle_birth(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let birth = &mut held.birth;
        if birth.settles.is_some_and(|at| cx.now >= at) {
            birth.settles = None;
            if let Some(charter) = birth.charter.clone().filter(|_| birth.is_young()) {
                self.take_charter(cx, group, charter.witnessed(cx.seal), true);
                self.decide(cx, group);
            }
        }
        let vote = self
            .held
            .get(group)
            .and_then(|held| held.birth.vote.as_ref());
        if vote.is_some_and(|vote| cx.now >= vote.until) {
            self.count(cx, group);
        }
    }

    fn take_charter(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupName,
        charter: Charter,
        is_held: bool,
    ) {
        let is_ours = cx.responsible(group).is_none_or(|id| id == cx.me);
        let held = self.held.entry(group.clone()).or_default();
        let is_young = charter.witness.is_none();
        held.birth.charter = Some(charter);
        held.birth.is_held = is_held;
        held.birth.settles = (is_young && is_ours).then(|| cx.now + BIRTH_SETTLED);
        for registered in held.registered.values_mut() {
            registered.is_stranger = held.birth.is_stranger(registered.shown.as_ref());
        }
        held.keep.changed();
        self.write_record(cx, group);
    }

    /// Takes over another group's record in the place of ours: it has the name.
    fn take_over(&mut self, cx: &mut Context<'_>, group: &GroupName, record: &GroupRecord) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        held.lease = None;
        held.has_granted = false;
        held.roster.clear();
        if let Some(charter) = record.charter.clone() {
            self.take_charter(cx, group, charter, true);
        }
        self.note(cx, group, Some(record.lease.clone()), &record.roster);
    }

    /// Asks all who hold the group's record which charter it has.
    fn vote(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        if held.birth.vote.is_some() {
            return;
        }
        let mut asked = BTreeSet::new();
        for holder in cx.holders(group) {
            if let Some(link) = cx.links.to_node(&holder).filter(|_| holder != cx.me) {
                let group = group.clone();
                cx.act.send(link, Message::Query { group });
                asked.insert(holder);
            }
        }
        let is_over = asked.is_empty();
        held.birth.vote = Some(Vote {
            asked,
            is_answered: false,
            until: cx.now + WITNESS_WAIT,
        });
        if is_over {
            self.count(cx, group);
        }
    }

    /// Ends a vote: the charter that most of the three hold has the name; of two that of the responsible supernode
    /// if it holds any, or else the opposite one's, which who crowds the group's point does not crowd.
    fn count(&mut self, cx: &mut Context<'_>, group: &GroupName) {
        let holders = cx.holders(group);
        let opposite = cx.opposite(group);
        let Some(held) = self.held.get_mut(group) else {
            return;
        };
        let birth = &mut held.birth;
        let is_answered = birth.vote.take().is_some_and(|vote| vote.is_answered);
        let ours = birth.charter.as_ref().map(Charter::hash);
        let mut votes: BTreeMap<NodeId, (Hash, Option<GroupRecord>)> = BTreeMap::new();
        for (from, record) in std::mem::take(&mut birth.votes) {
            if let Some(charter) = record.charter.as_ref().filter(|_| holders.contains(&from)) {
                votes.insert(from, (charter.hash(), Some(record)));
            }
        }
        if let Some(ours) = ours.filter(|_| birth.is_held) {
            votes.insert(cx.me, (ours, None));
        }
        birth.is_held = true;
        birth.voted = Some(cx.now);
        let weight = |hash: Hash| {
            let whose = |id: Option<NodeId>| {
                id.and_then(|id| votes.get(&id)).map(|(voted, _)| *voted) == Some(hash)
            };
            let count = votes.values().filter(|(voted, _)| *voted == hash).count();
            (count, whose(holders.first().copied()), whose(opposite))
        };
        let winner = votes
            .values()
            .map(|(hash, _)| *hash)
            .max_by_key(|hash| weight(*hash));
        if winner.is_some() && winner != ours {
            let record = votes.into_values().find(|(hash, _)| Some(*hash) == winner);
            if let Some((_, Some(record))) = record {
                self.take_over(cx, group, &record);
            }
        }
        let is_ours = holders.first() == Some(&cx.me);
        let birth = self.held.get(group).map(|held| &held.birth);
        if is_ours
            && is_answered
            && let Some(charter) = birth
                .filter(|birth| birth.is_young())
                .and_then(|b| b.charter.clone())
        {
            self.take_charter(cx, group, charter.witnessed(cx.seal), true);
        }
        self.push_record(cx, group);
        self.decide(cx, group);
    }

    /// Tells another supernode what we hold.
    fn answer(&mut self, cx: &mut Context<'_>, to: NodeId, group: &GroupName) {
        if let Some(link) = cx.links.to_node(&to) {
            self.query(cx, link, to, group.clone());
        }
    }
}
