//! Who is away from the screen is seen so by the others, and by who comes in while he is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Client, Machine};

/// As long as anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(45);

/// Asks for the members until one of them is away for that reason, or not away for none.
fn sees(client: &mut Client, nick: &str, away: &Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mark = client.mark();
        client.types("/names");
        let told = client.sees_after(mark, "the names", |e| e["event"] == "names");
        let mut members = told["members"].as_array().into_iter().flatten();
        if members.any(|member| member["nick"] == nick && member["away"] == *away) {
            return;
        }
        assert!(Instant::now() < deadline, "{nick} away: {away}; {told}");
    }
}

#[test]
fn who_is_away_is_seen_so_until_back() {
    let machine = Machine::new();
    let [mut anna, mut bob] = machine.circle("#hearth", ["anna", "bob"]);
    sees(&mut anna, "bob", &Value::Null);

    bob.types("/away lunch");
    for who in [&mut anna, &mut bob] {
        let told = who.sees_event("away");
        assert_eq!(told["from"], "bob");
        assert_eq!(told["group"], "#hearth");
        assert_eq!(told["reason"], "lunch");
    }
    sees(&mut anna, "bob", &json!("lunch"));
    let mark = anna.mark();
    let mut cat = machine.client("cat");
    cat.joins("#hearth");
    sees(&mut cat, "bob", &json!("lunch"));

    // Written to in private, he is said to be away, once.
    cat.types("/msg bob soup?");
    cat.sees("why he does not answer", |e| {
        e["event"] == "notice" && e["text"] == "bob is away: lunch"
    });
    bob.sees_text("soup?");

    anna.types("/away");
    sees(&mut bob, "anna", &json!(""));
    assert!(
        !anna.events[mark..]
            .iter()
            .any(|event| event["event"] == "away" && event["from"] == "bob"),
        "it is told once"
    );
    let mark = anna.mark();
    bob.types("/back");
    let back = anna.sees_after(mark, "that bob is back", |e| {
        e["event"] == "away" && e["from"] == "bob"
    });
    assert_eq!(back["reason"], Value::Null);
    sees(&mut anna, "bob", &Value::Null);
    sees(&mut cat, "bob", &Value::Null);
}
