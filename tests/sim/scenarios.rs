//! What must happen, told one story at a time.

use fireside::proto::event::What;

use crate::town::Town;

const HEARTH: &str = "#hearth";

fn town(seed: u64) -> Town {
    Town::new(seed, 1, 2)
}

#[test]
fn two_people_meet_and_see_each_others_lines() {
    let mut town = town(1);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.say(anna, HEARTH);
    town.run(500);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(anna, HEARTH), ["anna 1", "bob 2"]);
    assert_eq!(town.texts(bob, HEARTH), ["anna 1", "bob 2"]);
    assert_eq!(town.host(bob, HEARTH), anna);
}

#[test]
fn many_senders_at_once_see_one_order() {
    let mut town = town(2);
    let people = town.circle(HEARTH, ["anna", "bob", "cat", "dan", "eve", "fay"]);
    for _ in 0..10 {
        for who in people {
            town.say(who, HEARTH);
        }
    }
    town.settle();
    for who in people {
        assert_eq!(town.texts(who, HEARTH).len(), 60);
    }
    assert_eq!(town.world.checker.counts.late, 0);
}

#[test]
fn joins_and_leaves_during_a_broadcast_have_one_place_for_all() {
    let mut town = town(3);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let late: Vec<_> = ["dan", "eve", "fay"].map(|nick| town.person(nick)).into();
    for who in &late {
        town.start(*who);
    }
    for round in 0..8 {
        for who in [anna, bob, cat] {
            town.say(who, HEARTH);
        }
        if let Some(who) = late.get(round / 2) {
            town.join(*who, HEARTH);
        }
        town.run(40);
    }
    town.part(bob, HEARTH);
    town.say(anna, HEARTH);
    town.settle();
    let seen = town.texts(anna, HEARTH);
    for who in late {
        assert_eq!(town.texts(who, HEARTH), seen);
    }
    assert!(!town.is_in(bob, HEARTH));
}

#[test]
fn the_host_leaves_and_the_next_in_line_hosts() {
    let mut town = town(4);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(cat, HEARTH);
    town.quit(anna);
    town.say(cat, HEARTH);
    town.run(1_500);
    assert_eq!(town.host(bob, HEARTH), bob);
    assert_eq!(town.host(cat, HEARTH), bob);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(cat, HEARTH), ["cat 1", "cat 2", "bob 3"]);
    assert!(!town.world.is_running(anna));
}

#[test]
fn who_comes_back_sees_what_was_missed_once_and_in_place() {
    let mut town = town(5);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(anna, HEARTH);
    town.run(1_000);
    town.quit(anna);
    town.run(3_000);
    for _ in 0..5 {
        town.say(bob, HEARTH);
        town.say(cat, HEARTH);
    }
    town.run(5_000);
    town.start(anna);
    town.join(anna, HEARTH);
    town.settle();
    assert_eq!(town.texts(anna, HEARTH), town.texts(bob, HEARTH));
    assert_eq!(town.texts(anna, HEARTH).len(), 11);
    assert_eq!(town.host(anna, HEARTH), bob);
    let view = town.view(anna, HEARTH);
    let missed = view.log.values().filter(|line| line.history);
    assert!(missed.count() >= 10, "what was missed is marked as history");
}

#[test]
fn the_host_crashes_and_the_next_heir_hosts() {
    let mut town = town(6);
    let [anna, bob, cat, dan] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    town.say(dan, HEARTH);
    town.run(1_000);
    town.crash(anna);
    town.say(dan, HEARTH);
    town.run(20_000);
    assert_eq!(town.host(dan, HEARTH), bob);
    town.say(cat, HEARTH);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH), ["dan 1", "dan 2", "cat 3"]);
    assert!(!town.is_in(anna, HEARTH));
}

#[test]
fn a_crashed_host_that_restarts_at_once_loses_nothing() {
    let mut town = town(7);
    let [anna, bob, _] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(anna, HEARTH);
    town.say(bob, HEARTH);
    town.run(2_000);
    town.crash(anna);
    town.run(100);
    town.start(anna);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(anna, HEARTH), town.texts(bob, HEARTH));
    assert_eq!(town.texts(anna, HEARTH).len(), 3);
}

#[test]
fn a_full_disk_takes_nothing_from_the_talk() {
    let mut town = town(13);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(anna, HEARTH);
    town.run(2_000);
    town.world.fill_disk(bob, true);
    for _ in 0..3 {
        town.say(anna, HEARTH);
        town.say(bob, HEARTH);
    }
    town.run(20_000);
    assert_eq!(town.texts(bob, HEARTH).len(), 7);
    assert_eq!(town.texts(bob, HEARTH), town.texts(cat, HEARTH));
    town.world.fill_disk(bob, false);
    town.say(cat, HEARTH);
    town.settle();
    town.crash(bob);
    town.run(1_000);
    town.start(bob);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH).len(), 8);
}

#[test]
fn everyone_leaves_and_one_returns_to_all_that_was_said() {
    let mut town = town(8);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    for who in [anna, bob, cat] {
        town.say(who, HEARTH);
    }
    town.run(2_000);
    for who in [anna, bob, cat] {
        town.quit(who);
        town.run(5_000);
    }
    town.run(60_000);
    town.start(bob);
    town.join(bob, HEARTH);
    town.settle();
    assert_eq!(town.host(bob, HEARTH), bob);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH).len(), 4);
}

#[test]
fn who_starts_with_a_table_that_is_still_right_joins_later() {
    let mut town = town(28);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.quit(bob);
    town.run(5_000);
    town.start(bob);
    town.run(3_000);
    town.join(bob, HEARTH);
    town.settle();
    assert_eq!(town.host(bob, HEARTH), anna);
}

#[test]
fn who_remembers_only_the_dead_joins_as_soon_as_who_remembers_nobody() {
    let mut town = Town::new(31, 1, 20);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.quit(anna);
    town.run(5_000);
    // Their machines are gone, so that nothing refuses a dial.
    let gone = town.supernodes[1..].iter().map(|ix| (*ix, 1));
    town.world.partition(gone.collect());
    town.run(60_000);
    town.say(bob, HEARTH);
    town.start(anna);
    town.run(3_000);
    assert!(town.is_in(anna, HEARTH));
    assert_eq!(town.host(anna, HEARTH), bob);
    town.settle();
}

#[test]
fn a_name_of_many_dead_addresses_and_a_living_one_costs_little() {
    let mut town = Town::new(52, 30, 1);
    let anna = town.person("anna");
    town.start_mesh();
    // Their machines are gone, so that nothing refuses a dial; the one that is left is dialled last.
    let (alive, dead) = town.directories.split_last().expect("there are some");
    let alive = *alive;
    let gone = dead.iter().map(|ix| (*ix, 1));
    town.world.partition(gone.collect());
    town.run(10_000);
    town.start(anna);
    let began = town.world.now();
    while !town.world.is_linked(anna, alive) {
        town.run(10);
        let took = town.world.now() - began;
        assert!(took < 2_000, "not linked after {took} ms");
    }
}

#[test]
fn nodes_whose_first_address_leads_nowhere_are_linked_by_their_next() {
    let mut town = town(32);
    let [one, two] = [town.supernodes[0], town.supernodes[1]];
    for ix in [one, two] {
        // As of containers: the same on every machine.
        let inward = std::net::SocketAddr::from(([172, 17, 0, 1], 7700));
        town.world.add_inward(ix, inward);
    }
    town.start_mesh();
    town.run(5_000);
    assert!(town.world.is_linked(one, two));
}

#[test]
fn two_networks_that_meet_have_one_group_with_the_lines_of_both() {
    let mut town = Town::new(33, 2, 2);
    let [anna, bob, cat] = ["anna", "bob", "cat"].map(|nick| town.person(nick));
    let there = [town.directories[1], town.supernodes[1], bob, cat];
    town.world.partition(there.map(|ix| (ix, 1)).into());
    town.start_mesh();
    for who in [anna, bob, cat] {
        town.start(who);
        town.join(who, HEARTH);
        town.run(4_000);
        town.say(who, HEARTH);
    }
    town.run(4_000);
    assert_eq!(town.host(anna, HEARTH), anna);
    assert_eq!(town.host(cat, HEARTH), bob);
    town.world.heal();
    let took = town.settle();
    assert!(took < 30_000, "two networks are one after {took} ms");
    let host = town.host(anna, HEARTH);
    for who in [anna, bob, cat] {
        assert_eq!(town.host(who, HEARTH), host);
        assert_eq!(town.texts(who, HEARTH), ["anna 1", "bob 2", "cat 3"]);
    }
}

#[test]
fn a_hundred_join_at_once() {
    let mut town = town(9);
    town.start_mesh();
    town.run(3_000);
    let people: Vec<_> = (0..100).map(|n| town.person(&format!("p{n}"))).collect();
    for who in &people {
        town.start(*who);
        town.join(*who, HEARTH);
    }
    let took = town.settle();
    assert!(took < 30_000, "a hundred joins took {took} ms");
    town.say(people[99], HEARTH);
    town.settle();
    assert_eq!(town.texts(people[0], HEARTH), ["p99 1"]);
}

#[test]
fn two_groups_have_two_hosts() {
    let mut town = town(10);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.join(bob, "#garden");
    town.run(3_000);
    town.join(anna, "#garden");
    town.run(3_000);
    town.say(anna, HEARTH);
    town.say(anna, "#garden");
    town.settle();
    assert_eq!(town.host(anna, HEARTH), anna);
    assert_eq!(town.host(anna, "#garden"), bob);
    town.part(anna, HEARTH);
    town.run(3_000);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.host(bob, HEARTH), bob);
    assert!(town.is_in(anna, "#garden"));
}

#[test]
fn a_nick_that_is_taken_is_refused_and_told_apart() {
    let mut town = town(11);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "Anna"]);
    town.run(2_000);
    let nicks = |town: &Town| {
        let members = town.view(anna, HEARTH).members;
        let nicks = members.iter().map(|m| m.nick.folded());
        nicks.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(nicks(&town).len(), 3, "the second anna has another nick");
    town.rename(bob, "anna");
    town.settle();
    assert_eq!(nicks(&town).len(), 3);
    town.rename(bob, "bobby");
    town.say(cat, HEARTH);
    town.settle();
    let view = town.view(anna, HEARTH);
    let renamed = |what: &What| matches!(what, What::Nick(nick) if nick.as_str() == "bobby");
    assert!(view.log.values().any(|line| renamed(&line.what)));
}

#[test]
fn an_idle_group_costs_little() {
    let mut town = town(12);
    let [anna, _, _] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(anna, HEARTH);
    town.settle();
    let before = town.world.happened;
    town.run(3_600_000);
    let after = town.world.happened;
    let (frames, bytes) = (after.frames - before.frames, after.bytes - before.bytes);
    // Six nodes; a member repeats its registration every five seconds, nodes swap digests every ten, and each asks one
    // of the others every second whether it is there.
    assert!(frames < 30_000, "{frames} frames in an idle hour");
    assert!(bytes < 2_000_000, "{bytes} bytes in an idle hour");
    town.settle();
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let story = |seed| {
        let mut town = town(seed);
        let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
        town.say(anna, HEARTH);
        town.crash(anna);
        town.say(bob, HEARTH);
        town.settle();
        town.world.happened
    };
    assert_eq!(story(13), story(13));
    assert_ne!(story(13), story(14));
}

#[test]
fn everybody_has_a_link_to_the_supernode_that_comes_next_and_to_no_other() {
    let mut town = Town::new(31, 1, 4);
    // Whoever is to be found is linked to the supernodes near his key besides.
    town.are_listed = false;
    let people = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.settle();
    let mut near = town.by_distance(HEARTH);
    while near.len() > 2 {
        for who in people {
            assert!(town.world.is_linked(who, near[0]), "the one that holds it");
            assert!(town.world.is_linked(who, near[1]), "the next one");
            assert!(!town.world.is_linked(who, near[2]), "nobody needs it");
        }
        town.crash(near.remove(0));
        town.settle();
    }
}

#[test]
fn many_groups_need_few_supernodes_that_stand_by() {
    let mut town = Town::new(32, 1, 48);
    town.start_mesh();
    town.run(3_000);
    let anna = town.person("anna");
    town.start(anna);
    let groups: Vec<_> = (0..24).map(|n| format!("#group-{n}")).collect();
    for group in &groups {
        town.join(anna, group);
    }
    town.run(8_000);
    assert!(groups.iter().all(|group| town.is_in(anna, group)));
    let held: std::collections::BTreeSet<_> =
        groups.iter().map(|group| town.keeper(group)).collect();
    let linked = town
        .supernodes
        .iter()
        .filter(|ix| town.world.is_linked(anna, **ix))
        .count();
    assert!(linked > held.len(), "none stands by");
    assert!(
        linked <= held.len() + 8,
        "{linked} links for {} holders",
        held.len()
    );
}
