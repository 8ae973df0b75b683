//! Rules on the logs that people have in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Fate, Kept, Life, Person, Rule, Sight, Told};

impl<'a> Case<'a> {
    pub(super) fn judge_logs(&mut self) {
        for person in &self.history.people {
            self.judge_log(person);
        }
        self.compare_logs();
        for person in &self.history.people {
            self.judge_confirmed(person);
            self.judge_heard(person);
        }
    }

    /// One log by itself: each line once, in its author's order.
    fn judge_log(&mut self, person: &'a Person) {
        for kept in person.log() {
            self.sees(&Sight {
                by: person,
                id: &kept.id,
                author: &kept.author,
                text: kept.text.as_deref(),
                epoch: &kept.epoch,
                seq: kept.seq,
            });
        }
        let Some(mut shown) = person.shown() else {
            return;
        };
        shown.sort_by(|one, two| one.order.cmp(&two.order));
        let mut seen = BTreeSet::new();
        let mut last = BTreeMap::new();
        for kept in shown {
            if !seen.insert(&kept.id) {
                let what = format!("{} is shown {} twice", person.name, self.line(&kept.id));
                self.blame(Rule::Doubled, what);
                continue;
            }
            let Some(text) = &kept.text else {
                continue;
            };
            let Some((number, _)) = self.typed.get(&(&*kept.author, &**text)) else {
                continue;
            };
            if let Some((before, above)) = last.insert(&kept.author, (*number, text))
                && before > *number
            {
                let author = self.name(&kept.author);
                let what = format!("{} has {author}'s {above:?} above {text:?}", person.name);
                self.blame(Rule::OutOfOrder, what);
            }
        }
    }

    /// All who are there have the same lines at the same places.
    fn compare_logs(&mut self) {
        let people = self.history.people.iter();
        let mut logs = people.filter_map(|person| Some((person, lines(person)?)));
        let Some((first, theirs)) = logs.next() else {
            return;
        };
        for (second, ours) in logs {
            for (id, order) in &theirs {
                match ours.get(id) {
                    None => self.lacks(second, id, first),
                    Some(other) if other != order => {
                        let (one, two) = (&first.name, &second.name);
                        let what = format!("{one} and {two} differ on where {id} stands");
                        self.blame(Rule::Different, what);
                    }
                    Some(_) => {}
                }
            }
            for id in ours.keys().filter(|id| !theirs.contains_key(*id)) {
                self.lacks(first, id, second);
            }
        }
    }

    fn lacks(&mut self, who: &'a Person, id: &'a str, other: &'a Person) {
        let (line, other) = (self.line(id), &other.name);
        let what = format!("{} lacks {line}, which {other} has", who.name);
        self.blame(Rule::Different, what);
    }

    /// What this person was told is safe, or will not be there.
    fn judge_confirmed(&mut self, author: &'a Person) {
        let mut sent = BTreeSet::new();
        for (at_ms, told) in author.lives.iter().flat_map(Life::told) {
            match told {
                Told::Sent { id, .. } => drop(sent.insert(id)),
                Told::Confirmed {
                    id,
                    epoch,
                    seq,
                    copies,
                } => {
                    if !sent.contains(id) || self.is_excused(author, id, *copies, at_ms) {
                        continue;
                    }
                    for person in &self.history.people {
                        self.judge_kept(person, id, (*epoch, *seq));
                    }
                }
                Told::Failed { id } => {
                    let shows = |kept: &&Kept| kept.id == *id && kept.text.is_some();
                    if let Some(kept) = author.log().iter().find(shows) {
                        let text = kept.text.as_deref().unwrap_or_default();
                        let what = format!("{}'s {text:?} failed and is there", author.name);
                        self.blame(Rule::Unanswered, what);
                    }
                }
                Told::Message { .. } | Told::Joined(_) | Told::Host(_) | Told::Left => {}
            }
        }
    }

    fn judge_kept(&mut self, person: &'a Person, id: &'a str, (epoch, seq): (u64, u64)) {
        let Fate::There(log) = &person.fate else {
            return;
        };
        let mut places = log.iter().filter(|kept| kept.id == id).peekable();
        if places.peek().is_none() {
            let line = self.line(id);
            let what = format!("{line} is confirmed and {} lacks it", person.name);
            self.blame(Rule::Lost, what);
        } else if !places.any(|kept| kept.epoch.number == epoch && kept.seq == seq)
            && !self.is_brought_back(id, (epoch, seq))
        {
            let line = self.line(id);
            let what = format!(
                "{line} was confirmed at {epoch}/{seq}, where {} has it not",
                person.name
            );
            self.blame(Rule::Different, what);
        }
    }

    /// Whether somebody who is away has a line at the place where it was confirmed, and brings it back.
    fn is_brought_back(&self, id: &str, (epoch, seq): (u64, u64)) -> bool {
        let is_it = |kept: &Kept| kept.id == id && kept.epoch.number == epoch && kept.seq == seq;
        let mut people = self.history.people.iter();
        people.any(|person| matches!(person.fate, Fate::Away(_)) && person.log().iter().any(is_it))
    }

    /// Whether all who were promised to hold a confirmed line may be gone for good: its author, and as many
    /// as there were copies. Or nobody has lost it: it comes back with somebody who is away.
    fn is_excused(&self, author: &Person, id: &str, copies: u32, at_ms: u64) -> bool {
        let gone = |person: &Person| matches!(person.fate, Fate::Gone(when) if when >= at_ms);
        let people = &self.history.people;
        let lost = people.iter().filter(|person| gone(person)).count();
        if gone(author) && lost >= copies as usize {
            return true;
        }
        let holds = |person: &Person| person.log().iter().any(|kept| kept.id == id);
        let is_away = |person: &Person| matches!(person.fate, Fate::Away(_)) && holds(person);
        let is_there = |person: &Person| matches!(person.fate, Fate::There(_)) && holds(person);
        people.iter().any(is_away) && !people.iter().any(is_there)
    }

    /// What is said while somebody is in, is told to them, and what they are told, they have.
    fn judge_heard(&mut self, person: &'a Person) {
        let (Some(lines), Some(life)) = (lines(person), person.lives.last()) else {
            return;
        };
        let told: BTreeSet<&str> = life
            .told()
            .filter_map(|(_, told)| match told {
                Told::Message { id, .. } => Some(&**id),
                Told::Sent { .. }
                | Told::Confirmed { .. }
                | Told::Failed { .. }
                | Told::Joined(_)
                | Told::Host(_)
                | Told::Left => None,
            })
            .collect();
        for id in told.iter().filter(|id| !lines.contains_key(*id)) {
            let what = format!("{} was told {} and lacks it", person.name, self.line(id));
            self.blame(Rule::Lost, what);
        }
        let Some(joined_ms) = life.joined_ms() else {
            return;
        };
        for id in lines.keys().filter(|id| !told.contains(*id)) {
            let said = self.said.get(id).and_then(|line| self.typed.get(line));
            if said.is_some_and(|(_, at_ms)| *at_ms > joined_ms) {
                let what = format!("{} was never told {}", person.name, self.line(id));
                self.blame(Rule::Unheard, what);
            }
        }
    }
}

/// The places of the lines that somebody who is there is shown.
fn lines(person: &Person) -> Option<BTreeMap<&str, &str>> {
    let shown = person.shown()?.into_iter();
    let lines = shown.filter(|kept| kept.text.is_some());
    Some(lines.map(|kept| (&*kept.id, &*kept.order)).collect())
}
