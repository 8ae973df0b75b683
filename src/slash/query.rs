//! What is looked for, as people write it: `kettle "a whole phrase" hand* -tea from:anna in:#hearth`, or `/a.*b/`.

use regex::Regex;

use super::{Refused, group, refused};
use crate::proto::id::GroupName;
use crate::proto::past::{Query, Term, Words};

/// How such a query is written, for help.
pub const SYNTAX: &str = "words [from:nick] [in:#group]";

/// Reads words, or a pattern between slashes, which is looked for in `here`.
///
/// # Errors
/// [`Refused`] if there is nothing to look for in it, or the pattern is none.
pub fn read(text: &str, here: Option<&GroupName>) -> Result<Query, Refused> {
    let inner = text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    match inner {
        Some(inner) if !inner.is_empty() => pattern(inner, here),
        Some(_) | None => words(text).map(Query::Words),
    }
}

/// Reads a regular expression, which is looked for in `here`.
///
/// # Errors
/// [`Refused`] if it is none, or this is no group.
pub fn pattern(text: &str, here: Option<&GroupName>) -> Result<Query, Refused> {
    let group = here.cloned().ok_or_else(|| {
        refused(
            "not looked for",
            "this window is not a group",
            "go to one first, or look for words: /search words",
        )
    })?;
    // Upper case is only minded where it is written, as with the words.
    let is_lower = !text.chars().any(char::is_uppercase);
    let pattern = if is_lower {
        format!("(?i){text}")
    } else {
        text.to_owned()
    };
    if let Err(why) = Regex::new(&pattern) {
        let why = why.to_string();
        let last = why.lines().last().unwrap_or_default();
        let last = last.trim_start_matches("error: ");
        return Err(refused(
            "not looked for",
            &format!("that is no regular expression: {last}"),
            "leave the slashes away to look for words",
        ));
    }
    Ok(Query::Pattern { group, pattern })
}

fn words(text: &str) -> Result<Words, Refused> {
    let mut words = Words::default();
    for part in parts(text) {
        if let Some(nick) = part.strip_prefix("from:") {
            words.from =
                Some(nick.trim_start_matches('@').to_owned()).filter(|nick| !nick.is_empty());
        } else if let Some(name) = part.strip_prefix("in:") {
            words.group = Some(group(name)?);
        } else {
            words.terms.extend(term(&part));
        }
    }
    if words.from.is_none() && words.terms.iter().all(|term| term.is_unwanted) {
        return Err(refused(
            "not looked for",
            "there is no word to look for",
            &format!("/search {SYNTAX}"),
        ));
    }
    Ok(words)
}

/// What stands between blanks; quotation marks keep blanks together, at the end of the text too.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                parts.last_mut().expect("it begins with one").push('"');
            }
            c if c.is_whitespace() && !is_quoted => parts.push(String::new()),
            c => parts.last_mut().expect("it begins with one").push(c),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A word or a phrase, if it has something in it that can be found: a letter or a number.
fn term(part: &str) -> Option<Term> {
    let (part, is_unwanted) = match part.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (rest, true),
        Some(_) | None => (part, false),
    };
    let is_beginning = part.ends_with('*');
    let text = part.trim_end_matches('*').replace('"', "");
    let text = text.trim();
    text.chars().any(char::is_alphanumeric).then(|| Term {
        text: text.to_owned(),
        is_beginning,
        is_unwanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Words {
        match read(text, None) {
            Ok(Query::Words(words)) => words,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn told(words: &Words) -> String {
        let terms = words.terms.iter().map(|term| {
            let sign = if term.is_unwanted { "-" } else { "" };
            let star = if term.is_beginning { "*" } else { "" };
            format!("{sign}[{}]{star}", term.text)
        });
        terms.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_phrases_beginnings_and_what_is_unwanted_are_told_apart() {
        for (text, expected) in [
            ("tea kettle", "[tea] [kettle]"),
            ("\"the kettle\" on", "[the kettle] [on]"),
            ("\"never closed", "[never closed]"),
            ("hand* -tea -\"hot water\"", "[hand]* -[tea] -[hot water]"),
            ("a OR b*)", "[a] [OR] [b*)]"),
            ("tea -", "[tea]"),
            ("tea !? \u{1f600}", "[tea]"),
            ("co-op C++", "[co-op] [C++]"),
        ] {
            assert_eq!(told(&of(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_nick_and_a_group_narrow_it() {
        let words = of("tea from:anna in:#Hearth");
        assert_eq!(words.from.as_deref(), Some("anna"));
        assert_eq!(words.group, GroupName::parse("#hearth").ok());
        assert_eq!(of("from:anna").terms, []);
        assert_eq!(of("in:hearth tea").group, words.group);
    }

    #[test]
    fn a_pattern_stands_between_slashes_and_belongs_to_a_group() {
        let hearth = GroupName::parse("#hearth").unwrap();
        let pattern = |text| match read(text, Some(&hearth)) {
            Ok(Query::Pattern { pattern, .. }) => pattern,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(pattern("/te+a/"), "(?i)te+a");
        assert_eq!(pattern("/Te+a/"), "Te+a");
        assert!(read("/tea/", None).is_err());
        let why = read("/te(a/", Some(&hearth)).unwrap_err().to_string();
        assert!(
            why.contains("no regular expression: unclosed group"),
            "{why}"
        );
    }

    #[test]
    fn with_nothing_to_find_it_is_refused() {
        for text in ["", "!?", "-tea", "in:#hearth", "from:"] {
            assert!(read(text, None).is_err(), "{text}");
        }
        assert!(read("tea in:#", None).is_err());
    }
}
