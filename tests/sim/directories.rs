//! One directory of three lies to people about who there is: they come in all the same, and at the right supernode.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::catch_unwind;

use fireside::proto::id::{NodeId, NodeName};
use fireside::proto::limits::{RECORDS_MAX, RECORDS_PER_MESSAGE_MAX};
use fireside::proto::mutant::{self, Mutant};
use fireside::proto::seal::Signature;
use fireside::proto::time::Wall;
use fireside::proto::wire::{Listed, Liveness, Message, Record, Roles};

use crate::opinions::{MALLORY, founded_by};
use crate::seal::CheapSeal;
use crate::town::Town;
use crate::twisted::twisted;

const HEARTH: &str = "#hearth";

fn town(seed: u64) -> Town {
    let mut town = Town::new(seed, 3, 6);
    town.world.weather.distance_ms = (1, 20);
    town.world.has_liar = true;
    town
}

/// A town whose first directory tells people a tale, of itself and the part of the table that it would tell.
fn town_with(mut town: Town, tale: impl Fn(NodeId, Vec<Listed>) -> Vec<Listed> + 'static) -> Town {
    let liar = town.directories[0];
    let lie = twisted(&mut town.world, liar);
    let mesh: BTreeSet<_> = town.world.nodes().map(|(_, node)| node.id).collect();
    *lie.borrow_mut() = Some(Box::new(move |seal, to, message| match message {
        Message::Table { listed, more } if !mesh.contains(&to) => {
            let tale = tale(seal.id(), listed);
            let parts = tale.chunks(RECORDS_PER_MESSAGE_MAX).map(<[_]>::to_vec);
            let mut parts: Vec<_> = parts.collect();
            let last = parts.pop().unwrap_or_default();
            let table = |listed, more| Message::Table { listed, more };
            let parts = parts.into_iter().map(|listed| table(listed, true));
            parts.chain([table(last, more)]).collect()
        }
        other => vec![other],
    }));
    town.start_mesh();
    town.run(5_000);
    town
}

/// Three people come for the first time, one after the other, and are in one group at the supernode that all others
/// take for responsible. The liar's is the first table that they are told, if it is said so.
fn people_meet(mut town: Town, is_first: bool) {
    let liar = town.directories[0];
    let people = ["anna", "bob", "cat"].map(|nick| {
        let who = town.person(nick);
        town.start(who);
        if is_first {
            town.world.keep_tables_but_of(who, 230, liar);
        }
        town.join(who, HEARTH);
        town.run(3_000);
        who
    });
    let keeper = town.keeper(HEARTH);
    let registered = town.world.figures(keeper).groups.registered;
    assert_eq!(registered, 3, "not all are where the group is");
    for who in people {
        assert!(town.is_in(who, HEARTH));
        assert_eq!(town.host(who, HEARTH), people[0]);
        town.say(who, HEARTH);
    }
    town.settle();
}

/// It tells of itself and nobody else.
fn withhold(me: NodeId, listed: Vec<Listed>) -> Vec<Listed> {
    let mut listed = listed;
    listed.retain(|listed| listed.record.key == me);
    listed
}

/// All others are dead.
fn call_dead(me: NodeId, listed: Vec<Listed>) -> Vec<Listed> {
    let tell = |listed: Listed| Listed {
        liveness: if listed.record.key == me {
            Liveness::Alive
        } else {
            Liveness::Dead
        },
        ..listed
    };
    listed.into_iter().map(tell).collect()
}

/// Addresses of junk: so many that several are nearer to the group than any supernode.
const PLACES: u32 = 30;

fn place(n: u32) -> SocketAddr {
    SocketAddr::from(([60, 0, (n % PLACES) as u8, 1], 7700))
}

/// A supernode that nobody else knows, at an address that is chosen.
pub fn junk(n: u32, clock: u64, name: &str) -> Listed {
    junk_at(n, clock, name, place(n))
}

/// The same, at an address of its own.
pub fn junk_at(n: u32, clock: u64, name: &str, address: SocketAddr) -> Listed {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    key[31] = 99;
    let record = Record {
        name: NodeName::parse(name).unwrap(),
        key: NodeId(key),
        clock,
        addresses: vec![address],
        roles: Roles {
            directory: false,
            supernode: true,
        },
        tombstone: false,
        signature: Signature([0; 64]),
    };
    Listed {
        record: record.signed(&CheapSeal(NodeId(key))),
        liveness: Liveness::Alive,
        since: Wall(0),
    }
}

/// The true supernodes are not told of, and others stand under their names, and all around the ring.
fn add_junk(me: NodeId, listed: Vec<Listed>) -> Vec<Listed> {
    let names = (0..600).map(|n| match n {
        0..=9 => format!("super-{n}"),
        _ => format!("junk-{n}"),
    });
    let junk = (0..).zip(names).map(|(n, name)| junk(n, 1, &name));
    withhold(me, listed).into_iter().chain(junk).collect()
}

/// As many as a table holds.
fn fill_up(me: NodeId, listed: Vec<Listed>) -> Vec<Listed> {
    let count = RECORDS_MAX as u32 + 500;
    let junk = (0..count).map(|n| junk(n, 1, &format!("junk-{n}")));
    withhold(me, listed).into_iter().chain(junk).collect()
}

fn is_withheld(seed: u64) {
    people_meet(town_with(town(seed), withhold), seed.is_multiple_of(2));
}

fn are_called_dead(seed: u64) {
    people_meet(town_with(town(seed), call_dead), seed.is_multiple_of(2));
}

fn is_lost_among_junk(seed: u64) {
    let mut town = town(seed);
    // Nobody answers there, and nobody says so.
    let places = (0..PLACES).map(|n| {
        let (name, address) = (format!("nobody-{n}"), place(n));
        let roles = Roles::default();
        (town.mesh_node(&name, address, roles, Vec::new()), 1)
    });
    let sides = places.collect();
    town.world.partition(sides);
    people_meet(town_with(town, add_junk), seed.is_multiple_of(2));
}

/// The only supernode there is, as the liar tells it, is one of its own, and that one knows another group.
fn are_led_to_a_sybil(seed: u64) {
    let mut town = town(seed);
    let roles = Roles {
        directory: false,
        supernode: true,
    };
    let address = SocketAddr::from(([10, 66, 0, 1], 7700));
    let sybil = town.mesh_node("sybil", address, roles, Vec::new());
    let lie = twisted(&mut town.world, sybil);
    *lie.borrow_mut() = Some(Box::new(|seal, _, message| match message {
        Message::HostIs { .. } => vec![founded_by(seal, MALLORY)],
        other => vec![other],
    }));
    town.world.start(sybil);
    let key = town.world.node(sybil).id;
    let record = Record {
        name: NodeName::parse("sybil").unwrap(),
        key,
        clock: 1,
        addresses: vec![address],
        roles,
        tombstone: false,
        signature: Signature([0; 64]),
    };
    let told = Listed {
        record: record.signed(&CheapSeal(key)),
        liveness: Liveness::Alive,
        since: Wall(0),
    };
    let town = town_with(town, move |me, listed| {
        let told = [told.clone()];
        withhold(me, listed).into_iter().chain(told).collect()
    });
    people_meet(town, true);
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

#[test]
fn a_directory_that_withholds_the_others_hides_nobody() {
    SEEDS.for_each(is_withheld);
}

#[test]
fn a_directory_that_calls_the_others_dead_buries_nobody() {
    SEEDS.for_each(are_called_dead);
}

#[test]
fn a_directory_that_adds_junk_leads_nobody_astray() {
    SEEDS.for_each(is_lost_among_junk);
}

#[test]
fn a_directory_that_tells_of_its_own_supernode_alone_leads_nobody_there() {
    SEEDS.for_each(are_led_to_a_sybil);
}

#[test]
fn a_directory_that_fills_a_table_up_takes_no_room_from_the_others() {
    let mut town = town_with(town(6), fill_up);
    let who = town.person("anna");
    town.start(who);
    town.run(10_000);
    town.crash(who);
    let known = town.world.disk(who).saved().table;
    assert!(known.len() <= RECORDS_MAX, "{} records", known.len());
    let has = |ix| known.iter().any(|l| l.record.key == town.world.node(ix).id);
    assert!(town.supernodes.iter().all(|ix| has(*ix)));
}

#[test]
fn each_rule_of_hearsay_is_missed_when_it_is_broken() {
    let rules: [(Mutant, fn(u64)); 2] = [
        (Mutant::LastTellerBelieved, is_lost_among_junk),
        (Mutant::FirstTableEnough, are_led_to_a_sybil),
    ];
    for (rule, story) in rules {
        let tell = || SEEDS.for_each(story);
        let is_missed = mutant::with(rule, || catch_unwind(tell)).is_err();
        assert!(is_missed, "nothing shows {rule:?}");
    }
}
