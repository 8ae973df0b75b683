//! What becomes of an own entry that the host gives no place: another stands in its stead, and our person is told.

use super::{Context, Group, Intent, Phase};
use crate::proto::event::Event;
use crate::proto::id::{Nick, NodeId, Number};
use crate::proto::limits::NICK_SIZE_MAX;
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::wire::{Body, Entry, Refusal};

impl Group {
    /// The host gives an entry of ours no place.
    pub(crate) fn refused(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        number: Number,
        why: Refusal,
    ) {
        let Phase::Following(follow) = &self.phase else {
            return;
        };
        if number == Number(0) && follow.link() == Some(link) {
            self.shut_out(cx, why);
        } else if follow.greeted() == Some(link) {
            // It may have got its place from another host meanwhile; what follows it comes again all the same.
            self.outbox.resume_at(number);
            self.give_up(cx, number, why);
            self.put(cx);
        }
    }

    /// Puts another entry in the stead of one that was refused, and tells our person: of a join the same under another
    /// nick, so that what follows it comes from somebody who is in; or else an empty one.
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, number: Number, why: Refusal) {
        let other = match self.outbox.body(number) {
            None => return,
            Some(Body::Join { nick }) if why == Refusal::NickTaken => {
                let other = told_apart(nick, &cx.me);
                let text = format!("{nick} is taken in {}; you are {other} here", self.name);
                let group = Some(self.name.clone());
                cx.act.tell(Event::Notice { group, text });
                Some(other)
            }
            Some(_) => None,
        };
        let nick = other.filter(|_| !mutant::is(Mutant::JoinVoided));
        let stead = nick.map_or(Body::Void, |nick| Body::Join { nick });
        let is_void = stead == Body::Void;
        let stead = Entry::signed(cx.seal, &self.name, number, cx.now.wall, stead);
        self.write_own(cx, &stead);
        self.moved_on();
        if let Some(refused) = self.outbox.replace(stead).filter(|_| is_void) {
            self.lose(cx, refused, why);
        }
    }

    /// An own entry is refused for good.
    fn lose(&mut self, cx: &mut Context<'_>, refused: Entry, why: Refusal) {
        let group = self.name.clone();
        match refused.body {
            Body::Join { nick } if why == Refusal::NickTaken => {
                let nick = told_apart(&nick, &cx.me);
                self.author(cx, Body::Join { nick });
            }
            Body::Text { .. } | Body::Action { .. }
                if why == Refusal::NotAMember && self.intent == Intent::Stay =>
            {
                self.say_again(cx, refused);
            }
            Body::Text { .. } | Body::Action { .. } => {
                let (id, why) = (refused.id(), why.to_string());
                self.losses.fail(id);
                cx.act.tell(Event::Failed { group, id, why });
            }
            Body::Void => {}
            Body::Join { .. } if matches!(why, Refusal::Banned | Refusal::Full) => {
                self.shut_out(cx, why);
            }
            Body::Ruling(_) => cx.act.tell(Event::Error {
                group: Some(group),
                what: format!("cannot {}", deed(&refused.body)),
                why: why.to_string(),
                try_: "/names tells who may".to_owned(),
            }),
            Body::Join { .. }
            | Body::Nick { .. }
            | Body::Topic { .. }
            | Body::Part { .. }
            | Body::Quit { .. }
            | Body::Gone { .. } => cx.act.tell(Event::Error {
                group: Some(group),
                what: format!("cannot {}", deed(&refused.body)),
                why: why.to_string(),
                try_: "try another".to_owned(),
            }),
        }
    }

    /// The host never took the line that brought us in; we are in all the same, and say so again, and behind that the
    /// line that was refused and all behind it, since any of them might be taken before it.
    fn say_again(&mut self, cx: &mut Context<'_>, refused: Entry) {
        let mut again = vec![refused];
        for entry in self.outbox.spoken() {
            let void = Entry::signed(cx.seal, &self.name, entry.number, cx.now.wall, Body::Void);
            if entry.number > again[0].number && !mutant::is(Mutant::LineOvertaken) {
                self.outbox.replace(void.clone());
                self.write_own(cx, &void);
                again.push(entry);
            }
        }
        if self.outbox.brings_in().is_none() {
            let nick = cx.nick.clone();
            self.author(cx, Body::Join { nick });
        }
        for entry in again {
            cx.act.tell(Event::Failed {
                group: self.name.clone(),
                id: entry.id(),
                why: format!("{}; it is sent again", Refusal::NotAMember),
            });
            self.author(cx, entry.body);
        }
    }
}

/// A nick that only this key has: the nick asked for and four characters of the key, as `joe~otte`; the key's
/// short form if even that was taken.
fn told_apart(nick: &Nick, id: &NodeId) -> Nick {
    let short = id.short();
    let tag = format!("~{}", &short[..4]);
    let mut stem = nick.as_str();
    if stem.ends_with(&tag) {
        return Nick::parse(&short).expect("base32 makes a nick");
    }
    while stem.len() + tag.len() > NICK_SIZE_MAX {
        let last = stem.char_indices().next_back().map_or(0, |(at, _)| at);
        stem = &stem[..last];
    }
    Nick::parse(&format!("{stem}{tag}")).expect("a nick with a tag of base32 is a nick")
}

fn deed(body: &Body) -> &'static str {
    match body {
        Body::Join { .. } => "join",
        Body::Nick { .. } => "take that nick",
        Body::Topic { .. } => "set the topic",
        Body::Ruling(_) => "decide that",
        Body::Part { .. } | Body::Quit { .. } => "say that you leave",
        Body::Gone { .. } => "say that somebody is gone",
        Body::Text { .. } | Body::Action { .. } => "send the line",
        Body::Void => "send nothing",
    }
}
