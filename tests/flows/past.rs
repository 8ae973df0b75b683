//! Looking back, in real processes: what was said is found, offline and after a restart too.

use crate::harness::{Machine, free_port};

#[test]
fn what_was_said_is_found_and_gone_to_by_programs() {
    let machine = Machine::new();
    let mut anna = machine.client("anna");
    let mut bob = machine.client("bob");
    anna.joins("#hearth");
    bob.joins("#hearth");
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
