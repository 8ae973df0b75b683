//! One private talk: our lines on their way to the other one, and his on their way to our disk.
//!
//! *Invariant:* a line of his is said to be heard once it is on our disk, and is taken once; lines are taken in the
//! order of their numbers, which their author gives in the order in which he says them.

mod near;
mod ours;

use std::collections::VecDeque;

use super::diary::Diary;
use crate::proto::event::{Event, Line, Nearness, Opening, What};
use crate::proto::group::{Context, Outbox, spoken};
use crate::proto::id::{GroupName, Nick, NodeId, Number, Place};
use crate::proto::limits::{
    DISK_RETRY, LINE_BURST, LINE_INTERVAL, LINE_WAIT, WHISPER_IDLE, WHISPERS_UNDER_WAY,
};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{DialId, LinkId, Ticket};
use crate::proto::saved::{SavedGroup, Write};
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Body, Entry, Message, Reason};

/// A private talk, open or not.
#[derive(Clone, Debug)]
pub(in crate::proto::client) struct Talk {
    name: GroupName,
    other: NodeId,
    /// Whether it has a window.
    is_open: bool,
    diary: Diary,
    outbox: Outbox,
    /// Whether the disk did not take some of that, and when to try again.
    outbox_again: Option<Mono>,
    /// The number we gave last since the process started.
    given: Option<Number>,
    /// The nick that the other one knows, or will when he has heard what waits.
    told_nick: Option<Nick>,
    /// His lines that wait for their turn, and how many may come at once.
    waiting: VecDeque<Entry>,
    tokens: u32,
    refilled: Mono,
    reach: Reach,
    nearness: Option<Nearness>,
    /// Whether our person asked for the talk and was not told yet whether the other one is here.
    is_curious: bool,
    /// Since when a line waits, until our person was told that it takes long.
    late: Option<Mono>,
    is_told_late: bool,
}

/// Our way to the other one.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    /// The link over which we asked what he has heard, and whether he has answered.
    greeted: Option<(LinkId, bool)>,
    dial: Option<DialId>,
    /// The supernode that is asked to carry our packets.
    via: Option<NodeId>,
    again: Mono,
    failures: u32,
    /// When something was said last.
    used: Option<Mono>,
}

impl Talk {
    pub(super) fn restored(me: &NodeId, other: NodeId, saved: &SavedGroup) -> Self {
        let name = GroupName::of_person(&other);
        let diary = Diary::restored(name.clone(), saved);
        let waiting = saved.outbox.values().rev();
        let mut waiting = waiting.filter_map(|entry| nick_in(&entry.body));
        let told_nick = waiting.next().or_else(|| diary.nick(me)).cloned();
        Self {
            name,
            other,
            is_open: saved.joined,
            diary,
            outbox: Outbox::restored(saved.outbox.clone()),
            outbox_again: None,
            given: None,
            told_nick,
            waiting: VecDeque::new(),
            tokens: LINE_BURST,
            refilled: Mono::default(),
            reach: Reach::default(),
            nearness: None,
            is_curious: false,
            late: None,
            is_told_late: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// What the other one calls himself here.
    pub(super) fn nick(&self) -> Option<&Nick> {
        self.diary.nick(&self.other)
    }

    /// Whether nothing is in it that would have to be remembered.
    pub(super) fn is_blank(&self) -> bool {
        !self.is_open && self.outbox.len() == 0 && self.diary.is_empty()
    }

    /// Whether we have ever said anything to him.
    pub(in crate::proto::client) fn is_answered(&self, me: &NodeId) -> bool {
        self.diary.number(me) > Number(0) || self.outbox.len() > 0
    }

    pub(super) fn open(&mut self, cx: &mut Context<'_>, nick: Nick, opening: Opening) {
        if opening == Opening::Asked {
            self.is_curious = true;
        }
        let was_open = std::mem::replace(&mut self.is_open, true);
        self.tell_opening(cx, nick, opening);
        if !was_open {
            self.write_open(cx);
            self.show_outbox(cx.act);
        }
    }

    pub(super) fn tell_opening(&self, cx: &mut Context<'_>, nick: Nick, opening: Opening) {
        cx.act.tell(Event::Talk {
            group: self.name.clone(),
            person: self.other,
            nick,
            opening,
        });
    }

    /// Takes the window away. What waits goes on waiting.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) {
        self.is_open = false;
        self.is_curious = false;
        self.nearness = None;
        self.write_open(cx);
        let group = self.name.clone();
        cx.act.tell(Event::Left { group });
    }

    fn write_open(&self, cx: &mut Context<'_>) {
        cx.act.write(vec![Write::Group {
            group: self.name.clone(),
            joined: self.is_open,
            lease: None,
        }]);
    }

    // -- his lines -----------------------------------------------------------------------------------------

    /// Lines of his, to be taken in their turn. The link is closed if they are not what may be whispered.
    pub(super) fn admit(
        &mut self,
        cx: &mut Context<'_>,
        entries: Vec<Entry>,
    ) -> Result<(), Reason> {
        self.reach.used = Some(cx.now.mono);
        let ours = GroupName::of_person(&cx.me);
        for entry in entries {
            if entry.author != self.other || !entry.is_genuine(cx.seal, &ours) {
                return Err(Reason::BadSignature);
            }
            if !may_be_whispered(&entry.body) {
                return Err(Reason::Unexpected);
            }
            let last = self.waiting.back().map(|entry| entry.number);
            let last = last.unwrap_or_else(|| self.diary.number(&self.other));
            if entry.number <= last && !mutant::is(Mutant::WhisperedTwice) {
                continue;
            }
            if self.waiting.len() >= WHISPERS_UNDER_WAY {
                return Err(Reason::Limit);
            }
            self.waiting.push_back(entry);
        }
        Ok(())
    }

    /// Whether a line of his waits that our person would see.
    pub(super) fn has_something_to_say(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|entry| spoken(&entry.body).is_some())
    }

    /// What he calls himself in what waits.
    pub(super) fn nick_said(&self) -> Option<Nick> {
        let mut waiting = self.waiting.iter().rev();
        waiting.find_map(|entry| nick_in(&entry.body)).cloned()
    }

    /// Takes what may be taken now, and says what is on our disk already: what comes again was heard before.
    pub(super) fn take_and_answer(&mut self, cx: &mut Context<'_>, link: LinkId) {
        self.take(cx);
        self.say_heard(cx, link);
    }

    /// Takes lines of his whose turn has come.
    fn take(&mut self, cx: &mut Context<'_>) {
        self.refill(cx.now.mono);
        while self.tokens > 0
            && self.diary.is_sound()
            && let Some(entry) = self.waiting.pop_front()
        {
            self.tokens -= 1;
            self.place(cx, entry);
        }
        if mutant::is(Mutant::HeardUnflushed)
            && let Some(link) = cx.links.to_peer(&self.other)
        {
            let upto = self.diary.number(&self.other);
            cx.act.send(link, Message::Heard { upto, asks: false });
        }
    }

    fn refill(&mut self, now: Mono) {
        let earned = (now - self.refilled).as_millis() / LINE_INTERVAL.as_millis();
        let earned = u32::try_from(earned).unwrap_or(LINE_BURST).min(LINE_BURST);
        self.tokens = (self.tokens + earned).min(LINE_BURST);
        self.refilled = if self.tokens == LINE_BURST {
            now
        } else {
            self.refilled + LINE_INTERVAL * earned
        };
    }

    /// Gives an entry its place, and tells of it.
    fn place(&mut self, cx: &mut Context<'_>, entry: Entry) -> Place {
        let author = entry.author;
        let before = self.diary.nick(&author).cloned();
        let from = before.or_else(|| nick_in(&entry.body).cloned());
        let (id, at, what) = (entry.id(), entry.time, told(&entry.body));
        let place = self.diary.append(cx, entry);
        if let Some(what) = what {
            cx.act.tell(Event::Entry(Line {
                group: self.name.clone(),
                id,
                from: from.unwrap_or_else(|| Nick::of_key(&author)),
                place,
                at,
                what,
                own: author == cx.me,
                history: false,
            }));
        }
        place
    }

    /// Tells what of his is on our disk.
    pub(super) fn say_heard(&self, cx: &mut Context<'_>, link: LinkId) {
        let upto = self.diary.stored_number(&self.other);
        cx.act.send(link, Message::Heard { upto, asks: false });
    }

    // -- the disk ------------------------------------------------------------------------------------------

    /// A write is on disk; whether it was one of ours.
    pub(super) fn written(&mut self, cx: &mut Context<'_>, ticket: Ticket) -> bool {
        if self.outbox.written(ticket) {
            self.whisper(cx);
            return true;
        }
        let before = self.diary.stored_number(&self.other);
        let is_ours = self.diary.written(ticket);
        if self.diary.stored_number(&self.other) > before
            && let Some(link) = cx.links.to_peer(&self.other)
        {
            self.say_heard(cx, link);
        }
        is_ours
    }

    pub(super) fn unwritten(&mut self, cx: &mut Context<'_>, ticket: Ticket) {
        if self.outbox.written(ticket) {
            self.outbox_again = Some(cx.now.mono + DISK_RETRY);
            self.whisper(cx);
        } else {
            self.diary.unwritten(cx.now.mono, ticket);
        }
    }

    /// Whether something is in memory alone.
    pub(in crate::proto::client) fn is_unsaved(&self) -> bool {
        self.outbox_again.is_some() || !self.diary.is_sound()
    }

    /// When something is due here.
    pub(super) fn due(&self) -> impl Iterator<Item = Mono> {
        let turn = (!self.waiting.is_empty()).then(|| self.refilled + LINE_INTERVAL);
        let again = (self.outbox.len() > 0).then_some(self.reach.again);
        let late = self.late.filter(|_| !self.is_told_late);
        let late = late.map(|since| since + LINE_WAIT);
        let idle = self.reach.used.map(|used| used + WHISPER_IDLE);
        let dues = [turn, again, late, idle, self.outbox_again, self.diary.due()];
        dues.into_iter().flatten()
    }

    /// Whether anything is going on.
    pub(super) fn is_busy(&self, now: Now) -> bool {
        self.is_looking(now.mono) || !self.waiting.is_empty() || self.is_unsaved()
    }
}

/// The nick that an entry gives to its author.
pub(super) fn nick_in(body: &Body) -> Option<&Nick> {
    match body {
        Body::Join { nick } | Body::Nick { nick } => Some(nick),
        Body::Part { .. }
        | Body::Quit { .. }
        | Body::Text { .. }
        | Body::Action { .. }
        | Body::Topic { .. }
        | Body::Gone { .. }
        | Body::Void
        | Body::Ruling(_) => None,
    }
}

/// Whether somebody may say this in private: lines, and what he is called.
fn may_be_whispered(body: &Body) -> bool {
    told(body).is_some() || matches!(body, Body::Join { .. } | Body::Void)
}

/// What is shown of an entry. How somebody is called when a talk begins is no news.
fn told(body: &Body) -> Option<What> {
    match body {
        Body::Nick { nick } => Some(What::Nick(nick.clone())),
        other @ (Body::Join { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Text { .. }
        | Body::Action { .. }
        | Body::Topic { .. }
        | Body::Gone { .. }
        | Body::Void
        | Body::Ruling(_)) => spoken(other),
    }
}
