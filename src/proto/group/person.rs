//! What our person does in a group: writing entries, taking another nick, leaving.

use super::{Context, Group, Intent, Phase, spoken};
use crate::proto::event::Event;
use crate::proto::id::{Nick, Number};
use crate::proto::limits::{HANDOVER_WAIT, OUTBOX_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::saved::Write;
use crate::proto::wire::{Body, Entry, Message};

/// How many numbers of runs one is drawn from where the clock does not tell runs apart.
const RUNS_AMONG: u64 = 1_000;

impl Group {
    /// Writes an entry of ours. Once it is on disk it is placed if we host, else sent on its way.
    pub(crate) fn author(&mut self, cx: &mut Context<'_>, body: Body) -> Option<Number> {
        if self.outbox.len() >= OUTBOX_MAX {
            cx.act.tell(Event::Error {
                group: Some(self.name.clone()),
                what: "cannot take another line".to_owned(),
                why: format!("{OUTBOX_MAX} lines wait for the group's host"),
                try_: "wait until the group is reached again".to_owned(),
            });
            return None;
        }
        let is_in = || self.roster.contains(&cx.me) || self.roster.was_missed(&cx.me);
        let may_speak = self.outbox.brings_in().unwrap_or_else(is_in);
        if !matches!(body, Body::Join { .. }) && !may_speak {
            let nick = cx.nick.clone();
            self.author(cx, Body::Join { nick });
        }
        let number = self.next_number(cx);
        let entry = Entry::signed(cx.seal, &self.name, number, cx.now.wall, body);
        if let Some(what) = spoken(&entry.body) {
            let id = entry.id();
            cx.act.tell(Event::Sent {
                group: self.name.clone(),
                id,
                at: entry.time,
                what,
            });
        }
        self.write_own(cx, &entry);
        self.outbox.push(entry);
        Some(number)
    }

    /// The number of our next entry. It follows the one that this process gave last; where that was none, or our
    /// past turns out to have given higher ones, it begins a row of its own.
    fn next_number(&mut self, cx: &mut Context<'_>) -> Number {
        let last = self.outbox.last(self.log.number(&cx.me));
        let goes_on = mutant::is(Mutant::NumbersGoOn);
        let number = if self.given == Some(last) || goes_on {
            Number(last.0 + 1)
        } else {
            let chance = cx.act.jitter(RUNS_AMONG);
            Number::of_run(cx.now.wall, last, chance)
        };
        self.given = Some(number);
        number
    }

    /// Puts an entry of ours on disk; once it is there others may see it.
    pub(super) fn write_own(&mut self, cx: &mut Context<'_>, entry: &Entry) {
        let ticket = cx.act.write(vec![Write::Outbox {
            group: self.name.clone(),
            entry: entry.clone(),
        }]);
        self.outbox.writing(ticket, entry.number);
    }

    /// Sets out to leave, with these last words.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>, body: Body) {
        if self.intent != Intent::Stay {
            return;
        }
        self.is_joined = matches!(body, Body::Quit { .. });
        // A join that is on its way would bring us in after we are gone.
        let is_in = || self.roster.contains(&cx.me);
        let farewell = if self.outbox.brings_in().unwrap_or_else(is_in) {
            self.author(cx, body)
        } else {
            None
        };
        self.intent = Intent::Leave {
            farewell,
            since: cx.now.mono,
            is_supernode_told: false,
        };
        self.go(cx);
    }

    /// Takes back a leave that is not done yet, and joins again if the farewell is on its way already.
    pub(crate) fn stay(&mut self, cx: &mut Context<'_>) {
        if let Intent::Leave { farewell, .. } = std::mem::replace(&mut self.intent, Intent::Stay) {
            self.is_joined = true;
            self.registration.again = cx.now.mono;
            if farewell.is_some() {
                let nick = cx.nick.clone();
                self.author(cx, Body::Join { nick });
            }
        }
    }

    /// Goes by another nick.
    pub(crate) fn rename(&mut self, cx: &mut Context<'_>, nick: Nick) {
        let is_in = || self.roster.contains(&cx.me);
        if self.outbox.brings_in().unwrap_or_else(is_in) {
            self.author(cx, Body::Nick { nick });
        }
    }

    /// One look at how far a leave has come; called until [`Group::has_left`].
    pub(super) fn go(&mut self, cx: &mut Context<'_>) {
        let Intent::Leave {
            farewell,
            since,
            is_supernode_told,
        } = self.intent
        else {
            return;
        };
        let is_late = cx.now.mono - since >= HANDOVER_WAIT / 2;
        let is_said = farewell.is_none_or(|number| self.log.number(&cx.me) >= number);
        match &self.phase {
            Phase::Hosting(host) => {
                let is_kept = is_said && self.unkept.is_empty();
                let is_alone = host.is_alone();
                if !is_supernode_told && (is_alone || is_kept || is_late) {
                    self.tell_leave(cx);
                    self.intent = Intent::Leave {
                        farewell,
                        since,
                        is_supernode_told: self.registration.is_held(),
                    };
                }
                let is_overdue = cx.now.mono - since >= HANDOVER_WAIT;
                if (is_alone && (is_kept || is_late)) || is_overdue {
                    self.intent = Intent::Left;
                }
            }
            Phase::Following(_) if !is_said && !is_late => {}
            Phase::Following(follow) => {
                if let Some(link) = follow.link() {
                    cx.act.send(
                        link,
                        Message::Unfollow {
                            group: self.name.clone(),
                        },
                    );
                }
                if !is_supernode_told {
                    self.tell_leave(cx);
                }
                self.intent = Intent::Left;
            }
            Phase::Finding => {
                self.tell_leave(cx);
                self.intent = Intent::Left;
            }
        }
    }

    pub(super) fn tell_leave(&self, cx: &mut Context<'_>) {
        if let Some(link) = self.registration.at {
            cx.act.send(
                link,
                Message::Leave {
                    group: self.name.clone(),
                },
            );
        }
    }
}
