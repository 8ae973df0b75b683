//! What earlier days left behind: nodes that are gone, addresses that changed.

use std::time::Instant;

use crate::harness::Client;
use crate::meeting::{meet, talk};
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
    println!("alone in the group after {:?}", began.elapsed());
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
    println!("with the other machine after {:?}", began.elapsed());
    talk(&mut [&mut anna, &mut bo], "elsewhere");
}

#[test]
fn machines_whose_first_address_nobody_can_reach_find_each_other() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "192.168.77.1");
    let second = network.machine("second", "192.168.77.2");
    for machine in [&first, &second] {
        machine.has_a_bridge_of_its_own("172.17.0.1");
    }
    let mut anna = first.client("anna");
    let mut bo = second.client("bo");
    anna.joins("#hearth");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    talk(&mut [&mut anna, &mut bo], "together");
}
