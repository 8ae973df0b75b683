//! The sentences of the log: a handover, a run of joins and leaves, counts, and our nick among others' words.

use std::ops::Range;

use super::log::{Handover, Parted, Said};
use super::wrap::{fit, width};
use crate::proto::event::{Tenure, What};
use crate::sanitize;

/// A handover's line fits the log of a screen of 80 columns, beside its time.
const HANDOVER_WIDTH: u16 = 54;
/// Names told one by one in a run of joins or leaves.
const NAMES_TOLD: usize = 6;

/// What somebody did in a run of joins and leaves.
pub(crate) struct Passing {
    nick: String,
    here_before: bool,
    pub(crate) here_after: bool,
    why: String,
}

pub(crate) fn note_passing(people: &mut Vec<Passing>, said: &Said) {
    if said.told {
        return;
    }
    let (nick, came, why) = match &said.what {
        What::Join => (said.from.clone(), true, ""),
        What::Part(why) | What::Quit(why) => (said.from.clone(), false, why.as_str()),
        What::Gone { nick, .. } => (sanitize::name(nick.as_str()).into_owned(), false, ""),
        What::Text(_)
        | What::Action(_)
        | What::Topic(_)
        | What::Nick(_)
        | What::Ruling { .. }
        | What::Vain(_) => return,
    };
    match people.iter_mut().find(|passing| passing.nick == nick) {
        Some(passing) => {
            passing.here_after = came;
            why.clone_into(&mut passing.why);
        }
        None => people.push(Passing {
            nick,
            here_before: !came,
            here_after: came,
            why: why.to_owned(),
        }),
    }
}

/// One sentence for a run; nothing if it is told elsewhere.
pub(crate) fn tell_passing(people: &[Passing]) -> Option<String> {
    if let [only] = people
        && !only.here_after
        && !only.why.is_empty()
    {
        return Some(format!("{} left: {}", only.nick, only.why));
    }
    let told: Vec<String> = [
        (false, true, "joined"),
        (true, false, "left"),
        (true, true, "came back"),
        (false, false, "came and went"),
    ]
    .into_iter()
    .filter_map(|(before, after, did)| {
        let names: Vec<&str> = people
            .iter()
            .filter(|passing| passing.here_before == before && passing.here_after == after)
            .map(|passing| passing.nick.as_str())
            .collect();
        Some(format!("{} {did}", enumerate(&names)?))
    })
    .collect();
    (!told.is_empty()).then(|| told.join(" · "))
}

fn enumerate(names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        names if names.len() > NAMES_TOLD => {
            let more = names.len() - (NAMES_TOLD - 1);
            Some(format!(
                "{} and {more} more",
                names[..NAMES_TOLD - 1].join(", ")
            ))
        }
        names => Some(names.join(", ")),
    }
}

/// How own lines fare that a handover's line answers for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fates {
    pub(crate) failed: usize,
    pub(crate) waiting: usize,
}

/// One calm line, at most [`HANDOVER_WIDTH`] columns with its sign: a word gives way, then names.
pub(crate) fn tell_handover(handover: &Handover, fates: Fates, dots: &str, dot: &str) -> String {
    // No row ends between a number and its unit.
    let took = match handover.took_ms {
        0..100 => "0.1\u{a0}s".to_owned(),
        ms @ 100..10_000 => format!("{}.{}\u{a0}s", ms / 1000, ms % 1000 / 100),
        ms => format!("{}\u{a0}s", ms / 1000),
    };
    let cost = cost(handover.lost.unseen, fates, dot);
    let tell = |columns: u16, now: &str| {
        let name = |nick: &str| fit(nick, columns, dots);
        let before = match &handover.before {
            Some(Parted { nick: None, .. }) => "you were out of reach; ".to_owned(),
            Some(Parted {
                nick: Some(nick),
                end,
            }) => match end {
                Tenure::Left => format!("{} left; ", name(nick)),
                Tenure::Missed => format!("{} is gone; ", name(nick)),
                Tenure::Replaced => format!("{} was out of reach; ", name(nick)),
            },
            None => String::new(),
        };
        let keeps = match &handover.host {
            Some(host) => format!("{} keeps it{now}", name(host)),
            None => format!("you keep it{now}"),
        };
        format!("{before}{keeps} {dot} {took} {dot} {cost}")
    };
    let mut columns = 32;
    let mut told = tell(columns, " now");
    while width(&told) + 2 > HANDOVER_WIDTH && columns > 4 {
        told = tell(columns, "");
        columns -= 1;
    }
    told
}

/// What it cost, worst first; nothing is said to be safe that waits.
fn cost(missing: u64, fates: Fates, dot: &str) -> String {
    let told: Vec<String> = [
        (fates.failed as u64, "not sent"),
        (missing, "missing"),
        (fates.waiting as u64, "on the way"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if told.is_empty() {
        "nothing lost".to_owned()
    } else {
        told.join(&format!(" {dot} "))
    }
}

pub(crate) fn count(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// Where a word stands in a text, whatever its case. The word is lower case.
pub(crate) fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    if word.is_empty() {
        return None;
    }
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
    text.char_indices()
        .filter(|&(at, _)| edge(text[..at].chars().next_back()))
        .find_map(|(at, _)| {
            let mut rest = text[at..].char_indices();
            let mut wanted = word.chars();
            let end = loop {
                let Some(want) = wanted.next() else {
                    break rest.next().map_or(text.len(), |(n, _)| at + n);
                };
                let (_, c) = rest.next()?;
                let mut lower = c.to_lowercase();
                if lower.next() != Some(want) || lower.any(|more| wanted.next() != Some(more)) {
                    return None;
                }
            };
            edge(text[end..].chars().next()).then_some(at..end)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handover(before: Option<&str>, end: Tenure, host: Option<&str>, took_ms: u64) -> Handover {
        Handover {
            before: Some(Parted {
                nick: before.map(str::to_owned),
                end,
            }),
            host: host.map(str::to_owned),
            took_ms,
            lost: crate::proto::event::Loss::default(),
        }
    }

    fn told(handover: &Handover, failed: usize, waiting: usize) -> String {
        tell_handover(handover, Fates { failed, waiting }, "…", "·").replace('\u{a0}', " ")
    }

    #[test]
    fn a_handover_is_one_calm_line_that_always_fits() {
        let left = handover(Some("anna"), Tenure::Left, Some("bob"), 234);
        assert_eq!(
            told(&left, 0, 0),
            "anna left; bob keeps it now · 0.2 s · nothing lost"
        );
        let missed = handover(Some("anna"), Tenure::Missed, None, 12_345);
        assert_eq!(
            told(&missed, 0, 0),
            "anna is gone; you keep it now · 12 s · nothing lost"
        );
        let ours = handover(None, Tenure::Replaced, Some("bob"), 900);
        assert_eq!(
            told(&ours, 0, 2),
            "you were out of reach; bob keeps it · 0.9 s · 2 on the way"
        );
        let (anna, bob) = ("a".repeat(32), "b".repeat(32));
        let long = handover(Some(&anna), Tenure::Left, Some(&bob), 2_500);
        assert!(width(&told(&long, 0, 0)) + 2 <= HANDOVER_WIDTH);
    }

    #[test]
    fn a_handover_says_what_it_cost_and_never_that_nothing_is_lost_when_something_is() {
        let mut lossy = handover(Some("anna"), Tenure::Left, None, 1);
        assert!(told(&lossy, 2, 0).ends_with("0.1 s · 2 not sent"));
        lossy.lost.unseen = 12;
        assert!(told(&lossy, 0, 1).ends_with("0.1 s · 12 missing · 1 on the way"));
        for (failed, waiting) in [(0, 0), (1, 0), (0, 1)] {
            assert!(!told(&lossy, failed, waiting).contains("nothing lost"));
        }
    }

    #[test]
    fn a_run_of_joins_and_leaves_is_one_sentence() {
        let passing = |nick: &str, here_before, here_after| Passing {
            nick: nick.to_owned(),
            here_before,
            here_after,
            why: String::new(),
        };
        let people = [
            passing("joe", false, true),
            passing("ann", false, true),
            passing("bob", true, false),
            passing("eve", false, false),
        ];
        assert_eq!(
            tell_passing(&people).unwrap(),
            "joe, ann joined · bob left · eve came and went"
        );
        let many: Vec<Passing> = (0..20)
            .map(|n| passing(&format!("p{n}"), false, true))
            .collect();
        assert_eq!(
            tell_passing(&many).unwrap(),
            "p0, p1, p2, p3, p4 and 15 more joined"
        );
        assert_eq!(tell_passing(&[]), None);
    }

    #[test]
    fn our_nick_is_found_as_a_word_only() {
        assert_eq!(find_word("hey Anna!", "anna"), Some(4..8));
        assert_eq!(find_word("hanna, annabel", "anna"), None);
        assert_eq!(find_word("ÉTÉ", "été"), Some(0..5));
        assert_eq!(find_word("x", ""), None);
    }
}
