//! What counts as calling us: our nick, and the words and expressions that were chosen.

use std::ops::Range;

use regex::Regex;

use super::words::find_word;
use crate::config::{Options, compile, expression};

/// Bytes of a line that expressions are looked for in, so that the longest line costs little.
const LOOKED_AT_MAX: usize = 4096;

/// What to look for in others' lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mentions {
    /// Our nick, in lower case.
    pub(crate) us: String,
    words: Vec<String>,
    expressions: Vec<Regex>,
}

impl Mentions {
    pub(crate) fn of(us: &str, options: &Options) -> Self {
        let is_word = |word: &&String| expression(word).is_none();
        let words = options.highlight.iter().filter(is_word);
        let expressions = options.highlight.iter().filter_map(|word| expression(word));
        Self {
            us: us.to_lowercase(),
            words: words.map(|word| word.to_lowercase()).collect(),
            // What has no meaning is not taken by the configuration.
            expressions: expressions
                .filter_map(|expression| compile(expression).ok())
                .collect(),
        }
    }

    /// The first place in a text that calls us.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        let us = find_word(text, &self.us);
        let words = self.words.iter().filter_map(|word| find_word(text, word));
        let mut end = LOOKED_AT_MAX.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let head = &text[..end];
        let expressions = self.expressions.iter().filter_map(|expression| {
            let found = expression.find(head)?.range();
            (!found.is_empty()).then_some(found)
        });
        us.into_iter()
            .chain(words)
            .chain(expressions)
            .min_by_key(|found| found.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nick_words_and_expressions_are_found_wherever_they_come_first() {
        let options = Options {
            highlight: vec![
                "Kettle".to_owned(),
                "/wood(en|s)?\\b/".to_owned(),
                "/x*/".to_owned(),
            ],
            ..Options::default()
        };
        let mentions = Mentions::of("Mats", &options);
        for (text, found) in [
            ("hey mats!", Some("mats")),
            ("the KETTLE, mats", Some("KETTLE")),
            ("a wooden spoon", Some("wooden")),
            ("teakettle, format, woodwork", None),
        ] {
            assert_eq!(
                mentions.find(text).map(|range| &text[range]),
                found,
                "{text}"
            );
        }
        assert!(Mentions::default().find("anything").is_none());
    }
}
