//! A text as a QR code, in half blocks: two of its squares, one above the other, are one character.

use qrcode::{Color, EcLevel, QrCode};

/// Squares of light around a code that the standard asks for, and that cameras make do with where room is scarce.
pub const MARGIN: usize = 4;
pub const MARGIN_MIN: usize = 1;

/// The squares of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    size: usize,
    dark: Vec<bool>,
}

/// Which ground a code without colours is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    Dark,
    Light,
}

impl Code {
    /// The smallest code for a text; nothing if there is none so large. Screens are clean and lit, so that the lowest
    /// level of correction does.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let dark = code.to_colors().into_iter().map(|c| c == Color::Dark);
        Some(Self {
            size: code.width(),
            dark: dark.collect(),
        })
    }

    /// The widest margin, up to [`MARGIN`], with which it fits into so many columns and rows.
    #[must_use]
    pub fn margin_in(&self, columns: usize, rows: usize) -> Option<usize> {
        let fits = |margin: &usize| {
            let side = self.side(*margin);
            side <= columns && side.div_ceil(2) <= rows
        };
        (MARGIN_MIN..=MARGIN).rev().find(fits)
    }

    /// Squares along one side, with the margin.
    #[must_use]
    pub fn side(&self, margin: usize) -> usize {
        self.size + 2 * margin
    }

    /// The upper and the lower square of each character, row by row: whether they are dark. Outside of the code all is
    /// light.
    pub fn rows(&self, margin: usize) -> impl Iterator<Item = Vec<(bool, bool)>> {
        let side = self.side(margin);
        let rows = (0..side).step_by(2);
        rows.map(move |y| {
            let pair = |x| (self.is_dark(margin, x, y), self.is_dark(margin, x, y + 1));
            (0..side).map(pair).collect()
        })
    }

    /// It without any colour, for whoever looks at bright letters on a dark ground or the other way round.
    #[must_use]
    pub fn text(&self, margin: usize, ground: Ground) -> String {
        let rows = self.rows(margin).map(|row| {
            let pairs = row.into_iter();
            pairs.map(|pair| block(pair, ground)).collect::<String>()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    fn is_dark(&self, margin: usize, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < self.size);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.dark[y * self.size + x],
            (None, _) | (_, None) => false,
        }
    }
}

/// The character of two squares: what is not of the ground is ink.
#[must_use]
pub fn block((upper, lower): (bool, bool), ground: Ground) -> char {
    let is_ink = |is_dark: bool| is_dark == (ground == Ground::Light);
    match (is_ink(upper), is_ink(lower)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "FIRESIDE://HEARTH/AGSWXJNFUWS2LJNFUWS2LJNFUUCMAAQCPAKACAIBAEAQCAIBAEAQCAIBAEAQCEKZ4HZQ";

    /// What a camera sees of it.
    fn seen(drawn: &str, ground: Ground) -> String {
        let is_ink = |c: char| match c {
            '█' => (true, true),
            '▀' => (true, false),
            '▄' => (false, true),
            _ => (false, false),
        };
        let rows: Vec<Vec<(bool, bool)>> = drawn
            .lines()
            .map(|row| row.chars().map(is_ink).collect())
            .collect();
        let width = rows[0].len();
        let shade = |x: usize, y: usize| {
            let (upper, lower) = rows[y / 2][x];
            let ink = if y.is_multiple_of(2) { upper } else { lower };
            if ink == (ground == Ground::Light) {
                0
            } else {
                255
            }
        };
        const SCALE: usize = 4;
        let (wide, high) = (width * SCALE, 2 * rows.len() * SCALE);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(wide, high, |x, y| {
            shade(x / SCALE, y / SCALE)
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "{drawn}");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_what_was_drawn_on_either_ground_and_with_any_margin() {
        let code = Code::of(LINK).unwrap();
        for margin in MARGIN_MIN..=MARGIN {
            for ground in [Ground::Dark, Ground::Light] {
                let drawn = code.text(margin, ground);
                assert_eq!(seen(&drawn, ground), LINK, "{drawn}");
            }
        }
    }

    #[test]
    fn a_short_link_fits_forty_columns_and_one_that_does_not_says_so() {
        let code = Code::of(LINK).unwrap();
        assert_eq!(code.size, 33);
        assert_eq!(code.margin_in(80, 40), Some(MARGIN));
        assert_eq!(code.margin_in(38, 19), Some(2));
        assert_eq!(code.margin_in(34, 19), None);
        assert_eq!(code.margin_in(80, 17), None);
        assert_eq!(Code::of(&"A".repeat(5_000)), None);
    }
}
