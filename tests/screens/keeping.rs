//! Who keeps the group, and how safe our lines are: a crash of the host, lines that wait or fail, two halves that
//! become one, another supernode, a disk that is full.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Loss, Path, Standing, Tenure, Trouble, What};
use fireside::proto::id::{EntryId, Epoch, NodeId};
use ratatui::style::{Color, Modifier};

use crate::story::{Story, assert_screen, group, id};

const HEARTH: &str = "#hearth";

/// Anna hosts, bob is next, we are mats.
fn hearth() -> Story {
    hearth_in("ember")
}

fn hearth_in(theme: &str) -> Story {
    let mut story = Story::with_theme("mats", theme);
    story.joined(
        "bring wood",
        &[
            ("anna", Standing::Host),
            ("bob", Standing::Heir),
            ("mats", Standing::Heir),
        ],
    );
    story.app.take_commands().for_each(drop);
    story
}

#[test]
fn who_keeps_the_group_and_who_is_next_is_told_in_words() {
    let mut story = hearth();
    story.say("anna", "the kettle is on").enter("/heirs");
    assert_screen(
        &story.screen(80, 10),
        "
        | #hearth  bring wood                                           3 here           |
        | this is the beginning of #hearth                             │ ◆ anna          |
        |                                                              │ ◇ bob           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ mats          |
        | 19:04 anna: the kettle is on                                 │                 |
        |       · anna keeps #hearth                                   │                 |
        |         next in line, with all of it on disk: bob, you       │                 |
        |         one would take over before you                       │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
    story.enter("/host #den");
    let told = story.screen(80, 4);
    assert!(
        told.contains("nothing is known of #den: you are not in it"),
        "{told}"
    );
}

fn without_anna(story: &mut Story) {
    story.people(&[("bob", Standing::Host), ("mats", Standing::Heir)]);
}

fn waiting(ids: &[EntryId]) -> Loss {
    Loss {
        waiting: ids.to_vec(),
        ..Loss::default()
    }
}

#[test]
fn a_crash_of_the_host_is_seen_at_once_and_ends_in_one_line() {
    let mut story = hearth();
    story
        .say("anna", "the kettle is on")
        .kept("mats", "coming", 3);
    story.misses("anna");
    let own = story.sent("mats", "is anybody here?");
    assert_screen(
        &story.screen(80, 9),
        "
        | #hearth  bring wood                                           3 here           |
        | this is the beginning of #hearth                             │ ◆ anna        … |
        |                                                              │ ◇ bob           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ mats          |
        | 19:04 anna: the kettle is on                                 │                 |
        |       mats: coming                                        ✓3 │                 |
        |       mats: is anybody here?                               … │                 |
        | ◆ anna … looking for bob · 1 waiting                                           |
        | mats ›                                                                         |
        ",
    );
    without_anna(&mut story);
    story.hosts_at_a_loss("bob", "anna", Tenure::Missed, 2_140, waiting(&[own]));
    assert_screen(
        &story.screen(80, 9),
        "
        | #hearth  bring wood                                           2 here           |
        |                                                              │ ◆ bob           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ mats          |
        | 19:04 anna: the kettle is on                                 │                 |
        |       mats: coming                                        ✓3 │                 |
        |       ◆ anna is gone; bob keeps it · 2.1 s · 1 on the way    │                 |
        |       mats: is anybody here?                               … │                 |
        | ◆ bob · you are next · 1 on the way                                            |
        | mats ›                                                                         |
        ",
    );
    let line = story.placed(own, "is anybody here?");
    story.tell(Event::Entry(line));
    story.confirmed(own, 2).say("bob", "I am");
    story.entry(
        "bob",
        What::Gone {
            member: id("anna"),
            nick: crate::story::nick("anna"),
        },
    );
    assert_screen(
        &story.screen(80, 9),
        "
        | #hearth  bring wood                                           2 here           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◆ bob           |
        | 19:04 anna: the kettle is on                                 │ ◇ mats          |
        |       mats: coming                                        ✓3 │                 |
        |       ◆ anna is gone; bob keeps it · 2.1 s · nothing lost    │                 |
        |       mats: is anybody here?                              ✓2 │                 |
        |       bob: I am                                              │                 |
        | ◆ bob · you are next                                                           |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn a_line_that_was_kept_by_few_grows_where_it_stands() {
    let mut story = Story::of("mats");
    story.joined("bring wood", &[("mats", Standing::Host)]);
    let alone = "| nobody else is here yet ";
    assert!(story.screen(80, 9).contains(alone));
    story.people(&[("mats", Standing::Host), ("bob", Standing::Heir)]);
    assert!(!story.screen(80, 9).contains(alone));
    story.people(&[("mats", Standing::Host)]);
    let first = story.sent("mats", "anybody here?");
    let line = story.placed(first, "anybody here?");
    story.tell(Event::Entry(line));
    story.confirmed(first, 1);
    let shown = |story: &mut Story| {
        let screen = story.screen(80, 9);
        let row = screen.lines().find(|row| row.contains("anybody here?"));
        row.unwrap_or_default().contains("✓2")
    };
    assert!(!shown(&mut story));
    let copied = |copies| Event::Copied {
        group: group(HEARTH),
        id: first,
        copies,
    };
    story.tell(copied(2));
    assert!(shown(&mut story));
    story.tell(copied(1));
    assert!(shown(&mut story), "what is kept is kept");
}

#[test]
fn the_same_fits_forty_by_ten() {
    let mut story = hearth();
    story.say("anna", "the kettle is on");
    story.misses("anna");
    let own = story.sent("mats", "anybody?");
    assert_screen(
        &story.screen(40, 10),
        "
        | #hearth  bring wood                    |
        |                                        |
        |                                        |
        |this is the beginning of #hearth        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: the kettle is on            |
        |      mats: anybody?                   …|
        | ◆ anna … looking for bob · 1 waits     |
        | ›                                      |
        ",
    );
    without_anna(&mut story);
    story.hosts_at_a_loss("bob", "anna", Tenure::Missed, 2_140, waiting(&[own]));
    let line = story.placed(own, "anybody?");
    story.tell(Event::Entry(line));
    story.confirmed(own, 2);
    assert_screen(
        &story.screen(40, 10),
        "
        | #hearth  bring wood                    |
        |this is the beginning of #hearth        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: the kettle is on            |
        |      ◆ anna is gone; bob keeps it ·    |
        |        2.1 s · nothing lost            |
        |      mats: anybody?                  ✓2|
        | ◆ bob · you are next                   |
        | ›                                      |
        ",
    );
}

#[test]
fn a_host_that_comes_back_leaves_no_line() {
    let mut story = hearth();
    story.say("anna", "hm");
    story.misses("anna");
    assert!(story.screen(80, 8).contains("anna … looking for bob"));
    let (group, host, is_held) = (group(HEARTH), id("anna"), true);
    story.tell(Event::Contact {
        group,
        host,
        is_held,
    });
    assert_screen(
        &story.screen(80, 8),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna          |
        | this is the beginning of #hearth                             │ ◇ bob           |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 anna: hm                                               │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn whoever_is_next_is_named_while_the_host_is_missed() {
    let status = |story: &mut Story| {
        let screen = story.screen(80, 8);
        let row = screen.lines().nth(6).unwrap();
        row.trim_matches(['|', ' ']).to_owned()
    };
    let mut story = hearth();
    story.misses("anna");
    assert_eq!(status(&mut story), "◆ anna … looking for bob");
    story
        .people(&[("anna", Standing::Host), ("mats", Standing::Heir)])
        .misses("anna");
    assert_eq!(status(&mut story), "◆ anna … you are next");
    story.people(&[("mats", Standing::Host), ("bob", Standing::Heir)]);
    story.misses("mats");
    assert_eq!(status(&mut story), "◆ you … looking for bob");
}

#[test]
fn where_there_is_no_room_a_line_that_waits_matters_more_than_the_path() {
    let mut story = Story::of("bob");
    story.joined("", &[("anna", Standing::Host), ("bob", Standing::Heir)]);
    story.path("anna", Path::Relayed, Some("fra"), 31);
    let status = |story: &mut Story, columns| {
        let screen = story.screen(columns, 8);
        let row = screen.lines().nth(6).unwrap();
        row.trim_matches(['|', ' ']).to_owned()
    };
    assert_eq!(status(&mut story, 40), "◆ anna · you are next · via 31 ms");
    story.sent("bob", "me");
    assert_eq!(status(&mut story, 40), "◆ anna · you are next · 1 waits");
    assert_eq!(
        status(&mut story, 80),
        "◆ anna · you are next · via fra 31 ms · 1 on the way"
    );
}

#[test]
fn what_a_handover_cost_is_told_and_told_anew_when_a_line_fails_after_it() {
    let mut story = hearth();
    let [first, second] = ["one", "two"].map(|text| story.sent("mats", text));
    without_anna(&mut story);
    let lost = Loss {
        unseen: 12,
        ..waiting(&[first, second])
    };
    story.hosts_at_a_loss("bob", "anna", Tenure::Missed, 2_140, lost);
    let told = |story: &mut Story| {
        let screen = story.screen(140, 12);
        let row = screen.lines().find(|row| row.contains("keeps it"));
        let row = row.unwrap().split("keeps it · ").nth(1).unwrap();
        row.split('│').next().unwrap().trim().to_owned()
    };
    assert_eq!(told(&mut story), "2.1 s · 12 missing · 2 on the way");
    let line = story.placed(first, "one");
    story.tell(Event::Entry(line));
    assert_eq!(told(&mut story), "2.1 s · 12 missing · 1 on the way");
    story.failed(second, "you are not in the group");
    assert_eq!(told(&mut story), "2.1 s · 1 not sent · 12 missing");
}

#[test]
fn a_failed_line_says_why_and_is_sent_again_or_dropped_by_its_number() {
    let mut story = hearth();
    for text in ["one", "two", "three"] {
        let sent = story.sent("mats", text);
        story.failed(sent, "too fast");
    }
    assert_screen(
        &story.screen(80, 12),
        "
        | #hearth  bring wood                                           3 here           |
        | this is the beginning of #hearth                             │ ◆ anna          |
        |                                                              │ ◇ bob           |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ mats          |
        | 19:04 mats: one                                              │                 |
        |         (too fast; /resend or /drop)                      ✗3 │                 |
        |       mats: two                                              │                 |
        |         (too fast; /resend or /drop)                      ✗2 │                 |
        |       mats: three                                            │                 |
        |         (too fast; /resend or /drop)                      ✗1 │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
    let say = |text: &str| Command::Say {
        group: group(HEARTH),
        text: text.to_owned(),
    };
    assert_eq!(story.enter("/resend 3"), [say("one")]);
    assert_eq!(story.enter("/drop"), []);
    assert_screen(
        &story.screen(80, 12),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna          |
        |                                                              │ ◇ bob           |
        |                                                              │ ◇ mats          |
        |                                                              │                 |
        | this is the beginning of #hearth                             │                 |
        |                                                              │                 |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 mats: two                                              │                 |
        |         (too fast; /resend or /drop)                       ✗ │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
    assert_eq!(story.enter("/resend all"), [say("two")]);
    assert_eq!(story.enter("/resend"), []);
    assert_screen(
        &story.screen(80, 12),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna          |
        |                                                              │ ◇ bob           |
        | this is the beginning of #hearth                             │ ◇ mats          |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        |                                                              │                 |
        | nothing done: no line of yours here is like that; a line that was not sent is  |
        | marked, the newest being number 1                                              |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn a_line_that_waits_for_long_says_so_and_can_be_taken_back() {
    let mut story = hearth();
    story.misses("anna");
    let [first, second] = ["one", "two"].map(|text| story.sent("mats", text));
    story.tell(Event::Waiting {
        group: group(HEARTH),
        lines: vec![first, second],
    });
    assert_screen(
        &story.screen(80, 10),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna        … |
        | this is the beginning of #hearth                             │ ◇ bob           |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 mats: one                                            … │                 |
        |       mats: two                                              │                 |
        |         (waits until the group is reached)                 … │                 |
        | ◆ anna … looking for bob · 2 waiting                                           |
        | mats ›                                                                         |
        ",
    );
    let drop = Command::Drop {
        group: group(HEARTH),
        id: second,
    };
    assert_eq!(story.enter("/drop"), [drop]);
    story.failed(second, "you took it back");
    let screen = story.screen(80, 10);
    assert!(!screen.contains("two"), "{screen}");
    assert!(screen.contains("1 waiting"), "{screen}");
}

#[test]
fn two_halves_that_are_one_again_are_one_line_with_what_each_brought() {
    let mut story = hearth();
    story.say("anna", "there you are");
    story.tell(Event::Merge {
        group: group(HEARTH),
        from_us: 12,
        from_them: 7,
    });
    assert_screen(&story.screen(100, 8),
        "
        | fireside        #hearth  bring wood                                               3 here           |
        | 1 home        │                                                                  │ ◆ anna          |
        | 2 #hearth     │ ─── Friday, 20 November 2026 ─────────────────────────────────── │ ◇ bob           |
        |               │ 19:04 anna: there you are                                        │ ◇ mats          |
        |               │       ⇄ two halves are one again · 12 lines from here, 7 from    │                 |
        |               │         there · in the order they were said                      │                 |
        | ◆ anna · you are 2nd in line                                                                       |
        | mats ›                                                                                             |
        ");
    assert_screen(
        &story.screen(40, 10),
        "
        | #hearth  bring wood                    |
        |this is the beginning of #hearth        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: there you are               |
        |      ⇄ two halves are one again · 12   |
        |        lines from here, 7 from there · |
        |        in the order they were said     |
        | ◆ anna · you 2nd                       |
        | ›                                      |
        ",
    );
}

#[test]
fn what_was_said_on_the_other_side_has_a_mark_where_it_stands() {
    let mut story = hearth();
    story.say("anna", "see you at the bridge").minutes(5);
    story.hosts("bob", "anna", Tenure::Missed, 2_000).minutes(1);
    let bob = Epoch {
        number: 2,
        host: id("bob"),
    };
    for (name, text, here) in [
        ("bob", "anna?", true),
        (
            "anna",
            "where is everybody? the tunnel swallows the train and all of us in it",
            false,
        ),
        ("bob", "she is in the tunnel", true),
        ("eve", "no idea", false),
    ] {
        let mut line = story.line(name, What::Text(text.to_owned()));
        if here {
            line.place.epoch = bob;
        }
        story.tell(Event::Entry(line));
        story.minutes(1);
    }
    story.tell(Event::Merge {
        group: group(HEARTH),
        from_us: 2,
        from_them: 2,
    });
    assert_screen(&story.screen(100, 16),
        "
        | fireside        #hearth  bring wood                                               3 here           |
        | 1 home      · │ this is the beginning of #hearth                                 │   anna          |
        | 2 #hearth     │                                                                  │ ◆ bob           |
        |               │ ─── Friday, 20 November 2026 ─────────────────────────────────── │ ◇ mats          |
        |               │ 19:04 anna: see you at the bridge                                │                 |
        |               │ 19:09 ◆ anna is gone; bob keeps it · 2.0 s · nothing lost        │                 |
        |               │ 19:10 bob: anna?                                                 │                 |
        |               │ 19:11│anna: where is everybody? the tunnel swallows the train    │                 |
        |               │      │  and all of us in it                                      │                 |
        |               │ 19:12 bob: she is in the tunnel                                  │                 |
        |               │ 19:13│eve: no idea                                               │                 |
        |               │ 19:14 ⇄ two halves are one again · 2 lines from here, 2 from     │                 |
        |               │         there, marked │, 19:11 to 19:13 · in the order they were │                 |
        |               │         said                                                     │                 |
        | ◆ bob · you are next                                                                               |
        | mats ›                                                                                             |
        ",
    );
    assert_screen(&story.screen(120, 14),
        "
        | fireside            #hearth  bring wood                                                       3 here                   |
        | 1 home          · │ ─── Friday, 20 November 2026 ─────────────────────────────────────────── │   anna                  |
        | 2 #hearth         │ 19:04       anna  see you at the bridge                                  │ ◆ bob                   |
        |                   │ 19:09          ◆  anna is gone; bob keeps it · 2.0 s · nothing lost      │ ◇ mats                  |
        |                   │ 19:10        bob  anna?                                                  │                         |
        |                   │ 19:11│      anna  where is everybody? the tunnel swallows the train      │                         |
        |                   │      │            and all of us in it                                    │                         |
        |                   │ 19:12        bob  she is in the tunnel                                   │                         |
        |                   │ 19:13│       eve  no idea                                                │                         |
        |                   │ 19:14          ⇄  two halves are one again · 2 lines from here, 2        │                         |
        |                   │                   from there, marked │, 19:11 to 19:13 · in the          │                         |
        |                   │                   order they were said                                   │                         |
        | ◆ bob · you are next                                                                                                   |
        | mats ›                                                                                                                 |
        ",
    );
    assert_screen(
        &story.screen(34, 16),
        "
        | #hearth  bring wood              |
        |─── Friday, 20 November 2026 ─────|
        |anna: see you at the bridge       |
        |◆ anna is gone; bob keeps it ·    |
        |  2.0 s · nothing lost            |
        |bob: anna?                        |
        |anna: where is everybody? the     |
        |  tunnel swallows the train and   |
        |  all of us in it                 |
        |bob: she is in the tunnel         |
        |eve: no idea                      |
        |⇄ two halves are one again · 2    |
        |  lines from here, 2 from there · |
        |  in the order they were said     |
        | ◆ bob · you are next             |
        | ›                                |
        ",
    );
}

#[test]
fn another_supernode_is_told_at_home_and_nowhere_else() {
    let mut story = hearth();
    story.say("anna", "hello");
    let before = story.screen(80, 9);
    let mut responsible = |name: &str, before: Option<&str>, is_lost| {
        story.tell(Event::Responsible {
            group: group(HEARTH),
            node: NodeId([7; 32]),
            name: name.to_owned(),
            before: before.map(str::to_owned),
            is_lost,
        });
    };
    responsible("fra", None, false);
    responsible("ams", Some("fra"), true);
    responsible("fra", Some("ams"), false);
    assert_eq!(story.screen(80, 9), before);
    story.key(KeyCode::Char('1'), KeyModifiers::ALT);
    assert_screen(
        &story.screen(80, 9),
        "
        | home  what concerns the machine                                                |
        |                                                                                |
        | ─── Friday, 20 November 2026 ───────────────────────────────────────────────── |
        | 19:04           ·  linked to fra at 192.0.2.7:7700                             |
        | ────────────────────────────────────────────────────────────────────── new ─── |
        |                 ·  fra is gone; ams is responsible for #hearth now             |
        |                 ·  fra is responsible for #hearth now, and ams no more         |
        | mats · linked to fra                                                           |
        | mats ›                                                                         |
        ",
    );
}

#[test]
fn a_full_disk_is_said_for_as_long_as_it_is_full() {
    let mut story = hearth();
    story.say("anna", "hello");
    let before = [story.screen(80, 9), story.screen(40, 10)];
    story.tell(Event::Disk {
        trouble: Some(Trouble {
            why: "the disk is full".to_owned(),
            try_: "free some space, or mend the disk".to_owned(),
        }),
    });
    assert_screen(
        &story.screen(80, 9),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna          |
        | this is the beginning of #hearth                             │ ◇ bob           |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 anna: hello                                            │                 |
        | ✗ the disk is full: kept in memory only; free some space, or mend the disk     |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
    assert_screen(
        &story.screen(40, 10),
        "
        | #hearth  bring wood                    |
        |                                        |
        |                                        |
        |this is the beginning of #hearth        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: hello                       |
        | ✗ the disk is full: kept in memory on… |
        | ◆ anna · you 2nd                       |
        | ›                                      |
        ",
    );
    story.tell(Event::Disk { trouble: None });
    assert_eq!([story.screen(80, 9), story.screen(40, 10)], before);
}

#[test]
fn how_safe_a_line_is_shows_without_any_colour() {
    let mut story = hearth_in("mono");
    story.kept("mats", "kept", 3);
    let line = story.line("mats", What::Text("placed".to_owned()));
    story.tell(Event::Entry(line));
    let lost = story.sent("mats", "failed");
    story.failed(lost, "too fast");
    story.sent("mats", "waits");
    let (buf, _) = story.draw(50, 12);
    let colours = buf.content.iter().flat_map(|cell| [cell.fg, cell.bg]);
    for colour in colours {
        assert_eq!(colour, Color::Reset);
    }
    let screen = story.screen(50, 12);
    let row = |text: &str| screen.lines().position(|row| row.contains(text)).unwrap();
    let ends = |text: &str, sign: &str| {
        let row = screen.lines().nth(row(text)).unwrap();
        assert!(row.trim_end_matches(['|', ' ']).ends_with(sign), "{screen}");
    };
    ends("kept", "✓3");
    ends("placed", "✓");
    ends("too fast", "✗");
    ends("waits", "…");
    let is_dim = |text: &str| {
        let y = u16::try_from(row(text)).unwrap();
        buf[(13, y)].modifier.contains(Modifier::DIM)
    };
    assert!(is_dim("waits") && !is_dim("kept"));
}
