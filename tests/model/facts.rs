//! What a node holds that others must not contradict, and the rules between any two nodes.

use std::collections::{BTreeMap, BTreeSet};

use fireside::proto::id::{Epoch, GroupName, NodeId, Number, Place, Seq};
use fireside::proto::seal::Signature;
use fireside::proto::wire::{Entry, Vector};

use crate::disk::Disk;
use crate::local::Local;

/// What one node holds, on its disk or on the way there.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What stands at each place.
    placed: BTreeMap<(Epoch, Seq), Signature>,
    /// Which entry each number of an author is.
    numbers: BTreeMap<(NodeId, Number), Signature>,
    /// Epochs it knows to be granted.
    granted: BTreeSet<Epoch>,
    /// How much of each line is flushed.
    pub stored: Vector,
}

impl Facts {
    /// # Errors
    /// In words, when the node contradicts itself.
    pub fn of(local: &Local, group: &GroupName) -> Result<Self, String> {
        let disk = local.flushed();
        let mut facts = Self {
            stored: vector(&local.disk, group),
            ..Self::default()
        };
        for (place, entry) in placed(&disk, group) {
            facts
                .placed
                .insert((place.epoch, place.seq), entry.signature);
            let number = (entry.author, entry.number);
            let known = facts.numbers.insert(number, entry.signature);
            if known.is_some_and(|known| known != entry.signature) {
                return Err(format!("number {number:?} is two entries on one disk"));
            }
        }
        let saved = disk.saved();
        let leases = saved
            .groups
            .values()
            .filter_map(|group| group.lease.as_ref());
        let records = saved.records.iter().map(|(record, _)| &record.lease);
        let leases = leases.chain(records).map(|lease| lease.epoch);
        let lines = vector(&disk, group).into_keys();
        for epoch in leases.chain(lines) {
            facts.granted.insert(epoch);
        }
        Ok(facts)
    }

    /// What two nodes hold that cannot both be. `is_one_source` says whether all leases come from one
    /// supernode; several may grant one number, and the host's key then decides.
    pub fn contradicts(&self, other: &Self, is_one_source: bool) -> Option<String> {
        for (place, entry) in &self.placed {
            if other.placed.get(place).is_some_and(|held| held != entry) {
                return Some(format!("two entries stand at {place:?}"));
            }
        }
        for (number, entry) in &self.numbers {
            if other.numbers.get(number).is_some_and(|held| held != entry) {
                return Some(format!("number {number:?} is two entries"));
            }
        }
        for epoch in self.granted.iter().filter(|_| is_one_source) {
            let rival = |held: &&Epoch| held.number == epoch.number && held.host != epoch.host;
            if let Some(held) = other.granted.iter().find(rival) {
                return Some(format!("{epoch:?} and {held:?} are both granted"));
            }
        }
        None
    }
}

/// How far each line of a group goes on a disk.
pub fn vector(disk: &Disk, group: &GroupName) -> Vector {
    let saved = disk.saved();
    let lines = saved.groups.get(group).map(|group| group.lines.iter());
    let lines = lines.into_iter().flatten();
    lines.map(|(epoch, line)| (*epoch, line.seq)).collect()
}

/// Everything that has a place on a disk.
pub fn placed(disk: &Disk, group: &GroupName) -> Vec<(Place, Entry)> {
    let (runs, more) = disk.fetch(group, &Vector::new(), &vector(disk, group));
    assert!(!more, "a model's log fits one answer");
    let entries = runs.iter().flat_map(|run| run.places());
    let entries = entries.map(|(place, sequenced)| (place, sequenced.entry.clone()));
    entries.collect()
}
