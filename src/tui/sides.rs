//! Which lines were said on the other side of a split: under a host that was not ours when they got their place.

use std::collections::VecDeque;

use crate::proto::id::{Epoch, Place};
use crate::proto::time::Wall;

/// Epochs remembered; splits are seldom, and those before the last hour are told.
const EPOCHS_MAX: usize = 32;
/// How long a host may serve before all of its side have heard of it, and after they have heard of the next, in
/// milliseconds.
const UNHEARD_MS: u64 = 500;
const SERVED_ON_MS: u64 = 3_000;

/// Under which epochs we were, and since when, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    epochs: VecDeque<(Wall, Epoch)>,
}

impl Sides {
    /// From now on our lines get their places under this epoch.
    pub(crate) fn follow(&mut self, now: Wall, epoch: Epoch) {
        if self.epochs.back().is_some_and(|(_, last)| *last == epoch) {
            return;
        }
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.pop_front();
        }
        self.epochs.push_back((now, epoch));
    }

    /// Whether that is a place in the line of a host that was not ours then, though we had one.
    pub(crate) fn is_from_there(&self, place: Place) -> bool {
        let at = place.hlc.wall();
        let had_one = self.epochs.front().is_some_and(|(since, _)| *since <= at);
        let ends = self.epochs.iter().skip(1).map(|(next, _)| *next);
        let mut ours = self.epochs.iter().zip(ends.chain([Wall(u64::MAX)]));
        had_one
            && !ours.any(|((since, epoch), until)| {
                *epoch == place.epoch
                    && since.0 <= at.0.saturating_add(UNHEARD_MS)
                    && at.0 <= until.0.saturating_add(SERVED_ON_MS)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{NodeId, Seq};
    use crate::proto::time::Hlc;

    #[test]
    fn a_line_is_from_there_if_its_host_was_not_ours_when_it_was_placed() {
        let epoch = |number, host| Epoch {
            number,
            host: NodeId([host; 32]),
        };
        let (first, ours, theirs) = (epoch(1, 1), epoch(2, 2), epoch(2, 3));
        let mut sides = Sides::default();
        let place = |epoch, second: u64| Place {
            hlc: Hlc::after(Hlc::default(), Wall(second * 1_000)),
            epoch,
            seq: Seq(1),
        };
        assert!(!sides.is_from_there(place(first, 100)), "we had none");
        sides.follow(Wall(100_000), first);
        sides.follow(Wall(100_000), first);
        sides.follow(Wall(200_000), ours);
        sides.follow(Wall(300_000), theirs);
        for (at, is_from_there) in [
            (place(first, 50), false),
            (place(theirs, 50), false),
            (place(first, 150), false),
            (place(first, 202), false),
            (place(first, 210), true),
            (place(ours, 250), false),
            (place(theirs, 250), true),
            (place(theirs, 299), true),
            (place(theirs, 300), false),
            (place(theirs, 400), false),
            (place(epoch(1, 9), 150), true),
        ] {
            assert_eq!(sides.is_from_there(at), is_from_there, "{at:?}");
        }
        for number in 3..100 {
            sides.follow(Wall(300_000 + number), epoch(number, 1));
        }
        assert_eq!(sides.epochs.len(), EPOCHS_MAX);
    }
}
