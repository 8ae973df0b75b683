//! Searching the stored past: what is found, in which order, and that the index is never wrong.

use rusqlite::Connection;

use super::*;
use crate::proto::id::Place;
use crate::proto::past::{Part, Query, Term, Words};
use crate::store::{index, open, schema};

#[tokio::test]
async fn words_phrases_beginnings_and_authors_are_found_newest_first() {
    let desk = Desk::new();
    let mut open = desk.open();
    open.put(&talk().0).await.unwrap();
    for (words, expected) in [
        (terms("kettle"), "the kettle sings|The Kettle is on"),
        (terms("kettle sings"), "the kettle sings"),
        (terms("\u{e9}t\u{e9}"), "un \u{e9}t\u{e9} au coin du feu"),
        (terms("ete"), "un \u{e9}t\u{e9} au coin du feu"),
        (phrase("is on"), "The Kettle is on"),
        (phrase("on is"), ""),
        // Nobody said "kett": what begins like that is meant.
        (terms("kett"), "the kettle sings|The Kettle is on"),
        (terms("the"), "the kettle sings|The Kettle is on"),
        (without("kettle", "sings"), "The Kettle is on"),
        (from("bob", "kettle"), "the kettle sings"),
        (from("BOB", ""), "the kettle sings|lights a fire"),
        (from("rob", "kettle"), "the kettle sings"),
        (from("nobody", "kettle"), ""),
        (
            terms("\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} to all",
        ),
        (
            terms("\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}"),
            "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940} too",
        ),
        (terms("a\" OR text:b NEAR("), ""),
    ] {
        assert_eq!(
            open.found(&words, 10).await.join("|"),
            expected,
            "{words:?}"
        );
    }
    let one = open.found(&terms("kettle"), 1).await;
    assert_eq!(one, ["the kettle sings", "(more)"]);
}

#[tokio::test]
async fn only_the_group_that_is_meant_is_searched() {
    let desk = Desk::new();
    let mut open = desk.open();
    let (run, head) = talk();
    open.put(&run).await.unwrap();
    let group = GroupName::parse("#other").unwrap();
    let write = Write::Run {
        group: group.clone(),
        run,
        head,
        lease: lease(1),
    };
    open.write(vec![write]).await.unwrap();
    assert_eq!(open.found(&terms("kettle"), 10).await.len(), 4);
    let mut words = terms("kettle");
    words.group = Some(group.clone());
    assert_eq!(open.found(&words, 10).await.len(), 2);
    let to = group.tagged(&charter().hash());
    let rename = Write::Rename {
        group: group.clone(),
        to: to.clone(),
    };
    open.write(vec![rename]).await.unwrap();
    assert_eq!(open.found(&words, 10).await.len(), 0);
    words.group = Some(to);
    assert_eq!(open.found(&words, 10).await.len(), 2);
}

#[tokio::test]
async fn a_line_that_moves_is_found_once_where_it_stands() {
    let desk = Desk::new();
    let mut open = desk.open();
    let twice = entry(key("anna"), 1, text("the kettle is on"));
    open.put(&line_of(5, 1, &[(9, twice.clone())]))
        .await
        .unwrap();
    open.put(&line_of(4, 1, &[(3, twice)])).await.unwrap();
    let lines = open.lines(&terms("kettle"), 10).await.0;
    let epochs: Vec<u64> = lines.iter().map(|line| line.place.epoch.number).collect();
    assert_eq!(epochs, [4]);
    open.store.close().await;
    desk.check_index();
}

#[tokio::test]
async fn a_common_word_is_found_newest_first_over_many_lines() {
    common_over(7, 400).await;
}

#[tokio::test]
async fn a_common_word_is_found_newest_first_over_many_short_lines() {
    common_over(120, 10).await;
}

async fn common_over(lines: u64, length: u64) {
    let desk = Desk::new();
    let mut open = desk.open();
    // Lines that overlap in time: what is newest is now in one, now in another.
    for line in 1..=lines {
        let entries: Vec<(u64, Entry)> = (0..length)
            .map(|n| {
                let body = text(&format!("common {line}.{n}"));
                (
                    line + n * lines,
                    entry(key(&format!("a{line}")), n + 1, body),
                )
            })
            .collect();
        open.put(&line_of(line, 1, &entries)).await.unwrap();
    }
    let found = open.found(&terms("common"), 150).await;
    let expected: Vec<String> = (0..150)
        .map(|n| format!("common {}.{}", lines - n % lines, length - 1 - n / lines))
        .chain(["(more)".to_owned()])
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_a_file_of_version_three_has_is_found_after_some_steps() {
    let desk = Desk::new();
    let mut open = desk.open();
    for seq in 0..30 {
        let said: Vec<String> = (0..50).map(|n| format!("old {}", seq * 50 + n)).collect();
        let said: Vec<_> = said.iter().map(|text| say("anna", text)).collect();
        let run = run_from(1, seq * 50 + 1, &said, seq * 50).0;
        open.put(&run).await.unwrap();
    }
    open.store.close().await;
    let db = Connection::open(&desk.file).unwrap();
    db.execute_batch(
        "DROP TABLE search; DROP VIEW said; DROP TABLE indexing; DROP TABLE seen;
         ALTER TABLE groups DROP COLUMN lease_charter; ALTER TABLE lines DROP COLUMN lease_charter;
         ALTER TABLE records DROP COLUMN lease_charter;
         DROP TRIGGER shaping_come; DROP TRIGGER shaping_gone; DROP TABLE shaping; DROP TABLE verified;
         DROP TABLE burials; ALTER TABLE mesh DROP COLUMN liveness; ALTER TABLE mesh DROP COLUMN since;
         UPDATE format SET version = 3; PRAGMA user_version = 3",
    )
    .unwrap();
    drop(db);

    let (mut db, ..) = open::open(&desk.file).unwrap();
    assert!(!index::is_whole(&db).unwrap());
    let count = |db: &Connection| -> i64 {
        db.query_row(
            "SELECT count(*) FROM search WHERE search MATCH 'old'",
            [],
            |row| row.get(0),
        )
        .unwrap()
    };
    assert_eq!(count(&db), 0);
    let mut steps = 0;
    loop {
        let change = db.transaction().unwrap();
        let is_whole = index::step(&change).unwrap();
        change.commit().unwrap();
        steps += 1;
        if is_whole {
            break;
        }
        assert!(count(&db) > 0, "the newest come first");
    }
    assert_eq!(count(&db), 1_500);
    assert!((3..=5).contains(&steps), "{steps}");
    assert!(index::is_whole(&db).unwrap());
    drop(db);
    desk.check_index();

    // And by itself, while nobody asks for anything.
    let db = Connection::open(&desk.file).unwrap();
    index::reset(&db).unwrap();
    drop(db);
    let mut open = desk.open();
    let begun = std::time::Instant::now();
    while open.found(&terms("old"), 2_000).await.len() < 501
        || open.found(&terms("0"), 9).await.is_empty()
    {
        assert!(begun.elapsed() < PATIENCE, "the index is not made");
    }
}

#[tokio::test]
async fn a_damaged_index_is_made_anew_and_the_log_stays() {
    let desk = Desk::new();
    let mut open = desk.open();
    open.put(&talk().0).await.unwrap();
    open.store.close().await;
    let db = Connection::open(&desk.file).unwrap();
    db.execute(
        "UPDATE search_data SET block = x'00ff00ff00ff' WHERE id > 10",
        [],
    )
    .unwrap();
    drop(db);

    let mut open = desk.open();
    assert_eq!(open.damaged, None);
    let (reply, told) = oneshot::channel();
    let ask = Ask::Search {
        query: Query::Words(terms("kettle")),
        limit: 10,
    };
    let us = key("anna");
    open.store
        .submit(Job::Ask { ask, us, reply })
        .await
        .unwrap();
    let why = timeout(PATIENCE, told).await.unwrap().unwrap().unwrap_err();
    assert!(why.contains("is being made anew"), "{why}");
    let begun = std::time::Instant::now();
    while open.found(&terms("kettle"), 10).await.len() < 2 {
        assert!(begun.elapsed() < PATIENCE, "the index is not made");
    }
    open.store.close().await;
    assert_eq!(desk.open().damaged, None);
    desk.check_index();
}

#[tokio::test]
async fn a_line_is_written_though_the_index_is_damaged() {
    let desk = Desk::new();
    let mut open = desk.open();
    open.put(&talk().0).await.unwrap();
    open.store.close().await;
    let db = Connection::open(&desk.file).unwrap();
    db.execute(
        "UPDATE search_data SET block = x'ffffffff' WHERE id = 10",
        [],
    )
    .unwrap();
    drop(db);
    let mut open = desk.open();
    let stored = talk().0.entries.len() as u64;
    let run = run_from(1, stored + 1, &[say("anna", "still here")], stored).0;
    open.put(&run).await.unwrap();
    let begun = std::time::Instant::now();
    while open.found(&terms("still"), 10).await.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "the index is not made");
    }
    open.store.close().await;
    desk.check_index();
}

#[tokio::test]
async fn a_pattern_is_looked_for_in_steps_through_the_whole_log() {
    let desk = Desk::new();
    let mut open = desk.open();
    for part in 0..5 {
        let said: Vec<String> = (0..900).map(|n| format!("n{}", part * 900 + n)).collect();
        let said: Vec<_> = said.iter().map(|text| say("anna", text)).collect();
        open.put(&run_from(1, part * 900 + 1, &said, part * 900).0)
            .await
            .unwrap();
    }
    let pattern = Regex::new("^n[1-4]?000$").unwrap();
    let (mut found, mut before, mut steps) = (Vec::new(), None, 0);
    loop {
        let (reply, scanned) = oneshot::channel();
        let job = Job::Scan {
            group: hearth(),
            before,
            pattern: pattern.clone(),
            us: key("anna"),
            reply,
        };
        open.store.submit(job).await.unwrap();
        let (lines, next) = timeout(PATIENCE, scanned).await.unwrap().unwrap().unwrap();
        found.extend(texts(&lines));
        steps += 1;
        before = next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, ["n4000", "n3000", "n2000", "n1000"]);
    assert_eq!(steps, 3);
}

#[tokio::test]
async fn a_stretch_is_what_stands_around_a_place_or_a_moment() {
    let desk = Desk::new();
    let mut open = desk.open();
    let entries: Vec<(u64, Entry)> = (1..=100)
        .map(|n| (n, entry(key("anna"), n, text(&format!("{n}")))))
        .collect();
    let run = line_of(1, 1, &entries);
    open.put(&run).await.unwrap();
    let place = |seq: u64| Place {
        hlc: Hlc(seq),
        epoch: run.epoch,
        seq: Seq(seq),
    };
    let (lines, at, older, newer) = open.stretch(Part::At(place(50)), 10).await;
    assert_eq!(lines, "45 46 47 48 49 50 51 52 53 54");
    assert_eq!((at, older, newer), (Some(place(50)), true, true));
    let (lines, _, older, newer) = open.stretch(Part::Before(place(4)), 10).await;
    assert_eq!((lines.as_str(), older, newer), ("1 2 3", false, true));
    let (lines, _, older, newer) = open.stretch(Part::After(place(97)), 10).await;
    assert_eq!((lines.as_str(), older, newer), ("98 99 100", true, false));
    // All were placed in the first millisecond: what came later begins behind them.
    let (lines, at, ..) = open.stretch(Part::Moment(Wall(1)), 4).await;
    assert_eq!((lines.as_str(), at), ("99 100", Some(place(100))));
    let (lines, at, older, _) = open.stretch(Part::Moment(Wall(0)), 4).await;
    assert_eq!((lines.as_str(), at, older), ("1 2", Some(place(1)), false));
    let (lines, at, ..) = open.stretch(Part::Moment(Wall(u64::MAX)), 4).await;
    assert_eq!((lines.as_str(), at), ("99 100", Some(place(100))));
}

#[tokio::test]
async fn what_was_not_read_is_counted_over_restarts() {
    let desk = Desk::new();
    let mut open = desk.open();
    let entries: Vec<(u64, Entry)> = (1..=20)
        .map(|n| {
            let who = if n % 2 == 0 { "anna" } else { "bob" };
            let said = if n % 4 == 1 { "anna: tea?" } else { "hm" };
            (n, entry(key(who), n, text(said)))
        })
        .collect();
    let run = line_of(1, 1, &entries);
    open.put(&run).await.unwrap();
    let place = |seq: u64| Place {
        hlc: Hlc(seq),
        epoch: run.epoch,
        seq: Seq(seq),
    };
    assert_eq!(open.missed().await, (None, 0, 0), "nobody has looked yet");
    for upto in [place(8), place(3)] {
        let ask = Ask::Seen {
            group: hearth(),
            upto,
        };
        assert_eq!(open.ask(ask).await, None);
    }
    open.store.close().await;
    let mut open = desk.open();
    // Six of the twelve that follow are by others, and three of those name us.
    assert_eq!(open.missed().await, (Some(place(8)), 6, 3));
}

/// A short talk with everything in it.
fn talk() -> (Run, Hash) {
    run(
        1,
        1,
        &[
            ("anna", Body::Join { nick: nick("anna") }),
            ("bob", Body::Join { nick: nick("bob") }),
            say("anna", "The Kettle is on"),
            (
                "bob",
                Body::Action {
                    text: "lights a fire".to_owned(),
                },
            ),
            ("bob", Body::Nick { nick: nick("rob") }),
            say("bob", "the kettle sings"),
            say("anna", "un \u{e9}t\u{e9} au coin du feu"),
            say("anna", "\u{5e9}\u{5dc}\u{5d5}\u{5dd} to all"),
            say("anna", "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940} too"),
        ],
    )
}

fn terms(text: &str) -> Words {
    Words {
        terms: text.split(' ').map(Term::whole).collect(),
        ..Words::default()
    }
}

fn phrase(text: &str) -> Words {
    Words {
        terms: vec![Term::whole(text)],
        ..Words::default()
    }
}

fn without(text: &str, unwanted: &str) -> Words {
    let mut words = terms(text);
    words.terms.push(Term {
        is_unwanted: true,
        ..Term::whole(unwanted)
    });
    words
}

fn from(nick: &str, text: &str) -> Words {
    Words {
        terms: text.split_whitespace().map(Term::whole).collect(),
        from: Some(nick.to_owned()),
        ..Words::default()
    }
}

fn texts(lines: &[Line]) -> Vec<String> {
    let text = |line: &Line| match &line.what {
        What::Text(text) | What::Action(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    lines.iter().map(text).collect()
}

impl Opened {
    async fn ask(&mut self, ask: Ask) -> Option<Told> {
        let (reply, told) = oneshot::channel();
        let us = key("anna");
        self.store
            .submit(Job::Ask { ask, us, reply })
            .await
            .unwrap();
        timeout(PATIENCE, told).await.unwrap().unwrap().unwrap()
    }

    async fn lines(&mut self, words: &Words, limit: usize) -> (Vec<Line>, bool) {
        let query = Query::Words(words.clone());
        match self.ask(Ask::Search { query, limit }).await {
            Some(Told::Found { lines, more, .. }) => (lines, more),
            other => panic!("{other:?}"),
        }
    }

    async fn found(&mut self, words: &Words, limit: usize) -> Vec<String> {
        let (lines, more) = self.lines(words, limit).await;
        let mut texts = texts(&lines);
        texts.extend(more.then(|| "(more)".to_owned()));
        texts
    }

    async fn stretch(&mut self, part: Part, limit: usize) -> (String, Option<Place>, bool, bool) {
        let group = hearth();
        match self.ask(Ask::Stretch { group, part, limit }).await {
            Some(Told::Stretch {
                lines,
                at,
                older,
                newer,
                ..
            }) => (texts(&lines).join(" "), at, older, newer),
            other => panic!("{other:?}"),
        }
    }

    async fn missed(&mut self) -> (Option<Place>, u64, u64) {
        let ask = Ask::Missed {
            group: hearth(),
            words: vec!["anna".to_owned()],
        };
        match self.ask(ask).await {
            Some(Told::Missed {
                seen,
                lines,
                mentions,
                ..
            }) => (seen, lines, mentions),
            other => panic!("{other:?}"),
        }
    }
}

impl Desk {
    /// Compares the index with what it is about, word by word.
    pub(super) fn check_index(&self) {
        let db = Connection::open(&self.file).unwrap();
        while !index::step(&db).unwrap() {}
        db.execute(
            "INSERT INTO search (search, rank) VALUES ('integrity-check', 1)",
            [],
        )
        .expect("the index has what the log has, and nothing else");
    }
}

#[test]
fn the_index_is_found_wrong_if_it_is() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db, schema::MIGRATIONS).unwrap();
    db.execute_batch(
        "INSERT INTO entries VALUES (1, 1, 1, 1, 1, 1, 'text', NULL, x'', x'', 1, NULL, NULL);
         INSERT INTO search (rowid, text, who, whereabouts) VALUES (1, 'text', 'k1', 'g1');
         INSERT INTO search (search, rank) VALUES ('integrity-check', 1);
         UPDATE entries SET earliest = 0",
    )
    .unwrap();
    let check = "INSERT INTO search (search, rank) VALUES ('integrity-check', 1)";
    assert!(index::is_damage(&db.execute(check, []).unwrap_err()));
}
