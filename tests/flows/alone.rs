//! One person, nobody else, nothing configured.

use crate::harness::{Machine, free_port};

#[test]
fn whoever_is_alone_keeps_the_network_and_the_group() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    let ready = anna.sees_event("ready");
    assert_eq!(ready["nick"], "anna");
    let joined = anna.joins("#hearth");
    assert_eq!(joined["host"], "anna");
    assert_eq!(joined["host_id"], ready["id"]);
    assert_eq!(joined["members"][0]["role"], "host");

    anna.types("is anybody here?");
    let said = anna.sees_text("is anybody here?");
    assert_eq!(said["own"], true);
    assert_eq!(said["history"], false);
    assert_eq!(said["from_id"], ready["id"]);
    let kept = anna.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == said["id"]
    });
    assert_eq!(kept["copies"], 1);

    anna.types("/quit");
    assert!(anna.ends().success());
    assert_eq!(anna.events.last().unwrap()["event"], "bye");
}

#[test]
fn typed_lines_are_commands_text_or_said_to_be_neither() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.types("too early");
    let refused = anna.sees_event("error");
    for part in ["what", "why", "try"] {
        assert!(refused[part].is_string(), "{refused}");
    }
    anna.joins("#hearth");
    anna.joins("#attic");
    anna.types("to the attic");
    assert_eq!(anna.sees_text("to the attic")["group"], "#attic");
    anna.types("/msg #hearth to the hearth");
    assert_eq!(anna.sees_text("to the hearth")["group"], "#hearth");
    anna.types("/me waves");
    assert_eq!(anna.sees_text("waves")["action"], true);
    anna.types("/topic embers");
    let topic = anna.sees_event("topic");
    assert_eq!(
        (&topic["text"], &topic["group"]),
        (&"embers".into(), &"#attic".into())
    );
    anna.types("/names");
    assert_eq!(anna.sees_event("names")["members"][0]["nick"], "anna");
    anna.types("/heirs");
    let keepers = anna.sees_event("keepers");
    assert_eq!(
        (&keepers["group"], &keepers["host"]),
        (&"#attic".into(), &"anna".into())
    );
    assert_eq!(keepers["line"], serde_json::json!([]));
    anna.types("/ring");
    let ring = anna.sees_event("ring");
    assert_eq!(ring["ring"]["group"], "#attic");
    assert!(ring["ring"]["responsible"]["name"].is_string(), "{ring}");
    anna.types("/net");
    let table = anna.sees_event("table");
    assert_eq!(table["nodes"][0]["state"], "alive");
    let mark = anna.mark();
    anna.types("/jion #cellar");
    anna.sees_after(mark, "a refusal", |e| e["event"] == "error");
    anna.types("/part");
    let left = |e: &serde_json::Value| e["event"] == "left" && e["group"] == "#attic";
    anna.sees("left", left);
    anna.types("back at the hearth");
    assert_eq!(anna.sees_text("back at the hearth")["group"], "#hearth");
}

#[test]
fn the_end_of_the_input_is_a_goodbye() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    anna.closes_input();
    assert!(anna.ends().success());
    assert_eq!(anna.events.last().unwrap()["event"], "bye");
}

#[test]
fn what_was_said_is_there_at_the_next_start() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    anna.types("remember me");
    let first = anna.sees_text("remember me");
    anna.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == first["id"]
    });
    anna.types("/quit");
    assert!(anna.ends().success());

    let mut command = machine.fireside();
    command.args([
        "--plain",
        "--no-lan",
        "--local-port",
        &machine.port().to_string(),
    ]);
    command.arg("--data").arg(machine.data("anna"));
    let (status, told, _) = crate::harness::output(command);
    assert!(status.success());
    assert!(told.contains("you are anna"), "{told}");
    assert!(told.contains("<anna> remember me"), "{told}");
}

#[test]
fn who_keeps_the_group_and_what_the_network_is_made_of_is_told_in_plain_lines() {
    let machine = Machine::new();
    let port = machine.port().to_string();
    let mut command = machine.fireside();
    command.args([
        "--plain",
        "--no-lan",
        "--local-port",
        &port,
        "--nick",
        "anna",
    ]);
    command.arg("--data").arg(machine.data("anna"));
    let told = crate::harness::piped(
        command,
        &[
            ("you are anna", "/join #hearth"),
            ("you are in #hearth", "/host"),
            ("you keep #hearth", "/net"),
            ("directory+supernode  alive", "/ring"),
            ("<- the group", "/ring #den"),
            ("J = md5(\"#den\")", "/quit"),
        ],
    );
    assert!(told.contains("nobody else is here"), "{told}");
}

#[test]
fn a_line_that_comes_through_a_pipe_is_confirmed_before_the_end() {
    let machine = Machine::new();
    let port = machine.port().to_string();
    let mut anna = machine.client_with("anna", &["--no-lan", "--local-port", &port, "#hearth"]);
    anna.types("hello");
    anna.closes_input();
    assert!(anna.ends().success());
    let said = anna.sees_text("hello");
    anna.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == said["id"]
    });
}

#[test]
fn a_piped_line_that_nobody_takes_is_said_to_wait_and_goes_out_at_the_next_start() {
    let machine = Machine::new();
    let nowhere = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    let mut anna = machine.client_with("anna", &["--no-lan", "--bootstrap", &nowhere, "#hearth"]);
    anna.types("hello");
    anna.closes_input();
    assert!(!anna.ends().success());
    anna.sees_event("waiting");
    anna.sees("that it is not confirmed", |e| {
        e["event"] == "error" && e["what"] == "1 line not confirmed"
    });
    assert_eq!(anna.events.last().unwrap()["event"], "bye");

    let mut again = machine.client("anna");
    assert_eq!(again.sees_event("sent")["text"], "hello");
    let said = again.sees_text("hello");
    again.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == said["id"]
    });
}
