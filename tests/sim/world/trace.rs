//! What a world tells of itself: a line for each thing that happens, and figures to compare two runs.

use std::fmt;

use super::World;
use crate::link::NodeIx;

/// What a world has done, for totals and to compare two runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    pub events: u64,
    pub frames: u64,
    pub bytes: u64,
    /// A checksum of everything that happened, in order.
    pub hash: u64,
}

impl Happened {
    pub(super) fn note(&mut self, now: u64, node: u64) {
        self.events += 1;
        let mixed = self.hash ^ now.rotate_left(20) ^ node ^ self.bytes.rotate_left(40);
        self.hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    }
}

impl World {
    pub(super) fn say(&self, ix: NodeIx, what: &str) {
        if self.trace {
            let (at, name) = (self.now as f64 / 1000.0, &self.nodes[ix].name);
            println!("{at:10.3} {name:<12} {what}");
        }
    }

    pub(super) fn say_all(&self, what: &str) {
        if self.trace {
            let at = self.now as f64 / 1000.0;
            println!("{at:10.3} {what}");
        }
    }
}

/// A line of trace: the beginning says it.
pub(super) fn brief(what: &impl fmt::Debug) -> String {
    let mut text = format!("{what:?}");
    if let Some((cut, _)) = text.char_indices().nth(400) {
        text.truncate(cut);
    }
    text
}
