//! Who holds which rank at which place of a group's log, who was put out, and which modes hold: a pure function of
//! the charter's founder and of the rulings in the log.
//!
//! A ruling counts only if its author had the right at its place. Since a merge may bring in earlier ones, all
//! rulings are kept, and the conclusions are drawn anew when one comes in that is not the last.

use std::collections::BTreeMap;

use crate::proto::id::{EntryId, NodeId, Place};
use crate::proto::ruling::{Mode, Rank, Ruling};
use crate::proto::wire::{Body, Entry};

/// Rulings kept of one group: years of them; beyond, those without effect go first, then the oldest.
const RULINGS_MAX: usize = 4_096;

/// The rulings of a group, and what follows from them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    founder: Option<NodeId>,
    /// By place, each at the earliest place that is known of it.
    rulings: BTreeMap<Place, (EntryId, Ruling)>,
    places: BTreeMap<EntryId, Place>,
    ruled: Ruled,
}

/// What holds, and since where.
#[derive(Clone, Debug, Default)]
struct Ruled {
    operators: BTreeMap<NodeId, Switch>,
    bans: BTreeMap<NodeId, Switch>,
    modes: BTreeMap<Mode, Switch>,
    /// Where each member was put out last.
    put_out: BTreeMap<NodeId, Place>,
}

/// Something that was turned on and off, by place.
#[derive(Clone, Debug, Default)]
struct Switch(Vec<(Place, bool)>);

impl Switch {
    fn turn(&mut self, place: Place, on: bool) {
        if self.0.last().is_none_or(|(_, was)| *was != on) {
            self.0.push((place, on));
        }
    }

    /// How it stood just before `place`.
    fn before(&self, place: Option<Place>) -> bool {
        let count = match place {
            Some(place) => self.0.partition_point(|(at, _)| *at < place),
            None => self.0.len(),
        };
        count > 0 && self.0[count - 1].1
    }
}

impl Ruled {
    fn rank(&self, founder: Option<NodeId>, key: &NodeId, before: Option<Place>) -> Rank {
        if founder == Some(*key) {
            Rank::Founder
        } else if self.operators.get(key).is_some_and(|is| is.before(before)) {
            Rank::Operator
        } else {
            Rank::Member
        }
    }

    fn allows(
        &self,
        founder: Option<NodeId>,
        author: &NodeId,
        ruling: &Ruling,
        before: Option<Place>,
    ) -> Result<(), Lack> {
        let rank = |key| self.rank(founder, key, before);
        match ruling {
            Ruling::Op { .. } | Ruling::Deop { .. } if rank(author) < Rank::Founder => {
                Err(Lack::Founder)
            }
            Ruling::Op { member } | Ruling::Deop { member } if rank(member) == Rank::Founder => {
                Err(Lack::Rank)
            }
            Ruling::Op { .. } | Ruling::Deop { .. } => Ok(()),
            Ruling::Kick { .. }
            | Ruling::Ban { .. }
            | Ruling::Unban { .. }
            | Ruling::Mode { .. }
                if rank(author) < Rank::Operator =>
            {
                Err(Lack::Operator)
            }
            Ruling::Kick { member, .. } | Ruling::Ban { member }
                if rank(member) >= rank(author) =>
            {
                Err(Lack::Rank)
            }
            Ruling::Kick { .. }
            | Ruling::Ban { .. }
            | Ruling::Unban { .. }
            | Ruling::Mode { .. } => Ok(()),
        }
    }

    /// Takes a ruling that stands, and comes after all taken so far.
    fn take(&mut self, place: Place, ruling: &Ruling) {
        match ruling {
            Ruling::Op { member } => self.operators.entry(*member).or_default().turn(place, true),
            Ruling::Deop { member } => {
                self.operators
                    .entry(*member)
                    .or_default()
                    .turn(place, false);
            }
            Ruling::Kick { member, .. } => {
                self.put_out.insert(*member, place);
            }
            Ruling::Ban { member } => {
                self.put_out.insert(*member, place);
                self.bans.entry(*member).or_default().turn(place, true);
            }
            Ruling::Unban { member } => self.bans.entry(*member).or_default().turn(place, false),
            Ruling::Mode { mode, on } => self.modes.entry(*mode).or_default().turn(place, *on),
        }
    }
}

/// Which right is lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is the founder's.
    Founder,
    /// It is the founder's and the operators'.
    Operator,
    /// Whom it is about ranks as high.
    Rank,
}

impl Rights {
    /// Takes the founder from a charter; says whether anything changed.
    pub(crate) fn founded(&mut self, founder: Option<NodeId>) -> bool {
        let is_news = self.founder != founder;
        if is_news {
            self.founder = founder;
            self.conclude();
        }
        is_news
    }

    /// Takes a ruling at one of its places; says whether anything changed.
    pub(crate) fn add(&mut self, place: Place, id: EntryId, ruling: &Ruling) -> bool {
        let known = self.places.get(&id).copied();
        if known.is_some_and(|known| known <= place) {
            return false;
        }
        let last = self.rulings.last_key_value();
        let is_last = known.is_none() && last.is_none_or(|(last, _)| *last < place);
        known.map(|known| self.rulings.remove(&known));
        self.places.insert(id, place);
        self.rulings.insert(place, (id, ruling.clone()));
        self.bound();
        if !is_last {
            self.conclude();
        } else if self.allows(&id.author, ruling, None).is_ok() {
            self.ruled.take(place, ruling);
        }
        true
    }

    /// Whether a key may decide something just before a place; at the log's end without one.
    ///
    /// # Errors
    /// What it lacks.
    pub(crate) fn allows(
        &self,
        author: &NodeId,
        ruling: &Ruling,
        before: Option<Place>,
    ) -> Result<(), Lack> {
        self.ruled.allows(self.founder, author, ruling, before)
    }

    /// The ruling at a place, and its id.
    pub(crate) fn at(&self, place: Place) -> Option<(EntryId, &Ruling)> {
        let (id, ruling) = self.rulings.get(&place)?;
        Some((*id, ruling))
    }

    pub(crate) fn rank(&self, key: &NodeId, before: Option<Place>) -> Rank {
        self.ruled.rank(self.founder, key, before)
    }

    pub(crate) fn is_banned(&self, key: &NodeId, before: Option<Place>) -> bool {
        self.ruled.bans.get(key).is_some_and(|is| is.before(before))
    }

    /// Who is kept out at the log's end, and since which place.
    pub(crate) fn bans(&self) -> impl Iterator<Item = (NodeId, Place)> {
        let bans = self.ruled.bans.iter();
        bans.filter_map(|(key, is)| match is.0.last() {
            Some((since, true)) => Some((*key, *since)),
            Some((_, false)) | None => None,
        })
    }

    /// The operators at the log's end.
    pub(crate) fn operators(&self) -> impl Iterator<Item = NodeId> {
        let operators = self.ruled.operators.iter();
        let operators = operators.filter(|(_, is)| is.before(None));
        operators.map(|(key, _)| *key)
    }

    pub(crate) fn founder(&self) -> Option<NodeId> {
        self.founder
    }

    /// Where a key was put out last.
    pub(crate) fn put_out(&self, key: &NodeId) -> Option<Place> {
        self.ruled.put_out.get(key).copied()
    }

    pub(crate) fn holds(&self, mode: Mode, before: Option<Place>) -> bool {
        self.ruled
            .modes
            .get(&mode)
            .is_some_and(|is| is.before(before))
    }

    /// Whether a key may set the topic just before a place; at the log's end without one.
    pub(crate) fn may_set_topic(&self, key: &NodeId, before: Option<Place>) -> bool {
        !self.holds(Mode::TopicLock, before) || self.rank(key, before) >= Rank::Operator
    }

    /// Whether the author of what has a place had the right to it there.
    pub(crate) fn stands(&self, place: Place, entry: &Entry) -> bool {
        let (author, before) = (&entry.author, Some(place));
        match &entry.body {
            Body::Ruling(ruling) => self.allows(author, ruling, before).is_ok(),
            Body::Topic { .. } => self.may_set_topic(author, before),
            Body::Join { .. } => !self.is_banned(author, before),
            Body::Part { .. }
            | Body::Quit { .. }
            | Body::Nick { .. }
            | Body::Text { .. }
            | Body::Action { .. }
            | Body::Gone { .. }
            | Body::Void => true,
        }
    }

    fn conclude(&mut self) {
        self.ruled = Ruled::default();
        for (place, (id, ruling)) in &self.rulings {
            let allowed = self
                .ruled
                .allows(self.founder, &id.author, ruling, Some(*place));
            if allowed.is_ok() {
                self.ruled.take(*place, ruling);
            }
        }
    }

    /// What is let go here keeps its effect until the conclusions are drawn anew.
    fn bound(&mut self) {
        if self.rulings.len() <= RULINGS_MAX {
            return;
        }
        let is_vain = |(place, (id, ruling)): (&Place, &(EntryId, Ruling))| {
            self.allows(&id.author, ruling, Some(*place)).is_err()
        };
        let vain = self.rulings.iter().find(|entry| is_vain(*entry));
        let oldest = self.rulings.first_key_value();
        if let Some(place) = vain.or(oldest).map(|(place, _)| *place)
            && let Some((id, _)) = self.rulings.remove(&place)
        {
            self.places.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{Epoch, Number, Seq};
    use crate::proto::time::Hlc;

    const FOUNDER: u8 = 1;

    fn id(byte: u8) -> NodeId {
        NodeId([byte; 32])
    }

    fn at(time: u64) -> Place {
        Place {
            hlc: Hlc(time),
            epoch: Epoch {
                number: 1,
                host: id(1),
            },
            seq: Seq(time),
        }
    }

    fn told(told: &[(u64, u8, Ruling)], order: &[usize]) -> Rights {
        let mut rights = Rights::default();
        rights.founded(Some(id(FOUNDER)));
        for (time, author, ruling) in order.iter().map(|index| &told[*index]) {
            let entry = EntryId {
                author: id(*author),
                number: Number(*time),
            };
            rights.add(at(*time), entry, ruling);
        }
        rights
    }

    fn kick(member: u8) -> Ruling {
        Ruling::Kick {
            member: id(member),
            why: String::new(),
        }
    }

    #[test]
    fn in_whatever_order_rulings_become_known_the_same_holds() {
        let story = [
            (1, FOUNDER, Ruling::Op { member: id(2) }),
            (2, 2, Ruling::Ban { member: id(3) }),
            (3, FOUNDER, Ruling::Deop { member: id(2) }),
            // Two is an operator no longer, and three and four never were.
            (4, 2, Ruling::Unban { member: id(3) }),
            (5, 3, Ruling::Op { member: id(3) }),
            (6, 4, kick(FOUNDER)),
            (
                7,
                2,
                Ruling::Mode {
                    mode: Mode::TopicLock,
                    on: true,
                },
            ),
        ];
        for order in [
            [0, 1, 2, 3, 4, 5, 6],
            [6, 5, 4, 3, 2, 1, 0],
            [3, 0, 6, 2, 5, 1, 4],
        ] {
            let rights = told(&story, &order);
            assert_eq!(rights.rank(&id(2), None), Rank::Member, "{order:?}");
            assert_eq!(rights.rank(&id(2), Some(at(2))), Rank::Operator);
            assert_eq!(rights.rank(&id(3), None), Rank::Member);
            assert!(rights.is_banned(&id(3), None));
            assert!(!rights.is_banned(&id(3), Some(at(2))));
            assert_eq!(rights.put_out(&id(3)), Some(at(2)));
            assert_eq!(rights.put_out(&id(FOUNDER)), None);
            assert!(!rights.holds(Mode::TopicLock, None));
        }
    }

    #[test]
    fn nobody_touches_the_founder_and_operators_not_each_other() {
        let story = [
            (1, FOUNDER, Ruling::Op { member: id(2) }),
            (2, FOUNDER, Ruling::Op { member: id(3) }),
        ];
        let rights = told(&story, &[0, 1]);
        assert_eq!(rights.allows(&id(2), &kick(3), None), Err(Lack::Rank));
        assert_eq!(rights.allows(&id(2), &kick(FOUNDER), None), Err(Lack::Rank));
        assert_eq!(rights.allows(&id(2), &kick(4), None), Ok(()));
        assert_eq!(rights.allows(&id(4), &kick(5), None), Err(Lack::Operator));
        assert_eq!(rights.allows(&id(FOUNDER), &kick(2), None), Ok(()));
        let op = Ruling::Op { member: id(4) };
        assert_eq!(rights.allows(&id(2), &op, None), Err(Lack::Founder));
    }

    #[test]
    fn without_a_charter_nobody_has_rights() {
        let mut rights = told(&[(1, FOUNDER, Ruling::Op { member: id(2) })], &[0]);
        assert_eq!(rights.rank(&id(2), None), Rank::Operator);
        rights.founded(None);
        assert_eq!(rights.rank(&id(2), None), Rank::Member);
        assert_eq!(
            rights.allows(&id(FOUNDER), &kick(2), None),
            Err(Lack::Operator)
        );
    }

    #[test]
    fn a_flood_of_rulings_without_effect_drives_out_no_other() {
        let mut rights = told(&[(1, FOUNDER, Ruling::Ban { member: id(2) })], &[0]);
        for time in 2..(RULINGS_MAX as u64 + 50) {
            let entry = EntryId {
                author: id(9),
                number: Number(time),
            };
            rights.add(at(time), entry, &kick(FOUNDER));
        }
        assert_eq!(rights.rulings.len(), RULINGS_MAX);
        rights.conclude();
        assert!(rights.is_banned(&id(2), None));
    }
}
