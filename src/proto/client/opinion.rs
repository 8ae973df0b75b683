//! A second opinion: what a client does before it believes a supernode of a group that it knows nothing of, and when
//! one lies or says nothing.
//!
//! The supernode that is responsible for a group may be anybody who has put an address next to the group's point on
//! the ring. Who crowds that point hardly crowds the one at 180 degrees, so the opposite supernode is asked as well.
//! Who has been in a group before has its charter, and needs no opinion: another's is doubted ([`super::rivals`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Client;
use crate::proto::event::Event;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{GROUPS_MAX, REGISTER_INTERVAL};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{Kind, LinkId};
use crate::proto::seal::Hash;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Charter, GroupRecord, Lease, Reason};

/// How long a supernode's word waits for that of the opposite one: a handshake and a round trip, with a lost packet.
const OPINION_WAIT: Duration = Duration::from_secs(1);
/// For how long a supernode that was caught in a lie is left alone.
const LIAR_SHUNNED: Duration = Duration::from_secs(60);

/// What is asked of more than one supernode, and who has lied.
#[derive(Clone, Debug, Default)]
pub(super) struct Opinions {
    open: BTreeMap<GroupName, Opinion>,
    /// Until when they are left alone.
    liars: BTreeMap<NodeId, Mono>,
}

/// A group of which more than one supernode is asked.
#[derive(Clone, Debug, Default)]
struct Opinion {
    /// What the one says at which we are registered, and until when that waits.
    word: Option<(Word, Mono)>,
    /// Whether that one has lied, or says nothing: then another's word is enough.
    is_forsaken: bool,
    /// Whether two are known to know two groups, so that a third is asked.
    is_contested: bool,
    is_told: bool,
    asked: BTreeMap<NodeId, Mono>,
    answers: BTreeMap<NodeId, Option<GroupRecord>>,
}

/// A supernode's word of who hosts.
#[derive(Clone, Debug)]
struct Word {
    link: LinkId,
    from: NodeId,
    lease: Lease,
    charter: Option<Box<Charter>>,
}

/// What to make of what was said.
#[derive(Debug)]
enum Verdict {
    /// Somebody has not answered yet.
    Wait,
    /// The supernode at which we are registered is not contradicted, or not by most.
    Believe { is_contested: bool },
    /// This one's word counts.
    Instead(NodeId, Box<GroupRecord>),
    /// Two groups have the name, and nobody decides.
    Undecided(Hash, Hash),
}

impl Opinion {
    fn verdict(&self, now: Mono, opposite: Option<NodeId>, third: Option<NodeId>) -> Verdict {
        let said = |by: Option<NodeId>| by.and_then(|by| Some((by, self.answers.get(&by)?)));
        let Some((word, until)) = &self.word else {
            let known = [said(opposite), said(third)].into_iter().flatten();
            let mut known = known.filter_map(|(by, record)| Some((by, record.clone()?)));
            return match known.next() {
                Some((by, record)) if self.is_forsaken => Verdict::Instead(by, Box::new(record)),
                Some(_) | None => Verdict::Wait,
            };
        };
        let believe = |is_contested| Verdict::Believe { is_contested };
        let (by, record) = match said(opposite) {
            None if opposite.is_some() && now < *until => return Verdict::Wait,
            None | Some((_, None)) => return believe(false),
            Some((by, Some(record))) => (by, record),
        };
        let (Some(ours), Some(theirs)) = (&word.charter, &record.charter) else {
            return believe(false);
        };
        let (here, there) = (ours.hash(), theirs.hash());
        if here == there || theirs.witness.is_none() {
            return believe(false);
        }
        if ours.witness.is_none() {
            return Verdict::Instead(by, Box::new(record.clone()));
        }
        let third = said(third).and_then(|(_, record)| record.as_ref()?.charter.as_ref());
        match third.map(Charter::hash) {
            Some(third) if third == there => Verdict::Instead(by, Box::new(record.clone())),
            Some(third) if third == here => believe(true),
            Some(_) | None => Verdict::Undecided(here, there),
        }
    }
}

impl Client {
    /// Asks for an opinion of a group that we know nothing of, from when we want to come in, so that nothing has to
    /// wait for it if all is well.
    pub(super) fn be_wary(&mut self, name: &GroupName) {
        let is_blank = self.groups.get(name).is_some_and(|group| group.is_blank());
        let is_alone = self.table.ring().len() < 2;
        if is_blank && !is_alone && !mutant::is(Mutant::FirstWordBelieved) {
            self.opinions.open.entry(name.clone()).or_default();
        }
    }

    /// Whether this supernode was caught in a lie a short while ago.
    pub(super) fn is_liar(&self, now: Mono, id: &NodeId) -> bool {
        let until = self.opinions.liars.get(id);
        until.is_some_and(|until| now < *until)
    }

    /// Whether a supernode's word of who hosts is a lie by itself. What we have seen is not looked at again.
    pub(super) fn is_false(&self, lease: &Lease, charter: Option<&Charter>) -> bool {
        if mutant::is(Mutant::FalseGrantBorne) {
            return false;
        }
        let group = self.groups.get(&lease.group);
        let is_seen = group.and_then(|group| group.lease()) == Some(lease);
        let is_known = charter.is_none() || group.and_then(|group| group.charter()) == charter;
        let is_proper =
            |charter: &Charter| charter.is_for(&lease.group) && charter.is_genuine(&*self.seal);
        !(is_seen || lease.is_genuine(&*self.seal)) || !(is_known || charter.is_none_or(is_proper))
    }

    /// A supernode has said what is false by itself: we take our leave of it, and ask another.
    pub(super) fn caught(&mut self, now: Now, link: LinkId, from: NodeId, name: &GroupName) {
        let liars = &mut self.opinions.liars;
        if liars.len() >= GROUPS_MAX {
            liars.retain(|_, until| now.mono < *until);
        }
        let is_news = liars.insert(from, now.mono + LIAR_SHUNNED).is_none();
        if liars.len() > GROUPS_MAX {
            liars.pop_first();
        }
        if is_news {
            self.act.tell(Event::Error {
                group: Some(name.clone()),
                what: format!("cannot believe {} about {name}", self.called(&from)),
                why: "it names a host without a supernode's grant".to_owned(),
                try_: "wait a moment: others who keep the group's record are asked".to_owned(),
            });
        }
        self.forsake(name);
        self.close(now, link, Reason::BadSignature);
    }

    /// The supernode at which we are registered is of no use for a group.
    pub(super) fn forsake(&mut self, name: &GroupName) {
        if self
            .groups
            .get(name)
            .is_some_and(|group| group.is_finding())
        {
            let opinion = self.opinions.open.entry(name.clone()).or_default();
            opinion.is_forsaken = true;
            opinion.word = None;
        }
    }

    /// A supernode says who hosts a group; whether that is to be believed now. If not, it is remembered.
    pub(super) fn is_sure(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        lease: &Lease,
        charter: Option<&Charter>,
    ) -> bool {
        let name = &lease.group;
        let is_blank = self.groups.get(name).is_some_and(|group| group.is_blank());
        let Some(opinion) = self.opinions.open.get_mut(name).filter(|_| is_blank) else {
            return true;
        };
        let until = opinion.word.as_ref().map(|(_, until)| *until);
        let word = Word {
            link,
            from,
            lease: lease.clone(),
            charter: charter.cloned().map(Box::new),
        };
        opinion.word = Some((word, until.unwrap_or(now.mono + OPINION_WAIT)));
        opinion.is_forsaken = false;
        self.judge(now, &lease.group);
        false
    }

    /// Another holder of a group's record has answered.
    pub(super) fn opined(
        &mut self,
        now: Now,
        from: NodeId,
        name: &GroupName,
        record: Option<&GroupRecord>,
    ) {
        let sound = record.filter(|record| self.is_sound(name, record)).cloned();
        let opinion = self.opinions.open.get_mut(name);
        if let Some(opinion) = opinion.filter(|opinion| opinion.asked.contains_key(&from)) {
            opinion.answers.insert(from, sound);
            self.judge(now, name);
        }
    }

    /// Whether a record can be what it says it is.
    fn is_sound(&self, name: &GroupName, record: &GroupRecord) -> bool {
        let GroupRecord { lease, charter, .. } = record;
        let is_proper = |charter: &Charter| charter.is_for(name) && charter.is_genuine(&*self.seal);
        lease.group == *name
            && !record.is_outdated()
            && lease.is_of(charter.as_ref())
            && charter.as_ref().is_none_or(is_proper)
            && self.table.is_supernode(&lease.by)
            && lease.is_genuine(&*self.seal)
    }

    /// Asks those whose opinion is wanted, and sees what came of it.
    pub(super) fn ask_around(&mut self, now: Now) {
        let is_wanted = |name: &GroupName| self.groups.get(name).is_some_and(|g| g.is_finding());
        let mut open = std::mem::take(&mut self.opinions.open);
        open.retain(|name, _| is_wanted(name));
        self.opinions.open = open;
        for name in self.opinions.open.keys().cloned().collect::<Vec<_>>() {
            for id in self.opinion_of(&name) {
                self.ask_one(now, &name, id);
            }
            self.judge(now, &name);
        }
    }

    fn ask_one(&mut self, now: Now, name: &GroupName, id: NodeId) {
        let Some(opinion) = self.opinions.open.get_mut(name) else {
            return;
        };
        let asked = opinion.asked.get(&id).copied();
        if asked.is_some_and(|at| now.mono - at < REGISTER_INTERVAL) {
            return;
        }
        let link = self.links.to_node(&id);
        let is_open = |link: &LinkId| self.links.get(*link).is_some_and(|link| link.is_open);
        if let Some(link) = link.filter(is_open) {
            opinion.asked.insert(id, now.mono);
            let group = name.clone();
            self.act
                .send(link, crate::proto::wire::Message::Query { group });
        } else if link.is_none() {
            self.dial_node(now, id);
        }
    }

    /// Whom to ask of a group: the opposite supernode, and a third if the two differ.
    fn opinion_of(&self, name: &GroupName) -> Vec<NodeId> {
        let opinion = self.opinions.open.get(name);
        let wants_third = opinion.is_some_and(|o| o.is_contested || o.is_forsaken);
        let (opposite, third) = self.witnesses(name);
        let third = third.filter(|_| wants_third);
        opposite.into_iter().chain(third).collect()
    }

    /// The opposite supernode, and the third who holds a group's record, apart from the one that we are registered
    /// with.
    fn witnesses(&self, name: &GroupName) -> (Option<NodeId>, Option<NodeId>) {
        let ours = self.groups.get(name).and_then(|g| g.registration.at);
        let ours = ours.and_then(|link| self.links.get(link)).map(|l| l.peer);
        let word = self.opinions.open.get(name).and_then(|o| o.word.as_ref());
        let from = word.map(|(word, _)| word.from).or(ours);
        let mut others = self.others(name).into_iter();
        let opposite = others.by_ref().find(|id| Some(*id) != from);
        let third = others.find(|id| Some(*id) != from && Some(*id) != opposite);
        (opposite, third)
    }

    fn judge(&mut self, now: Now, name: &GroupName) {
        let (opposite, third) = self.witnesses(name);
        let Some(opinion) = self.opinions.open.get_mut(name) else {
            return;
        };
        match opinion.verdict(now.mono, opposite, third) {
            Verdict::Wait => {}
            Verdict::Believe { is_contested } => self.believe(now, name, is_contested),
            Verdict::Instead(by, record) => self.believe_other(now, name, by, &record),
            Verdict::Undecided(here, there) => {
                let is_first = !std::mem::replace(&mut opinion.is_contested, true);
                let is_over = third.is_none_or(|id| opinion.answers.contains_key(&id));
                if is_first && let Some(third) = third {
                    self.ask_one(now, name, third);
                } else if is_over || opinion.word.as_ref().is_some_and(|w| now.mono >= w.1) {
                    self.tell_undecided(name, (here, there), opposite);
                }
            }
        }
    }

    fn believe(&mut self, now: Now, name: &GroupName, is_contested: bool) {
        let opinion = self.opinions.open.remove(name);
        let Some((word, answers)) = opinion.and_then(|o| Some((o.word?.0, o.answers))) else {
            return;
        };
        if is_contested {
            let text =
                format!("one supernode knows another {name}; two know the one that you are in");
            let group = Some(name.clone());
            self.act.tell(Event::Notice { group, text });
        }
        if self.links.get(word.link).is_some() {
            self.told_host(now, word.link, word.from, &word.lease, word.charter);
        }
        // Of one group the higher lease counts, whoever tells it.
        for record in answers.into_values().flatten() {
            self.lease(now, &record.lease, Kind::Peer);
        }
    }

    fn believe_other(&mut self, now: Now, name: &GroupName, by: NodeId, record: &GroupRecord) {
        let Some(opinion) = self.opinions.open.remove(name) else {
            return;
        };
        let other = self.called(&by);
        let text = match &opinion.word {
            Some((word, _)) => {
                let liar = self.called(&word.from);
                format!("{liar} knows another {name}, or none; you follow what {other} knows of it")
            }
            None => format!("{other} says who hosts {name}, since its own supernode does not"),
        };
        let group = Some(name.clone());
        self.act.tell(Event::Notice { group, text });
        if let (Some(charter), Some(link)) = (&record.charter, self.links.to_node(&by)) {
            self.in_group(now, name, |group, cx| {
                group.told_charter(cx, link, charter);
            });
            self.prove(now, name, charter);
        }
        self.lease(now, &record.lease, Kind::Peer);
    }

    fn tell_undecided(&mut self, name: &GroupName, two: (Hash, Hash), opposite: Option<NodeId>) {
        let Some(opinion) = self.opinions.open.get_mut(name) else {
            return;
        };
        let from = opinion.word.as_ref().map(|(word, _)| word.from);
        if std::mem::replace(&mut opinion.is_told, true) {
            return;
        }
        let called = |id: Option<NodeId>| id.map_or_else(String::new, |id| self.called(&id));
        let (here, there) = (name.tagged(&two.0), name.tagged(&two.1));
        let (from, opposite) = (called(from), called(opposite));
        self.act.tell(Event::Error {
            group: Some(name.clone()),
            what: format!("cannot come into {name}"),
            why: format!("{from} knows {here} by that name, {opposite} knows {there}"),
            try_: "ask somebody who is in it; it is tried again meanwhile".to_owned(),
        });
    }

    /// What a mesh node is called.
    fn called(&self, id: &NodeId) -> String {
        match self.table.get(id) {
            Some(listed) => listed.record.name.to_string(),
            None => id.short(),
        }
    }

    /// Links that an opinion needs.
    pub(super) fn opinion_links(&self) -> impl Iterator<Item = LinkId> {
        let asked = self.opinions.open.keys().flat_map(|n| self.opinion_of(n));
        let asked: BTreeSet<_> = asked.collect();
        asked.into_iter().filter_map(|id| self.links.to_node(&id))
    }

    pub(super) fn opinions_due(&self) -> impl Iterator<Item = Mono> {
        let dues = self.opinions.open.values().flat_map(|opinion| {
            let until = opinion.word.as_ref().map(|(_, until)| *until);
            let again = opinion.asked.values().map(|at| *at + REGISTER_INTERVAL);
            again.chain(until)
        });
        dues.chain(self.opinions.liars.values().copied())
    }
}
