//! Small networks whose nodes come and go with people's machines: two meet that knew nothing of each other, and what
//! was one name becomes one group, at once and not at the next round of something; or one ends, and another takes its
//! place that has never heard of it.

use crate::link::NodeIx;
use crate::town::Town;

const HEARTH: &str = "#hearth";

/// As many networks of one node and one person, each of whom is alone in a group of the same name.
fn islands<const N: usize>(seed: u64, nicks: [&str; N]) -> (Town, [NodeIx; N]) {
    let mut town = Town::new(seed, 0, N as u8);
    // One network of cables, on which all goes faster than anything that is gathered before it is told.
    town.world.weather.distance_ms = (0, 1);
    town.world.weather.jitter_ms = 1;
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
    while !people.iter().all(|who| town.is_in(*who, HEARTH)) {
        town.run(5);
    }
    for who in people {
        assert_eq!(town.host(who, HEARTH), who);
    }
    (town, people)
}

fn everybody_says_a_line(town: &mut Town, people: &[NodeIx]) {
    town.run(3_000);
    for who in people {
        town.say(*who, HEARTH);
    }
    town.run(1_000);
}

/// The nodes hear of each other, one after the other.
fn meet(town: &mut Town, pause_ms: u64) {
    for ix in town.supernodes.clone() {
        let others = town.supernodes.iter().filter(|other| **other != ix);
        let others = others
            .map(|other| town.world.node(*other).address)
            .collect();
        town.world.tell_of(ix, others);
        town.run(pause_ms);
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
    meet_in_one_group(0..100, ["anna", "bob"]);
}

#[test]
fn three_networks_that_meet_have_one_group_at_once() {
    meet_in_one_group(0..50, ["anna", "bob", "cat"]);
}

/// As many networks as there are people, in each of these worlds.
fn meet_in_one_group<const N: usize>(seeds: std::ops::Range<u64>, nicks: [&str; N]) {
    let mut slowest = (0, 0);
    for seed in seeds {
        let (mut town, people) = islands(seed, nicks);
        everybody_says_a_line(&mut town, &people);
        meet(&mut town, 10);
        let took = until_one(&mut town, &people);
        slowest = slowest.max((took, seed));
        town.settle();
    }
    let (took, seed) = slowest;
    println!("one group after {took} ms at most (seed {seed})");
    assert!(took < 3_000, "{took}");
}

/// Networks meet while everybody talks, and nobody's line is refused: a host that does not take the line in which its
/// author joined, for it does not know that supernode yet, is waited for.
pub fn everybody_talks_while_networks_meet(seed: u64) {
    let (mut town, people) = islands(seed, ["anna", "bob", "cat"]);
    let late = people[seed as usize % people.len()];
    town.world.keep_tables_from(late, 500);
    meet(&mut town, 10);
    for _ in 0..30 {
        for who in people {
            town.say(who, HEARTH);
        }
        town.run(10);
    }
    town.settle();
    for who in people {
        let failed = &town.view(who, HEARTH).failed;
        assert!(failed.is_empty(), "seed {seed}: {failed:?}");
    }
}

#[test]
fn nobodys_line_is_refused_since_a_host_has_yet_to_hear_that_he_is_in() {
    (1..=12).for_each(everybody_talks_while_networks_meet);
}

/// The only node ends, and the host with it; those who are left find another one, which has never heard of the first,
/// and so does a newcomer.
pub fn somebody_comes_after_the_node_is_gone(seed: u64) {
    let mut town = Town::new(seed, 0, 2);
    town.start_mesh();
    let [first, second] = [0, 1].map(|ix| town.supernodes[ix]);
    let [at_first, at_second] = [first, second].map(|ix| vec![town.world.node(ix).address]);
    let people = ["anna", "bob"].map(|nick| {
        let who = town.person(nick);
        town.world.tell_of(who, at_first.clone());
        town.start(who);
        town.join(who, HEARTH);
        who
    });
    let [anna, bob] = people;
    while !people.iter().all(|who| town.is_in(*who, HEARTH)) {
        town.run(5);
    }
    everybody_says_a_line(&mut town, &people);
    town.run(2_000);
    town.crash(first);
    town.crash(anna);
    town.world.tell_of(bob, at_second.clone());
    town.run(20_000);
    assert_eq!(town.host(bob, HEARTH), bob);
    town.say(bob, HEARTH);
    let cat = town.person("cat");
    town.world.tell_of(cat, at_second);
    town.start(cat);
    town.join(cat, HEARTH);
    town.run(20_000);
    assert_eq!(town.texts(cat, HEARTH), town.texts(bob, HEARTH));
    assert_eq!(town.texts(cat, HEARTH).len(), 3);
    let sees = |who| town.view(who, HEARTH).members;
    assert_eq!(sees(cat), sees(bob));
    assert_eq!(sees(cat).len(), 2);
}

#[test]
fn who_comes_after_the_node_is_gone_sees_everybody_and_the_past() {
    (1..=12).for_each(somebody_comes_after_the_node_is_gone);
}
