//! People who have left their screens, as the others see it, and what holds in a group, as it is told.

use std::collections::BTreeSet;

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Member, Standing};
use fireside::proto::rules::{Ban, Matter, Rules};
use fireside::proto::ruling::{Mode, Rank};
use fireside::proto::time::Wall;

use crate::story::{Story, assert_screen, group, id, nick};

/// Anna hosts, and is away at lunch; bob is away without a word; we are mats.
const PEOPLE: [(&str, Standing); 3] = [
    ("anna", Standing::Host),
    ("bob", Standing::Heir),
    ("mats", Standing::Heir),
];

fn lunch() -> Story {
    let mut story = Story::of("mats");
    story.joined("bring wood", &PEOPLE);
    let (group, members) = (group("#hearth"), members());
    story.tell(Event::Members { group, members });
    story
}

fn members() -> Vec<Member> {
    let why = |name| match name {
        "anna" => Some("lunch, back at one".to_owned()),
        "bob" => Some(String::new()),
        _ => None,
    };
    let member = |(name, standing)| Member {
        id: id(name),
        nick: nick(name),
        standing,
        rank: Rank::Member,
        present: true,
        away: why(name),
    };
    PEOPLE.map(member).to_vec()
}

#[test]
fn who_is_away_is_marked_and_names_tell_why() {
    let mut story = lunch();
    story.say("anna", "the kettle is on");
    assert_screen(
        &story.screen(80, 8),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna     away |
        | this is the beginning of #hearth                             │ ◇ bob      away |
        |                                                              │ ◇ mats          |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │                 |
        | 19:04 anna: the kettle is on                                 │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
    let group = group("#hearth");
    let names = Command::Names {
        group: group.clone(),
    };
    assert!(story.enter("/names").contains(&names));
    let members = members();
    story.tell(Event::Members { group, members });
    let screen = story.screen(100, 8).replace('\u{a0}', " ");
    assert_screen(
        &screen,
        "
        | fireside        #hearth  bring wood                                               3 here           |
        | 1 home        │                                                                  │ ◆ anna     away |
        | 2 #hearth     │ ─── Friday, 20 November 2026 ─────────────────────────────────── │ ◇ bob      away |
        |               │ 19:04 anna: the kettle is on                                     │ ◇ mats          |
        |               │       · 3 members: ◆ anna (away: lunch, back at one), ◇ bob      │                 |
        |               │         (away), ◇ mats                                           │                 |
        | ◆ anna · you are 2nd in line                                                                       |
        | mats ›                                                                                             |
        ",
    );
}

#[test]
fn who_was_put_out_and_who_may_write_is_told_in_the_log() {
    let mut story = lunch();
    let mut rules = Rules {
        group: group("#hearth"),
        matter: Matter::Bans,
        rank: Rank::Member,
        founder: Some(nick("anna")),
        operators: vec![nick("bob")],
        modes: BTreeSet::from([Mode::Moderated]),
        bans: vec![Ban {
            id: id("eve"),
            nick: nick("eve"),
            by: Some((nick("bob"), Wall(1_795_201_445_000))),
        }],
    };
    story.tell(Event::Rules(Box::new(rules.clone())));
    rules.matter = Matter::Modes;
    story.tell(Event::Rules(Box::new(rules)));
    assert_screen(
        &story.screen(80, 12),
        "
        | #hearth  bring wood                                           3 here           |
        |                                                              │ ◆ anna     away |
        | ─── Friday, 20 November 2026 ─────────────────────────────── │ ◇ bob      away |
        | 19:04 · banned from #hearth: 1                               │ ◇ mats          |
        |         eve, by bob, 20 November 2026, 19:04, key            │                 |
        |         ix7gt4ay6qfmgaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa │                 |
        |         anna (founder) and bob may let them come in again    │                 |
        |       · #hearth is a feed (+m): only anna (founder) and bob  │                 |
        |         may write                                            │                 |
        |         everybody may set the topic                          │                 |
        | ◆ anna · you are 2nd in line                                                   |
        | mats ›                                                                         |
        ",
    );
}
