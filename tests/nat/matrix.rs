//! Who meets whom directly: every pair of routers, with the time that took and the longest wait for a line of a
//! running talk.

use std::time::Instant;

use crate::internet::{Internet, Machine, Router, Supernode};
use crate::people::{catches_breath, chatter, goes, is_relayed_throughout, meet};
use crate::router::Kind;

/// Where somebody sits: behind one of these, or in the open.
type Place = Option<Kind>;

const OPEN: Place = None;
const HOME: Place = Some(Kind::Home);
const MASQUERADE: Place = Some(Kind::Masquerade);
const SYMMETRIC: Place = Some(Kind::Symmetric);
const FIREWALL: Place = Some(Kind::Firewall);

/// A machine, and the router that it is behind.
struct Seat {
    machine: Machine,
    _router: Option<Router>,
}

fn seat(internet: &Internet, place: Place, name: &str, public: &str) -> Seat {
    let router = place.map(|kind| {
        // Half the world has the same private network.
        let behind = if kind.is_public() {
            public
        } else {
            "192.168.1"
        };
        internet.router(&format!("{name}-router"), kind, behind)
    });
    let machine = match &router {
        Some(router) => internet.behind(router, name),
        None => internet.machine(name),
    };
    Seat {
        machine,
        _router: router,
    }
}

fn scene(first: Place, second: Place) -> Option<(Internet, Supernode, Seat, Seat)> {
    let internet = Internet::new()?;
    let fra = internet.supernode("fra", &[]);
    let here = seat(&internet, first, "here", "198.51.100");
    let there = seat(&internet, second, "there", "192.0.2");
    Some((internet, fra, here, there))
}

/// They talk at once, over the relay, and directly a moment later, without a gap.
fn meet_directly(first: Place, second: Place) {
    let Some((_internet, fra, here, there)) = scene(first, second) else {
        return;
    };
    let mut anna = here.machine.client("anna", &fra, &[]);
    let mut bo = there.machine.client("bo", &fra, &[]);
    let began = Instant::now();
    meet(&mut anna, &mut bo);
    let met = began.elapsed();
    let longest = chatter(&mut anna, &mut bo, "meanwhile");
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
    let direct = began.elapsed();
    println!(
        "{first:?} and {second:?}: met after {met:.0?}, direct by {direct:.0?}, longest wait of a line {longest:.0?}"
    );
}

/// No hole can be made, and they talk over the relay.
fn stay_relayed(first: Place, second: Place) {
    let Some((_internet, fra, here, there)) = scene(first, second) else {
        return;
    };
    let mut anna = here.machine.client("anna", &fra, &[]);
    let mut bo = there.machine.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    goes(&mut anna, "relayed");
    catches_breath();
    let longest = chatter(&mut anna, &mut bo, "still");
    is_relayed_throughout(&[&anna, &bo]);
    println!("{first:?} and {second:?}: relayed, longest wait of a line {longest:.0?}");
}

#[test]
fn two_homes_meet_directly() {
    meet_directly(HOME, HOME);
}

#[test]
fn home_and_masquerade_meet_directly() {
    meet_directly(HOME, MASQUERADE);
}

#[test]
fn two_masquerades_meet_directly() {
    meet_directly(MASQUERADE, MASQUERADE);
}

#[test]
fn home_and_firewall_meet_directly() {
    meet_directly(HOME, FIREWALL);
}

#[test]
fn two_firewalls_meet_directly() {
    meet_directly(FIREWALL, FIREWALL);
}

#[test]
fn home_and_an_open_machine_meet_directly() {
    meet_directly(HOME, OPEN);
}

#[test]
fn a_symmetric_router_and_an_open_machine_meet_directly() {
    meet_directly(SYMMETRIC, OPEN);
}

#[test]
fn an_open_machine_and_a_symmetric_router_meet_directly() {
    meet_directly(OPEN, SYMMETRIC);
}

#[test]
fn two_symmetric_routers_stay_relayed() {
    stay_relayed(SYMMETRIC, SYMMETRIC);
}

#[test]
fn a_symmetric_router_and_home_stay_relayed() {
    stay_relayed(SYMMETRIC, HOME);
}

#[test]
fn two_in_one_home_meet_there() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let home = internet.router("home", Kind::Home, "192.168.1");
    let (desk, sofa) = (
        internet.behind(&home, "desk"),
        internet.behind(&home, "sofa"),
    );
    let mut anna = desk.client("anna", &fra, &[]);
    let mut bo = sofa.client("bo", &fra, &[]);
    let began = Instant::now();
    meet(&mut anna, &mut bo);
    let met = began.elapsed();
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
    println!(
        "two in one home: met after {met:.0?}, direct after {:.0?}",
        began.elapsed()
    );
}

#[test]
fn who_wants_to_be_relayed_only_gives_no_address_away() {
    let Some((_internet, fra, here, there)) = scene(OPEN, OPEN) else {
        return;
    };
    let mut anna = here.machine.client("anna", &fra, &["--relay-only"]);
    let mut bo = there.machine.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    goes(&mut bo, "relayed");
    catches_breath();
    chatter(&mut anna, &mut bo, "hidden");
    is_relayed_throughout(&[&anna, &bo]);
}
