//! Coming by an invitation: into the group that was meant, over the nodes that it names, and into nothing else.

use fireside::proto::client::Client;
use fireside::proto::command::Command;
use fireside::proto::id::{Nick, NodeId};
use fireside::proto::invite::{Gate, Invite, Mark};

use crate::link::NodeIx;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";

fn invite(town: &Town, by: NodeIx, gates: Vec<Gate>) -> Invite {
    let charter = town.world.node(by).disk.charter(&name(HEARTH)).unwrap();
    Invite {
        group: name(HEARTH),
        charter: Mark::of_charter(charter),
        gates,
    }
}

/// A group of the same name that nobody of the town is in.
fn invite_elsewhere(town: &Town, by: NodeIx) -> Invite {
    let mut charter = town
        .world
        .node(by)
        .disk
        .charter(&name(HEARTH))
        .unwrap()
        .clone();
    charter.born.0 += 1;
    Invite {
        charter: Mark::of_charter(&charter),
        ..invite(town, by, Vec::new())
    }
}

fn accepts(town: &mut Town, who: NodeIx, invite: Invite) {
    let invite = Box::new(invite);
    town.ask(who, Command::Accept { invite });
}

/// Somebody who knows no node at all.
fn newcomer(town: &mut Town) -> NodeIx {
    let maker = Box::new(|seal, saved, seed| {
        let nick = Nick::parse("dora").unwrap();
        Box::new(Client::new(seal, nick, saved, seed)) as Box<_>
    });
    let address = "10.2.0.1:4000".parse().unwrap();
    let ix = town.world.add("dora", address, false, Vec::new(), maker);
    town.people.push(ix);
    town.start(ix);
    ix
}

/// Of two groups of a name whoever is invited to one comes into that one or into none.
pub fn who_is_invited_comes_into_no_other(seed: u64) {
    let mut town = Town::new(seed, 1, 3);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    let cat = town.person("cat");
    town.start(cat);
    town.run(2_000);
    let other = invite_elsewhere(&town, anna);
    accepts(&mut town, cat, other);
    town.run(20_000);
    assert!(!town.is_in(cat, HEARTH));
    assert_eq!(town.view(bob, HEARTH).members.len(), 2);
    assert!(town.world.node(cat).disk.charter(&name(HEARTH)).is_none());

    let meant = invite(&town, anna, Vec::new());
    accepts(&mut town, cat, meant);
    town.run(10_000);
    assert!(town.is_in(cat, HEARTH));
    assert_eq!(town.view(bob, HEARTH).members.len(), 3);
}

#[test]
fn an_invitation_leads_into_its_group_and_into_no_other_of_the_name() {
    who_is_invited_comes_into_no_other(71);
}

#[test]
fn who_is_invited_founds_nothing_and_waits_for_whoever_was_in_it() {
    let mut town = Town::new(72, 1, 3);
    let [anna] = town.circle("#attic", ["anna"]);
    let bob = town.person("bob");
    town.start(bob);
    town.run(2_000);
    let charter = town.world.node(anna).disk.charter(&name("#attic")).unwrap();
    let nowhere = Invite {
        group: name("#cellar"),
        charter: Mark::of_charter(charter),
        gates: Vec::new(),
    };
    accepts(&mut town, bob, nowhere);
    town.run(40_000);
    assert!(!town.is_in(bob, "#cellar"));
    assert!(
        town.world
            .node(bob)
            .disk
            .charter(&name("#cellar"))
            .is_none()
    );
    let kept = |ix: &&NodeIx| town.world.node(**ix).disk.has_record(&name("#cellar"));
    assert_eq!(town.supernodes.iter().filter(kept).count(), 0);
}

#[test]
fn the_nodes_that_an_invitation_names_are_enough_if_they_are_who_it_says() {
    let mut town = Town::new(73, 1, 3);
    let [anna] = town.circle(HEARTH, ["anna"]);
    let node = town.world.node(town.directories[0]);
    let gate = |key: &NodeId| Gate {
        address: node.address,
        key: Mark::of_key(key),
    };
    let (right, wrong) = (gate(&node.id), gate(&NodeId([9; 32])));

    let dora = newcomer(&mut town);
    let false_one = invite(&town, anna, vec![wrong]);
    accepts(&mut town, dora, false_one);
    town.run(20_000);
    assert!(!town.is_in(dora, HEARTH));
    assert_eq!(town.view(anna, HEARTH).members.len(), 1);

    // Who started anew has shunned nobody.
    town.crash(dora);
    town.start(dora);
    let sound = invite(&town, anna, vec![right]);
    accepts(&mut town, dora, sound);
    town.run(10_000);
    assert!(town.is_in(dora, HEARTH));

    // And finds back without it, and without the link.
    town.crash(dora);
    town.run(15_000);
    town.start(dora);
    town.run(15_000);
    assert!(town.is_in(dora, HEARTH));
}
