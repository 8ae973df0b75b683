//! A link is enough: somebody comes from a machine that knows nobody, into the group that was meant and no other.

use fireside::proto::invite::Invite;
use serde_json::Value;

use crate::harness::{Client, Machine};

/// The link that a member makes.
fn link_of(client: &mut Client, group: &str) -> Invite {
    let mark = client.mark();
    client.types("/invite");
    let made = client.sees_after(mark, "the link", |e| e["event"] == "invite");
    assert_eq!(made["group"], group);
    assert_eq!(made["to"], Value::Null);
    Invite::parse(made["link"].as_str().unwrap()).unwrap()
}

/// Somebody on a machine of his own who has nothing but what is written behind the name.
fn elsewhere(machine: &Machine, nick: &str, target: &str) -> Client {
    let port = machine.port().to_string();
    machine.client_with(nick, &["--no-lan", "--local-port", &port, target])
}

#[test]
fn somebody_comes_by_the_link_alone() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut anna = here.client("anna");
    anna.joins("#hearth");
    let invite = link_of(&mut anna, "#hearth");
    assert_eq!(invite.gates.len(), 1);

    let mut bob = elsewhere(&there, "bob", &invite.to_string());
    let joined = bob.sees_event("joined");
    assert_eq!(joined["group"], "#hearth");
    assert_eq!(joined["members"].as_array().unwrap().len(), 2);
    anna.types("you found it");
    bob.sees_text("you found it");
    bob.types("it was in capitals");
    anna.sees_text("it was in capitals");

    // A third one is sent the link in private, by somebody who came by one.
    let mut cat = here.client("cat");
    cat.types("/whois");
    let told = cat.sees_event("whois");
    let cats = told["peer"].as_str().unwrap();
    bob.types(&format!("/invite {cats}"));
    bob.sees("that cat is invited", |e| {
        e["event"] == "invite" && !e["to"].is_null()
    });
    cat.sees("the invitation", |e| {
        let text = e["text"].as_str().unwrap_or_default();
        e["event"] == "notice" && text == "bob invites you to #hearth: /accept comes in"
    });
    cat.types("/accept");
    let joined = cat.sees_event("joined");
    assert_eq!(joined["members"].as_array().unwrap().len(), 3);
}

#[test]
fn another_group_of_the_name_is_not_taken_for_the_one_meant() {
    let (here, there, apart) = (Machine::new(), Machine::new(), Machine::new());
    let mut anna = here.client("anna");
    anna.joins("#hearth");
    let mut eve = apart.client("eve");
    eve.joins("#hearth");
    let meant = link_of(&mut anna, "#hearth");
    // The link is anna's, and the way it shows leads to eve.
    let led_astray = Invite {
        gates: link_of(&mut eve, "#hearth").gates,
        ..meant.clone()
    };

    let mut bob = elsewhere(&there, "bob", &led_astray.to_string());
    let error = bob.sees_event("error");
    assert_eq!(error["what"], "cannot come into #hearth by this link");
    assert_eq!(
        error["why"],
        "the group of that name is another than the one you were invited to"
    );
    bob.sees_event("left");
    assert!(
        !bob.events.iter().any(|e| e["event"] == "joined"),
        "{:?}",
        bob.events
    );
    bob.types("/join #hearth");
    let joined = bob.sees_event("joined");
    assert_eq!(joined["members"].as_array().unwrap().len(), 2);
    // Now he knows one, and knows that it is not the one that is meant.
    bob.types(&format!("/join {meant}"));
    let mark = bob.mark();
    let error = bob.sees_after(mark, "that it is another", |e| e["event"] == "error");
    assert_eq!(error["why"], "you know another group of that name");
}

#[test]
fn a_link_that_lost_its_end_is_known_for_what_it_is() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    let link = link_of(&mut anna, "#hearth").to_string();
    let mark = anna.mark();
    anna.types(&format!("/join {}", &link[..link.len() - 3]));
    let error = anna.sees_after(mark, "what is wrong with it", |e| e["event"] == "error");
    assert_eq!(error["why"], "a part of it is missing or mistyped");
    assert_eq!(error["try"], "ask for the link again");
    anna.types("/accept");
    anna.sees_after(mark, "that nobody invited", |e| {
        e["event"] == "error" && e["why"] == "nobody has invited you since you started"
    });
}
