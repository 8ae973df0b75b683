//! Random pieces of lines, in random order and batches, against the simplest thing that could be right.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::proto::id::{EntryId, Place};
use crate::proto::saved::SavedGroup;

/// One step: a piece of a line (by its number, from one seq to another), or closing and opening again.
#[derive(Clone, Debug)]
enum Step {
    Put { line: usize, from: u64, length: u64 },
    Reopen,
}

/// What is stored, as plain maps; everything else is worked out anew when it is asked for.
#[derive(Default)]
struct Model {
    lines: BTreeMap<Epoch, Vec<Sequenced>>,
    /// Where pieces of each line ended.
    ends: BTreeMap<Epoch, Vec<u64>>,
}

impl Model {
    fn put(&mut self, run: &Run) -> Result<Vec<Moved>, ()> {
        let stored = self
            .lines
            .get(&run.epoch)
            .map_or(0, |line| line.len() as u64);
        if run.first.0 > stored + 1 {
            return Err(());
        }
        let mut moved = Vec::new();
        for (place, sequenced) in run.places().filter(|(place, _)| place.seq.0 > stored) {
            let id = sequenced.entry.id();
            if let Some(known) = self.place_of(id) {
                let this = (sequenced.entry.body == Body::Void, place);
                let (_, place) = this.min(known);
                let is_new = this < known;
                moved.push(Moved { id, place, is_new });
            }
            self.lines
                .entry(run.epoch)
                .or_default()
                .push(sequenced.clone());
        }
        if run.last().0 > stored {
            self.ends.entry(run.epoch).or_default().push(run.last().0);
        }
        Ok(moved)
    }

    fn runs(&self) -> Vec<Run> {
        let run = |(epoch, line): (&Epoch, &Vec<Sequenced>)| Run {
            epoch: *epoch,
            first: Seq(1),
            prev: Hash::default(),
            entries: line.clone(),
            signature: signature_of(line.len()),
        };
        self.lines.iter().map(run).collect()
    }

    fn places(&self) -> Vec<(Place, Entry)> {
        let runs = self.runs();
        let places = runs.iter().flat_map(Run::places);
        places
            .map(|(place, sequenced)| (place, sequenced.entry.clone()))
            .collect()
    }

    /// Whether an entry is empty at the place that counts, and that place.
    fn place_of(&self, id: EntryId) -> Option<(bool, Place)> {
        let places = self.places();
        let of_it = places.iter().filter(|(_, entry)| entry.id() == id);
        of_it
            .map(|(place, entry)| (entry.body == Body::Void, *place))
            .min()
    }

    /// The log as it counts: every entry once, in order.
    fn log(&self) -> Vec<(Place, Entry)> {
        let mut log = self.places();
        log.retain(|(place, entry)| {
            self.place_of(entry.id()).map(|(_, place)| place) == Some(*place)
        });
        log.sort_by_key(|(place, _)| *place);
        log
    }

    fn check(&self, saved: &SavedGroup) {
        let places = self.places();
        let hlc = places
            .iter()
            .map(|(place, _)| place.hlc)
            .max()
            .unwrap_or_default();
        assert_eq!(saved.hlc, hlc);
        let mut authors = BTreeMap::new();
        for (_, entry) in &places {
            let highest = authors.entry(entry.author).or_insert(entry.number);
            *highest = entry.number.max(*highest);
        }
        assert_eq!(saved.authors, authors);
        let lengths: Vec<_> = self
            .lines
            .iter()
            .map(|(epoch, line)| (*epoch, Seq(line.len() as u64)))
            .collect();
        let stored: Vec<_> = saved
            .lines
            .iter()
            .map(|(epoch, line)| (*epoch, line.seq))
            .collect();
        assert_eq!(stored, lengths);
        // Of each (kind, member) the last is there, and nothing that is not in the log, in order.
        let log = self.log();
        assert!(saved.shaping.is_sorted_by_key(|(place, _)| *place));
        assert!(saved.shaping.iter().all(|shaping| log.contains(shaping)));
        let last: BTreeMap<_, _> = log
            .iter()
            .filter_map(|it| Some((subject(&it.1)?, it)))
            .collect();
        for (_, shaping) in last {
            assert!(saved.shaping.contains(shaping), "{shaping:?}");
        }
        let is_ruling = |it: &&(Place, Entry)| matches!(it.1.body, Body::Ruling(_));
        let rulings: Vec<_> = saved.shaping.iter().filter(is_ruling).collect();
        assert_eq!(rulings, log.iter().filter(is_ruling).collect::<Vec<_>>());
    }
}

/// What an entry sets, if it shapes the group: the later of two with the same subject counts.
fn subject(entry: &Entry) -> Option<(&'static str, NodeId)> {
    Some(match &entry.body {
        Body::Join { .. } => ("join", entry.author),
        Body::Nick { .. } => ("nick", entry.author),
        Body::Part { .. } => ("part", entry.author),
        Body::Quit { .. } => ("quit", entry.author),
        Body::Topic { .. } => ("topic", entry.author),
        Body::Gone { member } => ("gone", *member),
        // Of rulings every one is there.
        Body::Ruling(_) => return None,
        Body::Text { .. } | Body::Action { .. } | Body::Void => return None,
    })
}

const LINES: usize = 4;
const LENGTH: u64 = 12;

/// Lines in which the same few authors and numbers come again and again, readings are often equal, and two
/// epochs share a number.
fn lines() -> impl Strategy<Value = Vec<Run>> {
    let one = (0..6_u64, 0..3_usize, 1..9_u64, 0..11_usize);
    let line = prop::collection::vec(one, LENGTH as usize);
    prop::collection::vec(line, LINES).prop_map(|lines| {
        let run = |(n, entries): (usize, Vec<(u64, usize, u64, usize)>)| Run {
            epoch: Epoch {
                number: n as u64 / 2 + 1,
                host: key(["anna", "bob"][n % 2]),
            },
            first: Seq(1),
            prev: Hash::default(),
            entries: entries.into_iter().map(sequenced).collect(),
            signature: Signature([0; 64]),
        };
        lines.into_iter().enumerate().map(run).collect()
    })
}

fn sequenced((hlc, author, number, kind): (u64, usize, u64, usize)) -> Sequenced {
    let members = ["anna", "bob", "cat"];
    let name = nick(["n1", "n2", "n3"][number as usize % 3]);
    let body = match kind {
        0 => Body::Join { nick: name },
        1 => Body::Nick { nick: name },
        2 => Body::Part { why: String::new() },
        3 => Body::Quit { why: "bye".into() },
        4 => Body::Topic {
            text: format!("{number}"),
        },
        5 => Body::Gone {
            member: key(members[number as usize % 3]),
        },
        6 => Body::Void,
        9 => Body::Ruling(Ruling::Kick {
            member: key(members[number as usize % 3]),
            why: "so".into(),
        }),
        10 => Body::Ruling(Ruling::Mode {
            mode: Mode::TopicLock,
            on: number % 2 == 0,
        }),
        7 => Body::Action {
            text: format!("does {number}"),
        },
        _ => text("says\0\u{7f}é"),
    };
    // A reading above the signed numbers must sort as one.
    Sequenced {
        hlc: Hlc(hlc << 61),
        entry: entry(key(members[author]), number, body),
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let put = (0..LINES, 1..=LENGTH, 0..LENGTH).prop_map(|(line, from, length)| Step::Put {
        line,
        from,
        length,
    });
    // Most pieces begin where something can be stored: from the start, with a random length.
    let grow = (0..LINES, 1..=LENGTH).prop_map(|(line, length)| Step::Put {
        line,
        from: 1,
        length,
    });
    let step = prop_oneof![3 => put, 3 => grow, 1 => Just(Step::Reopen)];
    prop::collection::vec(prop::collection::vec(step, 1..6), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pieces_of_lines_end_where_the_model_says(lines in lines(), batches in steps(), cut in 1..9_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(&lines, batches, cut));
    }
}

async fn play(lines: &[Run], batches: Vec<Vec<Step>>, cut: usize) {
    let desk = Desk::new();
    let mut open = desk.open();
    let mut model = Model::default();
    for batch in batches {
        let mut expected = Vec::new();
        for step in batch {
            match step {
                Step::Put { line, from, length } => {
                    let run = piece(&lines[line], from, length);
                    expected.push(model.put(&run));
                    let writes = vec![Write::Run {
                        group: hearth(),
                        head: head_of(run.last().0 as usize),
                        lease: Lease {
                            epoch: run.epoch,
                            ..lease(1)
                        },
                        run,
                    }];
                    open.store
                        .submit(Job::Write {
                            ticket: Ticket(0),
                            writes,
                        })
                        .await
                        .unwrap();
                }
                Step::Reopen => {
                    take(&mut open, &mut expected).await;
                    open.store.close().await;
                    open = desk.open();
                    model.check(&open.saved.groups.remove(&hearth()).unwrap_or_default());
                }
            }
        }
        take(&mut open, &mut expected).await;
    }
    check_log(&mut open, &model, cut).await;
    open.store.close().await;
    desk.check_index();
}

/// Takes the answers to all that was submitted, and compares them.
async fn take(open: &mut Opened, expected: &mut Vec<Result<Vec<Moved>, ()>>) {
    for expected in expected.drain(..) {
        match open.answer().await {
            Input::Written { moved, .. } => assert_eq!(Ok(moved), expected),
            Input::Unwritten { .. } => assert_eq!(expected, Err(())),
            other => panic!("{other:?}"),
        }
    }
}

/// The log read back by fetching and, `cut` lines at a time, by paging.
async fn check_log(open: &mut Opened, model: &Model, cut: usize) {
    let upto: Vec<_> = model.lines.keys().map(|epoch| (*epoch, u64::MAX)).collect();
    assert_eq!(open.fetch(&[], &upto).await, (model.runs(), false));
    for run in model.runs() {
        let half = run.last().0 / 2;
        let ends = model.ends.get(&run.epoch).into_iter().flatten();
        let before = ends.filter(|end| **end <= half).max().copied().unwrap_or(0);
        let rest = Run {
            first: Seq(before + 1),
            prev: head_of(before as usize),
            entries: run.entries[before as usize..].to_vec(),
            ..run
        };
        let fetched = open
            .fetch(&[(rest.epoch, half)], &[(rest.epoch, u64::MAX)])
            .await;
        assert_eq!(fetched, (vec![rest], false));
    }

    let mut wanted = model.log();
    wanted.retain(|(_, entry)| entry.body != Body::Void);
    let mut paged: Vec<Line> = Vec::new();
    let mut more = true;
    while more {
        let before = paged.first().map(|line| line.place.order());
        let (lines, older) = open.page(before, cut).await;
        more = older;
        paged.splice(..0, lines);
    }
    let seen: Vec<_> = paged.iter().map(|line| (line.place, line.id)).collect();
    let wanted_ids: Vec<_> = wanted
        .iter()
        .map(|(place, entry)| (*place, entry.id()))
        .collect();
    assert_eq!(seen, wanted_ids);
    for line in &paged {
        let joined = matches!(line.what, What::Join);
        assert_eq!(line.from, nick_at(&wanted, line, joined), "{line:?}");
    }
}

/// The nick before a line, or, of a join, the one it brings.
fn nick_at(log: &[(Place, Entry)], line: &Line, inclusive: bool) -> Nick {
    let before = log.iter().filter(|(place, entry)| {
        entry.author == line.id.author && (*place < line.place || inclusive && *place == line.place)
    });
    let mut nicks = before.filter_map(|(_, entry)| match &entry.body {
        Body::Join { nick } | Body::Nick { nick } => Some(nick.clone()),
        Body::Part { .. }
        | Body::Quit { .. }
        | Body::Text { .. }
        | Body::Action { .. }
        | Body::Topic { .. }
        | Body::Ruling(_)
        | Body::Gone { .. }
        | Body::Void => None,
    });
    nicks
        .next_back()
        .unwrap_or_else(|| nick(&line.id.author.short()))
}

fn piece(line: &Run, from: u64, length: u64) -> Run {
    let begin = from as usize - 1;
    let end = (begin + length as usize).min(line.entries.len());
    Run {
        epoch: line.epoch,
        first: Seq(from),
        prev: head_of(begin),
        entries: line.entries[begin..end].to_vec(),
        signature: signature_of(end),
    }
}
