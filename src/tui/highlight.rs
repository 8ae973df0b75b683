//! What a person wants to be told of: their nick, words of their own, and patterns.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::words::find_word;

/// A pattern may compile to this much; one that needs more is a mistake.
const PATTERN_SIZE_MAX: usize = 1 << 20;
/// Places marked in one text: nobody reads more.
const MARKED_MAX: usize = 64;

/// Words and patterns besides our nick.
#[derive(Clone, Debug, Default)]
pub struct Highlights {
    /// In lower case.
    words: Vec<String>,
    patterns: Vec<Regex>,
}

impl Highlights {
    /// Reads a list as people write it: a word, or `/pattern/`. The second part says which mean nothing, and why.
    #[must_use]
    pub fn read<'a>(list: impl IntoIterator<Item = &'a str>) -> (Self, Vec<String>) {
        let mut read = Self::default();
        let mut warnings = Vec::new();
        for entry in list {
            let entry = entry.trim();
            let pattern = entry
                .strip_prefix('/')
                .and_then(|rest| rest.strip_suffix('/'));
            match pattern {
                None if entry.is_empty() => {}
                None => read.words.push(entry.to_lowercase()),
                Some(pattern) => match compile(pattern) {
                    Ok(pattern) => read.patterns.push(pattern),
                    Err(why) => warnings.push(format!("highlight /{pattern}/: {why}")),
                },
            }
        }
        (read, warnings)
    }

    /// The words, for whoever can look for words only.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.words.iter().map(String::as_str);
        words.filter(|word| word.contains(char::is_alphanumeric))
    }

    /// Whether a text has one of the patterns.
    pub(crate) fn has_pattern(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(text))
    }

    /// Whether a text is for us; `us` is our nick in lower case.
    pub(crate) fn concern(&self, text: &str, us: &str) -> bool {
        find_word(text, us).is_some()
            || self
                .words
                .iter()
                .any(|word| find_word(text, word).is_some())
            || self.has_pattern(text)
    }

    /// Where a text says so.
    pub(crate) fn find(&self, text: &str, us: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for word in self.words.iter().map(String::as_str).chain([us]) {
            let mut from = 0;
            while found.len() < MARKED_MAX
                && let Some(at) = find_word(&text[from..], word)
            {
                found.push(from + at.start..from + at.end);
                from += at.end;
            }
        }
        for pattern in &self.patterns {
            let places = pattern.find_iter(text).map(|place| place.range());
            found.extend(
                places
                    .filter(|place| !place.is_empty())
                    .take(MARKED_MAX.saturating_sub(found.len())),
            );
        }
        found
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|why| {
            let why = why.to_string();
            let last = why.lines().last().unwrap_or("it means nothing");
            last.trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_nick_words_and_patterns_are_found_and_a_bad_pattern_is_said() {
        let (highlights, warnings) = Highlights::read(["Kettle", "/wood|coal/", "/(/", " "]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("highlight /(/: "), "{warnings:?}");
        assert!(highlights.concern("the KETTLE is on", "mats"));
        assert!(highlights.concern("charcoal", "mats"));
        assert!(highlights.concern("hey Mats", "mats"));
        assert!(!highlights.concern("the kettles, matsuri", "mats"));
        let text = "mats, wood; Mats: kettle";
        let mut found: Vec<&str> = highlights
            .find(text, "mats")
            .into_iter()
            .map(|at| &text[at])
            .collect();
        found.sort_unstable();
        assert_eq!(found, ["Mats", "kettle", "mats", "wood"]);
    }
}
