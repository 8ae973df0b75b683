//! The ring, drawn: a circle of 2^32 points that begins at the top and goes on clockwise.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use crate::proto::ring::Point;

/// Cells from the middle to the right and to the top; a cell is twice as high as it is wide.
const ACROSS: u8 = 12;
const UP: u8 = 6;
/// Cells of the circle itself: so many are evenly apart.
const CELLS: usize = 40;
/// What stands where nobody is.
const EMPTY: char = '.';

/// Draws marks at their points. Of those that fall into one cell the first one has it; the others have the nearest
/// that is free, in the order of the circle as far as there is room.
pub(super) fn drawn(marks: &[(Point, char)]) -> String {
    let cells = cells();
    let mut taken: BTreeMap<usize, char> = BTreeMap::new();
    for (point, mark) in marks {
        let at = (u64::from(point.0) * CELLS as u64) >> 32;
        let at = usize::try_from(at).unwrap_or_default();
        if let Some(free) = nearest_free(&taken, at) {
            taken.insert(free, *mark);
        }
    }
    let mut rows = vec![vec![' '; 2 * usize::from(ACROSS) + 1]; 2 * usize::from(UP) + 1];
    for (at, (x, y)) in cells.iter().enumerate() {
        rows[*y][*x] = taken.get(&at).copied().unwrap_or(EMPTY);
    }
    let mut rows: Vec<String> = rows.into_iter().map(String::from_iter).collect();
    // The quarters, within the circle and at its ends.
    let middle = &mut rows[usize::from(UP)];
    middle.replace_range(2..10, "c0000000");
    middle.replace_range(15..23, "40000000");
    let ends = |point: &str| format!("{point:>width$}", width = usize::from(ACROSS) + 5);
    rows.insert(0, ends("00000000"));
    rows.push(ends("80000000"));
    let rows: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n")
}

/// The cells of the circle in its order.
fn cells() -> [(usize, usize); CELLS] {
    std::array::from_fn(|number| {
        let angle = number as f64 / CELLS as f64 * TAU;
        let (across, up) = (f64::from(ACROSS), f64::from(UP));
        let (x, y) = (across + across * angle.sin(), up - up * angle.cos());
        (x.round() as usize, y.round() as usize)
    })
}

fn nearest_free(taken: &BTreeMap<usize, char>, at: usize) -> Option<usize> {
    (0..=CELLS / 2)
        .flat_map(|away| [(at + away) % CELLS, (at + CELLS - away) % CELLS])
        .find(|at| !taken.contains_key(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_where_their_points_are_or_beside_each_other() {
        let marks = [
            (0, 'J'),
            (1, 'K'),
            (1 << 30, 'N'),
            (2 << 30, '+'),
            (3 << 30, 'O'),
            (u32::MAX, '+'),
        ];
        let expected = "         00000000
        . + J K .
     . .         . .
  . .               . .
 .                     .
 .                     .
.                       .
O c0000000     40000000 N
.                       .
 .                     .
 .                     .
  . .               . .
     . .         . .
        . . + . .
         80000000";
        assert_eq!(drawn(&marks.map(|(at, mark)| (Point(at), mark))), expected);
    }

    #[test]
    fn a_circle_full_of_nodes_is_drawn_all_the_same() {
        let all: Vec<_> = (0..2000_u32).map(|n| (Point(n * 2_000_000), '+')).collect();
        assert_eq!(drawn(&all).matches('+').count(), CELLS);
        assert_eq!(drawn(&[]).matches(EMPTY).count(), CELLS);
    }
}
