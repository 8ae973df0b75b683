//! A node's state as text in which only what can matter is left, so that equal nodes look equal: times are
//! told from the node's own clock, and numbers that only tell things apart are counted anew.

use std::fmt::Write as _;

use fireside::proto::seal::Hash;

/// A time this long past is past for every rule: the longest that is looked back is the roster's grace.
const LONG_AGO_MS: u64 = 10_000;

/// How a number that is written after certain words is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// A moment: how far it is away.
    Time,
    /// One of several that are told apart, and compared, by number: which of those present it is.
    Rank(usize),
    /// Nothing depends on it but numbers to come, or jitter.
    Nothing,
}

/// The words before a number, and its sense. What has no sense here is left as it is.
const SENSES: [(&str, Sense); 11] = [
    ("Mono(", Sense::Time),
    ("Ticket(", Sense::Rank(0)),
    ("DialId(", Sense::Rank(1)),
    ("arrival: ", Sense::Rank(2)),
    ("tickets: ", Sense::Nothing),
    ("dials: ", Sense::Nothing),
    ("arrivals: ", Sense::Nothing),
    ("seed: ", Sense::Nothing),
    ("leases: ", Sense::Nothing),
    ("successions: ", Sense::Nothing),
    ("handoffs: ", Sense::Nothing),
];

/// 128 bits of a state's normal form; two states that share them are taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(u128);

impl Print {
    pub fn of(bytes: &[u8]) -> Self {
        let Hash(hash) = Hash::of(&[bytes]);
        let half = hash[..16].try_into().expect("16 of 32 bytes");
        Self(u128::from_be_bytes(half))
    }
}

/// The normal form of a node's state, written as Rust's debug form does, when its clock shows `now`.
pub fn normal(text: &str, now: u64) -> String {
    let numbers = numbers(text);
    let mut known: [Vec<u64>; 3] = Default::default();
    for (_, _, value, sense) in &numbers {
        if let Sense::Rank(kind) = sense {
            known[*kind].push(*value);
        }
    }
    for values in &mut known {
        values.sort_unstable();
        values.dedup();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end, value, sense) in numbers {
        out.push_str(&text[from..start]);
        from = end;
        let written = match sense {
            Sense::Time if value > now => write!(out, "in {}", value - now),
            Sense::Time => write!(out, "{} ago", (now - value).min(LONG_AGO_MS)),
            Sense::Rank(kind) => write!(out, "{}", known[kind].partition_point(|v| *v < value)),
            Sense::Nothing => Ok(()),
        };
        written.expect("a string takes everything");
    }
    out.push_str(&text[from..]);
    out
}

/// The numbers with a sense: where each begins and ends, and its value.
fn numbers(text: &str) -> Vec<(usize, usize, u64, Sense)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + start;
        let length = bytes[start..].iter().take_while(|b| b.is_ascii_digit());
        let end = start + length.count();
        at = end;
        let before = bytes[..start].last();
        if !matches!(before, Some(b'(' | b' ')) {
            continue;
        }
        let ends_so = |(words, _): &&(&str, Sense)| text[..start].ends_with(words);
        if let Some((_, sense)) = SENSES.iter().find(ends_so) {
            let value = text[start..end].parse().expect("digits of a u64");
            found.push((start, end, value, *sense));
        }
    }
    found
}

#[test]
fn times_are_told_from_now_and_numbers_counted_anew() {
    let text = "due: Some(Mono(700)), since: Mono(90), Ticket(8), Ticket(5), tickets: 9, number: 4";
    let expected =
        "due: Some(Mono(in 600)), since: Mono(10 ago), Ticket(1), Ticket(0), tickets: , number: 4";
    assert_eq!(normal(text, 100), expected);
    assert_eq!(normal("Mono(1)", 50_000), "Mono(10000 ago)");
}
