//! Several people on one machine, who find each other by themselves.

use serde_json::Value;

use crate::harness::{Client, Machine};

/// Three people in one group, who all see each other.
pub(crate) fn three(machine: &Machine) -> [Client; 3] {
    let [mut anna, mut bo, cat] = machine.circle("#hearth", ["anna", "bo", "cat"]);
    for client in [&mut anna, &mut bo] {
        client.sees("cat's join", |e| e["event"] == "join" && e["from"] == "cat");
    }
    [anna, bo, cat]
}

#[test]
fn three_people_see_the_same_lines_in_the_same_order() {
    let machine = Machine::new();
    let mut clients = three(&machine);
    let count = 8;
    for number in 0..count {
        for client in &mut clients {
            let line = format!("{} {number}", client.nick);
            client.types(&line);
        }
    }
    for client in &mut clients {
        for nick in ["anna", "bo", "cat"] {
            for number in 0..count {
                client.sees_text(&format!("{nick} {number}"));
            }
        }
    }
    let talk = clients[0].talk("#hearth");
    assert_eq!(talk.len(), 3 * count);
    for client in &clients {
        assert_eq!(client.talk("#hearth"), talk, "{} differs", client.nick);
        let by: Vec<&String> = talk
            .iter()
            .filter(|l| l.starts_with(&client.nick))
            .collect();
        let typed: Vec<String> = (0..count).map(|n| format!("{} {n}", client.nick)).collect();
        assert!(by.iter().copied().eq(&typed), "{by:?}");
        for line in &talk {
            client.has_once(line);
        }
    }
}

#[test]
fn of_two_processes_with_one_identity_the_older_is_told_and_ends() {
    const KEY: &str = "identity.key";
    let machine = Machine::new();
    let [mut anna, mut bo] = machine.circle("#hearth", ["anna", "bo"]);
    let [old, new] = ["bo", "twin"].map(|name| machine.data(name));
    std::fs::create_dir(&new).unwrap();
    std::fs::copy(old.join(KEY), new.join(KEY)).unwrap();
    let mut twin = machine.client("twin");
    let told = bo.sees_event("error");
    assert_eq!(told["what"], "cannot stay");
    assert!(told["try"].as_str().unwrap().contains("--data"), "{told}");
    bo.sees_event("bye");
    bo.ends();
    twin.joins("#hearth");
    twin.types("here I am");
    anna.sees_text("here I am");
    anna.types("so you are");
    twin.sees_text("so you are");
    assert!(twin.events.iter().all(|e| e["event"] != "error"));
}

#[test]
fn joins_nick_changes_and_leaves_are_seen_by_all() {
    let machine = Machine::new();
    let [mut anna, mut bo, mut cat] = three(&machine);
    bo.types("/nick bob");
    for client in [&mut anna, &mut bo, &mut cat] {
        let renamed = client.sees_event("nick");
        assert_eq!(
            (&renamed["old"], &renamed["new"]),
            (&"bo".into(), &"bob".into())
        );
    }
    cat.types("/part tea is ready");
    for client in [&mut anna, &mut bo] {
        let left = client.sees_event("part");
        assert_eq!(
            (&left["from"], &left["reason"]),
            (&"cat".into(), &"tea is ready".into())
        );
    }
    cat.joins("#hearth");
    bo.types("/quit good night");
    for client in [&mut anna, &mut cat] {
        let left = client.sees("bob's quit", |e| e["event"] == "quit" && e["from"] == "bob");
        assert_eq!(left["reason"], "good night");
    }
    assert!(bo.ends().success());
}

#[test]
fn a_nick_that_looks_like_anothers_is_not_taken() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    let mut other = machine.client_with(
        "\u{430}nna",
        &["--no-lan", "--local-port", &machine.port().to_string()],
    );
    other.types("/join #hearth");
    let is_told = |e: &Value| matches!(e["event"].as_str(), Some("failed" | "error" | "notice"));
    other.sees("why not", is_told);
}
