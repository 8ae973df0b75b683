//! The end: all come to rest, all leave, and what they typed, were told and kept is put before the judge.

use std::time::{Duration, Instant};

use crate::judge::{Fate, History, Person};
use crate::read;
use crate::town::{GROUP, PATIENCE, Town};

/// A last line of everybody is confirmed, and seen by all; the time it took.
pub(crate) fn settle(town: &mut Town, stayers: &[usize]) -> u64 {
    let from = town.now_ms();
    // What is typed counts as typed after the last fault.
    town.hears_until(Instant::now() + Duration::from_millis(2));
    let last = stayers.iter().map(|ix| town.says(*ix, ", the last"));
    let last: Vec<String> = last.collect();
    town.waits("all to be in and to have all last lines", |town| {
        stayers.iter().zip(&last).all(|(ix, own)| {
            let seen = &town.nodes[*ix].seen;
            let has_all = last.iter().all(|text| seen.texts.contains(text));
            seen.is_in && has_all && seen.is_confirmed(own)
        })
    });
    town.now_ms() - from
}

/// Everybody leaves.
pub(crate) fn end(town: &mut Town, stayers: &[usize]) {
    for ix in stayers {
        town.dismiss(*ix, true);
    }
    for ix in stayers {
        town.sees_out(*ix);
    }
}

/// What is put before the judge, once everybody has ended.
pub(crate) fn history(
    town: &mut Town,
    gone: &[(usize, u64)],
    healed_ms: u64,
    is_mesh_whole: bool,
) -> History {
    let mut people = Vec::new();
    for ix in town.people() {
        let gone = gone.iter().find(|(gone, _)| *gone == ix);
        let node = &town.nodes[ix];
        let fate = match gone {
            Some((_, at_ms)) => Fate::Gone(*at_ms),
            None => match read::log(&node.data, GROUP) {
                Ok(log) => Fate::There(log),
                Err(why) => {
                    let what = format!("{}'s database: {why}", node.name);
                    town.complaints.push(what);
                    continue;
                }
            },
        };
        people.push(Person {
            name: node.name.clone(),
            key: node.seen.key.clone(),
            lives: node.seen.lives.clone(),
            fate,
        });
    }
    History {
        people,
        healed_ms,
        bound_ms: PATIENCE.as_millis() as u64,
        is_mesh_whole,
    }
}
