//! What went on in all rounds, in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::judge::{Fate, History, Note, Rule, Told, Violation};

#[derive(Debug, Default)]
pub(crate) struct Totals {
    rounds: u64,
    /// By what was done, and to whom.
    faults: BTreeMap<&'static str, BTreeMap<String, u64>>,
    lines: u64,
    sent: u64,
    confirmed: u64,
    failed_lines: u64,
    kept: u64,
    broken: BTreeMap<Rule, u64>,
    complaints: u64,
    settled_ms: Vec<u64>,
    /// Epochs that somebody was told of.
    epochs: u64,
    pub(crate) merges: u64,
    pub(crate) failed: Vec<u64>,
    pub(crate) seconds: u64,
}

impl Totals {
    pub(crate) fn happened(&mut self, what: &'static str, to: &str) {
        let victims = self.faults.entry(what).or_default();
        *victims.entry(to.to_owned()).or_default() += 1;
    }

    /// Adds what went on elsewhere.
    pub(crate) fn take_in(&mut self, other: Self) {
        self.rounds += other.rounds;
        for (what, victims) in other.faults {
            for (to, n) in victims {
                *self.faults.entry(what).or_default().entry(to).or_default() += n;
            }
        }
        self.lines += other.lines;
        self.sent += other.sent;
        self.confirmed += other.confirmed;
        self.failed_lines += other.failed_lines;
        self.kept += other.kept;
        for (rule, n) in other.broken {
            *self.broken.entry(rule).or_default() += n;
        }
        self.complaints += other.complaints;
        self.settled_ms.extend(other.settled_ms);
        self.epochs += other.epochs;
        self.merges += other.merges;
        self.failed.extend(other.failed);
    }

    pub(crate) fn kills(&self) -> u64 {
        self.faults
            .get("killed")
            .map_or(0, |kills| kills.values().sum())
    }

    /// Adds a round, its end and its verdict.
    pub(crate) fn add(
        &mut self,
        history: &History,
        settled_ms: u64,
        wrong: &[Violation],
        complaints: &[String],
    ) {
        self.rounds += 1;
        self.settled_ms.push(settled_ms);
        self.complaints += complaints.len() as u64;
        for violation in wrong {
            *self.broken.entry(violation.rule).or_default() += 1;
        }
        let mut epochs = BTreeSet::new();
        let (mut sent, mut confirmed) = (BTreeSet::new(), BTreeSet::new());
        let lives = history.people.iter().flat_map(|person| &person.lives);
        for (_, note) in lives.flat_map(|life| &life.notes) {
            match note {
                Note::Typed(_) => self.lines += 1,
                Note::Told(Told::Sent { id, .. }) => drop(sent.insert(id.clone())),
                Note::Told(Told::Confirmed { id, .. }) => drop(confirmed.insert(id.clone())),
                Note::Told(Told::Failed { .. }) => self.failed_lines += 1,
                Note::Told(Told::Joined(epoch) | Told::Host(epoch)) => drop(epochs.insert(epoch)),
                Note::Told(Told::Message { .. } | Told::Left) => {}
            }
        }
        let logs = history
            .people
            .iter()
            .filter_map(|person| match &person.fate {
                Fate::There(log) => Some(log),
                Fate::Away(_) | Fate::Gone(_) => None,
            });
        let kept: BTreeSet<_> = logs.flatten().map(|kept| kept.id.clone()).collect();
        let count = |set: BTreeSet<String>| set.len() as u64;
        self.epochs += epochs.len() as u64;
        self.kept += count(&sent & &kept);
        // What is confirmed need not be a line.
        self.confirmed += count(&sent & &confirmed);
        self.sent += count(sent);
    }

    fn broken(&self, rules: &[Rule]) -> u64 {
        rules.iter().filter_map(|rule| self.broken.get(rule)).sum()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rounds in {} s", self.rounds, self.seconds)?;
        for (what, victims) in &self.faults {
            let sum: u64 = victims.values().sum();
            let by: Vec<_> = victims.iter().map(|(to, n)| format!("{to} {n}")).collect();
            writeln!(f, "  {what} {sum}: {}", by.join(", "))?;
        }
        writeln!(
            f,
            "  lines typed {}, taken {}, confirmed {}, refused {}, in the logs {}",
            self.lines, self.sent, self.confirmed, self.failed_lines, self.kept
        )?;
        writeln!(f, "  epochs {}, merges told {}", self.epochs, self.merges)?;
        let mut settled = self.settled_ms.clone();
        settled.sort_unstable();
        let middle = settled.get(settled.len() / 2).copied().unwrap_or_default();
        let last = settled.last().copied().unwrap_or_default();
        writeln!(
            f,
            "  at rest after the last fault: {middle} ms, at most {last} ms"
        )?;
        write!(
            f,
            "  lost {}, doubled {}, out of order {}, otherwise wrong {}",
            self.broken(&[Rule::Lost]),
            self.broken(&[Rule::Doubled]),
            self.broken(&[Rule::OutOfOrder]),
            self.complaints
                + self.broken(&[
                    Rule::Different,
                    Rule::Invented,
                    Rule::EpochBack,
                    Rule::TwoHosts,
                    Rule::Unanswered,
                    Rule::Unheard,
                    Rule::Unsettled,
                ])
        )
    }
}
