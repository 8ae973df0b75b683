//! A group's charter as a member knows it: offered at its birth, told by the supernode and by hosts, kept for ever.
//!
//! One without a witness gives way to any other that we are told of, as its supernode would have it. Of one with a
//! witness nobody talks us out: who shows another such charter speaks of another group of the same name.

use super::{Context, Group, Phase};
use crate::proto::id::GroupName;
use crate::proto::invite::Mark;
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::saved::Write;
use crate::proto::seal::Hash;
use crate::proto::wire::{Charter, Message};

/// What we know of the group's birth.
#[derive(Clone, Debug, Default)]
pub(super) struct Birth {
    charter: Option<Charter>,
    /// Ours, in case nobody knows the group.
    offer: Option<Charter>,
    /// The supernode link over which we were told the charter that we have.
    told_by: Option<LinkId>,
    /// Of the only charter that will do, if we were invited to the group.
    invited: Option<Mark>,
}

impl Birth {
    pub(super) fn restored(charter: Option<Charter>) -> Self {
        Self {
            charter,
            ..Self::default()
        }
    }
}

/// Whose a charter is that we are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bearing {
    /// Our group's.
    Ours,
    /// Another group's, which is not known to have a better right to the name.
    Another,
    /// Another group's, born before a witness as ours was.
    Rival,
}

impl Group {
    pub(crate) fn charter(&self) -> Option<&Charter> {
        self.birth.charter.as_ref()
    }

    /// Takes nothing for this group but the one of an invitation.
    pub(crate) fn expect(&mut self, mark: Mark) {
        self.birth.invited = Some(mark);
    }

    /// Takes whatever has the name for the group, if nobody has told us yet.
    pub(super) fn expect_any(&mut self) {
        self.birth.invited = None;
    }

    /// Whether we were invited, and have not found out yet which group it is that has the name.
    pub(crate) fn is_unproven(&self) -> bool {
        self.birth.invited.is_some() && self.birth.charter.is_none()
    }

    /// Whether this charter is not the one that we were invited under.
    pub(crate) fn is_another(&self, charter: &Charter) -> bool {
        let is_other = |invited: Mark| invited != Mark::of_charter(charter);
        self.birth.invited.is_some_and(is_other) && !mutant::is(Mutant::AnyCharterInvites)
    }

    pub(super) fn charter_hash(&self) -> Option<Hash> {
        self.birth.charter.as_ref().map(Charter::hash)
    }

    /// What to show the supernode at the other end of a link: nothing that it has told us there.
    pub(super) fn charter_to_show(&mut self, cx: &Context<'_>, link: LinkId) -> Option<Charter> {
        if self.birth.told_by == Some(link) {
            return None;
        }
        // Who is invited founds nothing.
        let may_found = self.name.tag().is_none() && self.birth.invited.is_none();
        if self.birth.charter.is_none() && may_found {
            let offer = || Charter::offered(cx.seal, &self.name, cx.now.wall);
            return Some(self.birth.offer.get_or_insert_with(offer).clone());
        }
        self.birth.charter.clone()
    }

    /// A supernode tells the charter of whoever has the name.
    pub(crate) fn told_charter(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        charter: &Charter,
    ) -> Bearing {
        let bearing = self.weigh(cx, charter);
        if bearing == Bearing::Ours {
            self.take_charter(cx, charter);
            self.birth.told_by = Some(link);
        } else if self.birth.told_by == Some(link) {
            self.birth.told_by = None;
        }
        bearing
    }

    /// The member that we take for the host tells the charter of the group it hosts.
    pub(crate) fn founded(&mut self, cx: &mut Context<'_>, link: LinkId, charter: &Charter) {
        let is_hosts =
            matches!(&self.phase, Phase::Following(follow) if follow.link() == Some(link));
        if !is_hosts {
            return;
        }
        let is_first = self.birth.charter.is_none();
        let is_same = self.charter_hash() == Some(charter.hash());
        let is_ours = self.weigh(cx, charter) == Bearing::Ours;
        // Between two without a witness a host does not decide.
        if is_ours && (is_first || is_same || charter.witness.is_some()) {
            self.take_charter(cx, charter);
        } else {
            // The supernode knows which of the two has the name.
            self.birth.told_by = None;
            self.registration.again = cx.now.mono;
        }
    }

    /// As a host, sees whether who says hello is of our group, and tells it if it does not know.
    pub(super) fn is_of_ours(
        &self,
        cx: &mut Context<'_>,
        link: LinkId,
        theirs: Option<Hash>,
    ) -> bool {
        let Some(charter) = &self.birth.charter else {
            return true;
        };
        if theirs != Some(charter.hash()) {
            let (group, charter) = (self.name.clone(), Box::new(charter.clone()));
            cx.act.send(link, Message::Founded { group, charter });
        }
        theirs.is_none_or(|theirs| theirs == charter.hash())
    }

    fn weigh(&self, cx: &Context<'_>, charter: &Charter) -> Bearing {
        let is_possible = charter.is_for(&self.name) && !self.is_another(charter);
        if !is_possible || !charter.is_genuine(cx.seal) {
            return Bearing::Another;
        }
        match &self.birth.charter {
            None => Bearing::Ours,
            Some(ours) if ours.hash() == charter.hash() || ours.witness.is_none() => Bearing::Ours,
            Some(_) if charter.witness.is_none() => Bearing::Another,
            Some(_) => Bearing::Rival,
        }
    }

    fn take_charter(&mut self, cx: &mut Context<'_>, charter: &Charter) {
        let is_known = self.birth.charter.as_ref().is_some_and(|known| {
            // A witness that is gone is as good as another.
            known.hash() == charter.hash() && (known.witness.is_some() || charter.witness.is_none())
        });
        if is_known {
            return;
        }
        self.birth.charter = Some(charter.clone());
        cx.act.write(vec![Write::Charter {
            group: self.name.clone(),
            charter: charter.clone(),
        }]);
        self.are_members_dirty |= self.roster.found(Some(charter.founder));
        self.heed(cx);
    }

    /// Goes by another name, since another group has the one we had. Who hosts is found anew, by that name.
    pub(crate) fn renamed(&mut self, cx: &mut Context<'_>, to: GroupName) {
        self.name = to;
        self.birth.told_by = None;
        self.barred = self.lease.as_ref().map(|lease| lease.epoch);
        let host = self.barred.map(|epoch| epoch.host);
        self.phase = Phase::Finding;
        self.last_word = None;
        self.here.clear();
        self.registration = super::Registration::default();
        self.are_members_dirty = true;
        if let Some(host) = host {
            self.miss(cx, cx.now.mono, host);
        }
    }
}
