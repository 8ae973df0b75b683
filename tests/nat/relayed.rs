//! Everybody talks from behind every router that lets UDP out, with a supernode between them.

use std::time::Instant;

use crate::internet::Internet;
use crate::people::{goes, meet, talk};
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

#[test]
fn where_udp_is_blocked_it_is_said_in_one_sentence() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let office = internet.router("office", Kind::Blocked, "10.8.0");
    let desk = internet.behind(&office, "desk");
    let mut anna = desk.client("anna", &fra, RELAYED);
    anna.types("/join #hearth");
    let told = anna.sees_event("error");
    println!("{}: {}; {}", told["what"], told["why"], told["try"]);
    assert!(told["try"].as_str().unwrap().contains("UDP"), "{told}");
}

#[test]
fn those_who_talked_over_a_killed_supernode_go_on_over_the_other() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let mut fra = internet.supernode("fra", &[]);
    let mut ams = internet.supernode("ams", &[&fra]);
    let office = internet.router("office", Kind::Symmetric, "10.5.0");
    let (desk, open) = (internet.behind(&office, "desk"), internet.machine("open"));
    let mut anna = desk.client("anna", &fra, RELAYED);
    let mut bo = open.client("bo", &fra, RELAYED);
    meet(&mut anna, &mut bo);
    talk(&mut [&mut anna, &mut bo], "before");
    let way = goes(&mut anna, "relayed");
    let gone = if way["via"] == "fra" {
        &mut fra
    } else {
        &mut ams
    };
    gone.is_killed();
    let killed = Instant::now();
    talk(&mut [&mut anna, &mut bo], "after");
    println!(
        "talking again {:?} after the supernode was killed",
        killed.elapsed()
    );
}
