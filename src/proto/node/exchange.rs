//! Comparing tables with another node, so that whatever was missed heals: a digest first, then those of blocks, then
//! what stands in the blocks that differ, then the records that either lacks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::MeshNode;
use crate::proto::id::NodeId;
use crate::proto::limits::{NEWCOMERS_MAX, RECORDS_PER_MESSAGE_MAX, STANDINGS_MAX, TABLE_BLOCKS};
use crate::proto::mutant::{self, Mutant};
use crate::proto::role::LinkId;
use crate::proto::seal::Hash;
use crate::proto::table::block_of;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Burial, Edition, Listed, Liveness, Message, Rest, Standing};

/// How long an asked-for record is not asked for again, of whomever.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// In a large mesh one comparison of so many is with somebody at random, and not over a link that is there.
const EXCHANGED_FAR: u64 = 16;
/// Nodes that one comparison can have us dial, since somebody holds them for dead.
const LOOKED_AFTER_MAX: usize = 4;

/// Records that were asked for, and those that were refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    at: BTreeMap<NodeId, (u64, Mono)>,
    /// Not wanted again until they have a higher clock.
    refused: BTreeMap<NodeId, u64>,
}

impl Asked {
    /// Whether a record is to be asked for; notes that it is.
    fn wants(&mut self, now: Mono, edition: Edition) -> bool {
        let Edition { key, clock } = edition;
        if self.refused.get(&key).is_some_and(|known| *known >= clock) {
            return false;
        }
        let is_asked = |(known, at): &(u64, Mono)| *known >= clock && now - *at < ASKED_AGAIN;
        if self.at.get(&key).is_some_and(is_asked) {
            return false;
        }
        if self.at.len() >= NEWCOMERS_MAX {
            self.at.retain(|_, (_, at)| now - *at < ASKED_AGAIN);
        }
        // Too many at once: the next exchange asks for the rest.
        if self.at.len() >= STANDINGS_MAX {
            return false;
        }
        self.at.insert(key, (clock, now));
        true
    }

    fn refuse(&mut self, edition: Edition) {
        if self.refused.len() >= STANDINGS_MAX {
            self.refused.pop_first();
        }
        self.refused.insert(edition.key, edition.clock);
    }
}

impl MeshNode {
    /// Compares tables with a node at random, and looks for one that is not there.
    pub(super) fn exchange(&mut self, now: Now) {
        for key in self.table.forget_old(now.wall) {
            self.unwatch(now, &key);
        }
        self.tidy_watch(now);
        self.ward.is_left = true;
        let others = self
            .table
            .listed()
            .filter(|listed| listed.record.key != self.record.key && !listed.record.tombstone);
        let (up, gone): (Vec<_>, Vec<_>) = others.partition(|listed| listed.liveness.is_up());
        let up: Vec<_> = up.into_iter().map(|l| l.record.edition()).collect();
        let gone: Vec<_> = gone.into_iter().map(|l| l.record.edition()).collect();
        // In a large mesh mostly one who is linked: a handshake costs more than what is compared.
        let linked = up.iter().copied();
        let linked: Vec<_> = linked
            .filter(|edition| self.links.to_node(&edition.key).is_some())
            .collect();
        let goes_far = self.is_small() || linked.is_empty() || self.act.jitter(EXCHANGED_FAR) == 0;
        let partners = if goes_far { &up } else { &linked };
        if let Some(partner) = self.pick(partners) {
            let digest = self.node_digest();
            self.say(now, partner.key, Message::TableDigest { digest });
        }
        // Both sides of a healed partition hold each other for dead, and the first to be found ends that.
        if let Some(lost) = self.pick(&gone) {
            self.look_for(now, lost);
        }
    }

    fn pick(&mut self, from: &[Edition]) -> Option<Edition> {
        let count = u64::try_from(from.len()).ok()?;
        let at = usize::try_from(self.act.jitter(count)).ok()?;
        from.get(at).copied()
    }

    /// What two tables are compared by.
    pub(super) fn node_digest(&self) -> Hash {
        let mut said = Vec::with_capacity(TABLE_BLOCKS * 8);
        for digest in self.table.block_digests() {
            said.extend_from_slice(&digest.to_be_bytes());
        }
        Hash::of(&[&said])
    }

    pub(super) fn compare(&mut self, link: LinkId, digest: Hash) {
        if digest != self.node_digest() && !mutant::is(Mutant::TablesNotCompared) {
            let digests = self.table.block_digests().to_vec();
            self.act.send(link, Message::TableBlocks { digests });
        }
    }

    pub(super) fn compare_blocks(&mut self, link: LinkId, theirs: &[u64]) {
        let ours = self.table.block_digests();
        let differ = ours.iter().zip(theirs).zip(0..);
        let blocks: Vec<u8> = differ
            .filter(|((ours, theirs), _)| ours != theirs)
            .map(|(_, block)| block)
            .collect();
        let mut standings = vec![Vec::new(); TABLE_BLOCKS];
        for standing in self.table.standings() {
            standings[usize::from(block_of(&standing.key))].push(standing);
        }
        let (mut part, mut of) = (Vec::new(), Vec::new());
        for block in blocks {
            let mut more = std::mem::take(&mut standings[usize::from(block)]);
            more.truncate(STANDINGS_MAX);
            if part.len() + more.len() > STANDINGS_MAX {
                self.tell_standings(link, &mut of, &mut part);
            }
            of.push(block);
            part.append(&mut more);
        }
        if !of.is_empty() {
            self.tell_standings(link, &mut of, &mut part);
        }
    }

    fn tell_standings(&mut self, link: LinkId, blocks: &mut Vec<u8>, part: &mut Vec<Standing>) {
        let message = Message::TableClocks {
            blocks: std::mem::take(blocks),
            standings: std::mem::take(part),
        };
        self.act.send(link, message);
    }

    /// Takes what stands in another's table: asks for what we lack, and tells what it lacks.
    pub(super) fn compare_standings(
        &mut self,
        now: Now,
        link: LinkId,
        blocks: &[u8],
        theirs: &[Standing],
    ) {
        let mut lacking = Vec::new();
        let mut called_dead = Vec::new();
        let mut buried = Vec::new();
        for standing in theirs {
            match standing.rest {
                Rest::Buried if self.table.burial(&standing.key).is_none() => {
                    buried.push(standing.key);
                }
                Rest::Buried => {}
                Rest::Listed { clock, is_up } => {
                    let key = standing.key;
                    let edition = Edition { key, clock };
                    let known = self.table.known_clock(&key);
                    let is_later = known.is_none_or(|known| clock > known);
                    if is_later && self.table.burial(&key).is_none() {
                        lacking.push(edition);
                    } else if is_up && known == Some(clock) && key != self.record.key {
                        self.is_said_to_be_up(now, edition);
                    } else if known == Some(clock) && !self.is_in_ward(&key) {
                        called_dead.push(key);
                    }
                }
            }
        }
        called_dead.retain(|key| self.table.get(key).is_some_and(|l| l.liveness.is_up()));
        for key in called_dead.into_iter().take(LOOKED_AFTER_MAX) {
            self.look_after(now, key);
        }
        self.want(now, link, &lacking);
        if !buried.is_empty() {
            let keys = buried;
            self.act.send(link, Message::RecordsWanted { keys });
        }
        let known: BTreeMap<_, _> = theirs.iter().map(|s| (s.key, s.rest)).collect();
        let is_news = |ours: &Standing| match (known.get(&ours.key), ours.rest) {
            (None, _) => true,
            (Some(Rest::Buried), _) => false,
            (Some(Rest::Listed { .. }), Rest::Buried) => true,
            (
                Some(Rest::Listed { clock, is_up }),
                Rest::Listed {
                    clock: ours,
                    is_up: is_up_here,
                },
            ) => ours > *clock || ours == *clock && is_up_here && !is_up,
        };
        let ours = self.table.standings();
        let ours = ours.filter(|ours| blocks.contains(&block_of(&ours.key)));
        let mut news: Vec<_> = ours.filter(is_news).collect();
        while !news.is_empty() {
            let mut part: Vec<_> = news.drain(..news.len().min(STANDINGS_MAX)).collect();
            self.tell_standings(link, &mut Vec::new(), &mut part);
        }
    }

    /// Asks for records that are not here.
    pub(super) fn want(&mut self, now: Now, link: LinkId, editions: &[Edition]) {
        let wanted = editions.iter().copied();
        let wanted = wanted.filter(|edition| self.door.asked.wants(now.mono, *edition));
        let keys: Vec<_> = wanted.map(|edition| edition.key).collect();
        for keys in keys.chunks(STANDINGS_MAX) {
            let keys = keys.to_vec();
            self.act.send(link, Message::RecordsWanted { keys });
        }
    }

    pub(super) fn tell_records(&mut self, link: LinkId, keys: &[NodeId]) {
        let listed: Vec<Listed> = keys
            .iter()
            .filter_map(|key| self.table.get(key).cloned())
            .collect();
        let burials: Vec<Burial> = keys
            .iter()
            .filter_map(|key| self.table.burial(key).cloned())
            .collect();
        if !listed.is_empty() {
            self.tell_table(&[link], listed);
        }
        for part in burials.chunks(RECORDS_PER_MESSAGE_MAX) {
            let burials = part.to_vec();
            self.act.send(link, Message::Buried { burials });
        }
    }

    /// Somebody tells of a node.
    pub(super) fn heard(&mut self, now: Now, listed: Listed) {
        let edition = listed.record.edition();
        let key = edition.key;
        if key == self.record.key {
            // Our own past: a disk was lost, or somebody runs with our key. We go on above it.
            let is_later = listed.record.clock >= self.record.clock && listed.record != self.record;
            if is_later && listed.record.is_genuine(&*self.seal) {
                self.sign(now, listed.record.clock);
            }
            return;
        }
        let known = self.table.known_clock(&key);
        let is_newer = known.is_none_or(|known| edition.clock > known);
        let is_up = listed.liveness.is_up();
        if self.watch.is_by_links() {
            let addresses = listed.record.addresses.iter();
            let has_failed = addresses.clone().any(|at| self.dials.has_failed(at));
            let is_linked = self.links.to_node(&key).is_some();
            let is_up = is_linked || is_up && (is_newer || !has_failed);
            let liveness = if is_up {
                Liveness::Alive
            } else {
                Liveness::Missed
            };
            // What the table refuses, its teller may keep.
            _ = self.list(now, listed.record, liveness);
            return;
        }
        if !is_newer {
            if is_up && known == Some(edition.clock) {
                self.is_said_to_be_up(now, edition);
            }
            return;
        }
        let is_linked = self.links.to_node(&key).is_some();
        let is_up = is_linked || is_up && !self.is_unheard(&key);
        let told = Listed {
            // The engine has the last word, below.
            liveness: if is_up {
                Liveness::Alive
            } else {
                Liveness::Dead
            },
            since: listed.since.min(now.wall),
            ..listed
        };
        match self.list_since(now, told) {
            Ok(_) if is_up => self.met(now, edition),
            Ok(_) => {}
            // Its teller may keep it.
            Err(_) => self.door.asked.refuse(edition),
        }
    }
}
