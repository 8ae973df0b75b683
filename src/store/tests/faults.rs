//! Kill, damage, full disks and files that are not ours.

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::store::worker::{Answer, Worker};

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_flushed() {
    let desk = Desk::new();
    let mut open = desk.open();
    for seq in 1..=50 {
        let (run, head) = run_from(1, seq, &[say("anna", "still here?")], seq - 1);
        open.write(vec![Write::Run {
            group: hearth(),
            run,
            head,
            lease: lease(1),
        }])
        .await
        .unwrap();
        if seq % 10 == 0 {
            let left = desk.home.path().join(format!("left-{seq}.db"));
            copy_as_killed(&desk.file, &left);
            let Opened { saved, damaged, .. } = Store::open(&left).unwrap();
            assert_eq!(damaged, None);
            let stored = saved.groups[&hearth()].lines.values().next().unwrap().seq;
            assert_eq!(stored, Seq(seq));
        }
    }
}

#[tokio::test]
async fn what_was_submitted_is_written_even_if_the_handle_is_dropped_at_once() {
    let desk = Desk::new();
    let Opened {
        store, mut answers, ..
    } = desk.open();
    let writes = vec![Write::Clock(9)];
    store
        .submit(Job::Write {
            ticket: Ticket(1),
            writes,
        })
        .await
        .unwrap();
    drop(store);
    let written = timeout(PATIENCE, answers.recv()).await.unwrap();
    assert!(matches!(written, Some(Input::Written { .. })));
    assert!(
        timeout(PATIENCE, answers.recv()).await.unwrap().is_none(),
        "the thread has ended"
    );
    assert_eq!(desk.open().saved.clock, 9);
}

#[tokio::test]
async fn a_closed_store_takes_no_more() {
    let desk = Desk::new();
    let Opened { store, .. } = desk.open();
    let other = store.clone();
    store.close().await;
    let writes = vec![Write::Clock(9)];
    assert_eq!(
        other
            .submit(Job::Write {
                ticket: Ticket(1),
                writes
            })
            .await,
        Err(Closed)
    );
    other.close().await;
}

#[test]
fn a_full_disk_is_said_and_what_comes_after_it_is_written() {
    let desk = Desk::new();
    let (db, ..) = crate::store::open::open(&desk.file).unwrap();
    let mut worker = Worker::new(db);
    let long = "x".repeat(16_000);
    let put = |seq: u64| {
        let (run, head) = run_from(1, seq, &[say("anna", &long)], seq - 1);
        vec![Write::Run {
            group: hearth(),
            run,
            head,
            lease: lease(1),
        }]
    };
    assert_eq!(
        outcomes(&mut worker, [put(1), put(2)]),
        ["written", "written"]
    );
    let pages: u32 = worker
        .db
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    worker
        .db
        .pragma_update(None, "max_page_count", pages + 2)
        .unwrap();

    let small = vec![Write::Clock(1)];
    let told = outcomes(&mut worker, [put(3), put(4), small]);

    assert_eq!(told[0], "the disk is full");
    assert!(
        told[1].contains("begins at 4, but only 2 are stored"),
        "{told:?}"
    );
    assert_eq!(told[2], "written");
    worker
        .db
        .pragma_update(None, "max_page_count", 100_000)
        .unwrap();
    assert_eq!(
        outcomes(&mut worker, [put(3), put(4)]),
        ["written", "written"]
    );
}

#[test]
fn a_newer_version_s_file_is_refused_and_untouched() {
    let desk = Desk::new();
    drop(crate::store::open::open(&desk.file).unwrap());
    let newer = Connection::open(&desk.file).unwrap();
    newer
        .execute_batch("UPDATE format SET version = 99; PRAGMA user_version = 99")
        .unwrap();
    drop(newer);
    let before = std::fs::read(&desk.file).unwrap();

    let refused = Store::open(&desk.file).unwrap_err();

    assert!(
        refused
            .to_string()
            .contains("a newer fireside wrote it (format 99"),
        "{refused}"
    );
    assert_eq!(std::fs::read(&desk.file).unwrap(), before);
    assert_eq!(names(&desk), ["fireside.db"]);
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_and_stays() {
    let desk = Desk::new();
    std::fs::create_dir(&desk.file).unwrap();
    let refused = Store::open(&desk.file).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("cannot open the stored history"),
        "{refused}"
    );
    assert!(desk.file.is_dir());
    assert!(Store::open(&desk.home.path().join("nowhere").join("fireside.db")).is_err());
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_an_error_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::write(&desk.file, "secret").unwrap();
    std::fs::set_permissions(&desk.file, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::File::open(&desk.file).is_ok() {
        // Root reads everything: there is no such file for it.
        return;
    }
    let refused = Store::open(&desk.file).unwrap_err();
    assert!(
        refused.to_string().contains("check its permissions"),
        "{refused}"
    );
    assert_eq!(names(&desk), ["fireside.db"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_said_in_groups_is_for_the_owner_s_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let mut open = desk.open();
    open.write(vec![Write::Clock(1)]).await.unwrap();
    for name in names(&desk) {
        let mode = std::fs::metadata(desk.home.path().join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(names(&desk).len(), 3);
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_a_new_one_begun() {
    let desk = Desk::new();
    for n in 1..=2 {
        std::fs::write(&desk.file, "this is no database, and never was one").unwrap();
        let mut open = desk.open();
        let damaged = open.damaged.take().unwrap();
        let kept = format!("fireside.db.damaged-{n}");
        assert_eq!(damaged.moved_to, desk.home.path().join(&kept));
        assert!(damaged.to_string().contains(&kept), "{damaged}");
        assert!(
            std::fs::read_to_string(damaged.moved_to)
                .unwrap()
                .starts_with("this is")
        );
        open.write(vec![Write::Clock(9)]).await.unwrap();
        open.store.close().await;
        assert_eq!(desk.open().saved.clock, 9);
    }
}

#[tokio::test]
async fn a_log_damaged_under_our_hands_is_found_at_the_next_start() {
    let desk = Desk::new();
    fill(&desk, 400).await;
    let mut bytes = std::fs::read(&desk.file).unwrap();
    let damaged_page = page_of(&bytes, b"a line of some length 100 ").unwrap();
    bytes[damaged_page * 4096..][..2048].fill(0xAA);
    std::fs::write(&desk.file, bytes).unwrap();

    let mut open = desk.open();
    assert_eq!(open.damaged, None, "the page was not looked at");
    let epoch = Epoch {
        number: 1,
        host: key("anna"),
    };
    let (runs, _) = open.fetch(&[], &[(epoch, 400)]).await;
    let got: usize = runs.iter().map(|run| run.entries.len()).sum();
    assert!(got < 400, "{got}");
    open.store.close().await;

    assert!(desk.open().damaged.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_file_a_start_succeeds(
        cut in prop::option::of(0.0..1.0),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 0..6),
        header_flips in prop::collection::vec((0..100_usize, 0..8_u32), 0..3),
        killed in any::<bool>(),
        in_log in any::<bool>(),
    ) {
        let sound = sound_files();
        let desk = Desk::new();
        let wal = desk.home.path().join("fireside.db-wal");
        let (mut main, mut log) = if killed { sound.killed.clone() } else { (sound.closed.clone(), Vec::new()) };
        let target = if in_log && killed { &mut log } else { &mut main };
        for (index, bit) in flips {
            let at = index.index(target.len());
            target[at] ^= 1 << bit;
        }
        for (at, bit) in header_flips {
            target[at] ^= 1 << bit;
        }
        if let Some(part) = cut {
            let part: f64 = part;
            target.truncate((target.len() as f64 * part) as usize);
        }
        std::fs::write(&desk.file, main).unwrap();
        if killed {
            std::fs::write(wal, log).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut open = desk.open();
            let epoch = Epoch { number: 1, host: key("anna") };
            open.page(None, 50).await;
            open.fetch(&[], &[(epoch, 60)]).await;
            // A page damaged unseen may refuse it, but the store answers and lives.
            let _ = open.write(vec![Write::Clock(9)]).await;
            open.store.close().await;
        });
    }
}

/// What a clean end and a kill leave behind, made once for all cases.
struct Sound {
    closed: Vec<u8>,
    killed: (Vec<u8>, Vec<u8>),
}

fn sound_files() -> &'static Sound {
    static SOUND: std::sync::OnceLock<Sound> = std::sync::OnceLock::new();
    SOUND.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let desk = Desk::new();
            fill(&desk, 60).await;
            let closed = std::fs::read(&desk.file).unwrap();
            let mut open = desk.open();
            open.write(vec![Write::Clock(5), Write::Nick(nick("anna"))])
                .await
                .unwrap();
            let read =
                |suffix: &str| std::fs::read(format!("{}{suffix}", desk.file.display())).unwrap();
            Sound {
                closed,
                killed: (read(""), read("-wal")),
            }
        })
    })
}

async fn fill(desk: &Desk, lines: u64) {
    let mut open = desk.open();
    let words: Vec<_> = (1..=lines)
        .map(|n| say("anna", &format!("a line of some length {n} or so")))
        .collect();
    open.put(&run(1, 1, &words).0).await.unwrap();
    open.write(vec![
        Write::Group {
            group: hearth(),
            joined: true,
            lease: Some(lease(1)),
        },
        Write::Table(vec![listed("m1", true)]),
        Write::Record {
            record: GroupRecord {
                lease: lease(1),
                roster: vec![key("anna")],
                charter: None,
                quiet_ms: 0,
            },
            noted: Wall(1),
        },
    ])
    .await
    .unwrap();
    open.store.close().await;
}

fn outcomes<const N: usize>(worker: &mut Worker, writes: [Vec<Write>; N]) -> Vec<String> {
    let jobs = writes.map(|writes| Job::Write {
        ticket: Ticket(0),
        writes,
    });
    let outcome = |answer| match answer {
        Answer::Input(Input::Written { .. }) => "written".to_owned(),
        Answer::Input(Input::Unwritten { why, .. }) => why,
        Answer::Input(other) => panic!("{other:?}"),
        Answer::Page(..) | Answer::Told(_) | Answer::Scanned(_) => panic!("the past"),
    };
    worker.work(&jobs).into_iter().map(outcome).collect()
}

fn names(desk: &Desk) -> Vec<String> {
    let entries = std::fs::read_dir(desk.home.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The number of the page that holds `text`.
fn page_of(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes
        .windows(text.len())
        .position(|window| window == text)
        .map(|at| at / 4096)
}
