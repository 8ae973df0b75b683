//! Who is away from the screen, and why: everybody says it to the host, and the host to everybody.
//!
//! It is as true as the links over which it was said, and no part of the log: a host knows it from those who follow it,
//! and whoever comes to a new host says it again.

use super::{Context, Group, Phase};
use crate::proto::id::NodeId;
use crate::proto::limits::{MEMBERS_MAX, OUT_PER_MESSAGE_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::wire::Message;

impl Group {
    /// Why somebody is away from the screen, if so.
    pub(crate) fn why_out(&self, id: &NodeId) -> Option<&str> {
        let is_in = self.roster.contains(id);
        self.out.get(id).map(String::as_str).filter(|_| is_in)
    }

    /// Our person has left the screen, or is back: tells the host, or as the host everybody.
    pub(crate) fn say_out(&mut self, cx: &mut Context<'_>) {
        self.are_members_dirty = true;
        let message = Message::Out {
            group: self.name.clone(),
            out: vec![(cx.me, cx.out.map(str::to_owned))],
        };
        match &self.phase {
            Phase::Following(follow) => {
                if let Some(link) = follow.greeted() {
                    cx.act.send(link, message);
                }
            }
            Phase::Hosting(host) => cx.act.send_all(host.links(), message),
            Phase::Finding => {}
        }
    }

    /// A host has let us in.
    pub(super) fn say_out_again(&mut self, cx: &mut Context<'_>) {
        if cx.out.is_some() && !mutant::is(Mutant::OutForgotten) {
            self.say_out(cx);
        }
    }

    /// As the host, tells somebody who has come of all who are out.
    pub(super) fn tell_out(&self, cx: &mut Context<'_>, link: LinkId) {
        let own = cx.out.map(|why| (cx.me, Some(why.to_owned())));
        let others = self.out.iter().map(|(id, why)| (*id, Some(why.clone())));
        let all: Vec<_> = own.into_iter().chain(others).collect();
        for out in all.chunks(OUT_PER_MESSAGE_MAX) {
            let (group, out) = (self.name.clone(), out.to_vec());
            cx.act.send(link, Message::Out { group, out });
        }
    }

    /// As the host, tells everybody what followers have said of themselves since it was told last.
    pub(super) fn tell_news_of_out(&mut self, cx: &mut Context<'_>) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        let news: Vec<_> = std::mem::take(&mut host.news.out).into_iter().collect();
        let links = host.links();
        for ids in news.chunks(OUT_PER_MESSAGE_MAX) {
            let out = ids.iter().map(|id| (*id, self.out.get(id).cloned()));
            let (group, out) = (self.name.clone(), out.collect());
            cx.act.send_all(links.clone(), Message::Out { group, out });
        }
    }

    /// A follower says it of itself, or our host of everybody.
    pub(crate) fn heard_out(
        &mut self,
        cx: &Context<'_>,
        link: LinkId,
        from: NodeId,
        out: Vec<(NodeId, Option<String>)>,
    ) {
        match &mut self.phase {
            Phase::Hosting(host) => {
                let is_followers = host
                    .followers
                    .get(&from)
                    .is_some_and(|one| one.link == link);
                let own = out.into_iter().find(|(id, _)| *id == from);
                let Some((_, why)) = own.filter(|_| is_followers) else {
                    return;
                };
                if self.out.get(&from) != why.as_ref() || mutant::is(Mutant::OutToldAgain) {
                    host.news.stepped(from, cx.now.mono);
                    self.note_out(from, why);
                }
            }
            Phase::Following(follow) if follow.greeted() == Some(link) => {
                for (id, why) in out {
                    if id != cx.me {
                        self.note_out(id, why);
                    }
                }
            }
            Phase::Following(_) | Phase::Finding => {}
        }
    }

    /// Of whoever it is said: who comes in hears of it before the log has told who is here.
    fn note_out(&mut self, id: NodeId, why: Option<String>) {
        self.are_members_dirty = true;
        let has_room = self.out.len() < 2 * MEMBERS_MAX || self.out.contains_key(&id);
        match why.filter(|_| has_room) {
            Some(why) => self.out.insert(id, why),
            None => self.out.remove(&id),
        };
    }
}
