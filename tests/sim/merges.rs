//! Two sides of a partition become one: everybody is told so once, with what each side had that the other lacked.

use std::collections::BTreeSet;

use fireside::proto::command::Command;
use fireside::proto::event::Event;
use fireside::proto::limits::CATCH_UP_SIZE;

use crate::link::NodeIx;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";

/// What somebody was told of merges: what came from their own side, and from the other.
fn merges(town: &Town, who: NodeIx) -> Vec<(u64, u64)> {
    let id = town.world.node(who).id;
    let asides = town.world.checker.asides(id);
    let merge = |event: &Event| {
        let Event::Merge {
            from_us, from_them, ..
        } = event
        else {
            return None;
        };
        Some((*from_us, *from_them))
    };
    asides.filter_map(merge).collect()
}

/// Anna, who hosts, and bob on one side; cat, dan and eve on the other; each side has a supernode.
fn parted(seed: u64) -> (Town, [NodeIx; 5]) {
    let mut town = Town::new(seed, 1, 2);
    let people = town.circle(HEARTH, ["anna", "bob", "cat", "dan", "eve"]);
    let [anna, bob, ..] = people;
    let near = [anna, bob, town.supernodes[0]];
    town.world.partition(near.map(|ix| (ix, 1)).into());
    town.run(30_000);
    (town, people)
}

#[test]
fn both_sides_hear_once_what_each_had_that_the_other_lacked() {
    let mut late_ones = 0;
    for seed in 200..206 {
        let (mut town, people) = parted(seed);
        let [anna, bob, cat, dan, _] = people;
        let hosts = [anna, cat].map(|who| town.host(who, HEARTH));
        assert_ne!(hosts[0], hosts[1], "each side has its host");
        let before = [anna, cat].map(|who| town.view(who, HEARTH).log.len());
        for who in [anna, bob, anna, cat, dan] {
            town.say(who, HEARTH);
        }
        town.run(5_000);
        let here = (town.view(anna, HEARTH).log.len() - before[0]) as u64;
        let there = (town.view(cat, HEARTH).log.len() - before[1]) as u64;
        assert_eq!(
            (here, there),
            (3, 2),
            "and what was written of the missing lies before"
        );
        let logs = [anna, cat].map(|who| {
            let (disk, group) = (&town.world.node(who).disk, name(HEARTH));
            disk.log(&group).collect::<BTreeSet<_>>()
        });
        let ours = logs[0].difference(&logs[1]).count() as u64;
        let theirs = logs[1].difference(&logs[0]).count() as u64;
        town.world.heal();
        town.settle();
        let host = town.host(anna, HEARTH);
        let is_near = |who: NodeIx| [anna, bob].contains(&who);
        for who in people {
            let told = merges(&town, who);
            assert_eq!(told.len(), 1, "seed {seed}: {told:?}");
            let expected = if is_near(who) {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            // A host that goes on alone for a while makes its side late, to find more than there was.
            if told[0] != expected {
                assert_ne!(is_near(who), is_near(host), "seed {seed}: {told:?}");
                late_ones += 1;
            }
        }
    }
    assert!(late_ones <= 4, "as a rule all come together");
}

#[test]
fn a_side_on_which_nobody_spoke_hears_of_the_merge_too() {
    let (mut town, people) = parted(207);
    let [anna, bob, cat, ..] = people;
    town.run(20_000);
    for _ in 0..3 {
        town.say(cat, HEARTH);
    }
    town.run(5_000);
    town.world.heal();
    town.settle();
    for who in people {
        let told = merges(&town, who);
        let [(from_us, from_them)] = told.as_slice() else {
            panic!("{told:?}");
        };
        // Each side wrote that the other was gone, but only one spoke.
        let is_quiet = [anna, bob].contains(&who);
        assert_eq!(from_us < from_them, is_quiet, "{told:?}");
    }
}

#[test]
fn who_was_merely_away_gets_history_and_no_merge() {
    let mut town = Town::new(210, 1, 2);
    let people = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    let [anna, bob, cat, dan] = people;
    // A crash of the host, somebody who is off for a while, somebody who is cut off alone and silent, a leave.
    town.say(anna, HEARTH);
    town.crash(anna);
    town.crash(dan);
    town.world.partition([(cat, 1)].into());
    town.run(40_000);
    town.say(bob, HEARTH);
    town.run(5_000);
    town.world.heal();
    town.start(anna);
    town.start(dan);
    town.run(20_000);
    town.quit(bob);
    town.run(20_000);
    town.say(cat, HEARTH);
    town.settle();
    for who in people {
        assert_eq!(merges(&town, who), []);
    }
}

#[test]
fn a_great_many_lines_come_in_pieces_and_keep_nobody_from_talking() {
    let (mut town, people) = parted(211);
    let [anna, bob, cat, ..] = people;
    let before = town.texts(anna, HEARTH).len();
    for n in 0..400 {
        let (group, text) = (name(HEARTH), format!("{n:04000}"));
        town.world.command(cat, Command::Say { group, text });
        town.run(500);
    }
    town.run(5_000);
    town.world.heal();
    let mut most = 0;
    while [anna, bob]
        .iter()
        .any(|who| town.texts(*who, HEARTH).len() < before + 400)
    {
        let waiting = [anna, bob].map(|who| town.world.unwritten(who));
        most = most.max(waiting[0]).max(waiting[1]);
        town.run(1);
    }
    let longest = 6 * CATCH_UP_SIZE;
    assert!(most > 0 && most < longest, "{most} bytes wait for a disk");
    town.say(bob, HEARTH);
    town.settle();
}
