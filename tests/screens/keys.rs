//! Keys pressed, and what comes of them: commands, windows, completion, warnings.

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Standing};

use crate::story::{Story, assert_screen, group};

fn two_groups() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "",
        &[
            ("anna", Standing::Host),
            ("mats", Standing::Heir),
            ("bob", Standing::Member),
        ],
    );
    story
        .in_group("#erlang")
        .joined("", &[("joe", Standing::Host), ("mats", Standing::Heir)]);
    story.app.take_commands().for_each(drop);
    story
}

fn status(story: &mut Story) -> String {
    let screen = story.screen(120, 12);
    screen
        .lines()
        .nth(10)
        .unwrap()
        .trim_matches(['|', ' '])
        .to_owned()
}

fn written(story: &mut Story) -> String {
    let screen = story.screen(120, 12);
    let line = screen.lines().nth(11).unwrap();
    line.trim_start_matches("| mats ›")
        .trim_end_matches('|')
        .trim()
        .to_owned()
}

fn control(story: &mut Story, c: char) {
    story.key(KeyCode::Char(c), KeyModifiers::CONTROL);
}

#[test]
fn a_line_goes_to_the_group_in_view() {
    let mut story = two_groups();
    let say = |name: &str, text: &str| Command::Say {
        group: group(name),
        text: text.to_owned(),
    };
    assert_eq!(story.enter("hello"), [say("#erlang", "hello")]);
    assert_eq!(
        story.enter("/msg #hearth hello there"),
        [say("#hearth", "hello there")]
    );
    control(&mut story, 'p');
    assert_eq!(story.enter("//slash"), [say("#hearth", "/slash")]);
}

#[test]
fn a_mistyped_command_stays_in_the_line_and_is_explained() {
    let mut story = two_groups();
    assert_eq!(story.enter("/jion #x"), []);
    assert_eq!(
        status(&mut story),
        "no /jion: there is no such command; did you mean /join?"
    );
    assert_eq!(written(&mut story), "/jion #x");
    assert_eq!(story.enter("y"), []);
    control(&mut story, 'u');
    assert_eq!(status(&mut story), "◆ joe · you are next");
}

#[test]
fn on_a_narrow_screen_what_to_try_is_told_on_further_rows() {
    let mut story = two_groups();
    story
        .say("joe", "one")
        .say("joe", "two")
        .say("joe", "three");
    story.enter("/jion #x");
    assert_screen(
        &story.screen(40, 7),
        "| #erlang                                |
         |19:04 joe: one                          |
         |      joe: two                          |
         |      joe: three                        |
         | no /jion: there is no such command;    |
         | did you mean /join?                    |
         | › /jion #x                             |",
    );
    assert_screen(
        &story.screen(20, 6),
        "| #erlang            |
         |joe: two            |
         |joe: three          |
         | no /jion: there is |
         | no such command; … |
         | › /jion #x         |",
    );
    story.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
    assert_screen(
        &story.screen(40, 5),
        "| #erlang                                |
         |      joe: two                          |
         |      joe: three                        |
         | ◆ joe · you are next                   |
         | ›                                      |",
    );
}

#[test]
fn joining_where_we_are_goes_there_and_a_group_opens_in_view_when_it_was_asked_for() {
    let mut story = two_groups();
    assert_eq!(story.enter("/join #hearth"), []);
    assert!(status(&mut story).starts_with("◆ anna"));
    assert_eq!(
        story.enter("/j attic"),
        [Command::Join {
            group: group("#attic")
        }]
    );
    story.tell(Event::Opened {
        group: group("#attic"),
        topic: String::new(),
        restored: false,
    });
    assert_eq!(status(&mut story), "looking for #attic");
}

#[test]
fn each_window_keeps_the_line_that_was_being_written_there() {
    let mut story = two_groups();
    story.type_text("half a thou");
    story.key(KeyCode::Char('2'), KeyModifiers::ALT);
    assert_eq!(written(&mut story), "");
    story.key(KeyCode::Char('/'), KeyModifiers::ALT);
    assert_eq!(written(&mut story), "half a thou");
}

#[test]
fn tab_completes_and_shows_the_choices() {
    let mut story = two_groups();
    control(&mut story, 'p');
    story.type_text("an").key(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(written(&mut story), "anna:");
    story
        .type_text("/")
        .key(KeyCode::Backspace, KeyModifiers::NONE);
    control(&mut story, 'u');
    story
        .type_text("/theme a")
        .key(KeyCode::Tab, KeyModifiers::NONE);
    let screen = story.screen(120, 12);
    let row = |n: usize| {
        screen
            .lines()
            .nth(n)
            .unwrap()
            .chars()
            .skip(15)
            .take(6)
            .collect::<String>()
    };
    assert_eq!([row(8), row(9)], [" ash  ", " ansi "], "{screen}");
    story.key(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(written(&mut story), "/theme ansi");
}

#[test]
fn a_search_finds_what_was_sent_before() {
    let mut story = two_groups();
    for line in ["the first fire", "another line", "the second fire"] {
        story.enter(line);
    }
    story.type_text("half");
    control(&mut story, 'r');
    story.type_text("fire");
    assert_eq!(written(&mut story), "the second fire");
    control(&mut story, 'r');
    assert_eq!(written(&mut story), "the first fire");
    control(&mut story, 'r');
    assert_eq!(
        status(&mut story),
        "sent before: fire is in none  Ctrl-R older, Enter sends, Esc keeps it, Ctrl-C does not"
    );
    control(&mut story, 'c');
    assert_eq!(written(&mut story), "half");
    control(&mut story, 'r');
    story.type_text("fire");
    control(&mut story, 'g');
    assert_eq!(written(&mut story), "half");
}

#[test]
fn a_search_that_is_faster_than_the_disk_finds_what_was_sent_in_the_last_life() {
    let mut story = two_groups();
    control(&mut story, 'r');
    story.type_text("before");
    assert_eq!(written(&mut story), "");
    let window = "#erlang".to_owned();
    story.app.remember(vec![(window, "said before".to_owned())]);
    assert_eq!(written(&mut story), "said before");
}

#[test]
fn ctrl_c_clears_and_then_quits_only_when_it_is_meant() {
    let mut story = two_groups();
    story.type_text("oh no");
    control(&mut story, 'c');
    assert_eq!(written(&mut story), "");
    control(&mut story, 'd');
    control(&mut story, 'c');
    assert_eq!(
        status(&mut story),
        "Ctrl-C again quits and hands over what you keep"
    );
    story
        .type_text("x")
        .key(KeyCode::Backspace, KeyModifiers::NONE);
    control(&mut story, 'c');
    assert_eq!(story.app.take_commands().count(), 0);
    control(&mut story, 'c');
    let quit = Command::Quit { why: String::new() };
    assert_eq!(story.app.take_commands().collect::<Vec<_>>(), [quit]);
    assert_eq!(status(&mut story), "leaving: handing over what you keep");
    assert!(!story.app.is_over());
    story.tell(Event::Bye);
    assert!(story.app.is_over());
}

#[test]
fn the_next_active_window_is_the_one_that_needs_us_most() {
    let mut story = two_groups();
    story
        .in_group("#attic")
        .joined("", &[("kim", Standing::Host), ("mats", Standing::Heir)]);
    story.key(KeyCode::Char('1'), KeyModifiers::ALT);
    story.in_group("#hearth").say("bob", "just talk");
    story.in_group("#attic").say("kim", "Mats, help");
    let next = (KeyCode::Char('a'), KeyModifiers::ALT);
    story.key(next.0, next.1);
    assert!(status(&mut story).starts_with("◆ kim"));
    story.key(next.0, next.1);
    assert!(status(&mut story).starts_with("◆ anna"));
    story.key(next.0, next.1);
    assert_eq!(status(&mut story), "nothing new anywhere");
}

#[test]
fn a_click_on_a_group_goes_there() {
    let mut story = two_groups();
    story.screen(120, 12);
    story.app.point(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 5,
        row: 2,
        modifiers: KeyModifiers::NONE,
    });
    assert!(status(&mut story).starts_with("◆ anna"));
}

#[test]
fn themes_change_at_once_and_an_unknown_one_is_explained() {
    let mut story = two_groups();
    let before = story.draw(120, 12).0;
    story.enter("/theme ash");
    assert_ne!(story.draw(120, 12).0, before);
    story.enter("/theme mauve");
    assert_eq!(
        status(&mut story),
        "there is no theme mauve: there are ember, ash, solar, frost, contrast, ansi, mono"
    );
}

#[test]
fn columns_fold_and_unfold_by_key() {
    let mut story = two_groups();
    assert!(story.screen(120, 12).contains("fireside"));
    story.key(KeyCode::F(7), KeyModifiers::NONE);
    assert!(!story.screen(120, 12).contains("fireside"));
    story.key(KeyCode::F(7), KeyModifiers::NONE);
    assert!(story.screen(60, 12).contains("fireside"));
}

#[test]
fn names_are_told_when_they_were_asked_for() {
    let mut story = two_groups();
    assert_eq!(
        story.enter("/names"),
        [Command::Names {
            group: group("#erlang")
        }]
    );
    story
        .people(&[("joe", Standing::Host), ("mats", Standing::Heir)])
        .away(&["joe"]);
    assert!(story.screen(120, 12).contains("2 members: ◆ joe, ◇ mats"));
}
