//! A store filled with lines as people say them, for whoever measures what a full one costs.

use std::path::Path;

use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, Number, Seq};
use fireside::proto::role::{Input, Ticket};
use fireside::proto::saved::Write;
use fireside::proto::seal::{Hash, Signature};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::{Body, Entry, Lease, Run, Sequenced};
use fireside::store::{Job, Opened, Store};

/// Lines of one run, written in one transaction.
const RUN: u64 = 500;
/// Epochs of each group: hosts come and go.
const EPOCHS: u64 = 25;
const PEOPLE: u64 = 200;
/// Words of a language: the n-th most common is said about one time in n.
const VOCABULARY: u64 = 20_000;
/// Milliseconds between two lines.
pub(crate) const PACE: u64 = 7_000;

/// Writes so many lines into so many groups, all of which we are in; and all that was said into `text`.
pub(crate) async fn fill(path: &Path, groups: u64, lines: u64, text: &mut String) {
    let mut opened = Store::open(path).unwrap();
    let per_epoch = (lines / groups / EPOCHS).max(1);
    let mut numbers = vec![1_u64; usize::try_from(groups * PEOPLE).unwrap()];
    let mut chance = 1_u64;
    for epoch in 0..EPOCHS {
        for in_group in 0..groups {
            let mut first = 1;
            while first <= per_epoch {
                let length = RUN.min(per_epoch + 1 - first);
                let entries = (first..first + length).map(|seq| {
                    let at = (epoch * per_epoch + seq) * groups + in_group;
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
    let joined = Write::Group {
        group: group.clone(),
        joined: true,
        lease: None,
    };
    let run = Write::Run {
        group,
        run,
        head: Hash::default(),
        lease,
    };
    let writes = vec![joined, run];
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

pub(crate) fn group(number: u64) -> GroupName {
    GroupName::parse(&format!("#group-{number}")).unwrap()
}

pub(crate) fn key(number: u64) -> NodeId {
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
