//! Meshes too large for every node to know every other: nobody is linked to all, and all hear of everything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::catch_unwind;

use fireside::proto::limits::RECORDS_PER_MESSAGE_MAX;
use fireside::proto::mutant::{self, Mutant};
use fireside::proto::wire::{Liveness, Message};

use crate::crowd::Crowd;
use crate::directories::junk_at;

const DIRECTORIES: usize = 3;
const SUPERNODES: usize = 57;
/// Links of one node, of those it watches, of those that watch it, and of its neighbours on the ring and opposite.
const LINKS_MAX: usize = 45;

/// A mesh that has come together, and whose links of the beginning are gone.
fn mesh(seed: u64) -> Crowd {
    let mut mesh = Crowd::new(seed, DIRECTORIES, SUPERNODES);
    for ix in 0..mesh.nodes.len() {
        mesh.start(ix);
    }
    until(&mut mesh, 30_000, "together", Crowd::is_together);
    mesh.run_for(80_000);
    mesh
}

/// Waits until `is`; how long it took.
#[track_caller]
fn until(mesh: &mut Crowd, within_ms: u64, what: &str, is: impl Fn(&Crowd) -> bool) -> u64 {
    let start = mesh.now();
    while !is(mesh) {
        let took = mesh.now() - start;
        assert!(
            took < within_ms,
            "seed {}: not {what} after {took} ms",
            mesh.seed
        );
        mesh.run_for(100);
    }
    mesh.now() - start
}

fn is_dead_to_all(mesh: &Crowd, whom: usize) -> bool {
    let is_dead = |ix| mesh.holds(ix, whom).is_none_or(|l| l == Liveness::Dead);
    mesh.running().all(is_dead)
}

#[test]
fn a_large_mesh_keeps_few_links_and_all_hear_of_a_death_a_leave_and_a_return() {
    all_hear_of_everything(1);
}

fn all_hear_of_everything(seed: u64) {
    let mut mesh = mesh(seed);
    let most = mesh.running().map(|ix| mesh.links_of(ix)).max();
    assert!(most <= Some(LINKS_MAX), "{most:?} links");
    let before = mesh.sent();
    mesh.run_for(20_000);
    let bytes = (mesh.sent().bytes - before.bytes) / 20 / mesh.nodes.len() as u64;
    assert!(bytes < 1_000, "{bytes} bytes a node and second");

    let (victim, leaver) = (DIRECTORIES + 20, DIRECTORIES + 40);
    mesh.crash(victim);
    let death = until(&mut mesh, 8_000, "known", |mesh| {
        is_dead_to_all(mesh, victim)
    });
    mesh.leave(leaver);
    let leave = until(&mut mesh, 2_000, "known", |mesh| {
        is_dead_to_all(mesh, leaver)
    });
    mesh.run_for(10_000);
    mesh.start(victim);
    let back = until(&mut mesh, 5_000, "together", Crowd::is_together);
    println!(
        "3 + 57 nodes: {bytes} bytes a node and second, at most {most:?} links; all know of a death after {death} ms, \
         of a leave after {leave} ms, of a return after {back} ms"
    );
}

#[test]
fn all_in_a_large_mesh_hear_of_every_death_also_those_who_missed_it_themselves() {
    all_hear_of_each_death(4);
}

/// One after the other, and each at another moment of the others' rounds.
fn all_hear_of_each_death(seed: u64) {
    let mut mesh = mesh(seed);
    for victim in DIRECTORIES..DIRECTORIES + 6 {
        mesh.crash(victim);
        until(&mut mesh, 8_000, "dead to all", |mesh| {
            is_dead_to_all(mesh, victim)
        });
        mesh.run_for(1_300);
    }
}

#[test]
fn who_was_away_when_somebody_died_in_a_large_mesh_finds_out() {
    finds_out_who_died(5);
}

/// Nobody passes it on any more, and it watches few of them.
fn finds_out_who_died(seed: u64) {
    let mut mesh = mesh(seed);
    let away = DIRECTORIES;
    mesh.part(BTreeMap::from([(away, 1)]));
    let victims = DIRECTORIES + 10..DIRECTORIES + 18;
    for victim in victims.clone() {
        mesh.crash(victim);
    }
    mesh.run_for(20_000);
    mesh.heal();
    until(&mut mesh, 120_000, "together", Crowd::is_together);
    until(&mut mesh, 30_000, "dead to all", |mesh| {
        victims.clone().all(|victim| is_dead_to_all(mesh, victim))
    });
}

#[test]
fn nobody_in_a_large_mesh_is_called_dead_for_loss_or_a_stall() {
    nobody_is_called_dead(2);
}

fn nobody_is_called_dead(seed: u64) {
    let mut mesh = mesh(seed);
    mesh.loss_permille = 50;
    let others = mesh.nodes.len() - 1;
    for round in 0..6 {
        for stalled in 0..4 {
            mesh.stall(DIRECTORIES + 9 * round + stalled, 2_000);
        }
        for _ in 0..10 {
            mesh.run_for(500);
            for ix in mesh.running() {
                assert_eq!(mesh.alive_or_missed(ix), others, "a false alarm");
            }
        }
    }
}

#[test]
fn a_large_mesh_that_was_parted_comes_together_again() {
    let mut mesh = mesh(3);
    let sides = (0..mesh.nodes.len()).map(|ix| (ix, (ix % 2) as u8));
    mesh.part(sides.collect());
    mesh.run_for(60_000);
    let half = mesh.nodes.len() / 2 - 1;
    assert!(mesh.running().all(|ix| mesh.up(ix) <= half + 1));
    mesh.heal();
    let took = until(&mut mesh, 120_000, "together", Crowd::is_together);
    println!("3 + 57 nodes, parted for a minute: together again after {took} ms");
}

#[test]
fn a_mesh_is_not_large_since_somebody_says_so() {
    is_told_of_phantoms(6);
}

/// A directory tells of many nodes that are not there, again and again, each time under a later clock.
fn is_told_of_phantoms(seed: u64) {
    let mut mesh = Crowd::new(seed, DIRECTORIES, 20);
    for ix in 0..mesh.nodes.len() {
        mesh.start(ix);
    }
    until(&mut mesh, 30_000, "together", Crowd::is_together);
    for clock in 1..=10 {
        let junk = (0..60).map(|n| {
            let at = SocketAddr::from(([61, 0, n as u8, 1], 7700));
            junk_at(n, clock, &format!("phantom-{n}"), at)
        });
        for listed in junk.collect::<Vec<_>>().chunks(RECORDS_PER_MESSAGE_MAX) {
            let listed = listed.to_vec();
            mesh.say(
                0,
                &Message::Table {
                    listed,
                    more: false,
                },
            );
        }
        mesh.run_for(12_000);
    }
    let others = mesh.nodes.len() - 1;
    for ix in mesh.running() {
        assert!(mesh.links_of(ix) >= others, "links of {ix}");
        assert_eq!(mesh.up(ix), others, "held for up by {ix}");
    }
}

/// A rule, what shows it when it is broken, and by which seed.
type Rule = (Mutant, fn(u64), u64);

#[test]
fn each_rule_of_a_large_mesh_is_missed_when_it_is_broken() {
    let rules: [Rule; 5] = [
        (Mutant::PhantomsCounted, is_told_of_phantoms, 2),
        (Mutant::WordNotPassedOn, all_hear_of_everything, 2),
        (Mutant::MissedLetGo, all_hear_of_each_death, 2),
        (Mutant::MissedForEver, finds_out_who_died, 2),
        // Where links are many it takes a rare moment.
        (Mutant::SuspectNotTold, nobody_is_called_dead, 7),
    ];
    for (rule, story, seed) in rules {
        let is_missed = mutant::with(rule, || catch_unwind(|| story(seed))).is_err();
        assert!(is_missed, "nothing shows {rule:?}");
    }
}
