//! Two compare keys; one of them is remembered over a restart, and whoever takes the name afterwards is found out.

use crate::harness::{Client, Machine};

fn number(client: &mut Client, whom: &str) -> String {
    client.types(&format!("/verify {whom}"));
    let told = client.sees_event("number");
    assert_eq!(told["nick"], whom);
    assert_eq!(told["verified"], false);
    told["number"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_compared_remembered_and_missed() {
    let machine = Machine::new();
    let [mut anna, mut bob] = machine.circle("#hearth", ["anna", "bob"]);
    anna.sees("bob", |e| {
        e["event"] == "join" && e["nick"] == "bob" || e["from"] == "bob"
    });
    assert_eq!(number(&mut anna, "bob"), number(&mut bob, "anna"));
    anna.types("/verify bob yes");
    let told = anna.sees_event("verified");
    assert_eq!(
        (&told["nick"], &told["verified"]),
        (&"bob".into(), &true.into())
    );
    let bobs = told["peer"].as_str().unwrap().to_owned();
    anna.types("/whois bob");
    assert_eq!(anna.sees_event("whois")["verified"], true);

    // Once he has left, his name is free.
    bob.types("/quit");
    anna.sees("that bob has left", |e| {
        e["event"] == "quit" && e["from"] == "bob"
    });
    assert!(bob.ends().success());
    anna.types("/quit");
    assert!(anna.ends().success());
    let mut anna = machine.client("anna");
    let told = anna.sees_event("verified");
    assert_eq!(
        (&told["peer"], &told["restored"]),
        (&bobs.as_str().into(), &true.into())
    );
    anna.sees_event("joined");

    // Somebody else comes under the name.
    let port = machine.port().to_string();
    let mut command = machine.fireside();
    command.args(["--json", "--nick", "bob", "--no-lan", "--local-port", &port]);
    command.arg("--data").arg(machine.data("eve"));
    let mut eve = Client::start("eve", command, machine.data("eve").join("fireside.log"));
    eve.joins("#hearth");
    let told = anna.sees_event("impostor");
    assert_eq!(
        (&told["nick"], &told["known_id"]),
        (&"bob".into(), &bobs.as_str().into())
    );
    assert_ne!(told["id"], bobs.as_str());
    assert_eq!(told["group"], "#hearth");
}
