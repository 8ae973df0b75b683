//! An independent judge: it is told what people typed, what they were told and what their logs were at the end,
//! and says in words what is wrong with it.
//!
//! It knows nothing of the protocol and uses none of its types: names, numbers and texts are all it sees. So it
//! cannot share the protocol's mistakes, and it judges simulated worlds and real processes alike.

mod history;
mod logs;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use history::{Ending, Epoch, Fate, History, Kept, Life, Note, Person, Told};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A confirmed line is in every log, and so is what somebody in the group was told.
    Lost,
    /// All who are there at the end have the same lines at the same places.
    Different,
    /// An author's lines stand in the order they were typed in, and a line only ever moves up.
    OutOfOrder,
    /// A line is shown once, has one id, and is told once for each place it had.
    Doubled,
    /// Nobody is told of a line that nobody typed.
    Invented,
    /// An epoch that somebody is told of is never below one that they were told of before.
    EpochBack,
    /// An epoch has one host, and one entry at each number.
    TwoHosts,
    /// An own line is confirmed or failed in the end, and a failed one is not in the log.
    Unanswered,
    /// What is said while somebody is in the group is told to them.
    Unheard,
    /// After the last fault everybody is in the group again and confirmed again, within a bound.
    Unsettled,
}

/// A rule that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

/// All that is wrong with a history; nothing if all is well.
#[must_use]
pub fn judge(history: &History) -> Vec<Violation> {
    let mut case = Case::of(history);
    case.judge_telling();
    case.judge_logs();
    case.violations.sort();
    case.violations.dedup();
    case.violations
}

/// A history with what is looked up in it over and over.
struct Case<'a> {
    history: &'a History,
    names: BTreeMap<&'a str, &'a str>,
    /// When each line was typed, and as which of its author's: by author and text.
    typed: BTreeMap<(&'a str, &'a str), (usize, u64)>,
    /// Author and text of each id, as first seen.
    said: BTreeMap<&'a str, (&'a str, &'a str)>,
    /// Each text's id, as first seen.
    ids: BTreeMap<(&'a str, &'a str), &'a str>,
    /// The id in each place.
    places: BTreeMap<(&'a Epoch, u64), &'a str>,
    /// Hosts of each epoch's number.
    hosts: BTreeMap<u64, BTreeSet<&'a str>>,
    violations: Vec<Violation>,
}

/// One sight of an entry, by whoever was told of it or has it on disk.
struct Sight<'a> {
    by: &'a Person,
    id: &'a str,
    author: &'a str,
    text: Option<&'a str>,
    epoch: &'a Epoch,
    seq: u64,
}

impl<'a> Case<'a> {
    fn of(history: &'a History) -> Self {
        let people = history.people.iter();
        let names = people.map(|person| (&*person.key, &*person.name)).collect();
        let mut typed = BTreeMap::new();
        for person in &history.people {
            for (number, (at_ms, text)) in person.typed().enumerate() {
                let line = (&*person.key, text);
                let again = typed.insert(line, (number, at_ms)).is_some();
                assert!(!again, "{} typed {text:?} twice: name lines", person.name);
            }
        }
        Self {
            history,
            names,
            typed,
            said: BTreeMap::new(),
            ids: BTreeMap::new(),
            places: BTreeMap::new(),
            hosts: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    fn blame(&mut self, rule: Rule, what: String) {
        self.violations.push(Violation { rule, what });
    }

    fn name(&self, key: &'a str) -> &'a str {
        self.names.get(key).copied().unwrap_or(key)
    }

    /// What an id says, for people.
    fn line(&self, id: &'a str) -> String {
        match self.said.get(id) {
            Some((author, text)) => format!("{}'s {text:?}", self.name(author)),
            None => format!("the line {id}"),
        }
    }

    /// Compares one sight of an entry with all others.
    fn sees(&mut self, sight: &Sight<'a>) {
        let Sight { by, id, seq, .. } = *sight;
        let epoch = sight.epoch;
        let holder = *self.places.entry((epoch, seq)).or_insert(id);
        if holder != id {
            let (one, two) = (self.line(holder), sight.text.unwrap_or(id));
            let what = format!("{epoch}/{seq} is {one}, and {two:?} for {}", by.name);
            self.blame(Rule::TwoHosts, what);
        }
        self.hosted(epoch);
        let Some(text) = sight.text else {
            return;
        };
        let line = (sight.author, text);
        if !self.typed.contains_key(&line) {
            let author = self.name(sight.author);
            let what = format!("{} has {text:?} by {author}, who never typed it", by.name);
            self.blame(Rule::Invented, what);
        }
        let first = *self.said.entry(id).or_insert(line);
        if first != line {
            let what = format!("{id} says {text:?} to {}, and {:?}", by.name, first.1);
            self.blame(Rule::Doubled, what);
        }
        let first = *self.ids.entry(line).or_insert(id);
        if first != id {
            let what = format!("{} has {text:?} as {id}, and it is {first}", by.name);
            self.blame(Rule::Doubled, what);
        }
    }

    /// Where the mesh was whole, no epoch's number was given out twice.
    fn hosted(&mut self, epoch: &'a Epoch) {
        let hosts = self.hosts.entry(epoch.number).or_default();
        if hosts.insert(&epoch.host) && hosts.len() == 2 && self.history.is_mesh_whole {
            let number = epoch.number;
            self.blame(Rule::TwoHosts, format!("epoch {number} has two hosts"));
        }
    }
}
