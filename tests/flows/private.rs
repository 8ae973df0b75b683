//! Two people talk in private, with a group between them and without one.

use serde_json::Value;

use crate::harness::{Client, Machine, output};

/// Somebody's key, as `/whois` tells it to its owner.
fn key_of(client: &mut Client) -> String {
    client.types("/whois");
    let told = client.sees("who I am", |e| e["event"] == "whois" && e["you"] == true);
    told["peer"].as_str().unwrap().to_owned()
}

fn is_private(event: &Value, peer: &str, text: &str) -> bool {
    let is_there = event["peer"] == peer && event.get("group").is_none();
    event["event"] == "message" && is_there && event["text"] == text
}

#[test]
fn two_who_share_no_group_talk_by_key_and_again_after_a_restart() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    let mut bob = machine.client("bob");
    let (annas, bobs) = (key_of(&mut anna), key_of(&mut bob));

    anna.types(&format!("/query {bobs} hello bob"));
    bob.sees("hello", |e| is_private(e, &annas, "hello bob"));
    let talk = bob.sees_event("talk");
    assert_eq!(
        (&talk["peer"], &talk["nick"], &talk["opening"]),
        (&annas.as_str().into(), &"anna".into(), &"begun".into())
    );
    let arrived = anna.sees("that it arrived", |e| {
        e["event"] == "confirmed" && e["peer"] == bobs.as_str()
    });
    assert_eq!(arrived["copies"], 2);
    bob.types("/msg anna hello anna");
    anna.sees("the answer", |e| is_private(e, &bobs, "hello anna"));
    anna.sees("who that is", |e| {
        e["event"] == "talk" && e["opening"] == "named" && e["nick"] == "bob"
    });

    bob.types("/quit");
    assert!(bob.ends().success());
    anna.types("are you there?");
    anna.sees("that bob is away", |e| {
        e["event"] == "presence" && e["presence"] == "away" && e["peer"] == bobs.as_str()
    });
    let mut bob = machine.client("bob");
    let talk = bob.sees_event("talk");
    assert_eq!(talk["opening"], "restored");
    bob.sees("what waited", |e| is_private(e, &annas, "are you there?"));
    let mark = anna.mark();
    anna.sees_after(mark, "that it arrived", |e| {
        e["event"] == "confirmed" && e["peer"] == bobs.as_str()
    });
    bob.has_once("are you there?");
    bob.types("/quit");
    assert!(bob.ends().success());
    let mut command = machine.fireside();
    command
        .args(["log", &annas, "--data"])
        .arg(machine.data("bob"));
    let (status, told, err) = output(command);
    assert!(status.success(), "{err}");
    for line in ["hello bob", "are you there?"] {
        assert!(told.contains(&format!(" {line}\n")), "{told}");
    }
}

#[test]
fn a_nick_of_the_group_is_talked_to_past_the_group() {
    let machine = Machine::new();
    let mut people = crate::together::three(&machine);
    let [anna, bo, cat] = &mut people;
    cat.types("/whois bo");
    let told = cat.sees("who bo is", |e| e["event"] == "whois");
    assert_eq!(told["nick"], "bo");
    assert_eq!(told["presence"], "here");
    assert_eq!(told["groups"][0]["group"], "#hearth");
    let bos = told["peer"].as_str().unwrap().to_owned();

    cat.types("/msg bo not for anna");
    cat.types("for all");
    let heard = bo.sees("the line", |e| {
        e["event"] == "message" && e["text"] == "not for anna"
    });
    assert_eq!(heard["from"], "cat");
    cat.sees("that it arrived", |e| {
        e["event"] == "confirmed" && e["peer"] == bos.as_str()
    });
    anna.sees_text("for all");
    assert!(!anna.events.iter().any(|e| e["text"] == "not for anna"));
    anna.types("/query nobody hello");
    let error = anna.sees_event("error");
    assert_eq!(error["why"], "nobody you have met goes by nobody");
}
