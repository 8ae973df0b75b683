//! Items of a log laid out as rows: joins and leaves in a run are one, days and what is unread are told by rules.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::highlight::Highlights;
use super::lay::{Row, Who, marks_sides, right};
use super::log::{Item, Key, Kind, Log, Note, Said, State, leaves};
use super::look::Look;
use super::theme::Role;
use super::words::{Fates, Passing, count, note_passing, tell_handover, tell_passing};
use super::wrap::width;
use crate::config::Options;
use crate::proto::event::{Loss, What};
use crate::proto::id::EntryId;
use crate::proto::time::Wall;
use crate::sanitize;

/// Laid out blocks kept; some ten screens.
const CACHED_MAX: usize = 512;

/// Items that are drawn as one: a single one, or a run of joins and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) first: Key,
    pub(crate) last: Key,
}

/// All that the rows of a block depend on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Shape {
    window: u64,
    first: Key,
    last: Key,
    count: usize,
    stamp: u64,
    width: u16,
    turn: u32,
    day: bool,
    mark: bool,
    missed: u64,
    lit: bool,
    time: bool,
}

/// Laid out blocks, so that an unchanged one is not laid out again.
#[derive(Debug, Default)]
pub(crate) struct Cache(BTreeMap<Shape, Rc<[Row]>>);

/// A log as it is seen through a window of some width.
pub(crate) struct Page<'a> {
    pub(crate) window: u64,
    pub(crate) log: &'a Log,
    pub(crate) look: &'a Look,
    pub(crate) width: u16,
    /// The last item that was read when the window was left.
    pub(crate) mark: Option<Key>,
    /// Lines after it that came while we were away.
    pub(crate) missed: u64,
    /// What was looked for.
    pub(crate) lit: Option<Key>,
    /// Whether what hides in a text is to be seen, which is so while it is lit.
    pub(crate) reveals: bool,
    /// Our nick, folded, for mentions.
    pub(crate) us: &'a str,
    pub(crate) highlights: &'a Highlights,
    /// Whose talk is not to be seen.
    pub(crate) options: &'a Options,
    pub(crate) cache: &'a mut Cache,
}

impl Page<'_> {
    /// The block that an item is in.
    pub(crate) fn block(&self, key: Key) -> Option<Block> {
        let item = self.log.item(&key)?;
        let mut block = Block {
            first: key,
            last: key,
        };
        if !is_traffic(item) {
            return Some(block);
        }
        while let Some((before, other)) = self.log.before(block.first)
            && self.continues(other, item, before)
        {
            block.first = before;
        }
        let mut last = (key, item);
        while let Some((after, other)) = self.log.after(block.last)
            && self.continues(last.1, other, last.0)
        {
            block.last = after;
            last = (after, other);
        }
        Some(block)
    }

    pub(crate) fn newest(&self) -> Option<Block> {
        self.log.last().and_then(|key| self.block(key))
    }

    pub(crate) fn before(&self, block: Block) -> Option<Block> {
        let (key, _) = self.log.before(block.first)?;
        self.block(key)
    }

    pub(crate) fn after(&self, block: Block) -> Option<Block> {
        let (key, _) = self.log.after(block.last)?;
        self.block(key)
    }

    /// The rows of a block, with the rules that stand above it.
    pub(crate) fn rows(&mut self, block: Block) -> Rc<[Row]> {
        let Some(item) = self.log.item(&block.last) else {
            return Rc::from([]);
        };
        let first = self.log.item(&block.first).unwrap_or(item);
        let before = self.shown_before(block.first);
        let day =
            before.is_none_or(|(_, other)| self.look.date(other.at) != self.look.date(first.at));
        let mark = match (self.mark, before) {
            (Some(mark), Some((key, _))) => key <= mark && block.last > mark,
            (Some(_) | None, _) => false,
        };
        let time = day || before.is_none_or(|(_, other)| minute(other) != minute(first));
        let (count, stamp) = self.contents(block);
        let shape = Shape {
            window: self.window,
            first: block.first,
            last: block.last,
            count,
            stamp,
            width: self.width,
            turn: self.look.turn,
            day,
            mark,
            missed: if mark { self.missed } else { 0 },
            lit: self
                .lit
                .is_some_and(|lit| block.first <= lit && lit <= block.last),
            time,
        };
        if let Some(rows) = self.cache.0.get(&shape) {
            return Rc::clone(rows);
        }
        let mut rows = Vec::new();
        self.reveals = shape.lit;
        let mut content = self.content(block, item, time);
        for row in &mut content {
            row.is_lit = shape.lit;
        }
        if !content.is_empty() {
            if day {
                rows.push(self.rule(&self.look.day(first.at), Role::Day, false));
            }
            if mark {
                rows.push(self.mark_rule());
            }
        }
        rows.extend(content);
        let rows: Rc<[Row]> = rows.into();
        if self.cache.0.len() >= CACHED_MAX {
            self.cache.0.clear();
        }
        self.cache.0.insert(shape, Rc::clone(&rows));
        rows
    }

    /// Whether `later` is told together with `earlier`, the item right before it.
    fn continues(&self, earlier: &Item, later: &Item, earlier_key: Key) -> bool {
        is_traffic(earlier)
            && is_traffic(later)
            && self.mark != Some(earlier_key)
            && self.look.date(earlier.at) == self.look.date(later.at)
    }

    /// The item before a key that has rows of its own.
    fn shown_before(&self, key: Key) -> Option<(Key, &Item)> {
        let mut before = self.log.before(key);
        while let Some((key, item)) = before
            && matches!(&item.kind, Kind::Said(said) if said.told || self.is_hidden(said))
        {
            before = self.log.before(key);
        }
        before
    }

    /// Whether it is talk of somebody who is ignored.
    fn is_hidden(&self, said: &Said) -> bool {
        matches!(said.what, What::Text(_) | What::Action(_)) && self.options.hides(&said.id.author)
    }

    /// How many items a block has, and the newest content among them.
    fn contents(&self, block: Block) -> (usize, u64) {
        let mut contents = (0, 0);
        let mut next = self.log.item(&block.first).map(|item| (block.first, item));
        while let Some((key, item)) = next {
            contents = (contents.0 + 1, contents.1.max(item.stamp));
            next = if key == block.last {
                None
            } else {
                self.log.after(key)
            };
        }
        contents
    }

    fn content(&self, block: Block, item: &Item, time: bool) -> Vec<Row> {
        match &item.kind {
            Kind::Said(said) if self.is_hidden(said) => Vec::new(),
            Kind::Said(said) => match &said.what {
                What::Text(text) => self.speech(item, said, text, time),
                What::Action(text) => {
                    let text = format!("{} {text}", said.from);
                    self.told(
                        item,
                        Some(said),
                        "*",
                        Role::Action,
                        Role::Action,
                        &text,
                        time,
                    )
                }
                What::Topic(topic) => {
                    let text = match topic.as_str() {
                        "" => format!("{} removed the topic", said.from),
                        topic => format!("{} set the topic: {topic}", said.from),
                    };
                    self.quiet(item, &text, time)
                }
                What::Nick(nick) => {
                    let text = format!("{} is now {}", said.from, sanitize::name(nick.as_str()));
                    self.quiet(item, &text, time)
                }
                What::Ruling { ruling, nick } => {
                    let whom = nick.as_ref().map_or("", |nick| nick.as_str());
                    let text = ruling.sentence(&said.from, whom);
                    self.quiet(item, &sanitize::line(&text), time)
                }
                What::Vain(deed) => self.quiet(item, &format!("without effect: {deed}"), time),
                What::Join | What::Part(_) | What::Quit(_) | What::Gone { .. } => {
                    self.traffic(block, item, time)
                }
            },
            Kind::Note(note) => self.note(item, note, time),
        }
    }

    /// Something that happened, beside the talk.
    fn quiet(&self, item: &Item, text: &str, time: bool) -> Vec<Row> {
        let dot = self.look.signs.dot;
        self.told(item, None, dot, Role::Dim, Role::Dim, text, time)
    }

    fn note(&self, item: &Item, note: &Note, time: bool) -> Vec<Row> {
        let signs = &self.look.signs;
        match note {
            Note::Handover(handover) => {
                let fates = self.fates(&handover.lost);
                let text = tell_handover(handover, fates, signs.dots, signs.dot);
                self.told(item, None, signs.host, Role::Host, Role::Dim, &text, time)
            }
            Note::Merge {
                from_us,
                from_them,
                marked,
            } => {
                let dot = signs.dot;
                let marked = marked
                    .filter(|_| marks_sides(self.look, self.width))
                    .map(|span| self.marked(span))
                    .unwrap_or_default();
                let text = format!(
                    "two halves are one again {dot} {} from here, {from_them} from there{marked} {dot} in the order they \
                     were said",
                    count(*from_us, "line"),
                );
                self.told(
                    item,
                    None,
                    signs.merge,
                    Role::Accent,
                    Role::Dim,
                    &text,
                    time,
                )
            }
            Note::Notice(text) => {
                self.told(item, None, signs.dot, Role::Dim, Role::Dim, text, time)
            }
            Note::Error(text) => self.told(
                item,
                None,
                signs.failed,
                Role::Error,
                Role::Error,
                text,
                time,
            ),
            Note::Answer(text) => {
                self.told(item, None, signs.dot, Role::Accent, Role::Text, text, time)
            }
        }
    }

    /// How lines from the other side are marked, and when the first and the last of them were said.
    fn marked(&self, (first, last): (Wall, Wall)) -> String {
        let bar = self.look.signs.bar;
        let (first, last) = (self.look.time(first), self.look.time(last));
        let (first, last) = (first.trim_start(), last.trim_start());
        if first == last {
            format!(", marked {bar}, at {first}")
        } else {
            format!(", marked {bar}, {first} to {last}")
        }
    }

    /// How the lines fare that were ours to lose in a handover.
    fn fates(&self, lost: &Loss) -> Fates {
        let failed = |id: &&EntryId| matches!(self.log.state(**id), Some(State::Failed(_)));
        let waiting = |id: &&EntryId| self.log.state(**id).is_some_and(State::is_waiting);
        let ours = || lost.own.iter().chain(&lost.waiting);
        Fates {
            failed: ours().filter(failed).count(),
            waiting: ours().filter(waiting).count(),
        }
    }

    fn speech(&self, item: &Item, said: &Said, text: &str, time: bool) -> Vec<Row> {
        let theme = &self.look.theme;
        let waits = said.own.as_ref().is_some_and(State::is_waiting);
        let concerns_us = !said.ours && self.highlights.concern(text, self.us);
        let style = match (said.ours, concerns_us) {
            (true, _) if waits => theme.style(Role::Dim),
            (true, _) => theme.style(Role::Own),
            (false, true) => theme.style(Role::Mention),
            (false, false) => theme.nick(&said.id.author),
        };
        let role = if waits { Role::Dim } else { Role::Text };
        let who = Who {
            name: &said.from,
            style,
        };
        self.lay(item, Some(said), &who, theme.style(role), text, time)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one line, each named at the call"
    )]
    fn told(
        &self,
        item: &Item,
        said: Option<&Said>,
        sign: &str,
        sign_role: Role,
        role: Role,
        text: &str,
        time: bool,
    ) -> Vec<Row> {
        let theme = &self.look.theme;
        let who = Who {
            name: sign,
            style: theme.style(sign_role),
        };
        self.lay(item, said, &who, theme.style(role), text, time)
    }

    /// A run of joins and leaves: who came, who went, who came and went.
    fn traffic(&self, block: Block, item: &Item, time: bool) -> Vec<Row> {
        let mut people: Vec<Passing> = Vec::new();
        let mut next = self.log.item(&block.first).map(|item| (block.first, item));
        while let Some((key, item)) = next {
            if let Kind::Said(said) = &item.kind {
                note_passing(&mut people, said);
            }
            next = if key == block.last {
                None
            } else {
                self.log.after(key)
            };
        }
        let Some(text) = tell_passing(&people) else {
            return Vec::new();
        };
        let anybody_came = people.iter().any(|passing| passing.here_after);
        let sign = if anybody_came {
            self.look.signs.came
        } else {
            self.look.signs.went
        };
        self.told(item, None, sign, Role::Faint, Role::Dim, &text, time)
    }

    /// The rule below what was read when the window was left.
    fn mark_rule(&self) -> Row {
        let mut row = self.rule("new", Role::Accent, true);
        let told = format!(" {} while you were away ", count(self.missed, "line"));
        let room = right(self.look, self.width).saturating_sub(8);
        if self.missed > 0 && width(&told) + 3 < room {
            row.push(3, told, self.look.theme.style(Role::Accent));
        }
        row
    }
}

fn is_traffic(item: &Item) -> bool {
    match &item.kind {
        Kind::Said(said) => match &said.what {
            What::Join | What::Gone { .. } => true,
            what @ (What::Part(_) | What::Quit(_)) => leaves(what),
            What::Text(_)
            | What::Action(_)
            | What::Topic(_)
            | What::Nick(_)
            | What::Ruling { .. }
            | What::Vain(_) => false,
        },
        Kind::Note(_) => false,
    }
}

fn minute(item: &Item) -> u64 {
    item.at.0 / 60_000
}
