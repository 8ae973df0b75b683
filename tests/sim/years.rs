//! A group of many years: twenty thousand epochs, of which a hello says little and misses nothing.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fireside::proto::codec;
use fireside::proto::command::Command;
use fireside::proto::id::{Epoch, NodeId, Number};
use fireside::proto::saved::Write;
use fireside::proto::seal::Hash;
use fireside::proto::time::Wall;
use fireside::proto::wire::{Body, Entry, Lease, Message};

use crate::disk::Disk;
use crate::liar::{Puppet, run};
use crate::seal::CheapSeal;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";
const EPOCHS: u64 = 20_000;

/// The line of an epoch: one entry, or two in every hundredth.
fn line(town: &mut Town, number: u64) -> Write {
    let (group, author) = (name(HEARTH), CheapSeal(NodeId([250; 32])));
    let host = CheapSeal(NodeId([(number % 7) as u8 + 1; 32]));
    let epoch = Epoch {
        number,
        host: host.0,
    };
    let supernode = CheapSeal(town.world.node(town.supernodes[0]).id);
    let said = (0..if number.is_multiple_of(100) { 2 } else { 1 }).map(|n| {
        let (number, text) = (number * 2 + n, format!("long ago {number} {n}"));
        let group = group.clone();
        let typed = Command::Say {
            group: group.clone(),
            text: text.clone(),
        };
        town.world.checker.asked(author.0, &typed);
        let entry = Entry::signed(
            &author,
            &group,
            Number(number),
            Wall(number),
            Body::Text { text },
        );
        (number << 16, entry)
    });
    let run = run(&host, &group, epoch, (0, Hash::default()), said.collect());
    Write::Run {
        head: run.head(),
        lease: Lease::granted(&supernode, group.clone(), epoch, None),
        run,
        group,
    }
}

fn joined(disk: &mut Disk, lease: &Lease) {
    let group = Write::Group {
        group: name(HEARTH),
        joined: true,
        lease: Some(lease.clone()),
    };
    disk.write(vec![group]).unwrap();
}

#[test]
fn after_twenty_thousand_epochs_a_hello_is_small_and_an_old_line_that_lacks_is_found() {
    let mut town = Town::new(300, 1, 2);
    town.start_mesh();
    town.run(3_000);
    let anna = town.person("anna");
    let bob = Puppet::new(&mut town, "bob");
    town.world.crash(bob.ix);
    for number in 1..=EPOCHS {
        let write = line(&mut town, number);
        // Neither has all of it.
        if ![31, 32, 4_000].contains(&number) {
            town.world.disk(anna).write(vec![write.clone()]).unwrap();
        }
        if ![5, 6_000, 19_999].contains(&number) {
            town.world.disk(bob.ix).write(vec![write.clone()]).unwrap();
        }
        if let (Write::Run { lease, .. }, EPOCHS) = (&write, number) {
            joined(town.world.disk(anna), lease);
            joined(town.world.disk(bob.ix), lease);
        }
    }
    town.start(anna);
    town.run(10_000);
    assert_eq!(town.host(anna, HEARTH), anna);
    let sent = Rc::new(RefCell::new(BTreeMap::<&str, Vec<usize>>::new()));
    let seen = sent.clone();
    bob.twist(move |_, message| {
        let kind = match &message {
            Message::Hello { .. } => "hello",
            Message::Blocks { .. } => "blocks",
            Message::Older { .. } => "older",
            Message::Push { .. } => "push",
            _ => "other",
        };
        let size = codec::encode(&message).len();
        seen.borrow_mut().entry(kind).or_default().push(size);
        vec![message]
    });
    town.start(bob.ix);
    town.run(10_000);
    town.say(anna, HEARTH);
    town.run(3_000);
    let logs = [anna, bob.ix].map(|who| {
        let (disk, group) = (&town.world.node(who).disk, name(HEARTH));
        disk.log(&group).collect::<BTreeSet<_>>()
    });
    assert!(logs[0].len() as u64 > EPOCHS + EPOCHS / 100);
    assert!(logs[0] == logs[1], "both have all of it");
    let sizes = sent.borrow();
    println!("bytes sent by who came back: {sizes:?}");
    assert!(sizes["hello"].iter().all(|size| *size < 6_000));
    assert!(sizes["blocks"].iter().all(|size| *size < 30_000));
    assert!(sizes["older"].len() <= 16 && sizes["push"].len() <= 4);
    assert_eq!(town.world.checker.violations(), [] as [&str; 0]);

    // Who has the same has said so with its hello.
    drop(sizes);
    sent.borrow_mut().clear();
    town.world.cut(bob.ix);
    town.run(10_000);
    let sizes = sent.borrow();
    assert!(
        sizes.contains_key("hello") && !sizes.contains_key("blocks"),
        "{sizes:?}"
    );
}
