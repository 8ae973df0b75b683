//! Lines that were confirmed on fewer disks than there could be: their authors hear of it when they are on more.
//!
//! A host remembers of each follower how far it was told so few, and an author which of its last lines those are. Both
//! live in memory alone: it is about what is on the screen.

use std::collections::BTreeMap;

use super::{Context, Group};
use crate::proto::event::Event;
use crate::proto::id::{EntryId, Epoch, Number, Place, Seq};
use crate::proto::limits::HEIRS;
use crate::proto::mutant::{self, Mutant};
use crate::proto::vector;
use crate::proto::wire::Vector;

/// Own lines that are remembered, the last ones: more than any face shows the copies of.
const FEW_MAX: usize = 64;
/// The disk of the host, and those of all its heirs.
const COPIES_ALL: u32 = 1 + HEIRS as u32;

/// How far a follower was told of its lines that few disks have them, and how many.
#[derive(Clone, Debug, Default)]
pub(super) struct FewTold(BTreeMap<Epoch, (Seq, u32)>);

impl FewTold {
    /// It is told that lines are on so many disks up to these places, and with that all before them.
    pub(super) fn note(&mut self, told: &Vector, copies: u32) {
        for (epoch, seq) in told {
            if copies < COPIES_ALL && !mutant::is(Mutant::CopiesForgotten) {
                self.0.insert(*epoch, (*seq, copies));
            } else {
                self.0.remove(epoch);
            }
        }
    }

    /// What of it `kept` shows to be on more, `copies`, as a whole.
    pub(super) fn grown(&self, copies: u32, kept: impl Fn(Epoch) -> Seq) -> Vector {
        let fewer = self.0.iter().filter(|(_, (_, few))| *few < copies);
        let grown = fewer.filter(|(epoch, (seq, _))| kept(**epoch) >= *seq);
        grown.map(|(epoch, (seq, _))| (*epoch, *seq)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Own lines that were confirmed on few disks, and on how many.
#[derive(Clone, Debug, Default)]
pub(super) struct FewOwn(BTreeMap<Number, (Place, u32)>);

impl FewOwn {
    pub(super) fn note(&mut self, number: Number, place: Place, copies: u32) {
        if copies < COPIES_ALL {
            self.0.insert(number, (place, copies));
        }
        if self.0.len() > FEW_MAX {
            self.0.pop_first();
        }
    }

    /// The places of those on fewer disks than this.
    pub(super) fn below(&self, copies: u32) -> impl Iterator<Item = &Place> {
        let fewer = self.0.values().filter(move |(_, few)| *few < copies);
        fewer.map(|(place, _)| place)
    }
}

impl Group {
    /// Tells the face of those of our confirmed lines that are on more disks by now: `copies`, as far as `kept`.
    pub(super) fn spread(&mut self, cx: &mut Context<'_>, kept: &Vector, copies: u32) {
        let is_grown =
            |place: &Place, few: u32| few < copies && vector::upto(kept, place.epoch) >= place.seq;
        for (number, (place, few)) in &mut self.few.0 {
            if is_grown(place, *few) {
                *few = copies;
                let (author, number) = (cx.me, *number);
                cx.act.tell(Event::Copied {
                    group: self.name.clone(),
                    id: EntryId { author, number },
                    copies,
                });
            }
        }
        self.few.0.retain(|_, (_, few)| *few < COPIES_ALL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::NodeId;

    fn epoch(number: u64) -> Epoch {
        let host = NodeId::default();
        Epoch { number, host }
    }

    #[test]
    fn what_few_disks_had_is_told_again_once_all_of_it_is_on_more() {
        let mut told = FewTold::default();
        told.note(&Vector::from([(epoch(1), Seq(4)), (epoch(2), Seq(9))]), 1);
        assert!(told.grown(1, |_| Seq(9)).is_empty(), "that is no more");
        let has = |seq| move |_| Seq(seq);
        assert_eq!(told.grown(2, has(8)), Vector::from([(epoch(1), Seq(4))]));
        told.note(&Vector::from([(epoch(1), Seq(4))]), 2);
        assert_eq!(told.grown(2, has(9)), Vector::from([(epoch(2), Seq(9))]));
        told.note(&Vector::from([(epoch(1), Seq(4)), (epoch(2), Seq(9))]), 3);
        assert!(told.is_empty(), "nothing can grow any more");
    }

    #[test]
    fn the_last_lines_are_remembered_and_no_more() {
        let mut own = FewOwn::default();
        for number in 1..=1_000 {
            let place = Place {
                epoch: epoch(1),
                seq: Seq(number),
                hlc: crate::proto::time::Hlc::default(),
            };
            own.note(Number(number), place, 1);
        }
        let kept: Vec<_> = own.below(2).map(|place| place.seq.0).collect();
        assert_eq!(kept, Vec::from_iter(1_000 - FEW_MAX as u64 + 1..=1_000));
    }
}
