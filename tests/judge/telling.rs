//! Rules on what people were told, life by life.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Ending, Epoch, Fate, Life, Person, Rule, Sight, Told};

impl<'a> Case<'a> {
    pub(super) fn judge_telling(&mut self) {
        for person in &self.history.people {
            self.judge_messages(person);
            self.judge_epochs(person);
            self.judge_answers(person);
            self.judge_rest(person);
        }
    }

    /// Each line is told once for each place it has, and moves up alone.
    fn judge_messages(&mut self, person: &'a Person) {
        let mut told = BTreeMap::new();
        for life in &person.lives {
            for (_, note) in life.told() {
                let Told::Message {
                    id,
                    author,
                    text,
                    epoch,
                    seq,
                    order,
                } = note
                else {
                    continue;
                };
                self.sees(&Sight {
                    by: person,
                    id,
                    author,
                    text: Some(text),
                    epoch,
                    seq: *seq,
                });
                let before = told.insert(id, order);
                if before == Some(order) {
                    let what = format!("{} was told {} twice", person.name, self.line(id));
                    self.blame(Rule::Doubled, what);
                } else if before.is_some_and(|before| before < order) {
                    let what = format!("for {} {} moved down", person.name, self.line(id));
                    self.blame(Rule::OutOfOrder, what);
                }
            }
            match life.ending {
                // What had not reached the disk is told again.
                Some(Ending::Killed) => told.clear(),
                Some(Ending::Clean) | None => {}
            }
        }
    }

    fn judge_epochs(&mut self, person: &'a Person) {
        let mut highest: Option<&Epoch> = None;
        for (_, told) in person.lives.iter().flat_map(Life::told) {
            let (Told::Joined(epoch) | Told::Host(epoch)) = told else {
                continue;
            };
            self.hosted(epoch);
            if let Some(before) = highest.filter(|before| *before > epoch) {
                let what = format!("{} was in {before}, then in {epoch}", person.name);
                self.blame(Rule::EpochBack, what);
            }
            highest = highest.max(Some(epoch));
        }
    }

    /// Every own line comes to an end that is told.
    fn judge_answers(&mut self, person: &'a Person) {
        let mut open = BTreeMap::new();
        let kept: BTreeSet<&str> = person.log().iter().map(|kept| &*kept.id).collect();
        for life in &person.lives {
            for (_, told) in life.told() {
                match told {
                    Told::Sent { id, text } => {
                        open.insert(&**id, &**text);
                    }
                    Told::Confirmed { id, .. } | Told::Failed { id } => {
                        open.remove(&**id);
                    }
                    Told::Message { .. } | Told::Joined(_) | Told::Host(_) | Told::Left => {}
                }
            }
            match life.ending {
                // It may not have been on disk yet.
                Some(Ending::Killed) => open.clear(),
                // What has a place is not spoken of again in the next life.
                Some(Ending::Clean) => open.retain(|id, _| !kept.contains(id)),
                None => {}
            }
        }
        if matches!(person.fate, Fate::There(_)) {
            for text in open.into_values() {
                let what = format!("{} was never answered on {text:?}", person.name);
                self.blame(Rule::Unanswered, what);
            }
        }
    }

    /// Everybody who is there at the end came to rest in time.
    fn judge_rest(&mut self, person: &'a Person) {
        if !matches!(person.fate, Fate::There(_)) {
            return;
        }
        let (name, bound_ms) = (&person.name, self.history.bound_ms);
        let end_ms = self.history.healed_ms + bound_ms;
        let Some(life) = person.lives.last() else {
            return self.blame(Rule::Unsettled, format!("{name} never ran"));
        };
        match life.joined_ms() {
            Some(joined_ms) if joined_ms <= end_ms => {}
            Some(_) => {
                let what = format!("{name} was not in within {bound_ms} ms");
                self.blame(Rule::Unsettled, what);
            }
            None => self.blame(Rule::Unsettled, format!("{name} is not in at the end")),
        }
        for (text, took_ms) in self.late_answers(person) {
            let what = match took_ms {
                Some(ms) => format!("{name}'s {text:?} was answered {ms} ms after the last fault"),
                None => format!("{name}'s {text:?} was never answered"),
            };
            self.blame(Rule::Unsettled, what);
        }
    }

    /// Lines typed after the last fault that were not confirmed, or refused, in time.
    fn late_answers(&self, person: &'a Person) -> Vec<(&'a str, Option<u64>)> {
        let healed_ms = self.history.healed_ms;
        let mut sent = BTreeMap::new();
        let mut answered = BTreeMap::new();
        for (at_ms, told) in person.lives.iter().flat_map(Life::told) {
            match told {
                Told::Sent { id, text } => {
                    sent.insert(&**id, &**text);
                }
                Told::Confirmed { id, .. } | Told::Failed { id } => {
                    if let Some(text) = sent.get(&**id) {
                        answered.entry(*text).or_insert(at_ms);
                    }
                }
                Told::Message { .. } | Told::Joined(_) | Told::Host(_) | Told::Left => {}
            }
        }
        let typed = person.typed().filter(|(at_ms, _)| *at_ms >= healed_ms);
        typed
            .map(|(_, text)| (text, answered.get(text).map(|at_ms| at_ms - healed_ms)))
            .filter(|(_, took_ms)| took_ms.is_none_or(|ms| ms > self.history.bound_ms))
            .collect()
    }
}
