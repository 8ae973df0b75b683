//! A network in two halves, each with a supernode and people who talk on; then it is whole again.

use std::time::{Duration, Instant};

use crate::ending;
use crate::ground::Ground;
use crate::judge::{Epoch, Life, Note, Told};
use crate::town::Town;

#[test]
fn both_halves_talk_on_and_have_one_log_when_the_network_is_whole_again() {
    let Some(ground) = Ground::network() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let mut town = Town::new(ground, home.path(), 2, 4);
    for ix in town.people() {
        town.start(ix);
        town.waits("somebody to be in", |town| town.nodes[ix].seen.is_in);
    }
    says_and_is_confirmed(&mut town, "");

    // The directory and every second node after it are in one half.
    for (ix, node) in town.nodes.iter().enumerate() {
        town.ground.move_to(&node.plot, ix % 2);
    }
    // What was on its way is confirmed still; what both halves say after they are apart is what counts.
    town.hears_until(Instant::now() + Duration::from_secs(1));
    says_and_is_confirmed(&mut town, ", apart");
    let halves = [0, 1].map(|half| {
        let mut people = town.people().filter(|ix| ix % 2 == half);
        epoch(&town, people.next().expect("two people are in each half"))
    });
    assert_ne!(halves[0].host, halves[1].host, "it was not cut");

    for node in &town.nodes {
        town.ground.move_to(&node.plot, 0);
    }
    let healed_ms = town.now_ms() + 1;
    town.waits("one host of all", |town| {
        let mut epochs = town.people().map(|ix| epoch(town, ix));
        let first = epochs.next();
        epochs.all(|epoch| Some(epoch) == first)
    });
    let stayers: Vec<usize> = town.people().collect();
    ending::settle(&mut town, &stayers);
    ending::end(&mut town, &stayers);
    let history = ending::history(&mut town, &[], healed_ms, false);
    let wrong = crate::judge::judge(&history);
    let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert!(
        wrong.is_empty() && town.complaints.is_empty(),
        "{wrong:#?}, {:?}",
        town.complaints
    );
}

fn says_and_is_confirmed(town: &mut Town, what: &str) {
    let people: Vec<usize> = town.people().collect();
    let said: Vec<_> = people
        .into_iter()
        .map(|ix| (ix, town.says(ix, what)))
        .collect();
    let is_safe = town.waits("everybody's line to be confirmed", |town| {
        let mut said = said.iter();
        said.all(|(ix, text)| town.nodes[*ix].seen.is_confirmed(text))
    });
    assert!(is_safe, "what was said{what} is not confirmed");
}

/// The epoch that somebody was told of last.
fn epoch(town: &Town, ix: usize) -> Epoch {
    let life: &Life = town.nodes[ix].seen.lives.last().expect("they run");
    let told = life.notes.iter().rev().find_map(|(_, note)| match note {
        Note::Told(Told::Joined(epoch) | Told::Host(epoch)) => Some(epoch.clone()),
        Note::Told(_) | Note::Typed(_) => None,
    });
    told.expect("they are in")
}
