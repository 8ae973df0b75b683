//! Literal screens: what stands in which cell, wide and narrow, empty and busy.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Loss, MeshState, Path, Standing, Tenure, What};

use crate::story::{Story, assert_screen, group, id, nick};

/// Anna hosts, bob holds a copy, we are mats.
fn hearth() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "bring wood",
        &[
            ("anna", Standing::Host),
            ("bob", Standing::Heir),
            ("mats", Standing::Member),
            ("eve", Standing::Member),
        ],
    );
    story.path("anna", Path::Relayed, Some("fra"), 61);
    story
}

fn alt(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), KeyModifiers::ALT)
}

#[test]
fn an_empty_screen_says_how_to_begin() {
    let mut story = Story::of("mats");
    assert_screen(
        &story.screen(60, 12),
        "
        | home  what concerns the machine                            |
        |fireside                                                    |
        |                                                            |
        |/join #hearth   come into a group, or found it              |
        |/help           what can be typed                           |
        |F1              the same, and the keys                      |
        |                                                            |
        |                                                            |
        |─── Friday, 20 November 2026 ───────────────────────────────|
        |19:04 · linked to fra at 192.0.2.7:7700                     |
        | mats · linked to fra                                       |
        | mats ›                                                     |
        ",
    );
}

#[test]
fn a_wide_screen_has_groups_log_and_members() {
    let mut story = hearth();
    story
        .away(&["eve"])
        .say("anna", "the kettle is on")
        .kept("mats", "coming", 2);
    story.minutes(1).say("bob", "mats: bring your cup");
    story
        .in_group("#erlang")
        .joined("", &[("joe", Standing::Host), ("mats", Standing::Heir)]);
    story.key(alt('2').0, alt('2').1);
    story.in_group("#erlang").say("joe", "hello?");
    assert_screen(&story.screen(112, 12), "
        | fireside            #hearth  bring wood                                               3 here                   |
        | 1 home            │                                                                  │ ◆ anna        via 61 ms |
        | 2 #hearth         │                                                                  │ ◇ bob                   |
        | 3 #erlang       1 │                                                                  │   mats                  |
        |                   │ this is the beginning of #hearth                                 │   eve              gone |
        |                   │                                                                  │                         |
        |                   │ ─── Friday, 20 November 2026 ─────────────────────────────────── │                         |
        |                   │ 19:04 anna: the kettle is on                                     │                         |
        |                   │       mats: coming                                            ✓2 │                         |
        |                   │ 19:05 bob: mats: bring your cup                                  │                         |
        | ◆ anna · you are 2nd in line · via fra 61 ms                                                                   |
        | mats ›                                                                                                         |
        ");
}

#[test]
fn a_screen_of_80_columns_keeps_the_members_and_tells_of_other_groups_below() {
    let mut story = hearth();
    story.say("anna", "one").say("eve", "two");
    story
        .in_group("#erlang")
        .joined("", &[("joe", Standing::Host), ("mats", Standing::Heir)]);
    story.key(alt('2').0, alt('2').1);
    story.say("joe", "mats, are you there?");
    assert_screen(
        &story.screen(80, 24),
        "
        | #hearth  bring wood                                           4 here           |
        |                                                              │ ◆ anna          |
        |                                                              │ ◇ bob           |
        |                                                              │   mats          |
        |                                                              │   eve           |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        | this is the beginning of #hearth                             │                 |
        |                                                              │                 |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 anna: one                                              │                 |
        |       eve: two                                               │                 |
        | ◆ anna · you are 2nd in line · via fra 61 ms                              3:@1 |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn forty_by_ten_is_enough_to_talk() {
    let mut story = hearth();
    story.say("anna", "the kettle is on and everybody is here");
    story.sent("mats", "on my way");
    story.type_text("one more thing before I go out of the door");
    assert_screen(
        &story.screen(40, 10),
        "
        | #hearth  bring wood                    |
        |this is the beginning of #hearth        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: the kettle is on and        |
        |        everybody is here               |
        |      mats: on my way                  …|
        | ◆ anna · you 2nd · via 61 ms · 1 waits |
        | › one more thing before I go out of the|
        |    door                                |
        ",
    );
}

#[test]
fn a_handover_is_one_calm_line_and_the_leave_is_not_told_twice() {
    let mut story = hearth();
    story.kept("mats", "still here?", 3);
    story
        .minutes(1)
        .entry("anna", What::Quit("good night".to_owned()));
    story.people(&[
        ("bob", Standing::Host),
        ("mats", Standing::Heir),
        ("eve", Standing::Heir),
    ]);
    story.hosts("bob", "anna", Tenure::Missed, 234);
    story.say("bob", "of course");
    assert_screen(
        &story.screen(80, 9),
        "
        | #hearth  bring wood                                           3 here           |
        | this is the beginning of #hearth                             │ ◆ bob           |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ eve           |
        | 19:04 mats: still here?                                   ✓3 │                 |
        | 19:05 ◆ anna left; bob keeps it now · 0.2 s · nothing lost   │                 |
        |       bob: of course                                         │                 |
        | ◆ bob · you are next                                                           |
        | mats ›                                                                         |
        ",
    );
    story.people(&[("mats", Standing::Host), ("eve", Standing::Heir)]);
    let own = story.sent("mats", "hello?");
    story.failed(own, "the group was gone");
    let lost = Loss {
        own: vec![own],
        ..Loss::default()
    };
    story
        .minutes(1)
        .hosts_at_a_loss("mats", "bob", Tenure::Missed, 2_400, lost);
    assert_screen(
        &story.screen(80, 12),
        "
        | #hearth  bring wood                                           2 here           |
        | this is the beginning of #hearth                             │ ◆ mats          |
        |                                                              │ ◇ eve           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 mats: still here?                                   ✓3 │                 |
        | 19:05 ◆ anna left; bob keeps it now · 0.2 s · nothing lost   │                 |
        |       bob: of course                                         │                 |
        |       mats: hello?                                           │                 |
        |         (the group was gone; /resend or /drop)             ✗ │                 |
        | 19:06 ◆ bob is gone; you keep it now · 2.4 s · 1 not sent    │                 |
        | ◆ you keep it · eve is next                                                    |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn joins_and_leaves_in_a_run_are_one_dim_line() {
    let mut story = hearth();
    for name in ["joe", "thomas", "kim"] {
        story.entry(name, What::Join);
    }
    story.entry("joe", What::Quit(String::new()));
    story.entry("eve", What::Part("supper".to_owned()));
    story.say("anna", "busy door");
    story.entry("bob", What::Part("supper".to_owned()));
    story.entry("anna", What::Nick(nick("annie")));
    story.entry("kim", What::Topic("wood, and cups".to_owned()));
    story.entry(
        "kim",
        What::Gone {
            member: id("zoe"),
            nick: nick("zoe"),
        },
    );
    assert_screen(
        &story.screen(80, 10),
        "
        | #hearth  wood, and cups                                       4 here           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◆ anna          |
        | 19:04 → thomas, kim joined · eve left · joe came and went    │ ◇ bob           |
        |       anna: busy door                                        │   mats          |
        |       ← bob left: supper                                     │   eve           |
        |       · anna is now annie                                    │                 |
        |       · kim set the topic: wood, and cups                    │                 |
        |       ← zoe left                                             │                 |
        | ◆ anna · you are 2nd in line · via fra 61 ms                                   |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn wide_characters_wrap_by_the_columns_they_take() {
    let mut story = hearth();
    story.say(
        "anna",
        "今晚大家都在这里，火还很旺，水也开了，带上你的杯子过来吧",
    );
    story.say("bob", "👨\u{200d}👩\u{200d}👧\u{200d}👦❤\u{fe0f}👍🏽 🇩🇪🇫🇷 cafe\u{301} 👨\u{200d}👩\u{200d}👧\u{200d}👦👨\u{200d}👩\u{200d}👧\u{200d}👦👨\u{200d}👩\u{200d}👧\u{200d}👦 end");
    story.say(
        "eve",
        "a_word_that_is_much_too_long_for_any_row_of_this_log_is_cut_where_it_must_be",
    );
    assert_screen(
        &story.screen(50, 12),
        "
        | #hearth  bring wood                              |
        |                                                  |
        |this is the beginning of #hearth                  |
        |                                                  |
        |─── Friday, 20 November 2026 ─────────────────────|
        |19:04 anna: 今晚大家都在这里，火还很旺，水也开了，|
        |        带上你的杯子过来吧                        |
        |      bob: 👨‍👩‍👧‍👦❤️👍🏽 🇩🇪🇫🇷 café 👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦 end            |
        |      eve: a_word_that_is_much_too_long_for_any_ro|
        |        w_of_this_log_is_cut_where_it_must_be     |
        | ◆ anna · you 2nd · via 61 ms                     |
        | mats ›                                           |
        ",
    );
}

#[test]
fn scrolled_up_the_view_stands_still_and_counts_what_comes_below() {
    let mut story = hearth();
    for n in 1..=30 {
        story.say("anna", &format!("line {n}"));
    }
    story.screen(50, 10);
    story.key(KeyCode::PageUp, KeyModifiers::NONE);
    let before = story.screen(50, 10);
    assert_screen(
        &before,
        "
        | #hearth  bring wood                              |
        |      anna: line 19                               |
        |      anna: line 20                               |
        |      anna: line 21                               |
        |      anna: line 22                               |
        |      anna: line 23                               |
        |      anna: line 24                               |
        |      anna: line 25           Esc: to the end     |
        | ◆ anna · you 2nd · via 61 ms                     |
        | mats ›                                           |
        ",
    );
    for n in 31..=42 {
        story.say("bob", &format!("line {n}"));
    }
    assert_screen(
        &story.screen(50, 10),
        "
        | #hearth  bring wood                              |
        |      anna: line 19                               |
        |      anna: line 20                               |
        |      anna: line 21                               |
        |      anna: line 22                               |
        |      anna: line 23                               |
        |      anna: line 24                               |
        |      anna: line 25   12 new lines below, Esc     |
        | ◆ anna · you 2nd · via 61 ms                     |
        | mats ›                                           |
        ",
    );
    for _ in 0..9 {
        story.key(KeyCode::PageUp, KeyModifiers::NONE);
    }
    assert_screen(
        &story.screen(50, 10),
        "
        | #hearth  bring wood                              |
        |─── Friday, 20 November 2026 ─────────────────────|
        |19:04 anna: line 1                                |
        |      anna: line 2                                |
        |      anna: line 3                                |
        |      anna: line 4                                |
        |      anna: line 5                                |
        |      anna: line 6    12 new lines below, Esc     |
        | ◆ anna · you 2nd · via 61 ms                     |
        | mats ›                                           |
        ",
    );
    story.key(KeyCode::Esc, KeyModifiers::NONE);
    assert_screen(
        &story.screen(50, 10),
        "
        | #hearth  bring wood                              |
        |      bob: line 36                                |
        |      bob: line 37                                |
        |      bob: line 38                                |
        |      bob: line 39                                |
        |      bob: line 40                                |
        |      bob: line 41                                |
        |      bob: line 42                                |
        | ◆ anna · you 2nd · via 61 ms                     |
        | mats ›                                           |
        ",
    );
}

#[test]
fn a_view_held_at_an_entry_stays_there_when_the_screen_changes_its_width() {
    let mut story = hearth();
    for n in 1..=40 {
        story.say("anna", &format!("line {n} {}", "and so on ".repeat(6)));
    }
    story.screen(100, 12);
    story.key(KeyCode::PageUp, KeyModifiers::NONE);
    let last = |screen: &str| {
        screen.lines().rev().skip(2).find_map(|row| {
            row.split("line ")
                .nth(1)?
                .split(' ')
                .next()
                .map(str::to_owned)
        })
    };
    let wide = last(&story.screen(100, 12));
    let narrow = last(&story.screen(44, 12));
    let wide_again = last(&story.screen(100, 12));
    assert!(wide.is_some() && wide == wide_again);
    assert_eq!(narrow, wide);
}

#[test]
fn what_is_unread_begins_at_a_line() {
    let mut story = hearth();
    story.say("anna", "seen");
    story.key(alt('1').0, alt('1').1);
    story.minutes(2).say("bob", "not seen");
    story.key(alt('a').0, alt('a').1);
    assert_screen(
        &story.screen(60, 8),
        "
        | #hearth  bring wood                                        |
        |                                                            |
        |─── Friday, 20 November 2026 ───────────────────────────────|
        |19:04 anna: seen                                            |
        |──────────────────────────────────────────────────── new ───|
        |19:06 bob: not seen                                         |
        | ◆ anna · you 2nd · via 61 ms                               |
        | mats ›                                                     |
        ",
    );
}

#[test]
fn the_network_is_looked_for_in_calm_words() {
    let mut story = Story::of("mats");
    story.tell(Event::Mesh {
        state: MeshState::Searching,
    });
    story.tell(Event::Opened {
        group: group("#hearth"),
        topic: String::new(),
        restored: false,
    });
    assert_screen(
        &story.screen(60, 7),
        "
        | #hearth                                                    |
        |looking for #hearth                                         |
        |                                                            |
        |                                                            |
        |                                                            |
        | looking for the network                                    |
        | mats ›                                                     |
        ",
    );
}

#[test]
fn history_is_asked_for_once_and_again_when_its_beginning_comes_into_view() {
    let mut story = Story::of("mats");
    story.tell(Event::Opened {
        group: group("#hearth"),
        topic: String::new(),
        restored: true,
    });
    let asked: Vec<Command> = story.app.take_commands().collect();
    let [Command::History { before: None, .. }, Command::Past(_)] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    story.screen(60, 10);
    assert_eq!(story.app.take_commands().count(), 0, "one answer at a time");
    let lines: Vec<_> = (0..30)
        .map(|n| story.line("anna", What::Text(format!("old {n}"))))
        .collect();
    let oldest = lines[0].place.order();
    story.tell(Event::History {
        group: group("#hearth"),
        lines,
        more: true,
    });
    story.screen(60, 10);
    assert_eq!(
        story.app.take_commands().count(),
        0,
        "its beginning is not in view"
    );
    for _ in 0..5 {
        story.key(KeyCode::PageUp, KeyModifiers::NONE);
    }
    let asked: Vec<Command> = story.app.take_commands().collect();
    let [
        Command::History {
            before: Some(before),
            ..
        },
    ] = asked.as_slice()
    else {
        panic!("{asked:?}");
    };
    assert_eq!(*before, oldest);
}

#[test]
fn help_lies_over_everything_until_a_key_is_pressed() {
    let mut story = hearth();
    story.enter("/help");
    assert_screen(
        &story.screen(80, 14),
        "
        |   What can be typed                                                            |
        |   /join #group[,...] | link    come into a group; it is created if nobody h…   |
        |   /invite [nick | key | -qr]   make a link that leads others here, or send …   |
        |   /accept                      come into the group you were invited to last    |
        |   /part [#group] [reason]      leave a group; whoever is next keeps it         |
        |   /msg #group|nick|key text    say it in another group, or in private          |
        |   /query nick|key [text]       talk in private, end to end; /close ends it     |
        |   /whois [nick|key]            tell who somebody is, where, and how reached    |
        |   /verify nick|key [yes | no]  compare keys with somebody, and remember it     |
        |   /me text                     tell what you do: /me lights a candle           |
        |   /say text                    say a line, whatever it begins with             |
        |   /nick name                   go by another name, everywhere                  |
        |   /topic [text | -delete]      set the group's topic, or remove it             |
        |   Up, Down: more   any other key: back                                         |
        ",
    );
    story.key(KeyCode::Esc, KeyModifiers::NONE);
    assert!(story.screen(80, 14).contains("bring wood"));
}

#[test]
fn every_size_from_nothing_to_four_hundred_columns_is_drawn() {
    let mut story = hearth();
    for n in 0..200 {
        story.say("anna", &format!("line {n} 你好 {}", "word ".repeat(n % 30)));
    }
    story.type_text("a line being written that is long enough to wrap on a narrow screen");
    for columns in [1, 7, 8, 20, 40, 63, 64, 79, 92, 111, 112, 400] {
        for rows in [1, 2, 3, 4, 10, 24, 120] {
            story.screen(columns, rows);
            story.key(KeyCode::PageUp, KeyModifiers::NONE);
        }
    }
}

#[test]
fn a_window_goes_when_its_group_is_left() {
    let mut story = hearth();
    assert_eq!(
        story.app.take_commands().count(),
        1,
        "its history is asked for"
    );
    assert_eq!(
        story.enter("/part good night"),
        [Command::Part {
            group: group("#hearth"),
            why: "good night".to_owned()
        }]
    );
    story.tell(Event::Left {
        group: group("#hearth"),
    });
    assert!(story.screen(60, 12).contains("/join #hearth"));
}
