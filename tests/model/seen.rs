//! What can be seen of a node from outside: what it says and what its person is told. The rules are judged by
//! this, and by its disk, never by what it thinks.

use std::collections::{BTreeMap, BTreeSet};

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Standing};
use fireside::proto::id::{EntryId, Epoch, NodeId};
use fireside::proto::role::LinkId;
use fireside::proto::saved::{Saved, Write};
use fireside::proto::wire::{Lease, Message};

/// One node, seen from outside.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The highest epoch it has written down.
    pub highest: Option<Epoch>,
    /// Whether its person means to be in the group.
    pub is_wanted: bool,
    /// Epochs that it may not host any more: it knew of them when it started, or has placed something under
    /// them in an earlier run.
    barred: BTreeSet<Epoch>,
    /// Epochs it has placed something under in this run.
    placed: BTreeSet<Epoch>,
    /// Those it has let in and has not lost, and over which link, under the epoch it hosts.
    pub followers: BTreeMap<NodeId, LinkId>,
    welcomed: Option<Epoch>,
    /// Over which link it was greeted by whom.
    greeted: BTreeMap<LinkId, NodeId>,
    /// Who hosts, as its person was told.
    pub host: Option<(NodeId, Epoch)>,
    pub is_in: bool,
    pub standing: Option<Standing>,
    /// Its person's lines, and which of them were confirmed.
    pub sent: BTreeSet<EntryId>,
    pub confirmed: BTreeSet<EntryId>,
}

impl Seen {
    pub fn starts(&mut self, saved: &Saved) {
        let leases = saved
            .groups
            .values()
            .filter_map(|group| group.lease.as_ref());
        let records = saved.records.iter().map(|(record, _)| &record.lease);
        self.highest = leases.chain(records).map(|lease| lease.epoch).max();
        self.is_wanted = saved.groups.values().any(|group| group.joined);
        self.barred.extend(self.highest);
    }

    pub fn stops(&mut self) {
        self.barred.append(&mut self.placed);
        self.followers.clear();
        self.greeted.clear();
        self.welcomed = None;
        self.highest = None;
        self.host = None;
        self.is_in = false;
        self.standing = None;
        // What was not on disk may be gone; what is comes again.
        self.sent.clear();
    }

    pub fn linked(&mut self, link: LinkId, peer: NodeId) {
        self.greeted.insert(link, peer);
    }

    pub fn lost(&mut self, link: LinkId) {
        self.greeted.remove(&link);
        self.followers.retain(|_, over| *over != link);
    }

    pub fn hears(&mut self, link: LinkId, message: &Message) {
        if matches!(message, Message::Unfollow { .. }) {
            self.followers.retain(|_, over| *over != link);
        }
    }

    /// It says something.
    pub fn says(&mut self, me: &NodeId, link: LinkId, message: &Message) -> Result<(), String> {
        match message {
            Message::Welcome { epoch, .. } => {
                self.hosts(me, *epoch)?;
                if self.welcomed.replace(*epoch) != Some(*epoch) {
                    self.followers.clear();
                }
                if let Some(peer) = self.greeted.get(&link) {
                    self.followers.insert(*peer, link);
                }
            }
            Message::Register {
                lease: Some(lease),
                hosting,
                ..
            } => {
                self.obeys(lease)?;
                if *hosting {
                    self.hosts(me, lease.epoch)?;
                } else {
                    self.followers.clear();
                }
            }
            Message::Hello { lease, .. } => {
                self.obeys(lease)?;
                self.followers.clear();
            }
            Message::HostIs { lease, .. } => self.obeys(lease)?,
            _ => {}
        }
        Ok(())
    }

    pub fn asked(&mut self, command: &Command) {
        match command {
            Command::Join { .. } => self.is_wanted = true,
            Command::Part { .. } | Command::Quit { .. } => self.is_wanted = false,
            _ => {}
        }
    }

    pub fn writes(&mut self, me: &NodeId, writes: &[Write]) -> Result<(), String> {
        for write in writes {
            if let Write::Run { run, .. } = write
                && run.epoch.host == *me
            {
                self.placed.insert(run.epoch);
            }
            let lease = match write {
                Write::Group { lease, .. } => lease.as_ref(),
                Write::Record { record, .. } => Some(&record.lease),
                _ => None,
            };
            let Some(Lease { epoch, .. }) = lease else {
                continue;
            };
            if self.highest.is_some_and(|highest| *epoch < highest) {
                return Err(format!(
                    "epochs go back: {epoch:?} is written after {:?}",
                    self.highest
                ));
            }
            self.highest = Some(*epoch);
        }
        Ok(())
    }

    pub fn is_told(&mut self, event: &Event) {
        match event {
            Event::Joined { host, epoch, .. } => {
                self.is_in = true;
                self.host = Some((*host, *epoch));
            }
            Event::Host { host, epoch, .. } => self.host = Some((*host, *epoch)),
            Event::Role { role, .. } => self.standing = Some(*role),
            Event::Left { .. } => self.is_in = false,
            Event::Sent { id, .. } => {
                self.sent.insert(*id);
            }
            Event::Failed { id, .. } => {
                self.sent.remove(id);
            }
            Event::Confirmed { id, .. } => {
                self.confirmed.insert(*id);
            }
            _ => {}
        }
    }

    fn obeys(&self, lease: &Lease) -> Result<(), String> {
        if self.highest.is_some_and(|highest| lease.epoch < highest) {
            let (epoch, highest) = (lease.epoch, self.highest);
            return Err(format!(
                "epochs go back: {epoch:?} is obeyed after {highest:?}"
            ));
        }
        Ok(())
    }

    /// It acts as the host of an epoch.
    fn hosts(&mut self, me: &NodeId, epoch: Epoch) -> Result<(), String> {
        if epoch.host != *me {
            return Err(format!("{epoch:?} is hosted by another than it names"));
        }
        if self.barred.contains(&epoch) {
            return Err(format!("{epoch:?} is resumed after a restart"));
        }
        Ok(())
    }
}
