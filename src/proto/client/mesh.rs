//! A client's links, and its view of the mesh: finding a node, believing the table, letting go of what nobody
//! needs.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Client, Dialled, End, Search, TABLE_GATHERED, Touched};
use crate::proto::event::{Event, MeshState};
use crate::proto::group::Group;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::{RETRY_FIRST, RETRY_LAST, WIRE_VERSION};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::{DialId, Kind, LinkId, Target};
use crate::proto::table::Change;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Listed, Liveness, Message, Reason, Record, Unlisted};

/// Mesh nodes dialled at once when none is linked, of those we were told of and of those we remember: enough to
/// race, few enough to be polite.
const RACED_MAX: usize = 8;
/// How long these have the race to themselves before as many more join it (RFC 8305, section 5): addresses at which
/// nobody answers, of which a name may have many, cost that and not the time until they are given up.
const RACE_STEP: Duration = Duration::from_millis(250);
/// Supernodes linked for no other reason than that a group's own may die. With more groups than this has nodes, most
/// groups' next one is some other group's own.
const STANDBYS_MAX: usize = 8;

/// Dials in a row that a node refuses before our person is told.
const REFUSED_DIALS: u32 = 4;

impl Search {
    /// When those who are dialled by now have had the race to themselves, if it goes on.
    pub(super) fn raced_until(&self, is_searching: bool) -> impl Iterator<Item = Mono> {
        let dials = self.dials.values().filter(move |_| is_searching);
        dials.map(|dialled| dialled.at + RACE_STEP)
    }
}

impl Client {
    pub(super) fn linked(
        &mut self,
        now: Now,
        link: LinkId,
        dial: Option<DialId>,
        kind: Kind,
        peer: NodeId,
    ) {
        if let Some(Dialled { address, .. }) = dial.and_then(|dial| self.search.dials.remove(&dial))
        {
            if self.is_false_gate(address, &peer) {
                return self.shun(link, address);
            }
            self.search.pauses.remove(&address);
            self.search.reached.insert(link, address);
        }
        // Of the links to a node at several of its addresses the first to come up is the one.
        if kind == Kind::Mesh && self.links.to_node(&peer).is_some() {
            return self.act.close(link, Reason::Done);
        }
        let quiet = match kind {
            Kind::Mesh => self.links.all_to_node(&peer),
            Kind::Peer => Vec::new(),
        };
        self.links.add(link, kind, peer);
        for quiet in quiet {
            self.close(now, quiet, Reason::Done);
        }
        self.talk_dialled(now, dial, peer);
        self.act.send(
            link,
            Message::Open {
                version: WIRE_VERSION,
                record: None,
            },
        );
        if kind == Kind::Peer {
            self.hides_from(peer);
        }
    }

    pub(super) fn undialled(&mut self, now: Now, dial: DialId, reason: Option<Reason>) {
        if let Some(Dialled { address, id, .. }) = self.search.dials.remove(&dial) {
            let pause = self.search.pauses.entry(address).or_default();
            let wait = (RETRY_FIRST * 2_u32.pow(pause.failures.min(7))).min(RETRY_LAST);
            let jitter = self
                .act
                .jitter(u64::try_from(wait.as_millis() / 4).unwrap_or(1));
            pause.until = now.mono + wait + Duration::from_millis(jitter);
            if mutant::is(Mutant::RetriedAtOnce) {
                pause.until = now.mono;
            }
            pause.failures += 1;
            // A node that is about to end refuses too, and who comes after it at its address does not.
            let is_lasting = pause.failures >= REFUSED_DIALS;
            if let Some(reason) = reason.filter(|_| is_lasting) {
                self.say_refused(address, reason);
            }
            // A node has several addresses, and is missed only if none of them leads to it.
            let is_dialled = |id| self.search.dials.values().any(|to| to.id == Some(id));
            if let Some(id) = id.filter(|id| self.links.to_node(id).is_none() && !is_dialled(*id)) {
                self.missed(now, id);
            }
        }
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.undialled(cx, dial));
        }
        self.talk_undialled(now, dial);
    }

    pub(super) fn lost(&mut self, now: Now, link: LinkId, why: Option<Reason>) {
        let reached = self.search.reached.remove(&link);
        self.search.introduced.retain(|(told, _)| *told != link);
        let Some(gone) = self.links.remove(link) else {
            return;
        };
        for name in self.names() {
            self.in_group(now, &name, |group, cx| group.unlinked(cx, link, gone.peer));
        }
        if gone.kind != Kind::Mesh {
            self.forget_hidden(&gone.peer);
            return self.talk_unlinked(now, link, gone.peer, why);
        }
        self.person_unlinked(link, gone.peer);
        if let (Some(address), Some(why)) = (reached, why) {
            self.refused(now, address, why);
        }
        if why == Some(Reason::Replaced) {
            self.act.tell(Event::Error {
                group: None,
                what: "cannot stay".to_owned(),
                why: Reason::Replaced.to_string(),
                try_: "end one of the two, or give this one its own --data".to_owned(),
            });
            self.end = Some(End::Leaving(now.mono));
        }
        self.without(now, gone.peer);
    }

    /// A node ended a link. If it is one that will not have us, it is left alone for a while, and our person told.
    pub(super) fn refused(&mut self, now: Now, address: SocketAddr, why: Reason) {
        if self.say_refused(address, why) {
            let pause = self.search.pauses.entry(address).or_default();
            pause.failures += 1;
            pause.until = now.mono + RETRY_LAST;
        }
    }

    /// Tells our person why a node will not have us, once; false if the reason is none of those.
    fn say_refused(&mut self, address: SocketAddr, why: Reason) -> bool {
        let try_ = match why {
            Reason::NotAdmitted => format!(
                "ask its operator to admit {}, or name another with --bootstrap",
                self.seal.id()
            ),
            Reason::UnknownVersion => {
                "use the fireside that its operator uses, or name another with --bootstrap"
                    .to_owned()
            }
            Reason::Limit => "wait a while, or name another with --bootstrap".to_owned(),
            Reason::Done
            | Reason::BadFrame
            | Reason::TooLong
            | Reason::BadSignature
            | Reason::Unexpected
            | Reason::TooSlow
            | Reason::Replaced
            | Reason::Shutdown
            | Reason::WrongIdentity
            | Reason::Fork
            | Reason::FalseReport
            | Reason::Disorder
            | Reason::Unwelcome => return false,
        };
        if self.search.refused.replace(why) != Some(why) {
            self.act.tell(Event::Error {
                group: None,
                what: format!("cannot use the node at {address}"),
                why: why.to_string(),
                try_,
            });
        }
        true
    }

    /// Nothing comes over a link any more: we go on without it.
    pub(super) fn quiet(&mut self, now: Now, link: LinkId, since: Mono) {
        let Some(hushed) = self.links.hush(link, true) else {
            return;
        };
        for name in self.names() {
            self.in_group(now, &name, |group, cx| {
                group.fell_quiet(cx, link, hushed.peer, since);
            });
        }
        match hushed.kind {
            Kind::Mesh => {
                self.person_unlinked(link, hushed.peer);
                self.without(now, hushed.peer);
            }
            Kind::Peer => self.talk_unlinked(now, link, hushed.peer, None),
        }
    }

    /// A quiet link has come to itself; its end is as good as any again.
    pub(super) fn heard(&mut self, now: Now, link: LinkId) {
        let Some(heard) = self.links.hush(link, false) else {
            return;
        };
        for name in self.names() {
            self.in_group(now, &name, |group, cx| {
                group.heard_again(cx, link, heard.peer)
            });
        }
        if heard.kind != Kind::Mesh {
            return;
        }
        if self.table.set_alive(heard.peer, true, now.wall) {
            self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
            for group in self.groups.values_mut() {
                group.registration.moved = None;
            }
        }
        let record = self.table.get(&heard.peer).map(|l| l.record.clone());
        if let Some(record) = record.filter(|_| heard.is_open) {
            self.found_node(&record);
        }
    }

    /// What follows when a link to a mesh node is gone or quiet, unless there is another one.
    fn without(&mut self, now: Now, node: NodeId) {
        if self.links.to_node(&node).is_none() {
            self.hearsay.forget(&node);
            self.missed(now, node);
        }
        if !self.links.has_node() {
            self.has_heard = false;
            self.search.again = now.mono;
            self.search.asked = 0;
            if std::mem::replace(&mut self.mesh, MeshState::Searching) != MeshState::Searching {
                self.act.tell(Event::Mesh {
                    state: MeshState::Searching,
                });
            }
        }
    }

    /// Tells our person of the first mesh node after a search.
    pub(super) fn found_node(&mut self, record: &Record) {
        if self.mesh == MeshState::Searching
            && let Some(address) = record.addresses.first().copied()
        {
            let name = record.name.to_string();
            self.mesh = MeshState::Linked { name, address };
            self.act.tell(Event::Mesh {
                state: self.mesh.clone(),
            });
        }
    }

    /// Closes a link ourselves; no input will say that it is gone.
    pub(super) fn close(&mut self, now: Now, link: LinkId, reason: Reason) {
        self.act.close(link, reason);
        self.drop_closed(now);
    }

    /// Forgets the links that were closed on our side, here or in a group.
    pub(super) fn drop_closed(&mut self, now: Now) {
        for link in self.act.take_closed() {
            self.touched = Touched::All;
            self.lost(now, link, None);
        }
    }

    /// Takes in what is told of a node; says whether its record is not in the way of others, or they of it.
    pub(super) fn list(&mut self, now: Now, listed: Listed) -> bool {
        let key = listed.record.key;
        let is_linked = self.is_heard(&key);
        let known = self.table.known_clock(&key);
        let is_newer = known.is_none_or(|known| listed.record.clock > known);
        // Somebody's word does not weigh against our own link to a node, be it heard or quiet; but one that has
        // started anew since then is not the one we miss.
        let is_believed = is_newer || !self.links.misses_node(&key);
        let liveness = if is_linked {
            Liveness::Alive
        } else if listed.liveness.is_up() && !is_believed {
            Liveness::Missed
        } else {
            listed.liveness
        };
        let since = listed.since.min(now.wall);
        let listed = Listed {
            liveness,
            since,
            ..listed
        };
        let is_place_taken = |why: &Unlisted| {
            matches!(
                why,
                Unlisted::NameTaken | Unlisted::NetworkFull | Unlisted::AddressFull
            )
        };
        let mut change = self.table.merge(&*self.seal, listed.clone());
        if change.as_ref().is_err_and(is_place_taken) && self.table.make_way(&listed.record) {
            change = self.table.merge(&*self.seal, listed);
        }
        match change {
            Ok(Change::New | Change::Updated | Change::Liveness(_)) => {
                self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
                for group in self.groups.values_mut() {
                    group.registration.moved = None;
                }
                true
            }
            Ok(Change::Nothing) => true,
            // What is refused else, its teller may keep: nothing here depends on it.
            Err(why) => !is_place_taken(&why) && why != Unlisted::TableFull,
        }
    }

    /// The cache has done its service once a live node tells its table: what that one does not tell of counts
    /// as down until somebody does.
    pub(super) fn doubt_cache(&mut self, now: Now) {
        let unlinked: Vec<_> = self
            .table
            .listed()
            .map(|listed| listed.record.key)
            .collect();
        for key in unlinked {
            if self.links.to_node(&key).is_none() {
                self.table.set_alive(key, false, now.wall);
            }
        }
    }

    pub(super) fn missed(&mut self, now: Now, id: NodeId) {
        if self.table.set_alive(id, false, now.wall) {
            self.table_due.get_or_insert(now.mono + TABLE_GATHERED);
        }
        for group in self.groups.values_mut() {
            if group.registration.moved == Some(id) {
                group.registration.moved = None;
            }
        }
    }

    /// Dials whatever may be a mesh node while none is linked, and asks for more. While one is linked and a group
    /// has no supernode all the same, asks it for the table: our view of who is alive may be worse than its.
    pub(super) fn search(&mut self, now: Now) {
        if self.end == Some(End::Done) {
            return;
        }
        self.knock_at_gates(now);
        if self.links.has_node() {
            return self.doubt_own_view(now);
        }
        let cached: Vec<_> = self
            .table
            .listed()
            .filter(|listed| listed.liveness.is_up() && !listed.record.tombstone)
            .flat_map(|listed| {
                listed
                    .record
                    .addresses
                    .iter()
                    .map(|a| (*a, Some(listed.record.key)))
            })
            .collect();
        let given = self.search.addresses.iter();
        let given: Vec<_> = given.map(|address| (*address, None)).collect();
        // Each has its own room: a memory full of the dead keeps nobody from whom we have just been told of.
        for places in [given, cached] {
            for (address, id) in places {
                let race =
                    |to: &&Dialled| to.id.is_some() == id.is_some() && now.mono < to.at + RACE_STEP;
                if self.search.dials.values().filter(race).count() < RACED_MAX {
                    self.dial(now, address, id);
                }
            }
        }
        if now.mono >= self.search.again {
            self.pause_search(now);
            self.act.discover();
        }
    }

    fn doubt_own_view(&mut self, now: Now) {
        if !self.is_adrift() {
            self.search.again = now.mono + RETRY_LAST / 4;
            self.search.asked = 0;
        } else if now.mono >= self.search.again {
            self.pause_search(now);
            let digest = self.table.digest();
            let open = |link: &LinkId| self.links.get(*link).is_some_and(|link| link.is_open);
            for link in self.links.node_links().filter(open) {
                self.act.send(link, Message::TableWanted { digest });
            }
        }
    }

    /// Whether a group is registered nowhere.
    pub(super) fn is_adrift(&self) -> bool {
        let mut groups = self.groups.values();
        groups.any(|group| !group.has_left() && !group.registration.is_held())
    }

    fn pause_search(&mut self, now: Now) {
        let pause = (RETRY_FIRST * 2_u32.pow(self.search.asked.min(6))).min(RETRY_LAST);
        self.search.asked += 1;
        self.search.again = now.mono + pause;
    }

    pub(super) fn dial(&mut self, now: Now, address: SocketAddr, id: Option<NodeId>) {
        let is_dialled = self.search.dials.values().any(|to| to.address == address);
        let is_paused = self
            .search
            .pauses
            .get(&address)
            .is_some_and(|pause| now.mono < pause.until);
        if is_dialled || is_paused || self.search.shunned.contains(&address) {
            return;
        }
        let dial = self.act.dial(Target::Node { address, id });
        let at = now.mono;
        self.search.dials.insert(dial, Dialled { address, id, at });
    }

    /// Sees to it that there is a link to the supernode that would take a group over, once the group has its own.
    pub(super) fn stand_by(&mut self, now: Now, name: &GroupName, standby: Option<NodeId>) {
        let taken: BTreeSet<_> = self.standbys(name).collect();
        let has_room = |id: &NodeId| taken.contains(id) || taken.len() < STANDBYS_MAX;
        let standby = standby.filter(has_room);
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        group.registration.standby = standby;
        let is_wanted = group.registration.is_held() && self.end.is_none();
        if let Some(standby) = standby.filter(|id| is_wanted && self.links.to_node(id).is_none()) {
            self.dial_node(now, standby);
        }
    }

    /// The supernodes that stand by for other groups than this.
    fn standbys(&self, name: &GroupName) -> impl Iterator<Item = NodeId> {
        let others = self.groups.iter().filter(move |(other, _)| *other != name);
        others.filter_map(|(_, group)| group.registration.standby)
    }

    /// Closes links to mesh nodes that no group needs, but one, which tells us the table.
    pub(super) fn prune(&mut self) {
        // What the others know weighs what one tells, so that each is heard.
        let is_open = |id: &LinkId| {
            let link = self.links.get(*id);
            link.is_some_and(|link| link.is_open && self.has_told(&link.peer))
        };
        let groups = self.groups.values().filter(|group| !group.has_left());
        let standbys = groups.filter_map(|group| group.registration.standby);
        let used: BTreeSet<_> = self
            .groups
            .values()
            .filter_map(|group| group.registration.at)
            .chain(standbys.filter_map(|id| self.links.to_node(&id)))
            .chain(self.doubted_links())
            .chain(self.finding_links())
            .chain(self.opinion_links())
            .collect();
        let idle = self
            .links
            .node_links()
            .filter(|id| is_open(id) && !used.contains(id));
        for link in idle.skip(usize::from(used.is_empty())).collect::<Vec<_>>() {
            if let Some(gone) = self.links.remove(link) {
                self.hearsay.forget(&gone.peer);
            }
            self.act.close(link, Reason::Done);
        }
    }

    /// Closes end-to-end links that no group has needed for a while: to the host before this one, mostly.
    pub(super) fn prune_peers(&mut self, now: Now) {
        let groups = self.groups.values().filter(|group| !group.has_left());
        let needed: BTreeSet<_> = groups
            .flat_map(Group::peers)
            .chain(self.talk_peers(now.mono))
            .collect();
        let idle = self
            .links
            .peer_links()
            .filter(|(_, peer)| !needed.contains(peer));
        let idle: BTreeSet<_> = idle.map(|(link, _)| link).collect();
        for link in idle.intersection(&self.idle) {
            self.links.remove(*link);
            self.act.close(*link, Reason::Done);
        }
        self.idle = idle;
    }
}
