//! What the documents say about the tree is true: links lead somewhere, commands are there, maps are complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for (document, text) in documents() {
        for (line, target) in links(&text) {
            count += 1;
            if let Err(why) = follow(&document, &text, &target) {
                broken.push(format!("{}:{line}: {target}: {why}", document.display()));
            }
        }
    }
    assert!(count > 5, "only {count} links were found");
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let text = "# A heading, *two* `words`\n\n[one](#a-heading-two-words) [two](#nothing) ![three](no/such.svg) \
                [four](https://example.org/) [five](README.md) `[not](a link)`\n\n```\n[nor](this)\n```\n[six]: none.md\n";
    let verdicts: Vec<_> = links(text)
        .into_iter()
        .map(|(line, target)| (line, follow(Path::new("x.md"), text, &target).is_ok()))
        .collect();
    assert_eq!(
        verdicts,
        [
            (3, true),
            (3, false),
            (3, false),
            (3, true),
            (3, true),
            (8, false)
        ]
    );
}

#[test]
fn the_readme_names_the_two_commands_of_a_fresh_checkout() {
    let readme = read("README.md");
    for command in ["cargo run --locked --release", "cargo test --locked"] {
        assert!(
            readme.lines().any(|line| line == command),
            "README.md has no line {command:?}"
        );
    }
}

#[test]
fn the_readme_tells_the_keys_that_there_are_and_no_command_that_there_is_not() {
    let readme = read("README.md");
    for (keys, does) in fireside::tui::keymap::KEYS {
        let row = format!("| {keys} | {does} |");
        assert!(
            readme.lines().any(|line| line == row),
            "README.md has no line {row:?}"
        );
    }
    let told = readme.lines().filter(|line| line.starts_with("| `/"));
    let commands: Vec<&str> = told
        .flat_map(|line| line.split('`'))
        .filter_map(|code| code.strip_prefix('/')?.split(' ').next())
        .collect();
    assert!(commands.len() > 10, "only {commands:?} were found");
    for name in commands {
        let found = fireside::slash::find(name).map(|spec| spec.name);
        assert_eq!(found.ok(), Some(name), "README.md tells of /{name}");
    }
}

#[test]
fn every_dependency_has_its_reason_in_the_architecture() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let tables = platforms
        .into_iter()
        .flat_map(|platforms| platforms.values())
        .filter_map(toml::Value::as_table)
        .chain([&manifest]);
    let mut used = BTreeSet::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = table.get(section).and_then(toml::Value::as_table);
            used.extend(names.into_iter().flat_map(toml::Table::keys).cloned());
        }
    }
    // The crate is its own development dependency, for the feature that its tests need.
    used.remove(env!("CARGO_PKG_NAME"));
    let architecture = read("ARCHITECTURE.md");
    let rows = architecture
        .split("\n## ")
        .find(|section| section.starts_with("Dependencies"))
        .expect("ARCHITECTURE.md has a section on dependencies")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let explained: BTreeSet<_> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(explained, used);
}

#[test]
fn the_code_map_names_every_module() {
    let architecture = read("ARCHITECTURE.md");
    let mut missing = Vec::new();
    for directory in ["src", "tests"] {
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let module = name.strip_suffix(".rs").unwrap_or(&name);
            let named = |path: &String| architecture.contains(path);
            // A file and the directory of its parts are one module.
            if !["`", "/`", ".rs`"]
                .map(|end| format!("`{directory}/{module}{end}"))
                .iter()
                .any(named)
            {
                missing.push(format!("{directory}/{name}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md does not name {missing:?}"
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("the document is there")
}

/// The documents at the root of the repository and in its directories, by path from the root.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root().to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).expect("the tree can be read") {
            let path = entry.expect("the tree can be read").path();
            let name = path.file_name().expect("it has a name").to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                waiting.push(path);
            } else if name.ends_with(".md") {
                let text = fs::read_to_string(&path).expect("a document is text");
                let below = path.strip_prefix(root()).expect("below the root");
                found.insert(below.to_owned(), text);
            }
        }
    }
    found
}

/// The targets of the links in a document, and their lines; code is passed over.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        if let Some((_, target)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            links.push((number, target.to_owned()));
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or(rest);
            links.push((number, target.to_owned()));
        }
        for attribute in ["src=\"", "href=\""] {
            for rest in prose.split(attribute).skip(1) {
                let target = rest.split('"').next().unwrap_or(rest);
                links.push((number, target.to_owned()));
            }
        }
    }
    links
}

/// Whether a link goes to a file that is there, and a heading that is in it. Other sites are not asked: a test
/// that fails with somebody's server tells nothing about this tree.
fn follow(document: &Path, text: &str, target: &str) -> Result<(), String> {
    if target.starts_with("https://")
        || target.starts_with("http://")
        || target.starts_with("mailto:")
    {
        return Ok(());
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let mut content = text.to_owned();
    if !file.is_empty() {
        let path = root()
            .join(document)
            .parent()
            .expect("a document is in the tree")
            .join(file);
        if !path.exists() {
            return Err("no such file".to_owned());
        }
        if !heading.is_empty() {
            content = fs::read_to_string(path).map_err(|why| why.to_string())?;
        }
    }
    if heading.is_empty() || anchors(&content).contains(heading) {
        Ok(())
    } else {
        Err("no such heading".to_owned())
    }
}

/// The anchors that GitHub and crates.io give to headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}
