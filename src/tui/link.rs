//! Where links stand in a text, and what a terminal or a browser is given for one.

use std::ops::Range;

/// What a link begins with. Nothing else is taken for one, so that no text can name a program.
const SCHEMES: &[&str] = &[
    "https://",
    "http://",
    "ftp://",
    "gemini://",
    "gopher://",
    "irc://",
    "ircs://",
    "mailto:",
    "fireside://",
];
/// A link without a scheme, as people write it.
const BARE: &str = "www.";
/// Terminals take no longer ones (VTE: 2083 bytes).
const TARGET_SIZE_MAX: usize = 2_000;

/// Where the links of a text stand, in order.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find([':', '.']).map(|at| from + at) {
        from = at + 1;
        let Some(start) = beginning(text, at, found.last()) else {
            continue;
        };
        let head = SCHEMES
            .iter()
            .find(|scheme| starts_with(&text[start..], scheme))
            .map_or(BARE.len(), |scheme| scheme.len());
        let end = end(text, start);
        if end > start + head {
            found.push(start..end);
            from = end;
        }
    }
    found
}

/// What a link leads to: plain ASCII without blanks. Nothing if it is too long for any terminal.
pub(crate) fn target(link: &str) -> Option<String> {
    let mut target = String::with_capacity(link.len() + 8);
    if starts_with(link, BARE) {
        target.push_str("https://");
    }
    for byte in link.bytes() {
        match byte {
            b'!'..=b'~' => target.push(char::from(byte)),
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
    (target.len() <= TARGET_SIZE_MAX).then_some(target)
}

/// Where the link begins that has its colon or first dot at `at`.
fn beginning(text: &str, at: usize, before: Option<&Range<usize>>) -> Option<usize> {
    let floor = before.map_or(0, |link| link.end);
    let starts = SCHEMES
        .iter()
        .map(|scheme| (*scheme, scheme.find(':').unwrap_or(0)));
    let bare = (BARE, BARE.len() - 1);
    starts.chain([bare]).find_map(|(head, mark)| {
        let start = at.checked_sub(mark).filter(|start| *start >= floor)?;
        let is_here = text.is_char_boundary(start) && starts_with(&text[start..], head);
        let is_apart = is_here
            && !text[..start]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_ascii_alphanumeric());
        is_apart.then_some(start)
    })
}

/// Where a link ends: before a blank, before what no link has, and before the punctuation of its sentence.
fn end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let mut end = rest.find(is_foreign).unwrap_or(rest.len());
    loop {
        let link = &rest[..end];
        let Some(last) = link.chars().next_back() else {
            break;
        };
        let is_surplus = match last {
            ')' => count(link, ')') > count(link, '('),
            ']' => count(link, ']') > count(link, '['),
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | '|' => true,
            _ => false,
        };
        if !is_surplus {
            break;
        }
        end -= last.len_utf8();
    }
    start + end
}

/// Blanks, quotes, and the punctuation of scripts that put no blank after a link.
fn is_foreign(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '\\' | '^')
        || matches!(c, '\u{2400}'..='\u{2426}' | '\u{2500}'..='\u{257f}' | '\u{3000}'..='\u{3020}')
        || matches!(c, '\u{2018}'..='\u{201f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

fn starts_with(text: &str, head: &str) -> bool {
    text.get(..head.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(head))
}

fn count(text: &str, c: char) -> usize {
    text.matches(c).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn links(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|link| &text[link]).collect()
    }

    #[test]
    fn links_are_found_as_people_write_them() {
        for (text, expected) in [
            (
                "see https://example.org/a?b=c#d.",
                &["https://example.org/a?b=c#d"][..],
            ),
            (
                "(https://en.wikipedia.org/wiki/Fire_(disambiguation))",
                &["https://en.wikipedia.org/wiki/Fire_(disambiguation)"],
            ),
            (
                "www.example.org, or HTTP://X.ORG!",
                &["www.example.org", "HTTP://X.ORG"],
            ),
            (
                "<https://a.org> \"https://b.org\" *https://c.org*",
                &["https://a.org", "https://b.org", "https://c.org"],
            ),
            (
                "mailto:joe@example.org; fireside://abc",
                &["mailto:joe@example.org", "fireside://abc"],
            ),
            ("看https://例え.jp/道。好", &["https://例え.jp/道"]),
            (
                "https://a.orghttps://b.org",
                &["https://a.orghttps://b.org"],
            ),
            (
                "10:30 file:///etc/passwd javascript:alert(1) xhttp://no http:// www. a.b",
                &[],
            ),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn a_target_is_ascii_and_not_endless() {
        assert_eq!(
            target("www.a.org/é b").unwrap(),
            "https://www.a.org/%C3%A9%20b"
        );
        assert_eq!(
            target(&format!("https://a.org/{}", "a".repeat(3_000))),
            None
        );
    }

    proptest! {
        #[test]
        fn whatever_is_written_links_are_apart_and_their_targets_harmless(text in ".{0,60}(www\\.|https?:)?.{0,60}") {
            let mut floor = 0;
            for link in find(&text) {
                prop_assert!(link.start >= floor && link.end > link.start);
                floor = link.end;
                let target = target(&text[link]).unwrap_or_default();
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{}", target);
            }
        }
    }
}
