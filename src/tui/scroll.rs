//! Where in its log a window stands: held to an item, never to a count of lines, so that nothing jumps when
//! lines arrive, go or wrap anew.

use super::lay::Row;
use super::log::Key;
use super::rows::{Block, Page};

/// The last row in view: this row of the block that has this item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    key: Key,
    row: usize,
}

impl Anchor {
    pub(crate) fn key(self) -> Key {
        self.key
    }

    /// The first row of an item.
    pub(crate) fn at(key: Key) -> Self {
        Self { key, row: 0 }
    }
}

impl Page<'_> {
    /// The rows in view, top first, when `anchor` (or the newest row) is the last of `height` rows.
    /// The second part is the item of the topmost row.
    pub(crate) fn view(
        &mut self,
        anchor: Option<Anchor>,
        height: usize,
    ) -> (Vec<Row>, Option<Key>) {
        let mut rows: Vec<Row> = Vec::with_capacity(height);
        let mut top = None;
        let mut next = self.begin(anchor);
        while let Some((block, last)) = next {
            for row in self.rows(block).iter().take(last).rev() {
                if rows.len() == height {
                    break;
                }
                rows.push(row.clone());
                top = Some(block.first);
            }
            if rows.len() == height {
                break;
            }
            next = self.before(block).map(|block| (block, usize::MAX));
        }
        rows.reverse();
        (rows, top)
    }

    /// Moves the view up by `count` rows, but not beyond the first row at the top of `height`.
    /// Nothing if everything fits below. The second part tells whether the top was reached.
    pub(crate) fn scroll_up(
        &mut self,
        from: Option<Anchor>,
        count: usize,
        height: usize,
    ) -> (Option<Anchor>, bool) {
        let Some(start) = self.settle(from) else {
            return (None, true);
        };
        let (wanted, _) = self.up(start, count);
        let (_, above) = self.up(wanted, height.saturating_sub(1));
        let missing = height.saturating_sub(1) - above;
        if missing == 0 {
            return (Some(wanted), false);
        }
        (self.down(wanted, missing), true)
    }

    /// Moves the view down; nothing once the newest row is in view.
    pub(crate) fn scroll_down(&mut self, from: Option<Anchor>, count: usize) -> Option<Anchor> {
        let start = self.settle(from)?;
        self.down(start, count)
    }

    /// The block to begin with, and how many of its rows are in view.
    fn begin(&mut self, anchor: Option<Anchor>) -> Option<(Block, usize)> {
        match anchor.and_then(|anchor| Some((self.block(anchor.key)?, anchor.row))) {
            Some((block, row)) => Some((block, row + 1)),
            None => self.newest().map(|block| (block, usize::MAX)),
        }
    }

    fn settle(&mut self, anchor: Option<Anchor>) -> Option<Anchor> {
        let (block, last) = self.begin(anchor)?;
        let rows = self.rows(block).len();
        Some(Anchor {
            key: block.last,
            row: last.min(rows).saturating_sub(1),
        })
    }

    /// Goes up, and tells how far it could.
    fn up(&mut self, from: Anchor, count: usize) -> (Anchor, usize) {
        let mut at = from;
        let mut moved = 0;
        while moved < count {
            let step = at.row.min(count - moved);
            at.row -= step;
            moved += step;
            if moved == count {
                break;
            }
            let Some((before, rows)) = self.filled_before(at.key) else {
                break;
            };
            at = Anchor {
                key: before.last,
                row: rows - 1,
            };
            moved += 1;
        }
        (at, moved)
    }

    /// Goes down; nothing at the end.
    fn down(&mut self, from: Anchor, count: usize) -> Option<Anchor> {
        let mut at = from;
        let mut left = count;
        loop {
            let block = self.block(at.key)?;
            let rows = self.rows(block).len();
            let step = rows.saturating_sub(at.row + 1).min(left);
            at.row += step;
            left -= step;
            let next = self.after(block);
            if left == 0 {
                let at_end = next.is_none() && at.row + 1 >= rows;
                return if at_end { None } else { Some(at) };
            }
            let next = next?;
            at = Anchor {
                key: next.last,
                row: 0,
            };
            left -= usize::from(!self.rows(next).is_empty());
        }
    }

    /// The nearest block above that has rows, and how many.
    fn filled_before(&mut self, key: Key) -> Option<(Block, usize)> {
        let mut block = self.block(key)?;
        loop {
            block = self.before(block)?;
            let rows = self.rows(block).len();
            if rows > 0 {
                return Some((block, rows));
            }
        }
    }
}
