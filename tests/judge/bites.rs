//! Made-up histories: one that is good, and one for each thing that can be wrong with it.

use crate::judge::{Ending, Epoch, Fate, History, Kept, Life, Note, Person, Rule, Told, judge};

const ANNA: usize = 0;
const BOB: usize = 1;
const CAT: usize = 2;
const NAMES: [&str; 3] = ["anna", "bob", "cat"];

/// The last fault of every story is over at this time.
const HEALED_MS: u64 = 1_000;

/// A line of the story: its author, which of theirs, and its place.
type Line = (usize, u64, u64);

#[test]
fn a_good_history_is_believed() {
    believed(&good());
}

#[test]
fn a_confirmed_line_that_nobody_has_is_seen() {
    let mut history = good();
    for who in [ANNA, BOB, CAT] {
        forgets(&mut history, who, (ANNA, 1, 1));
        never_told(&mut history, who, (ANNA, 1, 1));
    }
    caught(&history, &[Rule::Lost]);
}

#[test]
fn a_confirmed_line_that_one_lacks_is_seen() {
    let mut history = good();
    forgets(&mut history, CAT, (ANNA, 1, 1));
    never_told(&mut history, CAT, (ANNA, 1, 1));
    caught(&history, &[Rule::Lost, Rule::Different]);
}

#[test]
fn a_line_that_was_told_and_is_not_kept_is_seen() {
    let mut history = good();
    for who in [ANNA, BOB, CAT] {
        forgets(&mut history, who, (BOB, 1, 2));
    }
    never_confirmed(&mut history, (BOB, 1, 2));
    history.people[BOB].fate = Fate::Gone(900);
    caught(&history, &[Rule::Lost]);
}

#[test]
fn a_line_is_excused_if_all_who_held_it_are_gone_for_good() {
    let mut history = good();
    for who in [ANNA, BOB, CAT] {
        forgets(&mut history, who, (ANNA, 1, 1));
        never_told(&mut history, who, (ANNA, 1, 1));
    }
    history.people[ANNA].fate = Fate::Gone(900);
    caught(&history, &[Rule::Lost]);
    history.people[BOB].fate = Fate::Gone(900);
    believed(&history);
    // Who had gone before it was confirmed did not hold it.
    history.people[BOB].fate = Fate::Gone(1);
    caught(&history, &[Rule::Lost]);
}

#[test]
fn a_line_that_somebody_away_has_is_not_lost() {
    let mut history = good();
    for who in [BOB, CAT] {
        forgets(&mut history, who, (ANNA, 1, 1));
        never_told(&mut history, who, (ANNA, 1, 1));
    }
    let Fate::There(log) = history.people[ANNA].fate.clone() else {
        unreachable!("she is there");
    };
    history.people[ANNA].fate = Fate::Away(log);
    believed(&history);
}

#[test]
fn a_place_that_only_somebody_away_has_is_not_another_place() {
    let mut history = good();
    let at = (2, 9);
    let (Fate::There(log) | Fate::Away(log)) = &mut history.people[ANNA].fate else {
        unreachable!("she is there");
    };
    let mut again = log
        .iter()
        .find(|kept| kept.text.is_some())
        .expect("one")
        .clone();
    again.is_shown = false;
    (again.epoch.number, again.seq) = at;
    let id = again.id.clone();
    log.push(again);
    let told = |note: &mut (u64, Note)| {
        if let (
            _,
            Note::Told(Told::Confirmed {
                id: of, epoch, seq, ..
            }),
        ) = note
            && *of == id
        {
            (*epoch, *seq) = at;
        }
    };
    let lives = history
        .people
        .iter_mut()
        .flat_map(|person| &mut person.lives);
    lives.for_each(|life| life.notes.iter_mut().for_each(told));
    let Fate::There(log) = history.people[ANNA].fate.clone() else {
        unreachable!("she is there");
    };
    caught(&history, &[Rule::Different]);
    history.people[ANNA].fate = Fate::Away(log);
    believed(&history);
}

#[test]
fn a_line_that_one_lacks_is_seen_though_it_is_not_confirmed() {
    let mut history = good();
    never_confirmed(&mut history, (BOB, 1, 2));
    history.people[BOB].fate = Fate::Gone(900);
    believed(&history);
    forgets(&mut history, CAT, (BOB, 1, 2));
    never_told(&mut history, CAT, (BOB, 1, 2));
    caught(&history, &[Rule::Different]);
}

#[test]
fn two_orders_of_the_same_lines_are_seen() {
    let mut history = good();
    for kept in log(&mut history, CAT) {
        kept.order = match kept.seq {
            1 => order(2),
            2 => order(1),
            seq => order(seq),
        };
    }
    caught(&history, &[Rule::Different]);
}

#[test]
fn an_authors_lines_out_of_order_are_seen() {
    let mut history = story(&[(ANNA, 2, 1), (ANNA, 1, 2)]);
    caught(&history, &[Rule::OutOfOrder]);
    // It is enough if one has them so.
    history = good();
    for kept in log(&mut history, BOB) {
        kept.order = order(10 - kept.seq);
    }
    caught(&history, &[Rule::Different, Rule::OutOfOrder]);
}

#[test]
fn a_line_that_moves_down_is_seen_and_one_that_moves_up_is_not() {
    let mut history = good();
    let line = (ANNA, 1, 1);
    tells(&mut history, BOB, 800, message(line, order(0)));
    believed(&history);
    tells(&mut history, BOB, 801, message(line, order(1)));
    caught(&history, &[Rule::OutOfOrder]);
}

#[test]
fn a_line_told_twice_is_seen() {
    let mut history = good();
    tells(&mut history, BOB, 800, message((ANNA, 1, 1), order(1)));
    caught(&history, &[Rule::Doubled]);
}

#[test]
fn a_line_may_be_told_again_in_the_next_life_if_the_last_one_was_cut_short() {
    let mut history = good();
    history.people[BOB].lives.push(Life {
        notes: vec![
            (2_000, Note::Told(Told::Joined(epoch(1)))),
            (2_001, Note::Told(message((ANNA, 1, 1), order(1)))),
        ],
        ending: None,
    });
    history.people[BOB].lives[0].ending = Some(Ending::Killed);
    believed(&history);
    history.people[BOB].lives[0].ending = Some(Ending::Clean);
    caught(&history, &[Rule::Doubled]);
}

#[test]
fn a_line_shown_twice_is_seen() {
    let mut history = good();
    for who in [ANNA, BOB, CAT] {
        let log = log(&mut history, who);
        let mut again = log[0].clone();
        (again.seq, again.order) = (9, order(9));
        log.push(again);
    }
    caught(&history, &[Rule::Doubled]);
    // A later place at which it is not shown is in order.
    for who in [ANNA, BOB, CAT] {
        let again = log(&mut history, who).last_mut().unwrap();
        again.is_shown = false;
    }
    believed(&history);
}

#[test]
fn one_line_under_two_ids_is_seen() {
    let mut history = good();
    let line = (ANNA, 1, 9);
    for who in [ANNA, BOB, CAT] {
        let mut again = message(line, order(9));
        if let Told::Message { id, .. } = &mut again {
            *id = "anna.7".to_owned();
        }
        tells(&mut history, who, 700, again);
        let mut again = kept(line);
        again.id = "anna.7".to_owned();
        log(&mut history, who).push(again);
    }
    let wrong = rules_of(&history);
    assert!(wrong.contains(&Rule::Doubled), "{wrong:?}");
}

#[test]
fn one_id_for_two_lines_is_seen() {
    let mut history = good();
    types(&mut history, ANNA, 10, "anna 7");
    let mut other = message((ANNA, 1, 1), order(0));
    if let Told::Message { text, .. } = &mut other {
        "anna 7".clone_into(text);
    }
    tells(&mut history, BOB, 800, other);
    caught(&history, &[Rule::Doubled]);
}

#[test]
fn a_line_that_nobody_typed_is_seen() {
    let mut history = good();
    let line = (ANNA, 7, 9);
    for who in [ANNA, BOB, CAT] {
        log(&mut history, who).push(kept(line));
    }
    caught(&history, &[Rule::Invented]);
    let mut history = good();
    for note in &mut history.people[CAT].lives[0].notes {
        if let Note::Told(Told::Message { author, text, .. }) = &mut note.1
            && text == "anna 1"
        {
            BOB_KEY.clone_into(author);
        }
    }
    let wrong = rules_of(&history);
    assert!(wrong.contains(&Rule::Invented), "{wrong:?}");
}

const BOB_KEY: &str = "key of bob";

#[test]
fn an_epoch_that_goes_back_is_seen_even_across_lives() {
    let mut history = good();
    for number in [3, 2] {
        tells(&mut history, CAT, 2_000, Told::Host(epoch(number)));
    }
    caught(&history, &[Rule::EpochBack]);
    let mut history = good();
    let last = history.people[CAT].lives.pop().unwrap();
    let first = Life {
        notes: vec![(1, Note::Told(Told::Joined(epoch(2))))],
        ending: Some(Ending::Killed),
    };
    history.people[CAT].lives = vec![first, last];
    caught(&history, &[Rule::EpochBack]);
}

#[test]
fn two_entries_in_one_place_are_seen() {
    let mut history = good();
    let Some(kept) = log(&mut history, CAT).last_mut() else {
        unreachable!("the story has lines");
    };
    kept.seq = 1;
    let wrong = rules_of(&history);
    assert!(wrong.contains(&Rule::TwoHosts), "{wrong:?}");
}

#[test]
fn two_hosts_of_one_number_are_seen_where_the_mesh_was_whole() {
    let mut history = good();
    let other = Epoch {
        number: 1,
        host: "zz".to_owned(),
    };
    tells(&mut history, CAT, 2_000, Told::Host(other));
    believed(&history);
    history.is_mesh_whole = true;
    caught(&history, &[Rule::TwoHosts]);
}

#[test]
fn an_own_line_without_an_answer_is_seen() {
    let mut history = good();
    never_confirmed(&mut history, (BOB, 1, 2));
    caught(&history, &[Rule::Unanswered]);
    // If the client died, the line may have died with it.
    let mut history = good();
    types(&mut history, BOB, 5, "bob 7");
    let sent = Told::Sent {
        id: "bob.7".to_owned(),
        text: "bob 7".to_owned(),
    };
    let first = Life {
        notes: vec![(5, Note::Told(sent))],
        ending: Some(Ending::Killed),
    };
    history.people[BOB].lives.insert(0, first);
    believed(&history);
    history.people[BOB].lives[0].ending = Some(Ending::Clean);
    caught(&history, &[Rule::Unanswered]);
}

#[test]
fn a_failed_line_that_is_there_is_seen() {
    let mut history = good();
    never_confirmed(&mut history, (BOB, 1, 2));
    let failed = Told::Failed {
        id: id((BOB, 1, 2)),
    };
    tells(&mut history, BOB, 900, failed);
    caught(&history, &[Rule::Unanswered]);
}

#[test]
fn a_line_that_somebody_present_never_heard_is_seen() {
    let mut history = good();
    never_told(&mut history, CAT, (BOB, 2, 4));
    caught(&history, &[Rule::Unheard]);
}

#[test]
fn a_line_confirmed_where_it_does_not_stand_is_seen() {
    let mut history = good();
    for note in &mut history.people[BOB].lives[0].notes {
        if let Note::Told(Told::Confirmed { seq, .. }) = &mut note.1 {
            *seq += 1;
        }
    }
    caught(&history, &[Rule::Different]);
}

#[test]
fn who_does_not_come_back_in_time_is_seen() {
    let mut history = good();
    let joined = |note: &Note| matches!(note, Note::Told(Told::Joined(_)));
    let notes = &mut history.people[CAT].lives[0].notes;
    notes.retain(|(_, note)| !joined(note));
    caught(&history, &[Rule::Unsettled]);
    tells(&mut history, CAT, 2_000, Told::Joined(epoch(1)));
    believed(&history);
    tells(&mut history, CAT, 2_001, Told::Left);
    caught(&history, &[Rule::Unsettled]);
    tells(&mut history, CAT, 10_000, Told::Joined(epoch(1)));
    caught(&history, &[Rule::Unsettled]);
}

#[test]
fn an_answer_that_comes_too_late_is_seen() {
    let mut history = good();
    for (at_ms, note) in &mut history.people[CAT].lives[0].notes {
        if matches!(note, Note::Told(Told::Confirmed { .. })) && *at_ms >= HEALED_MS {
            *at_ms += 10_000;
        }
    }
    caught(&history, &[Rule::Unsettled]);
}

/// Anna and bob and cat talk; bob and cat say something after the last fault as well.
fn good() -> History {
    story(&[
        (ANNA, 1, 1),
        (BOB, 1, 2),
        (ANNA, 2, 3),
        (BOB, 2, 4),
        (CAT, 1, 5),
    ])
}

/// Everybody is there from the beginning, and is told of all these lines; those from seq 4 on are typed after the
/// last fault.
fn story(lines: &[Line]) -> History {
    let mut history = History {
        people: Vec::new(),
        healed_ms: HEALED_MS,
        bound_ms: 5_000,
        is_mesh_whole: false,
    };
    for (who, name) in NAMES.iter().enumerate() {
        let mut notes = vec![(0, Note::Told(Told::Joined(epoch(1))))];
        let mut own: Vec<u64> = lines
            .iter()
            .filter(|line| line.0 == who)
            .map(|line| line.1)
            .collect();
        own.sort_unstable();
        for number in own {
            let line = *lines
                .iter()
                .find(|line| (line.0, line.1) == (who, number))
                .unwrap();
            let at_ms = said_ms(line);
            let sent = Told::Sent {
                id: id(line),
                text: text(line),
            };
            notes.push((at_ms, Note::Typed(text(line))));
            notes.push((at_ms, Note::Told(sent)));
        }
        for line in lines {
            let at_ms = said_ms(*line) + 10;
            notes.push((at_ms, Note::Told(message(*line, order(line.2)))));
            if line.0 == who {
                notes.push((at_ms + 10, Note::Told(confirmed(*line))));
            }
        }
        notes.sort_by_key(|(at_ms, _)| *at_ms);
        history.people.push(Person {
            name: (*name).to_owned(),
            key: format!("key of {name}"),
            lives: vec![Life {
                notes,
                ending: None,
            }],
            fate: Fate::There(lines.iter().copied().map(kept).collect()),
        });
    }
    history
}

fn said_ms((_, number, seq): Line) -> u64 {
    // By number within an author, so that what is typed first is typed first.
    let healed = if seq >= 4 { HEALED_MS } else { 0 };
    healed + 100 * number
}

fn message(line: Line, order: String) -> Told {
    Told::Message {
        id: id(line),
        author: format!("key of {}", NAMES[line.0]),
        text: text(line),
        epoch: epoch(1),
        seq: line.2,
        order,
    }
}

fn confirmed(line: Line) -> Told {
    Told::Confirmed {
        id: id(line),
        epoch: 1,
        seq: line.2,
        copies: 2,
    }
}

fn kept(line: Line) -> Kept {
    Kept {
        id: id(line),
        author: format!("key of {}", NAMES[line.0]),
        text: Some(text(line)),
        epoch: epoch(1),
        seq: line.2,
        order: order(line.2),
        is_shown: true,
    }
}

fn id((who, number, _): Line) -> String {
    format!("{}.{number}", NAMES[who])
}

fn text((who, number, _): Line) -> String {
    format!("{} {number}", NAMES[who])
}

fn order(seq: u64) -> String {
    format!("{seq:08}")
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        host: "aa".to_owned(),
    }
}

fn log(history: &mut History, who: usize) -> &mut Vec<Kept> {
    match &mut history.people[who].fate {
        Fate::There(log) | Fate::Away(log) => log,
        Fate::Gone(_) => unreachable!("they are there"),
    }
}

fn forgets(history: &mut History, who: usize, line: Line) {
    log(history, who).retain(|kept| kept.id != id(line));
}

fn never_told(history: &mut History, who: usize, line: Line) {
    let is = |note: &Note| matches!(note, Note::Told(Told::Message { id: told, .. }) if *told == id(line));
    let notes = &mut history.people[who].lives[0].notes;
    notes.retain(|(_, note)| !is(note));
}

fn never_confirmed(history: &mut History, line: Line) {
    let is = |note: &Note| matches!(note, Note::Told(Told::Confirmed { id: told, .. }) if *told == id(line));
    let notes = &mut history.people[line.0].lives[0].notes;
    notes.retain(|(_, note)| !is(note));
}

fn tells(history: &mut History, who: usize, at_ms: u64, told: Told) {
    let life = history.people[who].lives.last_mut().unwrap();
    life.notes.push((at_ms, Note::Told(told)));
}

fn types(history: &mut History, who: usize, at_ms: u64, text: &str) {
    let life = &mut history.people[who].lives[0];
    life.notes.push((at_ms, Note::Typed(text.to_owned())));
}

fn rules_of(history: &History) -> Vec<Rule> {
    let mut rules: Vec<_> = judge(history).into_iter().map(|wrong| wrong.rule).collect();
    rules.dedup();
    rules
}

fn believed(history: &History) {
    let wrong: Vec<_> = judge(history).iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// That exactly these rules are found broken.
fn caught(history: &History, rules: &[Rule]) {
    let wrong: Vec<_> = judge(history).iter().map(ToString::to_string).collect();
    assert_eq!(rules_of(history), rules, "{wrong:#?}");
}
