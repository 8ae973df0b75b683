//! Rows that a frame has in common with the last, only higher or lower: how far they moved, and whether it pays to
//! have the terminal move them.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

/// Rows are looked for this far away.
const FAR: i32 = 16;
/// Bytes to have them moved, about, and something for the trouble.
const COST: usize = 60;

/// By how many rows what is in `area` moved up (or down, if negative), if the terminal is to move it.
/// It moves whole rows, so that what stands beside the area has to be written again.
pub(crate) fn find(shown: &Buffer, next: &Buffer, area: Rect) -> Option<i32> {
    let rows = i32::from(area.height);
    let is_same = |y: i32, shift: i32| {
        let (y, from) = (row(area, y), row(area, y + shift));
        (area.left()..area.right()).all(|x| next[(x, y)] == shown[(x, from)])
    };
    let stay = (0..rows).filter(|y| is_same(*y, 0)).count();
    // What mostly stays where it is was not moved.
    if rows < 4 || stay * 2 > usize::from(area.height) {
        return None;
    }
    let common = |shift: i32| {
        (0..rows)
            .filter(|y| (0..rows).contains(&(y + shift)) && is_same(*y, shift))
            .count()
    };
    let (most, shift) = (1..=FAR.min(rows - 2))
        .flat_map(|far| [far, -far])
        .map(|shift| (common(shift), shift))
        .max_by_key(|(most, shift)| (*most, -shift.abs()))?;
    let left = |y: i32| match (0..rows).contains(&(y + shift)) {
        true => written(shown, next, row(area, y), Some(row(area, y + shift))),
        false => written(shown, next, row(area, y), None),
    };
    let before: usize = (0..rows)
        .map(|y| written(shown, next, row(area, y), Some(row(area, y))))
        .sum();
    let after: usize = (0..rows).map(left).sum();
    (most > 1 && after + COST < before).then_some(shift)
}

/// Moves rows as the terminal does: those that come in are blank.
pub(crate) fn apply(shown: &mut Buffer, area: Rect, shift: i32) {
    let was = shown.clone();
    let rows = i32::from(area.height);
    for y in 0..rows {
        let from = (0..rows)
            .contains(&(y + shift))
            .then(|| row(area, y + shift));
        for x in was.area.left()..was.area.right() {
            shown[(x, row(area, y))] =
                from.map_or_else(Cell::default, |from| was[(x, from)].clone());
        }
    }
}

/// Bytes for a row, about, if it has what stood in another one, or nothing: each cell, and the way to each run of them.
fn written(shown: &Buffer, next: &Buffer, y: u16, from: Option<u16>) -> usize {
    const WAY: usize = 12;
    let blank = Cell::default();
    let mut before: Option<&Cell> = None;
    let mut bytes = 0;
    for x in next.area.left()..next.area.right() {
        let cell = &next[(x, y)];
        if *cell == *from.map_or(&blank, |from| &shown[(x, from)]) {
            before = None;
            continue;
        }
        let goes_on = before.is_some_and(|other| other.style() == cell.style());
        bytes += if goes_on { 1 } else { 1 + WAY };
        before = Some(cell);
    }
    bytes
}

fn row(area: Rect, y: i32) -> u16 {
    area.y.saturating_add_signed(i16::try_from(y).unwrap_or(0))
}
