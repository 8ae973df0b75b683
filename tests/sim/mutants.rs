//! The simulator is worth what it catches: each rule of the protocol is broken once, and a world or a story has to
//! show it. `MUTANT=NoHeirs cargo test --test sim mutants::mutants` breaks that one alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};

use fireside::proto::client::Client;
use fireside::proto::event::Event;
use fireside::proto::id::{Epoch, Nick};
use fireside::proto::mutant::{self, Mutant};

use crate::islands::everybody_talks_while_networks_meet;
use crate::link::NodeIx;
use crate::town::Town;
use crate::world::World;
use crate::worlds;

const HEARTH: &str = "#hearth";
/// Worlds that are tried before the simulator is called blind.
const TRIES: u64 = 600;

/// What shows that a rule is broken.
enum Witness {
    /// Some random world goes wrong.
    Worlds,
    /// This story, which is told in worlds of a few seeds, has another end.
    Story(fn(u64)),
}

const MUTANTS: [(Mutant, Witness); 40] = [
    (
        Mutant::OutForgotten,
        Witness::Story(crate::out::somebody_is_away_over_a_handover),
    ),
    (
        Mutant::OutToldAtOnce,
        Witness::Story(crate::out::somebody_comes_and_goes_all_the_time),
    ),
    (
        Mutant::OutToldAgain,
        Witness::Story(crate::out::somebody_says_it_all_the_time),
    ),
    (
        Mutant::AnyCharterInvites,
        Witness::Story(crate::invites::who_is_invited_comes_into_no_other),
    ),
    (
        Mutant::HeardUnflushed,
        Witness::Story(crate::private::a_slow_disk_dies),
    ),
    (
        Mutant::WhisperedTwice,
        Witness::Story(crate::private::either_crashes),
    ),
    (
        Mutant::WhisperedOnce,
        Witness::Story(crate::private::either_crashes),
    ),
    (
        Mutant::AnybodyIsHere,
        Witness::Story(crate::private::an_impostor),
    ),
    (
        Mutant::ShownToStrangers,
        Witness::Story(crate::private::a_stranger_writes),
    ),
    (
        Mutant::StrangersUncounted,
        Witness::Story(crate::private::strangers_come),
    ),
    (Mutant::ConfirmedUnstored, Witness::Worlds),
    (Mutant::ReportedUnflushed, Witness::Worlds),
    (
        Mutant::HelloTakenForStored,
        Witness::Story(an_heir_comes_again_with_a_slow_disk),
    ),
    (
        Mutant::NeverMetIsLost,
        Witness::Story(a_supernode_dies_alone),
    ),
    (
        Mutant::NoHeirs,
        Witness::Story(a_line_of_three_is_kept_thrice),
    ),
    (
        Mutant::HeirsUnawaited,
        Witness::Story(what_waits_for_a_new_host_is_kept_thrice),
    ),
    (
        Mutant::CopiesForgotten,
        Witness::Story(crate::copies::others_come_to_who_spoke_alone),
    ),
    (Mutant::PutBeforeWelcome, Witness::Worlds),
    (
        Mutant::PutBeforeJoin,
        Witness::Story(everybody_talks_while_networks_meet),
    ),
    (
        Mutant::JoinVoided,
        Witness::Story(who_comes_under_a_taken_nick_talks_at_once),
    ),
    (
        Mutant::LineOvertaken,
        Witness::Story(crate::forgers::lines_that_come_again),
    ),
    (Mutant::NotSentAgain, Witness::Worlds),
    (Mutant::NotPushed, Witness::Worlds),
    (Mutant::OutboxForgotten, Witness::Worlds),
    (
        Mutant::RetriedAtOnce,
        Witness::Story(a_client_that_is_refused_everywhere_is_patient),
    ),
    (Mutant::ClockNotRaised, Witness::Worlds),
    (
        Mutant::SuccessionBackwards,
        Witness::Story(the_next_in_line_hosts),
    ),
    (Mutant::NumberTwice, Witness::Worlds),
    (
        Mutant::NumbersGoOn,
        Witness::Story(an_old_disk_numbers_anew),
    ),
    (
        Mutant::EpochResumed,
        Witness::Story(a_host_is_back_before_it_is_missed),
    ),
    (
        Mutant::OldDiskResumes,
        Witness::Story(a_host_is_back_with_the_disk_of_a_member),
    ),
    (
        Mutant::LeaseOfAnyCharter,
        Witness::Story(crate::liars::a_lease_of_another_group),
    ),
    (
        Mutant::PastDoubted,
        Witness::Story(crate::islands::somebody_comes_after_the_node_is_gone),
    ),
    (
        Mutant::AnyPastBelieved,
        Witness::Story(crate::liars::a_member_invents_a_line),
    ),
    (
        Mutant::ToldOnce,
        Witness::Story(crate::liars::who_was_told_otherwise),
    ),
    (
        Mutant::MemoryTrusted,
        Witness::Story(a_supernode_is_back_where_another_has_granted),
    ),
    (
        Mutant::AskedAtOnce,
        Witness::Story(who_does_not_reach_its_supernode_is_patient),
    ),
    (
        Mutant::AskedIsAnswered,
        Witness::Story(a_supernode_is_back_where_another_has_granted),
    ),
    (Mutant::LowerEpochObeyed, Witness::Worlds),
    (Mutant::ShownTwice, Witness::Worlds),
];

#[test]
fn mutants() {
    let mut missed = Vec::new();
    let only = std::env::var("MUTANT").ok();
    let is_asked = |mutant: Mutant| {
        only.as_ref()
            .is_none_or(|only| *only == format!("{mutant:?}"))
    };
    for (mutant, witness) in MUTANTS.into_iter().filter(|(it, _)| is_asked(*it)) {
        let seed = match witness {
            Witness::Worlds => world_with(mutant),
            Witness::Story(story) => (1..=300)
                .find(|seed| mutant::with(mutant, || catch_unwind(|| story(*seed))).is_err()),
        };
        match seed {
            Some(seed) => println!("{mutant:?}: shown by seed {seed}"),
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "nothing shows {missed:?}");
}

#[test]
fn the_stories_end_well_by_the_rules() {
    for (mutant, witness) in MUTANTS {
        if let Witness::Story(story) = witness {
            println!("{mutant:?}");
            (1..=20).for_each(|seed| {
                println!("{seed}");
                story(seed)
            });
        }
    }
}

/// The first of the random worlds that a mutant spoils.
fn world_with(mutant: Mutant) -> Option<u64> {
    let next = AtomicU64::new(1);
    let found = AtomicU64::new(u64::MAX);
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > TRIES || seed > found.load(Ordering::Relaxed) {
                        return;
                    }
                    let is_spoilt = mutant::with(mutant, || worlds::goes_well(seed)).is_err();
                    if is_spoilt && worlds::goes_well(seed).is_ok() {
                        found.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(found.into_inner()).filter(|seed| *seed <= TRIES)
}

// -- stories ---------------------------------------------------------------------------------------------

fn town(seed: u64) -> Town {
    Town::new(seed, 1, 2)
}

fn epoch(town: &Town, who: NodeIx) -> Epoch {
    town.view(who, HEARTH).host.expect("it has a host").1
}

fn a_supernode_dies_alone(seed: u64) {
    let mut town = town(seed);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let before = epoch(&town, anna);
    let keeper = town.keeper(HEARTH);
    town.crash(keeper);
    town.run(10_000);
    for who in [anna, bob, cat] {
        assert_eq!(epoch(&town, who), before);
    }
    town.start(keeper);
    town.settle();
}

fn a_line_of_three_is_kept_thrice(seed: u64) {
    let mut town = town(seed);
    let [_, _, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.run(2_000);
    town.world.ears.insert(cat);
    town.say(cat, HEARTH);
    town.settle();
    assert_eq!(copies(&town), Some(3));
}

/// On how many disks the first line is that was confirmed to those whom we listen to.
fn copies(town: &Town) -> Option<u32> {
    town.world.heard.iter().find_map(|(_, event)| {
        let Event::Confirmed { copies, .. } = event else {
            return None;
        };
        Some(*copies)
    })
}

fn what_waits_for_a_new_host_is_kept_thrice(seed: u64) {
    let mut town = town(seed);
    let [anna, bob, _, _] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    town.run(2_000);
    town.crash(anna);
    town.world.ears.insert(bob);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(copies(&town), Some(3));
}

fn an_heir_comes_again_with_a_slow_disk(seed: u64) {
    let mut town = town(seed);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.run(2_000);
    town.world.weather.flush_ms = (1_500, 1_500);
    town.say(bob, HEARTH);
    town.say(bob, HEARTH);
    town.say(anna, HEARTH);
    town.run(1_800);
    town.world.cut_between(anna, bob);
    town.settle();
}

fn the_next_in_line_hosts(seed: u64) {
    let mut town = town(seed);
    let [anna, bob, _, dan] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    town.run(10_000);
    town.crash(anna);
    town.run(20_000);
    assert_eq!(town.host(dan, HEARTH), bob);
}

fn a_client_that_is_refused_everywhere_is_patient(seed: u64) {
    let mut world = World::new(seed);
    let nowhere = SocketAddr::from(([10, 9, 9, 9], 7700));
    let maker = Box::new(|seal, saved, seed| {
        let nick = Nick::parse("anna").unwrap();
        Box::new(Client::new(seal, nick, saved, seed)) as Box<_>
    });
    let anna = world.add("anna", nowhere, false, vec![nowhere], maker);
    world.start(anna);
    world.run_for(60_000);
    let events = world.happened.events;
    assert!(events < 200, "{events} events in a minute without anybody");
}

fn an_old_disk_numbers_anew(seed: u64) {
    let mut town = town(seed);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.say(anna, HEARTH);
    town.run(2_000);
    town.world.back_up(anna);
    for _ in 0..3 {
        town.say(anna, HEARTH);
    }
    town.run(2_000);
    town.crash(anna);
    town.crash(bob);
    town.world.put_back(anna);
    town.start(anna);
    town.join(anna, HEARTH);
    town.say(anna, HEARTH);
    town.run(20_000);
    town.say(anna, HEARTH);
    town.start(bob);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH).len(), 6);
}

fn a_host_is_back_before_it_is_missed(seed: u64) {
    let mut town = town(seed);
    town.world.weather.flush_ms = (150, 150);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.run(5_000);
    for _ in 0..3 {
        town.say(anna, HEARTH);
        town.run(seed * 20);
    }
    town.crash(anna);
    town.start(anna);
    for who in [anna, bob, cat] {
        town.say(who, HEARTH);
    }
    town.settle();
    assert_eq!(town.texts(bob, HEARTH), town.texts(cat, HEARTH));
}

fn a_host_is_back_with_the_disk_of_a_member(seed: u64) {
    let mut town = town(seed);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.world.back_up(bob);
    town.quit(anna);
    town.run(5_000);
    for who in [bob, cat] {
        town.say(who, HEARTH);
    }
    town.run(2_000);
    assert_eq!(town.host(cat, HEARTH), bob);
    town.crash(bob);
    town.world.put_back(bob);
    town.start(bob);
    town.run(100);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(bob, HEARTH).len(), 3);
}

fn who_comes_under_a_taken_nick_talks_at_once(seed: u64) {
    let mut town = town(seed);
    town.circle(HEARTH, ["anna", "bob"]);
    let other = town.person("anna");
    town.start(other);
    town.join(other, HEARTH);
    for _ in 0..40 {
        town.say(other, HEARTH);
        town.run(50);
    }
    town.settle();
    assert_eq!(town.view(other, HEARTH).failed, BTreeMap::new());
}

fn a_supernode_is_back_where_another_has_granted(seed: u64) {
    let mut town = town(seed);
    // It takes a moment of few links to show.
    town.are_listed = false;
    let [anna] = town.circle(HEARTH, ["anna"]);
    let keeper = town.keeper(HEARTH);
    town.world.back_up(anna);
    town.crash(keeper);
    town.run(5_000);
    town.crash(anna);
    town.start(anna);
    town.say(anna, HEARTH);
    town.run(10_000);
    town.crash(anna);
    town.world.put_back(anna);
    town.start(keeper);
    town.start(anna);
    town.say(anna, HEARTH);
    town.settle();
}

/// Two nodes do not reach each other from here on.
fn part(town: &mut Town, one: NodeIx, two: NodeIx) {
    town.world.mute(&[one], &[two]);
    town.world.mute(&[two], &[one]);
}

fn who_does_not_reach_its_supernode_is_patient(seed: u64) {
    let mut town = town(seed);
    let [_, bob] = town.circle(HEARTH, ["anna", "bob"]);
    let keeper = town.keeper(HEARTH);
    let minute = |town: &mut Town| {
        let before = town.world.happened.frames;
        town.run(60_000);
        town.world.happened.frames - before
    };
    let usual = minute(&mut town);
    part(&mut town, bob, keeper);
    town.run(60_000);
    let frames = minute(&mut town).saturating_sub(usual);
    assert!(frames < 150, "{frames} frames more in a minute");
}
