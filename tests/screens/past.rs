//! Looking for something in the past, going there, and coming back; and where somebody stopped reading.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Standing, What};
use fireside::proto::past::{Ask, Part, Query, Told};

use crate::story::{Story, assert_screen, group, nick};

/// Mats with some lines of an old evening on disk, and this one on the screen.
fn evening() -> (Story, Vec<Line>) {
    let mut story = Story::of("mats");
    story.in_group("#hearth");
    story.clock -= 3 * 24 * 60 * 60_000;
    let old: Vec<Line> = (0..40)
        .map(|n| {
            story.minutes(1);
            story.line("joe", What::Text(format!("old line {n}, and a kettle")))
        })
        .collect();
    story.clock += 3 * 24 * 60 * 60_000;
    story.joined(
        "bring wood",
        &[("anna", Standing::Host), ("mats", Standing::Heir)],
    );
    story.say("anna", "is there tea?");
    story.app.take_commands().for_each(drop);
    (story, old)
}

fn asked(commands: &[Command]) -> Ask {
    let asks: Vec<&Ask> = commands
        .iter()
        .filter_map(|command| {
            let Command::Past(ask) = command else {
                return None;
            };
            Some(ask)
        })
        .collect();
    let [ask] = asks.as_slice() else {
        panic!("{commands:?}");
    };
    (*ask).clone()
}

fn search(story: &mut Story, typed: &str, found: &[Line]) {
    let commands = story.enter(typed);
    let Ask::Search { query, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    found_by(story, query, found);
}

fn found_by(story: &mut Story, query: Query, found: &[Line]) {
    let lines = found.iter().rev().cloned().collect();
    story.tell(Event::Past(Told::Found {
        query,
        lines,
        more: false,
    }));
}

#[test]
fn what_is_found_is_listed_gone_to_and_come_back_from() {
    let (mut story, old) = evening();
    search(&mut story, "/search kettle", &old[17..20]);
    assert_screen(
        &story.screen(80, 10),
        "
        | find kettle                                                            3 lines |
        | 2026-11-17 19:24 #hearth    joe          old line 19, and a kettle             |
        | 2026-11-17 19:23 #hearth    joe          old line 18, and a kettle             |
        | 2026-11-17 19:22 #hearth    joe          old line 17, and a kettle             |
        |                                                                                |
        |                                                                                |
        |                                                                                |
        |                                                                                |
        |                                                                                |
        | Enter goes there, Esc returns here and then back; Up, Down: which one          |
        ",
    );
    story.key(KeyCode::Down, KeyModifiers::NONE);
    story.key(KeyCode::Enter, KeyModifiers::NONE);
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Stretch { part, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    assert_eq!(part, Part::At(old[18].place));
    story.tell(Event::Past(Told::Stretch {
        group: group("#hearth"),
        part,
        lines: old[10..26].to_vec(),
        at: Some(old[18].place),
        older: true,
        newer: true,
    }));
    let screen = story.screen(60, 12);
    assert!(
        screen.contains("joe: old line 18, and a kettle"),
        "{screen}"
    );
    assert!(screen.contains("Esc: what else was found"), "{screen}");
    assert!(!screen.contains("is there tea?"), "{screen}");

    // What arrives meanwhile waits at the end of the log.
    story.say("anna", "there is tea");
    assert!(!story.screen(60, 12).contains("there is tea"));
    story.key(KeyCode::Esc, KeyModifiers::NONE);
    assert!(story.screen(80, 10).contains("3 lines"));
    story.key(KeyCode::Esc, KeyModifiers::NONE);
    let screen = story.screen(60, 12);
    assert!(screen.contains("there is tea"), "{screen}");
    assert!(!screen.contains("kettle"), "{screen}");
}

#[test]
fn reading_on_from_what_was_found_ends_at_the_end_of_the_log() {
    let (mut story, old) = evening();
    story.screen(60, 12);
    story.enter("/goto 2026-11-17 19:14");
    let at = old[9].place;
    let part = Part::Moment(old[9].at);
    story.tell(Event::Past(Told::Stretch {
        group: group("#hearth"),
        part,
        lines: old[5..20].to_vec(),
        at: Some(at),
        older: true,
        newer: true,
    }));
    let screen = story.screen(60, 12);
    assert!(screen.contains("old line 10"), "{screen}");
    for _ in 0..3 {
        story.key(KeyCode::PageDown, KeyModifiers::NONE);
    }
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Stretch { part, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    assert_eq!(part, Part::After(old[19].place));
    story.tell(Event::Past(Told::Stretch {
        group: group("#hearth"),
        part,
        lines: old[20..].to_vec(),
        at: None,
        older: true,
        newer: false,
    }));
    story.screen(60, 12);
    for _ in 0..10 {
        story.key(KeyCode::PageDown, KeyModifiers::NONE);
    }
    let screen = story.screen(60, 12);
    assert!(screen.contains("is there tea?"), "{screen}");
    assert!(!screen.contains("Esc"), "{screen}");
}

#[test]
fn what_is_typed_is_looked_for_as_it_is_typed() {
    let (mut story, old) = evening();
    story.key(KeyCode::Char('s'), KeyModifiers::CONTROL);
    assert_eq!(story.app.take_commands().count(), 0, "nothing is typed yet");
    story.type_text("k");
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Search { query, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    assert_eq!(query.to_string(), "k in:#hearth");
    story.type_text("ettle");
    assert_eq!(story.app.take_commands().count(), 0, "one answer at a time");
    found_by(&mut story, query, &[]);
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Search { query, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    assert_eq!(query.to_string(), "kettle in:#hearth");
    found_by(&mut story, query, &old);
    let screen = story.screen(80, 8);
    assert!(screen.contains("find kettle in:#hearth"), "{screen}");
    assert!(screen.contains("40 lines"), "{screen}");
    for _ in 0.."kettle".len() + 1 {
        story.key(KeyCode::Backspace, KeyModifiers::NONE);
    }
    let screen = story.screen(80, 8);
    assert!(
        screen.contains("find ") && !screen.contains("kettle"),
        "{screen}"
    );
}

#[test]
fn what_was_missed_begins_with_a_rule_that_says_how_much_it_is() {
    let mut story = Story::of("mats");
    story.in_group("#hearth");
    story.tell(Event::Opened {
        group: group("#hearth"),
        topic: String::new(),
        restored: true,
    });
    let commands: Vec<Command> = story.app.take_commands().collect();
    assert!(matches!(asked(&commands), Ask::Missed { words, .. } if words == ["mats"]));
    let lines: Vec<Line> = (0..3)
        .map(|n| story.line("anna", What::Text(format!("stored {n}"))))
        .collect();
    let seen = Some(lines[0].place);
    story.tell(Event::History {
        group: group("#hearth"),
        lines,
        more: false,
    });
    story.tell(Event::Past(Told::Missed {
        group: group("#hearth"),
        seen,
        lines: 2,
        mentions: 0,
    }));
    for n in 0..2 {
        let line = story.line("anna", What::Text(format!("brought {n}")));
        story.tell(Event::Entry(Line {
            history: true,
            ..line
        }));
    }
    assert_screen(
        &story.screen(50, 12),
        "
        | #hearth                                          |
        |this is the beginning of #hearth                  |
        |                                                  |
        |─── Friday, 20 November 2026 ─────────────────────|
        |19:04 anna: stored 0                              |
        |─── 4 lines while you were away ────────── new ───|
        |      anna: stored 1                              |
        |      anna: stored 2                              |
        |      anna: brought 0                             |
        |      anna: brought 1                             |
        | looking for #hearth                              |
        | mats ›                                           |
        ",
    );
    story.enter("/win 1");
    let commands = story.enter("/quit");
    assert!(
        !commands
            .iter()
            .any(|command| matches!(command, Command::Past(_))),
        "what was left was remembered then"
    );
}

#[test]
fn what_was_read_is_remembered_when_one_leaves() {
    let (mut story, _) = evening();
    let last = story.line("anna", What::Text("the last".to_owned()));
    let place = last.place;
    story.tell(Event::Entry(last));
    let commands = story.enter("/quit");
    let [Command::Past(Ask::Seen { upto, .. }), Command::Quit { .. }] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(*upto, place);
}

#[test]
fn what_a_pattern_or_a_word_of_ours_means_is_told_as_said_to_us() {
    let (mut story, old) = evening();
    story.enter("/highlight wood");
    story.enter("/highlight /te+a/");
    story.minutes(1).say("anna", "more teeea");
    story.key(KeyCode::F(4), KeyModifiers::NONE);
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Search { query, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    let Query::Words(words) = &query else {
        panic!("{query}");
    };
    let terms: Vec<&str> = words.terms.iter().map(|term| term.text.as_str()).collect();
    assert_eq!(terms, ["mats", "wood"]);
    let mut stored = old[0].clone();
    stored.what = What::Text("bring wood".to_owned());
    found_by(&mut story, query, &[stored]);
    let screen = story.screen(80, 8);
    let told: Vec<&str> = ["more teeea", "is there tea?", "bring wood"]
        .into_iter()
        .filter(|text| screen.contains(text))
        .collect();
    assert_eq!(told.len(), 3, "{screen}");
    let at = |text: &str| screen.find(text);
    assert!(at("more teeea") < at("is there tea?") && at("is there tea?") < at("bring wood"));
}

#[test]
fn mentions_come_from_everywhere_and_name_us() {
    let (mut story, old) = evening();
    story.enter("/ignore anna");
    story.key(KeyCode::F(4), KeyModifiers::NONE);
    let commands: Vec<Command> = story.app.take_commands().collect();
    let Ask::Search { query, .. } = asked(&commands) else {
        panic!("{commands:?}");
    };
    let Query::Words(words) = &query else {
        panic!("{query}");
    };
    assert_eq!(words.terms[0].text, nick("mats").as_str());
    assert!(words.by_others && words.group.is_none());
    let mut line = old[0].clone();
    line.what = What::Text("mats: \u{1b}[31mred?\u{202e}".to_owned());
    line.group = group("#elsewhere");
    let mut ignored = story.line("anna", What::Text("mats: here I am".to_owned()));
    ignored.history = true;
    found_by(&mut story, query, &[line, ignored]);
    let screen = story.screen(80, 6);
    assert!(screen.contains("said to you"), "{screen}");
    assert!(
        screen.contains("1 line ") && screen.contains("mats: "),
        "{screen}"
    );
    assert!(
        !screen.contains("here I am"),
        "nor who is ignored: {screen}"
    );
    assert!(
        !screen.contains('\u{1b}') && !screen.contains('\u{202e}'),
        "{screen}"
    );
    story.key(KeyCode::Enter, KeyModifiers::NONE);
    let screen = story.screen(80, 6);
    assert!(
        screen.contains("you are not in #elsewhere: /join #elsewhere first"),
        "{screen}"
    );
}

#[test]
fn what_runs_from_right_to_left_is_set_apart_in_what_is_found_and_in_choices() {
    let (mut story, mut lines) = evening();
    let hebrew = "\u{5e7}\u{5d5}\u{5de}\u{5e7}\u{5d5}\u{5dd}";
    lines[0].what = What::Text(format!("{hebrew} kettle"));
    search(&mut story, "/search kettle", &lines[..1]);
    let rtl = |story: &mut Story| {
        story.draw(100, 12);
        let strips = story.app.strips().iter();
        let strips = strips.filter(|strip| strip.is_rtl);
        strips.map(|strip| strip.columns).collect::<Vec<_>>()
    };
    assert_eq!(rtl(&mut story), [6 + 7]);
    story.key(KeyCode::Esc, KeyModifiers::NONE);
    // A list over what is written there covers it.
    story.say("anna", hebrew).say("anna", hebrew);
    assert_eq!(rtl(&mut story).len(), 2);
    story.type_text("/").key(KeyCode::Tab, KeyModifiers::NONE);
    assert!(rtl(&mut story).is_empty());
}
