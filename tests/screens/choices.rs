//! What a person chooses, finds and is asked: options, palette, people who are ignored, what calls.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::Standing;

use crate::story::{Story, assert_screen, group};

fn in_group() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "",
        &[
            ("anna", Standing::Host),
            ("mats", Standing::Heir),
            ("bob", Standing::Member),
        ],
    );
    story.app.take_commands().for_each(drop);
    story
}

fn bottom(story: &mut Story) -> (String, String) {
    let screen = story.screen(100, 20);
    let row = |n: usize| {
        let row = screen.lines().nth(n).unwrap().trim_matches('|');
        row.trim().trim_start_matches("mats ›").trim().to_owned()
    };
    (row(18), row(19))
}

fn press(story: &mut Story, keys: &[(KeyCode, KeyModifiers)]) {
    for (code, modifiers) in keys {
        story.key(*code, *modifiers);
    }
}

const fn alt(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), KeyModifiers::ALT)
}

const fn control(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), KeyModifiers::CONTROL)
}

const ENTER: (KeyCode, KeyModifiers) = (KeyCode::Enter, KeyModifiers::NONE);
const ESCAPE: (KeyCode, KeyModifiers) = (KeyCode::Esc, KeyModifiers::NONE);

#[test]
fn the_palette_finds_a_command_by_what_it_does_and_writes_it() {
    let mut story = in_group();
    press(&mut story, &[(KeyCode::F(1), KeyModifiers::NONE)]);
    assert!(story.screen(100, 20).contains("everything: type a part"));
    story.type_text("come into a group");
    let screen = story.screen(100, 20);
    assert!(screen.lines().nth(2).unwrap().contains("/join"), "{screen}");
    press(&mut story, &[ENTER]);
    assert_eq!(bottom(&mut story).1, "/join");
}

#[test]
fn a_narrow_palette_tells_below_what_the_lit_one_means() {
    let mut story = in_group();
    press(&mut story, &[(KeyCode::F(1), KeyModifiers::NONE)]);
    story.type_text("inv");
    assert_screen(
        &story.screen(40, 10),
        "
        | › inv                                  |
        |   /invite                              |
        |   /accept                              |
        |                                        |
        |                                        |
        |                                        |
        | make a link that leads others here, or |
        | send it to somebody                    |
        | ◆ anna · you are next                  |
        | ›                                      |
        ",
    );
}

#[test]
fn the_palette_does_what_a_key_does_and_leaves_what_was_written() {
    let mut story = in_group();
    story.type_text("half a thought");
    press(&mut story, &[(KeyCode::F(1), KeyModifiers::NONE)]);
    story.type_text("members");
    press(&mut story, &[ENTER]);
    assert!(!story.screen(100, 20).contains("3 here"));
    assert_eq!(bottom(&mut story).1, "half a thought");
    press(&mut story, &[(KeyCode::F(1), KeyModifiers::NONE)]);
    story.type_text("zzzz");
    assert!(story.screen(100, 20).contains("nothing is like that"));
    press(&mut story, &[ENTER]);
    assert_eq!(bottom(&mut story).1, "half a thought");
}

#[test]
fn the_switcher_shows_first_where_something_happened_and_finds_by_letters() {
    let mut story = in_group();
    for name in ["#erlang", "#attic"] {
        story
            .in_group(name)
            .joined("", &[("joe", Standing::Host), ("mats", Standing::Heir)]);
    }
    story.in_group("#erlang").say("joe", "mats, look");
    press(&mut story, &[alt('g')]);
    let screen = story.screen(100, 20);
    assert!(
        screen.lines().nth(2).unwrap().contains("#erlang"),
        "{screen}"
    );
    assert!(screen.lines().nth(2).unwrap().contains("@1"), "{screen}");
    story.type_text("hth");
    press(&mut story, &[ENTER]);
    assert!(bottom(&mut story).0.starts_with("◆ anna"));
    press(&mut story, &[alt('g'), ENTER]);
    assert!(bottom(&mut story).0.starts_with("◆ joe"));
}

#[test]
fn the_way_through_the_windows_leads_back_and_forward() {
    let mut story = in_group();
    story
        .in_group("#erlang")
        .joined("", &[("joe", Standing::Host), ("mats", Standing::Heir)]);
    press(&mut story, &[alt('1'), alt('<')]);
    assert!(bottom(&mut story).0.starts_with("◆ joe"));
    press(&mut story, &[alt('<')]);
    assert!(bottom(&mut story).0.starts_with("◆ anna"));
    press(&mut story, &[alt('>'), alt('>')]);
    assert!(bottom(&mut story).0.contains("linked to fra"));
    press(&mut story, &[alt('>')]);
    assert_eq!(bottom(&mut story).0, "no window after this one");
    press(
        &mut story,
        &[
            alt('j'),
            (KeyCode::Char('0'), KeyModifiers::NONE),
            (KeyCode::Char('2'), KeyModifiers::NONE),
        ],
    );
    assert!(bottom(&mut story).0.starts_with("◆ anna"));
    story.enter("/window move 1");
    assert!(story.screen(100, 20).contains("1 #hearth"));
}

#[test]
fn an_option_holds_at_once_and_a_wrong_one_is_explained() {
    let mut story = in_group();
    story.say("bob", "hello");
    assert!(story.screen(100, 20).contains("19:04"));
    assert_eq!(story.enter("/set clock 12h"), []);
    assert!(story.screen(100, 20).contains("7:04pm"));
    story.enter("/set clokc 24h");
    let (status, written) = bottom(&mut story);
    assert_eq!(
        status,
        "no option clokc: there is none like it; did you mean clock?"
    );
    assert_eq!(written, "");
}

#[test]
fn a_key_can_be_bound_to_a_command_of_ones_own_and_given_back() {
    let mut story = in_group();
    story.enter("/alias wave /me waves at $1");
    story.enter("/bind alt-w /wave bob");
    press(&mut story, &[alt('w')]);
    let waves = Command::Act {
        group: group("#hearth"),
        text: "waves at bob".to_owned(),
    };
    assert_eq!(story.app.take_commands().collect::<Vec<_>>(), [waves]);
    story.enter("/unbind Alt-W");
    press(&mut story, &[alt('w')]);
    assert_eq!(story.app.take_commands().count(), 0);
    story.enter("/set keys emacs");
    story.enter("sent before");
    press(&mut story, &[control('p'), control('p')]);
    assert_eq!(bottom(&mut story).1, "/set keys emacs");
    story.enter("x");
    story.enter("/bind alt-w udno");
    assert_eq!(
        bottom(&mut story).0,
        "nothing bound to alt-w: there is no action udno; did you mean undo?"
    );
}

#[test]
fn who_is_ignored_is_not_seen_until_asked_for_whatever_they_call_themselves() {
    let mut story = in_group();
    story
        .say("bob", "something rude")
        .say("anna", "something kind");
    story.enter("/ignore bob");
    story.say("bob", "mats, more of it");
    let screen = story.screen(100, 20);
    assert!(
        !screen.contains("rude") && !screen.contains("more of it"),
        "{screen}"
    );
    assert!(screen.contains("something kind"), "{screen}");
    press(&mut story, &[alt('=')]);
    let screen = story.screen(100, 20);
    assert!(
        screen.contains("something rude") && screen.contains("more of it"),
        "{screen}"
    );
    press(&mut story, &[alt('=')]);
    assert!(!story.screen(100, 20).contains("rude"));
    story.enter("/unignore bob");
    assert!(story.screen(100, 20).contains("something rude"));
}

#[test]
fn an_ignored_person_makes_no_window_urgent_and_neither_does_a_muted_group() {
    let mut story = in_group();
    story.in_group("#erlang").joined(
        "",
        &[
            ("bob", Standing::Host),
            ("mats", Standing::Heir),
            ("joe", Standing::Member),
        ],
    );
    story.enter("/ignore bob");
    story.enter("/mute");
    press(&mut story, &[alt('1')]);
    story.say("bob", "mats: hello");
    press(&mut story, &[alt('a')]);
    assert_eq!(bottom(&mut story).0, "nothing new anywhere");
    story.say("joe", "mats: hello");
    assert_eq!(story.app.title(), "home - fireside");
    story.enter("/notify #erlang all");
    story.say("joe", "mats: hello");
    assert_eq!(story.app.title(), "(1) home - fireside");
}

#[test]
fn a_word_of_ones_own_counts_as_a_mention() {
    let mut story = in_group();
    story.enter("/highlight kettle");
    story.enter("/highlight /wood(en)?/");
    press(&mut story, &[alt('1')]);
    story
        .say("bob", "put the Kettle on")
        .say("bob", "with wooden spoons");
    assert_eq!(story.app.title(), "(2) home - fireside");
}

#[test]
fn away_counts_what_would_have_called() {
    let mut story = in_group();
    story.enter("/away lunch");
    story.say("bob", "mats?").say("bob", "just talk");
    press(&mut story, &[ESCAPE]);
    assert_eq!(bottom(&mut story).0, "away: lunch · 1 for you · /back");
    story.enter("/back");
    assert_eq!(
        bottom(&mut story).0,
        "back; one line called you: Alt-A goes there"
    );
}

#[test]
fn a_long_paste_is_asked_about_and_written_as_one_text() {
    let mut story = in_group();
    story.app.paste("one\ntwo");
    assert_eq!(bottom(&mut story).1, "two");
    press(&mut story, &[control('c')]);
    story.app.paste("/quit\ntwo\nthree\n");
    assert_eq!(
        bottom(&mut story),
        (
            "3 lines pasted: Enter writes them, e edits them outside, Esc lets them go".to_owned(),
            String::new()
        )
    );
    press(&mut story, &[alt('1'), ESCAPE]);
    assert_eq!(bottom(&mut story).1, "");
    story.app.paste("/quit\ntwo\nthree\n");
    press(&mut story, &[ENTER]);
    assert_eq!(bottom(&mut story).1, "three");
    press(&mut story, &[ENTER]);
    assert!(story.screen(100, 20).contains("a pasted line is never run"));
    press(&mut story, &[ENTER]);
    let said = Command::Say {
        group: group("#hearth"),
        text: "/quit\ntwo\nthree".to_owned(),
    };
    assert_eq!(story.app.take_commands().collect::<Vec<_>>(), [said]);
}

#[test]
fn a_line_that_lost_its_slash_is_said_only_when_it_is_meant() {
    let mut story = in_group();
    for (line, looks) in [
        (
            "join #attic",
            "this looks like the command /join: Enter again says it",
        ),
        (
            " /msg #attic secret",
            "this looks like a command behind blanks: Enter again says it",
        ),
        (
            "quit",
            "this looks like the command /quit: Enter again says it",
        ),
    ] {
        assert_eq!(story.enter(line), []);
        assert_eq!(bottom(&mut story).0, looks);
        press(&mut story, &[ENTER]);
        let said = Command::Say {
            group: group("#hearth"),
            text: line.trim().to_owned(),
        };
        assert_eq!(story.app.take_commands().collect::<Vec<_>>(), [said]);
    }
}

#[test]
fn what_was_sent_is_found_again_here_anywhere_and_one_after_the_other() {
    let mut story = in_group();
    for line in ["one", "two", "three"] {
        story.enter(line);
    }
    press(&mut story, &[alt('1')]);
    press(&mut story, &[(KeyCode::Up, KeyModifiers::CONTROL)]);
    assert_eq!(bottom(&mut story).1, "three");
    press(&mut story, &[control('u'), alt('2')]);
    let up = (KeyCode::Up, KeyModifiers::NONE);
    press(&mut story, &[up, up, up, control('o')]);
    assert_eq!(bottom(&mut story).1, "two");
    press(&mut story, &[control('o')]);
    assert_eq!(bottom(&mut story).1, "three");
}

#[test]
fn help_explains_commands_and_options_and_says_what_is_near() {
    let mut story = in_group();
    story.enter("/help notify-by");
    assert!(story.screen(100, 20).contains("notify-by = auto (usual)"));
    story.enter("/help CAP");
    let screen = story.screen(100, 20);
    let mut rows = screen.lines();
    assert!(rows.any(|row| row.contains("pick two")), "{screen}");
    assert!(
        rows.nth(8)
            .is_some_and(|row| row.contains("the later topic holds")),
        "ten rows, none of them broken: {screen}"
    );
    story.enter("/help ingore");
    assert_eq!(
        bottom(&mut story).0,
        "no /ingore: there is no such command; did you mean /ignore?"
    );
}
