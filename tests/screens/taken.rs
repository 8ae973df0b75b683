//! A line of the log taken by keyboard: answered, quoted, copied, its link opened; mentions and what is unread.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fireside::proto::event::{Event, Standing};
use fireside::tui::press::Wish;

use crate::story::{Story, assert_screen};

fn hearth() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "bring wood",
        &[("anna", Standing::Host), ("mats", Standing::Heir)],
    );
    story.path("anna", fireside::proto::event::Path::Direct, None, 14);
    story
}

fn shift(story: &mut Story, code: KeyCode) -> Wish {
    press(story, code, KeyModifiers::SHIFT)
}

fn alt(story: &mut Story, c: char) -> Wish {
    press(story, KeyCode::Char(c), KeyModifiers::ALT)
}

fn plain(story: &mut Story, code: KeyCode) -> Wish {
    press(story, code, KeyModifiers::NONE)
}

fn press(story: &mut Story, code: KeyCode, modifiers: KeyModifiers) -> Wish {
    let now = story.now();
    story.app.press(now, KeyEvent::new(code, modifiers))
}

fn row(story: &mut Story, n: usize) -> String {
    let screen = story.screen(63, 10);
    screen.lines().nth(n).unwrap().trim_matches('|').to_owned()
}

/// The rows that are lit, without blanks around them.
fn lit(story: &mut Story) -> Vec<String> {
    let (buf, _) = story.draw(63, 10);
    // The first column is filled only on rows that are lit, and on the two bars.
    let ground = buf[(0, 1)].bg;
    (1..8)
        .filter(|y| buf[(62, *y)].bg != ground)
        .map(|y| {
            let row: String = (0..63).map(|x| buf[(x, y)].symbol().to_owned()).collect();
            row.trim().to_owned()
        })
        .collect()
}

#[test]
fn a_line_is_taken_by_keyboard_and_answered() {
    let mut story = hearth();
    story
        .say("anna", "who has the cups?")
        .say("bob", "not me")
        .type_text("I have");
    shift(&mut story, KeyCode::Up);
    assert_eq!(lit(&mut story), ["bob: not me"]);
    plain(&mut story, KeyCode::Up);
    assert_screen(
        &story.screen(80, 8),
        "
        | #hearth  bring wood                                           2 here           |
        | this is the beginning of #hearth                             │ ◆ anna          |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 anna: who has the cups?                                │                 |
        |       bob: not me                                            │                 |
        | anna  Enter answers, q quotes, c copies, o opens its link, Esc                 |
        | mats › I have                                                                  |
        ",
    );
    assert_eq!(lit(&mut story), ["19:04 anna: who has the cups?"]);
    plain(&mut story, KeyCode::Enter);
    assert_eq!(row(&mut story, 9).trim(), "mats › anna: I have");
    assert!(lit(&mut story).is_empty());
}

#[test]
fn a_taken_line_is_quoted_copied_and_its_link_opened() {
    let mut story = hearth();
    story.say("anna", "see https://hearth.example/wood\nand come");
    shift(&mut story, KeyCode::Up);
    assert_eq!(
        plain(&mut story, KeyCode::Char('c')),
        Wish::Copy("see https://hearth.example/wood\nand come".to_owned())
    );
    assert_eq!(row(&mut story, 8).trim(), "copied what anna said");
    shift(&mut story, KeyCode::Up);
    assert_eq!(
        plain(&mut story, KeyCode::Char('o')),
        Wish::Open("https://hearth.example/wood".to_owned())
    );
    shift(&mut story, KeyCode::Up);
    plain(&mut story, KeyCode::Char('q'));
    assert_eq!(
        row(&mut story, 7).trim(),
        "mats › > see https://hearth.example/wood"
    );
    assert_eq!(row(&mut story, 8).trim(), "> and come");
}

#[test]
fn another_key_lets_the_line_go_and_does_what_it_always_does() {
    let mut story = hearth();
    story.say("anna", "one");
    shift(&mut story, KeyCode::Up);
    story.type_text("hi");
    assert!(lit(&mut story).is_empty());
    assert_eq!(row(&mut story, 9).trim(), "mats › hi");
    shift(&mut story, KeyCode::Up);
    // Beyond the newest is the line being written.
    shift(&mut story, KeyCode::Down);
    assert!(lit(&mut story).is_empty());
    shift(&mut story, KeyCode::Up);
    plain(&mut story, KeyCode::Esc);
    assert!(lit(&mut story).is_empty());
    assert_eq!(row(&mut story, 9).trim(), "mats › hi");
}

#[test]
fn a_taken_line_is_held_while_others_come_and_it_finds_its_place() {
    let mut story = hearth();
    let sent = story.sent("mats", "mine, on its way");
    row(&mut story, 0);
    shift(&mut story, KeyCode::Up);
    story.say("anna", "another");
    let placed = story.placed(sent, "mine, on its way");
    story.tell(Event::Entry(placed));
    let held = lit(&mut story);
    assert!(held[0].contains("mats: mine, on its way"), "{held:?}");
    for n in 0..30 {
        story.say("anna", &format!("line {n}"));
    }
    // It is far above: a step from it brings its neighbour into view.
    plain(&mut story, KeyCode::Up);
    let held = lit(&mut story);
    assert!(held[0].contains("anna: another"), "{held:?}");
}

#[test]
fn what_hides_in_a_line_is_seen_while_it_is_taken() {
    let mut story = hearth();
    story.say("anna", "it was ||the gardener||");
    assert!(!story.screen(63, 10).contains("gardener"));
    shift(&mut story, KeyCode::Up);
    assert!(story.screen(63, 10).contains("it was ||the gardener||"));
    plain(&mut story, KeyCode::Esc);
    assert!(!story.screen(63, 10).contains("gardener"));
}

#[test]
fn mentions_and_the_first_unread_line_are_a_key_away() {
    let mut story = hearth();
    story.say("anna", "mats, the first");
    story.say("bob", "nothing");
    row(&mut story, 0);
    alt(&mut story, '1');
    for n in 0..20 {
        story.say("bob", &format!("line {n}"));
    }
    story.say("anna", "mats: the second");
    alt(&mut story, '2');
    row(&mut story, 0);
    alt(&mut story, 'u');
    let top: Vec<String> = (1..4)
        .map(|n| row(&mut story, n).trim().to_owned())
        .collect();
    assert!(
        top[0] == "bob: nothing" && top[1].contains("new") && top[2] == "bob: line 0",
        "{top:?}"
    );
    alt(&mut story, 'u');
    plain(&mut story, KeyCode::Esc);
    row(&mut story, 0);
    alt(&mut story, 'p');
    assert_eq!(lit(&mut story), ["anna: mats: the second"]);
    alt(&mut story, 'p');
    assert_eq!(lit(&mut story), ["19:04 anna: mats, the first"]);
    alt(&mut story, 'p');
    let told = "nobody mentions you before that; F4 looks everywhere";
    assert_eq!(row(&mut story, 8).trim(), told);
    assert_eq!(lit(&mut story), ["19:04 anna: mats, the first"]);
    alt(&mut story, 'n');
    assert_eq!(lit(&mut story), ["anna: mats: the second"]);
}
