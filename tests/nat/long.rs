//! A host at home and members behind routers of every kind, who talk while the host moves, one member's direct path
//! dies and a supernode is killed. In the end the judge reads what everybody typed, was told and has on disk.
//!
//! `FIRESIDE_TALK_S=180 cargo test --test nat -- --nocapture long` lets ten members talk for three minutes.

use std::time::{Duration, Instant};

use crate::harness::Client;
use crate::internet::{Internet, Machine, Router, Supernode};
use crate::judge::{Ending, Fate, History, Life, Note, Person, judge};
use crate::people::{GROUP, id};
use crate::read;
use crate::router::Kind;

/// How long they talk in a plain `cargo test`, and how many members there are then and in a long run.
const PLAIN: (Duration, usize) = (Duration::from_secs(6), 4);
const MEMBERS_LONG: usize = 10;
/// Between two lines of one person, who is paced by the host if there are more than two in a second.
const TYPING: Duration = Duration::from_millis(900);
/// Everybody is in order again after this; the judge calls it late otherwise.
const BOUND: Duration = Duration::from_secs(45);

const KINDS: [Kind; 5] = [
    Kind::Home,
    Kind::Symmetric,
    Kind::Firewall,
    Kind::Masquerade,
    Kind::Home,
];

/// Somebody who talks.
struct Talker {
    client: Client,
    machine: Machine,
    router: Router,
    typed: Vec<(Instant, String)>,
}

impl Talker {
    fn new(internet: &Internet, supernode: &Supernode, number: usize) -> Self {
        let kind = KINDS[number % KINDS.len()];
        let behind = if kind.is_public() {
            format!("198.18.{number}")
        } else {
            "192.168.1".to_owned()
        };
        let name = format!("m{number}");
        let router = internet.router(&format!("{name}-r"), kind, &behind);
        let machine = internet.behind(&router, &name);
        let client = machine.client(&name, supernode, &[]);
        Self {
            client,
            machine,
            router,
            typed: Vec::new(),
        }
    }

    fn says(&mut self, word: &str) -> String {
        let line = format!("{} {word} {}", self.client.nick, self.typed.len());
        self.client.types(&line);
        self.typed.push((Instant::now(), line.clone()));
        line
    }

    /// All that happened to it, for the judge.
    fn person(&self, began: Instant) -> Person {
        let at_ms = |at: Instant| u64::try_from(at.duration_since(began).as_millis()).unwrap();
        let typed = self.typed.iter();
        let typed = typed.map(|(at, line)| (at_ms(*at), Note::Typed(line.clone())));
        let events = self.client.times.iter().zip(&self.client.events);
        let told = events.filter_map(|(at, event)| {
            read::told(event, GROUP).map(|told| (at_ms(*at), Note::Told(told)))
        });
        let mut notes: Vec<_> = typed.chain(told).collect();
        notes.sort_by_key(|(at_ms, _)| *at_ms);
        let data = self.machine.data().join(&self.client.nick);
        Person {
            name: self.client.nick.clone(),
            key: id(&self.client),
            lives: vec![Life {
                notes,
                ending: Some(Ending::Clean),
            }],
            fate: Fate::There(read::log(&data, GROUP).unwrap()),
        }
    }
}

/// Everybody types, each in turn, until then.
fn talk_until(talkers: &mut [Talker], end: Instant) {
    let pause = TYPING / u32::try_from(talkers.len()).unwrap();
    for turn in (0..talkers.len()).cycle() {
        if Instant::now() >= end {
            return;
        }
        talkers[turn].says("says");
        std::thread::sleep(pause);
    }
}

/// Everybody has a last line of everybody, and is told that its own is kept.
fn settle(talkers: &mut [Talker]) {
    let mut last = Vec::new();
    for talker in talkers.iter_mut() {
        last.push(talker.says("says at last"));
    }
    for (talker, own) in talkers.iter_mut().zip(&last) {
        for line in &last {
            talker.client.sees_text(line);
        }
        let id = talker.client.sees_text(own)["id"].clone();
        talker.client.sees("its last line kept", |e| {
            e["event"] == "confirmed" && e["id"] == id
        });
    }
}

#[test]
fn a_long_talk_loses_nothing_while_the_host_moves_and_paths_die() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let seconds = std::env::var("FIRESIDE_TALK_S").ok();
    let (time, members) = match seconds {
        Some(seconds) => (Duration::from_secs(seconds.parse().unwrap()), MEMBERS_LONG),
        None => PLAIN,
    };
    let mut fra = internet.supernode("fra", &[]);
    let ams = internet.supernode("ams", &[&fra]);
    let cafe = internet.router("cafe", Kind::Masquerade, "10.4.0");
    let began = Instant::now();
    let mut talkers: Vec<_> = (0..=members)
        .map(|number| Talker::new(&internet, [&fra, &ams][number % 2], number))
        .collect();
    cafe.awaits(&talkers[0].machine, "m0-moved");
    for talker in &mut talkers {
        talker.client.joins(GROUP);
    }
    let quarter = time / 4;
    talk_until(&mut talkers, Instant::now() + quarter);
    cafe.takes(&talkers[0].machine, &talkers[0].router);
    talk_until(&mut talkers, Instant::now() + quarter);
    let supernodes = [fra.address.clone(), ams.address.clone()];
    let supernodes = supernodes.each_ref().map(String::as_str);
    talkers[3].router.cuts_all_but(&supernodes);
    talk_until(&mut talkers, Instant::now() + quarter);
    fra.is_killed();
    talk_until(&mut talkers, Instant::now() + quarter);
    let healed = Instant::now();
    settle(&mut talkers);
    let settled = healed.elapsed();
    for talker in &mut talkers {
        talker.client.types("/quit");
    }
    for talker in &mut talkers {
        talker.client.ends();
    }

    let handovers = talkers.iter().flat_map(|talker| &talker.client.events);
    let handovers = handovers.filter(|e| e["event"] == "host").count();
    let history = History {
        people: talkers.iter().map(|talker| talker.person(began)).collect(),
        healed_ms: u64::try_from(healed.duration_since(began).as_millis()).unwrap(),
        bound_ms: u64::try_from(BOUND.as_millis()).unwrap(),
        is_mesh_whole: false,
    };
    let typed: usize = talkers.iter().map(|talker| talker.typed.len()).sum();
    let heard = talkers.iter().flat_map(|talker| &talker.client.events);
    let heard = heard.filter(|e| e["event"] == "message").count();
    let wrong = judge(&history);
    println!(
        "| {} people, {} s: {typed} lines typed, {heard} told, {handovers} times a handover seen, settled after {} ms, \
         {} things wrong |",
        talkers.len(),
        time.as_secs(),
        settled.as_millis(),
        wrong.len()
    );
    let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(wrong, [""; 0]);
}
