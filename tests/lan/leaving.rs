//! Whoever kept the network for the others goes.

use std::time::Instant;

use crate::harness::{Client, is_once};
use crate::meeting::{meet, talk, took};
use crate::network::Network;

fn and_the_others_go_on_when_the_first(leaves: impl Fn(&mut Client), machines: [&str; 3]) {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");
    let third = network.machine("third", "10.77.0.3");
    let on = |name: &str| match name {
        "first" => &first,
        "second" => &second,
        _ => &third,
    };
    let mut anna = on(machines[0]).client("anna");
    anna.joins("#hearth");
    let mut bo = on(machines[1]).client("bo");
    bo.joins("#hearth");
    let mut cat = on(machines[2]).client("cat");
    cat.joins("#hearth");
    meet(&mut [&mut anna, &mut bo, &mut cat]);
    talk(&mut [&mut anna, &mut bo, &mut cat], "before");

    leaves(&mut anna);
    let began = Instant::now();
    talk(&mut [&mut bo, &mut cat], "meanwhile");
    took("talking", began);
    anna.ends();
    talk(&mut [&mut bo, &mut cat], "after");
    assert_eq!(bo.talk("#hearth"), cat.talk("#hearth"));

    let mut again = first.client("anna");
    again.joins("#hearth");
    for line in ["after bo 2", "after cat 2"] {
        assert_eq!(again.sees_text(line)["history"], true, "{line}");
    }
    talk(&mut [&mut again, &mut bo, &mut cat], "again");
    // She has each line once: from before she left, or as what she missed.
    for line in bo.talk("#hearth") {
        is_once("anna", &line, anna.events.iter().chain(&again.events));
    }
}

#[test]
fn other_machines_keep_the_network_when_the_first_says_quit() {
    and_the_others_go_on_when_the_first(|anna| anna.types("/quit"), ["first", "second", "third"]);
}

#[test]
fn the_same_machine_keeps_the_network_when_the_first_says_quit() {
    and_the_others_go_on_when_the_first(|anna| anna.types("/quit"), ["first", "first", "second"]);
}

#[test]
fn other_machines_keep_the_network_when_the_first_is_killed() {
    and_the_others_go_on_when_the_first(Client::is_killed, ["first", "second", "second"]);
}
