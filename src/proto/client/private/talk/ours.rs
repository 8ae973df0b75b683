//! What we say in a private talk: numbered, kept in the outbox, sent, and gone from there once it is heard.

use super::{Talk, spoken};
use crate::proto::actions::Actions;
use crate::proto::codec::entry_size;
use crate::proto::event::Event;
use crate::proto::group::Context;
use crate::proto::id::{EntryId, GroupName, Number};
use crate::proto::limits::{CATCH_UP_SIZE, WHISPERS_MAX, WHISPERS_UNDER_WAY};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::saved::Write;
use crate::proto::wire::{Body, Entry, Message};

/// How many numbers of runs one is drawn from where the clock does not tell runs apart.
const RUNS_AMONG: u64 = 1_000;
impl Talk {
    /// Says something. Once it is on our disk it goes on its way.
    pub(in crate::proto::client::private) fn say(&mut self, cx: &mut Context<'_>, body: Body) {
        if self.outbox.len() >= WHISPERS_MAX {
            return cx.act.tell(Event::Error {
                group: Some(self.name.clone()),
                what: "cannot take another line".to_owned(),
                why: format!("{WHISPERS_MAX} lines wait for somebody who is not here"),
                try_: "wait until they are heard".to_owned(),
            });
        }
        match &self.told_nick {
            None => self.author(
                cx,
                Body::Join {
                    nick: cx.nick.clone(),
                },
            ),
            Some(told) if told != cx.nick => self.author(
                cx,
                Body::Nick {
                    nick: cx.nick.clone(),
                },
            ),
            Some(_) => {}
        }
        self.told_nick = Some(cx.nick.clone());
        self.author(cx, body);
    }

    fn author(&mut self, cx: &mut Context<'_>, body: Body) {
        let last = self.outbox.last(self.diary.number(&cx.me));
        let number = if self.given == Some(last) {
            Number(last.0 + 1)
        } else {
            let chance = cx.act.jitter(RUNS_AMONG);
            Number::of_run(cx.now.wall, last, chance)
        };
        self.given = Some(number);
        // It is signed for him it is meant for, so that nobody can show it to somebody else as said to him.
        let entry = Entry::signed(cx.seal, &self.name, number, cx.now.wall, body);
        tell_sent(&self.name, &entry, cx.act);
        let ticket = cx.act.write(vec![Write::Outbox {
            group: self.name.clone(),
            entry: entry.clone(),
        }]);
        self.outbox.writing(ticket, number);
        self.outbox.push(entry);
        self.late.get_or_insert(cx.now.mono);
    }

    /// Tells the face of our lines that still wait from before the start.
    pub(in crate::proto::client::private) fn show_outbox(&self, act: &mut Actions) {
        for entry in self.outbox.all() {
            tell_sent(&self.name, entry, act);
        }
    }

    /// Takes back a line that waits, if nobody can have been sent it: an empty entry takes its number.
    pub(in crate::proto::client::private) fn take_back(
        &mut self,
        cx: &mut Context<'_>,
        id: EntryId,
    ) {
        let group = self.name.clone();
        if self.outbox.is_ours_alone(id.number) && id.author == cx.me {
            let void = Entry::signed(cx.seal, &self.name, id.number, cx.now.wall, Body::Void);
            self.outbox.replace(void.clone());
            let ticket = cx.act.write(vec![Write::Outbox {
                group: group.clone(),
                entry: void,
            }]);
            self.outbox.writing(ticket, id.number);
            let why = "you took it back".to_owned();
            return cx.act.tell(Event::Failed { group, id, why });
        }
        cx.act.tell(Event::Error {
            group: Some(group),
            what: "cannot take the line back".to_owned(),
            why: "it is on its way, and may have arrived already".to_owned(),
            try_: "say another one after it".to_owned(),
        });
    }

    /// The other one has our lines up to `upto` on his disk.
    pub(in crate::proto::client::private) fn heard_upto(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        upto: Number,
    ) {
        // Over whichever of our links he says so: where he was asked he has answered.
        let is_first = match &mut self.reach.greeted {
            Some((greeted, is_answered)) if *greeted == link => {
                !std::mem::replace(is_answered, true)
            }
            Some(_) | None => false,
        };
        let heard = self.outbox.all().take_while(|entry| entry.number <= upto);
        let heard: Vec<_> = heard.cloned().collect();
        for entry in heard {
            if self.outbox.is_ours_alone(entry.number) {
                self.fail(cx, entry.id());
            } else {
                self.arrived(cx, entry);
            }
        }
        if is_first && !mutant::is(Mutant::WhisperedOnce) {
            self.outbox.rewind();
        }
        self.whisper(cx);
    }

    /// A line of ours is on his disk: it has its place in the diary.
    fn arrived(&mut self, cx: &mut Context<'_>, entry: Entry) {
        self.outbox.remove(&entry);
        let id = entry.id();
        let is_said = spoken(&entry.body).is_some();
        let place = self.place(cx, entry);
        self.late = (self.outbox.len() > 0).then_some(cx.now.mono);
        self.is_told_late = false;
        if is_said {
            cx.act.tell(Event::Confirmed {
                group: self.name.clone(),
                id,
                epoch: place.epoch,
                seq: place.seq.0,
                copies: 2,
            });
        }
    }

    /// A number that he has and that we gave just now: our disk has forgotten what we said under it before, and our
    /// clock is behind what it was then.
    fn fail(&mut self, cx: &mut Context<'_>, id: EntryId) {
        let group = self.name.clone();
        let void = Entry::signed(cx.seal, &group, id.number, cx.now.wall, Body::Void);
        if let Some(entry) = self.outbox.replace(void.clone()) {
            self.outbox.remove(&void);
            cx.act.write(vec![Write::OutboxDone {
                group: group.clone(),
                number: id.number,
            }]);
            if spoken(&entry.body).is_some() {
                let why = "your disk is older than what was heard of you".to_owned();
                cx.act.tell(Event::Failed { group, id, why });
            }
        }
    }

    /// Sends what he has not been sent, as far as he has room for it.
    pub(super) fn whisper(&mut self, cx: &mut Context<'_>) {
        let Some((link, true)) = self.reach.greeted else {
            return;
        };
        let mut entries = Vec::new();
        let mut size = 0;
        for entry in self.outbox.unsent_within(WHISPERS_UNDER_WAY) {
            size += entry_size(&entry);
            if size > CATCH_UP_SIZE && !entries.is_empty() {
                let entries = std::mem::take(&mut entries);
                cx.act.send(link, Message::Whisper { entries });
                size = entry_size(&entry);
            }
            entries.push(entry);
        }
        if !entries.is_empty() {
            self.reach.used = Some(cx.now.mono);
            cx.act.send(link, Message::Whisper { entries });
        }
    }
}

fn tell_sent(name: &GroupName, entry: &Entry, act: &mut Actions) {
    if let Some(what) = spoken(&entry.body) {
        act.tell(Event::Sent {
            group: name.clone(),
            id: entry.id(),
            at: entry.time,
            what,
        });
    }
}
