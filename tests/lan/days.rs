//! What earlier days left behind: nodes that are gone, addresses that changed.

use std::time::Instant;

use serde_json::Value;

use crate::harness::Client;
use crate::meeting::{meet, talk, took};
use crate::network::{Machine, Network};

fn quits(mut client: Client) {
    client.types("/quit");
    assert!(client.ends().success());
}

/// Everybody is in the group once, on machines that then are no more.
fn a_day_with_many(network: &Network, machine: &Machine, day: u8) {
    let mut bo = machine.client("bo");
    bo.joins("#hearth");
    let others: Vec<_> = (1..=3)
        .map(|n| {
            let name = format!("day{day}-{n}");
            let guest = network.machine(&name, &format!("10.77.0.{}", 10 * day + n));
            let mut client = guest.client(&name);
            client.joins("#hearth");
            meet(&mut [&mut bo, &mut client]);
            (client, guest)
        })
        .collect();
    for (client, _guest) in others {
        quits(client);
    }
    quits(bo);
}

#[test]
fn nobody_waits_for_the_nodes_of_earlier_days() {
    let Some(network) = Network::new() else {
        return;
    };
    let second = network.machine("second", "10.77.0.2");
    for day in 1..=2 {
        a_day_with_many(&network, &second, day);
    }
    let began = Instant::now();
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    took("alone in the group", began);
    let first = network.machine("first", "10.77.0.1");
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    talk(&mut [&mut anna, &mut bo], "today");
}

#[test]
fn a_machine_that_comes_back_at_another_address_is_found_there() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    quits(bo);
    quits(anna);

    first.is_at("10.77.0.9");
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let began = Instant::now();
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    took("with the other machine", began);
    talk(&mut [&mut anna, &mut bo], "elsewhere");
}

#[test]
fn a_machine_that_moves_to_another_address_is_found_there() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    talk(&mut [&mut anna, &mut bo], "here");
    first.is_at("10.77.0.9");
    let began = Instant::now();
    talk(&mut [&mut anna, &mut bo], "there");
    took("talking", began);
    for client in [&anna, &bo] {
        let is_late = |e: &Value| e["event"] == "waiting";
        assert!(!client.events.iter().any(is_late), "{} waited", client.nick);
    }
}

#[test]
fn a_node_is_known_by_the_address_that_others_reach() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "192.168.77.1");
    let second = network.machine("second", "192.168.77.2");
    for machine in [&first, &second] {
        machine.has_containers_at("172.17.0.1");
    }
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    for client in [&mut anna, &mut bo] {
        let is_linked = |e: &Value| e["event"] == "mesh" && e["state"] == "linked";
        let linked = client.sees("a node", is_linked);
        let address = linked["address"].as_str().unwrap();
        assert!(address.starts_with("192.168.77."), "{linked}");
    }
    meet(&mut [&mut anna, &mut bo]);
    talk(&mut [&mut anna, &mut bo], "together");
}
