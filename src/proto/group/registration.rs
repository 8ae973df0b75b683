//! Being registered with the supernode that is responsible for the group, wherever it is.

use std::time::Duration;

use super::{Context, Group, Intent, Phase};
use crate::proto::id::NodeId;
use crate::proto::limits::{self, REGISTER_INTERVAL};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::time::Mono;
use crate::proto::wire::Message;

/// Members named in a registration: as many as could come to host before the next one is sent.
const SUCCESSION_MAX: usize = 16;

/// How long a supernode may take to say who hosts, if it does: a second registration goes unanswered as well.
const SILENT: Duration = Duration::from_secs(2 * REGISTER_INTERVAL.as_secs());

/// How soon a supernode that sends us to one we do not reach is asked again, at first. Nearly always the other is dead,
/// and it will have missed it, too, within [`limits::QUIET_SPREAD`].
const ASTRAY_FIRST: Duration = Duration::from_millis(250);

/// Where a group is registered, and when to say it again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registration {
    /// The supernode that another one sent us to, until the table changes.
    pub(crate) moved: Option<NodeId>,
    pub(crate) at: Option<LinkId>,
    /// The supernode that takes over if that one dies: we keep a link to it, so that relayed talk goes on over it at
    /// once.
    pub(crate) standby: Option<NodeId>,
    pub(super) again: Mono,
    /// Since when we are registered without an answer.
    unanswered: Option<Mono>,
    /// Since when we are sent from one supernode to another, and when to ask the next time.
    astray: Option<Mono>,
    not_before: Mono,
    /// Whether we have come in again since we registered last. A supernode that never heard that we left has told
    /// us who hosts, as far as it knows, and would not say it again.
    is_new: bool,
    /// The supernode that the face was told of last.
    pub(super) told: Option<NodeId>,
}

impl Registration {
    /// Of somebody who comes in again, or for the first time.
    pub(super) fn again(is_new: bool) -> Self {
        Self {
            is_new,
            ..Self::default()
        }
    }

    /// When to register, with whom we are registered with or with another.
    pub(crate) fn due(&self) -> Mono {
        self.again.max(self.not_before)
    }

    /// Whether we are registered as far as we know.
    pub(crate) fn is_held(&self) -> bool {
        self.at.is_some() && self.astray.is_none()
    }

    /// From when a supernode that has not answered counts as silent.
    pub(crate) fn silent_from(&self) -> Option<Mono> {
        self.unanswered.map(|since| since + SILENT)
    }

    pub(crate) fn is_silent(&self, now: Mono) -> bool {
        let is_late = self.silent_from().is_some_and(|from| now >= from);
        is_late && !mutant::is(Mutant::SilenceBorne)
    }

    /// A supernode has taken us in.
    pub(crate) fn found(&mut self, link: LinkId) {
        if self.at == Some(link) {
            self.unanswered = None;
            self.astray = None;
            self.not_before = Mono::default();
        }
    }
}

impl Registration {
    /// Over which supernode to dial the host: the one that we are registered with, and every other time, since that
    /// one may not pass anything on, the one that stands by.
    pub(super) fn way(&self, cx: &Context<'_>, failures: u32) -> Option<LinkId> {
        let other = self.standby.and_then(|id| cx.links.to_node(&id));
        let is_open = |link: &LinkId| cx.links.get(*link).is_some_and(|link| link.is_open);
        let other = other.filter(|link| failures % 2 == 1 && is_open(link));
        other.filter(|_| self.at.is_some()).or(self.at)
    }
}

impl Group {
    /// Registers at the supernode at the other end of `link`, if that is news to it or it is time again.
    pub(crate) fn register(&mut self, cx: &mut Context<'_>, link: LinkId) {
        if self.registration.at != Some(link) {
            self.registration.at = Some(link);
            self.registration.again = cx.now.mono;
            self.show_responsible(cx, link);
            self.reroute(cx, link);
        }
        let is_leaving = matches!(
            self.intent,
            Intent::Leave {
                is_supernode_told: true,
                ..
            } | Intent::Left
        );
        if is_leaving || cx.now.mono < self.registration.due() {
            return;
        }
        if std::mem::take(&mut self.registration.is_new) {
            self.tell_leave(cx);
        }
        self.registration.again = cx.now.mono + limits::REGISTER_INTERVAL;
        if matches!(self.phase, Phase::Finding) {
            self.registration.unanswered.get_or_insert(cx.now.mono);
        }
        let is_here = |id: &NodeId| *id == cx.me || self.here.contains(id);
        let mut roster: Vec<_> = self
            .roster
            .members()
            .filter(is_here)
            .take(SUCCESSION_MAX)
            .collect();
        if mutant::is(Mutant::SuccessionBackwards) {
            roster.reverse();
        }
        let charter = self.charter_to_show(cx, link).map(Box::new);
        cx.act.send(
            link,
            Message::Register {
                charter,
                group: self.name.clone(),
                lease: self.lease.clone(),
                hosting: matches!(self.phase, Phase::Hosting(_)),
                missed: matches!(&self.phase, Phase::Following(follow) if follow.is_missed),
                roster,
            },
        );
    }

    /// A supernode sends us to another. We go there at once if we are linked to it, or else as soon as we are; until
    /// then, and where one sends us to the next and that one on, we ask again, less and less often: what comes right
    /// after a while is noticed a quarter of that later at most. Says whether it is where we are registered.
    pub(crate) fn sent_on(&mut self, cx: &mut Context<'_>, link: LinkId, to: NodeId) -> bool {
        let registration = &mut self.registration;
        if registration.at != Some(link) || mutant::is(Mutant::SentOnInVain) {
            return false;
        }
        registration.unanswered = None;
        let is_first = registration.astray.is_none();
        let since = *registration.astray.get_or_insert(cx.now.mono);
        let mut pause = ((cx.now.mono - since) / 4).clamp(ASTRAY_FIRST, REGISTER_INTERVAL);
        if mutant::is(Mutant::AskedAtOnce) {
            pause = ASTRAY_FIRST;
        }
        let jitter = u64::try_from(pause.as_millis() / 8).unwrap_or(0);
        let again = cx.now.mono + pause + Duration::from_millis(cx.act.jitter(jitter));
        registration.moved = Some(to);
        if cx.links.to_node(&to).is_none() {
            registration.again = again;
        } else {
            registration.at = None;
            registration.not_before = if is_first { cx.now.mono } else { again };
        }
        true
    }

    /// The supernode wants to hear from us now.
    pub(crate) fn asked(&mut self, cx: &Context<'_>, link: LinkId) {
        if self.registration.at == Some(link) {
            self.registration.again = cx.now.mono;
        }
    }
}
