//! Watching who is alive: what the engine is told of our links and of the table, and what it finds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::MeshNode;
use crate::proto::id::NodeId;
use crate::proto::limits::{FULL_MESH_MAX, TABLE_INTERVAL};
use crate::proto::membership::{Membership, Note};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Doing, Edition, Gossip, Listed, Liveness, Message};

/// How often the table takes over who is suspected, and who has objected.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// How long others' word that a node is up counts for nothing once a dial of ours has found nobody there, and we have
/// never heard it. Those with whom it would share groups dial it again and again.
const UNHEARD_FOR: Duration = Duration::from_secs(60);

/// How a node finds out who is alive.
#[derive(Clone, Debug)]
pub(super) enum Watch {
    Gossip(Box<Watching>),
    /// Who is linked is alive.
    Links,
}

#[derive(Clone, Debug)]
pub(super) struct Watching {
    engine: Membership,
    seed: u64,
    /// Nodes that we have lost our links to, and which word of theirs we knew then: a later one proves that others
    /// still hear them.
    missed: BTreeMap<NodeId, Option<(u64, u16)>>,
    /// Nodes that we have heard over links of our own, since our start.
    heard: BTreeSet<NodeId>,
    /// Nodes that we have never heard and not found where their records say that they are, and for how long that
    /// weighs more than others' word: who tells of nodes that are not there, under ever higher clocks, would put
    /// them on the ring.
    unheard: BTreeMap<NodeId, Mono>,
    refresh_due: Mono,
}

impl Watch {
    pub(super) fn new(me: Edition, seed: u64) -> Self {
        Self::Gossip(Box::new(Watching {
            engine: Membership::new(me, seed),
            seed,
            missed: BTreeMap::new(),
            heard: BTreeSet::new(),
            unheard: BTreeMap::new(),
            refresh_due: Mono::default(),
        }))
    }

    pub(super) fn by_links() -> Self {
        Self::Links
    }

    pub(super) fn is_by_links(&self) -> bool {
        match self {
            Self::Links => true,
            Self::Gossip(_) => false,
        }
    }

    pub(super) fn due(&self) -> Option<Mono> {
        let watching = self.watching()?;
        let engine = watching.engine.due();
        // While nobody else is known there is nothing to take over.
        engine.map(|due| due.min(watching.refresh_due))
    }

    pub(super) fn renewed(&mut self, now: Mono, clock: u64) {
        if let Some(watching) = self.watching_mut() {
            watching.renew(now, clock);
        }
    }

    /// Has the engine watch this one.
    pub(super) fn met(&mut self, now: Mono, edition: Edition) {
        if let Some(watching) = self.watching_mut()
            && !watching.engine.is_up(edition)
        {
            watching.engine.met(now, edition);
        }
    }

    /// Has the engine watch nobody but these, and those that we miss until it has found out how they are: they are
    /// neither linked nor on the ring any more.
    pub(super) fn keep(&mut self, now: Mono, is_kept: impl Fn(&NodeId) -> bool) {
        if let Some(watching) = self.watching_mut() {
            let Watching { engine, missed, .. } = watching;
            let is_missed =
                |key: &NodeId| missed.contains_key(key) && !mutant::is(Mutant::MissedLetGo);
            engine.keep(now, |key| is_kept(key) || is_missed(key));
            missed.retain(|key, _| engine.incarnation(key).is_some());
        }
    }

    /// Whether the engine watches it.
    pub(super) fn knows(&self, key: &NodeId) -> bool {
        let watching = self.watching();
        watching.is_some_and(|watching| watching.engine.incarnation(key).is_some())
    }

    /// Whether we have heard no more nodes than everybody is linked to in a small mesh.
    pub(super) fn hears_few(&self) -> bool {
        self.watching().is_some_and(Watching::hears_few)
    }

    /// Whether we have heard it over a link of our own; who does not watch does not know.
    pub(super) fn has_heard(&self, key: &NodeId) -> bool {
        self.watching()
            .is_none_or(|watching| watching.heard.contains(key))
    }

    pub(super) fn seed(&self) -> u64 {
        self.watching().map_or(0, |watching| watching.seed)
    }

    fn watching(&self) -> Option<&Watching> {
        match self {
            Self::Gossip(watching) => Some(watching),
            Self::Links => None,
        }
    }

    fn watching_mut(&mut self) -> Option<&mut Watching> {
        match self {
            Self::Gossip(watching) => Some(watching),
            Self::Links => None,
        }
    }
}

impl Watching {
    fn renew(&mut self, now: Mono, clock: u64) {
        if self.engine.members().next().is_none() {
            // Nobody has heard of an earlier one, that it would have to be called off.
            let me = Edition {
                clock,
                ..self.engine.me()
            };
            self.engine = Membership::new(me, self.seed);
            return;
        }
        self.engine.renew(now, clock);
    }

    /// Whether others' word that a node is up counts for nothing: we have looked for it in vain. Who hears more than
    /// everybody hears in a small mesh does not look for all.
    fn is_unheard(&self, key: &NodeId) -> bool {
        self.hears_few() && self.unheard.contains_key(key)
    }

    fn hears_few(&self) -> bool {
        // We are one of the mesh ourselves.
        self.heard.len() < FULL_MESH_MAX
    }

    /// How a node is by all we know.
    fn opinion(&self, edition: Edition) -> Liveness {
        if !self.engine.is_up(edition) {
            Liveness::Dead
        } else if self.missed.contains_key(&edition.key) || self.is_unheard(&edition.key) {
            Liveness::Missed
        } else {
            Liveness::Alive
        }
    }
}

impl MeshNode {
    /// The table from disk is what the watching begins with.
    pub(super) fn remember(&mut self, now: Now) {
        let up = self.table.listed().filter(|l| l.liveness.is_up());
        let up = up.map(|listed| listed.record.edition());
        let others: Vec<_> = up.filter(|e| e.key != self.record.key).collect();
        for edition in others {
            self.met(now, edition);
        }
    }

    /// A node has signed this record, and so is there, or was lately.
    pub(super) fn met(&mut self, now: Now, edition: Edition) {
        if !self.is_in_ward(&edition.key) {
            return;
        }
        if let Some(watching) = self.watch.watching_mut() {
            watching.engine.met(now.mono, edition);
        }
    }

    /// Somebody says that a node is up which we do not count. Either we have never heard of it, or it was called dead:
    /// then it must come back under a higher clock, and has to be told so.
    pub(super) fn is_said_to_be_up(&mut self, now: Now, edition: Edition) {
        if self.is_unheard(&edition.key) {
            return;
        }
        if !self.is_in_ward(&edition.key) && !self.watch.knows(&edition.key) {
            let listed = self.table.get(&edition.key);
            if listed.is_some_and(|listed| !listed.liveness.is_up()) {
                self.call_back(now, edition);
            }
            return;
        }
        let Some(watching) = self.watch.watching_mut() else {
            return;
        };
        if watching.engine.is_down(edition) {
            watching.engine.announce(now.mono, edition);
        } else if !watching.engine.is_up(edition) {
            watching.engine.met(now.mono, edition);
        }
    }

    /// Tells a node that may not be there that we are, and asks who else is.
    pub(super) fn call(&mut self, now: Now, to: Edition) {
        if let Some(watching) = self.watch.watching_mut() {
            watching.engine.announce(now.mono, to);
        }
    }

    /// A node says something to us over a link that is heard.
    pub(super) fn heard_from(&mut self, now: Now, key: NodeId) {
        let Some(edition) = self.table.get(&key).map(|l| l.record.edition()) else {
            return;
        };
        let Some(watching) = self.watch.watching_mut() else {
            return self.set_liveness(now, key, Liveness::Alive);
        };
        watching.missed.remove(&key);
        watching.unheard.remove(&key);
        let is_new = watching.heard.insert(key);
        // Whom we watch is chosen anew in a mesh that has just turned out to be large.
        self.ward.is_left |= is_new && !watching.hears_few();
        if watching.engine.is_down(edition) {
            watching.engine.announce(now.mono, edition);
        } else {
            watching.engine.met(now.mono, edition);
        }
        let opinion = watching.opinion(edition);
        self.set_liveness(now, key, opinion);
    }

    /// Our last link to a node is gone or quiet, or nobody answers where it should be.
    pub(super) fn missed(&mut self, now: Now, key: NodeId) {
        let Some(listed) = self.table.get(&key) else {
            return;
        };
        let was_up = listed.liveness.is_up();
        let is_small = self.is_small();
        if let Some(watching) = self.watch.watching_mut()
            && !watching.heard.contains(&key)
            && !mutant::is(Mutant::UnheardBelieved)
        {
            watching.unheard.insert(key, now.mono + UNHEARD_FOR);
        }
        if let Some(watching) = self.watch.watching_mut()
            && (watching.engine.incarnation(&key).is_some() || is_small)
        {
            let known = watching.engine.incarnation(&key);
            watching.missed.entry(key).or_insert(known);
            watching.engine.doubt(now.mono, &key);
        }
        if was_up {
            self.set_liveness(now, key, Liveness::Missed);
        }
    }

    /// Whether others' word that a node is up counts for nothing here.
    pub(super) fn is_unheard(&self, key: &NodeId) -> bool {
        let watching = self.watch.watching();
        watching.is_some_and(|watching| watching.is_unheard(key))
    }

    /// Lets go of what is known of nodes that are not in the table any more, and of what has weighed for long enough.
    pub(super) fn tidy_watch(&mut self, now: Now) {
        let table = &self.table;
        if let Some(watching) = self.watch.watching_mut() {
            watching.heard.retain(|key| table.get(key).is_some());
            watching
                .unheard
                .retain(|key, until| now.mono < *until && table.get(key).is_some());
        }
        self.give_up_missed(now);
    }

    /// In a large mesh a node that we do not watch may be missed by a dial. Whoever holds it for up would have told us
    /// so when tables were compared, and it would have come back.
    fn give_up_missed(&mut self, now: Now) {
        if self.is_small() || self.watch.is_by_links() || mutant::is(Mutant::MissedForEver) {
            return;
        }
        let is_over = |listed: &&Listed| {
            let since = Duration::from_millis(now.wall.0.saturating_sub(listed.since.0));
            listed.liveness == Liveness::Missed
                && since > TABLE_INTERVAL
                && !self.watch.knows(&listed.record.key)
        };
        let over = self.table.listed().filter(is_over);
        for key in over.map(|l| l.record.key).collect::<Vec<_>>() {
            self.set_liveness(now, key, Liveness::Dead);
        }
    }

    /// A node is no longer in the table.
    pub(super) fn unwatch(&mut self, now: Now, key: &NodeId) {
        if let Some(watching) = self.watch.watching_mut() {
            watching.missed.remove(key);
            watching.heard.remove(key);
            watching.unheard.remove(key);
            watching.engine.forget(now.mono, key);
        }
    }

    /// We end, and say so.
    pub(super) fn leave(&mut self, now: Now) {
        if let Some(watching) = self.watch.watching_mut() {
            watching.engine.leave(now.mono);
        }
        self.say_all_gossip(now);
    }

    /// Takes a step of the protocol. Only those whose record we have may be named in it, so that nobody fills our
    /// memory with names; for records that are later than ours we ask.
    pub(super) fn gossiped(&mut self, now: Now, link: LinkId, from: NodeId, mut gossip: Gossip) {
        let sender = Edition {
            key: from,
            clock: gossip.clock,
        };
        let known = self.table.known_clock(&from).unwrap_or_default();
        if known != sender.clock {
            // It has a record that we do not know; or it goes by one that it has forgotten to be old.
            return match known < sender.clock {
                true => self.want(now, link, &[sender]),
                false => self.tell_records(link, &[from]),
            };
        }
        let me = self.record.edition();
        let is_known = |edition: &Edition| *edition == me || self.table.has(*edition);
        let of = match &gossip.doing {
            Doing::PingFor { target: of, .. }
            | Doing::PingOf { origin: of, .. }
            | Doing::AckFor { target: of, .. }
            | Doing::AckOf { origin: of, .. } => Some(of),
            Doing::Ping { .. }
            | Doing::Ack { .. }
            | Doing::Announce
            | Doing::Feed
            | Doing::Tell
            | Doing::CallDead => None,
        };
        if !of.is_none_or(is_known) {
            return;
        }
        let later: Vec<_> = gossip
            .news
            .iter()
            .filter(|news| news.liveness != Liveness::Dead)
            .map(|news| news.edition)
            .filter(|edition| edition.key != me.key)
            .filter(|edition| {
                let known = self.table.known_clock(&edition.key);
                known.is_none_or(|known| known < edition.clock)
            })
            .collect();
        let is_small = self.is_small();
        let news = std::mem::take(&mut gossip.news).into_iter();
        let (of_others, of_ours): (Vec<_>, Vec<_>) = news.partition(|news| {
            let key = &news.edition.key;
            !is_small && *key != me.key && !(self.watch.knows(key) && is_known(&news.edition))
        });
        gossip.news = of_ours;
        gossip.news.retain(|news| is_known(&news.edition));
        for news in &of_others {
            self.told_word(now, news);
        }
        self.want(now, link, &later);
        if let Some(watching) = self.watch.watching_mut() {
            watching.engine.received(now.mono, sender, &gossip);
        }
    }

    /// Lets the engine do what is due, and does what it wants.
    pub(super) fn watched(&mut self, now: Now) {
        if let Some(watching) = self.watch.watching_mut() {
            watching.engine.tick(now.mono);
        }
        loop {
            let Some(watching) = self.watch.watching_mut() else {
                return;
            };
            let notes = watching.engine.take_notes();
            if notes.is_empty() {
                break;
            }
            for note in notes {
                self.noted(now, note);
            }
        }
        self.refresh(now);
        self.say_all_gossip(now);
    }

    fn noted(&mut self, now: Now, note: Note) {
        match note {
            Note::Up(key) | Note::Down(key) => {
                let Some(edition) = self.table.get(&key).map(|l| l.record.edition()) else {
                    return;
                };
                let Some(watching) = self.watch.watching_mut() else {
                    return;
                };
                if matches!(note, Note::Down(_)) {
                    watching.missed.remove(&key);
                }
                let opinion = watching.opinion(edition);
                self.set_liveness(now, key, opinion);
                if !opinion.is_up() {
                    self.pass_on(now, edition, Liveness::Dead);
                }
            }
            Note::Renewed(clock) => self.sign(now, clock.saturating_sub(1)),
        }
    }

    /// Takes over who is suspected; those that we miss and that have objected count again: others hear them.
    fn refresh(&mut self, now: Now) {
        let Some(watching) = self.watch.watching_mut() else {
            return;
        };
        if now.mono < watching.refresh_due {
            return;
        }
        watching.refresh_due = now.mono + REFRESH_INTERVAL;
        let mut told = Vec::new();
        for (edition, incarnation, liveness) in watching.engine.members() {
            let word = Some((edition.clock, incarnation));
            let missed = watching.missed.get(&edition.key).copied();
            let has_objected = missed.is_some_and(|known| word > known);
            if has_objected && liveness == Liveness::Alive {
                watching.missed.remove(&edition.key);
            }
            let is_missed =
                watching.missed.contains_key(&edition.key) || watching.is_unheard(&edition.key);
            let liveness = if is_missed && liveness.is_up() {
                Liveness::Missed
            } else {
                liveness
            };
            told.push((edition, liveness));
        }
        for (edition, liveness) in told {
            if self.table.has(edition) && edition.key != self.record.key {
                self.set_liveness(now, edition.key, liveness);
            }
        }
    }

    fn say_all_gossip(&mut self, now: Now) {
        let Some(watching) = self.watch.watching_mut() else {
            return;
        };
        for (to, gossip) in watching.engine.take_packets() {
            self.say(now, to, Message::Gossip(Box::new(gossip)));
        }
    }
}
