//! Every path that a source file mentions, in full: `use` trees are taken apart, imported names, `self` and
//! `super` put in place. Comments, strings and tests are passed over.

use std::collections::BTreeMap;
use std::fmt;

/// A path, and where it is mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    /// Whether it begins at the root of this crate; else its first segment is another crate.
    pub(crate) is_ours: bool,
    /// Without a `*` or `self` at the end.
    pub(crate) segments: Vec<String>,
    /// Whether it ends in `*`.
    pub(crate) is_glob: bool,
}

impl Path {
    /// Whether it is `what`, or something in it.
    pub(crate) fn is_within(&self, what: &str) -> bool {
        self.agrees(what) && self.segments.len() >= what.split("::").count()
    }

    /// Whether `what` can be reached by it without being named again.
    pub(crate) fn brings(&self, what: &str) -> bool {
        self.is_within(what) || self.is_glob && self.agrees(what)
    }

    fn agrees(&self, what: &str) -> bool {
        let mut pairs = self.segments.iter().zip(what.split("::"));
        pairs.all(|(segment, what)| segment == what)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = if self.is_ours {
            vec!["crate"]
        } else {
            Vec::new()
        };
        let segments = self.segments.iter().map(String::as_str);
        f.write_str(
            &root
                .into_iter()
                .chain(segments)
                .collect::<Vec<_>>()
                .join("::"),
        )
    }
}

/// The paths in `text`, the source of the module at `module`.
pub(crate) fn paths(module: &[String], text: &str) -> Vec<Path> {
    let mut reader = Reader {
        tokens: without_tests(&tokens(text)),
        at: 0,
        module: module.to_vec(),
        inline: Vec::new(),
        names: BTreeMap::new(),
        found: Vec::new(),
    };
    reader.read();
    reader.found
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    /// A word, `::`, or one character.
    text: String,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    /// The module being read, and for each inline one the depth of braces that it ends at.
    module: Vec<String>,
    inline: Vec<usize>,
    /// What names brought in by `use` or `mod` stand for.
    names: BTreeMap<String, Path>,
    found: Vec<Path>,
}

impl Reader {
    fn read(&mut self) {
        let mut depth = 0;
        while let Some(token) = self.tokens.get(self.at).cloned() {
            let next = self.text(self.at + 1).to_owned();
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if self.inline.last() == Some(&depth) {
                        self.inline.pop();
                        self.module.pop();
                    }
                }
                "mod" if self.text(self.at + 2) == "{" => {
                    self.inline.push(depth);
                    self.module.push(next);
                }
                "mod" => {
                    let path = self.resolve(token.line, vec!["self".to_owned(), next.clone()]);
                    self.names.insert(next, path);
                }
                "use" => {
                    self.at += 1;
                    self.tree(&[], true);
                    continue;
                }
                _ if token.is_word() && next == "::" && !self.continues() => {
                    self.tree(&[], false);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Whether the word here goes on a path (`Vec::<u8>::new`), rather than beginning one (`::std::fs`).
    fn continues(&self) -> bool {
        let before = |by: usize| self.at.checked_sub(by).map_or("", |at| self.text(at));
        before(1) == "::"
            && (before(2) == ">"
                || before(2).starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    }

    /// Reads a path, or the tree of paths of a `use`, from here on.
    fn tree(&mut self, before: &[String], is_use: bool) {
        let mut segments = before.to_vec();
        let mut is_glob = false;
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text(self.at) {
                "::" => self.at += 1,
                "{" if is_use => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.tree(&segments, true);
                        self.at += usize::from(self.text(self.at) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "*" if is_use => {
                    self.at += 1;
                    is_glob = true;
                    break;
                }
                _ if self.tokens.get(self.at).is_some_and(Token::is_word) => {
                    segments.push(self.text(self.at).to_owned());
                    self.at += 1;
                    if self.text(self.at) != "::" {
                        break;
                    }
                }
                _ => break,
            }
        }
        if segments.is_empty() {
            // Something that is not a path after all; what stands here is passed over.
            self.at += 1;
            return;
        }
        let mut path = self.resolve(line, segments.clone());
        path.is_glob = is_glob;
        if is_use {
            self.name(&segments, &path);
        }
        self.found.push(path);
    }

    /// Remembers the name that a `use` brings in.
    fn name(&mut self, segments: &[String], path: &Path) {
        let mut name = match segments {
            [.., of, this] if this == "self" => of.clone(),
            [.., last] => last.clone(),
            [] => return,
        };
        if self.text(self.at) == "as" {
            name = self.text(self.at + 1).to_owned();
            self.at += 2;
        }
        self.names.insert(name, path.clone());
    }

    fn resolve(&self, line: usize, mut segments: Vec<String>) -> Path {
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let first = segments[0].clone();
        let (is_ours, full) = match first.as_str() {
            "crate" | "fireside" => (true, segments[1..].to_vec()),
            "self" => (true, [&self.module[..], &segments[1..]].concat()),
            "super" => {
                let ups = segments
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                let base = &self.module[..self.module.len().saturating_sub(ups)];
                (true, [base, &segments[ups..]].concat())
            }
            // What begins with a capital, and Self, is a type in scope: its import has been looked at.
            _ if first.starts_with(char::is_uppercase) => {
                (true, [&self.module[..], &segments].concat())
            }
            _ => match self.names.get(&first) {
                Some(path) => (path.is_ours, [&path.segments[..], &segments[1..]].concat()),
                None if self.is_sibling(&first) => (true, [&self.module[..], &segments].concat()),
                None => (false, segments),
            },
        };
        Path {
            line,
            is_ours,
            segments: full,
            is_glob: false,
        }
    }

    /// Whether the file declares a module of this name anywhere.
    fn is_sibling(&self, name: &str) -> bool {
        self.tokens
            .windows(2)
            .any(|pair| pair[0].text == "mod" && pair[1].text == name)
    }
}

/// Takes out what stands behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_mark = |(mark, token): (&&str, &Token)| *mark == token.text;
        if tokens.len() - at >= MARK.len() && MARK.iter().zip(&tokens[at..]).all(is_mark) {
            at = end_of_item(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The token after the item that begins at `at`: behind its semicolon, or its closing brace.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at,
            "}" => depth -= 1,
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Words, `::` and other characters; no comments, strings, characters or lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let size = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(size) = string(rest) {
            size
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let word = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            tokens.push(Token {
                line,
                text: rest[..word].to_owned(),
            });
            word
        } else if rest.starts_with("::") {
            tokens.push(Token {
                line,
                text: "::".to_owned(),
            });
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(Token {
                    line,
                    text: first.to_string(),
                });
            }
            first.len_utf8()
        };
        line += rest[..size].matches('\n').count();
        rest = &rest[size..];
    }
    tokens
}

/// The size of the comment, with those inside it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The size of the string literal that begins here, if one does: plain, byte, C or raw.
fn string(text: &str) -> Option<usize> {
    let prefix = text
        .find(|c: char| !matches!(c, 'b' | 'c' | 'r'))
        .filter(|size| *size <= 2)?;
    let hashes = text[prefix..].len() - text[prefix..].trim_start_matches('#').len();
    let open = prefix + hashes;
    if !text[open..].starts_with('"') || (hashes > 0 && !text[..prefix].ends_with('r')) {
        return None;
    }
    let body = open + 1;
    if text[..prefix].ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(
            text[body..]
                .find(&close)
                .map_or(text.len(), |at| body + at + close.len()),
        );
    }
    let mut escaped = false;
    for (at, c) in text[body..].char_indices() {
        match c {
            '"' if !escaped => return Some(body + at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(text.len())
}

/// The size of the character literal or lifetime that begins here.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((escaped, _))) => text[escaped + 1..]
            .find('\'')
            .map_or(text.len(), |at| escaped + 2 + at),
        (Some(_), Some((close, '\''))) => close + 1,
        _ => 1,
    }
}
