//! Arithmetic of version vectors: who has what of a group's log.

use super::id::{Epoch, Seq};
use super::wire::Vector;

/// How much of an epoch's line the owner of `vector` has; zero for a line it has nothing of.
#[must_use]
pub fn upto(vector: &Vector, epoch: Epoch) -> Seq {
    vector.get(&epoch).copied().unwrap_or_default()
}

/// Whether the owner of `vector` has everything that the owner of `other` has.
#[must_use]
pub fn covers(vector: &Vector, other: &Vector) -> bool {
    other
        .iter()
        .all(|(epoch, seq)| upto(vector, *epoch) >= *seq)
}

/// Raises `vector` to have at least `seq` of an epoch's line.
pub fn raise(vector: &mut Vector, epoch: Epoch, seq: Seq) {
    let known = vector.entry(epoch).or_default();
    *known = (*known).max(seq);
}

/// Raises `vector` to have at least everything in `other`.
pub fn merge(vector: &mut Vector, other: &Vector) {
    for (epoch, seq) in other {
        raise(vector, *epoch, *seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::NodeId;

    #[test]
    fn a_merge_covers_both_and_neither_covers_what_it_lacks() {
        let epoch = |number| Epoch {
            number,
            host: NodeId::default(),
        };
        let a = Vector::from([(epoch(1), Seq(5)), (epoch(2), Seq(1))]);
        let b = Vector::from([(epoch(1), Seq(3)), (epoch(3), Seq(2))]);
        assert!(!covers(&a, &b) && !covers(&b, &a));
        let mut both = a.clone();
        merge(&mut both, &b);
        assert!(covers(&both, &a) && covers(&both, &b));
        assert_eq!(upto(&both, epoch(1)), Seq(5));
    }
}
