//! Colours as terminals have them: how many, which is nearest, and whether one can be read on another.

use ratatui::style::Color;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    True,
    Indexed,
    Sixteen,
}

/// Red, green and blue.
pub(crate) type Rgb = (u8, u8, u8);

impl Depth {
    /// The nearest colour such a terminal has.
    pub(crate) fn reduce(self, (r, g, b): Rgb) -> Color {
        match self {
            Self::True => Color::Rgb(r, g, b),
            Self::Indexed => Color::Indexed(nearest((r, g, b), 16..=255)),
            Self::Sixteen => SIXTEEN[usize::from(nearest((r, g, b), 0..=15))],
        }
    }
}

/// What a colour looks like, if that is not the terminal's to say.
pub(crate) fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index @ 16..) => Some(indexed(index)),
        Color::Indexed(_)
        | Color::Reset
        | Color::Black
        | Color::Red
        | Color::Green
        | Color::Yellow
        | Color::Blue
        | Color::Magenta
        | Color::Cyan
        | Color::Gray
        | Color::DarkGray
        | Color::LightRed
        | Color::LightGreen
        | Color::LightYellow
        | Color::LightBlue
        | Color::LightMagenta
        | Color::LightCyan
        | Color::White => None,
    }
}

/// How much light a colour gives, from 0 to 1 (WCAG 2, relative luminance).
pub(crate) fn luminance((r, g, b): Rgb) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// How well two colours are told apart, from 1 to 21 (WCAG 2, contrast ratio).
pub(crate) fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

const SIXTEEN: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

fn nearest((r, g, b): (u8, u8, u8), among: std::ops::RangeInclusive<u8>) -> u8 {
    let far = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    among
        .min_by_key(|&index| {
            let (x, y, z) = indexed(index);
            2 * far(r, x) + 4 * far(g, y) + 3 * far(b, z)
        })
        .unwrap_or(7)
}

/// The usual red, green and blue of an indexed colour: xterm's sixteen, its cube, its greys.
#[must_use]
pub(crate) fn indexed(index: u8) -> (u8, u8, u8) {
    const LOW: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ];
    match index {
        0..=15 => LOW[usize::from(index)],
        16..=231 => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = index - 16;
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_shrink_to_what_the_terminal_has() {
        let red = (255, 0, 0);
        assert_eq!(Depth::True.reduce(red), Color::Rgb(255, 0, 0));
        assert_eq!(Depth::Indexed.reduce(red), Color::Indexed(196));
        assert_eq!(Depth::Sixteen.reduce((16, 16, 16)), Color::Black);
        assert_eq!(rgb(Color::Indexed(196)), Some(red));
        assert_eq!(rgb(Color::Red), None);
    }

    #[test]
    fn contrast_is_what_wcag_says() {
        let (black, white) = ((0, 0, 0), (255, 255, 255));
        assert!((contrast(black, white) - 21.0).abs() < 1e-9);
        assert!((contrast(white, white) - 1.0).abs() < 1e-9);
        // The lightest grey that is AA on white, by the W3C's own example.
        assert!(contrast((0x76, 0x76, 0x76), white) >= 4.5);
        assert!(contrast((0x77, 0x77, 0x77), white) < 4.5);
    }
}
