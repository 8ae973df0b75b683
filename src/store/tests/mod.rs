//! The store as its callers meet it: what was said to be written is there, and trouble is said, not hidden.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the answer it waits for"
)]

mod faults;
mod model;
mod search;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::page::PAGE_LINES_MAX;
use super::*;
use crate::proto::event::What;
use crate::proto::id::{Epoch, Nick, NodeName, Number, Seq};
use crate::proto::role::Moved;
use crate::proto::ruling::{Mode, Ruling};
use crate::proto::saved::{Fork, SavedLine};
use crate::proto::seal::{Hash, Signature};
use crate::proto::time::{Hlc, Wall};
use crate::proto::wire::{
    Body, Charter, Entry, GroupRecord, Lease, Listed, Liveness, Record, Roles, Run, Sequenced,
    Witness,
};

#[tokio::test]
async fn everything_that_was_said_to_be_written_is_there_at_the_next_start() {
    let desk = Desk::new();
    let mut open = desk.open();
    let (run, head) = run(
        1,
        1,
        &[
            ("anna", Body::Join { nick: nick("anna") }),
            say("anna", "hi"),
        ],
    );
    let lease = lease(1);
    let (first, second) = (
        entry(key("anna"), 3, text("waiting")),
        entry(key("anna"), 4, Body::Void),
    );
    let writes = vec![
        Write::Nick(nick("anna")),
        Write::Clock(u64::MAX),
        Write::Table(vec![listed("m1", true), listed("m2", false)]),
        Write::Record {
            record: record(&lease),
            noted: Wall(77),
        },
        Write::Group {
            group: hearth(),
            joined: true,
            lease: Some(lease.clone()),
        },
        Write::Charter {
            group: hearth(),
            charter: charter(),
        },
        Write::Outbox {
            group: hearth(),
            entry: first,
        },
        Write::Outbox {
            group: hearth(),
            entry: second.clone(),
        },
        Write::OutboxDone {
            group: hearth(),
            number: Number(3),
        },
        Write::Run {
            group: hearth(),
            run: run.clone(),
            head,
            lease: lease.clone(),
        },
    ];
    assert_eq!(open.write(writes).await, Ok(Vec::new()));
    open.store.close().await;

    let saved = desk.open().saved;

    assert_eq!(saved.nick, Some(nick("anna")));
    assert_eq!(saved.clock, u64::MAX);
    assert_eq!(saved.table, [listed("m1", true), listed("m2", false)]);
    assert_eq!(saved.records, [(record(&lease), Wall(77))]);
    let group = &saved.groups[&hearth()];
    assert!(group.joined);
    assert_eq!(group.charter, Some(charter()));
    assert_eq!(group.lease, Some(lease.clone()));
    let line = SavedLine {
        seq: Seq(2),
        head,
        signature: run.signature,
        hlc: run.entries[1].hlc,
        lease,
        is_forked: false,
    };
    assert_eq!(group.lines, [(run.epoch, line)].into());
    assert_eq!(group.hlc, run.entries[1].hlc);
    assert_eq!(group.authors.get(&key("anna")), Some(&Number(2)));
    assert_eq!(group.outbox.values().collect::<Vec<_>>(), [&second]);
    let shaping: Vec<_> = group.shaping.iter().map(|(_, entry)| entry).collect();
    assert_eq!(shaping, [&run.entries[0].entry]);
}

fn charter() -> Charter {
    Charter {
        group: hearth(),
        founder: key("anna"),
        born: Wall(5),
        signature: Signature([7; 64]),
        witness: Some(Witness {
            by: key("m1"),
            signature: Signature([8; 64]),
        }),
    }
}

fn record(lease: &Lease) -> GroupRecord {
    GroupRecord {
        lease: lease.clone(),
        roster: vec![key("anna"), key("bob")],
        charter: Some(charter()),
        quiet_ms: 3_000,
    }
}

#[tokio::test]
async fn a_group_goes_by_another_name_with_all_it_has_and_shows_its_old_lease() {
    let desk = Desk::new();
    let mut open = desk.open();
    let (run, head) = run(1, 1, &[say("anna", "hi"), say("anna", "there")]);
    let to = hearth().tagged(&charter().hash());
    let writes = vec![
        Write::Group {
            group: hearth(),
            joined: true,
            lease: Some(lease(1)),
        },
        Write::Run {
            group: hearth(),
            run: run.clone(),
            head,
            lease: lease(1),
        },
        // It was asked for by that name before.
        Write::Group {
            group: to.clone(),
            joined: false,
            lease: None,
        },
        Write::Rename {
            group: hearth(),
            to: to.clone(),
        },
        Write::Record {
            record: record(&lease(1)),
            noted: Wall(1),
        },
        Write::RecordGone { group: hearth() },
    ];
    assert_eq!(open.write(writes).await, Ok(Vec::new()));
    open.store.close().await;

    let saved = desk.open().saved;

    assert_eq!(saved.groups.keys().collect::<Vec<_>>(), [&to]);
    let group = &saved.groups[&to];
    assert!(group.joined);
    assert_eq!(group.lease, Some(lease(1)));
    let line = &group.lines[&run.epoch];
    assert_eq!(
        (line.seq, line.head, &line.lease),
        (Seq(2), head, &lease(1))
    );
    assert_eq!(saved.records, []);
}

#[tokio::test]
async fn every_ruling_is_there_at_a_start_and_pages_tell_it() {
    let desk = Desk::new();
    let mut open = desk.open();
    let bob = key("bob");
    let rulings = [
        Ruling::Ban { member: bob },
        Ruling::Unban { member: bob },
        Ruling::Ban { member: bob },
        Ruling::Op { member: bob },
        Ruling::Deop { member: bob },
        Ruling::Kick {
            member: bob,
            why: "no".to_owned(),
        },
        Ruling::Mode {
            mode: Mode::Moderated,
            on: false,
        },
    ];
    let bodies: Vec<_> = rulings
        .iter()
        .map(|ruling| ("anna", Body::Ruling(ruling.clone())))
        .collect();
    let (run, _) = run(1, 1, &bodies);
    open.put(&run).await.unwrap();
    open.is_founded_by_anna().await;
    let (lines, _) = open.page(None, 100).await;
    let told: Vec<_> = lines
        .iter()
        .filter_map(|line| match &line.what {
            What::Ruling { ruling, .. } => Some(ruling.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, rulings);
    open.store.close().await;

    let saved = desk.open().saved;

    let shaping = &saved.groups[&hearth()].shaping;
    let bodies: Vec<_> = shaping.iter().map(|(_, entry)| &entry.body).collect();
    let expected: Vec<_> = run.entries.iter().map(|s| &s.entry.body).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn what_somebody_had_no_right_to_is_told_as_such_from_the_place_on_where_it_was_so() {
    let desk = Desk::new();
    let mut open = desk.open();
    let topic = |text: &str| Body::Topic {
        text: text.to_owned(),
    };
    let ruling = |author, ruling| (author, Body::Ruling(ruling));
    let lock = Ruling::Mode {
        mode: Mode::TopicLock,
        on: true,
    };
    let (run, _) = run(
        1,
        1,
        &[
            ("anna", Body::Join { nick: nick("anna") }),
            ("bob", Body::Join { nick: nick("bob") }),
            ("bob", topic("tea")),
            ruling("bob", Ruling::Op { member: key("bob") }),
            ruling("anna", lock),
            ("bob", topic("coffee")),
            ruling("anna", Ruling::Ban { member: key("bob") }),
            ("bob", Body::Join { nick: nick("bob") }),
        ],
    );
    open.put(&run).await.unwrap();
    open.is_founded_by_anna().await;
    let (lines, _) = open.page(None, 100).await;
    let vain = lines.iter().filter_map(|line| match &line.what {
        What::Vain(deed) => Some((line.place.seq.0, deed.as_str())),
        _ => None,
    });
    assert_eq!(
        vain.collect::<Vec<_>>(),
        [
            (4, "bob made bob an operator"),
            (6, "bob set the topic: coffee"),
            (8, "bob joined"),
        ]
    );
}

#[tokio::test]
async fn a_piece_that_overlaps_is_trimmed_and_one_with_a_gap_is_refused_until_it_is_filled() {
    let desk = Desk::new();
    let mut open = desk.open();
    let all = run(
        1,
        1,
        &[
            say("anna", "1"),
            say("anna", "2"),
            say("anna", "3"),
            say("anna", "4"),
        ],
    )
    .0;
    let piece = |from: usize, to: usize| Run {
        epoch: all.epoch,
        first: Seq(from as u64),
        prev: head_of(from - 1),
        entries: all.entries[from - 1..to].to_vec(),
        signature: signature_of(to),
    };
    let put = |from, to| {
        vec![Write::Run {
            group: hearth(),
            run: piece(from, to),
            head: head_of(to),
            lease: lease(1),
        }]
    };
    assert!(open.write(put(1, 2)).await.is_ok());
    let why = open.write(put(4, 4)).await.unwrap_err();
    assert!(why.contains("begins at 4, but only 2 are stored"), "{why}");
    assert!(
        open.write(put(1, 1)).await.is_ok(),
        "nothing new is no fault"
    );
    assert!(open.write(put(2, 3)).await.is_ok());
    assert!(open.write(put(4, 4)).await.is_ok());

    assert_eq!(
        open.fetch(&[], &[(all.epoch, 9)]).await,
        (vec![all.clone()], false)
    );
    open.store.close().await;
    let lines = &desk.open().saved.groups[&hearth()].lines;
    let line = &lines[&all.epoch];
    assert_eq!((line.seq, line.head), (Seq(4), head_of(4)));
    assert_eq!(line.signature, signature_of(4));
}

#[tokio::test]
async fn a_ticket_is_written_whole_or_not_at_all_and_its_neighbours_go_on() {
    let desk = Desk::new();
    let mut open = desk.open();
    let gap = run(1, 5, &[say("anna", "too early")]);
    for (ticket, writes) in [
        vec![Write::Clock(1)],
        vec![
            Write::Clock(2),
            Write::Run {
                group: hearth(),
                run: gap.0,
                head: gap.1,
                lease: lease(1),
            },
        ],
        vec![Write::Nick(nick("anna"))],
    ]
    .into_iter()
    .enumerate()
    {
        let ticket = Ticket(ticket as u64);
        open.store
            .submit(Job::Write { ticket, writes })
            .await
            .unwrap();
    }
    assert!(matches!(
        open.answer().await,
        Input::Written {
            ticket: Ticket(0),
            ..
        }
    ));
    assert!(matches!(
        open.answer().await,
        Input::Unwritten {
            ticket: Ticket(1),
            ..
        }
    ));
    assert!(matches!(
        open.answer().await,
        Input::Written {
            ticket: Ticket(2),
            ..
        }
    ));
    open.store.close().await;
    let saved = desk.open().saved;
    assert_eq!((saved.clock, saved.nick), (1, Some(nick("anna"))));
    assert!(saved.groups.is_empty());
}

#[tokio::test]
async fn an_entry_with_two_places_is_shown_at_the_earlier_one_and_both_lines_keep_it() {
    let desk = Desk::new();
    let mut open = desk.open();
    let twice = entry(key("anna"), 1, text("hello"));
    let late = line_of(2, 1, &[(500, twice.clone())]);
    let early = line_of(1, 1, &[(100, twice.clone())]);
    let latest = line_of(3, 1, &[(900, twice.clone())]);
    let place = |run: &Run| run.places().next().unwrap().0;

    assert_eq!(open.put(&late).await, Ok(Vec::new()));
    let moved = |place, is_new| {
        Ok(vec![Moved {
            id: twice.id(),
            place,
            is_new,
        }])
    };
    assert_eq!(open.put(&early).await, moved(place(&early), true));
    assert_eq!(open.put(&latest).await, moved(place(&early), false));

    let (lines, more) = open.page(None, 10).await;
    assert_eq!(
        lines.iter().map(|line| line.place).collect::<Vec<_>>(),
        [place(&early)]
    );
    assert!(!more);
    let upto = [(early.epoch, 1), (late.epoch, 1), (latest.epoch, 1)];
    assert_eq!(
        open.fetch(&[], &upto).await,
        (vec![early, late, latest], false)
    );
}

#[tokio::test]
async fn an_own_entry_that_has_its_place_waits_to_be_confirmed_and_not_to_be_sent() {
    let desk = Desk::new();
    let mut open = desk.open();
    let anna = key("anna");
    let [placed, waiting, other] = [1, 2, 3].map(|n| entry(anna, n, text(&format!("line {n}"))));
    let group = hearth();
    for entry in [&placed, &waiting, &other] {
        let (group, entry) = (group.clone(), entry.clone());
        open.write(vec![Write::Outbox { group, entry }])
            .await
            .unwrap();
    }
    // The number of the third was taken by another entry, which is not the one that waits.
    let taken = Entry {
        signature: Signature([9; 64]),
        ..entry(anna, 3, text("taken"))
    };
    let line = line_of(1, 1, &[(100, placed.clone()), (200, taken)]);
    open.put(&line).await.unwrap();
    let again = line_of(2, 1, &[(50, placed.clone())]);
    open.put(&again).await.unwrap();
    open.store.close().await;

    let mut open = desk.open();
    let saved = &open.saved.groups[&group];
    let (place, _) = again.places().next().unwrap();
    assert_eq!(saved.unkept, [(Number(1), place)].into());
    let unplaced: Vec<_> = saved.outbox.values().collect();
    assert_eq!(unplaced, [&waiting, &other]);

    let number = Number(1);
    open.write(vec![Write::OutboxDone { group, number }])
        .await
        .unwrap();
    open.store.close().await;
    assert!(desk.open().saved.groups[&hearth()].unkept.is_empty());
}

#[tokio::test]
async fn an_empty_entry_yields_to_the_one_it_stands_in_for() {
    let desk = Desk::new();
    let mut open = desk.open();
    let said = entry(key("anna"), 1, text("hello"));
    let void = entry(key("anna"), 1, Body::Void);
    let early = line_of(1, 1, &[(100, void.clone())]);
    let late = line_of(2, 1, &[(500, said.clone())]);
    let earliest = line_of(3, 1, &[(50, void)]);
    let (place, _) = late.places().next().unwrap();
    let moved = |is_new| {
        let id = said.id();
        Ok(vec![Moved { id, place, is_new }])
    };
    assert_eq!(open.put(&early).await, Ok(Vec::new()));
    assert_eq!(open.put(&late).await, moved(true));
    assert_eq!(open.put(&earliest).await, moved(false));
    let (lines, _) = open.page(None, 10).await;
    let shown: Vec<_> = lines.iter().map(|line| line.place).collect();
    assert_eq!(shown, [place]);
}

#[tokio::test]
async fn catching_up_comes_in_pieces_of_bounded_size_and_misses_nothing() {
    let desk = Desk::new();
    let mut open = desk.open();
    let long = "x".repeat(10_000);
    let words: Vec<_> = (0..10).map(|_| say("anna", &long)).collect();
    let (first, second) = (run(1, 1, &words).0, run(2, 1, &words[..2]).0);
    for line in [&first, &second] {
        for seq in 1..=line.last().0 {
            let said = run_from(line.epoch.number, seq, &[say("anna", &long)], seq - 1);
            open.put(&said.0).await.unwrap();
        }
    }

    let upto = [(first.epoch, 9), (second.epoch, 2)];
    let mut after = Vector::new();
    let mut got = Vec::new();
    loop {
        let known: Vec<_> = after.iter().map(|(epoch, seq)| (*epoch, seq.0)).collect();
        let (runs, more) = open.fetch(&known, &upto).await;
        let size: usize = runs
            .iter()
            .map(|run| postcard::to_stdvec(run).unwrap().len())
            .sum();
        assert!(
            (1..=crate::proto::limits::CATCH_UP_SIZE).contains(&size),
            "{size}"
        );
        for run in runs {
            after.insert(run.epoch, run.last());
            got.extend(run.entries);
        }
        if !more {
            break;
        }
    }
    let wanted: Vec<_> = first.entries[..9]
        .iter()
        .chain(&second.entries)
        .cloned()
        .collect();
    assert_eq!(got, wanted);
}

#[tokio::test]
async fn a_page_names_everybody_as_they_were_called_at_that_place() {
    let desk = Desk::new();
    let mut open = desk.open();
    let gone = Body::Gone { member: key("bob") };
    let (run, _) = run(
        1,
        1,
        &[
            ("stranger", text("no join of mine is known")),
            ("anna", Body::Join { nick: nick("anna") }),
            ("bob", Body::Join { nick: nick("bob") }),
            ("anna", text("as anna")),
            ("anna", Body::Nick { nick: nick("ann") }),
            ("anna", Body::Void),
            (
                "anna",
                Body::Action {
                    text: "waves".into(),
                },
            ),
            ("anna", gone),
            ("bob", Body::Quit { why: "bye".into() }),
            (
                "anna",
                Body::Topic {
                    text: "fire".into(),
                },
            ),
            ("anna", Body::Part { why: String::new() }),
        ],
    );
    open.put(&run).await.unwrap();

    let (lines, more) = open.page(None, 100).await;

    let stranger = key("stranger").short();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.from.as_str(), line.what.clone(), line.own))
        .collect();
    assert_eq!(
        told,
        [
            (
                stranger.as_str(),
                What::Text("no join of mine is known".into()),
                false
            ),
            ("anna", What::Join, true),
            ("bob", What::Join, false),
            ("anna", What::Text("as anna".into()), true),
            ("anna", What::Nick(nick("ann")), true),
            ("ann", What::Action("waves".into()), true),
            (
                "ann",
                What::Gone {
                    member: key("bob"),
                    nick: nick("bob")
                },
                true
            ),
            ("bob", What::Quit("bye".into()), false),
            ("ann", What::Topic("fire".into()), true),
            ("ann", What::Part(String::new()), true),
        ]
    );
    assert!(!more && lines.iter().all(|line| line.history));

    let before = lines[4].place.order();
    let (older, more) = open.page(Some(before), 2).await;
    assert_eq!(older, lines[2..4]);
    assert!(more);
    assert_eq!(
        open.page(Some("no order".into()), 9).await,
        (Vec::new(), false)
    );
}

#[test]
fn the_ten_thousandth_line_costs_as_much_as_the_hundredth_and_little_room() {
    let desk = Desk::new();
    let (db, ..) = open::open(&desk.file).unwrap();
    let mut worker = worker::Worker::new(db);
    let steps = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&steps);
    let count = move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        false
    };
    worker.db.progress_handler(1, Some(count)).unwrap();
    let cost = |worker: &mut worker::Worker, job: Job| {
        steps.store(0, std::sync::atomic::Ordering::Relaxed);
        let answer = worker.work(&[job]).pop().unwrap();
        (answer, steps.load(std::sync::atomic::Ordering::Relaxed))
    };
    let newest = |limit| Job::Page {
        group: hearth(),
        before: None,
        limit,
        us: key("bob"),
        reply: oneshot::channel().0,
    };
    let mut costs = Vec::new();
    for batch in 0..100 {
        let words = vec![("anna", text("about as long as a line of a chat is")); 100];
        let (run, head) = run_from(1, batch * 100 + 1, &words, batch * 100);
        let job = Job::Write {
            ticket: Ticket(batch),
            writes: vec![Write::Run {
                group: hearth(),
                run,
                head,
                lease: lease(1),
            }],
        };
        let (answer, written) = cost(&mut worker, job);
        assert!(matches!(
            answer,
            worker::Answer::Input(Input::Written { .. })
        ));
        let (answer, paged) = cost(&mut worker, newest(100));
        assert!(matches!(answer, worker::Answer::Page(lines, _) if lines.len() == 100));
        costs.push((written, paged));
    }
    let (answer, _) = cost(&mut worker, newest(5_000));
    assert!(matches!(answer, worker::Answer::Page(lines, true) if lines.len() == PAGE_LINES_MAX));
    // The second batch is the first that finds something before it.
    let (early, late) = (costs[1], costs[99]);
    assert!(late.0 * 10 < early.0 * 11, "writing: {early:?}, {late:?}");
    assert!(late.1 * 10 < early.1 * 11, "paging: {early:?}, {late:?}");
    drop(worker);
    let size = std::fs::metadata(&desk.file).unwrap().len();
    // A third of it finds the words.
    assert!(size < 10_000 * 300, "{} bytes a line", size / 10_000);
}

#[tokio::test]
async fn a_run_is_fetched_from_where_its_host_signed_to_where_its_host_signed() {
    let desk = Desk::new();
    let mut open = desk.open();
    let words: Vec<_> = ["1", "2", "3", "4", "5", "6"]
        .map(|n| say("anna", n))
        .into();
    let all = run(1, 1, &words).0;
    let piece = |from: usize, to: usize| Run {
        epoch: all.epoch,
        first: Seq(from as u64 + 1),
        prev: head_of(from),
        entries: all.entries[from..to].to_vec(),
        signature: signature_of(to),
    };
    for (from, to) in [(0, 2), (2, 5), (5, 6)] {
        open.put(&piece(from, to)).await.unwrap();
    }
    for ((have, upto), (from, to)) in [
        ((0, 6), (0, 6)),
        ((2, 6), (2, 6)),
        ((3, 6), (2, 6)),
        ((4, 5), (2, 5)),
        ((1, 4), (0, 2)),
    ] {
        let got = open.fetch(&[(all.epoch, have)], &[(all.epoch, upto)]).await;
        assert_eq!(got.0, [piece(from, to)], "behind {have} up to {upto}");
    }
    assert_eq!(open.fetch(&[(all.epoch, 3)], &[(all.epoch, 4)]).await.0, []);
}

#[tokio::test]
async fn evidence_of_two_histories_is_kept_once_a_line_and_known_at_the_next_start() {
    let desk = Desk::new();
    let mut open = desk.open();
    let ours = run(1, 1, &[say("anna", "yes")]).0;
    let theirs = run(1, 1, &[say("anna", "no")]).0;
    let unforked = run(2, 1, &[say("anna", "hm")]).0;
    open.put(&ours).await.unwrap();
    open.put(&unforked).await.unwrap();
    for theirs in [theirs.clone(), unforked.clone()] {
        let fork = Fork {
            ours: ours.clone(),
            theirs,
        };
        let group = hearth();
        open.write(vec![Write::Evidence { group, fork }])
            .await
            .unwrap();
    }
    open.store.close().await;
    let saved = desk.open().saved;
    let lines = &saved.groups[&hearth()].lines;
    assert!(lines[&ours.epoch].is_forked && !lines[&unforked.epoch].is_forked);
    let db = rusqlite::Connection::open(&desk.file).unwrap();
    let kept: Vec<u8> = db
        .query_row("SELECT theirs FROM evidence", [], |row| row.get(0))
        .unwrap();
    assert_eq!(postcard::from_bytes(&kept), Ok(theirs), "the first is kept");
}

#[tokio::test]
async fn what_a_file_of_version_one_has_is_shown_and_given_to_nobody() {
    let desk = Desk::new();
    let mut open = desk.open();
    let old = run(1, 1, &[say("anna", "long ago")]).0;
    open.put(&old).await.unwrap();
    open.store.close().await;
    let db = rusqlite::Connection::open(&desk.file).unwrap();
    // As the migration leaves a line of then.
    db.execute_batch(
        "UPDATE entries SET head = NULL, sealed = NULL;
         UPDATE lines SET lease_by = NULL, lease_signature = NULL;",
    )
    .unwrap();
    drop(db);
    let mut open = desk.open();
    assert!(open.saved.groups[&hearth()].lines.is_empty());
    assert_eq!(open.page(None, 9).await.0.len(), 1);
    assert_eq!(open.fetch(&[], &[(old.epoch, 9)]).await.0, []);
}

/// A data directory and how to use it.
struct Desk {
    home: TempDir,
    file: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("fireside.db");
        Self { home, file }
    }

    fn open(&self) -> Opened {
        Store::open(&self.file).unwrap()
    }
}

impl Opened {
    async fn answer(&mut self) -> Input {
        timeout(PATIENCE, self.answers.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn write(&mut self, writes: Vec<Write>) -> Result<Vec<Moved>, String> {
        let ticket = Ticket(7);
        self.store
            .submit(Job::Write { ticket, writes })
            .await
            .unwrap();
        match self.answer().await {
            Input::Written { moved, .. } => Ok(moved),
            Input::Unwritten { why, .. } => Err(why),
            other => panic!("{other:?}"),
        }
    }

    async fn is_founded_by_anna(&mut self) {
        let (group, charter) = (hearth(), charter());
        let writes = vec![Write::Charter { group, charter }];
        self.write(writes).await.unwrap();
    }

    async fn put(&mut self, run: &Run) -> Result<Vec<Moved>, String> {
        self.write(vec![Write::Run {
            group: hearth(),
            run: run.clone(),
            head: head_of(usize::try_from(run.last().0).unwrap()),
            lease: lease(run.epoch.number),
        }])
        .await
    }

    async fn fetch(&mut self, after: &[(Epoch, u64)], upto: &[(Epoch, u64)]) -> (Vec<Run>, bool) {
        let vector =
            |of: &[(Epoch, u64)]| of.iter().map(|&(epoch, seq)| (epoch, Seq(seq))).collect();
        let (after, upto) = (vector(after), vector(upto));
        self.store
            .submit(Job::Fetch {
                ticket: Ticket(8),
                group: hearth(),
                after,
                upto,
            })
            .await
            .unwrap();
        match self.answer().await {
            Input::Fetched { runs, more, .. } => (runs, more),
            other => panic!("{other:?}"),
        }
    }

    /// A page as anna sees it.
    async fn page(&mut self, before: Option<String>, limit: usize) -> (Vec<Line>, bool) {
        let (reply, page) = oneshot::channel();
        let job = Job::Page {
            group: hearth(),
            before,
            limit,
            us: key("anna"),
            reply,
        };
        self.store.submit(job).await.unwrap();
        timeout(PATIENCE, page).await.unwrap().unwrap()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn hearth() -> GroupName {
    GroupName::parse("#hearth").unwrap()
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

fn key(name: &str) -> NodeId {
    NodeId(Hash::of(&[name.as_bytes()]).0)
}

fn text(text: &str) -> Body {
    Body::Text {
        text: text.to_owned(),
    }
}

fn say<'a>(who: &'a str, words: &str) -> (&'a str, Body) {
    (who, text(words))
}

/// An entry whose signature is told apart from others', which is all that the store needs of it.
fn entry(author: NodeId, number: u64, body: Body) -> Entry {
    let mark = Hash::of(&[&author.0, &number.to_be_bytes()]).0;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&mark);
    Entry {
        author,
        number: Number(number),
        time: Wall(1_700_000_000_000 + number),
        body,
        signature: Signature(signature),
    }
}

/// A piece of the line of epoch `number`, hosted by anna, from `first` on, and a head. Numbers count per author.
fn run(number: u64, first: u64, words: &[(&str, Body)]) -> (Run, Hash) {
    run_from(number, first, words, first - 1)
}

fn run_from(number: u64, first: u64, words: &[(&str, Body)], before: u64) -> (Run, Hash) {
    let mut counts = std::collections::BTreeMap::new();
    let entries = words.iter().zip(first..).map(|((who, body), seq)| {
        let count = counts.entry(*who).or_insert(before);
        *count += 1;
        (
            number * 1_000_000 + seq,
            entry(key(who), *count, body.clone()),
        )
    });
    let run = line_of(number, first, &entries.collect::<Vec<_>>());
    let last = usize::try_from(run.last().0).unwrap();
    (run, head_of(last))
}

fn line_of(number: u64, first: u64, entries: &[(u64, Entry)]) -> Run {
    let sequenced = |(hlc, entry): &(u64, Entry)| Sequenced {
        hlc: Hlc(*hlc),
        entry: entry.clone(),
    };
    Run {
        epoch: Epoch {
            number,
            host: key("anna"),
        },
        first: Seq(first),
        prev: head_of(first as usize - 1),
        entries: entries.iter().map(sequenced).collect(),
        signature: signature_of(first as usize - 1 + entries.len()),
    }
}

/// What stands for the head of any line at `seq`, and for its host's signature there: the store checks neither.
fn head_of(seq: usize) -> Hash {
    match seq {
        0 => Hash::default(),
        seq => Hash::of(&[&seq.to_be_bytes()]),
    }
}

fn signature_of(seq: usize) -> Signature {
    Signature([u8::try_from(seq % 251).unwrap(); 64])
}

fn lease(number: u64) -> Lease {
    Lease {
        group: hearth(),
        epoch: Epoch {
            number,
            host: key("anna"),
        },
        charter: (number == 1).then_some(Hash([4; 32])),
        by: key("m1"),
        signature: Signature([3; 64]),
    }
}

fn listed(name: &str, alive: bool) -> Listed {
    let record = Record {
        name: NodeName::parse(name).unwrap(),
        key: key(name),
        clock: 7,
        addresses: vec![
            "127.0.0.1:7700".parse().unwrap(),
            "[::1]:7700".parse().unwrap(),
        ],
        roles: Roles {
            directory: alive,
            supernode: true,
        },
        tombstone: !alive,
        signature: Signature([4; 64]),
    };
    Listed {
        record,
        liveness: if alive {
            Liveness::Alive
        } else {
            Liveness::Missed
        },
        since: Wall(1_700_000_000_000),
    }
}

/// Copies the file and its write-ahead log as they are on disk at this moment: what a killed process leaves.
fn copy_as_killed(file: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&name(file)).exists() {
            std::fs::copy(name(file), name(to)).unwrap();
        }
    }
}
