//! Deciding things in a group, and being decided about: who is put out leaves, and a host lets it go.

use super::{Context, Group, Intent, Phase};
use crate::proto::command::Who;
use crate::proto::event::Event;
use crate::proto::id::{NodeId, Number};
use crate::proto::role::LinkId;
use crate::proto::ruling::Ruling;
use crate::proto::wire::{Body, Message, Refusal, Run};

impl Group {
    /// Our person decides something; whether it may is for the host to judge, and for everybody.
    pub(crate) fn rule(&mut self, cx: &mut Context<'_>, ruling: Ruling<Who>) {
        let ruling = ruling.about(|who| match &who {
            Who::Key(key) => Ok(*key),
            Who::Nick(nick) => self.roster.find(nick).ok_or(who),
        });
        match ruling {
            Ok(ruling) => {
                self.author(cx, Body::Ruling(ruling));
            }
            Err(who) => cx.act.tell(Event::Error {
                group: Some(self.name.clone()),
                what: "cannot decide that".to_owned(),
                why: format!("nobody goes by {who} in {}", self.name),
                try_: "/names tells who is here; a key does as well as a nick".to_owned(),
            }),
        }
    }

    /// Leaves if the log says that we were put out since we came in.
    pub(super) fn heed(&mut self, cx: &mut Context<'_>) {
        let Some(place) = self.roster.put_out(&cx.me).filter(|_| self.is_member) else {
            return;
        };
        let name = &self.name;
        let text = match self.roster.rights().at(place) {
            Some((by, Ruling::Ban { .. })) => {
                let by = self.roster.nick(&by.author);
                format!("{by} put you out of {name} for good")
            }
            Some((by, Ruling::Kick { why, .. })) => {
                let by = self.roster.nick(&by.author);
                let why = if why.is_empty() {
                    ""
                } else {
                    &format!(": {why}")
                };
                format!("{by} put you out of {name}{why}; /join {name} to come back")
            }
            Some(_) | None => format!("you were put out of {name}"),
        };
        self.expel(cx, text);
    }

    /// Leaves without a farewell, which would get no place, and says why.
    pub(super) fn expel(&mut self, cx: &mut Context<'_>, text: String) {
        if self.intent != Intent::Stay {
            return;
        }
        cx.act.tell(Event::Notice { group: None, text });
        self.is_joined = false;
        self.is_member = false;
        self.intent = Intent::Leave {
            farewell: None,
            since: cx.now.mono,
            is_supernode_told: false,
        };
        self.go(cx);
    }

    /// The host has no room for us here, whatever we send.
    pub(super) fn shut_out(&mut self, cx: &mut Context<'_>, why: Refusal) {
        let name = &self.name;
        let text = format!("you are out of {name}: {why}");
        self.expel(cx, text);
    }

    /// As the host, lets those go who were put out by what the log has just gained.
    pub(super) fn let_go(&mut self, cx: &mut Context<'_>, run: &Run) {
        let rulings = run.entries.iter().filter_map(|sequenced| {
            let Body::Ruling(ruling) = &sequenced.entry.body else {
                return None;
            };
            ruling.member().copied()
        });
        for member in rulings.collect::<Vec<_>>() {
            let Phase::Hosting(host) = &self.phase else {
                return;
            };
            let link = host.followers.get(&member).map(|follower| follower.link);
            if let Some(link) = link
                && let Some(why) = self.barred_from(&member)
            {
                self.say_shut(cx, link, why);
                self.unfollow(cx, link, member);
            }
        }
    }

    /// Why a key has nothing to look for here, if so.
    pub(super) fn barred_from(&self, id: &NodeId) -> Option<Refusal> {
        if self.roster.rights().is_banned(id, None) {
            Some(Refusal::Banned)
        } else {
            self.roster.put_out(id).map(|_| Refusal::PutOut)
        }
    }

    /// Says to somebody that it is not let in; no entry of its own has the number 0.
    pub(super) fn say_shut(&self, cx: &mut Context<'_>, link: LinkId, why: Refusal) {
        let (group, number) = (self.name.clone(), Number(0));
        cx.act.send(link, Message::Refused { group, number, why });
    }
}
