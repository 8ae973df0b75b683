//! The rules that hold in every state, judged from outside the roles: by what they say and by what disks hold.

use std::collections::BTreeSet;

use fireside::proto::id::{EntryId, Epoch, GroupName, NodeId, Seq};
use fireside::proto::wire::{Body, Entry, Message, Run};

use crate::cast::{Cast, NodeIx};
use crate::disk::{Disk, Kept};
use crate::local::Local;
use crate::model::Model;
use crate::state::State;

impl Local {
    /// What it shows to others of its own is on its disk: an entry, so that its number is not given to another
    /// after a crash, and a line's lease, so that the line is not begun again.
    pub fn shows(&self, cast: &Cast, me: &NodeId, message: &Message) -> Result<(), String> {
        let (runs, entries): (&[Run], &[Entry]) = match message {
            Message::Deliver { runs, .. } | Message::Push { runs, .. } => (runs, &[]),
            Message::Put { entries, .. } => (&[], entries),
            _ => return Ok(()),
        };
        let in_runs = runs.iter().flat_map(|run| &run.entries);
        let entries = in_runs.map(|sequenced| &sequenced.entry).chain(entries);
        let is_lost = |entry: &&Entry| self.disk.keeps(&cast.group, entry.id()) == Kept::Lost;
        let mut own = entries.filter(|entry| entry.author == *me);
        if let Some(entry) = own.find(is_lost) {
            return Err(format!(
                "{:?} is shown before it is on its author's disk",
                entry.body
            ));
        }
        let saved = self.disk.saved();
        let lease = saved
            .groups
            .get(&cast.group)
            .and_then(|group| group.lease.as_ref());
        let is_safe = |run: &&Run| lease.is_some_and(|lease| lease.epoch >= run.epoch);
        let mut own = runs.iter().filter(|run| run.epoch.host == *me);
        match own.find(|run| !is_safe(run)) {
            Some(run) => Err(format!(
                "{:?} is begun before its lease is on disk",
                run.epoch
            )),
            None => Ok(()),
        }
    }

    /// The heirs that hold what it says is kept: the members it has let in. (No model has more than two.)
    pub fn heirs(&self, cast: &Cast) -> Vec<NodeId> {
        let members = members(&self.flushed(), &cast.group);
        let followers = self.seen.followers.keys().copied();
        followers.filter(|id| members.contains(id)).collect()
    }
}

impl Model {
    /// What is said to be kept is on as many disks as are named, and on those of all present heirs.
    pub fn judge_kept(
        &self,
        state: &State,
        node: NodeIx,
        places: &[(Epoch, Seq)],
        copies: usize,
        heirs: &[NodeId],
    ) -> Result<(), String> {
        let has = |ix: NodeIx, (epoch, seq): &(Epoch, Seq)| {
            let stored = &self.locals[state.nodes[ix] as usize].facts.stored;
            stored.get(epoch).is_some_and(|upto| upto >= seq)
        };
        let name = |ix: NodeIx| self.cast.actors[ix].name;
        for place in places {
            let at = self.cast.named(place);
            let disks = self.cast.people().filter(|ix| has(*ix, place)).count();
            if disks < copies {
                let who = name(node);
                return Err(format!(
                    "{who} says that {at} is on {copies} disks, and it is on {disks}"
                ));
            }
            let lacks = |id: &&NodeId| !has(self.cast.by_id(id), place);
            if let Some(heir) = heirs.iter().find(lacks) {
                let (who, heir) = (name(node), name(self.cast.by_id(heir)));
                return Err(format!(
                    "{who} says that {at} is kept, and {heir}, an heir who is present, lacks it"
                ));
            }
        }
        Ok(())
    }

    pub fn compare(&mut self, one: u32, other: u32) -> Result<(), String> {
        let pair = (one.min(other), one.max(other));
        if self.in_accord.contains(&pair) {
            return Ok(());
        }
        let facts = |ix: u32| &self.locals[ix as usize].facts;
        let is_one_source = self.cast.supernodes().count() == 1;
        match facts(one).contradicts(facts(other), is_one_source) {
            Some(what) => Err(what),
            None => {
                self.in_accord.insert(pair);
                Ok(())
            }
        }
    }
}

/// Who is in the group by a disk's log.
fn members(disk: &Disk, group: &GroupName) -> BTreeSet<NodeId> {
    let mut members = BTreeSet::new();
    let mut placed = crate::facts::placed(disk, group);
    placed.sort_by_key(|(place, _)| *place);
    let mut known = BTreeSet::<EntryId>::new();
    for (_, entry) in placed {
        if !known.insert(entry.id()) {
            continue;
        }
        match &entry.body {
            Body::Join { .. } => {
                members.insert(entry.author);
            }
            Body::Part { .. } | Body::Quit { .. } => {
                members.remove(&entry.author);
            }
            Body::Gone { member } => {
                members.remove(member);
            }
            _ => {}
        }
    }
    members
}
