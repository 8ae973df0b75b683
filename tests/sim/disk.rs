//! What a node's disk holds: the plainest thing that does what the contract of `Output::Write`, `Fetch` and
//! the start says. It shares no code with the real store, so that each can show the other's mistakes.

use std::collections::BTreeMap;

use fireside::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use fireside::proto::limits::CATCH_UP_SIZE;
use fireside::proto::role::Moved;
use fireside::proto::ruling::Ruling;
use fireside::proto::saved::{Fork, Saved, SavedGroup, SavedLine, Write};
use fireside::proto::seal::{Hash, Signature};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::{
    Body, Burial, Charter, Entry, GroupRecord, Lease, Listed, Run, Sequenced, Vector,
};

/// Bytes an entry takes in a frame besides its text; about right is good enough to split by.
const ENTRY_SIZE: usize = 160;

#[derive(Clone, Debug, Default)]
pub struct Disk {
    nick: Option<Nick>,
    gates: Vec<std::net::SocketAddr>,
    verified: BTreeMap<NodeId, Nick>,
    groups: BTreeMap<GroupName, Group>,
    table: Vec<Listed>,
    burials: BTreeMap<NodeId, Burial>,
    clock: u64,
    records: BTreeMap<GroupName, (GroupRecord, Wall)>,
}

/// What a disk has of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Placed,
    /// In the outbox of its author.
    Waiting,
    Lost,
}

#[derive(Clone, Debug, Default)]
struct Group {
    joined: bool,
    lease: Option<Lease>,
    charter: Option<Charter>,
    lines: BTreeMap<Epoch, Line>,
    /// Every entry at the place that counts: its earliest, where it is not empty.
    places: BTreeMap<EntryId, (bool, Place)>,
    outbox: BTreeMap<Number, Entry>,
    evidence: BTreeMap<Epoch, Fork>,
}

#[derive(Clone, Debug, Default)]
struct Line {
    entries: Vec<Sequenced>,
    /// The last number of each author in it.
    numbers: BTreeMap<NodeId, Number>,
    head: Hash,
    /// Where its host signed.
    signed: BTreeMap<usize, (Hash, Signature)>,
    lease: Option<Lease>,
}

impl Disk {
    /// Applies one ticket's writes.
    ///
    /// # Errors
    /// In words, when a role breaks the contract of a write.
    pub fn write(&mut self, writes: Vec<Write>) -> Result<Vec<Moved>, String> {
        let mut moved = Vec::new();
        for write in writes {
            match write {
                Write::Run {
                    group,
                    run,
                    head,
                    lease,
                } => {
                    let group = self.groups.entry(group).or_default();
                    group.append(run, head, &lease, &mut moved)?;
                }
                Write::Evidence { group, fork } => {
                    let group = self.groups.entry(group).or_default();
                    group.evidence.entry(fork.ours.epoch).or_insert(fork);
                }
                Write::Outbox { group, entry } => {
                    let outbox = &mut self.groups.entry(group).or_default().outbox;
                    outbox.insert(entry.number, entry);
                }
                Write::OutboxDone { group, number } => {
                    let outbox = &mut self.groups.entry(group).or_default().outbox;
                    outbox.remove(&number);
                }
                Write::Group {
                    group,
                    joined,
                    lease,
                } => {
                    let group = self.groups.entry(group).or_default();
                    group.joined = joined;
                    group.lease = lease;
                }
                Write::Nick(nick) => self.nick = Some(nick),
                Write::Gates(gates) => self.gates = gates,
                Write::Verified { person, nick } => match nick {
                    Some(nick) => {
                        self.verified.insert(person, nick);
                    }
                    None => {
                        self.verified.remove(&person);
                    }
                },
                Write::Table(table) => self.table = table,
                Write::Burial(burial) => {
                    self.burials.insert(burial.key, burial);
                }
                Write::Clock(clock) if clock < self.clock => {
                    return Err(format!("the clock went back to {clock}"));
                }
                Write::Clock(clock) => self.clock = clock,
                Write::Charter { group, charter } => {
                    self.groups.entry(group).or_default().charter = Some(charter);
                }
                Write::Rename { group, to } => {
                    if self.groups.get(&to).is_some_and(|to| !to.lines.is_empty()) {
                        return Err(format!("{to} has a log, and {group} is to have its name"));
                    }
                    if let Some(group) = self.groups.remove(&group) {
                        self.groups.insert(to, group);
                    }
                }
                Write::Record { record, noted } => {
                    let group = record.lease.group.clone();
                    self.records.insert(group, (record, noted));
                }
                Write::RecordGone { group } => {
                    self.records.remove(&group);
                }
            }
        }
        Ok(moved)
    }

    /// The entries of a group in `upto` and not in `after`, in order, as many as fit; and whether there are more.
    pub fn fetch(&self, group: &GroupName, after: &Vector, upto: &Vector) -> (Vec<Run>, bool) {
        let mut runs = Vec::new();
        let mut size = 0;
        let Some(group) = self.groups.get(group) else {
            return (runs, false);
        };
        for (epoch, Seq(last)) in upto {
            let Some(line) = group.lines.get(epoch) else {
                continue;
            };
            let from = after.get(epoch).map_or(0, |seq| seq.0) as usize;
            let to = (*last as usize).min(line.entries.len());
            // Back to where the host signed, and on to where it signed last of what fits.
            let (from, prev) = line
                .signed
                .range(..=from)
                .next_back()
                .map_or((0, Hash::default()), |(at, (head, _))| (*at, *head));
            let mut end = None;
            for (at, entry) in line.entries.iter().enumerate().take(to).skip(from) {
                size += ENTRY_SIZE + text_size(&entry.entry.body);
                if size > CATCH_UP_SIZE && (end.is_some() || !runs.is_empty()) {
                    line.push_run(&mut runs, *epoch, from, prev, end);
                    return (runs, true);
                }
                if line.signed.contains_key(&(at + 1)) {
                    end = Some(at + 1);
                }
            }
            line.push_run(&mut runs, *epoch, from, prev, end);
        }
        (runs, false)
    }

    /// The epochs of which there is a line.
    pub fn epochs(&self, group: &GroupName) -> impl Iterator<Item = Epoch> {
        let group = self.groups.get(group).into_iter();
        group.flat_map(|group| group.lines.keys().copied())
    }

    /// The highest lease known.
    pub fn lease(&self, group: &GroupName) -> Option<&Lease> {
        self.groups.get(group)?.lease.as_ref()
    }

    /// The forks of which there is evidence.
    pub fn evidence(&self, group: &GroupName) -> impl Iterator<Item = &Fork> {
        let group = self.groups.get(group).into_iter();
        group.flat_map(|group| group.evidence.values())
    }

    /// What the node is given at its next start.
    pub fn saved(&self) -> Saved {
        Saved {
            nick: self.nick.clone(),
            gates: self.gates.clone(),
            verified: self.verified.clone(),
            groups: self
                .groups
                .iter()
                .map(|(name, group)| (name.clone(), group.saved()))
                .collect(),
            table: self.table.clone(),
            burials: self.burials.values().cloned().collect(),
            clock: self.clock,
            records: self.records.values().cloned().collect(),
        }
    }

    /// A group's log as it would be shown.
    pub fn log(&self, group: &GroupName) -> impl Iterator<Item = (Place, EntryId)> {
        let group = self.groups.get(group).into_iter();
        group.flat_map(|group| {
            let shown = |place: &Place| group.at(*place).entry.body != Body::Void;
            let places = group.places.iter().map(|(id, (_, place))| (*place, *id));
            places.filter(move |(place, _)| shown(place))
        })
    }

    /// A group's entries at all their places, and whether each is shown there.
    pub fn places(&self, group: &GroupName) -> impl Iterator<Item = (Place, &Entry, bool)> {
        let group = self.groups.get(group).into_iter();
        group.flat_map(|group| {
            let lines = group.lines.iter();
            let runs = lines.map(|(epoch, line)| (*epoch, &line.entries));
            runs.flat_map(move |(epoch, entries)| {
                (1..).zip(entries).map(move |(seq, sequenced)| {
                    let (hlc, seq) = (sequenced.hlc, Seq(seq));
                    let place = Place { hlc, epoch, seq };
                    let entry = &sequenced.entry;
                    let shown = group.places.get(&entry.id()).map(|(_, at)| *at);
                    (place, entry, shown == Some(place))
                })
            })
        })
    }

    /// Whether an entry is here, in its place or waiting for one.
    pub fn keeps(&self, group: &GroupName, id: EntryId) -> Kept {
        match self.groups.get(group) {
            Some(group) if group.places.contains_key(&id) => Kept::Placed,
            Some(group) if group.outbox.contains_key(&id.number) => Kept::Waiting,
            Some(_) | None => Kept::Lost,
        }
    }

    /// Whether the record of a group is kept here.
    pub fn has_record(&self, group: &GroupName) -> bool {
        self.records.contains_key(group)
    }

    /// The charter that is stored of a group.
    pub fn charter(&self, group: &GroupName) -> Option<&Charter> {
        self.groups.get(group)?.charter.as_ref()
    }

    /// The highest epoch of a group that it knows.
    pub fn epoch(&self, group: &GroupName) -> Option<Epoch> {
        let lease = self.groups.get(group)?.lease.as_ref();
        lease.map(|lease| lease.epoch)
    }

    /// The groups the node would be in at its next start.
    pub fn joined(&self) -> impl Iterator<Item = &GroupName> {
        self.groups
            .iter()
            .filter(|(_, group)| group.joined)
            .map(|(name, _)| name)
    }
}

impl Group {
    fn append(
        &mut self,
        run: Run,
        head: Hash,
        lease: &Lease,
        moved: &mut Vec<Moved>,
    ) -> Result<(), String> {
        let line = self.lines.entry(run.epoch).or_default();
        let stored = line.entries.len() as u64;
        if run.first.0 != stored + 1 {
            let (epoch, first) = (run.epoch, run.first.0);
            return Err(format!(
                "a run of {epoch} begins at {first} after {stored} stored"
            ));
        }
        let chained = run
            .entries
            .iter()
            .fold(line.head, |head, entry| entry.chain(head));
        if chained != head {
            return Err(format!(
                "the head of {} is not that of its chain",
                run.epoch
            ));
        }
        if run.prev != line.head || lease.epoch != run.epoch {
            return Err(format!("a run of {} does not follow", run.epoch));
        }
        line.head = head;
        line.lease.get_or_insert_with(|| lease.clone());
        let length = line.entries.len() + run.entries.len();
        line.signed.insert(length, (head, run.signature));
        for (place, sequenced) in run.places() {
            let id = sequenced.entry.id();
            let before = line.numbers.insert(id.author, id.number);
            if before.is_some_and(|before| before >= id.number) {
                return Err(format!(
                    "{id} is in the line of {} after {before:?}",
                    run.epoch
                ));
            }
            let this = (sequenced.entry.body == Body::Void, place);
            let known = self.places.insert(id, this);
            if let Some(known) = known {
                let (_, place) = this.min(known);
                let is_new = this < known;
                moved.push(Moved { id, place, is_new });
                self.places.insert(id, this.min(known));
            }
        }
        line.entries.extend(run.entries);
        Ok(())
    }

    fn at(&self, place: Place) -> &Sequenced {
        &self.lines[&place.epoch].entries[place.seq.0 as usize - 1]
    }

    fn saved(&self) -> SavedGroup {
        let mut authors = BTreeMap::<NodeId, Number>::new();
        let mut hlc = Hlc::default();
        let mut lines = BTreeMap::new();
        for (epoch, line) in &self.lines {
            lines.extend(
                line.saved(self.evidence.contains_key(epoch))
                    .map(|l| (*epoch, l)),
            );
            for Sequenced { hlc: at, entry } in &line.entries {
                hlc = hlc.max(*at);
                let number = authors.entry(entry.author).or_default();
                *number = entry.number.max(*number);
            }
        }
        let mut waiting = self.outbox.clone();
        let mut unkept = BTreeMap::new();
        waiting.retain(|number, entry| {
            let place = self.places.get(&entry.id()).map(|(_, place)| *place);
            let place = place.filter(|at| self.at(*at).entry.signature == entry.signature);
            unkept.extend(place.map(|place| (*number, place)));
            place.is_none()
        });
        SavedGroup {
            joined: self.joined,
            lease: self.lease.clone(),
            charter: self.charter.clone(),
            lines,
            hlc,
            authors,
            shaping: self.shaping(),
            outbox: waiting,
            unkept,
        }
    }

    /// No more than is promised: of each member the last entry of each kind, and every ruling.
    fn shaping(&self) -> Vec<(Place, Entry)> {
        let mut last = BTreeMap::new();
        let mut shaping = Vec::new();
        let mut places: Vec<_> = self.places.values().map(|(_, place)| *place).collect();
        places.sort_unstable();
        for place in places {
            let entry = &self.at(place).entry;
            let about = match &entry.body {
                Body::Join { .. } => (0, entry.author),
                Body::Part { .. } => (1, entry.author),
                Body::Quit { .. } => (2, entry.author),
                Body::Nick { .. } => (3, entry.author),
                Body::Gone { member } => (4, *member),
                Body::Topic { .. } => (5, entry.author),
                Body::Ruling(_) => {
                    shaping.push((place, entry.clone()));
                    continue;
                }
                Body::Text { .. } | Body::Action { .. } | Body::Void => continue,
            };
            last.insert(about, (place, entry.clone()));
        }
        shaping.extend(last.into_values());
        shaping.sort_by_key(|(place, _)| *place);
        shaping
    }
}

impl Line {
    fn push_run(
        &self,
        runs: &mut Vec<Run>,
        epoch: Epoch,
        from: usize,
        prev: Hash,
        to: Option<usize>,
    ) {
        if let Some(to) = to {
            runs.push(Run {
                epoch,
                first: Seq(from as u64 + 1),
                prev,
                entries: self.entries[from..to].to_vec(),
                signature: self.signed[&to].1,
            });
        }
    }

    fn saved(&self, is_forked: bool) -> Option<SavedLine> {
        let (length, (head, signature)) = self.signed.last_key_value()?;
        Some(SavedLine {
            seq: Seq(*length as u64),
            head: *head,
            signature: *signature,
            hlc: self.entries[*length - 1].hlc,
            lease: self.lease.clone()?,
            is_forked,
        })
    }
}

fn text_size(body: &Body) -> usize {
    match body {
        Body::Text { text } | Body::Action { text } | Body::Topic { text } => text.len(),
        Body::Part { why } | Body::Quit { why } => why.len(),
        Body::Ruling(Ruling::Kick { why, .. }) => why.len(),
        Body::Join { .. }
        | Body::Nick { .. }
        | Body::Gone { .. }
        | Body::Ruling(_)
        | Body::Void => 0,
    }
}
