//! The host leaves, in order or not; the talk goes on.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Client, Machine, all_say, is_once};
use crate::together::three;

pub(crate) fn hosts(nick: &str) -> impl Fn(&Value) -> bool + use<'_> {
    move |e| e["event"] == "host" && e["host"] == nick
}

fn lost_nothing(host: &Value) {
    assert_eq!(host["lost"], serde_json::json!([]), "{host}");
    assert_eq!(host["unseen"], 0, "{host}");
}

/// Types lines at all and waits until each has seen all of them, exactly once, confirmed to their authors.
pub(crate) fn talk_on(clients: &mut [&mut Client], word: &str) {
    let lines = all_say(clients, word);
    for client in clients.iter() {
        for line in &lines {
            client.has_once(line);
        }
    }
}

pub(crate) fn took(what: &str, since: Instant) {
    let ms = since.elapsed().as_millis();
    println!("{what}: the survivors have all they said after {ms} ms");
}

fn and_the_next_hosts_when_the_host(leaves: impl Fn(&mut Client)) {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "before");
    let marks = [bo.mark(), cat.mark()];
    leaves(&mut anna);
    let left = Instant::now();
    talk_on(&mut [&mut bo, &mut cat], "meanwhile");
    took("host left", left);
    assert!(anna.ends().success());
    // They talk on without any node; whoever comes later finds them by the next one.
    for (client, mark) in [&mut bo, &mut cat].into_iter().zip(marks) {
        client.sees_after(mark, "the next node", |e| {
            e["event"] == "mesh" && e["state"] == "linked"
        });
    }
    for client in [&mut bo, &mut cat] {
        let host = client.sees("bo hosting", hosts("bo"));
        assert_eq!(
            (&host["before"], &host["how"]),
            (&"anna".into(), &"left".into())
        );
        lost_nothing(&host);
    }
    talk_on(&mut [&mut bo, &mut cat], "after");
    assert_eq!(bo.talk("#hearth"), cat.talk("#hearth"));

    let mut again = machine.client("anna");
    let joined = again.sees_event("joined");
    assert_eq!(joined["host"], "bo");
    for line in ["after bo 2", "after cat 2"] {
        assert_eq!(again.sees_text(line)["history"], true, "{line}");
    }
    talk_on(&mut [&mut again, &mut bo, &mut cat], "again");
    // She has each line once: from before she left, or as what she missed.
    let all = bo.talk("#hearth");
    assert!(all.ends_with(&again.talk("#hearth")), "{all:?}");
    for line in all {
        is_once("anna", &line, anna.events.iter().chain(&again.events));
    }
}

#[test]
fn the_next_member_hosts_when_the_host_says_quit() {
    and_the_next_hosts_when_the_host(|anna| anna.types("/quit good night"));
}

#[test]
fn the_next_member_hosts_when_the_host_is_terminated() {
    and_the_next_hosts_when_the_host(|anna| anna.terminates());
}

#[test]
fn the_next_member_hosts_when_the_host_is_killed_with_the_network_it_kept() {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "before");
    anna.is_killed();
    let killed = Instant::now();
    talk_on(&mut [&mut bo, &mut cat], "meanwhile");
    took("host and supernode killed", killed);
    for client in [&mut bo, &mut cat] {
        let host = client.sees("bo hosting", hosts("bo"));
        assert_eq!(
            (&host["before"], &host["how"]),
            (&"anna".into(), &"missed".into())
        );
        lost_nothing(&host);
    }
    assert_eq!(bo.talk("#hearth"), cat.talk("#hearth"));
}

#[test]
fn who_comes_after_a_handover_sees_everybody_and_the_past() {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "before");
    // With anna goes the node that made her host, and bo or cat keeps another in its place.
    let marks = [bo.mark(), cat.mark()];
    anna.types("/quit");
    assert!(anna.ends().success());
    for (client, mark) in [&mut bo, &mut cat].into_iter().zip(marks) {
        client.sees_after(mark, "another node", |e| {
            e["event"] == "mesh" && e["state"] == "linked"
        });
    }
    talk_on(&mut [&mut bo, &mut cat], "meanwhile");
    let mut dora = machine.client("dora");
    dora.types("/join #hearth");
    for line in ["before anna 0", "before cat 2", "meanwhile bo 1"] {
        dora.sees_text(line);
    }
    let mark = dora.mark();
    dora.types("/names");
    let names = dora.sees_after(mark, "the names", |e| e["event"] == "names");
    let roles: Vec<_> = names["members"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|member| format!("{} {}", member["nick"], member["role"]))
        .collect();
    assert_eq!(
        roles,
        [r#""bo" "host""#, r#""cat" "heir""#, r#""dora" "heir""#]
    );
}

#[test]
fn a_member_who_leaves_is_not_missed_by_the_host() {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    bo.is_killed();
    talk_on(&mut [&mut anna, &mut cat], "without bo");
    anna.sees("bo gone", |e| e["event"] == "quit" && e["from"] == "bo");
}

#[test]
fn a_host_that_stalls_for_a_second_goes_on_hosting() {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "before");
    for _ in 0..2 {
        anna.freezes();
        thread::sleep(Duration::from_secs(1));
        anna.thaws();
        talk_on(&mut [&mut anna, &mut bo, &mut cat], "after");
    }
    for client in [&anna, &bo, &cat] {
        let hosts = client.events.iter().filter(|e| e["event"] == "host");
        assert_eq!(hosts.count(), 0, "{} saw a handover", client.nick);
    }
}
