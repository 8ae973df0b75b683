//! A mesh that is closed to all but the keys its operator lists, and the figures it tells him.

use std::collections::BTreeSet;

use fireside::proto::admission::Admission;
use fireside::proto::id::{NodeId, NodeName};
use fireside::proto::node::MeshNode;
use fireside::proto::wire::Roles;

use crate::link::NodeIx;
use crate::town::Town;

const HEARTH: &str = "#hearth";
/// As long as somebody knocks in vain here.
const LONG_MS: u64 = 60_000;

fn town(seed: u64) -> Town {
    let mut town = Town::new(seed, 1, 2);
    // Who is refused is no liar, and is refused all the same.
    town.world.has_liar = true;
    town
}

fn ids(town: &Town, who: &[NodeIx]) -> BTreeSet<NodeId> {
    who.iter().map(|ix| town.world.node(*ix).id).collect()
}

fn mesh(town: &Town) -> Vec<NodeIx> {
    [town.directories.clone(), town.supernodes.clone()].concat()
}

/// Every node of the mesh is open to its own and these people.
fn close_to(town: &mut Town, people: &[NodeIx]) {
    let admission = Admission {
        nodes: Some(ids(town, &mesh(town))),
        clients: Some(ids(town, people)),
    };
    for ix in mesh(town) {
        town.world.admit(ix, admission.clone());
    }
}

fn is_linked_to_any(town: &Town, who: NodeIx) -> bool {
    mesh(town).iter().any(|ix| town.world.is_linked(who, *ix))
}

#[test]
fn only_who_is_on_the_list_gets_into_a_closed_mesh() {
    let mut town = town(1);
    let anna = town.person("anna");
    let mallory = town.person("mallory");
    town.start_mesh();
    close_to(&mut town, &[anna]);
    town.run(3_000);
    for who in [anna, mallory] {
        town.start(who);
        town.join(who, HEARTH);
    }
    town.run(LONG_MS);
    assert!(town.is_in(anna, HEARTH));
    assert!(!town.is_in(mallory, HEARTH));
    assert!(!is_linked_to_any(&town, mallory));
}

#[test]
fn who_is_taken_off_the_list_has_to_go_and_who_is_put_on_it_comes_in_by_itself() {
    let mut town = town(2);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    close_to(&mut town, &[anna]);
    town.run(LONG_MS);
    assert!(is_linked_to_any(&town, anna));
    assert!(!is_linked_to_any(&town, bob));
    close_to(&mut town, &[anna, bob]);
    town.settle();
    assert!(town.is_in(bob, HEARTH));
}

#[test]
fn a_supernode_that_is_not_on_the_list_is_nobodys_supernode() {
    let mut town = town(3);
    town.start_mesh();
    close_to(&mut town, &[]);
    town.run(3_000);
    let (name, roles) = (
        NodeName::parse("stranger").unwrap(),
        Roles {
            directory: false,
            supernode: true,
        },
    );
    let maker = Box::new(move |seal, saved, seed| {
        Box::new(MeshNode::new(seal, name.clone(), roles, saved, seed)) as Box<_>
    });
    let bootstrap = mesh(&town).into_iter();
    let bootstrap = bootstrap.map(|ix| town.world.node(ix).address).collect();
    let address = ([10, 8, 0, 1], 7700).into();
    let stranger = town.world.add("stranger", address, true, bootstrap, maker);
    town.world.start(stranger);
    town.run(LONG_MS);
    let knocked = town.world.node(stranger).dials;
    assert!(
        (4..100).contains(&knocked),
        "it has knocked {knocked} times"
    );
    for ix in mesh(&town) {
        let nodes = town.world.figures(ix).nodes;
        assert_eq!((nodes.alive, nodes.down, nodes.supernodes), (3, 0, 2));
    }
    // The one who is closed out by a list made later is forgotten by those who knew it.
    for ix in mesh(&town) {
        town.world.admit(ix, Admission::default());
    }
    town.run(LONG_MS);
    assert_eq!(town.world.figures(town.directories[0]).nodes.supernodes, 3);
    close_to(&mut town, &[]);
    town.run(LONG_MS);
    for ix in mesh(&town) {
        assert_eq!(town.world.figures(ix).nodes.supernodes, 2);
    }
}

#[test]
fn a_supernode_counts_its_groups_leases_and_handovers() {
    let mut town = Town::new(4, 1, 1);
    let [anna, _bob] = town.circle(HEARTH, ["anna", "bob"]);
    let groups = town.world.figures(town.supernodes[0]).groups;
    assert_eq!((groups.held, groups.live, groups.registered), (1, 1, 2));
    assert_eq!((groups.granted, groups.succeeded), (1, 0));
    town.crash(anna);
    town.run(15_000);
    let groups = town.world.figures(town.supernodes[0]).groups;
    assert_eq!((groups.live, groups.registered), (1, 1));
    assert_eq!((groups.granted, groups.succeeded), (2, 1));
}
