//! People on different machines find each other.

use std::time::Instant;

use serde_json::Value;

use crate::harness::{Client, all_say};
use crate::network::Network;

/// Tells how long something took: that it happened is what the clients waited for.
pub(crate) fn took(what: &str, since: Instant) {
    println!("{what} after {:?}", since.elapsed());
}

/// Waits until everybody has everybody in the group.
pub(crate) fn meet(clients: &mut [&mut Client]) {
    let nicks: Vec<String> = clients.iter().map(|c| c.nick.clone()).collect();
    for client in clients.iter_mut() {
        let us = client.nick.clone();
        for nick in nicks.iter().filter(|nick| **nick != us) {
            client.sees(&format!("{nick} in the group"), |e| shows(e, nick));
        }
    }
}

/// Whether an event shows somebody in the group.
fn shows(event: &Value, nick: &str) -> bool {
    let members = event["members"].as_array();
    (event["event"] == "join" && event["from"] == nick)
        || members.is_some_and(|members| members.iter().any(|member| member["nick"] == nick))
}

/// Everybody types lines, and waits until everybody has seen all of them, once and in one order.
pub(crate) fn talk(clients: &mut [&mut Client], word: &str) {
    let lines = all_say(clients, word);
    let order = said(clients[0], word);
    assert_eq!(order.len(), lines.len());
    for client in clients.iter() {
        assert_eq!(said(client, word), order, "{} differs", client.nick);
        for line in &lines {
            client.has_once(line);
        }
    }
}

/// What was said in the group that begins with `word`.
pub(crate) fn said(client: &Client, word: &str) -> Vec<String> {
    let mut talk = client.talk("#hearth");
    talk.retain(|line| line.starts_with(word));
    talk
}

#[test]
fn the_next_machine_finds_whoever_started_first() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");

    let began = Instant::now();
    let mut anna = first.client("anna");
    let joined = anna.joins("#hearth");
    took("alone in the group", began);
    assert_eq!(joined["host"], "anna");

    let began = Instant::now();
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    meet(&mut [&mut anna, &mut bo]);
    took("with another machine", began);
    talk(&mut [&mut anna, &mut bo], "together");
}

#[test]
fn two_on_one_machine_and_one_on_another_are_in_one_group() {
    let Some(network) = Network::new() else {
        return;
    };
    let first = network.machine("first", "10.77.0.1");
    let second = network.machine("second", "10.77.0.2");
    let mut anna = first.client("anna");
    anna.joins("#hearth");
    let mut bo = second.client("bo");
    bo.joins("#hearth");
    let mut cat = second.client("cat");
    cat.joins("#hearth");
    meet(&mut [&mut anna, &mut bo, &mut cat]);
    talk(&mut [&mut anna, &mut bo, &mut cat], "together");
}

#[test]
fn machines_that_start_in_one_moment_become_one_network() {
    let Some(network) = Network::new() else {
        return;
    };
    let machines = [1, 2, 3].map(|number| {
        let name = format!("machine{number}");
        network.machine(&name, &format!("10.77.0.{number}"))
    });
    let began = Instant::now();
    let mut anna = machines[0].client("anna");
    let mut bo = machines[1].client("bo");
    let mut cat = machines[2].client("cat");
    for client in [&mut anna, &mut bo, &mut cat] {
        client.types("/join #hearth");
    }
    for client in [&mut anna, &mut bo, &mut cat] {
        let nick = client.nick.clone();
        client.sees_event("joined");
        client.types(&format!("early {nick}"));
    }
    meet(&mut [&mut anna, &mut bo, &mut cat]);
    took("three islands are one", began);
    talk(&mut [&mut anna, &mut bo, &mut cat], "together");
    for nick in ["anna", "bo", "cat"] {
        for client in [&mut anna, &mut bo, &mut cat] {
            client.sees_text(&format!("early {nick}"));
        }
    }
    let order = said(&anna, "early");
    assert_eq!(order.len(), 3);
    for client in [&bo, &cat] {
        assert_eq!(said(client, "early"), order, "{} differs", client.nick);
    }
}
