//! Who is linked here and says that he may be looked for, and who looks for him.
//!
//! A person registers at the two supernodes closest to his key, so that one of them is enough. All of it is soft: it
//! lasts as long as the links do, and only when somebody left is remembered.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Supernode};
use crate::proto::figures;
use crate::proto::id::NodeId;
use crate::proto::limits::{FOUND_AT, GONE_MAX, SOUGHT_PER_LINK_MAX};
use crate::proto::links::Links;
use crate::proto::mutant::{self, Mutant};
use crate::proto::ring::Point;
use crate::proto::role::LinkId;
use crate::proto::time::Mono;
use crate::proto::wire::{Message, Reason, Whereabouts, Whether};

/// Persons who are here, were here, or are looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Persons {
    here: BTreeMap<NodeId, Person>,
    /// When each of these left; the first to leave is the first to be forgotten.
    gone: BTreeMap<NodeId, Mono>,
    gone_in_order: BTreeSet<(Mono, NodeId)>,
    /// Over which links each person is looked for, and the same the other way round.
    sought: BTreeMap<NodeId, BTreeSet<LinkId>>,
    by_link: BTreeMap<LinkId, BTreeSet<NodeId>>,
}

/// A person who is here.
#[derive(Clone, Debug)]
struct Person {
    link: LinkId,
    since: Mono,
    whereabouts: Whereabouts,
}

impl Persons {
    fn left(&mut self, now: Mono, person: NodeId) {
        self.forget_gone(&person);
        if self.gone.len() >= GONE_MAX
            && let Some((_, first)) = self.gone_in_order.first().copied()
        {
            self.forget_gone(&first);
        }
        self.gone.insert(person, now);
        self.gone_in_order.insert((now, person));
    }

    fn forget_gone(&mut self, person: &NodeId) {
        if let Some(at) = self.gone.remove(person) {
            self.gone_in_order.remove(&(at, *person));
        }
    }

    /// Remembers who is looked for. Of too many one is forgotten: whoever still looks for him asks again.
    fn seek(&mut self, link: LinkId, person: NodeId) {
        let by_link = self.by_link.entry(link).or_default();
        if by_link.insert(person) && by_link.len() > SOUGHT_PER_LINK_MAX {
            let forgotten = by_link.iter().find(|other| **other != person).copied();
            if let Some(forgotten) = forgotten {
                by_link.remove(&forgotten);
                self.seeks_no_more(link, &forgotten);
            }
        }
        self.sought.entry(person).or_default().insert(link);
    }

    fn seeks_no_more(&mut self, link: LinkId, person: &NodeId) {
        if let Some(links) = self.sought.get_mut(person) {
            links.remove(&link);
            if links.is_empty() {
                self.sought.remove(person);
            }
        }
    }

    /// A link is gone: with it whom it brought, and whom was looked for over it.
    pub(super) fn unlinked(&mut self, now: Mono, link: LinkId, peer: NodeId) {
        if self.here.get(&peer).is_some_and(|here| here.link == link) {
            self.here.remove(&peer);
            self.left(now, peer);
        }
        for person in self.by_link.remove(&link).unwrap_or_default() {
            self.seeks_no_more(link, &person);
        }
    }
}

impl Supernode {
    /// Somebody says that he is here.
    pub(crate) fn person_here(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        whereabouts: Whereabouts,
    ) {
        let is_his = whereabouts.person == from && whereabouts.is_genuine(cx.seal);
        if !is_his && !mutant::is(Mutant::AnybodyIsHere) {
            return cx.act.close(link, Reason::BadSignature);
        }
        let person = whereabouts.person;
        let before = self.persons.here.get(&person);
        let since = before.filter(|before| before.link == link);
        let since = since.map_or(cx.now, |before| before.since);
        self.persons.forget_gone(&person);
        let here = Person {
            link,
            since,
            whereabouts,
        };
        self.persons.here.insert(person, here);
        self.tell_seekers(cx, person);
        // Whoever has an old table is sent to who is responsible for him.
        if ask(cx, &person).is_some() {
            let told = self.sought(cx, person);
            cx.act.send(link, told);
        }
    }

    /// Somebody looks for a person.
    pub(crate) fn seek(&mut self, cx: &mut Context<'_>, link: LinkId, person: NodeId) {
        self.persons.seek(link, person);
        let told = self.sought(cx, person);
        cx.act.send(link, told);
    }

    /// The link of a person came to itself: that is as good as coming.
    pub(super) fn person_heard(&mut self, cx: &mut Context<'_>, link: LinkId, person: NodeId) {
        let here = self.persons.here.get(&person);
        if here.is_some_and(|here| here.link == link) {
            self.tell_seekers(cx, person);
        }
    }

    pub(crate) fn persons_figures(&self, links: &Links) -> figures::Persons {
        let is_heard = |here: &&Person| links.get(here.link).is_some_and(|link| !link.is_quiet);
        figures::Persons {
            here: self.persons.here.values().filter(is_heard).count(),
            sought: self.persons.sought.len(),
        }
    }

    fn tell_seekers(&self, cx: &mut Context<'_>, person: NodeId) {
        let seekers = self.persons.sought.get(&person);
        let links = seekers.into_iter().flatten().copied().collect();
        let told = self.sought(cx, person);
        cx.act.send_all(links, told);
    }

    fn sought(&self, cx: &Context<'_>, person: NodeId) -> Message {
        let is_heard = |here: &&Person| cx.links.get(here.link).is_some_and(|l| !l.is_quiet);
        let here = self.persons.here.get(&person).filter(is_heard);
        let for_ms = |since: Mono| u64::try_from((cx.now - since).as_millis()).unwrap_or_default();
        let standing = match (here, self.persons.gone.get(&person)) {
            (Some(here), _) => Whether::Here {
                for_ms: for_ms(here.since),
            },
            (None, Some(at)) => Whether::Gone {
                for_ms: for_ms(*at),
            },
            (None, None) => Whether::Unknown,
        };
        Message::Sought {
            person,
            standing,
            whereabouts: here.map(|here| Box::new(here.whereabouts.clone())),
            ask: ask(cx, &person),
        }
    }
}

/// Who is responsible for a person, if we are not one of those who are to know him.
fn ask(cx: &Context<'_>, person: &NodeId) -> Option<NodeId> {
    let mut found_at = cx.table.ring().around(Point::of_person(person), FOUND_AT);
    let first = found_at.next()?;
    let is_ours = first == cx.me || found_at.any(|node| node == cx.me);
    (!is_ours).then_some(first)
}
