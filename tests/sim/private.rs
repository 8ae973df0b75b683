//! Two people talk in private: found by their keys, with no group between them.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a story looks for a few of the many things that are told"
)]

use std::collections::BTreeSet;

use fireside::proto::command::{Command, Who};
use fireside::proto::event::{Event, Nearness, Opening, What};
use fireside::proto::id::{EntryId, GroupName, NodeId, Number};
use fireside::proto::limits::WHISPERS_UNDER_WAY;
use fireside::proto::ring::{Point, Ring};
use fireside::proto::time::Wall;
use fireside::proto::wire::{Body, Entry, Message, Whether};

use crate::link::NodeIx;
use crate::seal::CheapSeal;
use crate::town::Town;

const HEARTH: &str = "#hearth";
const NO_STRANGERS: &str = "takes nothing from strangers at the moment; what you say waits here, and goes out once \
                            you share a group";

/// Whether a command is about a private talk; those have judges of their own.
pub fn is_asked(command: &Command) -> bool {
    match command {
        Command::Say { group, .. }
        | Command::Act { group, .. }
        | Command::Drop { group, .. }
        | Command::Part { group, .. } => group.person().is_some(),
        _ => false,
    }
}

/// Whose private talk an event is about, if it is about one.
pub fn with(event: &Event) -> Option<NodeId> {
    let group = match event {
        Event::Sent { group, .. }
        | Event::Confirmed { group, .. }
        | Event::Failed { group, .. }
        | Event::Waiting { group, .. }
        | Event::Talk { group, .. }
        | Event::Near { group, .. }
        | Event::Left { group } => group,
        Event::Entry(line) => &line.group,
        Event::Notice { group, .. } | Event::Error { group, .. } => group.as_ref()?,
        _ => return None,
    };
    group.person()
}

fn town(seed: u64, supernodes: u8) -> Town {
    let mut town = Town::new(seed, 1, supernodes);
    town.start_mesh();
    town.run(3_000);
    town
}

/// People who share no group, and are heard.
fn apart<const N: usize>(town: &mut Town, nicks: [&str; N]) -> [NodeIx; N] {
    let people = nicks.map(|nick| {
        let who = town.person(nick);
        town.start(who);
        town.world.ears.insert(who);
        who
    });
    town.run(5_000);
    people
}

fn id(town: &Town, who: NodeIx) -> NodeId {
    town.world.node(who).id
}

fn name(town: &Town, other: NodeIx) -> GroupName {
    GroupName::of_person(&id(town, other))
}

fn query(town: &mut Town, from: NodeIx, to: NodeIx, text: &str) {
    let who = Who::Key(id(town, to));
    let text = Some(text.to_owned()).filter(|text| !text.is_empty());
    let command = Command::Query {
        who,
        near: None,
        text,
        is_front: true,
    };
    town.ask(from, command);
}

fn say(town: &mut Town, from: NodeIx, to: NodeIx, text: &str) {
    let group = name(town, to);
    let text = text.to_owned();
    town.ask(from, Command::Say { group, text });
}

fn heard(town: &Town, who: NodeIx) -> impl Iterator<Item = &Event> {
    let heard = town.world.heard.iter();
    heard
        .filter(move |(ix, _)| *ix == who)
        .map(|(_, event)| event)
}

/// The texts somebody was told of in his talk with another, as often as he was told of them.
fn texts(town: &Town, who: NodeIx, other: NodeIx) -> Vec<String> {
    let group = name(town, other);
    let told = heard(town, who).filter_map(move |event| match event {
        Event::Entry(line) if line.group == group => match &line.what {
            What::Text(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    });
    told.collect()
}

/// The lines of a talk on somebody's disk, in order.
fn stored(town: &Town, who: NodeIx, other: NodeIx) -> Vec<EntryId> {
    let disk = &town.world.node(who).disk;
    disk.log(&name(town, other)).map(|(_, id)| id).collect()
}

fn confirmed(town: &Town, who: NodeIx) -> usize {
    let told = heard(town, who);
    told.filter(|event| with(event).is_some() && matches!(event, Event::Confirmed { .. }))
        .count()
}

fn nearness(town: &Town, who: NodeIx) -> Option<Nearness> {
    let told = heard(town, who).filter_map(|event| match event {
        Event::Near { nearness, .. } => Some(*nearness),
        _ => None,
    });
    told.last()
}

fn is_well(town: &Town) {
    let violations = town.world.checker.violations();
    assert!(violations.is_empty(), "{violations:?}");
}

/// The supernodes closest to somebody's key, the responsible one first.
fn found_at(town: &Town, who: NodeIx) -> Vec<NodeIx> {
    let nodes = town.supernodes.iter().map(|ix| {
        let node = town.world.node(*ix);
        (node.id, node.address.ip())
    });
    let ring = Ring::new(nodes);
    let around = ring.around(Point::of_person(&id(town, who)), 2);
    let is_it = |key: NodeId| {
        let mut supernodes = town.supernodes.iter().copied();
        supernodes
            .find(|ix| town.world.node(*ix).id == key)
            .unwrap()
    };
    around.map(is_it).collect()
}

#[test]
fn two_who_share_no_group_find_each_other_and_talk() {
    let mut town = town(1, 5);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, anna, bob, "hello");
    town.run(2_000);
    say(&mut town, bob, anna, "who is it?");
    town.run(2_000);
    for (who, other) in [(anna, bob), (bob, anna)] {
        assert_eq!(texts(&town, who, other), ["hello", "who is it?"]);
        assert_eq!(confirmed(&town, who), 1);
    }
    let began = heard(&town, bob).find_map(|event| match event {
        Event::Talk { nick, opening, .. } => Some((nick.to_string(), *opening)),
        _ => None,
    });
    assert_eq!(began, Some(("anna".to_owned(), Opening::Begun)));
    assert_eq!(nearness(&town, anna), Some(Nearness::Here));
    is_well(&town);
}

#[test]
fn what_is_said_to_somebody_away_arrives_when_he_is_back_once_and_in_order() {
    who_is_away(2);
}

pub fn who_is_away(seed: u64) {
    let mut town = town(seed, 4);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, anna, bob, "1");
    town.run(2_000);
    town.quit(bob);
    town.run(10_000);
    for text in ["2", "3", "4"] {
        say(&mut town, anna, bob, text);
        town.run(500);
    }
    town.run(20_000);
    assert_eq!(nearness(&town, anna), Some(Nearness::Away));
    assert_eq!(confirmed(&town, anna), 1);
    let is_told = heard(&town, anna).any(|event| match event {
        Event::Notice { text, .. } => text.contains("waits here"),
        _ => false,
    });
    assert!(is_told, "anna is told that bob is not there");
    // What waits is on disk.
    town.crash(anna);
    town.run(2_000);
    town.start(anna);
    town.run(8_000);
    town.start(bob);
    town.run(20_000);
    assert_eq!(texts(&town, bob, anna), ["1", "2", "3", "4"]);
    assert_eq!(confirmed(&town, anna), 4);
    // The join by which the talk begins is an entry too.
    assert_eq!(stored(&town, bob, anna), stored(&town, anna, bob));
    assert_eq!(stored(&town, bob, anna).len(), 5);
    is_well(&town);
}

#[test]
fn a_talk_goes_on_when_the_supernode_that_knows_the_other_dies() {
    for seed in 3..6 {
        let mut town = town(seed, 5);
        let [anna, bob] = apart(&mut town, ["anna", "bob"]);
        query(&mut town, anna, bob, "before");
        town.run(2_000);
        let [responsible, second] = found_at(&town, bob)[..] else {
            panic!("there are five supernodes");
        };
        town.crash(responsible);
        say(&mut town, anna, bob, "meanwhile");
        town.run(15_000);
        town.crash(second);
        town.run(1_000);
        say(&mut town, anna, bob, "after");
        say(&mut town, bob, anna, "still here");
        town.run(40_000);
        let mut said = texts(&town, bob, anna);
        said.retain(|text| text != "still here");
        assert_eq!(said, ["before", "meanwhile", "after"], "seed {seed}");
        assert_eq!(texts(&town, anna, bob).len(), 4, "seed {seed}");
        assert_eq!(confirmed(&town, anna), 3, "seed {seed}");
        is_well(&town);
    }
}

#[test]
fn nothing_arrives_twice_or_is_lost_when_either_crashes_at_any_moment() {
    for seed in 1..=12 {
        either_crashes(seed);
    }
}

/// Both talk, and one of them crashes in the midst of it, again and again.
pub fn either_crashes(seed: u64) {
    let mut town = town(seed, 3);
    town.world.weather.flush_ms = (1, 150);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, anna, bob, "anna 0");
    town.run(1_000);
    let mut said = 1;
    for round in 0..6_u64 {
        for step in 0..4 {
            say(&mut town, anna, bob, &format!("anna {said}"));
            say(&mut town, bob, anna, &format!("bob {said}"));
            said += 1;
            town.run(seed * 37 % 90 + step * 13);
        }
        let victim = if (round + seed).is_multiple_of(2) {
            anna
        } else {
            bob
        };
        town.crash(victim);
        town.run(700);
        town.start(victim);
        town.run(9_000);
    }
    town.run(60_000);
    is_well(&town);
    // Lines that were typed and not on disk yet are gone with their author's memory; whatever arrived is on both
    // disks once, each author's lines in the order in which they were said.
    for (who, other) in [(anna, bob), (bob, anna)] {
        let of = |keeper: NodeIx, partner: NodeIx| {
            let author = id(&town, who);
            let mut ids = stored(&town, keeper, partner);
            ids.retain(|id| id.author == author);
            ids
        };
        let (own, theirs) = (of(who, other), of(other, who));
        assert_eq!(own, theirs, "seed {seed}");
        assert!(own.is_sorted_by_key(|id| id.number), "seed {seed}");
        assert!(own.len() >= 10, "seed {seed}: {} arrived", own.len());
    }
}

#[test]
fn a_line_has_arrived_once_it_is_on_the_others_disk() {
    for seed in 1..=4 {
        a_slow_disk_dies(seed);
    }
}

/// The one who hears crashes while his disk is still busy with what he heard.
pub fn a_slow_disk_dies(seed: u64) {
    let mut town = town(seed, 3);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, anna, bob, "1");
    town.run(3_000);
    town.world.weather.flush_ms = (300, 301);
    say(&mut town, anna, bob, "2");
    while texts(&town, bob, anna).len() < 2 {
        town.run(10);
    }
    town.run(60 + seed * 20);
    town.crash(bob);
    town.run(1_000);
    town.start(bob);
    town.run(20_000);
    assert_eq!(stored(&town, bob, anna).len(), 3);
    assert_eq!(confirmed(&town, anna), 2);
    is_well(&town);
}

#[test]
fn somebody_who_is_ignored_is_not_heard_until_he_is_no_more() {
    let mut town = town(9, 3);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    let ignore = |town: &mut Town, persons: &[NodeId]| {
        let persons = persons.iter().copied().collect();
        let strangers = true;
        town.ask(bob, Command::Ignore { persons, strangers });
    };
    let annas = id(&town, anna);
    ignore(&mut town, &[annas]);
    query(&mut town, anna, bob, "hello");
    town.run(30_000);
    assert!(!heard(&town, bob).any(|event| with(event).is_some()));
    assert_eq!(stored(&town, bob, anna), []);
    assert_eq!(confirmed(&town, anna), 0);
    ignore(&mut town, &[]);
    town.run(60_000);
    assert_eq!(texts(&town, bob, anna), ["hello"]);
    is_well(&town);
}

#[test]
fn who_takes_no_strangers_hears_those_he_met_or_wrote_to() {
    let mut town = town(12, 3);
    let nicks = ["anna", "bob", "cat", "dan", "eve"];
    let [anna, bob, cat, dan, eve] = apart(&mut town, nicks);
    let takes = |town: &mut Town, strangers| {
        let persons = BTreeSet::new();
        town.ask(bob, Command::Ignore { persons, strangers });
    };
    takes(&mut town, false);
    for who in [bob, cat] {
        town.join(who, "#hearth");
    }
    town.run(5_000);
    for stranger in [anna, eve] {
        query(&mut town, stranger, bob, "psst");
    }
    query(&mut town, cat, bob, "hello from #hearth");
    query(&mut town, bob, dan, "hello dan");
    town.run(5_000);
    say(&mut town, dan, bob, "hello bob");
    town.run(30_000);
    assert_eq!(texts(&town, bob, cat), ["hello from #hearth"]);
    assert_eq!(texts(&town, bob, dan), ["hello dan", "hello bob"]);
    for stranger in [anna, eve] {
        assert_eq!(texts(&town, bob, stranger), [""; 0]);
        assert_eq!(nearness(&town, stranger), Some(Nearness::Closed));
        assert!(is_told(&town, stranger, NO_STRANGERS));
    }
    // It waits, and is heard once he meets the one who wrote it, or takes strangers.
    town.join(anna, "#hearth");
    town.run(90_000);
    assert_eq!(texts(&town, bob, anna), ["psst"]);
    assert_eq!(texts(&town, bob, eve), [""; 0]);
    takes(&mut town, true);
    town.run(90_000);
    assert_eq!(texts(&town, bob, eve), ["psst"]);
    is_well(&town);
}

/// Whether somebody is told so of what he said.
fn is_told(town: &Town, who: NodeIx, so: &str) -> bool {
    heard(town, who).any(|event| matches!(event, Event::Notice { text, .. } if text.ends_with(so)))
}

#[test]
fn who_says_too_much_at_once_is_not_told_that_strangers_are_unwelcome() {
    let mut town = town(13, 3);
    town.world.has_liar = true;
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, anna, bob, "hello");
    town.run(2_000);
    let (seal, to) = (CheapSeal(id(&town, anna)), name(&town, bob));
    let line = |number: u64| {
        let text = number.to_string();
        Entry::signed(&seal, &to, Number(number), Wall(0), Body::Text { text })
    };
    let last = stored(&town, anna, bob).last().unwrap().number.0;
    let too_many = (last + 2..).take(WHISPERS_UNDER_WAY + 1);
    let entries = too_many.map(line).collect();
    town.world.forge(anna, bob, &Message::Whisper { entries });
    say(&mut town, anna, bob, "sorry");
    town.run(30_000);
    assert_eq!(nearness(&town, anna), Some(Nearness::Here));
    let late = "is not reached yet; what you say waits here";
    assert!(is_told(&town, anna, late));
    assert!(!is_told(&town, anna, NO_STRANGERS));
}

#[test]
fn a_stranger_learns_where_somebody_is_from_the_answer() {
    a_stranger_writes(10);
}

/// Somebody is written to by one whom he does not know, and by one who is in a group with him.
pub fn a_stranger_writes(seed: u64) {
    let mut town = town(seed, 3);
    let [bob, stranger, cat] = apart(&mut town, ["bob", "stranger", "cat"]);
    let has_shown = |town: &Town, who, whom| town.world.shown.contains(&(who, id(town, whom)));
    query(&mut town, stranger, bob, "hello");
    town.run(30_000);
    assert_eq!(texts(&town, bob, stranger), ["hello"]);
    assert!(has_shown(&town, stranger, bob), "he has begun the talk");
    assert!(!has_shown(&town, bob, stranger), "he was not answered");
    say(&mut town, bob, stranger, "who is it?");
    town.run(5_000);
    assert!(has_shown(&town, bob, stranger));
    let group = GroupName::parse(HEARTH).unwrap();
    for who in [bob, cat] {
        town.ask(
            who,
            Command::Join {
                group: group.clone(),
            },
        );
        town.run(5_000);
    }
    assert!(has_shown(&town, bob, cat) && has_shown(&town, cat, bob));
    is_well(&town);
}

#[test]
fn somebody_who_is_ignored_is_told_no_address_again() {
    let mut town = town(12, 3);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    query(&mut town, bob, anna, "hello");
    town.run(10_000);
    let annas = id(&town, anna);
    assert!(town.world.shown.contains(&(bob, annas)));
    let persons = [annas].into();
    town.ask(
        bob,
        Command::Ignore {
            persons,
            strangers: true,
        },
    );
    town.run(600_000);
    town.world.shown.clear();
    say(&mut town, anna, bob, "are you there?");
    town.run(30_000);
    assert!(!town.world.shown.contains(&(bob, annas)));
}

#[test]
fn strangers_open_only_so_many_talks() {
    strangers_come(11);
}

/// Many people whom nobody knows talk to one at once.
pub fn strangers_come(seed: u64) {
    let mut town = town(seed, 3);
    let nicks: [String; 16] = std::array::from_fn(|n| format!("stranger{n}"));
    let [bob] = apart(&mut town, ["bob"]);
    let strangers = apart(&mut town, nicks.each_ref().map(String::as_str));
    for stranger in strangers {
        query(&mut town, stranger, bob, "buy this");
    }
    town.run(30_000);
    let opened = |town: &Town| {
        let talks = heard(town, bob).filter_map(|event| match event {
            Event::Talk { person, .. } => Some(*person),
            _ => None,
        });
        talks.collect::<Vec<_>>()
    };
    assert_eq!(opened(&town).len(), 10);
    let closed = strangers
        .iter()
        .filter(|who| nearness(&town, **who) == Some(Nearness::Closed));
    assert_eq!(closed.count(), 6);
    // Whoever is answered is a stranger no more, and leaves room for the next.
    let group = GroupName::of_person(&opened(&town)[0]);
    let text = "no".to_owned();
    town.ask(bob, Command::Say { group, text });
    town.run(130_000);
    assert_eq!(opened(&town).len(), 11);
}

#[test]
fn somebody_who_floods_is_heard_at_a_walking_pace() {
    let mut town = town(12, 3);
    let [eve, bob] = apart(&mut town, ["eve", "bob"]);
    for n in 0..150 {
        query(&mut town, eve, bob, &n.to_string());
    }
    town.run(20_000);
    let told = texts(&town, bob, eve).len();
    assert!((20..=60).contains(&told), "{told} lines in 20 s");
    town.run(90_000);
    let all: Vec<_> = (0..150).map(|n| n.to_string()).collect();
    assert_eq!(texts(&town, bob, eve), all);
    is_well(&town);
}

#[test]
fn only_so_many_lines_wait_for_somebody() {
    let mut town = town(13, 2);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    town.quit(bob);
    for n in 0..250 {
        query(&mut town, anna, bob, &n.to_string());
    }
    town.run(5_000);
    let sent = heard(&town, anna).filter(|event| matches!(event, Event::Sent { .. }));
    // One place is taken by the join that is said first.
    assert_eq!(sent.count(), 199);
    assert!(heard(&town, anna).any(|event| matches!(event, Event::Error { .. })));
}

#[test]
fn a_nick_is_looked_up_where_people_have_met() {
    let mut town = Town::new(14, 1, 3);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.world.ears.extend([anna, bob, cat]);
    let command = Command::Query {
        who: Who::parse("Bob").unwrap(),
        near: None,
        text: Some("between us".to_owned()),
        is_front: false,
    };
    town.ask(anna, command);
    town.run(3_000);
    assert_eq!(texts(&town, bob, anna), ["between us"]);
    assert!(!heard(&town, cat).any(|event| with(event).is_some()));
    let unknown = Command::Query {
        who: Who::parse("eve").unwrap(),
        near: None,
        text: None,
        is_front: true,
    };
    town.ask(anna, unknown);
    town.run(100);
    assert!(heard(&town, anna).any(|event| match event {
        Event::Error { why, .. } => why.contains("nobody you have met goes by eve"),
        _ => false,
    }));
    town.settle();
}

#[test]
fn whois_tells_where_somebody_is_and_when_he_was_seen_last() {
    let mut town = town(15, 4);
    let [anna, bob] = apart(&mut town, ["anna", "bob"]);
    let ask = |town: &mut Town| {
        let who = Some(Who::Key(id(town, bob)));
        town.ask(anna, Command::Whois { who, near: None });
        town.run(4_000);
        let told = heard(town, anna).filter_map(|event| match event {
            Event::Whois(whois) => Some((**whois).clone()),
            _ => None,
        });
        told.last().expect("it was answered")
    };
    let whois = ask(&mut town);
    let Some(Whether::Here { for_ms }) = whois.standing else {
        panic!("{whois:?}");
    };
    assert!((4_000..9_000).contains(&for_ms), "{for_ms}");
    let mut names: Vec<_> = found_at(&town, bob).into_iter().collect();
    let over = |ix: NodeIx| town.world.node(ix).name.clone();
    names.sort();
    let mut expected: Vec<_> = names.into_iter().map(over).collect();
    let mut told = whois.over;
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
    town.quit(bob);
    town.run(10_000);
    let whois = ask(&mut town);
    let Some(Whether::Gone { for_ms }) = whois.standing else {
        panic!("{whois:?}");
    };
    assert!((9_000..15_000).contains(&for_ms), "{for_ms}");
}

#[test]
fn who_has_left_the_group_is_still_called_by_name() {
    let mut town = Town::new(16, 1, 2);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.world.ears.insert(anna);
    town.quit(bob);
    town.run(5_000);
    let who = Who::parse("bob").ok();
    let near = GroupName::parse(HEARTH).ok();
    town.ask(anna, Command::Whois { who, near });
    town.run(4_000);
    let told = heard(&town, anna).find_map(|event| match event {
        Event::Whois(whois) => Some(whois.words()),
        _ => None,
    });
    let words = told.expect("it was answered");
    assert_eq!(words[0], format!("bob is {}", id(&town, bob)));
}

#[test]
fn nobody_can_say_that_somebody_else_is_here() {
    an_impostor(1);
}

/// Somebody registers under the key of a person who is not there.
pub fn an_impostor(seed: u64) {
    use fireside::proto::seal::Signature;
    use fireside::proto::wire::Whereabouts;

    let mut town = town(seed, 1);
    town.world.has_liar = true;
    let [anna, bob, eve] = apart(&mut town, ["anna", "bob", "eve"]);
    town.quit(bob);
    town.run(5_000);
    let claim = Whereabouts {
        person: id(&town, bob),
        at: Wall(1),
        over: Vec::new(),
        signature: Signature([0; 64]),
    };
    let whereabouts = Box::new(claim);
    town.world
        .forge(eve, town.supernodes[0], &Message::Here { whereabouts });
    town.run(1_000);
    let who = Some(Who::Key(id(&town, bob)));
    town.ask(anna, Command::Whois { who, near: None });
    town.run(4_000);
    let told = heard(&town, anna).find_map(|event| match event {
        Event::Whois(whois) => Some(whois.standing),
        _ => None,
    });
    assert!(matches!(told, Some(Some(Whether::Gone { .. }))), "{told:?}");
}
