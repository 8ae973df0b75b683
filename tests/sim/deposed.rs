//! A supernode that deposes a living host for one of its own, under the group's true charter: it is obeyed, for a
//! higher grant is all that fences a host who is cut off; and it gains an order of lines and a delay, no line.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use fireside::proto::id::Epoch;
use fireside::proto::seal::Hash;
use fireside::proto::wire::{Lease, Message};

use crate::liar::Puppet;
use crate::link::NodeIx;
use crate::town::{Town, name};
use crate::twisted::twisted;

const HEARTH: &str = "#hearth";

/// Three who talk, and whom their supernode has made their host.
fn deposed(seed: u64) -> (Town, [NodeIx; 3], Puppet) {
    let mut town = Town::new(seed, 1, 3);
    town.world.trace = std::env::var("TRACE").is_ok();
    town.world.has_liar = true;
    let keeper = town.keeper(HEARTH);
    let lie = twisted(&mut town.world, keeper);
    let people = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let accomplice = Puppet::new(&mut town, "mallory");
    accomplice.join(&mut town, HEARTH);
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
        let (mut town, people, accomplice) = deposed(seed);
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
