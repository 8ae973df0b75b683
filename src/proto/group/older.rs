//! Comparing what two nodes have of a long past without naming all of it.
//!
//! Numbers of epochs fall into blocks. The lines of the last block and the one before are named in a hello and its
//! welcome; all older ones are one digest there, and nearly always that is the same on both sides. If it is not,
//! the follower sends the digests of its blocks, the host answers with the ends of its lines in those that differ,
//! a few blocks at a time, and the follower with the ends of its own.

use std::collections::BTreeMap;

use super::{Context, Group, Phase};
use crate::proto::id::{Epoch, NodeId};
use crate::proto::limits::{BLOCKS_AT_ONCE, DIGESTS_MAX, TIPS_MAX};
use crate::proto::role::LinkId;
use crate::proto::seal::Hash;
use crate::proto::wire::{Message, Reason, Tip, Vector};

/// Numbers of epochs in a block.
const BLOCK: u64 = 32;
/// The block of an epoch.
pub(super) fn block(epoch: Epoch) -> u64 {
    epoch.number / BLOCK
}

/// The first block whose lines are named one by one while `epoch` is in force.
pub(super) fn base(epoch: Epoch) -> u64 {
    block(epoch).saturating_sub(1)
}

/// Where a block begins in the order of epochs.
pub(super) fn start(block: u64) -> Epoch {
    Epoch {
        number: block.saturating_mul(BLOCK),
        host: NodeId::default(),
    }
}

impl Group {
    /// The first block whose lines are named one by one now.
    pub(super) fn base(&self) -> u64 {
        self.lease.as_ref().map_or(0, |lease| base(lease.epoch))
    }

    /// As a follower, tells the host the digests of our blocks from `from` on.
    pub(super) fn ask_older(&mut self, cx: &mut Context<'_>, link: LinkId, from: u64) {
        let base = self.base();
        let mut blocks: Vec<_> = self.log.digests(from..base).collect();
        let upto = blocks.get(DIGESTS_MAX).map_or(base, |(block, _)| *block);
        blocks.truncate(DIGESTS_MAX);
        let group = self.name.clone();
        cx.act.send(
            link,
            Message::Blocks {
                group,
                from,
                upto,
                blocks,
            },
        );
    }

    /// As the host, answers a follower's digests with what we have in the first blocks that differ.
    pub(crate) fn compare_older(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        span: (u64, u64),
        theirs: &[(u64, Hash)],
    ) {
        let base = self.base();
        let is_follower = |host: &super::host::Host| {
            let follower = host.followers.get(&from);
            follower.is_some_and(|follower| follower.link == link)
        };
        if !matches!(&self.phase, Phase::Hosting(host) if is_follower(host)) {
            return;
        }
        let span = span.0..span.1.min(base);
        let theirs = theirs.iter().filter(|(block, _)| span.contains(block));
        let theirs: BTreeMap<_, _> = theirs.copied().collect();
        let ours: BTreeMap<_, _> = self.log.digests(span.clone()).collect();
        let mut differing: Vec<u64> = ours.keys().chain(theirs.keys()).copied().collect();
        differing.sort_unstable();
        differing.dedup();
        differing.retain(|block| ours.get(block) != theirs.get(block));
        let mut tips = BTreeMap::new();
        let mut told = Vec::new();
        for block in differing {
            let more: BTreeMap<_, _> = self.log.tips(block..block + 1).collect();
            if told.len() == BLOCKS_AT_ONCE || tips.len() + more.len() > TIPS_MAX {
                return self.send_older(cx, link, block, told, tips);
            }
            told.push(block);
            tips.extend(more);
        }
        self.send_older(cx, link, span.end, told, tips);
    }

    /// As a follower, tells what we have in blocks that differ.
    fn answer_older(&self, cx: &mut Context<'_>, link: LinkId, upto: u64, blocks: &[u64]) {
        for block in blocks {
            let tips = self.log.tips(*block..block + 1).collect();
            self.send_older(cx, link, upto, vec![*block], tips);
        }
    }

    fn send_older(
        &self,
        cx: &mut Context<'_>,
        link: LinkId,
        upto: u64,
        blocks: Vec<u64>,
        tips: BTreeMap<Epoch, Tip>,
    ) {
        let group = self.name.clone();
        cx.act.send(
            link,
            Message::Older {
                group,
                upto,
                blocks,
                tips,
            },
        );
    }

    /// The other end tells what it has in blocks that differ.
    pub(crate) fn older(
        &mut self,
        cx: &mut Context<'_>,
        link: LinkId,
        from: NodeId,
        upto: u64,
        blocks: &[u64],
        tips: &BTreeMap<Epoch, Tip>,
    ) {
        let base = self.base();
        let is_meant = |epoch: &Epoch| block(*epoch) < base && blocks.contains(&block(*epoch));
        let tips = tips.iter().filter(|(epoch, _)| is_meant(epoch));
        let tips: BTreeMap<_, _> = tips.map(|(epoch, tip)| (*epoch, *tip)).collect();
        let has: Vector = tips.iter().map(|(epoch, tip)| (*epoch, tip.seq)).collect();
        let is_compared = match &mut self.phase {
            Phase::Hosting(host) => {
                let follower = host.followers.get_mut(&from);
                let Some(follower) = follower.filter(|follower| follower.link == link) else {
                    return;
                };
                follower.feed.open(&self.log, blocks, &has);
                false
            }
            Phase::Following(follow) => {
                if !follow.is_comparing(link) {
                    return;
                }
                if !follow.learn_older(&self.log, upto, blocks, &has) {
                    return self.close_liar(cx, link, Reason::Unexpected);
                }
                true
            }
            Phase::Finding => return,
        };
        self.contrast(cx, link, &tips);
        if is_compared {
            self.answer_older(cx, link, upto, blocks);
            if upto < base {
                self.ask_older(cx, link, upto);
            }
            self.push(cx);
            self.advance(cx);
        } else {
            self.feed(cx, from);
        }
    }
}
