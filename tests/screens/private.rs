//! Private talks on the screen: a window like a group's, in which all that comes is for us.

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Nearness, Opening, Path, Standing, What};
use fireside::proto::id::{EntryId, Epoch, GroupName, Number, Place, Seq};
use fireside::proto::time::{Hlc, Wall};

use crate::story::{EVENING, Story, assert_screen, id, nick};

fn opens(story: &mut Story, opening: Opening) {
    let group = GroupName::of_person(&id("bob"));
    story.tell(Event::Talk {
        group: group.clone(),
        person: id("bob"),
        nick: nick("bob"),
        opening,
    });
    story.tell(Event::History {
        group,
        lines: Vec::new(),
        more: false,
    });
}

fn line(from: &str, number: u64, text: &str) -> Line {
    let place = Place {
        hlc: Hlc(EVENING << 16 | number),
        epoch: Epoch {
            number: 1,
            host: id("mats"),
        },
        seq: Seq(number),
    };
    Line {
        group: GroupName::of_person(&id("bob")),
        id: EntryId {
            author: id(from),
            number: Number(number),
        },
        from: nick(from),
        place,
        at: Wall(EVENING),
        what: What::Text(text.to_owned()),
        own: from == "mats",
        history: false,
    }
}

#[test]
fn somebody_who_begins_a_talk_gets_a_window_and_takes_no_one_elses() {
    let mut story = Story::of("mats");
    story.joined("", &[("mats", Standing::Host), ("eve", Standing::Heir)]);
    opens(&mut story, Opening::Begun);
    story.tell(Event::Entry(line("bob", 1, "a word, please")));
    assert_screen(
        &story.screen(100, 10),
        "
        | fireside        #hearth                                                           2 here           |
        | 1 home        │                                                                  │ ◆ mats          |
        | 2 #hearth     │ this is the beginning of #hearth                                 │ ◇ eve           |
        | 3 bob      @1 │                                                                  │                 |
        |               │                                                                  │                 |
        |               │                                                                  │                 |
        |               │                                                                  │                 |
        |               │                                                                  │                 |
        | ◆ you keep it · eve is next                                                                        |
        | mats ›                                                                                             |
        ",
    );
}

#[test]
fn a_talk_tells_what_has_arrived_what_waits_and_that_the_other_is_away() {
    let mut story = Story::of("mats");
    opens(&mut story, Opening::Asked);
    let group = GroupName::of_person(&id("bob"));
    story.path("bob", Path::Direct, None, 14);
    let near = |story: &mut Story, nearness| {
        let group = group.clone();
        story.tell(Event::Near { group, nearness });
    };
    near(&mut story, Nearness::Here);
    story.tell(Event::Entry(line("bob", 1, "a word, please")));
    let own = line("mats", 2, "yes?");
    let sent = |story: &mut Story, own: &Line| {
        story.tell(Event::Sent {
            group: own.group.clone(),
            id: own.id,
            at: own.at,
            what: own.what.clone(),
        });
    };
    sent(&mut story, &own);
    story.tell(Event::Confirmed {
        group: own.group.clone(),
        id: own.id,
        epoch: own.place.epoch,
        seq: 2,
        copies: 2,
    });
    story.tell(Event::Entry(own));
    assert_screen(
        &story.screen(72, 9),
        "
        | bob  private, end to end · kqfeueyz                                    |
        | this is the beginning of what you and bob said                         |
        | nobody else can read it                                                |
        |                                                                        |
        | ─── Friday, 20 November 2026 ───────────────────────────────────────── |
        | 19:04 bob: a word, please                                              |
        |       mats: yes?                                                    ✓2 |
        | bob · 14 ms                                                            |
        | mats ›                                                                 |
        ",
    );
    near(&mut story, Nearness::Away);
    sent(&mut story, &line("mats", 3, "are you there?"));
    assert_screen(
        &story.screen(72, 9),
        "
        | bob  private, end to end · kqfeueyz                                    |
        |                                                                        |
        |                                                                        |
        | ─── Friday, 20 November 2026 ───────────────────────────────────────── |
        | 19:04 bob: a word, please                                              |
        |       mats: yes?                                                    ✓2 |
        |       mats: are you there?                                           … |
        | bob · not on line · 1 waiting                                          |
        | mats ›                                                                 |
        ",
    );
    story.type_text("/close");
    story.key(
        crossterm::event::KeyCode::Enter,
        crossterm::event::KeyModifiers::NONE,
    );
    let parts =
        |command: &Command| matches!(command, Command::Part { group: of, .. } if *of == group);
    assert!(story.app.take_commands().any(|command| parts(&command)));
}
