//! The way to the other one of a private talk, and what our person is told of it.

use super::Talk;
use std::time::Duration;

use crate::proto::client::persons::Found;
use crate::proto::event::{Event, Nearness};
use crate::proto::group::Context;
use crate::proto::id::{Nick, NodeId};
use crate::proto::limits::{LINE_WAIT, RETRY_FIRST, RETRY_LAST, WHISPER_IDLE};
use crate::proto::role::{DialId, LinkId, Target};
use crate::proto::saved::Write;
use crate::proto::time::Mono;
use crate::proto::wire::{Message, Reason};

/// How long somebody is left alone who takes nothing of us, or no more.
const CLOSED_PAUSE: Duration = Duration::from_secs(60);

impl Talk {
    /// Whether we want to know where he is.
    pub(in crate::proto::client::private) fn is_looking(&self, now: Mono) -> bool {
        self.is_curious || self.outbox.len() > 0 || self.is_used(now)
    }

    /// Whether the link to him is to stay.
    pub(in crate::proto::client::private) fn needs_link(&self, now: Mono) -> bool {
        self.outbox.len() > 0 || self.is_used(now)
    }

    fn is_used(&self, now: Mono) -> bool {
        self.reach
            .used
            .is_some_and(|used| now < used + WHISPER_IDLE)
    }

    /// Does what has become due, knowing where he is; `nick` is what to call him.
    pub(in crate::proto::client::private) fn tick(
        &mut self,
        cx: &mut Context<'_>,
        found: &Found,
        nick: &Nick,
    ) {
        self.diary.tick(cx);
        if self.outbox_again.is_some_and(|again| cx.now.mono >= again) {
            self.outbox_again = None;
            for entry in self.outbox.all() {
                let (group, entry) = (self.name.clone(), entry.clone());
                cx.act.write(vec![Write::Outbox { group, entry }]);
            }
        }
        self.take(cx);
        self.pursue(cx, found);
        self.tell_nearness(cx, found, nick);
    }

    fn pursue(&mut self, cx: &mut Context<'_>, found: &Found) {
        let link = cx.links.to_peer(&self.other);
        let places = match found {
            Found::At(places) => places.as_slice(),
            Found::Looking | Found::Nowhere => &[],
        };
        if let Some(link) = link {
            let is_carried = |via: NodeId| places.iter().any(|(node, _)| *node == via);
            if let [(node, over), ..] = places
                && !self.reach.via.is_some_and(is_carried)
            {
                self.reach.via = Some(*node);
                cx.act.route(self.other, *over);
            }
            let is_open = cx.links.get(link).is_some_and(|link| link.is_open);
            let is_greeted = self
                .reach
                .greeted
                .is_some_and(|(greeted, _)| greeted == link);
            if is_open && !is_greeted && self.outbox.len() > 0 {
                self.reach.greeted = Some((link, false));
                self.reach.failures = 0;
                let upto = self.diary.stored_number(&self.other);
                cx.act.send(link, Message::Heard { upto, asks: true });
            }
            return;
        }
        let turn = self.reach.failures as usize % places.len().max(1);
        if let Some((node, via)) = places.get(turn).copied()
            && self.outbox.len() > 0
            && self.reach.dial.is_none()
            && cx.now.mono >= self.reach.again
        {
            self.reach.via = Some(node);
            let id = self.other;
            self.reach.dial = Some(cx.act.dial(Target::Peer { id, via }));
        }
    }

    /// A dial is answered.
    pub(in crate::proto::client::private) fn dialled(&mut self, dial: DialId) {
        if self.reach.dial == Some(dial) {
            self.reach.dial = None;
        }
    }

    /// A dial came to nothing; if it was ours, the supernode that was wrong about him.
    pub(in crate::proto::client::private) fn undialled(
        &mut self,
        cx: &mut Context<'_>,
        dial: DialId,
    ) -> Option<NodeId> {
        if self.reach.dial != Some(dial) {
            return None;
        }
        self.reach.dial = None;
        let pause = RETRY_FIRST * 2_u32.pow(self.reach.failures.min(7));
        let pause = pause.min(RETRY_LAST);
        let jitter = cx.act.jitter(u64::try_from(pause.as_millis()).unwrap_or(1));
        self.reach.again = cx.now.mono + pause + Duration::from_millis(jitter);
        self.reach.failures += 1;
        self.reach.via
    }

    /// A link to him is gone, or says nothing.
    pub(in crate::proto::client::private) fn unlinked(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        why: Option<Reason>,
    ) {
        if self
            .reach
            .greeted
            .is_some_and(|(greeted, _)| greeted == link)
        {
            self.reach.greeted = None;
        }
        let is_last = cx.links.to_peer(&self.other).is_none();
        if is_last && matches!(why, Some(Reason::Unwelcome | Reason::Limit)) {
            self.reach.again = cx.now.mono + CLOSED_PAUSE;
        } else {
            let jitter = cx.act.jitter(50);
            let again = cx.now.mono + Duration::from_millis(jitter);
            self.reach.again = self.reach.again.max(again);
        }
        if is_last && why == Some(Reason::Unwelcome) {
            self.nearness = Some(Nearness::Closed);
            if self.is_open {
                let group = self.name.clone();
                cx.act.tell(Event::Near {
                    group,
                    nearness: Nearness::Closed,
                });
            }
        }
    }

    /// Says how near he is, on change, and what that means for what waits.
    fn tell_nearness(&mut self, cx: &mut Context<'_>, found: &Found, nick: &Nick) {
        let is_linked = cx.links.to_peer(&self.other).is_some();
        let is_closed = self.nearness == Some(Nearness::Closed) && cx.now.mono < self.reach.again;
        let nearness = match found {
            _ if is_linked => Nearness::Here,
            _ if is_closed => Nearness::Closed,
            Found::At(_) => Nearness::Here,
            Found::Nowhere => Nearness::Away,
            Found::Looking => return self.tell_late(cx, nick),
        };
        let before = self.nearness.replace(nearness);
        self.is_curious = false;
        if before != Some(nearness) && self.is_open {
            let group = self.name.clone();
            cx.act.tell(Event::Near { group, nearness });
            let text = match (before, nearness) {
                (_, Nearness::Away) => Some(format!(
                    "{nick} is not on line; what you say waits here, and goes out once {nick} is back"
                )),
                (Some(Nearness::Away), Nearness::Here) => Some(format!("{nick} is back")),
                (Some(Nearness::Here | Nearness::Closed) | None, Nearness::Here)
                | (_, Nearness::Closed) => None,
            };
            if let Some(text) = text {
                let group = Some(self.name.clone());
                cx.act.tell(Event::Notice { group, text });
            }
        }
        self.tell_late(cx, nick);
    }

    /// Tells once that what was said has waited for long, unless it is known why.
    fn tell_late(&mut self, cx: &mut Context<'_>, nick: &Nick) {
        let is_late = self
            .late
            .is_some_and(|since| cx.now.mono >= since + LINE_WAIT);
        if !is_late || std::mem::replace(&mut self.is_told_late, true) {
            return;
        }
        let text = match self.nearness {
            Some(Nearness::Away) => return,
            Some(Nearness::Closed) => {
                format!(
                    "{nick} takes nothing from strangers at the moment; what you say waits here, and goes out once \
                     you share a group"
                )
            }
            Some(Nearness::Here) | None => {
                format!("{nick} is not reached yet; what you say waits here")
            }
        };
        let group = Some(self.name.clone()).filter(|_| self.is_open);
        cx.act.tell(Event::Notice { group, text });
    }
}
