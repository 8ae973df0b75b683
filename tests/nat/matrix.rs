//! Who meets whom directly: every pair of places, as a table with what became of each, when, and the longest wait for
//! a line of the talk that ran meanwhile.

use std::time::Instant;

use crate::harness::Client;
use crate::internet::{Family, Internet, Machine, Router, Supernode};
use crate::people::{Met, goes, id, is_relayed_throughout, meet_in, stays_relayed};
use crate::router::Kind;

/// Where somebody sits: behind one of these, or in the open.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    name: &'static str,
    kind: Option<Kind>,
    family: Family,
}

const OPEN: Place = place("open", None, Family::V4);
const HOME: Place = place("home", Some(Kind::Home), Family::V4);
const MASQUERADE: Place = place("masquerade", Some(Kind::Masquerade), Family::V4);
const SYMMETRIC: Place = place("symmetric", Some(Kind::Symmetric), Family::V4);
const FIREWALL: Place = place("firewall", Some(Kind::Firewall), Family::V4);
const BLOCKED: Place = place("blocked", Some(Kind::Blocked), Family::V4);

const OPEN_V6: Place = place("open, IPv6", None, Family::V6);
const FIREWALL_V6: Place = place("firewall, IPv6", Some(Kind::Firewall), Family::V6);
const MASQUERADE_V6: Place = place("masquerade, IPv6", Some(Kind::Masquerade), Family::V6);

/// Offices whose IPv4 is hopeless, and whose IPv6 has only a wall in front.
const OFFICE: Place = place(
    "firewall, IPv6 and IPv4",
    Some(Kind::Firewall),
    Family::Both,
);

const fn place(name: &'static str, kind: Option<Kind>, family: Family) -> Place {
    Place { name, kind, family }
}

/// How two talk in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Relayed,
}

/// What the routers allow: two that let in only whom they have spoken to, of which one speaks to everybody from
/// another port, never hear of each other's.
fn expected(one: Place, other: Place) -> Way {
    let is_symmetric = |place: Place| place.kind == Some(Kind::Symmetric);
    let is_strict = |place: Place| {
        matches!(
            place.kind,
            Some(Kind::Home | Kind::Masquerade | Kind::Symmetric)
        )
    };
    // Behind a wall without translation the port is the same for everybody, but it still lets in only whom it knows.
    let keeps_out = |place: Place| is_strict(place) || place.kind == Some(Kind::Firewall);
    let is_hopeless =
        (is_symmetric(one) && keeps_out(other)) || (is_symmetric(other) && keeps_out(one));
    if is_hopeless {
        Way::Relayed
    } else {
        Way::Direct
    }
}

/// A machine, and the router that it is behind.
struct Seat {
    machine: Machine,
    _router: Option<Router>,
}

fn seat(internet: &Internet, place: Place, name: &str, public: &str) -> Seat {
    let router = place.kind.map(|kind| {
        // Half the world has the same private network.
        let behind = if kind.is_public() {
            public
        } else {
            "192.168.1"
        };
        internet.router_of(&format!("{name}-r"), kind, behind, place.family)
    });
    let machine = match &router {
        Some(router) => internet.behind(router, name),
        None => internet.machine_of(name, place.family),
    };
    Seat {
        machine,
        _router: router,
    }
}

/// Somebody here and somebody else there in each of the places, all of whom know one supernode.
struct Scene {
    _seats: Vec<Seat>,
    here: Vec<(Place, Client)>,
    there: Vec<(Place, Client)>,
}

impl Scene {
    fn new(internet: &Internet, supernode: &Supernode, places: &[Place]) -> Self {
        let mut seats = Vec::new();
        let mut sides = [Vec::new(), Vec::new()];
        for (side, people) in sides.iter_mut().enumerate() {
            for (number, place) in places.iter().enumerate() {
                let nick = format!("{}{number}", ["h", "t"][side]);
                let public = format!("198.{}.{number}", [18, 19][side]);
                let seat = seat(internet, *place, &nick, &public);
                people.push((*place, seat.machine.client(&nick, supernode, &[])));
                seats.push(seat);
            }
        }
        for (_, client) in sides.iter_mut().flatten() {
            // A machine whose network has just come up may look around for a second or two first.
            client.sees("that it is linked", |e| {
                e["event"] == "mesh" && e["state"] == "linked"
            });
        }
        let [here, there] = sides;
        Self {
            _seats: seats,
            here,
            there,
        }
    }

    /// Every place with itself and with each of those after it.
    fn meets(&mut self) {
        let mut rows = Vec::new();
        for (one, (here, anna)) in self.here.iter_mut().enumerate() {
            for (other, (there, bo)) in self.there.iter_mut().enumerate().skip(one) {
                let met = meet_in(&group(one, other), anna, bo);
                let way = expected(*here, *there);
                if way == Way::Direct {
                    goes_to(anna, bo);
                    goes_to(bo, anna);
                }
                rows.push((one, other, way, met));
            }
        }
        // Long enough for all that might still come of it.
        for (one, other, way, met) in &rows {
            let ((here, anna), (there, bo)) = (&mut self.here[*one], &mut self.there[*other]);
            let direct = match way {
                Way::Direct => {
                    let came = [came_direct(anna, bo), came_direct(bo, anna)];
                    let after = came.map(|at| at.duration_since(met.began));
                    format!("direct after {:4} ms", after[0].max(after[1]).as_millis())
                }
                Way::Relayed => {
                    stays_relayed(&group(*one, *other), anna, bo, met.began);
                    "relayed".to_owned()
                }
            };
            println!(
                "| {:24} | {:24} | met after {:4} ms | {direct:20} | longest wait {:4} ms |",
                here.name,
                there.name,
                met.took.as_millis(),
                met.longest.as_millis()
            );
        }
    }
}

/// Where those two talk.
fn group(one: usize, other: usize) -> String {
    format!("#places-{one}-{other}")
}

fn goes_to(client: &mut Client, peer: &Client) {
    let id = id(peer);
    client.sees(&format!("a direct path to {}", peer.nick), |e| {
        e["event"] == "path" && e["peer"] == id && e["path"] == "direct"
    });
}

/// When a client was told first that it reaches a peer directly.
fn came_direct(client: &Client, peer: &Client) -> Instant {
    let id = id(peer);
    let is_it =
        |e: &&serde_json::Value| e["event"] == "path" && e["peer"] == id && e["path"] == "direct";
    let at = client.events.iter().position(|e| is_it(&e));
    client.times[at.expect("it was seen")]
}

#[test]
fn every_pair_of_places_meets_as_its_routers_allow() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let nowhere = seat(&internet, BLOCKED, "nowhere", "");
    let mut nobody = nowhere.machine.client("nobody", &fra, &[]);
    nobody.types("/join #hearth");
    let places = [OPEN, HOME, MASQUERADE, FIREWALL, SYMMETRIC];
    Scene::new(&internet, &fra, &places).meets();
    let told = nobody.sees_event("error");
    println!(
        "| {:24} | {:24} | {}: {}; {} |",
        BLOCKED.name, "anywhere", told["what"], told["why"], told["try"]
    );
    assert!(told["try"].as_str().unwrap().contains("UDP"), "{told}");
}

#[test]
fn every_pair_of_places_meets_over_ipv6_too() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let six = internet.supernode_of("six", &[], Family::V6);
    let places = [OPEN_V6, FIREWALL_V6, MASQUERADE_V6];
    Scene::new(&internet, &six, &places).meets();
}

#[test]
fn two_with_both_families_meet_directly_though_their_supernode_sees_one() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    Scene::new(&internet, &fra, &[OFFICE]).meets();
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
    let met = meet_in("#home", &mut anna, &mut bo);
    goes_to(&mut anna, &bo);
    goes_to(&mut bo, &anna);
    let after = came_direct(&anna, &bo).duration_since(met.began);
    let (met, after) = (met.took.as_millis(), after.as_millis());
    println!("| two in one home | met after {met:4} ms | direct after {after:4} ms |");
}

#[test]
fn who_wants_to_be_relayed_only_gives_no_address_away() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let (here, there) = (internet.machine("here"), internet.machine("there"));
    let mut anna = here.client("anna", &fra, &["--relay-only"]);
    let mut bo = there.client("bo", &fra, &[]);
    let Met { began, .. } = meet_in("#hidden", &mut anna, &mut bo);
    goes(&mut bo, "relayed");
    stays_relayed("#hidden", &mut anna, &mut bo, began);
    is_relayed_throughout(&[&anna, &bo]);
}
