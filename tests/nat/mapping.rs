//! Who is behind a router that would let nobody in asks it to, and is reached directly.

use std::time::{Duration, Instant};

use crate::asking::is_told;
use crate::gateway::{Asked, Gateway, Speech};
use crate::harness::Client;
use crate::igd::{Announced, Igd};
use crate::inside::Capture;
use crate::internet::{Family, Internet, Machine, Router, Supernode};
use crate::people::{goes, meet, meet_in, stays_relayed};
use crate::router::Kind;
use crate::wall::Wall;

/// Two offices whose routers give everybody another port, so that nobody finds in by himself.
struct Offices {
    internet: Internet,
    fra: Supernode,
    routers: [Router; 2],
    machines: [Machine; 2],
}

impl Offices {
    fn new() -> Option<Self> {
        let internet = Internet::new()?;
        let fra = internet.supernode("fra", &[]);
        let routers =
            ["first", "second"].map(|name| internet.router(name, Kind::Symmetric, "10.5.0"));
        let machines = [
            internet.behind(&routers[0], "here"),
            internet.behind(&routers[1], "there"),
        ];
        Some(Self {
            internet,
            fra,
            routers,
            machines,
        })
    }

    fn people(&self, args: &[&str]) -> [Client; 2] {
        [
            self.machines[0].client("anna", &self.fra, args),
            self.machines[1].client("bo", &self.fra, &[]),
        ]
    }
}

/// Waits until a router was asked for what is wanted.
fn is_asked(asked: impl Fn() -> Vec<Asked>, what: &str, is: impl Fn(&Asked) -> bool) -> Asked {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(asked) = asked().into_iter().find(&is) {
            return asked;
        }
        assert!(Instant::now() < deadline, "{what}: {:?}", asked());
        std::thread::yield_now();
    }
}

fn is_let_in(speech: Speech) {
    let Some(offices) = Offices::new() else {
        return;
    };
    let gateway = Gateway::on(&offices.routers[0], speech);
    let [mut anna, mut bo] = offices.people(&[]);
    let met = meet_in("#open", &mut anna, &mut bo);
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
    println!(
        "| two symmetric routers, and one speaks {speech:?} | direct by {:4} ms |",
        met.began.elapsed().as_millis()
    );
    let asked = || gateway.asked();
    let (port, _) = is_asked(asked, "to let in", |(_, lifetime)| *lifetime > 0);
    is_told(&mut bo, "/path", "where anna's router lets others in");
    is_told(
        &mut anna,
        "/path bo",
        "your router lets others in at port 41",
    );
    anna.types("/quit");
    anna.sees_event("bye");
    is_asked(asked, "to end it", |asked| *asked == (port, 0));
}

#[test]
fn a_router_that_speaks_pcp_lets_the_others_in() {
    is_let_in(Speech::Pcp);
}

#[test]
fn a_router_that_speaks_nat_pmp_lets_the_others_in() {
    is_let_in(Speech::Pmp);
}

#[test]
fn a_router_that_speaks_upnp_alone_lets_the_others_in() {
    let Some(offices) = Offices::new() else {
        return;
    };
    let igd = Igd::on(&offices.routers[0]);
    let [mut anna, mut bo] = offices.people(&[]);
    let met = meet_in("#open", &mut anna, &mut bo);
    goes(&mut anna, "direct");
    goes(&mut bo, "direct");
    println!(
        "| two symmetric routers, and one speaks UPnP alone | direct by {:4} ms |",
        met.began.elapsed().as_millis()
    );
    // The port asked for first is somebody else's.
    let asked = igd.asked();
    assert!(asked.len() == 2 && asked[0].0 != asked[1].0, "{asked:?}");
    assert!(
        asked.iter().all(|(_, seconds)| *seconds == 600),
        "{asked:?}"
    );
    is_told(&mut bo, "/path", "where anna's router lets others in");
    is_told(
        &mut anna,
        "/path bo",
        &format!("at port {} (UPnP)", asked[1].0),
    );
    anna.types("/quit");
    anna.sees_event("bye");
    is_asked(|| igd.asked(), "to end it", |it| *it == (asked[1].0, 0));
}

#[test]
fn whoever_else_answers_in_the_routers_place_sends_nobody_anywhere() {
    let Some(offices) = Offices::new() else {
        return;
    };
    let lodger = offices.internet.behind(&offices.routers[0], "lodger");
    let victim = offices.internet.machine("victim");
    // The first machine of the network has .2 and the lodger the next; the router itself points elsewhere.
    let elsewhere = format!("http://{}:80/root.xml", victim.ip());
    let own = "http://10.5.0.3:80/root.xml";
    let evil = [
        Announced::on(lodger.namespace(), [10, 5, 0, 3].into(), own),
        Announced::on(
            offices.routers[0].namespace(),
            offices.routers[0].inner().unwrap(),
            &elsewhere,
        ),
    ];
    let wires = [&lodger, &victim].map(|at| Capture::of(at.namespace()));
    let [mut anna, mut bo] = offices.people(&[]);
    let met = meet_in("#evil", &mut anna, &mut bo);
    stays_relayed("#evil", &mut anna, &mut bo, met.began);
    is_told(&mut anna, "/path bo", "and gave no answer");
    assert!(evil.iter().all(|it| it.searched() > 0), "nobody looked");
    let is_tcp = |frame: &&Vec<u8>| frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&6);
    for wire in wires {
        assert_eq!(wire.ends().iter().filter(is_tcp).count(), 0);
    }
}

/// A home behind a wall of IPv6, and an office whose router gives everybody another port.
struct Walled {
    internet: Internet,
    six: Supernode,
    walled: Router,
    _office: Router,
    sofa: Machine,
    desk: Machine,
}

impl Walled {
    fn new() -> Option<Self> {
        let internet = Internet::new()?;
        let six = internet.supernode_of("six", &[], Family::V6);
        let walled = internet.router_of("walled", Kind::Firewall, "", Family::V6);
        let office = internet.router_of("office", Kind::Symmetric, "", Family::V6);
        let (sofa, desk) = (
            internet.behind(&walled, "sofa"),
            internet.behind(&office, "desk"),
        );
        Some(Self {
            internet,
            six,
            walled,
            _office: office,
            sofa,
            desk,
        })
    }

    /// Two who meet, and neither finds in.
    fn lets_nobody_in(&self) {
        let mut anna = self.sofa.client("anna", &self.six, &[]);
        let mut bo = self.desk.client("bo", &self.six, &[]);
        let met = meet_in("#closed", &mut anna, &mut bo);
        stays_relayed("#closed", &mut anna, &mut bo, met.began);
    }

    /// Two who meet, and one finds in, for as long as the other is there.
    fn lets_in(&self, speech: &str, asked: impl Fn() -> Vec<Asked>) {
        let mut cat = self.sofa.client("cat", &self.six, &[]);
        let mut dan = self.desk.client("dan", &self.six, &[]);
        let met = meet_in("#open", &mut cat, &mut dan);
        goes(&mut cat, "direct");
        goes(&mut dan, "direct");
        println!(
            "| a wall of IPv6 that speaks {speech}, and a symmetric router | direct by {:4} ms |",
            met.began.elapsed().as_millis()
        );
        let (port, _) = is_asked(&asked, "to let in", |(_, lifetime)| *lifetime > 0);
        is_told(
            &mut cat,
            "/path dan",
            &format!("lets others in over IPv6 at port {port} ({speech})"),
        );
        is_told(&mut dan, "/path cat", "where cat's router lets others in");
        cat.types("/quit");
        cat.sees_event("bye");
        is_asked(asked, "to end it", |asked| *asked == (port, 0));
    }
}

#[test]
fn a_wall_of_ipv6_lets_nobody_in_until_it_is_asked() {
    let Some(home) = Walled::new() else {
        return;
    };
    home.lets_nobody_in();
    let gateway = Gateway::on(&home.walled, Speech::Pcp);
    home.lets_in("PCP", || gateway.asked());
}

#[test]
fn a_wall_of_ipv6_that_speaks_upnp_alone_is_asked_in_that() {
    let Some(home) = Walled::new() else {
        return;
    };
    let wall = Wall::on(&home.walled);
    home.lets_in("UPnP", || wall.asked());
}

#[test]
fn whoever_else_answers_in_the_place_of_a_wall_is_asked_nothing() {
    let Some(home) = Walled::new() else {
        return;
    };
    let lodger = home.internet.behind(&home.walled, "lodger");
    let (own, wire) = (lodger.namespace(), Capture::of(lodger.namespace()));
    let evil = Announced::to_ipv6(own, "walled", "http://[2001:db8::99]:5000/root.xml");
    let is_tcp =
        |frame: &&Vec<u8>| frame.get(12..14) == Some(&[0x86, 0xdd]) && frame.get(20) == Some(&6);
    home.lets_nobody_in();
    assert!(evil.searched() > 0, "nobody looked");
    let frames = wire.ends();
    assert!(frames.len() > 20, "nothing passed here");
    assert_eq!(frames.iter().filter(is_tcp).count(), 0);
}

#[test]
fn a_router_that_says_no_is_told_of_and_not_asked_otherwise() {
    let Some(offices) = Offices::new() else {
        return;
    };
    let gateway = Gateway::on(&offices.routers[0], Speech::Unwilling);
    let inner = offices.routers[0].inner().unwrap();
    let igd = Announced::on(offices.routers[0].namespace(), inner, "http://10.5.0.1/");
    let [mut anna, mut bo] = offices.people(&[]);
    let met = meet_in("#no", &mut anna, &mut bo);
    stays_relayed("#no", &mut anna, &mut bo, met.began);
    is_told(&mut anna, "/path bo", "and refused (PCP)");
    assert!(!gateway.asked().is_empty());
    assert_eq!(igd.searched(), 0);
}

#[test]
fn nobody_asks_who_was_told_not_to_or_is_behind_no_router() {
    let Some(offices) = Offices::new() else {
        return;
    };
    let gateways = [0, 1].map(|at| Gateway::on(&offices.routers[at], Speech::Pcp));
    let mut anna = offices.machines[0].client("anna", &offices.fra, &["--no-port-mapping"]);
    let mut bo = offices.machines[1].client("bo", &offices.fra, &["--relay-only"]);
    let open = offices.internet.machine("open");
    let wire = Capture::of(open.namespace());
    let mut cat = open.client("cat", &offices.fra, &[]);
    let met = meet_in("#closed", &mut anna, &mut bo);
    meet(&mut anna, &mut cat);
    stays_relayed("#closed", &mut anna, &mut bo, met.began);
    for gateway in &gateways {
        assert_eq!(gateway.asked(), []);
    }
    let asks = |frame: &&Vec<u8>| frame.get(36..38) == Some(&5351_u16.to_be_bytes());
    let frames = wire.ends();
    assert!(frames.len() > 20, "nothing passed here");
    assert_eq!(frames.iter().filter(asks).count(), 0);
}

#[test]
fn an_address_that_is_another_machines_brings_it_a_few_probes_and_no_more() {
    let Some(offices) = Offices::new() else {
        return;
    };
    let victim = offices.internet.machine("victim");
    let _gateway = Gateway::on(
        &offices.routers[0],
        Speech::Liar(victim.ip().parse().unwrap()),
    );
    // The router in front would let them in, were it asked where it is.
    offices.routers[0].obeys("insert rule inet wall forward ct status dnat drop");
    let wire = Capture::of(victim.namespace());
    let [mut anna, mut bo] = offices.people(&[]);
    let met = meet_in("#victim", &mut anna, &mut bo);
    stays_relayed("#victim", &mut anna, &mut bo, met.began);
    let frames = wire.ends();
    let is_udp =
        |frame: &&Vec<u8>| frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17);
    let probes: Vec<_> = frames.iter().filter(is_udp).collect();
    let longest = probes.iter().map(|frame| frame.len()).max();
    println!(
        "| a machine that is said to be somebody else's | {} probes in {} s, of {longest:?} bytes at most |",
        probes.len(),
        met.began.elapsed().as_secs()
    );
    assert!(!probes.is_empty(), "nobody believed the router");
    // A burst and a rate, as the limits say, and frames that a name look-up exceeds.
    assert!(probes.len() < 550, "{}", probes.len());
    assert!(longest < Some(100), "{longest:?}");
}
