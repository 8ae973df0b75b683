//! A last-writer-wins register over a log in which an entry may have two places.
//!
//! An entry that got a place in two lines counts at the earlier one, and which that is one may learn late. So
//! the register remembers a few of the last entries: when the newest turns out to be older, the one before it
//! holds again, and the result is the same in whatever order places become known.
//!
//! What is remembered is not all, after a start least of all. But an author's entries come in the order of their
//! numbers: one that is found behind a later one of its author has an earlier place that is not known here.

use crate::proto::id::{EntryId, Place};

/// Entries remembered. Each needs to be found in a second line while this many later ones are known to go
/// wrong, and an entry is resequenced only around a handover.
const KEPT_MAX: usize = 4;

/// The value of the entry that comes last in the log.
#[derive(Clone, Debug)]
pub(crate) struct Latest<T> {
    /// By place, the last one at the end; no entry twice.
    entries: Vec<(Place, EntryId, T)>,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<T> Latest<T> {
    /// Takes the value of an entry at one of its places.
    pub(crate) fn put(&mut self, place: Place, id: EntryId, value: T) {
        let is_later = |known: &EntryId| known.author == id.author && known.number > id.number;
        let mut known = self.entries.iter();
        if known.any(|(at, known, _)| is_later(known) && *at < place) {
            return;
        }
        let is_earlier = |known: &EntryId| known.author == id.author && known.number < id.number;
        self.entries
            .retain(|(at, known, _)| !(is_earlier(known) && *at > place));
        match self.entries.iter().position(|(_, known, _)| *known == id) {
            Some(index) if self.entries[index].0 <= place => return,
            Some(index) => {
                self.entries.remove(index);
            }
            None => {}
        }
        let index = self.entries.partition_point(|(at, _, _)| *at < place);
        self.entries.insert(index, (place, id, value));
        if self.entries.len() > KEPT_MAX {
            self.entries.remove(0);
        }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.entries.last().map(|(place, _, _)| *place)
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.entries.last().map(|(_, _, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{Epoch, NodeId, Number, Seq};
    use crate::proto::time::Hlc;

    #[test]
    fn an_old_entry_that_is_found_again_further_on_changes_nothing() {
        let (author, host) = (NodeId([2; 32]), NodeId([1; 32]));
        let put = |latest: &mut Latest<u64>, hlc, author, number| {
            let epoch = Epoch { number: hlc, host };
            let (hlc, seq, number) = (Hlc(hlc), Seq(1), Number(number));
            let id = EntryId { author, number };
            latest.put(Place { hlc, epoch, seq }, id, number.0);
        };
        let mut latest = Latest::default();
        put(&mut latest, 7, author, 45);
        // It stands before the other where this was forgotten.
        put(&mut latest, 9, author, 43);
        assert_eq!(latest.value(), Some(&45));
        put(&mut latest, 5, author, 46);
        assert_eq!(latest.value(), Some(&46), "45 has a place before 5");
        put(&mut latest, 8, host, 1);
        assert_eq!(
            latest.value(),
            Some(&1),
            "others' entries come as they stand"
        );
    }

    #[test]
    fn an_entry_counts_at_its_earlier_place_whichever_is_known_first() {
        let place = |hlc| Place {
            hlc: Hlc(hlc),
            epoch: Epoch {
                number: hlc,
                host: NodeId([1; 32]),
            },
            seq: Seq(1),
        };
        let id = |number| EntryId {
            author: NodeId([2; 32]),
            number: Number(number),
        };
        let told = [
            (place(1), id(1), "first"),
            (place(5), id(1), "first"),
            (place(3), id(2), "second"),
        ];
        for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0], [1, 0, 2]] {
            let mut latest = Latest::default();
            for index in order {
                let (place, id, value) = told[index];
                latest.put(place, id, value);
            }
            assert_eq!(latest.value(), Some(&"second"), "{order:?}");
            assert_eq!(latest.place(), Some(place(3)));
        }
    }
}
