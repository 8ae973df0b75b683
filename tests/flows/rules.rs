//! A founder makes a group a feed and puts somebody out; what holds then is told to whoever asks.

use serde_json::{Value, json};

use crate::harness::{Client, Machine};

fn rules(client: &mut Client, command: &str) -> Value {
    let mark = client.mark();
    client.types(command);
    client.sees_after(mark, command, |e| e["event"] == "rules")
}

#[test]
fn a_feed_is_written_by_its_founder_until_it_is_none() {
    let machine = Machine::new();
    let [mut anna, mut bob] = machine.circle("#hearth", ["anna", "bob"]);
    assert_eq!(rules(&mut bob, "/feed")["modes"], "");

    anna.types("/feed on");
    bob.sees("a feed", |e| e["event"] == "mode");
    bob.types("may I?");
    let failed = bob.sees_event("failed");
    assert_eq!(failed["group"], "#hearth");
    let told = rules(&mut bob, "/feed");
    assert_eq!(
        (&told["modes"], &told["founder"]),
        (&json!("m"), &json!("anna"))
    );
    anna.types("news");
    bob.sees_text("news");

    let mark = bob.mark();
    anna.types("/feed off");
    bob.sees_after(mark, "no feed", |e| e["event"] == "mode");
    bob.types("thank you");
    anna.sees_text("thank you");
}

#[test]
fn who_was_put_out_is_told_by_whom_and_comes_in_again_when_let() {
    let machine = Machine::new();
    let [mut anna, mut bob] = machine.circle("#hearth", ["anna", "bob"]);
    assert_eq!(rules(&mut anna, "/bans")["bans"], json!([]));

    anna.types("/ban bob");
    anna.sees("that bob is out", |e| e["event"] == "kick");
    let told = rules(&mut anna, "/bans");
    let ban = &told["bans"][0];
    assert_eq!((&ban["nick"], &ban["by"]), (&json!("bob"), &json!("anna")));
    assert!(
        ban["at"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{told}"
    );

    anna.types("/unban bob");
    anna.sees("that he is let in", |e| e["mode"] == "-b");
    assert_eq!(rules(&mut anna, "/bans")["bans"], json!([]));
    let mark = bob.mark();
    bob.types("/join #hearth");
    bob.sees_after(mark, "joined", |e| e["event"] == "joined");
}
