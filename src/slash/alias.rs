//! Commands of a person's own: `/wave bob` for `/me waves at $1`.

use std::collections::BTreeMap;

use super::table::SPECS;
use super::{Refused, refused};

/// Aliases within aliases; more is a circle.
const DEPTH_MAX: usize = 8;
/// Lines that one typed line may become.
const LINES_MAX: usize = 32;

/// What is an alias without anybody having said so.
const BUILT_IN: &[(&str, &str)] = &[
    ("shrug", "/say $* ¯\\_(ツ)_/¯"),
    ("tableflip", "/say $* (╯°□°)╯︵ ┻━┻"),
    ("wn", "/win next"),
    ("wp", "/win previous"),
    ("wl", "/win list"),
    ("wg", "/win $*"),
];

/// What a typed line stands for: itself, or the lines of an alias.
///
/// # Errors
/// [`Refused`] if an alias leads back to itself, or to too many lines.
pub fn expand(typed: &str, aliases: &BTreeMap<String, String>) -> Result<Vec<String>, Refused> {
    let mut lines = Vec::new();
    unfold(typed, aliases, DEPTH_MAX, &mut lines)?;
    Ok(lines)
}

/// Whether a command of one's own may have that name, and what is wrong if not.
///
/// # Errors
/// [`Refused`] if it may not.
pub(super) fn check_name(name: &str) -> Result<(), Refused> {
    let what = format!("no alias {}", crate::sanitize::name(name));
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(refused(
            &what,
            "a name is one word without a /",
            "/alias wave /me waves",
        ));
    }
    if SPECS.iter().any(|spec| spec.name == name) {
        let why = format!("/{name} is a command");
        return Err(refused(&what, &why, "choose another name"));
    }
    Ok(())
}

/// The name and the rest of a line that is a command.
fn command(line: &str) -> Option<(&str, &str)> {
    let command = line
        .strip_prefix('/')
        .filter(|rest| !rest.starts_with('/'))?;
    Some(match command.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (command.trim_end(), ""),
    })
}

fn unfold(
    line: &str,
    aliases: &BTreeMap<String, String>,
    depth: usize,
    lines: &mut Vec<String>,
) -> Result<(), Refused> {
    let body = command(line).and_then(|(name, rest)| {
        let name = name.to_lowercase();
        let own = aliases.get(&name).map(String::as_str);
        let built_in = || {
            let known = BUILT_IN.iter().find(|(known, _)| *known == name);
            known.map(|(_, body)| *body)
        };
        own.or_else(built_in).map(|body| (name, body, rest))
    });
    let Some((name, body, rest)) = body else {
        if lines.len() == LINES_MAX {
            return Err(refused(
                "nothing done",
                "the alias becomes too many lines",
                "/alias tells it",
            ));
        }
        lines.push(line.to_owned());
        return Ok(());
    };
    if depth == 0 {
        let why = format!("/{name} leads back to itself");
        return Err(refused(
            "nothing done",
            &why,
            "/alias tells what it stands for",
        ));
    }
    let places: Vec<&str> = parts(body).collect();
    let is_placed = places.iter().any(|part| filled(part, rest).1);
    for (index, part) in places.iter().enumerate() {
        let (mut line, _) = filled(part, rest);
        // Words without a place of their own follow the last line.
        if !is_placed && index + 1 == places.len() && !rest.is_empty() {
            line = format!("{line} {rest}");
        }
        unfold(&line, aliases, depth - 1, lines)?;
    }
    Ok(())
}

/// An alias's lines: a semicolon before a slash parts them.
fn parts(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.match_indices(';').find(|(at, _)| {
            let after = text[at + 1..].trim_start();
            after.starts_with('/')
        });
        let part = match cut {
            Some((at, _)) => {
                rest = Some(text[at + 1..].trim_start());
                &text[..at]
            }
            None => {
                rest = None;
                text
            }
        };
        Some(part.trim_end())
    })
}

/// The line with `$1`, `$2-` and `$*` filled in, and whether there was one of them.
fn filled(part: &str, rest: &str) -> (String, bool) {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let mut line = String::new();
    let mut is_used = false;
    let mut chars = part.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$', Some('*')) => {
                chars.next();
                is_used = true;
                line.push_str(rest);
            }
            ('$', Some(digit @ '1'..='9')) => {
                let at = digit.to_digit(10).map_or(0, |digit| digit as usize - 1);
                chars.next();
                is_used = true;
                if chars.next_if_eq(&'-').is_some() {
                    line.push_str(&words.get(at..).unwrap_or_default().join(" "));
                } else {
                    line.push_str(words.get(at).unwrap_or(&""));
                }
            }
            _ => line.push(c),
        }
    }
    (line.trim_end().to_owned(), is_used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(typed: &str) -> Vec<String> {
        let aliases = [
            ("wave", "/me waves at $1, $2-"),
            ("hi", "/wave $*; /say hello; there"),
            ("j", "/join"),
            ("round", "/about"),
            ("about", "/round"),
            ("many", "/many2;/many2;/many2;/many2;/many2;/many2;/many2"),
            ("many2", "/say 1;/say 2;/say 3;/say 4;/say 5;/say 6;/say 7"),
        ];
        let aliases = aliases.map(|(name, body)| (name.to_owned(), body.to_owned()));
        expand(typed, &BTreeMap::from(aliases))
            .unwrap_or_else(|refused| vec![format!("! {}", refused.why)])
    }

    #[test]
    fn an_alias_becomes_its_lines_with_the_words_in_their_places() {
        for (typed, lines) in [
            ("hello; /wave", &["hello; /wave"][..]),
            ("//wave", &["//wave"]),
            ("/join #a", &["/join #a"]),
            ("/j #a", &["/join #a"]),
            ("/WAVE bob and all", &["/me waves at bob, and all"]),
            ("/hi bob", &["/me waves at bob,", "/say hello; there"]),
            ("/shrug", &["/say  ¯\\_(ツ)_/¯"]),
            ("/wn", &["/win next"]),
            ("/round", &["! /round leads back to itself"]),
            ("/many", &["! the alias becomes too many lines"]),
        ] {
            assert_eq!(expanded(typed), lines, "{typed}");
        }
    }

    #[test]
    fn an_alias_does_not_take_a_commands_name() {
        assert!(check_name("quit").is_err());
        assert!(check_name("a b").is_err());
        assert!(check_name("/x").is_err());
        assert!(check_name("q").is_ok());
    }
}
