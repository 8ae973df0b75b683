//! Everybody talks from behind every router that lets UDP out, with a supernode between them.

use crate::internet::Internet;
use crate::people::{catches_breath, chatter_through, goes, goes_again, meet, talk, tells};
use crate::router::Kind;

const RELAYED: &[&str] = &["--relay-only"];

fn all_talk_over_the_relay_from_behind(first: Kind, second: Kind) {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let ams = internet.supernode("ams", &[&fra]);
    // Half the world has the same private network.
    let ours = internet.router(
        "ours",
        first,
        if first.is_public() {
            "198.51.100"
        } else {
            "192.168.1"
        },
    );
    let theirs = internet.router(
        "theirs",
        second,
        if second.is_public() {
            "192.0.2"
        } else {
            "192.168.1"
        },
    );
    let here = internet.behind(&ours, "here");
    let there = internet.behind(&theirs, "there");
    let mut anna = here.client("anna", &fra, RELAYED);
    let mut bo = there.client("bo", &ams, RELAYED);
    meet(&mut anna, &mut bo);
    talk(&mut [&mut anna, &mut bo], "hello");
    goes(&mut anna, "relayed");
    goes(&mut bo, "relayed");
}

#[test]
fn two_homes_talk_over_the_relay() {
    all_talk_over_the_relay_from_behind(Kind::Home, Kind::Home);
}

#[test]
fn two_symmetric_routers_talk_over_the_relay() {
    all_talk_over_the_relay_from_behind(Kind::Symmetric, Kind::Symmetric);
}

#[test]
fn a_masquerade_and_a_firewall_talk_over_the_relay() {
    all_talk_over_the_relay_from_behind(Kind::Masquerade, Kind::Firewall);
}

/// How a supernode may end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Its process is killed, and its machine says so to whoever asks.
    Killed,
    /// Its machine is gone, and nobody says anything.
    Gone,
}

fn the_talk_goes_on_over_another_supernode(end: End) {
    let Some(internet) = Internet::new() else {
        return;
    };
    let mut fra = internet.supernode("fra", &[]);
    let mut ams = internet.supernode("ams", &[&fra]);
    let [ours, theirs] =
        ["ours", "theirs"].map(|name| internet.router(name, Kind::Symmetric, "10.5.0"));
    let (here, there) = (
        internet.behind(&ours, "here"),
        internet.behind(&theirs, "there"),
    );
    let mut anna = here.client("anna", &fra, &[]);
    let mut bo = there.client("bo", &ams, &[]);
    meet(&mut anna, &mut bo);
    talk(&mut [&mut anna, &mut bo], "before");
    let way = goes(&mut anna, "relayed");
    catches_breath();
    let (gone, left) = if way["via"] == "fra" {
        (&mut fra, "ams")
    } else {
        (&mut ams, "fra")
    };
    let mark = anna.mark();
    let longest = chatter_through(&mut anna, &mut bo, "meanwhile", || match end {
        End::Killed => gone.is_killed(),
        End::Gone => gone.vanishes(),
    });
    tells(
        &format!("the supernode of a relayed pair: {end:?}"),
        longest,
    );
    let way = goes_again(&mut anna, mark, "relayed");
    assert_eq!(way["via"], left);
    let is_handover = |e: &serde_json::Value| e["event"] == "host";
    assert!(!bo.events[1..].iter().any(is_handover), "the host stays");
}

#[test]
fn those_who_talked_over_a_killed_supernode_go_on_over_the_other() {
    the_talk_goes_on_over_another_supernode(End::Killed);
}

#[test]
fn those_who_talked_over_a_supernode_that_vanished_go_on_over_the_other() {
    the_talk_goes_on_over_another_supernode(End::Gone);
}
