//! Mistakes that random worlds found, each told again as a story of its own.

use std::sync::Arc;

use fireside::proto::client::Client;
use fireside::proto::event::Event;
use fireside::proto::id::{Nick, NodeId};
use fireside::proto::role::{Input, Kind, LinkId, Output, Role};
use fireside::proto::saved::Saved;
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::Reason;

use crate::seal::CheapSeal;
use crate::town::Town;

const HEARTH: &str = "#hearth";

fn town(seed: u64) -> Town {
    Town::new(seed, 1, 2)
}

#[test]
fn who_loses_the_only_supernode_and_keeps_a_directory_finds_it_again() {
    let mut town = Town::new(29, 1, 1);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    let (directory, supernode) = (town.directories[0], town.supernodes[0]);
    town.quit(bob);
    town.run(5_000);
    town.start(bob);
    while !(town.world.is_linked(bob, directory) && town.world.is_linked(bob, supernode)) {
        town.run(1);
    }
    town.world.cut_between(bob, supernode);
    town.settle();
    assert_eq!(town.host(bob, HEARTH), anna);
}

#[test]
fn who_is_replaced_by_another_process_ends_and_dials_nobody() {
    let seal = Arc::new(CheapSeal(NodeId([1; 32])));
    let nick = Nick::parse("anna").unwrap();
    let mut client = Client::new(seal, nick, Saved::default(), 1);
    let now = Now {
        mono: Mono(1_000),
        wall: Wall(1_000_000),
    };
    let mut given = |input| {
        client.handle(now, input);
        std::iter::from_fn(|| client.poll()).collect::<Vec<_>>()
    };
    given(Input::Start);
    let address = "192.0.2.1:7700".parse().unwrap();
    let addresses = vec![address];
    let dials = given(Input::Found { addresses });
    let dial = dials.iter().find_map(|output| {
        let Output::Dial { dial, .. } = output else {
            return None;
        };
        Some(*dial)
    });
    assert!(dial.is_some(), "{dials:?}");
    let link = LinkId(1);
    given(Input::Linked {
        link,
        dial,
        kind: Kind::Mesh,
        peer: NodeId([2; 32]),
        address: Some(address),
        rtt_ms: 10,
    });
    let why = Some(Reason::Replaced);
    let ending = given(Input::Lost { link, why });
    let is_dial = |output: &Output| matches!(output, Output::Dial { .. });
    assert!(!ending.iter().any(is_dial), "{ending:?}");
    assert!(
        ending
            .iter()
            .any(|o| matches!(o, Output::Tell(Event::Error { .. })))
    );
    assert!(ending.iter().any(|o| matches!(o, Output::Finish)));
}

#[test]
fn a_farewell_overtakes_no_join_and_no_line_follows_it() {
    let mut town = town(30);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    let cat = town.person("cat");
    town.start(cat);
    town.join(cat, HEARTH);
    while town.texts(anna, HEARTH).is_empty() && !town.is_in(cat, HEARTH) {
        town.run(5);
        if town
            .view(anna, HEARTH)
            .members
            .iter()
            .any(|m| m.nick.as_str() == "cat")
        {
            break;
        }
    }
    town.part(cat, HEARTH);
    town.say(cat, HEARTH);
    town.part(bob, HEARTH);
    town.say(bob, HEARTH);
    town.settle();
    assert!(town.texts(anna, HEARTH).is_empty());
    assert_eq!(town.view(anna, HEARTH).members.len(), 1);
}

#[test]
fn whoever_leaves_and_joins_in_one_breath_is_in() {
    let mut town = town(31);
    let people = town.circle(HEARTH, ["anna", "bob", "cat"]);
    for who in people {
        town.part(who, HEARTH);
        town.join(who, HEARTH);
    }
    town.settle();
    for who in people {
        assert_eq!(town.view(who, HEARTH).members.len(), 3);
    }
}

#[test]
fn a_number_that_others_have_seen_is_never_given_twice() {
    let mut town = town(32);
    town.world.weather.flush_ms = (50, 200);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    for _ in 0..3 {
        town.say(anna, HEARTH);
    }
    town.run(120);
    town.crash(anna);
    town.run(100);
    town.start(anna);
    for _ in 0..3 {
        town.say(anna, HEARTH);
    }
    town.settle();
    assert_eq!(town.texts(anna, HEARTH), town.texts(bob, HEARTH));
}

#[test]
fn a_host_that_crashes_before_its_lease_is_on_disk_writes_no_line_twice() {
    let mut town = town(33);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.world.weather.flush_ms = (150, 150);
    for _ in 0..3 {
        town.say(bob, HEARTH);
        town.say(cat, HEARTH);
    }
    town.crash(anna);
    while town
        .view(bob, HEARTH)
        .host
        .is_none_or(|(_, epoch)| epoch.number < 2)
    {
        town.run(10);
    }
    town.run(100);
    town.crash(bob);
    town.start(bob);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH), town.texts(cat, HEARTH));
}

#[test]
fn a_leave_that_could_not_be_told_is_heard_of_all_the_same() {
    let mut town = Town::new(34, 1, 1);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let supernode = town.supernodes[0];
    town.world.freeze(supernode);
    town.run(5_000);
    town.part(anna, HEARTH);
    town.run(5_000);
    town.world.thaw(supernode);
    town.say(cat, HEARTH);
    town.settle();
    assert_eq!(town.host(cat, HEARTH), bob);
}

#[test]
fn who_comes_again_before_its_leave_is_told_is_in() {
    let mut town = Town::new(35, 1, 1);
    let [_, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let supernode = town.supernodes[0];
    town.world.freeze(supernode);
    town.run(5_000);
    town.part(bob, HEARTH);
    town.run(5_000);
    town.join(bob, HEARTH);
    town.run(1_000);
    town.world.thaw(supernode);
    town.say(cat, HEARTH);
    town.settle();
    assert!(town.is_in(bob, HEARTH));
}

#[test]
fn a_member_with_an_old_disk_gives_no_number_twice() {
    let mut town = town(36);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.say(bob, HEARTH);
    town.run(1_000);
    town.world.back_up(bob);
    for _ in 0..3 {
        town.say(bob, HEARTH);
    }
    town.run(1_000);
    town.crash(bob);
    town.world.put_back(bob);
    town.start(bob);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(cat, HEARTH).len(), 5);
    town.crash(bob);
    town.world.wipe(bob);
    town.start(bob);
    town.join(bob, HEARTH);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(anna, HEARTH).len(), 6);
}
