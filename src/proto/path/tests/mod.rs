//! Two finders in simulated worlds: through which routers they meet, and what it costs when a path dies or moves.

#![allow(
    clippy::print_stdout,
    reason = "what it costs is told, and judged beside"
)]

mod world;

use self::world::{Kind, World};
use super::*;

const NONCE: Nonce = [7; 8];
const KINDS: [Kind; 4] = [Kind::Open, Kind::Firewall, Kind::Home, Kind::Symmetric];

/// What no port guessing gets through is left to the relay.
fn is_possible(first: Kind, second: Kind) -> bool {
    let is_strict = |kind| matches!(kind, Kind::Firewall | Kind::Home | Kind::Symmetric);
    let hostile = |one, other| one == Kind::Symmetric && is_strict(other);
    !hostile(first, second) && !hostile(second, first)
}

#[test]
fn two_meet_directly_through_all_routers_that_let_them() {
    for (first, second) in KINDS
        .iter()
        .flat_map(|a| KINDS.iter().map(move |b| (*a, *b)))
    {
        for delay_ms in [1, 20, 100] {
            let mut world = World::of(first, second, delay_ms);
            let took = world.until_direct();
            println!("{first:?} and {second:?}, {delay_ms} ms apart: {took:?}");
            assert_eq!(
                took.is_some(),
                is_possible(first, second),
                "{first:?} {second:?}"
            );
            // The offer takes one way through the relay, then a probe or two and an answer.
            let most = world.relay_ms + 5 * delay_ms + 60;
            assert!(took.is_none_or(|took| took < most), "{took:?} > {most}");
            assert!(
                world.gap_ms() <= world.relay_ms + 10,
                "the stream stood still"
            );
        }
    }
}

#[test]
fn those_in_one_home_meet_there() {
    let mut world = World::one_home();
    world.until_direct().unwrap();
    world.run(2_000);
    for machine in 0..2 {
        let address = world.way(machine).address().unwrap();
        assert!(
            address.ip().to_string().starts_with("192.168."),
            "{address}"
        );
    }
}

#[test]
fn a_dead_path_is_left_within_six_tenths_of_a_second_and_found_again() {
    for delay_ms in [5, 20, 40] {
        let mut world = World::of(Kind::Home, Kind::Home, delay_ms);
        world.until_direct().unwrap();
        world.run(3_000);
        world.gap_ms();
        world.is_black = true;
        world.run(10_000);
        let gap_ms = world.gap_ms();
        println!("{delay_ms} ms apart: the longest gap was {gap_ms} ms");
        assert!(gap_ms < 600, "{gap_ms}");
        assert_eq!(world.way(0), Way::Relay);
        world.is_black = false;
        let again = world.until_direct().unwrap();
        println!("direct again after {again} ms");
        assert!(again < 1_500, "{again}");
        assert!(
            world.gap_ms() <= world.relay_ms + 20,
            "a gap on the way back"
        );
    }
}

#[test]
fn either_may_move_and_is_followed_within_three_tenths_of_a_second() {
    for (home, machine) in [
        (Kind::Home, 0),
        (Kind::Home, 1),
        (Kind::Open, 0),
        (Kind::Open, 1),
    ] {
        let mut world = World::of(Kind::Home, Kind::Home, 20);
        world.until_direct().unwrap();
        world.run(3_000);
        world.gap_ms();
        let elsewhere = world.router(home);
        world.move_to(machine, elsewhere);
        let took = world.until_direct().unwrap();
        world.run(1_000);
        let gap_ms = world.gap_ms();
        println!("direct again after {took} ms, the longest gap was {gap_ms} ms");
        assert!(gap_ms < 300, "{gap_ms}");
    }
}

#[test]
fn who_has_moved_sends_both_ways_and_asks_everywhere_at_once() {
    let mut world = World::of(Kind::Home, Kind::Home, 20);
    world.until_direct().unwrap();
    world.run(3_000);
    let finder = world.finder(0);
    drain(finder);
    let Way::Direct(address) = finder.way() else {
        panic!("{:?}", finder.way());
    };
    let offered = finder.tried().filter(|(_, tried)| tried.is_offered);
    let offered: Vec<_> = offered.map(|(address, _)| address).collect();
    finder.moved(Mono(60_000));
    assert_eq!(finder.way(), Way::Both(address));
    let acts = drain(finder);
    let is_probed = |at| {
        let mut acts = acts.iter();
        acts.any(|act| matches!(act, Act::Probe { to, .. } if *to == at))
    };
    assert!(offered.into_iter().all(is_probed), "{acts:?}");
    assert!(acts.contains(&Act::Kick));
}

#[test]
fn who_is_sent_something_through_the_supernode_does_not_wait_for_doubts_of_its_own() {
    let mut world = World::of(Kind::Home, Kind::Home, 20);
    world.until_direct().unwrap();
    world.run(3_000);
    let mut finder = world.finder(0).clone();
    finder.heard_relayed(Mono(60_000));
    assert!(matches!(finder.way(), Way::Both(_)), "{:?}", finder.way());
    // What was on its way there before the path became direct says nothing.
    let mut finder = world.finder(0).clone();
    let Way::Direct(address) = finder.way() else {
        panic!("{:?}", finder.way());
    };
    finder.moved(Mono(60_000));
    let probe = drain(&mut finder).into_iter().find_map(|act| {
        let Act::Probe { to, number } = act else {
            return None;
        };
        (to == address).then_some(number)
    });
    finder.answered(Mono(60_040), address, probe.unwrap());
    finder.heard_relayed(Mono(60_100));
    assert_eq!(finder.way(), Way::Direct(address));
}

#[test]
fn one_that_moves_without_knowing_is_followed_all_the_same() {
    let mut world = World::of(Kind::Open, Kind::Home, 20);
    world.until_direct().unwrap();
    world.run(3_000);
    world.gap_ms();
    let elsewhere = world.router(Kind::Home);
    world.slips_to(1, elsewhere);
    world.run(2_000);
    assert!(world.is_direct());
    let gap_ms = world.gap_ms();
    println!("the longest gap was {gap_ms} ms");
    assert!(gap_ms < 600, "{gap_ms}");
}

#[test]
fn a_direct_path_outlives_the_supernode() {
    let mut world = World::of(Kind::Home, Kind::Home, 20);
    world.until_direct().unwrap();
    world.gap_ms();
    world.is_alone = true;
    world.run(60_000);
    assert!(world.is_direct());
    assert!(world.gap_ms() <= 20 + 10);
}

#[test]
fn one_packet_in_thirty_lost_changes_no_path() {
    let mut world = World::of(Kind::Home, Kind::Home, 20);
    world.until_direct().unwrap();
    world.loss_percent = 3;
    let mut doubts = 0;
    for _ in 0..60_000 {
        world.run(1);
        doubts += usize::from(!world.is_direct());
    }
    println!("in doubt for {doubts} ms of a minute");
    assert!(doubts < 600, "{doubts}");
}

#[test]
fn a_probe_counts_once_and_an_answer_only_from_where_it_was_asked() {
    let mut finder = Finder::default();
    let (peer, thief) = (at("203.0.113.7:4000"), at("203.0.113.66:4000"));
    finder.offered(Mono(0), &[peer]);
    let sent = drain(&mut finder);
    let [Act::Probe { number, .. }] = sent[..] else {
        panic!("{sent:?}");
    };
    finder.answered(Mono(20), thief, number);
    finder.answered(Mono(20), peer, number + 1);
    assert_eq!(finder.way(), Way::Relay);
    finder.answered(Mono(20), peer, number);
    assert_eq!(finder.way(), Way::Direct(peer));
    assert_eq!(finder.rtt_ms(), Some(20));
    drain(&mut finder);

    assert!(finder.probed(Mono(30), peer, 1, NONCE));
    let answer = Act::Answer {
        to: peer,
        number: 1,
        nonce: NONCE,
    };
    assert_eq!(drain(&mut finder), [answer]);
    assert!(!finder.probed(Mono(31), peer, 1, NONCE), "a replay");
    assert!(
        !finder.probed(Mono(31), thief, 1, NONCE),
        "a replay from elsewhere"
    );
    assert_eq!(drain(&mut finder), []);
    assert!(finder.probed(Mono(32), peer, 7, NONCE));
    let is_taken = finder.probed(Mono(33), thief, 6, NONCE);
    assert!(!is_taken, "one that was kept back");
    assert!(finder.probed(Mono(34), peer, 5, NONCE), "one that is late");
    drain(&mut finder);
    finder.answered(Mono(40), peer, number);
    assert_eq!(finder.rtt_ms(), Some(20), "a replayed answer");
}

#[test]
fn who_names_strangers_has_few_packets_sent_to_them() {
    let mut finder = Finder::default();
    let mut sent = 0;
    for second in 0..600_u64 {
        // Other victims each second, and more of them than may be named.
        let victims: Vec<_> = (0..50_u64)
            .map(|n| at(&format!("198.51.{}.{n}:4000", second % 250)))
            .collect();
        let now = Mono(second * 1_000);
        finder.offered(now, &victims);
        for ms in (0..1_000).step_by(10) {
            finder.timeout(Mono(now.0 + ms));
        }
        let from = at(&format!("198.51.100.7:{}", 2_000 + second));
        finder.probed(Mono(now.0 + 999), from, second + 1, NONCE);
        let acts = drain(&mut finder);
        sent += acts
            .iter()
            .filter(|act| matches!(act, Act::Probe { .. }))
            .count();
    }
    let most = usize::try_from(PROBES_BURST + 600 * PROBES_PER_SECOND).unwrap();
    println!("{sent} probes in ten minutes, {most} at most");
    assert!(sent <= most, "{sent} > {most}");
    assert!(finder.tried().count() <= CANDIDATES_MAX + REFLEXIVE_MAX);
}

#[test]
fn nothing_is_sent_to_ourselves_to_everybody_or_to_a_service() {
    let mut finder = Finder::default();
    let addresses = [
        "127.0.0.1:4000",
        "224.0.0.1:4000",
        "203.0.113.7:53",
        "0.0.0.0:4000",
    ]
    .map(at);
    finder.offered(Mono(0), &addresses);
    for address in addresses {
        assert!(!finder.probed(Mono(1), address, 1, NONCE));
    }
    for ms in 0..1_000 {
        finder.timeout(Mono(ms));
    }
    assert_eq!(drain(&mut finder), []);
}

#[test]
fn who_wants_to_be_relayed_is_not_probed_any_more() {
    let mut world = World::of(Kind::Open, Kind::Open, 5);
    world.until_direct().unwrap();
    let now = world.now;
    world.finder(0).offered(now, &[]);
    assert_eq!(world.way(0), Way::Relay);
    drain(world.finder(0));
    assert_eq!(world.finder(0).poll_timeout(), None);
}

#[test]
fn junk_from_the_right_address_hides_a_dead_path_for_two_seconds_at_most() {
    let mut finder = Finder::default();
    let peer = at("203.0.113.7:4000");
    finder.offered(Mono(0), &[peer]);
    let Some(Act::Probe { number, .. }) = finder.poll() else {
        panic!("it probes");
    };
    finder.answered(Mono(10), peer, number);
    let left = (10..60_000).step_by(10).find(|ms| {
        let now = Mono(*ms);
        finder.sent(now);
        finder.heard(now, peer);
        finder.timeout(now);
        finder.way() != Way::Direct(peer)
    });
    let left = left.unwrap();
    println!("left after {left} ms");
    assert!(left < 2_600, "{left}");
}

#[test]
fn an_acknowledgement_has_no_answer_and_what_is_more_is_sent_again() {
    let mut finder = Finder::default();
    let peer = at("203.0.113.7:4000");
    finder.offered(Mono(0), &[peer]);
    let Some(Act::Probe { number, .. }) = finder.poll() else {
        panic!("it probes");
    };
    finder.answered(Mono(10), peer, number);
    drain(&mut finder);
    let is_asked = |finder: &mut Finder, at: u64| {
        finder.timeout(Mono(at));
        let acts = drain(finder);
        acts.iter().any(|act| matches!(act, Act::Probe { .. }))
    };
    finder.heard(Mono(600), peer);
    finder.sent(Mono(625));
    assert!(!is_asked(&mut finder, 990), "it was a reply");
    finder.heard(Mono(1_000), peer);
    finder.sent(Mono(1_025));
    finder.sent(Mono(1_100));
    assert!(!is_asked(&mut finder, 1_170));
    assert!(is_asked(&mut finder, 1_175), "from the first time on");
    finder.heard(Mono(1_200), peer);
    finder.sent(Mono(1_700));
    assert!(is_asked(&mut finder, 1_850), "nothing had come for long");
}

#[test]
fn two_who_only_keep_their_link_alive_are_in_no_doubt() {
    for rtt_ms in [1, 20, 100, 200, 300] {
        let mut finder = Finder::default();
        let peer = at("203.0.113.7:4000");
        finder.offered(Mono(0), &[peer]);
        let Some(Act::Probe { number, .. }) = finder.poll() else {
            panic!("it probes");
        };
        finder.answered(Mono(rtt_ms), peer, number);
        drain(&mut finder);
        // Who was asked last has kept quiet for longer, and asks next.
        let mut probes = BTreeMap::new();
        for now in rtt_ms + 1..60_000 {
            match now % (1_000 + 2 * rtt_ms) {
                0 => finder.heard(Mono(now), peer),
                25 | 500 => finder.sent(Mono(now)),
                at if at == 525 + rtt_ms => finder.heard(Mono(now), peer),
                _ => {}
            }
            if let Some(number) = probes.remove(&now) {
                finder.answered(Mono(now), peer, number);
            }
            if finder.poll_timeout().is_some_and(|due| due <= Mono(now)) {
                finder.timeout(Mono(now));
            }
            for act in drain(&mut finder) {
                if let Act::Probe { number, .. } = act {
                    probes.insert(now + rtt_ms, number);
                }
            }
            assert_eq!(finder.way(), Way::Direct(peer), "{rtt_ms} ms, at {now}");
        }
    }
}

#[test]
fn attempts_grow_rare() {
    let mut world = World::of(Kind::Symmetric, Kind::Symmetric, 20);
    world.run(60_000);
    let before: u32 = probes(world.finder(0));
    world.run(600_000);
    let after: u32 = probes(world.finder(0));
    println!(
        "{before} probes in the first minute, {} in the next ten",
        after - before
    );
    assert!(after - before <= 3 * 2 * 15, "{}", after - before);
    // The private address of the other leads nowhere, and is tried as often.
    assert!(world.astray() < 500, "{}", world.astray());
}

fn probes(finder: &Finder) -> u32 {
    finder.tried().map(|(_, tried)| tried.probes).sum()
}

fn drain(finder: &mut Finder) -> Vec<Act> {
    std::iter::from_fn(|| finder.poll()).collect()
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}
