//! Networks that knew nothing of each other meet, as when a machine is plugged in: what was one name becomes one
//! group, at once and not at the next round of something.

use crate::link::NodeIx;
use crate::town::Town;

const HEARTH: &str = "#hearth";

/// As many networks of one node and one person, each of whom is alone in a group of the same name.
fn islands<const N: usize>(seed: u64, nicks: [&str; N]) -> (Town, [NodeIx; N]) {
    let mut town = Town::new(seed, 0, N as u8);
    town.world.trace = std::env::var("TRACE").is_ok();
    town.start_mesh();
    let mut number = 0;
    let people = nicks.map(|nick| {
        let who = town.person(nick);
        let node = town.world.node(town.supernodes[number]).address;
        town.world.tell_of(who, vec![node]);
        town.start(who);
        town.join(who, HEARTH);
        number += 1;
        who
    });
    town.run(2_000);
    for who in people {
        town.say(who, HEARTH);
        assert_eq!(town.host(who, HEARTH), who);
    }
    town.run(1_000);
    (town, people)
}

/// The nodes hear of each other, not all in one moment.
fn meet(town: &mut Town) {
    for ix in town.supernodes.clone() {
        let others = town.supernodes.iter().filter(|other| **other != ix);
        let others = others
            .map(|other| town.world.node(*other).address)
            .collect();
        town.world.tell_of(ix, others);
        town.run(40);
    }
}

/// How long until everybody shows every line, in virtual milliseconds.
fn until_one(town: &mut Town, people: &[NodeIx]) -> u64 {
    let began = town.world.now();
    let is_one = |town: &Town| {
        let mut lines = people.iter().map(|who| town.texts(*who, HEARTH));
        let first = lines.next().unwrap_or_default();
        first.len() == people.len() && lines.all(|other| other == first)
    };
    while !is_one(town) {
        town.run(50);
        assert!(town.world.now() - began < 60_000, "they never become one");
    }
    town.world.now() - began
}

#[test]
fn two_networks_that_meet_have_one_group_at_once() {
    let mut slowest = 0;
    for seed in 0..100 {
        let (mut town, people) = islands(seed, ["anna", "bob"]);
        meet(&mut town);
        let took = until_one(&mut town, &people);
        slowest = slowest.max(took);
        town.settle();
    }
    println!("one group after {slowest} ms at most");
    assert!(slowest < 3_000, "{slowest}");
}

#[test]
fn three_networks_that_meet_have_one_group_at_once() {
    let mut slowest = 0;
    for seed in 0..50 {
        let (mut town, people) = islands(seed, ["anna", "bob", "cat"]);
        meet(&mut town);
        let took = until_one(&mut town, &people);
        slowest = slowest.max(took);
        town.settle();
    }
    println!("one group after {slowest} ms at most");
    assert!(slowest < 3_000, "{slowest}");
}
