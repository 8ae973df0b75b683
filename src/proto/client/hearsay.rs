//! What mesh nodes tell a client of the others. Records are signed, and who of them is up is an opinion: where those
//! who tell us differ, most of them are believed, so that one of three can neither hide a node nor add one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Client, TABLE_GATHERED};
use crate::proto::id::NodeId;
use crate::proto::limits::RECORDS_MAX;
use crate::proto::mutant::{self, Mutant};
use crate::proto::ring::{Point, Ring};
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Liveness, Message};

/// How long who knows nothing of a group waits for a second table. The second of three directories answers as soon as
/// the first, nearly always; where there is but one, nothing else is dialled and nobody waits.
const SECOND_TABLE_WAIT: Duration = Duration::from_millis(250);

/// Who tells us, and what.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearsay {
    /// Each in a place of its own; who comes when all are taken is listened to, and not counted.
    tellers: [Option<Teller>; 8],
    words: BTreeMap<NodeId, Words>,
    /// Who has told its table over the link that we have, counted or not.
    told: BTreeSet<NodeId>,
    /// When we were told a whole table first, since we were last without a node.
    began: Option<Mono>,
}

#[derive(Clone, Copy, Debug)]
struct Teller {
    id: NodeId,
    /// Whether there is no link to it any more. That it knew of a node still counts, and what it did not know does not.
    is_gone: bool,
    /// Whether it has told all it knows: of what it did not tell, it knows nothing.
    is_whole: bool,
    /// How many nodes nobody had spoken of before it.
    firsts: usize,
    /// Whether something it told had no place in our table, as what another told stood there.
    is_refused: bool,
}

/// Who says of a node that it is up, and who that it is not: a bit for each teller's place.
#[derive(Clone, Copy, Debug, Default)]
struct Words {
    up: u8,
    down: u8,
}

impl Hearsay {
    fn place(&mut self, id: NodeId) -> Option<usize> {
        let is_its = |teller: &Option<Teller>| teller.is_some_and(|teller| teller.id == id);
        let known = self.tellers.iter().position(is_its);
        let is_gone = |teller: &Option<Teller>| teller.is_some_and(|teller| teller.is_gone);
        if known.is_some_and(|place| !is_gone(&self.tellers[place])) {
            return known;
        }
        let free = || self.tellers.iter().position(Option::is_none);
        let left = || self.tellers.iter().position(is_gone);
        let place = known.or_else(free).or_else(left)?;
        let others = !(1 << place);
        self.words.retain(|_, words| {
            words.up &= others;
            words.down &= others;
            words.up | words.down != 0
        });
        self.tellers[place] = Some(Teller {
            id,
            is_gone: false,
            is_whole: false,
            firsts: 0,
            is_refused: false,
        });
        Some(place)
    }

    /// Notes what one says of a node; of itself it has no say.
    fn note(&mut self, teller: NodeId, of: NodeId, is_up: bool) {
        if teller == of {
            return;
        }
        let Some(place) = self.place(teller) else {
            return;
        };
        if let Some(teller) = &mut self.tellers[place]
            && !self.words.contains_key(&of)
        {
            teller.firsts += 1;
            if teller.firsts > RECORDS_MAX {
                return;
            }
        }
        let words = self.words.entry(of).or_default();
        let (yes, no) = if is_up {
            (&mut words.up, &mut words.down)
        } else {
            (&mut words.down, &mut words.up)
        };
        *yes |= 1 << place;
        *no &= !(1 << place);
    }

    /// Whether most of those who say something of a node say that it is up.
    fn is_up(&self, of: &NodeId) -> Option<bool> {
        if mutant::is(Mutant::LastTellerBelieved) {
            return None;
        }
        let (words, unknown) = self.words_of(of);
        let known = words.up | words.down;
        if known | unknown == 0 {
            return None;
        }
        if unknown.count_ones() >= known.count_ones() {
            return Some(false);
        }
        let here = self.places(|teller| !teller.is_gone);
        let (ayes, noes) = (words.up & here, words.down & here);
        (ayes | noes != 0).then(|| ayes.count_ones() > noes.count_ones())
    }

    /// Whether most have told all they know, and that node is not of it: then it may well answer us, and is not of the
    /// mesh.
    fn is_stranger(&self, of: &NodeId) -> bool {
        let (words, unknown) = self.words_of(of);
        let known = words.up | words.down;
        unknown.count_ones() > known.count_ones() && !mutant::is(Mutant::LastTellerBelieved)
    }

    /// What is said of a node, and who knows nothing of it, but for what it says itself.
    fn words_of(&self, of: &NodeId) -> (Words, u8) {
        let words = self.words.get(of).copied().unwrap_or_default();
        let whole = self.places(|teller| teller.is_whole && !teller.is_gone && teller.id != *of);
        (words, whole & !(words.up | words.down))
    }

    fn places(&self, is: impl Fn(&Teller) -> bool) -> u8 {
        let places = (0..).zip(&self.tellers);
        places.fold(0, |places, (place, teller)| {
            places | u8::from(teller.as_ref().is_some_and(&is)) << place
        })
    }

    /// Somebody tells us nothing any more.
    pub(super) fn forget(&mut self, id: &NodeId) {
        self.told.remove(id);
        let mut tellers = self.tellers.iter_mut().flatten();
        if let Some(teller) = tellers.find(|teller| teller.id == *id) {
            teller.is_gone = true;
        }
        if self.tellers.iter().flatten().all(|teller| teller.is_gone) {
            self.began = None;
        }
    }

    /// Until when a second table is waited for, if one is.
    pub(super) fn due(&self) -> Option<Mono> {
        self.began.map(|began| began + SECOND_TABLE_WAIT)
    }

    fn refused(&mut self, id: NodeId) {
        if let Some(place) = self.place(id)
            && let Some(teller) = &mut self.tellers[place]
        {
            teller.is_refused = true;
        }
    }
}

impl Client {
    /// How a node is, of which one says this, by what the others say.
    pub(super) fn weighed(&mut self, teller: NodeId, of: NodeId, told: Liveness) -> Liveness {
        self.hearsay.note(teller, of, told.is_up());
        let is_up_here = self.table.get(&of).is_some_and(|l| l.liveness.is_up());
        match self.hearsay.is_up(&of) {
            Some(true) if !told.is_up() && is_up_here => Liveness::Alive,
            Some(false) if told.is_up() => Liveness::Dead,
            Some(_) | None => told,
        }
    }

    /// One has told something for which our table has no room.
    pub(super) fn was_refused(&mut self, teller: NodeId) {
        self.hearsay.refused(teller);
    }

    /// One has told all it knows; or that it knows what we know, by which it agrees to it.
    pub(super) fn told_all(&mut self, now: Now, teller: NodeId, is_same: bool) {
        self.hearsay.told.insert(teller);
        let Some(place) = self.hearsay.place(teller) else {
            return;
        };
        self.hearsay.began.get_or_insert(now.mono);
        let listed = self.table.listed();
        let up: Vec<_> = listed.map(|l| (l.record.key, l.liveness.is_up())).collect();
        let is_first = self.hearsay.tellers[place].is_some_and(|teller| !teller.is_whole);
        if is_same {
            for (key, _) in up.iter().filter(|(_, is_up)| *is_up) {
                self.hearsay.note(teller, *key, true);
            }
            return;
        }
        if let Some(teller) = &mut self.hearsay.tellers[place] {
            teller.is_whole = true;
        }
        if !is_first {
            return;
        }
        for (key, is_up) in up {
            let counts = self.hearsay.is_up(&key).unwrap_or(is_up);
            let is_ours = self.is_heard(&key) || self.is_missed_here(now, &key);
            if counts != is_up && !is_ours {
                self.table.set_alive(key, counts, now.wall);
                self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
            }
        }
        self.ask_refused();
    }

    /// What had no room may have it, since what stood there was outvoted: asks those again who told it.
    fn ask_refused(&mut self) {
        let digest = self.table.digest();
        for teller in self.hearsay.tellers.iter_mut().flatten() {
            if std::mem::take(&mut teller.is_refused)
                && !teller.is_gone
                && let Some(link) = self.links.to_node(&teller.id)
            {
                self.act.send(link, Message::TableWanted { digest });
            }
        }
    }

    /// Whether a node of the mesh answers us; then nobody else's word weighs.
    pub(super) fn is_heard(&self, id: &NodeId) -> bool {
        self.links.to_node(id).is_some() && !self.hearsay.is_stranger(id)
    }

    /// Whether we have found ourselves that nobody answers there.
    fn is_missed_here(&self, now: Now, id: &NodeId) -> bool {
        let addresses = self.table.get(id).map(|listed| &listed.record.addresses);
        let pause = |at| self.search.pauses.get(at);
        let mut pauses = addresses.into_iter().flatten().filter_map(pause);
        self.links.misses_node(id) || pauses.any(|pause| now.mono < pause.until)
    }

    /// Whether enough was told of the mesh to know where to ask for a group that we know nothing of: two say that the
    /// supernode responsible for it is there, or there is nobody else to say so.
    pub(super) fn has_heard_enough(&self, now: Now, point: Point) -> bool {
        let is_over = self.hearsay.due().is_some_and(|due| now.mono >= due);
        let is_given = |at| self.search.addresses.contains(at);
        let mut dials = self.search.dials.values();
        let mut reached = self.search.reached.iter();
        let is_coming = dials.any(|dialled| is_given(&dialled.address))
            || reached.any(|(link, at)| {
                let link = self.links.get(*link);
                is_given(at) && link.is_some_and(|link| !self.has_told(&link.peer))
            });
        let responsible = self.table.ring().responsible(point);
        let words = responsible.map(|id| self.hearsay.words_of(&id).0);
        let is_decided = words.is_some_and(|words| words.up.count_ones() >= 2);
        is_over || !is_coming || is_decided || mutant::is(Mutant::FirstTableEnough)
    }

    /// The supernodes that somebody says are up, though most do not: where all differ, that is all there is.
    pub(super) fn near_by_hearsay(&self, point: Point) -> Vec<NodeId> {
        let words = |id: &NodeId| self.hearsay.words.get(id);
        let listed = self.table.listed().map(|listed| &listed.record);
        let up = listed.filter(|record| record.roles.supernode && !record.tombstone);
        let up = up.filter(|record| words(&record.key).is_some_and(|words| words.up != 0));
        let ring = Ring::new(up.filter_map(|r| Some((r.key, r.ring_address()?.ip()))));
        ring.around(point, ring.len()).collect()
    }

    pub(super) fn has_told(&self, id: &NodeId) -> bool {
        self.hearsay.told.contains(id)
    }
}
