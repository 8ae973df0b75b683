//! How far two tiers can be pressed: the real ring with up to 2,000 supernodes and a million groups, and the real mesh
//! nodes by the thousand, in virtual time.
//!
//! `cargo bench --bench mesh` takes some minutes; `FIRESIDE_MESH=1000,2000` looks at meshes of these sizes, which takes
//! many more, and `FIRESIDE_GROUPS=100000` at so many groups. What is printed depends on the seed and not on the
//! machine, but for the times of a look-up and of a table.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_debug_implementations,
    unreachable_pub
)]

mod asking;
mod circle;
#[allow(
    dead_code,
    reason = "the network is parted in the simulator's tests alone"
)]
mod crowd;
mod story;
mod weight;

#[path = "../../sim/rng.rs"]
mod rng;
#[path = "../../sim/seal.rs"]
mod seal;

use std::time::Instant;

use fireside::proto::ring::{Point, Ring};

use asking::Asked;
use story::Told;

/// Supernodes, and sets of addresses over which the mean is taken.
const RINGS: [(usize, u64); 4] = [(3, 20), (20, 20), (200, 6), (2_000, 2)];
const GROUPS: usize = 1_000_000;
const MESHES: [usize; 3] = [3, 20, 200];

fn main() {
    // Cargo asks benches without a harness for their list too.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let groups = number("FIRESIDE_GROUPS").unwrap_or(GROUPS);
    // Before anything else is: what is freed later is taken again unseen.
    tell_weight();
    println!();
    tell_rings(groups);
    println!();
    tell_meshes();
}

fn tell_weight() {
    let weight = weight::weight();
    let memory = weight
        .memory_bytes
        .map_or("?".to_owned(), |bytes| (bytes / 1_000).to_string());
    println!(
        "A client's table of 2,000 supernodes: {memory} kB in memory; {} kB in {} messages, read and placed on the ring \
         in {:.1} ms.",
        weight.wire_bytes / 1_000,
        weight.messages,
        weight.ready_ms
    );
}

fn tell_rings(count: usize) {
    let groups = circle::groups(count);
    println!("The ring, {count} groups, one point a supernode where nothing else is said:");
    println!();
    println!(
        "| supernodes | most / mean | scatter / mean | most / mean, 16 points | second: most / mean | moved by a join | \
         moved by a leave | addresses to seize a group | a /24 is enough | elsewhere on a line | ns a look-up |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (supernodes, sets) in RINGS {
        let f = circle::mean(supernodes, &groups, sets);
        let look = look_up_ns(supernodes, &groups);
        println!(
            "| {supernodes} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} % | {:.2} % | {:.0} | {:.0} % | {:.2} % | {look:.0} |",
            f.most,
            f.scatter,
            f.most_of_many,
            f.most_second,
            100.0 * f.joined,
            100.0 * f.left,
            f.addresses,
            100.0 * f.network,
            100.0 * f.linear,
        );
    }
}

/// What it costs a client to compute who is responsible, a group's point being known.
fn look_up_ns(supernodes: usize, groups: &[Point]) -> f64 {
    let ring = Ring::new(circle::nodes(supernodes));
    let start = Instant::now();
    let found = groups.iter().filter_map(|at| ring.responsible(*at)).count();
    assert_eq!(found, groups.len());
    start.elapsed().as_nanos() as f64 / groups.len() as f64
}

fn tell_meshes() {
    println!("The mesh: 3 directories and so many supernodes, 10 to 90 ms apart:");
    println!();
    println!(
        "| supernodes | all started within | together after | quiet: B/s a node | at 5 % loss | false alarms | links a \
         node | most | handshakes /s a node | a death is known to half / 99 % / all after | a leave to all | a newcomer to all |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let sizes = std::env::var("FIRESIDE_MESH").ok();
    let sizes: Vec<usize> = match &sizes {
        Some(sizes) => sizes
            .split(',')
            .map(|size| size.trim().parse().unwrap())
            .collect(),
        None => MESHES.to_vec(),
    };
    let mut asked = Vec::new();
    for supernodes in sizes {
        let t = story::tell(supernodes);
        let Told {
            started_s,
            together_s,
            quiet,
            lossy,
            false_alarms,
            links,
            links_most,
            handshakes,
            ..
        } = t;
        let [half, most, all] = t.death_s;
        println!(
            "| {supernodes} | {started_s:.0} s | {together_s:.1} s | {quiet:.0} | {lossy:.0} | {false_alarms} | {links:.0} \
             | {links_most} | {handshakes:.3} | {half:.1} / {most:.1} / {all:.1} s | {:.1} s | {:.1} s |",
            t.leave_s, t.newcomer_s,
        );
        asked.push((supernodes, t.asked));
    }
    println!();
    tell_asked(&asked);
}

fn tell_asked(all: &[(usize, Asked)]) {
    println!("A client's look-ups in it, every way 50 ms long:");
    println!();
    println!(
        "| supernodes | first start: round trips | kB | with its last table: round trips | kB | answered by whom an old \
         table names / whom that one names / another, one having joined since | one having left | one having died | \
         the longest |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (supernodes, asked) in all {
        let Asked {
            cold,
            cached,
            joined,
            left,
            died,
        } = asked;
        let unanswered = joined.nobody + left.nobody + died.nobody;
        assert_eq!(unanswered, 0, "nobody answered: {asked:?}");
        let kb = |cost: &asking::Cost| cost.bytes as f64 / 1_000.0;
        println!(
            "| {supernodes} | {:.1} | {:.0} | {:.1} | {:.0} | {} | {} | {} | {:.1} s |",
            cold.round_trips,
            kb(cold),
            cached.round_trips,
            kb(cached),
            shares(joined),
            shares(left),
            shares(died),
            joined.longest_s.max(left.longest_s).max(died.longest_s),
        );
    }
}

fn shares(answers: &asking::Answers) -> String {
    let share = |count: usize| 100.0 * count as f64 / answers.asked as f64;
    let [first, sent_on, next] = [answers.first, answers.sent_on, answers.next].map(share);
    format!("{first:.1} / {sent_on:.1} / {next:.1} %")
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}
