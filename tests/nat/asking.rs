//! `/path` and `/ping` tell how somebody is reached, and why.

use crate::harness::Client;
use crate::internet::Internet;
use crate::people::{goes, id, is_relayed_throughout, meet};
use crate::router::Kind;

pub(crate) fn is_told(client: &mut Client, command: &str, word: &str) {
    let mark = client.mark();
    client.types(command);
    let told = client.sees_after(mark, word, |e| {
        e["event"] == "notice" && e["text"].as_str().is_some_and(|text| text.contains(word))
    });
    println!("{command}: {}", told["text"]);
}

#[test]
fn a_direct_path_is_told_and_answers_on_both_ways() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let home = internet.router("home", Kind::Home, "192.168.1");
    let (sofa, open) = (internet.behind(&home, "sofa"), internet.machine("open"));
    let mut anna = sofa.client("anna", &fra, &[]);
    let mut bo = open.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
    is_told(&mut bo, "/path", "anna is reached directly at 203.0.113.");
    is_told(&mut bo, "/path anna", "you are seen at 203.0.113.");
    is_told(&mut anna, "/ping bo", "ms via fra");
    is_told(&mut anna, "/ping bo", "ms directly at 203.0.113.");
}

#[test]
fn a_relayed_path_is_told_with_what_was_tried() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let office = internet.router("office", Kind::Symmetric, "10.5.0");
    let home = internet.router("home", Kind::Home, "192.168.1");
    let (desk, sofa) = (
        internet.behind(&office, "desk"),
        internet.behind(&home, "sofa"),
    );
    let mut anna = desk.client("anna", &fra, &[]);
    let mut bo = sofa.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    goes(&mut bo, "relayed");
    is_told(&mut bo, "/path", "anna is reached via the supernode fra");
    is_told(&mut bo, "/path", "no answer came");
    is_told(&mut bo, "/path", "tried 203.0.113.");
    is_told(&mut bo, "/ping", "ms via fra");
    bo.types("/path nobody");
    bo.sees("an error", |e| {
        e["event"] == "error" && e["why"] == "nobody goes by nobody here"
    });
}

#[test]
fn who_is_relayed_only_is_said_to_be() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let (here, there) = (internet.machine("here"), internet.machine("there"));
    let mut anna = here.client("anna", &fra, &["--relay-only"]);
    let mut bo = there.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    goes(&mut bo, "relayed");
    goes(&mut anna, "relayed");
    is_told(&mut bo, "/path", "anna is reached via");
    is_told(&mut bo, "/path anna", "anna asks to be relayed only");
    is_told(&mut anna, "/path bo", "you asked for --relay-only");
}

#[test]
fn a_stranger_is_relayed_until_it_is_answered() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let (here, there) = (internet.machine("here"), internet.machine("there"));
    let mut anna = here.client("anna", &fra, &[]);
    let mut bo = there.client("bo", &fra, &[]);
    bo.sees_event("ready");
    anna.sees_event("ready");
    bo.types(&format!("/query {} hello", id(&anna)));
    anna.sees_text("hello");
    goes(&mut bo, "relayed");
    goes(&mut anna, "relayed");
    anna.types("/query bo");
    anna.sees("the talk", |e| {
        e["event"] == "talk" && e["opening"] == "asked"
    });
    is_told(
        &mut anna,
        "/path",
        "bo is a stranger, who is not told your address",
    );
    is_told(&mut anna, "/ping", "bo is a stranger, who is not asked");
    is_told(
        &mut bo,
        "/path",
        "has not said yet at which addresses to try",
    );
    is_relayed_throughout(&[&anna, &bo]);
    anna.types("/query bo who is it?");
    bo.sees_text("who is it?");
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
}
