//! A supernode that deposes a living host for one of its own, under the group's true charter: it is obeyed, for a
//! higher grant is all that fences a host who is cut off; and it gains an order of lines and a delay, no line.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use fireside::proto::command::{Command, Who};
use fireside::proto::id::{Epoch, Nick};
use fireside::proto::limits::COUNT_MAX;
use fireside::proto::ruling::Ruling;
use fireside::proto::seal::Hash;
use fireside::proto::wire::{Lease, Message};

use crate::liar::{Puppet, notices};
use crate::link::NodeIx;
use crate::town::{Town, name};
use crate::twisted::twisted;

const HEARTH: &str = "#hearth";

/// Three who talk, and whom their supernode has made their host.
fn deposed(seed: u64, is_banned: bool) -> (Town, [NodeIx; 3], Puppet) {
    let mut town = Town::new(seed, 1, 3);
    town.world.has_liar = true;
    let keeper = town.keeper(HEARTH);
    let lie = twisted(&mut town.world, keeper);
    let people = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let accomplice = Puppet::new(&mut town, "mallory");
    accomplice.join(&mut town, HEARTH);
    if is_banned {
        accomplice.turn_deaf();
        let group = name(HEARTH);
        let member = Who::Nick(Nick::parse("mallory").unwrap());
        let ruling = Ruling::Ban { member };
        town.world
            .command(people[0], Command::Rule { group, ruling });
        town.run(3_000);
    }
    for who in people {
        town.say(who, HEARTH);
    }
    town.run(3_000);
    assert_eq!(town.host(people[2], HEARTH), people[0]);
    let (_, epoch) = town.view(people[1], HEARTH).host.expect("somebody hosts");
    let (number, host) = (epoch.number + 1, accomplice.id);
    let mut charter = None;
    *lie.borrow_mut() = Some(Box::new(move |seal, to, message| {
        if let Message::HostIs { charter: known, .. } = &message {
            charter.clone_from(known);
        }
        let is_asked = to == host && matches!(message, Message::Table { .. });
        if !is_asked || charter.is_none() {
            return vec![message];
        }
        let epoch = Epoch { number, host };
        let (name, charter) = (name(HEARTH), charter.clone());
        let lease = Lease::granted(seal, name, epoch, charter.as_deref());
        vec![message, Message::HostIs { lease, charter }]
    }));
    // Somebody comes, and the charter is told; then the accomplice asks for its grant, and shows it as any host does.
    let dan = Puppet::new(&mut town, "dan");
    dan.join(&mut town, HEARTH);
    let digest = Hash::default();
    accomplice.tell(&mut town, keeper, Message::TableWanted { digest });
    town.crash(dan.ix);
    town.run(5_000);
    for who in people {
        assert_eq!(town.host(who, HEARTH), accomplice.ix, "it is obeyed");
    }
    (town, people, accomplice)
}

#[test]
fn a_host_that_its_supernode_imposes_can_withhold_lines_and_lose_none() {
    for seed in 1..=3 {
        let (mut town, people, accomplice) = deposed(seed, false);
        // It takes lines, and passes none on.
        accomplice.twist(|_, message| match message {
            Message::Deliver { .. } | Message::Kept { .. } => Vec::new(),
            other => vec![other],
        });
        for who in people {
            town.say(who, HEARTH);
        }
        town.run(5_000);
        town.crash(accomplice.ix);
        for who in people {
            town.say(who, HEARTH);
        }
        town.settle();
        for who in people {
            assert_eq!(town.texts(who, HEARTH).len(), 9, "seed {seed}");
        }
    }
}

#[test]
fn people_are_told_when_their_supernode_imposes_a_host_whom_they_have_banned() {
    for seed in 1..=3 {
        let (mut town, people, accomplice) = deposed(seed, true);
        for who in people {
            let told = notices(&town, who);
            let warned = told
                .iter()
                .filter(|text| text.contains("mallory, who is banned"));
            assert_eq!(warned.count(), 1, "{told:?}");
        }
        for who in people {
            town.say(who, HEARTH);
        }
        town.crash(accomplice.ix);
        town.settle();
        for who in people {
            assert_eq!(town.texts(who, HEARTH).len(), 6, "seed {seed}");
        }
    }
}

/// Nobody reads a higher number than the last: who was sent one would close the link, and with it all other groups'.
#[test]
fn a_supernode_that_uses_up_a_groups_numbers_takes_its_next_host_and_nobodys_links() {
    let mut town = Town::new(4, 1, 3);
    town.world.has_liar = true;
    let keeper = town.keeper(HEARTH);
    let garden = (0..).map(|n| format!("#garden-{n}"));
    let garden = garden
        .into_iter()
        .find(|group| town.keeper(group) == keeper);
    let garden = garden.expect("some group is its");
    let lie = twisted(&mut town.world, keeper);
    *lie.borrow_mut() = Some(Box::new(|seal, _, message| match message {
        Message::HostIs { lease, charter } if lease.group == name(HEARTH) => {
            let (number, host) = (COUNT_MAX, lease.epoch.host);
            let epoch = Epoch { number, host };
            let lease = Lease::granted(seal, lease.group, epoch, charter.as_deref());
            vec![Message::HostIs { lease, charter }]
        }
        other => vec![other],
    }));
    let people = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let [anna, bob, cat] = people;
    let last = town.view(cat, HEARTH).host.expect("somebody hosts");
    assert_eq!(last.1.number, COUNT_MAX);
    for who in people {
        town.join(who, &garden);
        town.run(3_000);
    }
    *lie.borrow_mut() = None;
    town.crash(anna);
    town.run(20_000);
    assert_eq!(
        town.view(bob, HEARTH).host,
        Some(last),
        "nobody else is named"
    );
    assert_eq!(town.world.checker.violations(), [] as [&str; 0]);
    for who in [bob, cat] {
        assert!(town.world.is_linked(who, keeper));
        assert_eq!(town.host(who, &garden), bob);
    }
}
