//! How long the past takes: opening a store with a million lines, its newest page, a page in the middle, and
//! searches; each beside the same with a hundredth of the lines, since what matters is that it does not grow with
//! them.
//!
//! `cargo bench --bench past` takes some minutes, most of them to write the lines; `FIRESIDE_LINES=100000` is enough
//! for a look.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use fireside::proto::event::Line;
use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use fireside::proto::past::{Ask, Part, Query, Term, Told, Words};
use fireside::proto::role::{Input, Ticket};
use fireside::proto::saved::Write;
use fireside::proto::seal::{Hash, Signature};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::{Body, Entry, Lease, Run, Sequenced};
use fireside::store::{Job, Opened, Store};
use tokio::sync::oneshot;

const LINES: u64 = 1_000_000;
const GROUPS: u64 = 20;
/// Lines of one run, written in one transaction.
const RUN: u64 = 500;
/// Epochs of each group: hosts come and go.
const EPOCHS: u64 = 25;
const PEOPLE: u64 = 200;
/// Words of a language: the n-th most common is said about one time in n.
const VOCABULARY: u64 = 20_000;
const REPEATS: usize = 21;
/// Milliseconds between two lines.
const PACE: u64 = 7_000;

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
    fill(&path, lines, &mut text).await;
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

async fn fill(path: &Path, lines: u64, text: &mut String) {
    let mut opened = Store::open(path).unwrap();
    let per_epoch = (lines / GROUPS / EPOCHS).max(1);
    let mut numbers = vec![1_u64; usize::try_from(GROUPS * PEOPLE).unwrap()];
    let mut chance = 1_u64;
    for epoch in 0..EPOCHS {
        for in_group in 0..GROUPS {
            let mut first = 1;
            while first <= per_epoch {
                let length = RUN.min(per_epoch + 1 - first);
                let entries = (first..first + length).map(|seq| {
                    let at = (epoch * per_epoch + seq) * GROUPS + in_group;
                    let author = draw(&mut chance) % PEOPLE;
                    let number = &mut numbers[usize::try_from(in_group * PEOPLE + author).unwrap()];
                    let body = if *number == 1 {
                        let nick = Nick::parse(&format!("p{author}")).unwrap();
                        Body::Join { nick }
                    } else {
                        let said = said(&mut chance);
                        text.push_str(&said);
                        text.push('\n');
                        Body::Text { text: said }
                    };
                    *number += 1;
                    Sequenced {
                        hlc: Hlc((PACE * at) << 16),
                        entry: Entry {
                            author: key(author),
                            number: Number(*number),
                            time: Wall(PACE * at),
                            body,
                            signature: Signature([7; 64]),
                        },
                    }
                });
                let run = Run {
                    epoch: epoch_of(epoch),
                    first: Seq(first),
                    prev: Hash::default(),
                    entries: entries.collect(),
                    signature: Signature([8; 64]),
                };
                write(&mut opened, in_group, run).await;
                first += length;
            }
        }
    }
    opened.store.close().await;
}

async fn write(opened: &mut Opened, in_group: u64, run: Run) {
    let group = group(in_group);
    let lease = Lease {
        group: group.clone(),
        epoch: run.epoch,
        charter: None,
        by: key(999),
        signature: Signature([9; 64]),
    };
    let writes = vec![Write::Run {
        group,
        run,
        head: Hash::default(),
        lease,
    }];
    let ticket = Ticket(0);
    opened
        .store
        .submit(Job::Write { ticket, writes })
        .await
        .unwrap();
    assert!(matches!(
        opened.answers.recv().await,
        Some(Input::Written { .. })
    ));
}

/// Eight words, the common ones more often.
fn said(chance: &mut u64) -> String {
    let words = (0..8).map(|_| {
        // Evenly drawn logarithms make a word's rank as likely as it is small.
        let part = (draw(chance) % 1_000_000) as f64 / 1e6;
        let rank = (VOCABULARY as f64).powf(part) as u64 - 1;
        format!("w{rank}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Numbers without a pattern, the same in every run (xorshift).
fn draw(chance: &mut u64) -> u64 {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    *chance >> 11
}

fn group(number: u64) -> GroupName {
    GroupName::parse(&format!("#group-{number}")).unwrap()
}

fn key(number: u64) -> NodeId {
    let mut key = [1; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    NodeId(key)
}

fn epoch_of(number: u64) -> Epoch {
    Epoch {
        number: number + 1,
        host: key(number % PEOPLE),
    }
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
