//! Groups that move: to a supernode that has joined or come back, and from one that leaves; and the people in them, who
//! notice nothing.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::rc::Rc;

use fireside::proto::command::Command;
use fireside::proto::event::Event;
use fireside::proto::id::NodeId;
use fireside::proto::mutant::{self, Mutant};
use fireside::proto::wire::Message;

use crate::liar::Puppet;
use crate::link::NodeIx;
use crate::town::Town;

const NICKS: [&str; 3] = ["anna", "bob", "cat"];

/// A town whose last supernode does not run yet, and the names of groups that are its as soon as it does.
fn without_the_last(seed: u64, supernodes: u8, groups: usize) -> (Town, NodeIx, Vec<String>) {
    let mut town = Town::new(seed, 1, supernodes);
    town.world.weather.distance_ms = (1, 30);
    let last = *town.supernodes.last().unwrap();
    let names = (0..).map(|n| format!("#group-{n}"));
    let names = names.filter(|name| town.keeper(name) == last);
    let names: Vec<_> = names.take(groups).collect();
    for ix in [town.directories.clone(), town.supernodes.clone()].concat() {
        if ix != last {
            town.start(ix);
        }
    }
    town.run(5_000);
    (town, last, names)
}

/// People who are in one group.
fn meet(town: &mut Town, group: &str) -> [NodeIx; 3] {
    NICKS.map(|nick| {
        let who = town.person(nick);
        town.start(who);
        town.join(who, group);
        town.run(3_000);
        town.world.ears.insert(who);
        who
    })
}

/// Everybody says a line a second for so long. Each is confirmed within a second, and nobody is told of anything but
/// lines.
#[track_caller]
fn talk_undisturbed(town: &mut Town, people: &[NodeIx], group: &str, seconds: u64) {
    town.world.heard.clear();
    for second in 0..seconds {
        let kept_of = |town: &Town, who: &NodeIx| town.view(*who, group).confirmed();
        let before: usize = people.iter().map(|who| kept_of(town, who)).sum();
        for who in people {
            town.say(*who, group);
        }
        town.run(1_000);
        let kept: usize = people.iter().map(|who| kept_of(town, who)).sum();
        assert_eq!(
            kept - before,
            people.len(),
            "lines of second {second} are late"
        );
    }
    let is_word = |event: &Event| {
        matches!(
            event,
            Event::Contact { .. }
                | Event::Waiting { .. }
                | Event::Host { .. }
                | Event::Role { .. }
                | Event::Merge { .. }
                | Event::Failed { .. }
                | Event::Notice { .. }
                | Event::Error { .. }
        )
    };
    let words: Vec<_> = town
        .world
        .heard
        .iter()
        .filter(|(_, e)| is_word(e))
        .collect();
    assert!(words.is_empty(), "somebody was told of {words:?}");
}

#[test]
fn a_supernode_that_joins_gets_the_groups_nearest_to_it_and_nobody_in_them_notices() {
    for seed in 1..=3 {
        a_supernode_joins(seed);
    }
}

fn a_supernode_joins(seed: u64) {
    let (mut town, newcomer, groups) = without_the_last(seed, 6, 1);
    let group = groups[0].as_str();
    let people = meet(&mut town, group);
    town.start(newcomer);
    talk_undisturbed(&mut town, &people, group, 12);
    let held = town.world.figures(newcomer).groups;
    assert_eq!((held.live, held.registered), (1, 3), "it has the group");
    let others = town.supernodes.iter().filter(|ix| **ix != newcomer);
    let live: usize = others.map(|ix| town.world.figures(*ix).groups.live).sum();
    assert_eq!(live, 0, "nobody else has it");
    let has_record = |ix: &&NodeIx| {
        let disk = &town.world.node(**ix).disk;
        disk.has_record(&crate::town::name(group))
    };
    assert!(has_record(&&newcomer));
    assert!(town.supernodes.iter().filter(has_record).count() >= 3);
    town.settle();
}

#[test]
fn who_has_an_old_table_is_sent_on_to_the_supernode_that_has_the_group() {
    let (mut town, newcomer, groups) = without_the_last(4, 6, 1);
    let group = groups[0].as_str();
    let [anna, bob, _] = meet(&mut town, group);
    town.quit(bob);
    town.run(3_000);
    town.start(newcomer);
    town.run(8_000);
    assert_eq!(town.world.figures(newcomer).groups.registered, 2);
    // Its table is from before, and it asks whom that names.
    town.start(bob);
    let start = town.world.now();
    while town.world.figures(newcomer).groups.registered < 3 || !town.is_in(bob, group) {
        assert!(town.world.now() - start < 1_500, "bob is not in");
        town.run(50);
    }
    println!("in after {} ms with an old table", town.world.now() - start);
    assert_eq!(town.host(bob, group), anna);
    town.settle();
}

#[test]
fn a_supernode_that_leaves_hands_everything_over_first() {
    for seed in 5..=7 {
        let (mut town, leaver, groups) = without_the_last(seed, 6, 1);
        let group = groups[0].as_str();
        town.start(leaver);
        town.run(5_000);
        let people = meet(&mut town, group);
        let why = String::new();
        town.world.command(leaver, Command::Quit { why });
        talk_undisturbed(&mut town, &people, group, 12);
        assert!(!town.world.is_running(leaver));
        let others = town.supernodes.iter().filter(|ix| **ix != leaver);
        let figures = others.map(|ix| town.world.figures(*ix).groups);
        let (granted, registered) = figures.fold((0, 0), |(granted, registered), f| {
            (granted + f.granted, registered + f.registered)
        });
        assert_eq!((granted, registered), (0, 3), "the epoch is the same");
    }
}

#[test]
fn a_supernode_that_comes_back_to_many_groups_gets_them_by_handfuls() {
    many_groups_return(8);
}

fn many_groups_return(seed: u64) {
    const EACH: usize = 90;
    /// What one may hand over in a tenth of a second: a handful, and what somebody asked for. Two of the others have
    /// all groups between them.
    const AT_ONCE: u64 = 100;
    let (mut town, away, groups) = without_the_last(seed, 4, NICKS.len() * EACH);
    for (nick, groups) in NICKS.iter().zip(groups.chunks(EACH)) {
        let who = town.person(nick);
        town.start(who);
        town.run(1_000);
        for group in groups {
            town.join(who, group);
            town.run(20);
        }
    }
    town.run(10_000);
    let others: Vec<_> = town
        .supernodes
        .iter()
        .copied()
        .filter(|ix| *ix != away)
        .collect();
    let passed_on = |town: &Town| -> Vec<u64> {
        let figures = others.iter().map(|ix| town.world.figures(*ix).groups);
        figures.map(|groups| groups.passed_on).collect()
    };
    town.start(away);
    let (start, mut before, mut most) = (town.world.now(), passed_on(&town), 0);
    while town.world.figures(away).groups.registered < groups.len() {
        let after = town.world.now() - start;
        assert!(after < 15_000, "some are not back after {after} ms");
        town.run(100);
        let now = passed_on(&town);
        let each = now.iter().zip(&before).map(|(now, before)| now - before);
        most = each.chain([most]).max().unwrap();
        before = now;
    }
    let took = town.world.now() - start;
    println!(
        "{} groups are back after {took} ms, at most {most} of them in a tenth of a second from one",
        groups.len()
    );
    assert!(most <= AT_ONCE, "{most} at once");
}

#[test]
fn supernodes_that_learn_of_another_at_once_do_not_all_begin_at_once_to_hand_over() {
    those_beside_it_begin_apart(21);
}

/// The two that kept the groups of one that comes back learn of it within a round trip. In some of a few worlds they
/// have to begin further apart than that.
fn those_beside_it_begin_apart(first_seed: u64) {
    const WORLDS: u64 = 4;
    const ROUND_TRIP_MS: u64 = 60;
    let apart = (first_seed..first_seed + WORLDS).map(|seed| {
        let (mut town, away, names) = without_the_last(seed, 4, 200);
        let after = |town: &Town, name: &str| town.by_distance(name)[1];
        let one = after(&town, &names[0]);
        let (ones, twos): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| after(&town, name) == one);
        town.start(away);
        town.run(5_000);
        let people = [(&ones[..6], "anna"), (&twos[..6], "bob")].map(|(groups, nick)| {
            let who = town.person(nick);
            town.start(who);
            for group in groups {
                town.join(who, group);
            }
            who
        });
        town.run(10_000);
        town.crash(away);
        town.run(20_000);
        for who in people {
            // They move when they are told to, and not by themselves.
            town.world.keep_tables_from(who, 60_000);
        }
        let others = town.supernodes.iter().filter(|ix| **ix != away);
        let others: Vec<_> = others.copied().collect();
        let passed_on = |town: &Town, ix: NodeIx| town.world.figures(ix).groups.passed_on;
        let before: Vec<_> = others.iter().map(|ix| passed_on(&town, *ix)).collect();
        town.start(away);
        let start = town.world.now();
        let mut began = vec![None; others.len()];
        while town.world.figures(away).groups.registered < 12 {
            town.run(5);
            let after = town.world.now() - start;
            assert!(after < 15_000, "some are not back after {after} ms");
            for ((ix, before), began) in others.iter().zip(&before).zip(&mut began) {
                if passed_on(&town, *ix) > *before {
                    began.get_or_insert(after);
                }
            }
        }
        let began: Vec<_> = began.into_iter().flatten().collect();
        assert_eq!(began.len(), 2, "two have kept them");
        began[0].abs_diff(began[1])
    });
    let apart: Vec<_> = apart.collect();
    println!("those who hand over begin {apart:?} ms apart");
    // Once it may be that one of them has heard of the other so much later.
    let far = apart.iter().filter(|apart| **apart > 2 * ROUND_TRIP_MS);
    assert!(far.count() > 1);
}

#[test]
fn whose_table_is_old_is_sent_on_once_and_not_again() {
    (31..=34).for_each(is_sent_on_once);
}

/// A supernode comes back to its group, and somebody hears of no table meanwhile. How often they are sent on is
/// counted, not how long it takes.
fn is_sent_on_once(seed: u64) {
    let (mut town, keeper, groups) = without_the_last(seed, 6, 1);
    let group = groups[0].as_str();
    town.start(keeper);
    town.run(5_000);
    meet(&mut town, group);
    let dan = Puppet::new(&mut town, "dan");
    dan.join(&mut town, group);
    town.crash(keeper);
    town.run(20_000);
    let asked = Rc::<RefCell<Vec<NodeId>>>::default();
    let heard = Rc::clone(&asked);
    dan.twist(move |to, message| {
        if matches!(message, Message::Register { .. }) {
            heard.borrow_mut().push(to);
        }
        vec![message]
    });
    town.world.keep_tables_from(dan.ix, 60_000);
    dan.notes.borrow_mut().moved = 0;
    town.start(keeper);
    let start = town.world.now();
    while town.world.figures(keeper).groups.registered < 4 {
        let after = town.world.now() - start;
        assert!(after < 20_000, "seed {seed}: not all are there");
        town.run(10);
    }
    let (id, asked) = (town.world.node(keeper).id, asked.borrow());
    assert_eq!(asked.last(), Some(&id));
    assert_eq!(dan.notes.borrow().moved, 1, "seed {seed}");
}

#[test]
fn each_rule_of_moving_is_missed_when_it_is_broken() {
    type Story = fn(u64);
    let rules: [(Mutant, u64, Story); 4] = [
        (Mutant::GroupsKept, 1, a_supernode_joins),
        (Mutant::HandedOverAtOnce, 8, many_groups_return),
        (Mutant::HandedOverTogether, 21, those_beside_it_begin_apart),
        (Mutant::SentOnInVain, 31, is_sent_on_once),
    ];
    for (rule, seed, story) in rules {
        let is_missed = mutant::with(rule, || catch_unwind(|| story(seed))).is_err();
        assert!(is_missed, "nothing shows {rule:?}");
    }
}
