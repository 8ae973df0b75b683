//! Whether the terminal's ground is light. It is asked after the first frame, and nobody waits for the answer:
//! where none comes, nothing changes.

use super::colour::{Rgb, luminance};

/// Asks for the colour of the ground (OSC 11).
pub(crate) const QUESTION: &str = "\x1b]11;?\x1b\\";
/// Grounds that give more light than this are light.
const LIGHT: f64 = 0.4;

/// Whether a ground is light.
pub(crate) fn is_light(ground: Rgb) -> bool {
    luminance(ground) > LIGHT
}

#[cfg_attr(not(unix), allow(dead_code, reason = "nobody is asked there"))]
/// Reads `11;rgb:RRRR/GGGG/BBBB`, with one to four digits each.
pub(crate) fn read(answer: &str) -> Option<Rgb> {
    let colours = answer.strip_prefix("11;rgb")?;
    let (_, colours) = colours.split_once(':')?;
    let mut parts = colours.split('/').map(|part| {
        let most = (1_u32 << (4 * part.len().min(4))) - 1;
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from((value * 255).checked_div(most)?).ok()
    });
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Whether the ground is light, as some terminals say in `COLORFGBG` (`15;0` or `0;default;15`).
pub(crate) fn told_by(colours: &str) -> bool {
    let ground = colours.rsplit(';').next();
    matches!(ground, Some("7" | "15"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_with_one_to_four_digits_a_part() {
        for (answer, is_light) in [
            ("11;rgb:1c1c/1a1a/1717", Some(false)),
            ("11;rgb:f7/f2/e8", Some(true)),
            ("11;rgba:ffff/ffff/ffff/ffff", Some(true)),
            ("11;rgb:f/f/f", Some(true)),
            ("11;rgb:zz", None),
            ("11;rgb:", None),
            ("11;rgb:ff/ff", None),
            ("10;rgb:ff/ff/ff", None),
            ("", None),
        ] {
            assert_eq!(read(answer).map(super::is_light), is_light, "{answer}");
        }
    }

    #[test]
    fn a_hint_in_the_environment_is_read() {
        for (colours, is_light) in [
            ("15;0", false),
            ("0;15", true),
            ("0;default;7", true),
            ("", false),
        ] {
            assert_eq!(told_by(colours), is_light, "{colours}");
        }
    }
}
