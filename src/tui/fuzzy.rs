//! How well a few typed letters fit a name: in order, anywhere, best where words begin and letters stand together.

/// What a letter is worth that fits.
const LETTER: i32 = 4;
/// One that follows the letter before it in both.
const TOGETHER: i32 = 10;
/// One that begins a word.
const BEGINS: i32 = 8;
/// One that begins everything.
const FIRST: i32 = 12;

/// How well `typed` fits `name`, the more the better; nothing if it does not. Blanks part what may fit in any order.
pub(crate) fn score(typed: &str, name: &str) -> Option<i32> {
    let name: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let mut total = 0;
    for word in typed.split_whitespace() {
        let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        total += word_score(&word, &name)?;
    }
    // Of two that fit alike the shorter one was meant.
    Some(total * 8 - i32::try_from(name.len().min(200)).unwrap_or(0))
}

fn word_score(word: &[char], name: &[char]) -> Option<i32> {
    let first = *word.first()?;
    let starts = name.iter().enumerate().filter(|(_, c)| **c == first);
    starts
        .filter_map(|(start, _)| from(start, word, name))
        .max()
}

/// The worth of the letters from a place on, each at its next chance.
fn from(start: usize, word: &[char], name: &[char]) -> Option<i32> {
    let mut total = 0;
    let mut last = None;
    let mut at = start;
    for &c in word {
        at += name.get(at..)?.iter().position(|known| *known == c)?;
        let begins = at == 0 || !name[at - 1].is_alphanumeric();
        total += LETTER;
        total += match (last, at) {
            (_, 0) => FIRST,
            (Some(last), at) if last + 1 == at => TOGETHER,
            _ if begins => BEGINS,
            _ => 0,
        };
        last = Some(at);
        at += 1;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(typed: &str, names: &[&'static str]) -> Option<&'static str> {
        let scored = names
            .iter()
            .filter_map(|name| Some((score(typed, name)?, *name)));
        scored.max_by_key(|(score, _)| *score).map(|(_, name)| name)
    }

    #[test]
    fn the_name_that_was_meant_comes_first() {
        let groups = &["#erlang", "#hearth", "#heart-of-gold", "#the-arts", "home"];
        for (typed, name) in [
            ("h", "home"),
            ("hea", "#hearth"),
            ("hog", "#heart-of-gold"),
            ("gold heart", "#heart-of-gold"),
            ("ERL", "#erlang"),
            ("ta", "#the-arts"),
        ] {
            assert_eq!(best(typed, groups), Some(name), "{typed}");
        }
        assert_eq!(best("xyz", groups), None);
        assert!(score("", "anything").is_some());
    }
}
