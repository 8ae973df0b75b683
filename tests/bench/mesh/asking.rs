//! What it costs a client to find out who hosts a group: with nothing but the directories' addresses, with the table of
//! its last time, and with a table that is a join, a leave or a death old.
//!
//! The clients are those of the product. For as long as they ask, every way is 50 ms long, so that a time is a number of
//! round trips; nobody talks to anybody.

use std::collections::BTreeMap;

use fireside::proto::command::Command;
use fireside::proto::id::GroupName;
use fireside::proto::ring::{Point, Ring};

use crate::crowd::{Crowd, Step};

/// How far it is from anybody to anybody.
const WAY_MS: u64 = 50;
/// People who come into one group each, which somebody has founded.
const COMERS: usize = 20;
/// People with an old table, and groups that each of them asks for: of none has anybody heard.
const ASKERS: usize = 100;
const GROUPS_EACH: usize = 10;
/// How long somebody has for coming into a group.
const COMING_MS: u64 = 5_000;
/// How long all answers are waited for, and news of a join, a leave or a death to be everywhere.
const ASKING_MS: u64 = 15_000;

/// What a client needs that comes into one group, in the middle of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub round_trips: f64,
    /// Sent and received until then, handshakes and all.
    pub bytes: u64,
}

/// Who answered clients with an old table, of so many look-ups.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    pub asked: usize,
    /// The supernode that was responsible by the table.
    pub first: usize,
    /// The one that this one named.
    pub sent_on: usize,
    /// Another one, since this one did not answer.
    pub next: usize,
    /// Nobody.
    pub nobody: usize,
    pub longest_s: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub cold: Cost,
    pub cached: Cost,
    pub joined: Answers,
    pub left: Answers,
    pub died: Answers,
}

/// Has people ask in a mesh whose story is told. `apart` is a node that does not run, and comes and goes; `mortal` is
/// one that does.
pub fn ask(crowd: &mut Crowd, apart: usize, mortal: usize) -> Asked {
    crowd.distance_ms = (WAY_MS, WAY_MS);
    let founder = crowd.add_person();
    crowd.start_person(founder, Vec::new());
    for number in 0..COMERS {
        let group = group(COMERS, number);
        crowd.ask(founder, Command::Join { group });
    }
    crowd.run_for(ASKING_MS);
    let comers: Vec<_> = (0..COMERS).map(|_| crowd.add_person()).collect();
    let table = crowd.table(0);
    let cold = middle(&comers, |number, who| {
        crowd.start_person(who, Vec::new());
        comes(crowd, number, who)
    });
    let cached = middle(&comers, |number, who| {
        crowd.start_person(who, table.clone());
        comes(crowd, number, who)
    });
    crowd.crash(founder);
    let joined = with_old_table(crowd, |crowd| crowd.start(apart));
    let left = with_old_table(crowd, |crowd| crowd.leave(apart));
    let died = with_old_table(crowd, |crowd| crowd.crash(mortal));
    Asked {
        cold,
        cached,
        joined,
        left,
        died,
    }
}

/// A group that nobody else asks for.
fn group(of: usize, number: usize) -> GroupName {
    GroupName::parse(&format!("#of-{of}-{number}")).expect("letters and digits")
}

/// Lets somebody come into the group of that number, from a start just now.
fn comes(crowd: &mut Crowd, number: usize, who: usize) -> Cost {
    let (start, first_step) = (crowd.now(), crowd.steps.len());
    let before = bytes(crowd, who);
    let group = group(COMERS, number);
    crowd.ask(who, Command::Join { group });
    let mut at = None;
    while at.is_none() && crowd.now() < start + COMING_MS {
        crowd.run_for(1);
        let steps = crowd.steps[first_step..].iter();
        let mut dials =
            steps.filter(|(_, step)| matches!(step, Step::Dials { who: by } if *by == who));
        at = dials.next().map(|(at, _)| *at);
    }
    let took = at.expect("the group is found within seconds") - start;
    let bytes = bytes(crowd, who) - before;
    crowd.crash(who);
    Cost {
        round_trips: took as f64 / (2 * WAY_MS) as f64,
        bytes,
    }
}

fn bytes(crowd: &Crowd, who: usize) -> u64 {
    crowd.nodes[who].sent.bytes + crowd.nodes[who].received
}

fn middle(comers: &[usize], mut comes: impl FnMut(usize, usize) -> Cost) -> Cost {
    let comers = comers.iter().enumerate();
    let mut all: Vec<_> = comers.map(|(number, who)| comes(number, *who)).collect();
    all.sort_by(|one, other| one.round_trips.total_cmp(&other.round_trips));
    let round_trips = all[all.len() / 2].round_trips;
    all.sort_by_key(|cost| cost.bytes);
    let bytes = all[all.len() / 2].bytes;
    Cost { round_trips, bytes }
}

/// Has people who do not hear of `change` come into groups.
fn with_old_table(crowd: &mut Crowd, change: impl FnOnce(&mut Crowd)) -> Answers {
    let people: Vec<_> = (0..ASKERS).map(|_| crowd.add_person()).collect();
    for who in &people {
        crowd.start_person(*who, Vec::new());
    }
    crowd.run_for(COMING_MS);
    for who in &people {
        crowd.nodes[*who].is_deaf = true;
    }
    let old = ring(crowd);
    change(crowd);
    crowd.run_for(ASKING_MS);
    let (start, first_step) = (crowd.now(), crowd.steps.len());
    for who in &people {
        // Whoever asks for the table is told it.
        crowd.nodes[*who].is_deaf = false;
        for number in 0..GROUPS_EACH {
            let group = group(*who, number);
            crowd.ask(*who, Command::Join { group });
        }
    }
    crowd.run_for(ASKING_MS);
    let mut ways = BTreeMap::<(usize, GroupName), Way>::new();
    for (at, step) in &crowd.steps[first_step..] {
        if let Some((who, group, what)) = step.of_group().filter(|(who, ..)| people.contains(who)) {
            ways.entry((who, group)).or_default().take(*at, what);
        }
    }
    for who in people {
        crowd.crash(who);
    }
    answers(crowd, start, &old, &ways)
}

/// The ring as a directory has it.
fn ring(crowd: &Crowd) -> Ring {
    let listed = crowd.table(0).into_iter();
    let up = listed.filter(|l| l.liveness.is_up() && l.record.roles.supernode);
    Ring::new(up.filter_map(|l| Some((l.record.key, l.record.ring_address()?.ip()))))
}

/// How a look-up went.
#[derive(Debug, Default)]
struct Way {
    was_sent_on: bool,
    answered: Option<(u64, usize)>,
}

/// A step on it.
#[derive(Clone, Copy, Debug)]
enum Bit {
    SentOn,
    Answered(usize),
}

impl Step {
    fn of_group(&self) -> Option<(usize, GroupName, Bit)> {
        match self {
            Self::SentOn { who, group } => Some((*who, group.clone(), Bit::SentOn)),
            Self::Answered { who, group, node } => {
                Some((*who, group.clone(), Bit::Answered(*node)))
            }
            Self::Dials { .. } => None,
        }
    }
}

impl Way {
    fn take(&mut self, at: u64, bit: Bit) {
        if self.answered.is_some() {
            return;
        }
        match bit {
            Bit::SentOn => self.was_sent_on = true,
            Bit::Answered(node) => self.answered = Some((at, node)),
        }
    }
}

fn answers(
    crowd: &Crowd,
    start: u64,
    old: &Ring,
    ways: &BTreeMap<(usize, GroupName), Way>,
) -> Answers {
    let asked = ASKERS * GROUPS_EACH;
    let mut all = Answers {
        asked,
        nobody: asked,
        ..Answers::default()
    };
    for ((_, group), way) in ways {
        let Some((at, node)) = way.answered else {
            continue;
        };
        all.nobody -= 1;
        all.longest_s = all.longest_s.max((at - start) as f64 / 1_000.0);
        let first = old.responsible(Point::of_group(group));
        match way.was_sent_on {
            true => all.sent_on += 1,
            false if first == Some(crowd.nodes[node].id) => all.first += 1,
            false => all.next += 1,
        }
    }
    all
}
