//! Private talks: opening them, finding out who is meant, and bringing to each what concerns it.

mod diary;
mod talk;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::talk::Talk;
use super::Client;
use super::persons::Found;
use crate::proto::command::{Command, Who};
use crate::proto::event::{Event, Opening};
use crate::proto::group::{Context, Group};
use crate::proto::id::{GroupName, Nick, NodeId, Number};
use crate::proto::limits::{STRANGERS_MAX, TALKS_MAX, TEXT_SIZE_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{DialId, LinkId, Ticket};
use crate::proto::saved::SavedGroup;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Body, Entry, Message, Reason};

impl Client {
    /// The talks that there were, taken out from among the groups.
    pub(super) fn talks_of(
        me: &NodeId,
        saved: &BTreeMap<GroupName, SavedGroup>,
    ) -> BTreeMap<NodeId, Talk> {
        let talks = saved.iter().filter_map(|(name, saved)| {
            let other = name.person()?;
            Some((other, Talk::restored(me, other, saved)))
        });
        talks.collect()
    }

    pub(super) fn start_talks(&mut self, now: Now) {
        for person in self.talks.keys().copied().collect::<Vec<_>>() {
            let nick = self.name_for(&person);
            self.in_talk(now, &person, |talk, cx| {
                if talk.is_open() {
                    talk.tell_opening(cx, nick, Opening::Restored);
                    talk.show_outbox(cx.act);
                }
            });
        }
    }

    // -- what our person asks ------------------------------------------------------------------------------

    /// Does what concerns private talks; gives back what does not.
    pub(super) fn in_private(&mut self, now: Now, command: Command) -> Option<Command> {
        match command {
            Command::Query {
                who,
                near,
                text,
                is_front,
            } => self.query(now, &who, near.as_ref(), text, is_front),
            Command::Whois { who, near } => self.whois(now, who.as_ref(), near.as_ref()),
            Command::Verify {
                who,
                near,
                came_of_it,
            } => self.verify(&who, near.as_ref(), came_of_it),
            Command::Ignore { persons, strangers } => {
                self.ignored = persons;
                self.takes_strangers = strangers;
            }
            Command::Say { group, text } => match group.person() {
                Some(person) => self.whisper(now, person, text, |text| Body::Text { text }),
                None => return Some(Command::Say { group, text }),
            },
            Command::Act { group, text } => match group.person() {
                Some(person) => self.whisper(now, person, text, |text| Body::Action { text }),
                None => return Some(Command::Act { group, text }),
            },
            Command::Drop { group, id } => match group.person() {
                Some(person) => self.in_talk(now, &person, |talk, cx| talk.take_back(cx, id)),
                None => return Some(Command::Drop { group, id }),
            },
            Command::Part { group, why } => match group.person() {
                Some(person) => self.in_talk(now, &person, |talk, cx| talk.close(cx)),
                None => return Some(Command::Part { group, why }),
            },
            Command::Join { group } if group.person().is_some() => {
                if let Some(person) = group.person() {
                    self.open_talk(now, person, Opening::Asked);
                }
            }
            Command::Invite { ref group, .. }
            | Command::Topic { ref group, .. }
            | Command::Rule { ref group, .. }
            | Command::Rules { ref group, .. }
            | Command::Names { ref group }
                if group.person().is_some() =>
            {
                self.act.tell(Event::Error {
                    group: Some(group.clone()),
                    what: "nothing done".to_owned(),
                    why: "this is a private talk: it is of two, and neither decides for the other"
                        .to_owned(),
                    try_: "/whois tells where the other one is".to_owned(),
                });
            }
            other @ (Command::Join { .. }
            | Command::Accept { .. }
            | Command::Invite { .. }
            | Command::Topic { .. }
            | Command::Rule { .. }
            | Command::Rules { .. }
            | Command::Names { .. }
            | Command::Nick { .. }
            | Command::Away { .. }
            | Command::Reach { .. }
            | Command::Chart { .. }
            | Command::History { .. }
            | Command::Past(_)
            | Command::Quit { .. }) => return Some(other),
        }
        None
    }

    fn query(
        &mut self,
        now: Now,
        who: &Who,
        near: Option<&GroupName>,
        text: Option<String>,
        is_front: bool,
    ) {
        let person = match self.who_is(who, near) {
            Ok(person) => person,
            Err((why, try_)) => {
                return self.act.tell(Event::Error {
                    group: near.cloned(),
                    what: format!("cannot talk to {who}"),
                    why,
                    try_,
                });
            }
        };
        let opening = if is_front {
            Opening::Asked
        } else {
            Opening::Written
        };
        let is_open = self.talks.get(&person).is_some_and(Talk::is_open);
        if (is_front || !is_open) && !self.open_talk(now, person, opening) {
            return;
        }
        if let Some(text) = text {
            self.whisper(now, person, text, |text| Body::Text { text });
        }
    }

    /// Opens a talk's window; says so if there are too many.
    fn open_talk(&mut self, now: Now, person: NodeId, opening: Opening) -> bool {
        let is_open = self.talks.get(&person).is_some_and(Talk::is_open);
        if !is_open && self.open_talks() >= TALKS_MAX {
            self.act.tell(Event::Error {
                group: None,
                what: "cannot open another private talk".to_owned(),
                why: format!("{TALKS_MAX} are open"),
                try_: "/close one first".to_owned(),
            });
            return false;
        }
        let nick = self.name_for(&person);
        self.talks
            .entry(person)
            .or_insert_with(|| Talk::restored(&self.me, person, &SavedGroup::default()));
        self.in_talk(now, &person, |talk, cx| talk.open(cx, nick, opening));
        true
    }

    fn open_talks(&self) -> usize {
        self.talks.values().filter(|talk| talk.is_open()).count()
    }

    fn whisper(
        &mut self,
        now: Now,
        person: NodeId,
        text: String,
        body: impl FnOnce(String) -> Body,
    ) {
        if text.len() > TEXT_SIZE_MAX {
            return self.act.tell(Event::Error {
                group: Some(GroupName::of_person(&person)),
                what: "cannot send the line".to_owned(),
                why: format!(
                    "it is {} bytes long, and {TEXT_SIZE_MAX} is the most",
                    text.len()
                ),
                try_: "send it in parts".to_owned(),
            });
        }
        self.in_talk(now, &person, |talk, cx| talk.say(cx, body(text)));
        self.tell_why_out(person);
    }

    /// Why somebody is away from the screen, as a group that we share tells it.
    pub(super) fn why_out(&self, person: &NodeId) -> Option<&str> {
        let groups = self.groups.values().filter(|group| group.is_staying());
        groups.filter_map(|group| group.why_out(person)).next()
    }

    /// Our person has written to somebody who is away from the screen: says so, once for each reason.
    fn tell_why_out(&mut self, person: NodeId) {
        let why = self.why_out(&person).map(str::to_owned);
        let before = match &why {
            Some(why) => self.told_out.insert(person, why.clone()),
            None => self.told_out.remove(&person),
        };
        if let Some(why) = why.filter(|why| before.as_ref() != Some(why)) {
            let text = match why.as_str() {
                "" => format!("{} is away", self.name_for(&person)),
                why => format!("{} is away: {why}", self.name_for(&person)),
            };
            let group = Some(GroupName::of_person(&person));
            self.act.tell(Event::Notice { group, text });
        }
    }

    // -- who is meant --------------------------------------------------------------------------------------

    /// The person that somebody means, or why it cannot be told and what to try.
    pub(super) fn who_is(
        &self,
        who: &Who,
        near: Option<&GroupName>,
    ) -> Result<NodeId, (String, String)> {
        let nick = match who {
            Who::Key(key) if *key == self.me => return Err(ourselves()),
            Who::Key(key) => return Ok(*key),
            Who::Nick(nick) => nick,
        };
        if let Some(person) = near.and_then(GroupName::person)
            && self.is_called(&person, nick)
        {
            return Ok(person);
        }
        let in_group = |group: &Group| group.find(nick);
        let near = near.and_then(|near| self.groups.get(near));
        if let Some(person) = near.and_then(in_group) {
            return if person == self.me {
                Err(ourselves())
            } else {
                Ok(person)
            };
        }
        let groups = self.groups.values().filter(|group| !group.has_left());
        let talks = self.talks.keys().copied();
        let talks = talks.filter(|person| self.is_called(person, nick));
        let mut meant: BTreeSet<_> = groups.filter_map(in_group).chain(talks).collect();
        meant.remove(&self.me);
        let keys: Vec<_> = meant.iter().map(NodeId::to_string).collect();
        match (meant.pop_first(), keys.len()) {
            (Some(person), 1) => Ok(person),
            (Some(_), _) => Err((
                format!("several people go by {nick}"),
                format!("say which by the key: {}", keys.join(" or ")),
            )),
            (None, _) => Err((
                format!("nobody you have met goes by {nick}"),
                "a key does without having met; /whois NICK tells it to who has".to_owned(),
            )),
        }
    }

    fn is_called(&self, person: &NodeId, nick: &Nick) -> bool {
        let called = |talk: &Talk| talk.nick().is_some_and(|own| own.folded() == nick.folded());
        self.talks.get(person).is_some_and(called)
            || self.name_for(person).folded() == nick.folded()
    }

    /// What somebody calls himself, as far as we have met.
    pub(super) fn claimed_nick(&self, person: &NodeId) -> Option<Nick> {
        let talk = self.talks.get(person).and_then(Talk::nick);
        let in_group = |group: &Group| group.is_known(person).then(|| group.nick_of(person));
        let groups = || self.groups.values().filter(|group| !group.has_left());
        let now = groups().find_map(in_group).or_else(|| talk.cloned());
        now.or_else(|| groups().find_map(|group| group.last_nick_of(person)))
    }

    /// What to call somebody: his nick, with a tag if that is also another's.
    pub(super) fn name_for(&self, person: &NodeId) -> Nick {
        let Some(nick) = self.claimed_nick(person) else {
            return Nick::of_key(person);
        };
        let folded = nick.folded();
        let groups = self.groups.values().filter(|group| !group.has_left());
        let mut in_groups = groups.filter_map(|group| group.find(&nick));
        let mut talks = self.talks.iter().filter(|(other, talk)| {
            *other != person && talk.nick().is_some_and(|nick| nick.folded() == folded)
        });
        let is_anothers = self.nick.folded() == folded
            || in_groups.any(|other| other != *person)
            || talks.next().is_some();
        if is_anothers {
            nick.tagged(person)
        } else {
            nick
        }
    }

    fn is_stranger(&self, person: &NodeId) -> bool {
        let is_met = |group: &Group| !group.has_left() && group.is_known(person);
        let is_answered = |talk: &Talk| talk.is_answered(&self.me);
        !self.groups.values().any(is_met) && !self.talks.get(person).is_some_and(is_answered)
    }

    // -- what others say -----------------------------------------------------------------------------------

    /// Somebody says something to us alone.
    pub(super) fn whispered(&mut self, now: Now, link: LinkId, from: NodeId, entries: Vec<Entry>) {
        if self.ignored.contains(&from) {
            return;
        }
        let is_open = self.talks.get(&from).is_some_and(Talk::is_open);
        let is_shunned = !self.takes_strangers && self.is_stranger(&from);
        if is_shunned || (!is_open && !self.is_welcome(&from)) {
            return self.close(now, link, Reason::Unwelcome);
        }
        let (called, name) = (self.claimed_nick(&from), self.name_for(&from));
        self.talks
            .entry(from)
            .or_insert_with(|| Talk::restored(&self.me, from, &SavedGroup::default()));
        let mut taken = Ok(());
        self.in_talk(now, &from, |talk, cx| {
            taken = talk.admit(cx, entries);
        });
        let Ok(()) = taken else {
            return self.close(now, link, taken.err().unwrap_or(Reason::Unexpected));
        };
        if !is_open {
            // Who only says what they are called has said nothing yet, and leaves no trace.
            if !self
                .talks
                .get(&from)
                .is_some_and(Talk::has_something_to_say)
            {
                return;
            }
            let nick = self.name_given(&from, called);
            self.in_talk(now, &from, |talk, cx| talk.open(cx, nick, Opening::Begun));
        }
        self.in_talk(now, &from, |talk, cx| talk.take_and_answer(cx, link));
        let named = self.name_for(&from);
        if is_open && named != name {
            self.in_talk(now, &from, |talk, cx| {
                talk.tell_opening(cx, named, Opening::Named);
            });
        }
    }

    /// What to call somebody whose first lines are here and not taken yet.
    fn name_given(&self, person: &NodeId, called: Option<Nick>) -> Nick {
        let said = self.talks.get(person).and_then(Talk::nick_said);
        match (called, said) {
            (None, Some(said)) if self.who_is(&Who::Nick(said.clone()), None).is_err() => said,
            (None, Some(said)) => said.tagged(person),
            (Some(_), _) | (None, None) => self.name_for(person),
        }
    }

    /// Whether somebody may begin a talk with us.
    fn is_welcome(&self, person: &NodeId) -> bool {
        if mutant::is(Mutant::StrangersUncounted) {
            return true;
        }
        let talks = self.talks.iter().filter(|(_, talk)| talk.is_open());
        let strangers = talks.filter(|(other, _)| self.is_stranger(other)).count();
        self.open_talks() < TALKS_MAX && (strangers < STRANGERS_MAX || !self.is_stranger(person))
    }

    /// Somebody has our lines up to a number.
    pub(super) fn was_heard(
        &mut self,
        now: Now,
        link: LinkId,
        from: NodeId,
        upto: Number,
        asks: bool,
    ) {
        if self.ignored.contains(&from) {
            return;
        }
        self.in_talk(now, &from, |talk, cx| talk.heard_upto(cx, link, upto));
        if !asks {
            return;
        }
        match self.talks.get(&from) {
            Some(_) => self.in_talk(now, &from, |talk, cx| talk.say_heard(cx, link)),
            None => self.act.send(
                link,
                Message::Heard {
                    upto: Number(0),
                    asks: false,
                },
            ),
        }
    }

    // -- links and the disk --------------------------------------------------------------------------------

    pub(super) fn talk_dialled(&mut self, now: Now, dial: Option<DialId>, peer: NodeId) {
        if let Some(dial) = dial {
            self.in_talk(now, &peer, |talk, _| talk.dialled(dial));
        }
    }

    pub(super) fn talk_undialled(&mut self, now: Now, dial: DialId) {
        for person in self.talks.keys().copied().collect::<Vec<_>>() {
            let mut wrong = None;
            self.in_talk(now, &person, |talk, cx| wrong = talk.undialled(cx, dial));
            if let Some(node) = wrong {
                return self.was_not_at(&person, &node);
            }
        }
    }

    pub(super) fn talk_unlinked(
        &mut self,
        now: Now,
        link: LinkId,
        peer: NodeId,
        why: Option<Reason>,
    ) {
        self.in_talk(now, &peer, |talk, cx| talk.unlinked(cx, link, why));
        if self.links.to_peer(&peer).is_none() {
            self.paths.remove(&peer);
            if self.talks.get(&peer).is_some_and(Talk::is_blank) {
                self.talks.remove(&peer);
            }
        }
    }

    /// A write is on disk; whether a talk had asked for it.
    pub(super) fn talk_written(&mut self, now: Now, ticket: Ticket) -> bool {
        let persons: Vec<_> = self.talks.keys().copied().collect();
        persons.into_iter().any(|person| {
            let mut is_its = false;
            self.in_talk(now, &person, |talk, cx| is_its = talk.written(cx, ticket));
            is_its
        })
    }

    pub(super) fn talk_unwritten(&mut self, now: Now, ticket: Ticket) {
        for person in self.talks.keys().copied().collect::<Vec<_>>() {
            self.in_talk(now, &person, |talk, cx| talk.unwritten(cx, ticket));
        }
    }

    // -- what should be ------------------------------------------------------------------------------------

    /// Sees to it that everybody is looked for who is to be found, and takes each talk's next step.
    pub(super) fn settle_talks(&mut self, now: Now) {
        let asked: BTreeSet<_> = self.asked_about().collect();
        for person in self.sought_after() {
            let talk = self.talks.get(&person);
            if !talk.is_some_and(|talk| talk.is_looking(now.mono)) && !asked.contains(&person) {
                self.stop_looking(&person);
            }
        }
        let busy = self.talks.iter().filter(|(_, talk)| talk.is_busy(now));
        for person in busy.map(|(person, _)| *person).collect::<Vec<_>>() {
            let talk = self.talks.get(&person);
            if talk.is_some_and(|talk| talk.is_looking(now.mono)) {
                self.look_for(now, person);
            }
            let found = if self.links.has_node() {
                self.find(&person)
            } else {
                Found::Looking
            };
            let nick = self.name_for(&person);
            self.in_talk(now, &person, |talk, cx| talk.tick(cx, &found, &nick));
        }
        self.answer_about(now);
    }

    /// The persons to whom a link is needed.
    pub(super) fn talk_peers(&self, now: Mono) -> impl Iterator<Item = NodeId> {
        let talks = self.talks.iter();
        let needed = talks.filter(move |(_, talk)| talk.needs_link(now));
        needed.map(|(person, _)| *person)
    }

    pub(super) fn talks_due(&self, now: Now) -> impl Iterator<Item = Mono> {
        let busy = self.talks.values().filter(move |talk| talk.is_busy(now));
        busy.flat_map(Talk::due)
    }

    pub(super) fn in_talk(
        &mut self,
        now: Now,
        person: &NodeId,
        with: impl FnOnce(&mut Talk, &mut Context<'_>),
    ) {
        let Some(talk) = self.talks.get_mut(person) else {
            return;
        };
        let mut cx = Context {
            now,
            seal: &*self.seal,
            me: self.me,
            nick: &self.nick,
            out: self.out.as_deref(),
            act: &mut self.act,
            table: &self.table,
            links: &self.links,
        };
        with(talk, &mut cx);
    }
}

fn ourselves() -> (String, String) {
    ("that is you".to_owned(), "name somebody else".to_owned())
}
