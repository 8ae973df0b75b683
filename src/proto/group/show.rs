//! What the face is shown of a group: its members, their standing, and lines that wait from before the start.

use super::{Context, Group, spoken};
use crate::proto::actions::Actions;
use crate::proto::event::{Event, Member, Standing};
use crate::proto::id::NodeId;
use crate::proto::limits::HEIRS;

impl Group {
    /// Tells the face of our lines that still wait from before the start.
    pub(crate) fn show_outbox(&self, act: &mut Actions) {
        for entry in self.outbox.all() {
            if let Some(what) = spoken(&entry.body) {
                let (id, at) = (entry.id(), entry.time);
                act.tell(Event::Sent {
                    group: self.name.clone(),
                    id,
                    at,
                    what,
                });
            }
        }
    }

    /// Tells the members and our standing, if they have changed.
    pub(crate) fn show(&mut self, cx: &mut Context<'_>) {
        if !std::mem::take(&mut self.are_members_dirty) || !self.is_told {
            return;
        }
        let members = self.members(cx);
        let standing = members
            .iter()
            .find(|member| member.id == cx.me)
            .map(|me| me.standing);
        if let Some(role) = standing.filter(|_| standing != self.standing) {
            cx.act.tell(Event::Role {
                group: self.name.clone(),
                role,
            });
        }
        self.standing = standing;
        cx.act.tell(Event::Members {
            group: self.name.clone(),
            members,
        });
    }

    pub(crate) fn show_again(&mut self) {
        self.are_members_dirty = true;
    }

    pub(super) fn members(&self, cx: &Context<'_>) -> Vec<Member> {
        let host = self.lease.as_ref().map(|lease| lease.epoch.host);
        let heirs = self.heirs(host);
        self.roster
            .members()
            .map(|id| Member {
                id,
                nick: self.roster.nick(&id),
                standing: if Some(id) == host {
                    Standing::Host
                } else if heirs.contains(&id) {
                    Standing::Heir
                } else {
                    Standing::Member
                },
                rank: self.roster.rights().rank(&id, None),
                present: id == cx.me || Some(id) == host || self.here.contains(&id),
            })
            .collect()
    }

    /// The first present members after the host, in join order.
    pub(super) fn heirs(&self, host: Option<NodeId>) -> Vec<NodeId> {
        let is_candidate = |id: &NodeId| Some(*id) != host && self.here.contains(id);
        self.roster
            .members()
            .filter(is_candidate)
            .take(HEIRS)
            .collect()
    }
}
