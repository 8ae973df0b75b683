//! Looking back, in real processes: what was said is found, offline and after a restart too.

use crate::harness::{Machine, free_port, output};

#[test]
fn what_was_said_is_found_and_gone_to_by_programs() {
    let machine = Machine::new();
    let [mut anna, mut bob] = machine.circle("#hearth", ["anna", "bob"]);
    anna.joins("#attic");
    anna.types("/msg #hearth the kettle is on");
    bob.sees_text("the kettle is on");
    bob.types("is there tea in the kettle?");
    anna.sees_text("is there tea in the kettle?");
    anna.types("a kettle in the attic");
    anna.sees_text("a kettle in the attic");

    let texts = |found: &serde_json::Value| -> Vec<String> {
        let lines = found["lines"].as_array().unwrap().iter();
        lines
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect()
    };
    for (typed, expected) in [
        (
            "/search kettle",
            vec![
                "a kettle in the attic",
                "is there tea in the kettle?",
                "the kettle is on",
            ],
        ),
        (
            "/search kettle from:bob",
            vec!["is there tea in the kettle?"],
        ),
        ("/search \"kettle is\" in:#hearth", vec!["the kettle is on"]),
        ("/lastlog kett", vec!["a kettle in the attic"]),
        ("/lastlog /k.t+le$/", vec![]),
        ("/lastlog -regexp ATTIC|x", vec![]),
        ("/lastlog /att?ic/", vec!["a kettle in the attic"]),
        ("/search nothing-like-that", vec![]),
    ] {
        let mark = anna.mark();
        anna.types(typed);
        let found = anna.sees_after(mark, typed, |e| e["event"] == "search");
        assert_eq!(texts(&found), expected, "{typed}: {found}");
        assert_eq!(found["more"], false);
    }
    let mark = bob.mark();
    bob.types("/mentions");
    bob.sees_after(mark, "no mention", |e| e["event"] == "search");
    anna.types("/msg #hearth bob: there is");
    bob.sees_text("bob: there is");
    let mark = bob.mark();
    bob.types("/mentions");
    let found = bob.sees_after(mark, "a mention", |e| e["event"] == "search");
    assert_eq!(texts(&found), ["bob: there is"]);
    assert_eq!(found["lines"][0]["group"], "#hearth");

    let mark = bob.mark();
    bob.types("/goto today");
    let past = bob.sees_after(mark, "a look back", |e| e["event"] == "past");
    let of: Vec<&str> = past["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert_eq!(
        of,
        [
            "the kettle is on",
            "is there tea in the kettle?",
            "bob: there is"
        ]
    );
    let mark = bob.mark();
    bob.types("/goto someday");
    let refused = bob.sees_after(mark, "a refusal", |e| e["event"] == "error");
    assert_eq!(refused["why"], "that is no moment");
}

#[test]
fn what_was_said_is_found_without_a_network_and_line_by_line() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    anna.types("remember the kettle");
    let said = anna.sees_text("remember the kettle");
    anna.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == said["id"]
    });
    anna.types("/quit");
    assert!(anna.ends().success());

    let mut command = machine.fireside();
    let data = machine.data("anna");
    // Nobody answers at that port, and no network of our own is begun.
    let nowhere = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    command
        .args(["--plain", "--bootstrap", &nowhere, "--data"])
        .arg(data);
    let typed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(typed.path(), "/search kettle\n/search tea\n").unwrap();
    command.stdin(typed.reopen().unwrap());
    let out = command.output().unwrap();
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    let at = out
        .find("1 line found: kettle")
        .unwrap_or_else(|| panic!("{out}"));
    assert!(
        out[at..].contains("#hearth <anna> remember the kettle"),
        "{out}"
    );
    assert!(out.contains("nothing found: tea"), "{out}");
}

#[test]
fn a_log_is_told_from_disk_while_its_owner_chats_and_after() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    anna.joins("#hearth");
    anna.types("first");
    anna.types("second \u{202e}line");
    let said = anna.sees_text("second \u{202e}line");
    anna.sees("confirmed", |e| {
        e["event"] == "confirmed" && e["id"] == said["id"]
    });
    let log = |args: &[&str]| {
        let mut command = machine.fireside();
        command.args(["log", "--data"]).arg(machine.data("anna"));
        command.args(args);
        output(command)
    };
    let check = |count: usize| {
        let (status, out, err) = log(&["#hearth"]);
        assert!(status.success(), "{err}");
        let rows: Vec<&str> = out.lines().collect();
        assert!(rows[1].ends_with("anna joined #hearth"), "{out}");
        assert!(rows[2].ends_with("<anna> first"), "{out}");
        assert!(
            rows[3].contains("<anna> second ") && !out.contains('\u{202e}'),
            "{out}"
        );
        assert_eq!(rows.len(), count, "{out}");
        let (_, out, _) = log(&["hearth", "--json"]);
        let told: Vec<serde_json::Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(told[1]["text"], "first");
        assert_eq!(told[2]["own"], true);
        assert_eq!(log(&[]).1, "#hearth\n");
    };
    check(4);
    anna.types("/quit");
    assert!(anna.ends().success());
    // She has said that she leaves.
    check(5);
    let (status, _, err) = log(&["#nowhere"]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        err.trim(),
        "fireside: cannot tell the log of #nowhere: nothing is stored of it; fireside log tells of which groups \
         there is something"
    );
    std::fs::write(
        machine.data("anna").join("fireside.db"),
        "no database at all",
    )
    .unwrap();
    let (status, _, err) = log(&["#hearth"]);
    assert_eq!(status.code(), Some(1));
    assert!(err.contains("cannot open the stored history"), "{err}");
    let mut command = machine.fireside();
    command.args(["log", "--data"]).arg(machine.data("nobody"));
    let (status, _, err) = output(command);
    assert_eq!(status.code(), Some(1));
    assert!(err.contains("nobody has chatted with"), "{err}");
    assert!(!machine.data("nobody").exists());
}
