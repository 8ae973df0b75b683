//! Two persons make sure that each has the other's key, by comparing a number on a way of their own, as by telephone.
//!
//! The number is made of both keys, each giving half of it, and the lower key's half comes first: so both see the
//! same. A half is a hundred bits of a hash that is slow on purpose; whoever wants to be taken for somebody has to find
//! another key with the same half, which is out of reach, and gains nothing by choosing both ends of a talk. Digits are
//! read aloud in every language, and by a screen reader.

use std::fmt;

use super::id::NodeId;
use super::seal::Hash;

/// The word that every hash here begins with.
const DOMAIN: &[u8] = b"fireside safety number 1\0";
/// Hashes one after the other: some milliseconds for us, and as many times the work for whoever looks for a key.
const ROUNDS: u32 = 5_200;
/// Groups of five digits that one key gives.
const GROUPS: usize = 6;
/// Bytes that make a group: far more than the digits hold, so that each is as likely as any.
const GROUP_SIZE: usize = 5;

/// What two persons compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafetyNumber([u32; 2 * GROUPS]);

impl SafetyNumber {
    /// That of two persons, in either order.
    #[must_use]
    pub fn of(one: &NodeId, other: &NodeId) -> Self {
        let (low, high) = (one.min(other), one.max(other));
        let mut groups = [0; 2 * GROUPS];
        groups[..GROUPS].copy_from_slice(&half(low));
        groups[GROUPS..].copy_from_slice(&half(high));
        Self(groups)
    }

    /// It in rows of so many groups.
    #[must_use]
    pub fn rows(&self, groups: usize) -> Vec<String> {
        let rows = self.0.chunks(groups.max(1));
        let row = |row: &[u32]| {
            let groups: Vec<String> = row.iter().map(|group| format!("{group:05}")).collect();
            groups.join(" ")
        };
        rows.map(row).collect()
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rows(2 * GROUPS).join(" "))
    }
}

/// What to say to somebody who is to compare it, a row each. The nick is a stranger's.
#[must_use]
pub fn words(number: &SafetyNumber, nick: &str, is_verified: bool) -> Vec<String> {
    let mut words = vec![format!(
        "compare this with {nick}, face to face or by telephone; /verify shows the same there:"
    )];
    words.extend(number.rows(4).iter().map(|row| format!("  {row}")));
    words.push(match is_verified {
        true => format!("it was the same; if it is not, /verify {nick} no"),
        false => format!("if it is the same, /verify {nick} yes remembers it"),
    });
    words
}

/// What to say when somebody's key has been compared, or that is taken back.
#[must_use]
pub fn told(nick: &str, is_verified: bool) -> String {
    match is_verified {
        true => format!("{nick} is verified: you are told if somebody else takes the name"),
        false => format!("{nick} is not verified"),
    }
}

/// What to say when somebody goes by the name of another one whose key has been compared.
#[must_use]
pub fn warning(nick: &str, person: &NodeId, known: &NodeId) -> String {
    format!(
        "this is not the {nick} you verified: the key is {}, and was {}; ask {nick} in another way, and only then \
         /verify {nick} yes",
        person.short(),
        known.short()
    )
}

fn half(key: &NodeId) -> [u32; GROUPS] {
    let mut hash = Hash::of(&[DOMAIN, &key.0]);
    for _ in 1..ROUNDS {
        hash = Hash::of(&[DOMAIN, &hash.0, &key.0]);
    }
    let mut groups = [0; GROUPS];
    for (group, bytes) in groups.iter_mut().zip(hash.0.chunks(GROUP_SIZE)) {
        let value = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        *group = u32::try_from(value % 100_000).expect("five digits");
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_see_the_same_number_and_nobody_else_has_it() {
        let [anna, bob, eve] = [1, 2, 3].map(|byte| NodeId([byte; 32]));
        let number = SafetyNumber::of(&anna, &bob);
        assert_eq!(number, SafetyNumber::of(&bob, &anna));
        assert_ne!(number, SafetyNumber::of(&anna, &eve));
        assert_ne!(number, SafetyNumber::of(&eve, &bob));
        assert_eq!(number.rows(4).len(), 3);
        assert_eq!(number.to_string().len(), 12 * 5 + 11);
        assert!(
            number
                .to_string()
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b' ')
        );
    }

    #[test]
    fn the_number_is_written_like_this_for_ever() {
        let [anna, bob] = [1, 2].map(|byte| NodeId([byte; 32]));
        let number = SafetyNumber::of(&anna, &bob);
        assert_eq!(
            number.to_string(),
            "46638 09560 54736 79947 84843 17838 54359 54834 89143 53791 62126 77941"
        );
    }
}
