//! Machines that can reach nobody are enough for themselves.

use std::time::Instant;

use crate::meeting::{meet, talk, took};
use crate::network::{Machine, Network};

fn works(machine: &Machine) {
    let began = Instant::now();
    let mut anna = machine.client("anna");
    let joined = anna.joins("#hearth");
    took("alone in the group", began);
    assert_eq!(joined["host"], "anna");
    let mut bo = machine.client("bo");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    talk(&mut [&mut anna, &mut bo], "here");
    for client in [&anna, &bo] {
        assert!(
            client.events.iter().all(|e| e["event"] != "error"),
            "{:?}",
            client.events
        );
    }
}

#[test]
fn a_machine_without_a_network_is_enough() {
    let Some(network) = Network::new() else {
        return;
    };
    works(&network.recluse("first"));
}

#[test]
fn a_network_without_multicast_is_no_error() {
    let Some(network) = Network::new() else {
        return;
    };
    let machine = network.machine("first", "10.77.0.1");
    machine.has_no_multicast();
    works(&machine);
}

#[test]
fn an_unplugged_machine_finds_the_others_once_it_is_plugged_in() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");
    second.is_unplugged();
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    talk(&mut [&mut bo], "unplugged");
    second.is_plugged_in();
    let began = Instant::now();
    meet(&mut [&mut anna, &mut bo]);
    took("found once it was plugged in,", began);
    talk(&mut [&mut anna, &mut bo], "plugged in");
}
