//! What the face is shown of a group: its members, and their standing.

use super::{Context, Group};
use crate::proto::event::{Event, Member, Standing};
use crate::proto::id::NodeId;
use crate::proto::limits::HEIRS;
use crate::proto::role::LinkId;
use crate::proto::rules::{Ban, Matter, Rules};
use crate::proto::ruling::Mode;

impl Group {
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

    /// Tells who is responsible for the group, if that is another supernode than before.
    pub(super) fn show_responsible(&mut self, cx: &mut Context<'_>, link: LinkId) {
        let Some(node) = cx.links.get(link).map(|link| link.peer) else {
            return;
        };
        let before = self.registration.told.replace(node);
        if before == Some(node) {
            return;
        }
        let name = |id: &NodeId| match cx.table.get(id) {
            Some(listed) => listed.record.name.to_string(),
            None => id.short(),
        };
        let is_gone = |id: &NodeId| {
            cx.table
                .get(id)
                .is_none_or(|listed| !listed.liveness.is_up())
        };
        cx.act.tell(Event::Responsible {
            group: self.name.clone(),
            node,
            name: name(&node),
            is_lost: before.as_ref().is_some_and(is_gone),
            before: before.as_ref().map(name),
        });
    }

    pub(crate) fn show_again(&mut self) {
        self.are_members_dirty = true;
    }

    /// Tells what holds here by what the founder and operators decided.
    pub(crate) fn show_rules(&self, cx: &mut Context<'_>, matter: Matter) {
        let rights = self.roster.rights();
        let nick = |id: NodeId| self.roster.nick(&id);
        let bans = rights.bans().map(|(id, since)| {
            let by = rights.at(since).map(|(by, _)| by.author);
            let by = by.map(|by| (nick(by), since.hlc.wall()));
            let nick = nick(id);
            Ban { id, nick, by }
        });
        let modes = [Mode::TopicLock, Mode::Moderated].into_iter();
        let rules = Rules {
            group: self.name.clone(),
            matter,
            rank: rights.rank(&cx.me, None),
            founder: rights.founder().map(nick),
            operators: rights.operators().map(nick).collect(),
            modes: modes.filter(|mode| rights.holds(*mode, None)).collect(),
            bans: bans.collect(),
        };
        cx.act.tell(Event::Rules(Box::new(rules)));
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
                away: match id == cx.me {
                    true => cx.out.map(str::to_owned),
                    false => self.why_out(&id).map(str::to_owned),
                },
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
