//! The log grows, and the disk catches up with it: what every entry goes through, whoever placed it.

use std::collections::BTreeMap;

use super::{Context, Group, Phase, Source, Unsaved, Writing};
use crate::proto::event::{Event, Line, What};
use crate::proto::id::{EntryId, Nick, NodeId, Number, Place, Seq};
use crate::proto::limits::DISK_RETRY;
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{Moved, Ticket};
use crate::proto::saved::Write;
use crate::proto::seal::Hash;
use crate::proto::vector;
use crate::proto::wire::{Body, Entry, Lease, Message, Run, Vector};

impl Group {
    /// Places entries as the host under `lease`, and passes them on.
    pub(super) fn place(&mut self, cx: &mut Context<'_>, lease: &Lease, entries: Vec<Entry>) {
        let highest = entries
            .iter()
            .map(|entry| (entry.author, self.log.number(&entry.author)))
            .collect();
        let (run, head) = self.log.place(cx.seal, lease, cx.now.wall, entries);
        self.gain(cx, Source::Own, &run, head, highest);
    }

    /// The highest numbers of a run's authors before it is added.
    pub(super) fn highest(&self, run: &Run) -> BTreeMap<NodeId, Number> {
        let authors = run.entries.iter().map(|sequenced| sequenced.entry.author);
        authors
            .map(|author| (author, self.log.number(&author)))
            .collect()
    }

    /// As the host, counts a member that came in over another host's line, and has no link to us, as absent.
    fn miss_stranger(&mut self, cx: &Context<'_>, id: NodeId) {
        if let Phase::Hosting(host) = &mut self.phase
            && id != cx.me
            && self.roster.contains(&id)
            && !host.followers.contains_key(&id)
        {
            host.absent.entry(id).or_insert(cx.now.mono);
        }
    }

    fn is_from_host(&self, source: Source) -> bool {
        matches!(&self.phase, Phase::Following(follow) if source == Source::Sent(follow.host()))
    }

    /// What follows from the log having grown by `run`.
    pub(super) fn gain(
        &mut self,
        cx: &mut Context<'_>,
        source: Source,
        run: &Run,
        head: Hash,
        mut highest: BTreeMap<NodeId, Number>,
    ) {
        let line = self
            .log
            .line(run.epoch)
            .expect("the log has just grown by it");
        let lease = line.lease.clone();
        let begun = Vec::from_iter((run.first == Seq(1)).then(|| lease.clone()));
        let mut writes = vec![Write::Run {
            group: self.name.clone(),
            run: run.clone(),
            head,
            lease,
        }];
        let mut writing = Writing {
            lines: vec![(run.epoch, run.last())],
            doubtful: Vec::new(),
            // What another than the host sent us, the host gets from us: it does not know to ask.
            is_to_report: self.is_reporting || !self.is_from_host(source),
        };
        for (place, sequenced) in run.places() {
            let entry = &sequenced.entry;
            let before = self.roster.nick(&entry.author);
            self.are_members_dirty |= self.roster.apply(place, entry);
            self.miss_stranger(cx, entry.author);
            if entry.author == cx.me {
                let waited = self.outbox.remove(entry);
                if waited {
                    self.moved_on();
                }
                if entry.body != Body::Void {
                    self.unkept.insert(entry.number, place);
                } else if waited {
                    writes.push(self.done(entry.number));
                }
            }
            let is_history = self.is_history(cx, place);
            let known = highest.entry(entry.author).or_default();
            if entry.number > *known || mutant::is(Mutant::ShownTwice) {
                *known = entry.number;
                self.tell(cx, place, entry, before, is_history);
            } else {
                writing.doubtful.push((place, entry.clone(), is_history));
            }
        }
        if self.are_members_dirty {
            self.appoint(cx);
        }
        self.make_good(cx);
        let ticket = cx.act.write(writes);
        self.writing.insert(ticket, writing);
        self.count_merged(source, run);
        match &mut self.phase {
            Phase::Hosting(host) => {
                host.pass_on(cx, &self.name, &self.log, run, &begun, source);
            }
            Phase::Following(follow) => {
                if source == Source::Sent(follow.host()) {
                    follow.feed.has(run);
                }
            }
            Phase::Finding => {}
        }
        self.let_go(cx, run);
        self.heed(cx);
        self.push(cx);
    }

    /// Whether what stands at `place` happened before we joined, or while we were away.
    pub(super) fn is_history(&self, cx: &Context<'_>, place: Place) -> bool {
        let is_caught_up = match &self.phase {
            Phase::Finding => false,
            Phase::Following(follow) => follow.is_live(),
            Phase::Hosting(_) => true,
        };
        !(self.is_told || is_caught_up)
            || self
                .roster
                .position(&cx.me)
                .is_some_and(|joined| place < joined)
    }

    /// Tells the face of an entry at its place.
    pub(super) fn tell(
        &self,
        cx: &mut Context<'_>,
        place: Place,
        entry: &Entry,
        before: Nick,
        history: bool,
    ) {
        let what = match &entry.body {
            Body::Text { text } => What::Text(text.clone()),
            Body::Action { text } => What::Action(text.clone()),
            Body::Topic { text } => What::Topic(text.clone()),
            Body::Join { .. } => What::Join,
            Body::Part { why } => What::Part(why.clone()),
            Body::Quit { why } => What::Quit(why.clone()),
            Body::Nick { nick } => What::Nick(nick.clone()),
            Body::Gone { member } => What::Gone {
                member: *member,
                nick: self.roster.nick(member),
            },
            Body::Ruling(ruling) => What::Ruling {
                nick: ruling.member().map(|member| self.roster.nick(member)),
                ruling: ruling.clone(),
            },
            Body::Void => return,
        };
        let what = if self.roster.rights().stands(place, entry) {
            what
        } else {
            what.in_vain(&before)
        };
        let from = if let Body::Join { nick } = &entry.body {
            nick.clone()
        } else {
            before
        };
        cx.act.tell(Event::Entry(Line {
            group: self.name.clone(),
            id: entry.id(),
            from,
            place,
            at: entry.time,
            what,
            own: entry.author == cx.me,
            history,
        }));
    }

    /// Whether this is a write of ours.
    pub(crate) fn is_writing(&self, ticket: Ticket) -> bool {
        self.writing.contains_key(&ticket)
            || self.outbox.is_writing(ticket)
            || self.lease_write == Some(ticket)
    }

    /// A write of ours is on disk.
    pub(crate) fn written(&mut self, cx: &mut Context<'_>, ticket: Ticket, moved: &[Moved]) {
        if self.lease_write == Some(ticket) {
            return self.take_office(cx);
        }
        if self.outbox.written(ticket) && !self.has_left() {
            self.put(cx);
            return self.go(cx);
        }
        let Some(writing) = self.writing.remove(&ticket) else {
            return;
        };
        self.unsaved.under_way.take_if(|waited| *waited == ticket);
        for (epoch, seq) in &writing.lines {
            self.log.flush(*epoch, *seq);
        }
        for (place, entry, history) in writing.doubtful {
            let found = moved.iter().rfind(|moved| moved.id == entry.id());
            // What waits in memory to be written again may have been told at a place that the disk does not know.
            if found.is_none() && self.unsaved.again.is_some() {
                self.unsaved.doubtful.push((place, entry, history));
            } else if found.is_none_or(|moved| moved.place == place) {
                let nick = self.roster.nick(&entry.author);
                self.tell(cx, place, &entry, nick, history);
            }
        }
        if self.has_left() {
            return;
        }
        let stored: Vector = writing.lines.into_iter().collect();
        match &mut self.phase {
            Phase::Hosting(host) => {
                host.report(cx, &self.name, &stored);
                self.keep(cx);
            }
            Phase::Following(follow) => {
                follow.feed.written();
                if let Some(link) = follow.greeted().filter(|_| writing.is_to_report) {
                    let group = self.name.clone();
                    cx.act.send(
                        link,
                        Message::Stored {
                            group,
                            vector: stored,
                        },
                    );
                }
            }
            Phase::Finding => {}
        }
        self.push(cx);
        self.go(cx);
    }

    /// A write failed: its lines live in memory, and nobody is told that they are stored. An entry of ours goes
    /// out all the same: better to be heard with a full disk.
    pub(crate) fn unwritten(&mut self, cx: &mut Context<'_>, ticket: Ticket) {
        if self.lease_write == Some(ticket) {
            self.unsaved.is_lease = true;
            self.unsaved.again.get_or_insert(cx.now.mono + DISK_RETRY);
            return self.take_office(cx);
        }
        if let Some(writing) = self.writing.remove(&ticket) {
            self.unsaved.under_way.take_if(|waited| *waited == ticket);
            self.unsaved.doubtful.extend(writing.doubtful);
            self.unsaved.again.get_or_insert(cx.now.mono + DISK_RETRY);
        }
        if self.outbox.written(ticket) {
            self.unsaved.is_outbox = true;
            self.unsaved.again.get_or_insert(cx.now.mono + DISK_RETRY);
            if !self.has_left() {
                self.put(cx);
            }
        }
    }

    /// Writes again what the disk did not take, once everything under way has been answered.
    pub(super) fn rewrite(&mut self, cx: &mut Context<'_>) {
        if self.unsaved.again.is_none_or(|again| cx.now.mono < again) || !self.writing.is_empty() {
            return;
        }
        let Unsaved {
            doubtful,
            is_lease,
            is_outbox,
            again: _,
            under_way: _,
        } = std::mem::take(&mut self.unsaved);
        if is_lease {
            self.lease_write = Some(cx.act.write(vec![Write::Group {
                group: self.name.clone(),
                joined: self.is_joined,
                lease: self.lease.clone(),
            }]));
        }
        if is_outbox {
            for entry in self.outbox.all().cloned().collect::<Vec<_>>() {
                self.write_own(cx, &entry);
            }
        }
        let runs = self.log.unflushed().unwrap_or_default();
        let lines = runs
            .iter()
            .map(|(run, _, _)| (run.epoch, run.last()))
            .collect();
        let own = runs
            .iter()
            .flat_map(|(run, _, _)| &run.entries)
            .map(|sequenced| &sequenced.entry);
        let is_done = |entry: &&Entry| !self.unkept.contains_key(&entry.number);
        let done = own
            .filter(|entry| entry.author == cx.me)
            .filter(is_done)
            .map(|entry| self.done(entry.number));
        let done: Vec<_> = done.collect();
        let writes = runs.into_iter().map(|(run, head, lease)| Write::Run {
            group: self.name.clone(),
            run,
            head,
            lease,
        });
        let writes = writes.chain(done);
        let ticket = cx.act.write(writes.collect());
        self.unsaved.under_way = Some(ticket);
        self.writing.insert(
            ticket,
            Writing {
                lines,
                doubtful,
                is_to_report: true,
            },
        );
    }

    /// Whether the disk has refused something that it does not have yet.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved.again.is_some() || self.unsaved.under_way.is_some()
    }

    /// Nothing is to be waited for any more of an own entry.
    fn done(&self, number: Number) -> Write {
        let group = self.name.clone();
        Write::OutboxDone { group, number }
    }

    /// Confirms those of our entries that `kept` covers.
    pub(super) fn confirm(&mut self, cx: &mut Context<'_>, kept: &Vector, copies: u32) {
        let is_kept = |place: &Place| vector::upto(kept, place.epoch) >= place.seq;
        let confirmed: Vec<_> = self
            .unkept
            .iter()
            .filter(|(_, place)| is_kept(place))
            .collect();
        let confirmed: Vec<_> = confirmed
            .into_iter()
            .map(|(number, at)| (*number, *at))
            .collect();
        let done: Vec<_> = confirmed
            .iter()
            .map(|(number, _)| self.done(*number))
            .collect();
        if !done.is_empty() {
            cx.act.write(done);
        }
        for (number, place) in confirmed {
            self.unkept.remove(&number);
            self.few.note(number, place, copies);
            cx.act.tell(Event::Confirmed {
                group: self.name.clone(),
                id: EntryId {
                    author: cx.me,
                    number,
                },
                epoch: place.epoch,
                seq: place.seq.0,
                copies,
            });
        }
        self.go(cx);
    }
}
