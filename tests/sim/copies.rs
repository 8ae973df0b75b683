//! On how many disks a line is, as its author is told while others come and go.

use fireside::proto::event::Event;

use crate::link::NodeIx;
use crate::town::Town;

const HEARTH: &str = "#hearth";

/// What somebody was told of the copies of its own lines: by which number each was said, and how many there are.
fn told(town: &Town, who: NodeIx) -> Vec<(u64, u32)> {
    let told = town.world.heard.iter().filter(|(by, _)| *by == who);
    let told = told.filter_map(|(_, event)| {
        let (Event::Confirmed { id, copies, .. } | Event::Copied { id, copies, .. }) = event else {
            return None;
        };
        Some((id.number.0, *copies))
    });
    let told: Vec<_> = told.collect();
    // The first of its numbers is the one under which it came in.
    let first = told.first().map_or(0, |(number, _)| *number);
    told.into_iter()
        .map(|(number, copies)| (number - first, copies))
        .collect()
}

fn comes(town: &mut Town, nick: &str) -> NodeIx {
    let who = town.person(nick);
    town.world.ears.insert(who);
    town.start(who);
    town.join(who, HEARTH);
    town.run(5_000);
    who
}

/// Somebody speaks alone, and to one other; each line is told to be on more disks as more people come, up to all there
/// can be, and over the crash of its host.
pub fn others_come_to_who_spoke_alone(seed: u64) {
    let mut town = Town::new(seed, 1, 2);
    town.start_mesh();
    town.run(3_000);
    let anna = comes(&mut town, "anna");
    town.say(anna, HEARTH);
    town.run(2_000);
    assert_eq!(told(&town, anna), [(0, 1), (1, 1)]);

    let bob = comes(&mut town, "bob");
    town.say(bob, HEARTH);
    town.run(2_000);
    assert_eq!(told(&town, anna)[2..], [(0, 2), (1, 2)]);
    assert_eq!(told(&town, bob), [(0, 2), (1, 2)]);

    let cat = comes(&mut town, "cat");
    assert_eq!(told(&town, anna)[4..], [(0, 3), (1, 3)]);
    assert_eq!(told(&town, bob)[2..], [(0, 3), (1, 3)]);
    town.say(bob, HEARTH);
    comes(&mut town, "dan");
    assert_eq!(told(&town, bob)[4..], [(2, 3)], "there can be no more");

    for gone in [anna, cat] {
        town.crash(gone);
    }
    town.run(20_000);
    town.say(bob, HEARTH);
    town.run(2_000);
    let of_it = |town: &Town| {
        let told = told(town, bob).into_iter();
        Vec::from_iter(told.filter(|(line, _)| *line == 3))
    };
    assert_eq!(of_it(&town), [(3, 2)]);
    comes(&mut town, "eve");
    assert_eq!(of_it(&town), [(3, 2), (3, 3)]);
    town.settle();
}

#[test]
fn a_line_is_told_to_be_on_more_disks_as_more_people_come() {
    others_come_to_who_spoke_alone(86);
}
