//! What a window shows, in the log's order: entries with a place, what this face noted, and own lines on the way.
//!
//! Only a stretch of the log is kept here; the rest is on disk and comes by pages. Text is cleaned on its way in.

use std::collections::{BTreeMap, BTreeSet};

use super::sides::Sides;
use crate::proto::event::{Before, Line, Loss, Tenure, What};
use crate::proto::id::{EntryId, Epoch, Nick, NodeId, Place, Seq};
use crate::proto::time::{Hlc, Wall};
use crate::sanitize;

/// Items kept while the newest are in view: some fifty screens.
const KEPT: usize = 2_000;
/// How far the log may grow beyond that before the oldest are let go, so that it is seldom.
const SLACK: usize = 500;
/// How far back a leave is looked for that belongs to a handover.
const LEAVE_NEAR: usize = 32;

/// Where an item stands: at or after a place. Lines on the way stand after all places.
pub(crate) type Key = (Place, u32);

/// The place after all places.
const END: Place = Place {
    hlc: Hlc(u64::MAX),
    epoch: Epoch {
        number: u64::MAX,
        host: NodeId([u8::MAX; 32]),
    },
    seq: Seq(u64::MAX),
};

/// One thing in the log.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) at: Wall,
    pub(crate) kind: Kind,
    /// Tells this content from what stood at the same key before.
    pub(crate) stamp: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Said(Said),
    Note(Note),
}

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) id: EntryId,
    pub(crate) from: String,
    /// With all its text cleaned.
    pub(crate) what: What,
    pub(crate) ours: bool,
    /// Of a line of ours that we saw on its way.
    pub(crate) own: Option<State>,
    /// Told by a handover's line already.
    pub(crate) told: bool,
    /// Said on the other side of a split that is over.
    pub(crate) is_from_there: bool,
}

/// How safe a line of ours is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    /// It has waited for longer than a handover takes.
    Late,
    Placed,
    Kept(u32),
    Failed(String),
}

impl State {
    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            Self::Waiting | Self::Late => true,
            Self::Placed | Self::Kept(_) | Self::Failed(_) => false,
        }
    }
}

/// What this face says by itself.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Handover(Handover),
    Merge {
        from_us: u64,
        from_them: u64,
        /// When the first and the last of those were said that are marked as theirs.
        marked: Option<(Wall, Wall)>,
    },
    Notice(String),
    Error(String),
    /// An answer to a command: one row per line.
    Answer(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Handover {
    pub(crate) before: Option<Parted>,
    /// Nobody: it is us.
    pub(crate) host: Option<String>,
    pub(crate) took_ms: u64,
    pub(crate) lost: Loss,
}

/// Who hosted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parted {
    /// Nobody: it was us.
    pub(crate) nick: Option<String>,
    pub(crate) end: Tenure,
}

/// The stretch of a log that is in memory.
#[derive(Debug, Default)]
pub(crate) struct Log {
    items: BTreeMap<Key, Item>,
    ids: BTreeMap<EntryId, Key>,
    /// Numbers the own lines on the way.
    sent: u32,
    /// Numbers the contents.
    stamp: u64,
    /// The newest handover: its line tells how own lines fare that were on the way then.
    handover: Option<Key>,
    /// Own lines that were taken back and not answered for yet: they go without a trace.
    unwanted: BTreeSet<EntryId>,
    sides: Sides,
}

impl Log {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn item(&self, key: &Key) -> Option<&Item> {
        self.items.get(key)
    }

    /// Where an entry stands, if it is here.
    pub(crate) fn key(&self, id: EntryId) -> Option<Key> {
        self.ids.get(&id).copied()
    }

    /// The oldest item.
    pub(crate) fn first(&self) -> Option<Key> {
        self.items.first_key_value().map(|(key, _)| *key)
    }

    /// The newest item.
    pub(crate) fn last(&self) -> Option<Key> {
        self.items.last_key_value().map(|(key, _)| *key)
    }

    /// The place of the newest entry.
    pub(crate) fn last_place(&self) -> Option<Place> {
        let mut placed = self.items.range(..(END, 0)).rev();
        let newest =
            placed.find(|((_, sub), item)| *sub == 0 && matches!(item.kind, Kind::Said(_)));
        newest.map(|(&(place, _), _)| place)
    }

    /// The item before a key.
    pub(crate) fn before(&self, key: Key) -> Option<(Key, &Item)> {
        self.items
            .range(..key)
            .next_back()
            .map(|(key, item)| (*key, item))
    }

    /// The item after a key.
    pub(crate) fn after(&self, key: Key) -> Option<(Key, &Item)> {
        let range = (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded);
        self.items
            .range(range)
            .next()
            .map(|(key, item)| (*key, item))
    }

    /// Items newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = (&Key, &Item)> {
        self.items.iter().rev()
    }

    /// The order of the oldest entry here, to ask the disk for what came before it.
    pub(crate) fn oldest_order(&self) -> Option<String> {
        self.items
            .iter()
            .find(|((place, _), item)| *place < END && matches!(item.kind, Kind::Said(_)))
            .map(|((place, _), _)| place.order())
    }

    /// Own lines without a place.
    pub(crate) fn waiting(&self) -> usize {
        self.items
            .range((END, 0)..)
            .filter(|(_, item)| matches!(&item.kind, Kind::Said(said) if said.own.as_ref().is_some_and(State::is_waiting)))
            .count()
    }

    /// How safe a line of ours is, if it is here.
    pub(crate) fn state(&self, id: EntryId) -> Option<&State> {
        match &self.items.get(self.ids.get(&id)?)?.kind {
            Kind::Said(said) => said.own.as_ref(),
            Kind::Note(_) => None,
        }
    }

    /// Own lines that came to nothing, newest first.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Said> {
        self.own(|state| matches!(state, State::Failed(_)))
    }

    /// Own lines without a place, newest first.
    pub(crate) fn unplaced(&self) -> impl Iterator<Item = &Said> {
        self.own(State::is_waiting)
    }

    fn own(&self, is_meant: impl Fn(&State) -> bool) -> impl Iterator<Item = &Said> {
        self.items
            .values()
            .rev()
            .filter_map(move |item| match &item.kind {
                Kind::Said(said) if said.own.as_ref().is_some_and(&is_meant) => Some(said),
                Kind::Said(_) | Kind::Note(_) => None,
            })
    }

    /// An entry got its place, or another one. Whether it was not here before.
    pub(crate) fn place(&mut self, line: Line) -> bool {
        let key = (line.place, 0);
        let known = self.ids.get(&line.id).copied();
        let was = known.and_then(|old| self.items.remove(&old));
        let state = match was.as_ref().map(|item| &item.kind) {
            Some(Kind::Said(said)) => match &said.own {
                Some(State::Kept(copies)) => Some(State::Kept(*copies)),
                Some(State::Waiting | State::Late | State::Placed | State::Failed(_)) | None => {
                    line.own.then_some(State::Placed)
                }
            },
            Some(Kind::Note(_)) | None => match line.history {
                true => None,
                false => line.own.then_some(State::Placed),
            },
        };
        self.mark_leave(&line);
        let from = sanitize::name(line.from.as_str()).into_owned();
        let said = Said {
            id: line.id,
            from,
            what: cleaned(line.what),
            ours: line.own,
            own: state,
            told: false,
            is_from_there: false,
        };
        self.ids.insert(line.id, key);
        self.unwanted.remove(&line.id);
        self.put(key, line.at, Kind::Said(said));
        if line.own {
            self.retell_handover();
        }
        match was {
            Some(_) => known.is_some_and(|(place, _)| place == END),
            None => true,
        }
    }

    /// A line of ours is on its way.
    pub(crate) fn send(&mut self, id: EntryId, nick: &Nick, at: Wall, what: What) {
        if self.ids.contains_key(&id) {
            return;
        }
        self.sent += 1;
        let key = (END, self.sent);
        let said = Said {
            id,
            from: sanitize::name(nick.as_str()).into_owned(),
            what: cleaned(what),
            ours: true,
            own: Some(State::Waiting),
            told: false,
            is_from_there: false,
        };
        self.ids.insert(id, key);
        self.put(key, at, Kind::Said(said));
    }

    /// A line of ours is on that many disks.
    pub(crate) fn confirm(&mut self, id: EntryId, copies: u32) {
        self.set_state(id, State::Kept(copies));
    }

    /// A line of ours that was confirmed is on that many disks by now.
    pub(crate) fn spread(&mut self, id: EntryId, copies: u32) {
        let known = self.ids.get(&id).and_then(|key| self.items.get(key));
        if let Some(Kind::Said(said)) = known.map(|item| &item.kind)
            && matches!(said.own, Some(State::Kept(few)) if few < copies)
        {
            self.set_state(id, State::Kept(copies));
        }
    }

    /// Lines of ours have waited for long; the newest says so.
    pub(crate) fn tell_late(&mut self, ids: &[EntryId]) {
        let newest = ids.iter().filter_map(|id| Some((*self.ids.get(id)?, *id)));
        if let Some((_, id)) = newest.max() {
            self.set_state(id, State::Late);
        }
    }

    /// A line of ours that waits is not wanted any more.
    pub(crate) fn unwant(&mut self, id: EntryId) {
        self.unwanted.insert(id);
    }

    /// Lets a line of ours go that came to nothing.
    pub(crate) fn forget(&mut self, id: EntryId) {
        if let Some(key) = self.ids.remove(&id) {
            self.items.remove(&key);
        }
    }

    /// A line of ours will not get a place: it stays where the talk is, and says so.
    pub(crate) fn fail(&mut self, id: EntryId, why: &str) {
        if self.unwanted.remove(&id) {
            return self.forget(id);
        }
        let Some(old) = self.ids.get(&id).copied() else {
            return;
        };
        let Some(mut item) = self.items.remove(&old) else {
            return;
        };
        if let Kind::Said(said) = &mut item.kind {
            said.own = Some(State::Failed(sanitize::line(why).into_owned()));
        }
        let key = if old.0 == END {
            self.next_note(item.at)
        } else {
            old
        };
        self.ids.insert(id, key);
        self.put(key, item.at, item.kind);
        self.retell_handover();
    }

    /// Says something at the end of what has a place.
    pub(crate) fn note(&mut self, at: Wall, note: Note) {
        let key = self.next_note(at);
        self.put(key, at, Kind::Note(note));
    }

    /// Another member hosts. A leave of the one before that is near is told by this line.
    pub(crate) fn hand_over(&mut self, at: Wall, mut handover: Handover) {
        for (_, item) in self.items.iter_mut().rev().take(LEAVE_NEAR) {
            if comes_back(&item.kind, |nick| handover.is_of(nick)) {
                break;
            }
            if let Kind::Said(said) = &mut item.kind
                && parted(&said.what, &said.from).is_some_and(|nick| handover.is_of(&nick))
                && !said.told
                && at.0.saturating_sub(item.at.0) < 60_000
            {
                said.told = true;
                self.stamp += 1;
                item.stamp = self.stamp;
                if leaves(&said.what) {
                    handover.has_left();
                }
            }
        }
        let key = self.next_note(at);
        self.put(key, at, Kind::Note(Note::Handover(handover)));
        self.handover = Some(key);
    }

    /// Lines get their places under this epoch from now on.
    pub(crate) fn follow(&mut self, now: Wall, epoch: Epoch) {
        self.sides.follow(now, epoch);
    }

    /// A split is over, and `most` entries came from the other side: they are marked where they stand. When the first
    /// and the last of them were said.
    pub(crate) fn mark_theirs(&mut self, most: u64) -> Option<(Wall, Wall)> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let theirs = self.items.iter_mut().rev().filter(|((place, _), item)| {
            matches!(&item.kind, Kind::Said(said) if !said.ours && !said.is_from_there)
                && self.sides.is_from_there(*place)
        });
        let mut marked: Option<(Wall, Wall)> = None;
        for (_, item) in theirs.take(most) {
            if let Kind::Said(said) = &mut item.kind {
                said.is_from_there = true;
                self.stamp += 1;
                item.stamp = self.stamp;
                let (first, last) = marked.unwrap_or((item.at, item.at));
                marked = Some((first.min(item.at), last.max(item.at)));
            }
        }
        marked
    }

    /// Lays the newest handover out anew: a line that it tells of has come to its end.
    fn retell_handover(&mut self) {
        if let Some(item) = self.handover.and_then(|key| self.items.get_mut(&key)) {
            self.stamp += 1;
            item.stamp = self.stamp;
        }
    }

    /// Empties the view but for lines on the way.
    pub(crate) fn clear(&mut self) {
        self.items = self.items.split_off(&(END, 0));
        self.ids.retain(|_, (place, _)| *place == END);
    }

    /// Whether there are more than even somebody who scrolled up needs.
    pub(crate) fn is_overfull(&self) -> bool {
        self.items.len() > 20 * KEPT
    }

    /// Lets the oldest go, once there are enough. Whether any went.
    pub(crate) fn trim(&mut self) -> bool {
        if self.items.len() < KEPT + SLACK {
            return false;
        }
        let surplus = self.items.len() - KEPT;
        for _ in 0..surplus {
            if let Some((_, item)) = self.items.pop_first()
                && let Kind::Said(said) = item.kind
            {
                self.ids.remove(&said.id);
            }
        }
        true
    }

    /// When a leave arrives after the handover that it caused, the handover's line tells it.
    fn mark_leave(&mut self, line: &Line) {
        if !leaves(&line.what) || line.history {
            return;
        }
        let from = sanitize::name(line.from.as_str());
        let newest = self.items.iter_mut().rev().take(LEAVE_NEAR);
        for (_, item) in newest {
            if comes_back(&item.kind, |nick| nick == from) {
                return;
            }
            if let Kind::Note(Note::Handover(handover)) = &mut item.kind {
                if handover.is_of(&from) {
                    handover.has_left();
                }
                self.stamp += 1;
                item.stamp = self.stamp;
                return;
            }
        }
    }

    fn set_state(&mut self, id: EntryId, state: State) {
        let Some(item) = self.ids.get(&id).and_then(|key| self.items.get_mut(key)) else {
            return;
        };
        if let Kind::Said(said) = &mut item.kind
            && said.ours
        {
            said.own = Some(state);
            self.stamp += 1;
            item.stamp = self.stamp;
        }
    }

    /// The key after the last place.
    fn next_note(&self, at: Wall) -> Key {
        match self.items.range(..(END, 0)).next_back() {
            Some((&(place, sub), _)) => (place, sub + 1),
            None => {
                let place = Place {
                    hlc: Hlc(at.0 << 16),
                    epoch: Epoch {
                        number: 0,
                        host: NodeId::default(),
                    },
                    seq: Seq(0),
                };
                (place, 1)
            }
        }
    }

    fn put(&mut self, key: Key, at: Wall, kind: Kind) {
        let told = matches!(&kind, Kind::Said(said) if self.is_told(said));
        self.stamp += 1;
        let mut item = Item {
            at,
            kind,
            stamp: self.stamp,
        };
        if let Kind::Said(said) = &mut item.kind {
            said.told = told;
        }
        self.items.insert(key, item);
    }

    /// Whether the newest handover tells of this one going.
    fn is_told(&self, said: &Said) -> bool {
        let Some(nick) = parted(&said.what, &said.from) else {
            return false;
        };
        let newest = self.items.iter().rev().take(LEAVE_NEAR);
        newest
            .take_while(|(_, item)| !comes_back(&item.kind, |other| other == nick))
            .find_map(|(_, item)| match &item.kind {
                Kind::Note(Note::Handover(handover)) => Some(handover),
                Kind::Note(_) | Kind::Said(_) => None,
            })
            .is_some_and(|handover| {
                handover.is_of(&nick) && handover.is_by_leave() == leaves(&said.what)
            })
    }
}

impl Handover {
    pub(crate) fn new(
        before: Option<&Before>,
        is_us: impl Fn(&NodeId) -> bool,
        host: Option<&Nick>,
        took_ms: u64,
        lost: Loss,
    ) -> Self {
        let name = |nick: &Nick| sanitize::name(nick.as_str()).into_owned();
        let parted = |before: &Before| Parted {
            nick: (!is_us(&before.id)).then(|| name(&before.nick)),
            end: before.end,
        };
        Self {
            before: before.map(parted),
            host: host.map(name),
            took_ms,
            lost,
        }
    }

    fn is_of(&self, nick: &str) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|before| before.nick.as_deref() == Some(nick))
    }

    fn is_by_leave(&self) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|before| before.end == Tenure::Left)
    }

    /// Its word came late.
    fn has_left(&mut self) {
        if let Some(before) = &mut self.before {
            before.end = Tenure::Left;
        }
    }
}

/// Whether an entry takes its author out of the group.
pub(crate) fn leaves(what: &What) -> bool {
    match what {
        What::Part(_) | What::Quit(_) => true,
        What::Text(_)
        | What::Action(_)
        | What::Topic(_)
        | What::Join
        | What::Nick(_)
        | What::Gone { .. }
        | What::Ruling { .. }
        | What::Vain(_) => false,
    }
}

/// Whether somebody comes in by this: what he did before is another story.
fn comes_back(kind: &Kind, is_meant: impl Fn(&str) -> bool) -> bool {
    matches!(kind, Kind::Said(said) if said.what == What::Join && is_meant(&said.from))
}

/// Who is out of the group by this entry.
fn parted(what: &What, from: &str) -> Option<String> {
    match what {
        What::Part(_) | What::Quit(_) => Some(from.to_owned()),
        What::Gone { nick, .. } => Some(sanitize::name(nick.as_str()).into_owned()),
        What::Text(_)
        | What::Action(_)
        | What::Topic(_)
        | What::Join
        | What::Nick(_)
        | What::Ruling { .. }
        | What::Vain(_) => None,
    }
}

fn cleaned(what: What) -> What {
    let line = |text: String| sanitize::line(&text).into_owned();
    let text = |text: String| sanitize::text(&text).into_owned();
    match what {
        What::Text(said) => What::Text(text(said)),
        What::Action(done) => What::Action(text(done)),
        What::Topic(topic) => What::Topic(line(topic)),
        What::Part(why) => What::Part(line(why)),
        What::Quit(why) => What::Quit(line(why)),
        What::Vain(deed) => What::Vain(line(deed)),
        // Its reason is cleaned with the sentence that tells it.
        other @ What::Ruling { .. } => other,
        other @ (What::Join | What::Nick(_) | What::Gone { .. }) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{GroupName, Number};

    fn id(author: u8, number: u64) -> EntryId {
        EntryId {
            author: NodeId([author; 32]),
            number: Number(number),
        }
    }

    fn line(author: u8, number: u64, seq: u64, what: What) -> Line {
        Line {
            group: GroupName::parse("#hearth").unwrap(),
            id: id(author, number),
            from: Nick::parse(if author == 1 { "anna" } else { "bob" }).unwrap(),
            place: Place {
                hlc: Hlc(seq << 16),
                epoch: Epoch {
                    number: 1,
                    host: NodeId([1; 32]),
                },
                seq: Seq(seq),
            },
            at: Wall(seq),
            what,
            own: author == 2,
            history: false,
        }
    }

    fn text(author: u8, number: u64, seq: u64, said: &str) -> Line {
        line(author, number, seq, What::Text(said.to_owned()))
    }

    fn told(log: &Log) -> Vec<String> {
        log.items
            .values()
            .map(|item| match &item.kind {
                Kind::Said(Said {
                    what: What::Text(text),
                    own,
                    ..
                }) => match own {
                    None => text.clone(),
                    Some(state) => format!("{text} {state:?}"),
                },
                Kind::Said(said) => format!("{:?}", said.what),
                Kind::Note(note) => format!("{note:?}"),
            })
            .collect()
    }

    #[test]
    fn a_line_of_ours_waits_at_the_end_and_then_takes_its_place_once() {
        let mut log = Log::default();
        let bob = Nick::parse("bob").unwrap();
        log.send(id(2, 1), &bob, Wall(1), What::Text("mine".to_owned()));
        assert!(log.place(text(1, 1, 5, "hers")));
        assert_eq!(told(&log), ["hers", "mine Waiting"]);
        assert_eq!(log.waiting(), 1);
        assert!(log.place(text(2, 1, 4, "mine")));
        assert_eq!(told(&log), ["mine Placed", "hers"]);
        log.confirm(id(2, 1), 3);
        assert_eq!(told(&log), ["mine Kept(3)", "hers"]);
        assert!(
            !log.place(text(2, 1, 7, "mine")),
            "a moved entry is not a fresh one"
        );
        assert_eq!(told(&log), ["hers", "mine Kept(3)"]);
        assert_eq!(log.waiting(), 0);
    }

    #[test]
    fn a_failed_line_stays_where_the_talk_was() {
        let mut log = Log::default();
        let bob = Nick::parse("bob").unwrap();
        log.send(id(2, 1), &bob, Wall(1), What::Text("mine".to_owned()));
        log.place(text(1, 1, 1, "before"));
        log.fail(id(2, 1), "too fast");
        log.place(text(1, 2, 2, "after"));
        assert_eq!(told(&log), ["before", "mine Failed(\"too fast\")", "after"]);
    }

    #[test]
    fn a_handover_tells_the_leave_that_caused_it_whichever_came_first() {
        let anna = Nick::parse("anna").unwrap();
        for leave_first in [true, false] {
            let mut log = Log::default();
            let leave = line(1, 1, 1, What::Quit(String::new()));
            if leave_first {
                log.place(leave.clone());
            }
            let before = Before {
                id: NodeId([1; 32]),
                nick: anna.clone(),
                end: Tenure::Missed,
            };
            let handover = Handover::new(Some(&before), |_| false, None, 200, Loss::default());
            log.hand_over(Wall(2), handover);
            if !leave_first {
                log.place(leave);
            }
            let mut left = false;
            let mut hidden = false;
            for item in log.items.values() {
                match &item.kind {
                    Kind::Note(Note::Handover(handover)) => left = handover.is_by_leave(),
                    Kind::Said(said) => hidden = said.told,
                    Kind::Note(_) => {}
                }
            }
            assert!(left && hidden, "leave first: {leave_first}");
        }
    }

    #[test]
    fn a_handover_tells_no_leave_from_before_the_host_came_back_nor_after() {
        let before = Before {
            id: NodeId([1; 32]),
            nick: Nick::parse("anna").unwrap(),
            end: Tenure::Missed,
        };
        let mut log = Log::default();
        log.place(line(1, 1, 1, What::Quit(String::new())));
        log.place(line(1, 2, 2, What::Join));
        let handover = Handover::new(Some(&before), |_| false, None, 200, Loss::default());
        log.hand_over(Wall(3), handover);
        log.place(line(1, 4, 4, What::Join));
        log.place(line(1, 5, 5, What::Quit(String::new())));
        for item in log.items.values() {
            match &item.kind {
                Kind::Note(Note::Handover(handover)) => assert!(!handover.is_by_leave()),
                Kind::Said(said) => assert!(!said.told, "{said:?}"),
                Kind::Note(_) => {}
            }
        }
        assert_eq!(log.len(), 5);
    }

    #[test]
    fn the_oldest_go_when_there_are_enough() {
        let mut log = Log::default();
        for seq in 0..(KEPT + SLACK) as u64 {
            log.place(text(1, seq, seq, "x"));
        }
        assert!(log.trim());
        assert_eq!(log.len(), KEPT);
        assert_eq!(log.ids.len(), KEPT);
        assert!(!log.trim());
    }
}
