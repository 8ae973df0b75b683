//! A mesh too large for everybody to watch everybody: whom a node watches, and how word of all others goes around.
//!
//! A node keeps links to its neighbours on the ring, and to a few others that it draws by lot. With those it shares the
//! engine's probes, so that a node is watched by some tens of others and not by a thousand, and what is said goes over
//! links that are there already: a handshake costs more than a minute of probes. Who finds that one of them is dead,
//! or has signed a later record, tells everybody it is linked to, who pass it on when it is news to them. A graph of
//! random links is a few steps wide (Bollobás and de la Vega, 1982), so that word is everywhere within a second; what
//! is missed on the way, the comparison of tables finds.

use std::collections::{BTreeMap, BTreeSet};

use super::{MeshNode, NEWS_GATHERED};
use crate::proto::id::NodeId;
use crate::proto::limits::{NEWS_PER_GOSSIP_MAX, STANDINGS_MAX};
use crate::proto::mutant::{self, Mutant};
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Doing, Edition, Gossip, Liveness, Message, News};

/// Nodes drawn by lot. As many draw us, so that a mesh of 20,000 hangs together though a third of it fails at once.
const DRAWN: usize = 8;

/// Whom we watch, and what we have to tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Ward {
    /// Those to whom we keep links.
    kept: BTreeSet<NodeId>,
    /// The version of the table by which they were chosen.
    version: Option<u64>,
    /// Records that were asked for since somebody passed word of them on.
    awaited: BTreeSet<NodeId>,
    /// Word to be passed on.
    word: BTreeMap<NodeId, News>,
    pub(super) due: Option<Mono>,
    /// Whether a link was let go to one that may be of no more concern.
    pub(super) is_left: bool,
}

impl Ward {
    pub(super) fn kept(&self) -> &BTreeSet<NodeId> {
        &self.kept
    }

    /// A record has come to which somebody's word led us.
    pub(super) fn was_awaited(&mut self, key: &NodeId) -> bool {
        self.awaited.remove(key)
    }
}

impl MeshNode {
    /// Whether a node is one that we watch ourselves.
    pub(super) fn is_in_ward(&self, key: &NodeId) -> bool {
        self.is_small() || self.ward.kept.contains(key) || self.links.to_node(key).is_some()
    }

    /// Chooses whom to watch, if the table has changed since they were chosen.
    pub(super) fn choose_ward(&mut self, now: Now) {
        let version = Some(self.table.version());
        if self.is_small() || self.watch.is_by_links() || self.ward.version == version {
            return;
        }
        self.ward.version = version;
        let up = self.table.listed().filter(|l| l.liveness.is_up());
        let others = up.map(|l| l.record.key).filter(|k| *k != self.record.key);
        let seed = self.watch.seed();
        let mut lots: Vec<_> = others.map(|key| (lot(seed, &key), key)).collect();
        let last = DRAWN.min(lots.len());
        if last < lots.len() {
            lots.select_nth_unstable(last);
        }
        let drawn = lots.into_iter().take(last).map(|(_, key)| key);
        let kept: BTreeSet<_> = drawn.chain(self.neighbours()).collect();
        for key in &kept {
            let listed = self.table.get(key).filter(|l| l.liveness.is_up());
            if let Some(edition) = listed.map(|l| l.record.edition()) {
                self.watch.met(now.mono, edition);
            }
        }
        if kept != self.ward.kept {
            self.ward.kept = kept;
            self.dials.is_stale = true;
        }
    }

    /// Has the engine watch nobody else, lest its probes make the links anew that were let go.
    pub(super) fn watch_ward(&mut self, now: Now) {
        if !std::mem::take(&mut self.ward.is_left) || self.is_small() {
            return;
        }
        let (kept, links) = (&self.ward.kept, &self.links);
        let is_kept = |key: &NodeId| kept.contains(key) || links.to_node(key).is_some();
        self.watch.keep(now.mono, is_kept);
    }

    /// Tells everybody who is linked of a node that is dead, or has a later record.
    pub(super) fn pass_on(&mut self, now: Now, edition: Edition, liveness: Liveness) {
        if self.is_small() || mutant::is(Mutant::WordNotPassedOn) {
            return;
        }
        let news = News {
            edition,
            incarnation: 0,
            liveness,
        };
        self.ward.word.insert(edition.key, news);
        self.ward.due.get_or_insert(now.mono + NEWS_GATHERED);
    }

    pub(super) fn say_word(&mut self, now: Now) {
        if self.ward.due.is_none_or(|due| now.mono < due) {
            return;
        }
        self.ward.due = None;
        let word: Vec<_> = std::mem::take(&mut self.ward.word).into_values().collect();
        for link in self.nodes.clone() {
            let peer = self.links.get(link).map(|link| link.peer);
            let clock = peer.and_then(|peer| self.table.known_clock(&peer));
            for part in word.chunks(NEWS_PER_GOSSIP_MAX) {
                let gossip = self.gossip(clock.unwrap_or_default(), Doing::Tell, part.to_vec());
                self.act.send(link, Message::Gossip(Box::new(gossip)));
            }
        }
    }

    fn gossip(&self, to_clock: u64, doing: Doing, news: Vec<News>) -> Gossip {
        Gossip {
            clock: self.record.clock,
            incarnation: 0,
            to_clock,
            doing,
            news,
        }
    }

    /// Somebody passes on word of a node that we do not watch ourselves.
    pub(super) fn told_word(&mut self, now: Now, news: &News) {
        let News {
            edition, liveness, ..
        } = *news;
        let listed = self.table.get(&edition.key);
        let is_news = listed.is_some_and(|listed| match listed.liveness {
            Liveness::Alive | Liveness::Suspect => true,
            Liveness::Missed => !mutant::is(Mutant::MissedLetGo),
            Liveness::Dead => false,
        });
        match liveness {
            Liveness::Dead if is_news && self.table.has(edition) => {
                self.set_liveness(now, edition.key, Liveness::Dead);
                self.pass_on(now, edition, Liveness::Dead);
            }
            Liveness::Alive if self.table.known_clock(&edition.key) < Some(edition.clock) => {
                if self.ward.awaited.len() >= STANDINGS_MAX {
                    self.ward.awaited.pop_first();
                }
                self.ward.awaited.insert(edition.key);
            }
            Liveness::Dead | Liveness::Alive | Liveness::Suspect | Liveness::Missed => {}
        }
    }

    /// Somebody holds a node for up that was called dead here under this very clock: it is to come back under a later
    /// one, if it can.
    pub(super) fn call_back(&mut self, now: Now, edition: Edition) {
        let gossip = self.gossip(edition.clock, Doing::CallDead, Vec::new());
        self.say(now, edition.key, Message::Gossip(Box::new(gossip)));
    }

    /// Somebody holds a node for dead that we hold for up, and do not watch: a dial shows it.
    pub(super) fn look_after(&mut self, now: Now, key: NodeId) {
        let digest = self.node_digest();
        self.say(now, key, Message::TableDigest { digest });
    }
}

/// A number drawn for a node: by a seed that nobody else knows, so that nobody can choose to be drawn (splitmix64;
/// Steele et al., 2014).
fn lot(seed: u64, key: &NodeId) -> u64 {
    let part = |at: usize| {
        let bytes = key.0[at..at + 8].try_into();
        u64::from_le_bytes(bytes.expect("8 of 32 bytes"))
    };
    let mut mixed = seed ^ part(0) ^ part(8).rotate_left(16) ^ part(16).rotate_left(32) ^ part(24);
    mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
