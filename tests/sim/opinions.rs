//! A supernode that is responsible for a group and lies about it to a newcomer: what the others who keep the group's
//! record know counts for more.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use std::panic::catch_unwind;

use fireside::proto::event::Event;
use fireside::proto::id::{Epoch, NodeId};
use fireside::proto::mutant::{self, Mutant};
use fireside::proto::seal::{Seal, Signature};
use fireside::proto::time::Wall;
use fireside::proto::wire::{Charter, Lease, Message};

use crate::link::NodeIx;
use crate::seal::CheapSeal;
use crate::town::{Town, name};
use crate::twisted::twisted;

const HEARTH: &str = "#hearth";
pub const MALLORY: NodeId = NodeId([66; 32]);

/// What becomes of the word of who hosts.
type Word = Box<dyn Fn(&dyn Seal, NodeId, &Lease) -> Option<Message>>;

/// Two who talk, and a newcomer, to whom the responsible supernode lies: it has been there for as long as the others,
/// so that all who keep the record know of the group.
fn comes_in(seed: u64, word: Word) -> (Town, [NodeIx; 2], NodeIx) {
    let mut town = Town::new(seed, 1, 6);
    town.world.has_liar = true;
    let keeper = town.keeper(HEARTH);
    let lie = twisted(&mut town.world, keeper);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    let cat = town.person("cat");
    let victim = town.world.node(cat).id;
    *lie.borrow_mut() = Some(Box::new(move |seal, whom, message| match message {
        Message::HostIs { lease, .. } if whom == victim => {
            word(seal, whom, &lease).into_iter().collect()
        }
        _ => vec![message],
    }));
    town.world.ears.insert(cat);
    town.start(cat);
    town.join(cat, HEARTH);
    town.run(30_000);
    (town, [anna, bob], cat)
}

/// The newcomer is where the others are, who read what it says.
#[track_caller]
fn is_in_with(town: &mut Town, [anna, bob]: [NodeIx; 2], cat: NodeIx) {
    assert!(town.is_in(cat, HEARTH), "it is not in");
    assert_eq!(town.host(cat, HEARTH), anna);
    for who in [anna, bob, cat] {
        town.say(who, HEARTH);
    }
    town.run(5_000);
    let texts = town.texts(bob, HEARTH);
    assert_eq!(texts.len(), 3);
    assert_eq!(town.texts(cat, HEARTH), texts);
}

/// What somebody was told of, apart from the talk.
fn told(town: &Town, who: NodeIx) -> Vec<String> {
    let events = town.world.heard.iter().filter(|(ix, _)| *ix == who);
    let words = events.filter_map(|(_, event)| match event {
        Event::Notice { text, .. } => Some(text.clone()),
        Event::Error { what, why, .. } => Some(format!("{what}: {why}")),
        _ => None,
    });
    words.collect()
}

/// A group of the same name, founded by this one before no witness but the liar.
pub fn founded_by(seal: &dyn Seal, founder: NodeId) -> Message {
    let charter = Charter::offered(&CheapSeal(founder), &name(HEARTH), Wall(5)).witnessed(seal);
    let (number, host) = (1, founder);
    let lease = Lease::granted(seal, name(HEARTH), Epoch { number, host }, Some(&charter));
    let charter = Some(Box::new(charter));
    Message::HostIs { lease, charter }
}

fn says_that_there_is_no_such_group(seed: u64) {
    // Its own charter is offered to it, as to somebody who founds the group.
    let word = |seal: &dyn Seal, whom, _: &Lease| Some(founded_by(seal, whom));
    let (mut town, others, cat) = comes_in(seed, Box::new(word));
    is_in_with(&mut town, others, cat);
    let told = told(&town, cat);
    assert!(told.iter().any(|text| text.contains("another")), "{told:?}");
}

fn names_a_host_of_its_own(seed: u64) {
    let word = |seal: &dyn Seal, _, _: &Lease| Some(founded_by(seal, MALLORY));
    let (mut town, others, cat) = comes_in(seed, Box::new(word));
    is_in_with(&mut town, others, cat);
    let told = told(&town, cat);
    assert!(told.iter().any(|text| text.contains("another")), "{told:?}");
}

fn names_a_host_without_a_grant(seed: u64) {
    let word = |_: &dyn Seal, _, lease: &Lease| {
        let mut lease = lease.clone();
        lease.epoch.host = MALLORY;
        lease.epoch.number += 1;
        lease.signature = Signature([7; 64]);
        let charter = None;
        Some(Message::HostIs { lease, charter })
    };
    let (mut town, others, cat) = comes_in(seed, Box::new(word));
    is_in_with(&mut town, others, cat);
    let told = told(&town, cat);
    let is_said = |text: &String| text.contains("cannot believe super-") && text.contains("grant");
    assert_eq!(
        told.iter().filter(|text| is_said(text)).count(),
        1,
        "{told:?}"
    );
}

fn names_nobody(seed: u64) {
    let (mut town, others, cat) = comes_in(seed, Box::new(|_, _, _| None));
    is_in_with(&mut town, others, cat);
    let told = told(&town, cat);
    let is_said = |text: &String| text.contains("says who hosts");
    assert!(told.iter().any(is_said), "{told:?}");
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

#[test]
fn who_is_told_that_there_is_no_such_group_finds_it_all_the_same() {
    SEEDS.for_each(says_that_there_is_no_such_group);
}

#[test]
fn who_is_sent_to_a_false_group_of_the_name_finds_the_true_one() {
    SEEDS.for_each(names_a_host_of_its_own);
}

#[test]
fn a_supernode_that_names_a_host_nobody_granted_that_is_left_for_another() {
    SEEDS.for_each(names_a_host_without_a_grant);
}

#[test]
fn a_supernode_that_does_not_say_who_hosts_is_not_waited_for() {
    SEEDS.for_each(names_nobody);
}

#[test]
fn each_rule_of_a_second_opinion_is_missed_when_it_is_broken() {
    let rules: [(Mutant, fn(u64)); 4] = [
        (Mutant::FirstWordBelieved, says_that_there_is_no_such_group),
        (Mutant::FirstWordBelieved, names_a_host_of_its_own),
        (Mutant::FalseGrantBorne, names_a_host_without_a_grant),
        (Mutant::SilenceBorne, names_nobody),
    ];
    for (rule, story) in rules {
        let is_missed = mutant::with(rule, || catch_unwind(|| story(1))).is_err();
        assert!(is_missed, "nothing shows {rule:?}");
    }
}
