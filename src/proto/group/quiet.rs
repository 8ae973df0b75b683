//! Links that fall silent: a host that is missed, members that are away while they may still be there.
//!
//! A quiet link goes on where it was as soon as it is heard again, so that nothing of its session is dropped; but
//! nobody waits for it: a quiet heir keeps no line from being confirmed, a quiet supernode no member from another.

use super::{Context, Group, Phase};
use crate::proto::id::NodeId;
use crate::proto::role::LinkId;
use crate::proto::time::Mono;

impl Group {
    /// Nothing came over a link since then.
    pub(crate) fn fell_quiet(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        peer: NodeId,
        since: Mono,
    ) {
        if self.registration.at == Some(link) {
            self.registration.at = None;
        }
        self.fell_silent(cx, link);
        if matches!(&self.phase, Phase::Following(follow) if follow.link() == Some(link)) {
            self.was_served(since);
        }
        let is_followed = self.is_followed_over(link, peer);
        match &mut self.phase {
            Phase::Following(follow) if follow.link() == Some(link) => {
                follow.is_missed = true;
                let host = follow.host();
                self.miss(cx, since, host);
                self.registration.again = cx.now.mono;
            }
            Phase::Hosting(_) if is_followed => self.is_away(cx, peer),
            Phase::Following(_) | Phase::Hosting(_) | Phase::Finding => {}
        }
    }

    /// A quiet link has come to itself.
    pub(crate) fn heard_again(&mut self, cx: &mut Context<'_>, link: LinkId, peer: NodeId) {
        let is_followed = self.is_followed_over(link, peer);
        match &mut self.phase {
            Phase::Following(follow) if follow.link() == Some(link) => {
                follow.is_missed = false;
                self.registration.again = cx.now.mono;
                if follow.is_live() && self.missed.is_some() {
                    self.arrive(cx);
                }
                self.put(cx);
            }
            Phase::Hosting(host) if is_followed => {
                host.absent.remove(&peer);
                host.news.came(peer, cx.now.mono);
                self.here.insert(peer);
                self.came_or_went(cx);
                self.keep(cx);
            }
            Phase::Following(_) | Phase::Hosting(_) | Phase::Finding => {}
        }
    }

    /// Goes on without a follower: it is nobody's heir, and leaves the roster unless it is back in time.
    pub(super) fn is_away(&mut self, cx: &mut Context<'_>, follower: NodeId) {
        let Phase::Hosting(host) = &mut self.phase else {
            return;
        };
        self.out.remove(&follower);
        if self.here.remove(&follower) {
            host.news.went(follower, cx.now.mono);
        }
        if self.roster.contains(&follower) {
            host.absent.entry(follower).or_insert(cx.now.mono);
        }
        self.came_or_went(cx);
        self.keep(cx);
    }

    fn is_followed_over(&self, link: LinkId, peer: NodeId) -> bool {
        let Phase::Hosting(host) = &self.phase else {
            return false;
        };
        let follower = host.followers.get(&peer);
        follower.is_some_and(|follower| follower.link == link)
    }
}
