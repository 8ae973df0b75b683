//! What mesh nodes and members say to a client, and whose it is to answer.

use super::{Client, Touched};
use crate::proto::group::Group;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::WIRE_VERSION;
use crate::proto::role::{Kind, LinkId};
use crate::proto::time::Now;
use crate::proto::wire::{Lease, Listed, Liveness, Message, Reason, Record};

use super::TABLE_GATHERED;

impl Client {
    pub(super) fn received(&mut self, now: Now, link: LinkId, message: Message) {
        let Some(from) = self.links.get(link) else {
            return;
        };
        if let Message::Open { version, record } = message {
            return self.opened(now, link, version, record);
        }
        if !from.is_open {
            return self.close(now, link, Reason::Unexpected);
        }
        match from.kind {
            Kind::Mesh => self.hear_node(now, link, from.peer, message),
            Kind::Peer => {
                self.hear_peer(now, link, from.peer, message);
                self.show_if_met(from.peer);
            }
        }
    }

    pub(super) fn opened(&mut self, now: Now, link: LinkId, version: u16, record: Option<Record>) {
        let Some(from) = self.links.get(link) else {
            return;
        };
        if version != WIRE_VERSION {
            if let Some(address) = self.search.reached.get(&link).copied() {
                self.refused(now, address, Reason::UnknownVersion);
            }
            return self.close(now, link, Reason::UnknownVersion);
        }
        self.touched = Touched::All;
        if from.kind == Kind::Peer || record.is_some() {
            self.links.open(link);
        }
        match (from.kind, record) {
            (Kind::Mesh, Some(record)) if record.key == from.peer => {
                if !record.is_genuine(&*self.seal) {
                    return self.close(now, link, Reason::BadSignature);
                }
                let told = record.clone();
                self.list(
                    now,
                    Listed {
                        record,
                        liveness: Liveness::Alive,
                        since: now.wall,
                    },
                );
                self.found_node(&told);
                self.act.send(
                    link,
                    Message::TableWanted {
                        digest: self.table.digest(),
                    },
                );
            }
            (Kind::Mesh, Some(_)) => self.close(now, link, Reason::Unexpected),
            // It does not know its own address yet; it will say hello again.
            (Kind::Mesh, None) => {}
            (Kind::Peer, _) => {
                for name in self.names() {
                    self.in_group(now, &name, |group, cx| group.linked(cx, from.peer));
                }
            }
        }
    }

    pub(super) fn hear_node(&mut self, now: Now, link: LinkId, from: NodeId, message: Message) {
        match message {
            Message::Table { listed, more } => {
                // No records at all mean that its table is the same as ours.
                let is_same = listed.is_empty() && !more;
                self.search.refused = None;
                if !std::mem::replace(&mut self.has_heard, true) && !is_same {
                    self.doubt_cache(now);
                }
                for listed in listed {
                    let liveness = self.weighed(from, listed.record.key, listed.liveness);
                    if !self.list(now, Listed { liveness, ..listed }) {
                        self.was_refused(from);
                    }
                }
                if !more {
                    self.told_all(now, from, is_same);
                    self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
                }
            }
            // It has not heard that we left, while it could not be reached.
            Message::HostIs { lease, .. } if self.is_out_of(&lease.group) => {
                let group = lease.group;
                self.act.send(link, Message::Leave { group });
            }
            Message::HostIs { lease, charter } => self.host_is(now, link, from, &lease, charter),
            Message::Known { group, record } => {
                self.opined(now, from, &group, record.as_deref());
                self.known(now, from, &group, record);
            }
            Message::Moved { group, to } => {
                let mut is_meant = false;
                if self.is_liar(now.mono, &to) {
                    return;
                }
                self.in_group(now, &group, |group, cx| {
                    is_meant = to != from && group.sent_on(cx, link, to);
                });
                if !is_meant {
                    return;
                }
                if self.table.get(&to).is_none() {
                    self.act.send(
                        link,
                        Message::TableWanted {
                            digest: self.table.digest(),
                        },
                    );
                } else if self.links.to_node(&to).is_none() {
                    self.dial_again(now, to);
                }
            }
            Message::Query { group } if self.is_out_of(&group) => {
                self.act.send(link, Message::Leave { group });
            }
            Message::Query { group } => {
                self.in_group(now, &group, |group, cx| group.asked(cx, link))
            }
            Message::Sought {
                person,
                standing,
                whereabouts,
                ask,
            } => self.sought(
                now,
                link,
                from,
                person,
                standing,
                whereabouts.as_deref(),
                ask,
            ),
            // Our address as others see it matters once direct paths are tried; and whether a node of this machine has
            // met the one of an invitation is seen in its table.
            Message::Observed { .. } | Message::Outcome(_) => {}
            Message::Open { .. }
            | Message::TableWanted { .. }
            | Message::Gossip(_)
            | Message::TableDigest { .. }
            | Message::TableBlocks { .. }
            | Message::TableClocks { .. }
            | Message::RecordsWanted { .. }
            | Message::Buried { .. }
            | Message::Unlisted { .. }
            | Message::Introduce { .. }
            | Message::Register { .. }
            | Message::Leave { .. }
            | Message::Transfer { .. }
            | Message::Founded { .. }
            | Message::Hello { .. }
            | Message::Welcome { .. }
            | Message::Deliver { .. }
            | Message::Push { .. }
            | Message::Put { .. }
            | Message::Stored { .. }
            | Message::Kept { .. }
            | Message::Refused { .. }
            | Message::Presence { .. }
            | Message::Not { .. }
            | Message::Unfollow { .. }
            | Message::Declined { .. }
            | Message::Blocks { .. }
            | Message::Older { .. }
            | Message::Merged { .. }
            | Message::Here { .. }
            | Message::Seek { .. }
            | Message::Whisper { .. }
            | Message::Out { .. }
            | Message::Heard { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    pub(super) fn hear_peer(&mut self, now: Now, link: LinkId, from: NodeId, message: Message) {
        match message {
            Message::Hello {
                lease,
                lines,
                served,
                charter,
            } => {
                let name = lease.group.clone();
                self.in_group(now, &name, |group, cx| {
                    group.greet(cx, link, from, &lease, (&lines, served.as_deref()), charter)
                });
            }
            Message::Founded { group, charter } => {
                self.in_group(now, &group, |group, cx| group.founded(cx, link, &charter));
            }
            Message::Welcome {
                group,
                epoch,
                lines,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.welcome(cx, link, epoch, &lines)
                });
            }
            Message::Deliver {
                group,
                report,
                leases,
                runs,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.delivered(cx, link, from, &leases, runs, report)
                });
            }
            Message::Push {
                group,
                leases,
                runs,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.pushed(cx, link, from, &leases, runs)
                });
            }
            Message::Blocks {
                group,
                from: first,
                upto,
                blocks,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.compare_older(cx, link, from, (first, upto), &blocks)
                });
            }
            Message::Older {
                group,
                upto,
                blocks,
                tips,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.older(cx, link, from, upto, &blocks, &tips)
                });
            }
            Message::Merged {
                group,
                from_us,
                from_them,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.merged(cx, link, from_us, from_them)
                });
            }
            Message::Declined {
                group,
                epoch,
                why,
                head,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.declined(cx, link, epoch, why, head.as_deref())
                });
            }
            Message::Put { group, entries } => {
                self.in_group(now, &group, |group, cx| {
                    group.offered(cx, link, from, entries)
                });
            }
            Message::Stored { group, vector } => {
                self.in_group(now, &group, |group, cx| {
                    group.stored(cx, link, from, &vector)
                });
            }
            Message::Kept {
                group,
                vector,
                copies,
            } => {
                self.in_group(now, &group, |group, cx| {
                    group.kept(cx, link, &vector, copies)
                });
            }
            Message::Refused { group, number, why } => {
                self.in_group(now, &group, |group, cx| {
                    group.refused(cx, link, number, why)
                });
            }
            Message::Presence { group, here, away } => {
                self.in_group(now, &group, |group, _| group.presence(link, here, &away));
            }
            Message::Out { group, out } => {
                self.in_group(now, &group, |group, cx| {
                    group.heard_out(cx, link, from, out)
                });
            }
            Message::Not { lease } => {
                self.lease(now, &lease, Kind::Peer);
                self.in_group(now, &lease.group, |group, cx| {
                    group.gives_way(from);
                    group.fell_silent(cx, link);
                });
            }
            Message::Unfollow { group } => {
                self.in_group(now, &group, |group, cx| group.unfollow(cx, link, from));
            }
            Message::Whisper { entries } => self.whispered(now, link, from, entries),
            Message::Heard { upto, asks } => self.was_heard(now, link, from, upto, asks),
            Message::Open { .. }
            | Message::Observed { .. }
            | Message::TableWanted { .. }
            | Message::Gossip(_)
            | Message::TableDigest { .. }
            | Message::TableBlocks { .. }
            | Message::TableClocks { .. }
            | Message::RecordsWanted { .. }
            | Message::Buried { .. }
            | Message::Unlisted { .. }
            | Message::Introduce { .. }
            | Message::Outcome(_)
            | Message::Table { .. }
            | Message::Register { .. }
            | Message::Leave { .. }
            | Message::HostIs { .. }
            | Message::Moved { .. }
            | Message::Query { .. }
            | Message::Known { .. }
            | Message::Transfer { .. }
            | Message::Here { .. }
            | Message::Seek { .. }
            | Message::Sought { .. } => self.close(now, link, Reason::Unexpected),
        }
    }

    fn is_out_of(&self, group: &GroupName) -> bool {
        self.groups.get(group).is_none_or(Group::has_left)
    }

    pub(super) fn lease(&mut self, now: Now, lease: &Lease, teller: Kind) {
        self.in_group(now, &lease.group, |group, cx| {
            group.learn(cx, lease, teller);
        });
    }
}
