//! The borders between the layers of ARCHITECTURE.md, kept by a test: who may use whom, and what is never
//! mentioned where.

mod borders;
mod check;
mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use borders::BORDERS;
use check::{Source, check, module_of};

#[test]
fn every_file_keeps_the_borders_of_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut violations = Vec::new();
    let mut files = 0;
    for path in rust_files(&root.join("src")) {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        violations.extend(check(&Source {
            name: &name,
            text: &text,
        }));
        files += 1;
    }
    assert!(files > 10, "only {files} files were found");
    let told: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}

#[test]
fn every_layer_uses_only_layers_below_it() {
    for (level, border) in BORDERS.iter().enumerate() {
        for used in border.uses {
            let used = used.split("::").next().unwrap();
            let below = BORDERS[..level].iter().any(|lower| lower.module == used);
            assert!(
                below,
                "{} may use {used}, which is not below it",
                border.module
            );
        }
    }
}

#[test]
fn what_breaks_a_border_is_seen_however_it_is_written() {
    for (name, text, broken) in [
        (
            "src/proto/ring.rs",
            "use crate::net::Endpoint;",
            "crate::net::Endpoint",
        ),
        (
            "src/proto/group/host.rs",
            "use super::super::super::store::Store;",
            "crate::store::Store",
        ),
        (
            "src/proto/mod.rs",
            "fn f() { crate::node::run(); }",
            "crate::node::run",
        ),
        (
            "src/proto/ring.rs",
            "use crate::{net, proto::id};",
            "crate::net",
        ),
        ("src/proto/ring.rs", "use crate::*;", "crate"),
        (
            "src/proto/time.rs",
            "use std::time::{Duration, Instant};",
            "std::time::Instant",
        ),
        (
            "src/proto/time.rs",
            "use std::{time, fmt}; type A = time::Instant;",
            "std::time::Instant",
        ),
        ("src/proto/time.rs", "use std::time::*;", "std::time"),
        (
            "src/proto/time.rs",
            "fn f() { let now = ::std::time::SystemTime::now(); }",
            "std::time::SystemTime::now",
        ),
        (
            "src/proto/ring.rs",
            "use std::collections as maps; type A = maps::HashMap<u8, u8>;",
            "std::collections::HashMap",
        ),
        (
            "src/proto/wire.rs",
            "type A = std::net::UdpSocket;",
            "std::net::UdpSocket",
        ),
        (
            "src/proto/table.rs",
            "async fn f() { tokio::task::yield_now().await }",
            "tokio::task::yield_now",
        ),
        ("src/proto/client.rs", "use rand;", "rand"),
        (
            "src/store/mod.rs",
            "use crate::net::Endpoint;",
            "crate::net::Endpoint",
        ),
        (
            "src/store/mod.rs",
            "#[quinn::macro_of_some_kind] fn f() {}",
            "quinn::macro_of_some_kind",
        ),
        (
            "src/net/mod.rs",
            "mod a { mod b { use super::super::super::store::Store; } }",
            "crate::store::Store",
        ),
        (
            "src/tui/app.rs",
            "use crate::proto::{event::Event, client::Client};",
            "crate::proto::client::Client",
        ),
        (
            "src/tui/app.rs",
            "use crate::node::Handle;",
            "crate::node::Handle",
        ),
        ("src/face/json.rs", "use crate::tui;", "crate::tui"),
        (
            "src/node/mod.rs",
            "use rusqlite::Connection;",
            "rusqlite::Connection",
        ),
        ("src/elsewhere.rs", "", "elsewhere"),
    ] {
        let found = check(&Source { name, text });
        assert_eq!(found.len(), 1, "{name}: {text}\n{found:?}");
        assert_eq!(found[0].what, broken, "{name}: {text}");
    }
}

#[test]
fn what_keeps_the_borders_is_let_pass() {
    for (name, text) in [
        (
            "src/proto/ring.rs",
            "use super::id::NodeId; use std::collections::BTreeMap; use std::net::SocketAddr;",
        ),
        (
            "src/proto/mod.rs",
            "pub mod ring; use ring::Ring; use id::NodeId;",
        ),
        (
            "src/proto/client.rs",
            "use super::ring; fn f() { ring::owner(); self::ring::owner(); Self::tokio(); }",
        ),
        (
            "src/proto/time.rs",
            "// use crate::net;\n/* std::fs /* nested */ rand:: */ use std::time::Duration;",
        ),
        (
            "src/proto/time.rs",
            r##"const A: &str = "use crate::net;"; const B: &str = r#"std::fs::"read" "#; const C: char = '"';"##,
        ),
        (
            "src/proto/time.rs",
            "fn f<'a>(x: &'a str) -> &'a str { x } #[cfg(test)] mod tests { use std::time::Instant; }",
        ),
        ("src/store/tests/model.rs", "use crate::net::Endpoint;"),
        (
            "src/store/mod.rs",
            "use crate::proto::saved::Saved; use super::proto::id::NodeId; use std::thread;",
        ),
        (
            "src/tui/app.rs",
            "use crate::proto::event::{Event, Line}; use crate::tui::theme::Theme;",
        ),
        (
            "src/main.rs",
            "use fireside::cli; fn main() { cli::run(); Vec::new(); fireside::node::run() }",
        ),
    ] {
        let found = check(&Source { name, text });
        assert!(found.is_empty(), "{name}: {text}\n{found:?}");
    }
}

#[test]
fn a_violation_tells_where_it_is_what_it_breaks_and_why() {
    let text = "//! One.\n\nuse std::time::{\n    Duration,\n    Instant,\n};\n";
    let found = check(&Source {
        name: "src/proto/time.rs",
        text,
    });
    assert_eq!(
        found[0].to_string(),
        "src/proto/time.rs:5: proto may never mention std::time::Instant: time is an input (proto::time), so that a seed replays"
    );
    let found = check(&Source {
        name: "src/store/mod.rs",
        text: "use crate::net;",
    });
    assert_eq!(
        found[0].to_string(),
        "src/store/mod.rs:1: store may not use crate::net: it may use proto only"
    );
    assert_eq!(module_of("src/store/mod.rs"), "store");
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("the sources are there") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
