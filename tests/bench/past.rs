//! How long the past takes: opening a store with a million lines, its newest page, a page in the middle, and
//! searches; each beside the same with a hundredth of the lines, since what matters is that it does not grow with
//! them.
//!
//! `cargo bench --bench past` takes some minutes, most of them to write the lines; `FIRESIDE_LINES=100000` is enough
//! for a look.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "filled.rs"]
mod filled;

use std::path::Path;
use std::time::{Duration, Instant};

use filled::{PACE, fill, group, key};
use fireside::proto::event::Line;
use fireside::proto::id::Place;
use fireside::proto::past::{Ask, Part, Query, Term, Told, Words};
use fireside::proto::time::Wall;
use fireside::store::{Job, Opened, Store};
use tokio::sync::oneshot;

const LINES: u64 = 1_000_000;
const GROUPS: u64 = 20;
const REPEATS: usize = 21;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let lines = std::env::var("FIRESIDE_LINES").map_or(LINES, |lines| lines.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let small = measure(home.path(), "small", lines / 100).await;
    let large = measure(home.path(), "large", lines).await;
    println!(
        "median of {REPEATS}, in milliseconds, with {} and {lines} lines; and the ratio",
        lines / 100
    );
    for ((what, small), (_, large)) in small.iter().zip(&large) {
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        let ratio = ms(large) / ms(small);
        println!(
            "{what:<46} {:>8.2} {:>8.2}   x {ratio:.1}",
            ms(small),
            ms(large)
        );
    }
}

async fn measure(home: &Path, name: &str, lines: u64) -> Vec<(&'static str, Duration)> {
    let path = home.join(format!("{name}.db"));
    let begun = Instant::now();
    let mut text = String::new();
    fill(&path, GROUPS, lines, &mut text).await;
    let size = std::fs::metadata(&path).unwrap().len();
    println!(
        "{name}: {lines} lines written in {:.1} s, {} bytes each",
        begun.elapsed().as_secs_f64(),
        size / lines
    );
    let mut times = Vec::new();
    let mut open = Vec::new();
    for _ in 0..REPEATS {
        let begun = Instant::now();
        let opened = Store::open(&path).unwrap();
        page(&opened, None).await;
        open.push(begun.elapsed());
        opened.store.close().await;
    }
    times.push(("open, and the newest page of a group", median(open)));
    let opened = Store::open(&path).unwrap();
    let middle = Wall(PACE * lines / 2);
    for (what, ask) in [
        ("/goto the middle", stretch(Part::Moment(middle))),
        (
            "a page before that",
            stretch(Part::Before(before(&opened, middle).await)),
        ),
        ("/search a rare word", search("w19999", None)),
        ("/search a word of every tenth line", search("w10", None)),
        ("/search the most common word", search("w0", None)),
        ("/search two common words", search("w1 w2", None)),
        ("/search a rare and a common word", search("w0 w9999", None)),
        (
            "/search a common word from:somebody",
            search("w0", Some("p77")),
        ),
        ("/search from:somebody", search("", Some("p77"))),
        ("/search the beginning of words", search("w777x", None)),
    ] {
        let mut taken = Vec::new();
        for _ in 0..REPEATS {
            let begun = Instant::now();
            told(&opened, ask.clone()).await;
            taken.push(begun.elapsed());
        }
        times.push((what, median(taken)));
    }
    let mut taken = Vec::new();
    for _ in 0..REPEATS {
        let begun = Instant::now();
        let found = text.lines().filter(|line| line.contains("w19999")).count();
        assert!(found < usize::MAX);
        taken.push(begun.elapsed());
    }
    times.push(("beside: a rare word in all of it as text", median(taken)));
    opened.store.close().await;
    times
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn page(opened: &Opened, before: Option<String>) -> Vec<Line> {
    let (reply, page) = oneshot::channel();
    let job = Job::Page {
        group: group(3),
        before,
        limit: 150,
        us: key(1),
        reply,
    };
    opened.store.submit(job).await.unwrap();
    let (lines, _) = page.await.unwrap();
    assert!(!lines.is_empty());
    lines
}

fn stretch(part: Part) -> Ask {
    Ask::Stretch {
        group: group(3),
        part,
        limit: 300,
    }
}

fn search(words: &str, from: Option<&str>) -> Ask {
    let words = Words {
        terms: words.split_whitespace().map(Term::whole).collect(),
        from: from.map(str::to_owned),
        ..Words::default()
    };
    Ask::Search {
        query: Query::Words(words),
        limit: 200,
    }
}

async fn told(opened: &Opened, ask: Ask) -> Told {
    let (reply, told) = oneshot::channel();
    let us = key(1);
    opened
        .store
        .submit(Job::Ask { ask, us, reply })
        .await
        .unwrap();
    told.await.unwrap().unwrap().unwrap()
}

async fn before(opened: &Opened, moment: Wall) -> Place {
    match told(opened, stretch(Part::Moment(moment))).await {
        Told::Stretch { lines, .. } => lines[0].place,
        Told::Found { .. } | Told::Missed { .. } => unreachable!("a stretch was asked for"),
    }
}
