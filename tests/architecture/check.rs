//! Holds one source file against the table.

use std::fmt;

use crate::borders::{BORDERS, Border, OWNED};
use crate::paths::{Path, paths};

/// A file below `src`, by its name from the root of the repository, with forward slashes.
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// A border that was crossed.
#[derive(Debug)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    /// The path that crosses it.
    pub(crate) what: String,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// All that crosses a border in `source`, by line. Tests are let through: they may look from outside.
pub(crate) fn check(source: &Source<'_>) -> Vec<Violation> {
    let module = module_of(source.name);
    let violation = |line: usize, what: &str, rule: String| Violation {
        file: source.name.to_owned(),
        line,
        what: what.to_owned(),
        rule,
    };
    if module == "lib" || is_test(source.name) {
        return Vec::new();
    }
    let Some(border) = BORDERS.iter().find(|border| border.module == module) else {
        let rule = format!("{module} has no border: give it one in tests/architecture/borders.rs");
        return vec![violation(1, module, rule)];
    };
    paths(&module_path(source.name), source.text)
        .into_iter()
        .filter_map(|path| {
            Some(violation(
                path.line,
                &path.to_string(),
                broken(border, &path)?,
            ))
        })
        .collect()
}

/// The top-level module a file belongs to.
pub(crate) fn module_of(name: &str) -> &str {
    let below = name.strip_prefix("src/").unwrap_or(name);
    let module = below.split('/').next().unwrap_or(below);
    module.strip_suffix(".rs").unwrap_or(module)
}

/// The path of the module a file is.
fn module_path(name: &str) -> Vec<String> {
    let below = name.strip_prefix("src/").unwrap_or(name);
    let path = below.strip_suffix(".rs").unwrap_or(below);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// The rule of `border` that `path` breaks, if any.
fn broken(border: &Border, path: &Path) -> Option<String> {
    let module = border.module;
    if path.is_ours {
        return misuse(border, path).then(|| match border.uses {
            [] => format!("{module} may not use {path}: it uses nothing else of ours"),
            uses => format!(
                "{module} may not use {path}: it may use {} only",
                uses.join(", ")
            ),
        });
    }
    if let Some((never, why)) = border.never.iter().find(|(never, _)| path.brings(never)) {
        return Some(format!("{module} may never mention {never}: {why}"));
    }
    let owned = OWNED
        .iter()
        .find(|owned| path.is_within(owned.name) && !owned.by.contains(&module))?;
    Some(format!(
        "{module} may not mention {}, which only {} may: {}",
        owned.name,
        owned.by.join(" and "),
        owned.why
    ))
}

/// Whether a path to something of ours leads where this module may not go.
fn misuse(border: &Border, path: &Path) -> bool {
    let Some(target) = path.segments.first() else {
        return true;
    };
    target != border.module && !border.uses.iter().any(|used| path.is_within(used))
}
